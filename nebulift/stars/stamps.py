"""Small square cut-outs around many positions, from a map in memory or from the frame, strip by strip."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import STRIP_ROWS, Frame


def map_stamps(image: NDArray[Any], x: NDArray[np.floating], y: NDArray[np.floating], half: int) -> NDArray[np.float32]:
    """Cut-outs of ``image``, float32, shape (n, 2 * half + 1, 2 * half + 1); NaN outside the image.

    The middle pixel is the one that holds (x, y).
    """
    return _cut(image, np.rint(x).astype(np.intp), np.rint(y).astype(np.intp), half)


def raw_stamps(
    frame: Frame, x_px: NDArray[np.floating], y_px: NDArray[np.floating], half_px: int
) -> NDArray[np.float32]:
    """The same from the raw pixels of a frame, in ADU; each part of the file is read once, top to bottom."""
    side = 2 * half_px + 1
    stamps = np.empty((len(x_px), side, side), dtype=np.float32)
    columns, rows = np.rint(x_px).astype(np.intp), np.rint(y_px).astype(np.intp)
    order = np.argsort(rows, kind="stable")
    starts = np.flatnonzero(np.diff(rows[order] // STRIP_ROWS, prepend=-1))
    for chosen in np.split(order, starts[1:]):
        if len(chosen) == 0:
            continue
        top = max(int(rows[chosen].min()) - half_px, 0)
        bottom = min(int(rows[chosen].max()) + half_px + 1, frame.shape[0])
        stamps[chosen] = _cut(frame.pixels.rows(top, bottom), columns[chosen], rows[chosen] - top, half_px)
    return stamps


def _cut(image: NDArray[Any], columns: NDArray[np.intp], rows: NDArray[np.intp], half: int) -> NDArray[np.float32]:
    height, width = image.shape
    reach = np.arange(-half, half + 1)
    ys, xs = rows[:, None] + reach, columns[:, None] + reach
    inside = ((ys >= 0) & (ys < height))[:, :, None] & ((xs >= 0) & (xs < width))[:, None, :]
    values = image[ys.clip(0, height - 1)[:, :, None], xs.clip(0, width - 1)[:, None, :]]
    return np.where(inside, values, np.nan).astype(np.float32)
