"""The noise of sums beside a trail: it has to stand out of its surroundings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.band import HALF_PX, Ends, gather
from nebulift.streaks.matched import beside_px, matched

CONTROL_LINES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What parallel lines of the same length beside a trail hold."""

    noise: float  # scatter of the same sum there, at least 1: nebulae, banding and residues of the background widen it
    heights: NDArray[np.float64]  # of the ridge in each of their open segments, in sigma


def look_beside(
    flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, trail: Ends, sigma: float
) -> Surroundings:
    """The surroundings of the trail through these ends, of a Gaussian profile of ``sigma`` pixels."""
    x0, y0, x1, y1 = trail
    length = np.hypot(x1 - x0, y1 - y0)
    across_x, across_y = -(y1 - y0) / length, (x1 - x0) / length
    found: list[float] = []
    heights: list[NDArray[np.float64]] = []
    for step in range(1, CONTROL_LINES // 2 + 1):
        for side in (-1.0, 1.0):
            apart = side * step * (HALF_PX + 8.0 * sigma)
            moved = (x0 + apart * across_x, y0 + apart * across_y, x1 + apart * across_x, y1 + apart * across_y)
            if not _mostly_inside(moved, flat.shape):
                continue
            sums = matched(gather(flat, covered, covered_scale, moved, half_px=beside_px(sigma)), sigma)
            if sums.variance.sum() > 0.0:
                found.append(sums.snr())
                heights.append(sums.heights())
    known = np.concatenate([np.empty(0), *heights])
    known = known[np.isfinite(known)]
    if len(found) < 3:
        return Surroundings(1.0, known)
    # a root mean square without the greatest of them: one may lie on a second trail
    kept = np.sort(np.abs(found))[:-1]
    return Surroundings(max(1.0, float(np.sqrt(np.mean(kept**2)))), known)


def _mostly_inside(ends: Ends, shape: tuple[int, int]) -> bool:
    x, y = np.linspace(ends[0], ends[2], 9), np.linspace(ends[1], ends[3], 9)
    return bool(((x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])).mean() > 0.7)
