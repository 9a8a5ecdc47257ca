"""By how many pixels rows of a frame lie sideways, to the pixel, once the map has said about how many."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.scan import MAD_TO_SIGMA

SMOOTH_PX = 31  # what is wider is of the sky
CLIP_SIGMA = 6.0  # no single star or column speaks for all
SEAM_PX = 8  # columns on both sides of a seam
ROWS_AT_ONCE = 64
MOST_ROWS = 512  # on either side: enough to see what the map has seen in all rows


def raw_shift(frame: Frame, row: int, lag_px: float, bin_px: int, rows: tuple[int, int]) -> int:
    """The whole number of pixels near ``lag_px`` at which the rows from ``row`` on are most like those above.

    ``rows``: how many above and below belong together. Of a mosaic only even numbers are tried: colours differ.
    """
    above, below = (max(min(number, MOST_ROWS), 1) for number in rows)
    upper, lower = _own_of_columns(frame, row - above, row), _own_of_columns(frame, row, row + below)
    step = 1 if frame.exposure.bayer is None else 2
    guess = round(lag_px / step) * step
    lags = range(guess - bin_px + 1, guess + bin_px) if step == 1 else (guess,)
    return max(lags, key=lambda lag: float(upper @ np.roll(lower, -lag)))


def raw_seam(frame: Frame, lag_px: int, bin_px: int, rows: tuple[int, int]) -> int:
    """The column near ``lag_px`` at which a step stands in these rows, to the pixel; of a mosaic to its cell."""
    width = frame.shape[1]
    column = lag_px % width
    if frame.exposure.bayer is not None or not SEAM_PX <= column - bin_px <= width - SEAM_PX - 2 * bin_px:
        return lag_px
    near = slice(column - bin_px - SEAM_PX, column + bin_px + SEAM_PX)
    top, bottom = rows[0], min(rows[1], rows[0] + MOST_ROWS)
    strips = (frame.pixels.rows(at, min(at + ROWS_AT_ONCE, bottom))[:, near] for at in range(top, bottom, ROWS_AT_ONCE))
    sky = np.median(np.nan_to_num(np.concatenate(list(strips)).astype(np.float32)), axis=0)
    sums = np.concatenate([[0.0], np.cumsum(sky, dtype=np.float64)])
    at = np.arange(SEAM_PX, len(sky) - SEAM_PX + 1)
    steps = np.abs(sums[at + SEAM_PX] - 2.0 * sums[at] + sums[at - SEAM_PX])
    return lag_px + int(steps.argmax()) - bin_px


def _own_of_columns(frame: Frame, top: int, bottom: int) -> NDArray[np.float32]:
    """What columns differ by from those about them, over these rows, clipped."""
    total = np.zeros(frame.shape[1], dtype=np.float32)
    for first in range(top, bottom, ROWS_AT_ONCE):
        strip = frame.pixels.rows(first, min(first + ROWS_AT_ONCE, bottom)).astype(np.float32)
        own = np.nan_to_num(strip - cv2.blur(strip, (SMOOTH_PX, 1)), posinf=0.0, neginf=0.0)
        scatter = MAD_TO_SIGMA * float(np.median(np.abs(own)))
        total += own.clip(-CLIP_SIGMA * scatter, CLIP_SIGMA * scatter).sum(axis=0)
    return total
