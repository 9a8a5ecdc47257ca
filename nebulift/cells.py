"""Cells of a grid as masks: connected regions of them, and their places."""

import cv2
import numpy as np
from numpy.typing import NDArray

BORDER_SHARE = 0.125  # of a border: less may be a corner


def large_regions(mask: NDArray[np.bool_], cells: int, connectivity: int = 4) -> NDArray[np.bool_]:
    """The connected regions of at least so many cells."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    large = stats[:count, cv2.CC_STAT_AREA] >= cells
    large[0] = False  # what is not in the mask
    return np.asarray(large[labels])


def labelled_regions(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Each connected region by itself, diagonals included."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return [np.asarray(labels == label) for label in range(1, count)]


def largest_region(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected region; nothing of an empty mask."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count == 1:
        return np.zeros(mask.shape, dtype=bool)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def borders_touched(mask: NDArray[np.bool_]) -> int:
    """How many of the four borders the region touches over at least an eighth of their length."""
    return sum(int(edge.mean() >= BORDER_SHARE) for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def cells_of(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """(row, column) of each True cell."""
    rows, columns = np.nonzero(mask)
    return tuple(zip(rows.tolist(), columns.tolist(), strict=True))
