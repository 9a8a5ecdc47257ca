"""Connected regions of a mask, with the size, box and middle of each."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SHORT_LABELS = 65_535  # that 16 bits hold


def components(
    mask: NDArray[np.bool_] | NDArray[np.uint8], connectivity: int = 8
) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[np.float64]]:
    """(labels, 0 where ``mask`` is, and 1 .. n - 1; ``cv2.CC_STAT_*`` of each, (n, 5); centres as (x, y), (n, 2)).

    Where few pixels are set, as in most masks, labels are of 16 bits: OpenCV then takes a third of the time.
    """
    pixels = mask.astype(np.uint8, copy=False)
    kind = cv2.CV_16U if np.count_nonzero(pixels) < SHORT_LABELS else cv2.CV_32S  # no more labels than pixels
    _, labels, stats, centres = cv2.connectedComponentsWithStats(pixels, connectivity=connectivity, ltype=kind)
    return np.asarray(labels), np.asarray(stats, np.int32), np.asarray(centres, np.float64)
