"""Peaks of noise along the edge of a shade or of a lit roof, which are no stars."""

import numpy as np
from numpy.typing import NDArray

from nebulift.median import medians_of_rows
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.stars.stamps import map_stamps

HALF = 6  # pixels of the map: beyond the light of a star of twelve pixels
STRIP = 3  # pixels deep; its median does not see a neighbouring star
STEP_SIGMA = 6.0  # of one pixel of the map: stars wide enough to differ so from side to side are sought on coarser maps
ASKED_SNR = 7.0  # the sides of fainter ones are noise


def on_step(units: NDArray[np.int16], x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which places of the flattened map differ by more from one side to the other than they stand above the brighter
    one; shape (n,). A star has two dark sides, a piece of a trail two bright ones.
    """
    if len(x) == 0:
        return np.zeros(0, dtype=bool)
    stamps = np.nan_to_num(map_stamps(units, x, y, HALF))
    top = stamps[:, HALF, HALF]
    near, far, across = slice(0, STRIP), slice(-STRIP, None), slice(2, -2)
    corner, opposite = slice(0, 2 * STRIP - 1), slice(1 - 2 * STRIP, None)
    pairs = (
        ((across, near), (across, far)),
        ((near, across), (far, across)),
        ((corner, corner), (opposite, opposite)),
        ((corner, opposite), (opposite, corner)),
    )
    found = np.zeros(len(stamps), dtype=bool)
    for pair in pairs:
        one, other = (medians_of_rows(stamps[:, rows, columns].reshape(len(x), -1)) for rows, columns in pair)
        step = np.abs(one - other)
        found |= (step > STEP_SIGMA * UNITS_PER_SIGMA) & (top - np.maximum(one, other) < step)
    return found
