"""Where in the field stars are missing: behind a dome, a tree, a patch of cloud. One frame, no reference.

Two witnesses: the background splits into two levels with a step between (``_dark_side``), or, in fields rich in stars,
cells of a grid hold next to none (``_empty_cells``). Either way the stars have the last word.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.measurements import Coverage
from nebulift.scan import Scan
from nebulift.sky import Background
from nebulift.stars import StarList

STARS_PER_CELL = 12.0  # an empty cell then has the probability exp(-12) by chance
MAX_CELLS_A_SIDE = 16
MIN_CELLS_A_SIDE = 3
MISSING_SHARE = 0.2  # a cell with fewer stars than this share of the typical cell's is without stars
MIN_REGION_CELLS = 2
GRID = 16  # cells a side on which the two levels are sought
TWO_LEVELS = 0.84  # share of the variance between two classes: 0.75 for a ramp, 0.7 for a vignetted disc, 1 for a step
MIN_STEP_SIGMA = 2.0  # between the levels, in noise of one raw pixel
MIN_SIDE_SHARE = 0.04
MAX_SIDE_SHARE = 0.85
FEWER_STARS = 0.6  # density on the dark side over that on the bright side
CHANCE = 1e-3


def measure_coverage(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """Cells without stars and the step of the background into them; ``None`` when neither witness can say anything."""
    if background.inside is not None:
        return None  # the horizon of an all-sky frame is lined with trees
    return _dark_side(scan, background, stars, shape_px) or _empty_cells(scan, background, stars, shape_px)


def _dark_side(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """A dark part with an edge that comes in from the border and has fewer stars than chance would leave it."""
    if min(background.level.shape) < GRID:
        return None
    level = cv2.resize(background.level, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    limit, explained = _otsu(level)
    dark = _largest_region(level < limit)
    share = float(dark.mean())
    bright_level, dark_level = float(np.median(level[~dark])), float(np.median(level[dark])) if dark.any() else 0.0
    step = (dark_level - bright_level) * _raw_sigmas(scan)
    if explained < TWO_LEVELS or not MIN_SIDE_SHARE < share < MAX_SIDE_SHARE or -step < MIN_STEP_SIGMA:
        return None
    if _borders(dark) not in (1, 2, 3):
        return None  # a nebula has dark on all sides, a galaxy's surroundings too
    count = _on_grid(stars, shape_px, GRID)
    inside, outside = int(count[dark].sum()), int(count[~dark].sum())
    expected = outside * share / (1.0 - share)
    if inside > FEWER_STARS * expected or _poisson_below(inside, expected) > CHANCE:
        return None
    missing = share * (1.0 - inside / expected)
    return Coverage(missing, step, _cells(dark), GRID, GRID)


def _otsu(values: NDArray[np.float32]) -> tuple[float, float]:
    """(threshold between two classes, share of the variance between them); Otsu 1979, IEEE Trans. SMC 9, 62."""
    ordered = np.sort(values.ravel()).astype(np.float64)
    n = len(ordered)
    count = np.arange(1, n)
    below = np.cumsum(ordered)[:-1] / count
    above = (ordered.sum() - np.cumsum(ordered)[:-1]) / (n - count)
    between = count * (n - count) / n**2 * (above - below) ** 2
    best = int(between.argmax())
    return float(ordered[best] + ordered[best + 1]) / 2.0, float(between[best] / max(ordered.var(), 1e-12))


def _largest_region(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count == 1:
        return np.zeros(mask.shape, dtype=bool)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _borders(mask: NDArray[np.bool_]) -> int:
    """How many of the four borders the region touches over at least an eighth of their length."""
    return sum(int(edge.mean() >= 0.125) for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def _poisson_below(found: int, expected: float) -> float:
    """Probability of ``found`` or fewer where ``expected`` are due."""
    logs = [k * math.log(max(expected, 1e-9)) - expected - math.lgamma(k + 1) for k in range(found + 1)]
    return min(sum(math.exp(log) for log in logs), 1.0)


def _on_grid(stars: StarList, shape_px: tuple[int, int], side: int) -> NDArray[np.intp]:
    height, width = shape_px
    rows = (stars.y_px * side / height).astype(np.intp).clip(0, side - 1)
    columns = (stars.x_px * side / width).astype(np.intp).clip(0, side - 1)
    return np.bincount(rows * side + columns, minlength=side * side).reshape(side, side)


def _empty_cells(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """Connected cells almost without stars; ``None`` with under 110 stars."""
    side = int(min(np.sqrt(len(stars.x_px) / STARS_PER_CELL), MAX_CELLS_A_SIDE))
    if side < MIN_CELLS_A_SIDE:
        return None
    grid = _on_grid(stars, shape_px, side)
    level = cv2.resize(background.level, (side, side), interpolation=cv2.INTER_AREA)
    missing = _regions(grid < MISSING_SHARE * float(np.median(grid)))
    step = 0.0
    if missing.any() and (~missing).any():
        step = float(np.median(level[missing]) - np.median(level[~missing])) * _raw_sigmas(scan)
    return Coverage(float(missing.mean()), step, _cells(missing), side, side)


def _regions(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected regions of at least two cells."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    large = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= MIN_REGION_CELLS]
    return np.asarray(np.isin(labels, large))


def _cells(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    return tuple((int(row), int(column)) for row, column in np.argwhere(mask))


def _raw_sigmas(scan: Scan) -> float:
    """Noise of a map pixel in units of that of a raw pixel."""
    return scan.sigma_adu / scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else 1.0
