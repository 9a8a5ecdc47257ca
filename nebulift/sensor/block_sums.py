"""Sums of clipped pixels over blocks of rows and columns of a flattened map: what bands, stripes and tears show in."""

import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA

CLIP_UNITS = 3 * UNITS_PER_SIGMA
LOWEST, HIGHEST = np.int16(-CLIP_UNITS), np.int16(CLIP_UNITS)  # of a type: numpy thinks long about Python's numbers
LARGEST_BLOCK_PX = 340  # clipped pixels whose sum, and the difference of two sums, int16 holds
STRIP_PX = 64  # rows at a time, so that they stay in cache


def block_sums(flat: NDArray[np.int16], block: int, axis: int) -> NDArray[np.int16]:
    """Clipped sums along ``axis`` of blocks of ``block`` pixels: (blocks, lines); a rest at the end is left out.

    Integers throughout, which no block of up to 340 pixels overflows, even as a difference of two.
    """
    if axis == 0:
        sums = np.empty((flat.shape[0] // block, flat.shape[1]), dtype=np.int16)
        for number, of_block in enumerate(sums):
            np.add.reduce(_clipped(flat[number * block : (number + 1) * block]), axis=0, dtype=np.int16, out=of_block)
        return sums
    whole = flat.shape[1] // block * block
    by_row = np.empty((flat.shape[0], whole // block), dtype=np.int16)
    edges = np.arange(0, whole, block)
    for top in range(0, len(flat), STRIP_PX):
        strip = _clipped(flat[top : top + STRIP_PX, :whole])
        by_row[top : top + STRIP_PX] = np.add.reduceat(strip, edges, axis=1, dtype=np.int16)
    return np.ascontiguousarray(by_row.T)


def _clipped(strip: NDArray[np.int16]) -> NDArray[np.int16]:
    return strip.clip(LOWEST, HIGHEST)
