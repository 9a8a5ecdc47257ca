"""The sky over a frame in three parts: what rises in a straight line, what lies in rings about the middle, and patches.

The plane is the business of the Moon, towns and twilight; the rings are vignetting's and reflections'; what is left on
scales of a twentieth to a third of the frame is cloud, or nebula: one frame cannot tell these two apart, a session can.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.median import median

MIN_CELLS = 6  # a side
FINEST, COARSEST = 1.0 / 40.0, 1.0 / 6.0  # of the shorter side: standard deviations that pass 1/20 to 1/3 of it
RINGS = 10
CLIP = 4.0  # standard deviations: beyond, a cell holds a galaxy or a bright star
LEVEL_ERROR = 0.08  # of the map's noise: of the level of a cell of 256 samples (``sky_cells``)
INNER_68 = (0.1587, 0.8413)  # quantiles one standard deviation from the median: bright stars and galaxies do not count


@dataclass(frozen=True, slots=True)
class SkyStructure:
    """Each in the units of the level that was given; none of them has the others in it."""

    linear: float  # standard deviation over the frame of the plane
    radial: float  # of the mean over rings about the middle, less the plane
    patchy: float  # of what is left on scales of 1/20 to 1/3 of the shorter side, less what noise explains


def sky_structure(
    level: NDArray[np.floating], inside: NDArray[np.bool_] | None = None, level_error: float = LEVEL_ERROR
) -> SkyStructure | None:
    """Plane, rings and patches of a mesh of sky levels (rows, columns); ``None`` where it is too coarse.

    ``inside``: cells that show the sky; ``None``: all. ``level_error``: standard deviation of a cell's level by noise.
    """
    rows, columns = level.shape
    if min(rows, columns) < MIN_CELLS:
        return None
    seen = np.ones(level.shape, dtype=bool) if inside is None else inside
    y, x = np.mgrid[0:rows, 0:columns]
    y, x = (y + 0.5) / rows - 0.5, (x + 0.5) / columns - 0.5
    terms = np.stack([np.ones_like(x), x, y], axis=-1)
    values = level.astype(np.float64)
    kept = seen.copy()
    for _ in range(3):  # a galaxy or a bright star must not tilt the plane
        some = terms[kept]
        best = np.linalg.solve(some.T @ some, some.T @ values[kept])
        off = np.abs(values - terms @ best)
        kept = seen & (off <= np.quantile(off[seen], 0.9))
    plane = terms @ best - best[0]
    left = values - best[0] - plane
    rings = _ring_means(left, np.hypot(x, y), seen)
    patches = np.where(seen, left - rings, 0.0)
    return SkyStructure(float(plane[seen].std()), _scatter(rings[seen]), _patchy(patches, seen, level_error))


def _ring_means(left: NDArray[np.float64], radius: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """At each cell the median of the cells as far from the middle, linear between rings."""
    edges = np.quantile(radius[seen], np.linspace(0.0, 1.0, RINGS + 1))
    ring = np.clip(np.searchsorted(edges, radius, side="right") - 1, 0, RINGS - 1)
    there = [number for number in range(RINGS) if (seen & (ring == number)).any()]
    at = [median(radius[seen & (ring == number)]) for number in there]
    height = [median(left[seen & (ring == number)]) for number in there]
    return np.asarray(np.interp(radius, at, height))


def _patchy(patches: NDArray[np.float64], seen: NDArray[np.bool_], level_error: float) -> float:
    side = min(patches.shape)
    highest = CLIP * max(_scatter(patches[seen]), level_error)
    patches = np.clip(patches, -highest, highest)
    fine, coarse = max(FINEST * side, 0.5), COARSEST * side
    passed = _smoothed(patches, fine) - _smoothed(patches, coarse)
    noise = level_error / (2.0 * np.pi**0.5 * fine)  # what a normal filter leaves of the noise of independent cells
    return float(np.sqrt(max(_scatter(passed[seen]) ** 2 - noise**2, 0.0)))


def _smoothed(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))


def _scatter(values: NDArray[np.float64]) -> float:
    low, high = np.quantile(values, INNER_68)
    return float(high - low) / 2.0
