"""The fine residual of the sky: what the mesh of the background leaves of its light, on a small grid, stars left out.

The mesh takes 256 samples a cell; here every pixel counts, by way of the pyramid of means: bands, ghosts and shades
that are far fainter than the noise of a pixel come out of a grid whose cells hold thousands of them.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA, Scan
from nebulift.sky.background import Background, interpolated
from nebulift.sky.cells import LARGEST
from nebulift.stars import StarList

MIN_SIDE, MAX_SIDE = 4, 6  # pixels of the pyramid along a cell: the mean of the middle half of 16 to 36
BRIGHT_SNR = 30.0  # of a star's peak: its wings reach a pixel further
FINER = 4  # times the grid's sides: the mesh is drawn so fine before its mean in a cell is taken
MIDMEAN_ERROR = 1.1  # of a mean of the middle half over that of a mean, for normal scatter
MIN_OPEN = 0.25  # of a cell: of less nothing is known


def sky_residual(
    scan: Scan, background: Background, maps: list[NDArray[np.int16]], stars: StarList, grid: tuple[int, int]
) -> tuple[NDArray[np.float32], float]:
    """(light of the sky less the background ``mesh_on_grid`` in each cell, expected noise of a cell); shape ``grid``,
    both in noise of one raw pixel. NaN: stars fill the cell, or the frame is too small for such a grid.

    ``maps``: ``stars.pyramid`` of the flattened map.
    """
    rows, columns = grid
    sides = [min(one.shape[0] // rows, one.shape[1] // columns, MAX_SIDE) for one in maps]
    fitting = [level for level, side in enumerate(sides) if side >= MIN_SIDE]
    if not fitting or background.inside is not None:
        return np.full(grid, np.nan, np.float32), 1.0
    level, side = fitting[-1], sides[fitting[-1]]
    covered = _covered(stars, maps[level].shape, scan.bin_px * 2**level)
    cells, hidden = _in_cells(maps[level], grid, side), _in_cells(covered, grid, side) > 0
    cells[hidden] = LARGEST  # sorted to the end and not counted
    cells.sort(axis=-1)
    counts = side * side - hidden.sum(axis=-1)
    raw_sigmas = scan.sigma_adu / scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else 1.0
    height = _midmean(cells, counts) / UNITS_PER_SIGMA / 2**level * raw_sigmas
    found = height * mesh_on_grid(background.noise, grid)
    found[counts < MIN_OPEN * side * side] = np.nan
    return found.astype(np.float32), MIDMEAN_ERROR * raw_sigmas / 2**level / side


def mesh_on_grid(mesh: NDArray[np.float32], grid: tuple[int, int]) -> NDArray[np.float32]:
    """Means over the cells of ``grid`` of the mesh as it is drawn out and taken off the frame."""
    rows, columns = grid
    drawn = interpolated(mesh, (rows * FINER, columns * FINER), 0, rows * FINER)
    return np.asarray(cv2.resize(drawn, (columns, rows), interpolation=cv2.INTER_AREA))


def _midmean(cells: NDArray[np.int16], counts: NDArray[np.intp]) -> NDArray[np.float32]:
    """Mean of the middle half of the first ``counts`` values of each sorted cell; 0 of none."""
    place = np.arange(cells.shape[-1])
    first, last = (counts // 4)[..., None], (counts - counts // 4)[..., None]
    used = (place >= first) & (place < last)
    total = np.einsum("rcp,rcp->rc", cells, used, dtype=np.float32)
    return np.asarray(total / np.maximum(used.sum(axis=-1), 1), dtype=np.float32)


def _covered(stars: StarList, shape: tuple[int, int], scale_px: int) -> NDArray[np.int16]:
    """1 on the stars and one pixel around; two around bright ones."""
    covered = np.zeros(shape, np.uint8)
    row = (stars.y_px / scale_px).astype(np.intp).clip(0, shape[0] - 1)
    column = (stars.x_px / scale_px).astype(np.intp).clip(0, shape[1] - 1)
    bright = stars.snr > BRIGHT_SNR
    covered[row[bright], column[bright]] = 1
    covered = np.asarray(cv2.dilate(covered, np.ones((3, 3), np.uint8)), dtype=np.uint8)
    covered[row, column] = 1
    return np.asarray(cv2.dilate(covered, np.ones((3, 3), np.uint8)), dtype=np.int16)


def _in_cells(values: NDArray[np.int16], grid: tuple[int, int], side: int) -> NDArray[np.int16]:
    """``side`` x ``side`` pixels of each cell, shape (rows, columns, side * side)."""
    rows, columns = grid
    even: NDArray[np.int16] = np.asarray(
        cv2.resize(values, (columns * side, rows * side), interpolation=cv2.INTER_NEAREST), dtype=np.int16
    )
    cells = even.reshape(rows, side, columns, side).swapaxes(1, 2)
    return np.ascontiguousarray(cells).reshape(rows, columns, side * side)
