"""Cells of a grid as masks: connected regions of them, and their places."""

import cv2
import numpy as np
from numpy.typing import NDArray


def large_regions(mask: NDArray[np.bool_], cells: int, connectivity: int = 4) -> NDArray[np.bool_]:
    """The connected regions of at least so many cells."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    large = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= cells]
    return np.asarray(np.isin(labels, large))


def cells_of(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """(row, column) of each True cell."""
    return tuple((int(row), int(column)) for row, column in np.argwhere(mask))
