"""A straight edge in the sky: what a roof, a shutter or a dome leaves of the field is of another brightness.

Every straight border across the field, sharp or soft, is tried against what a smooth sky can be (plane and bowl), as a
step on top of it. Skies, vignetting and the glow of a lamp are smooth; nebulae are not, but no single step explains
much of them.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

GRID = 16  # cells a side
ANGLES_DEG = tuple(range(0, 360, 15))
OFFSETS = tuple(round(-0.4 + 0.05 * step, 2) for step in range(17))  # of the extent across the field, from the middle
SOFTNESS = (0.06, 0.2)  # of that extent: one cell, and a dome's
LEAST_SHARE = 0.15  # of the field on either side: less is a corner, or the end of a glow


@dataclass(frozen=True, slots=True, eq=False)
class SkyEdge:
    """``explained``: of what plane and bowl leave of the sky, by the step; ``step`` in the units of the level.

    ``rise``: greatest slope beside the border, in the step's direction, over that across it. The glow of a lamp or the
    Moon goes on rising beyond any border (more than 1), what stands before the sky has an even sky beside it.
    """

    explained: float
    step: float  # of the far side (along ``angle_deg``) above the near one
    angle_deg: float
    cut: float  # along that angle, in frame widths and heights from the middle
    share: float  # of the field, on the far side
    rise: float
    is_sharp: bool  # within a cell of the mesh

    @property
    def bright_share(self) -> float:
        """Of the field, on the brighter side."""
        return self.share if self.step > 0.0 else 1.0 - self.share

    def beyond(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which points, -0.5 to 0.5 across the frame, lie on the far side."""
        angle = math.radians(self.angle_deg)
        return np.asarray(x * math.cos(angle) + y * math.sin(angle) > self.cut)


@dataclass(frozen=True, slots=True, eq=False)
class _Bank:
    """All steps with the smooth sky taken out of them."""

    smooth: NDArray[np.float64]  # (cells, 6), orthonormal
    steps: NDArray[np.float64]  # (borders, cells), each of length 1
    heights: NDArray[np.float64]  # (borders,) of a step of 1 after that
    places: tuple[tuple[float, float, float, bool], ...]  # angle, cut, share beyond, sharp


def sky_edge(level: NDArray[np.floating]) -> SkyEdge | None:
    """The border that explains most of the mesh of sky levels (rows, columns); ``None`` where it is too coarse."""
    if min(level.shape) < GRID:
        return None
    bank = _bank()
    values = cv2.resize(level, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    left = values - bank.smooth @ (bank.smooth.T @ values)
    total = float(left @ left)
    if total <= 0.0:
        return None
    found = bank.steps @ left
    best = int(np.abs(found).argmax())
    angle, cut, share, is_sharp = bank.places[best]
    step = float(found[best] / bank.heights[best])
    return SkyEdge(float(found[best]) ** 2 / total, step, angle, cut, share, _rise(values, angle, cut, step), is_sharp)


def _rise(values: NDArray[np.float64], angle_deg: float, cut: float, step: float) -> float:
    """Slopes beside the border in the step's direction, the greater one, over that of the step where it is soft."""
    axis = (np.arange(GRID) + 0.5) / GRID - 0.5
    x, y = (each.ravel() for each in np.meshgrid(axis, axis))
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    along = x * c + y * s - cut
    width = SOFTNESS[-1] * (abs(c) + abs(s))
    slopes = [0.0]
    for side in (along > width / 2.0, along < -width / 2.0):
        if not side.any():
            continue
        away = along[side] - along[side].mean()
        slope = float(away @ values[side]) / max(float(away @ away), 1e-9)
        slopes.append(slope * math.copysign(1.0, step))
    return max(slopes) * width / abs(step) if step else math.inf


@lru_cache(maxsize=1)
def _bank() -> _Bank:
    axis = (np.arange(GRID) + 0.5) / GRID - 0.5
    x, y = (each.ravel() for each in np.meshgrid(axis, axis))
    smooth, _ = np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1))
    steps, heights, places = [], [], []
    for angle in ANGLES_DEG:
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        extent = abs(c) + abs(s)
        for offset in OFFSETS:
            for softness in SOFTNESS:
                step = np.clip((x * c + y * s - offset * extent) / (softness * extent) + 0.5, 0.0, 1.0)
                share = float(step.mean())
                rest = step - smooth @ (smooth.T @ step)
                if LEAST_SHARE <= share <= 1.0 - LEAST_SHARE:
                    heights.append(float(np.linalg.norm(rest)))
                    steps.append(rest / heights[-1])
                    places.append((float(angle), offset * extent, share, softness == SOFTNESS[0]))
    return _Bank(smooth, np.array(steps), np.array(heights), tuple(places))
