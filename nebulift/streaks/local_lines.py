"""The strongest short line through each place of a frame: a plane for the network, not a finding."""

import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.streaks.radon import line_sums

LINE_ROWS = 32  # rows of the short lines
STRIPS = 4  # a leaning line is elsewhere at its end: where it passes is told for each quarter of the rows
SHIFTS = 4  # of lines that lean nearly alike count as passing the same places
CLIP_SIGMA = 3
PIXEL_UNITS = 10  # in one sigma: 32 pixels at the clip stay far inside int16
MAX_SIDE_PX = 1700


def local_line_response(maps: list[NDArray[np.int16]], grid: int) -> NDArray[np.float32]:
    """Greatest line sum (32 pixels, all directions) near each cell of a ``grid`` x ``grid`` raster, in sigma."""
    level_map = next((one for one in maps if max(one.shape) <= MAX_SIDE_PX), maps[-1])
    clipped = np.clip(level_map, -CLIP_SIGMA * UNITS_PER_SIGMA, CLIP_SIGMA * UNITS_PER_SIGMA).astype(np.int32)
    image = (clipped * PIXEL_UNITS // UNITS_PER_SIGMA).astype(np.int16)
    strongest = np.zeros((grid, grid), dtype=np.float32)
    for transposed in (False, True):
        turned: NDArray[np.int16] = np.ascontiguousarray(image.T if transposed else image)
        for mirrored in (False, True):
            response = _leaning(np.ascontiguousarray(turned[:, ::-1]) if mirrored else turned, grid)
            response = response[:, ::-1] if mirrored else response
            np.maximum(strongest, response.T if transposed else response, out=strongest)
    return strongest / np.float32(PIXEL_UNITS * LINE_ROWS**0.5)


def _leaning(image: NDArray[np.int16], grid: int) -> NDArray[np.float32]:
    """Greatest sum over lines leaning right that pass each place, on the raster."""
    height, width = image.shape
    strips = np.full((-(-height // LINE_ROWS), STRIPS, width), np.iinfo(np.int16).min, dtype=np.int16)
    for number, strongest in enumerate(strips):
        block = np.zeros((LINE_ROWS, width), dtype=np.int16)
        part = image[number * LINE_ROWS : (number + 1) * LINE_ROWS]
        block[: len(part)] = part
        _pass(next(line_sums(block, (LINE_ROWS,))).sums[0], strongest)
    rows = ((np.arange(grid) + 0.5) * height / grid * STRIPS / LINE_ROWS).astype(np.intp)
    columns = np.linspace(0, width, grid + 1).astype(np.intp)[:-1]
    reduced = np.maximum.reduceat(strips.reshape(-1, width), columns, axis=1)
    return np.asarray(reduced[rows], dtype=np.float32)


def _pass(sums: NDArray[np.int16], strongest: NDArray[np.int16]) -> None:
    """Writes for each quarter of a block of rows the greatest sum over the lines that pass each column there."""
    alike = sums.reshape(-1, SHIFTS, sums.shape[1]).max(axis=1)
    shifts = np.arange(len(alike)) * SHIFTS + (SHIFTS - 1) / 2
    for number, row in enumerate(strongest):
        # the line that is at column 0 here starts so many columns further left
        before = np.rint(shifts * (number + 0.5) / STRIPS).astype(int)
        for by_start, left in zip(alike, before, strict=True):
            np.maximum(row, by_start[LINE_ROWS - left :][: len(row)], out=row)
