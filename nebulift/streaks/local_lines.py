"""The strongest short line through each place of a frame: a plane for the network, not a finding."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.streaks.radon import line_sums

LINE_ROWS = 32  # rows of the short lines
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
    """Greatest sum over lines leaning right, by blocks of 32 rows and starting column, on the raster."""
    blocks = []
    for top in range(0, image.shape[0], LINE_ROWS):
        block = np.zeros((LINE_ROWS, image.shape[1]), dtype=np.int16)
        part = image[top : top + LINE_ROWS]
        block[: len(part)] = part
        sums = next(line_sums(block, (LINE_ROWS,)))
        # a line starts up to 31 columns left of where it ends: its middle is half a shift further right
        blocks.append(sums.sums[0].max(axis=0)[LINE_ROWS // 2 : LINE_ROWS // 2 + image.shape[1]])
    response = np.stack(blocks).astype(np.float32)
    columns = np.linspace(0, image.shape[1], grid + 1).astype(np.intp)[:-1]
    reduced = np.maximum.reduceat(response, columns, axis=1)
    return np.asarray(cv2.resize(reduced, (grid, grid), interpolation=cv2.INTER_NEAREST), dtype=np.float32)
