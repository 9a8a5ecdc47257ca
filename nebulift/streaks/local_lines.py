"""The strongest short line through each place of a frame: a plane for the network, not a finding."""

from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.streaks.radon import row_by_row, short_lines

UNIT_BITS = UNITS_PER_SIGMA.bit_length() - 1
LINE_ROWS = 32  # rows of the short lines
STRIPS = 4  # a leaning line is elsewhere at its end: where it passes is told for each quarter of the rows
SHIFTS = 4  # of lines that lean nearly alike count as passing the same places
BLOCKS_AT_ONCE = 8  # their sums stay in cache
CLIP_SIGMA = 3
PIXEL_UNITS = 10  # in one sigma: 32 pixels at the clip stay far inside int16
MAX_SIDE_PX = 1700


def local_line_response(maps: list[NDArray[np.int16]], grid: int) -> NDArray[np.float32]:
    """Greatest line sum (32 pixels, all directions) near each cell of a ``grid`` x ``grid`` raster, in sigma."""
    level_map = next((one for one in maps if max(one.shape) <= MAX_SIDE_PX), maps[-1])
    image = np.clip(level_map, -CLIP_SIGMA * UNITS_PER_SIGMA, CLIP_SIGMA * UNITS_PER_SIGMA)
    image = image * np.int16(PIXEL_UNITS) >> UNIT_BITS
    strongest = np.zeros((grid, grid), dtype=np.float32)
    for transposed in (False, True):
        turned = np.asarray(cv2.transpose(image) if transposed else image, dtype=np.int16)
        for mirrored in (False, True):
            with row_by_row():
                response = _leaning(np.asarray(cv2.flip(turned, 1), dtype=np.int16) if mirrored else turned, grid)
            response = response[:, ::-1] if mirrored else response
            np.maximum(strongest, response.T if transposed else response, out=strongest)
    return strongest / np.float32(PIXEL_UNITS * LINE_ROWS**0.5)


def _leaning(image: NDArray[np.int16], grid: int) -> NDArray[np.float32]:
    """Greatest sum over lines leaning right that pass each place, on the raster."""
    height, width = image.shape
    blocks = -(-height // LINE_ROWS)
    strongest = np.full((blocks, STRIPS, width), np.iinfo(np.int16).min, dtype=np.int16)
    for first in range(0, blocks, BLOCKS_AT_ONCE):
        part = image[first * LINE_ROWS : (first + BLOCKS_AT_ONCE) * LINE_ROWS]
        _pass(short_lines(part, LINE_ROWS).sums, strongest[first : first + BLOCKS_AT_ONCE])
    rows = ((np.arange(grid) + 0.5) * height / grid * STRIPS / LINE_ROWS).astype(np.intp)
    columns = np.linspace(0, width, grid + 1).astype(np.intp)[:-1]
    return np.asarray(np.maximum.reduceat(strongest.reshape(-1, width)[rows], columns, axis=1), dtype=np.float32)


def _pass(sums: NDArray[np.int16], strongest: NDArray[np.int16]) -> None:
    """Writes for each quarter of each block of rows the greatest sum over the lines that pass each column there.

    ``sums``: (blocks, shifts, starts); ``strongest``: (blocks, quarters, columns).
    """
    blocks, shifts, starts = sums.shape
    width = strongest.shape[2]
    apart = sums.reshape(blocks, shifts // SHIFTS, SHIFTS, starts)
    alike = reduce(np.maximum, (apart[:, :, one] for one in range(SHIFTS)))
    for number, shift in enumerate(np.arange(0, shifts, SHIFTS) + (SHIFTS - 1) / 2):
        for quarter in range(STRIPS):
            # the line that is at column 0 here starts so many columns further left
            start = 2 * LINE_ROWS - round(float(shift) * (quarter + 0.5) / STRIPS)
            passed = strongest[:, quarter]
            np.maximum(passed, alike[:, number, start : start + width], out=passed)
