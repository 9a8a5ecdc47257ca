"""Borders that hold nothing: what turning and shifting a frame on to another leaves along its sides."""

import cv2
import numpy as np
from numpy.typing import NDArray

DEEP_UNITS = 8 * 16  # eight sigma below the sky: where the sky itself is cut off at 0 nothing can be told apart
LARGEST_SHARE = 0.12  # of the frame: what an all-sky lens leaves dark is more
RECTANGLE = 0.9  # of its box filled: a part that was not read out or not written is one, a wedge is not
MARGIN_SHARE = 0.06  # of the frame, in a rectangle along a whole side: more was lost, not shifted


def blank_border(units: NDArray[np.int16], empty_units: int) -> NDArray[np.bool_] | None:
    """Mask of the pixels of a map that hold nothing along its borders, two pixels more than that; ``None`` without any.

    ``empty_units``: height of the number 0 on the map. Rectangles are left alone, but for strips along a whole side: a
    lost part of a frame is a fault that others must see.
    """
    if empty_units > -DEEP_UNITS:
        return None
    empty = (units <= empty_units).view(np.uint8)
    sides = (empty[0], empty[-1], empty[:, 0], empty[:, -1])
    if not any(int(side.sum()) > len(side) // 16 for side in sides) or empty.mean() > LARGEST_SHARE:
        return None
    _, labels, stats, _ = cv2.connectedComponentsWithStats(empty, connectivity=8)
    at_border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    blank = [label for label in at_border if label and _is_left_over(stats[label], empty.shape)]
    if not blank:
        return None
    mask = np.isin(labels, blank).view(np.uint8)
    return np.asarray(cv2.dilate(mask, np.ones((5, 5), np.uint8)), dtype=bool)


def _is_left_over(stats: NDArray[np.int32], shape: tuple[int, int]) -> bool:
    wide, tall, area = (int(stats[each]) for each in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    if area < RECTANGLE * wide * tall:
        return True
    along_a_side = wide >= shape[1] - 1 or tall >= shape[0] - 1
    return along_a_side and area <= MARGIN_SHARE * shape[0] * shape[1]
