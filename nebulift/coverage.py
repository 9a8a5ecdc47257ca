"""Where in the field stars are missing: behind a dome, a tree, a patch of cloud. One frame, no reference."""

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


def measure_coverage(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """Connected cells almost without stars and the step of the background into them; ``None`` with under 110 stars.

    A region counts when it touches the border of the frame (what blocks a telescope comes in from a side) or covers
    several cells.
    """
    count = len(stars.x_px)
    side = int(min(np.sqrt(count / STARS_PER_CELL), MAX_CELLS_A_SIDE))
    if side < MIN_CELLS_A_SIDE:
        return None
    height, width = shape_px
    rows = (stars.y_px * side / height).astype(np.intp).clip(0, side - 1)
    columns = (stars.x_px * side / width).astype(np.intp).clip(0, side - 1)
    grid = np.bincount(rows * side + columns, minlength=side * side).reshape(side, side)
    level = cv2.resize(background.level, (side, side), interpolation=cv2.INTER_AREA)
    inside = np.ones((side, side), dtype=bool)
    if background.inside is not None:
        inside = cv2.resize(background.inside.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) > 0.9
    typical = float(np.median(grid[inside])) if inside.any() else 0.0
    missing = _regions((grid < MISSING_SHARE * typical) & inside)
    raw = scan.sigma_adu / scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else 1.0
    step = 0.0
    if missing.any() and (inside & ~missing).any():
        step = float(np.median(level[missing]) - np.median(level[inside & ~missing])) * raw
    cells = tuple((int(row), int(column)) for row, column in np.argwhere(missing))
    return Coverage(float(missing.sum() / max(inside.sum(), 1)), step, cells, side, side)


def _regions(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected regions of at least two cells."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    large = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= MIN_REGION_CELLS]
    return np.asarray(np.isin(labels, large))
