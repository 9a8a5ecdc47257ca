"""Level and noise of every cell of the background mesh, from a few samples each; stars are clipped.

Samples are gathered one row of cells at a time, so that they never leave the cache, and stay int16: sorting them costs
next to nothing, and from a sorted cell every quantile and every clipped sum can be read off.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA, Scan

SAMPLES_PER_SIDE = 16  # 256 of the 1024 map pixels of a cell: the median is then good to 8 % of the noise
NOISE_SAMPLES_PER_SIDE = 10
ROWS_AT_ONCE = 8  # of cells: their differences stay in cache, those of all cells are as large as the map
CLIP_SIGMA = 2.5
CLIP_ROUNDS = 3
FINEST_STEP = 0.9  # of the noise: of coarser numbers most of a cell are one or two, between which the middle half jumps
MIN_SAMPLES = 16  # of a cell: its noise is then good to a sixth
LARGEST_STEPS = 4.5  # between neighbours: noise of one step makes more of one pair in 700
SMALLER_SHARE, SMALLER_MEAN = 0.6, 0.3966  # of the absolute values of normal noise; their mean, standard deviations
QUIETEST = 0.05  # of the map's noise: a cell may be quieter, a division by its noise may not
LARGEST = np.iinfo(np.int16).max


def cell_levels(scan: Scan, rows: int, columns: int) -> NDArray[np.float32]:
    """Clipped level of each cell, shape (rows, columns), in sigma of the map above its zero level.

    Cells of which less than an eighth is valid take the level of the nearest good one.
    """
    y, x = _positions(scan.units.shape, rows, columns, SAMPLES_PER_SIDE)
    cells = _samples(scan.units, y, x)
    counts = np.full((rows, columns), cells.shape[-1])
    if scan.valid is not None:
        bad = ~_samples(scan.valid, y, x)
        cells[bad] = LARGEST  # sorted to the end and not counted
        counts -= bad.sum(axis=-1)
    cells.sort(axis=-1)
    step = _step_sigma(scan) * UNITS_PER_SIGMA
    is_stepped = step > FINEST_STEP * UNITS_PER_SIGMA
    level = _clipped_mean(cells, counts, step) if is_stepped else _clipped_midmean(cells, counts)
    level /= UNITS_PER_SIGMA
    return _filled(level.astype(np.float32), counts >= cells.shape[-1] // 8)


def cell_noise(scan: Scan, rows: int, columns: int) -> NDArray[np.float32]:
    """Pixel noise from the smaller differences of neighbours: blind to gradients, nebulae and stars.

    Their mean, not the median, which is one of few numbers where noise is about as fine as the converter's steps.
    """
    y, x = _positions(scan.units.shape, rows, columns, NOISE_SAMPLES_PER_SIDE)
    x = np.minimum(x, scan.units.shape[1] - 2)
    parts = [_small_differences(scan, y[top : top + ROWS_AT_ONCE], x) for top in range(0, rows, ROWS_AT_ONCE)]
    mean, known = (np.concatenate(part) for part in zip(*parts, strict=True))
    of_normal = 1.0 if _step_sigma(scan) > FINEST_STEP else SMALLER_MEAN
    noise = (mean / (of_normal * 2**0.5) / UNITS_PER_SIGMA).astype(np.float32)
    good = (noise > 0.0) & (known >= MIN_SAMPLES)
    return _filled(np.maximum(noise, QUIETEST), good) if good.any() else np.ones_like(noise)


def _step_sigma(scan: Scan) -> float:
    """The step of the map's numbers, means of whole ones, in its noise."""
    return scan.step_adu / scan.bin_px**2 / scan.sigma_adu


def _small_differences(
    scan: Scan, y: NDArray[np.intp], x: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """(mean of the smaller differences of neighbours in each cell, how many are known there), of some rows.

    Of coarse numbers, where most do not differ at all, the root of the mean square without the largest.
    """
    left, right = _samples(scan.units, y, x), _samples(scan.units, y, x + 1)
    cells = np.asarray(cv2.absdiff(left.ravel(), right.ravel()), np.int16).reshape(left.shape)  # at most ``LARGEST``
    known = np.full(left.shape[:-1], left.shape[-1])
    if scan.valid is not None:  # two pixels without a number do not differ, which says nothing of the noise
        both = _samples(scan.valid, y, x) & _samples(scan.valid, y, x + 1)
        cells[~both] = LARGEST
        known = both.sum(axis=-1)
    if (step := _step_sigma(scan)) > FINEST_STEP:
        small = cells <= LARGEST_STEPS * step * UNITS_PER_SIGMA
        squares = np.square(np.where(small, cells, 0), dtype=np.int64).sum(axis=-1)
        return np.sqrt(squares / np.maximum(small.sum(axis=-1), 1)), known
    cells.sort(axis=-1)
    kept = np.maximum((SMALLER_SHARE * known).astype(int), 1)
    if scan.valid is None:
        return cells[..., : int(kept.min())].sum(axis=-1, dtype=np.int64) / kept, known
    sums = np.cumsum(cells, axis=-1, dtype=np.int64)
    return np.take_along_axis(sums, kept[..., None] - 1, axis=-1)[..., 0] / kept, known


def _positions(shape: tuple[int, int], rows: int, columns: int, side: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pixels spread evenly over the map, ``side`` a cell each way: their rows (rows, side), their columns, flat."""
    return _spread(shape[0], rows * side).reshape(rows, side), _spread(shape[1], columns * side)


def _spread(length: int, count: int) -> NDArray[np.intp]:
    return ((np.arange(count) + 0.5) * length / count).astype(np.intp)


def _samples(image: NDArray[Any], y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[Any]:
    """The pixels at ``y`` x ``x`` by cell: (rows, columns, side * side), contiguous."""
    rows, side = y.shape
    cells = np.empty((rows, len(x) // side, side, side), dtype=image.dtype)
    for number, of_cells in enumerate(y):
        picked = image.take(of_cells, axis=0).take(x, axis=1)
        cells[number] = picked.reshape(side, -1, side).swapaxes(0, 1)
    return cells.reshape(rows, -1, side * side)


def _clipped_midmean(cells: NDArray[np.int16], counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean of the middle half of each sorted cell after cutting off what lies more than 2.5 sigma above the median.

    The width is taken from the lower half alone: stars and nebulae only add light. The mean of the middle half is as
    robust as the median here and does not jump by whole steps where a 12-bit converter writes every 16th value.
    """
    kept = counts.copy()
    median = _quantile(cells, kept / 2)
    for _ in range(CLIP_ROUNDS):
        sigma = np.maximum(median - _quantile(cells, kept * 0.1587), 1.0)
        kept = np.minimum(_count_up_to(cells, median + CLIP_SIGMA * sigma), counts)
        median = _quantile(cells, kept / 2)
    size = cells.shape[-1]
    first = np.minimum(kept // 4, size - 1)
    last = np.maximum(first + 1, kept - kept // 4 - 1).clip(max=size - 1)
    return np.asarray(_sums(cells, first, last) / np.maximum(last - first, 1))


def _clipped_mean(cells: NDArray[np.int16], counts: NDArray[np.intp], step: float) -> NDArray[np.float64]:
    """Mean of each sorted cell within 2.5 steps, or sigma, of its median: as even where all are two or three numbers.

    Rounding to whole steps leaves the mean of normal noise as it is, down to a third of a step (Widrow and Kollar 2008,
    Quantization Noise).
    """
    median = _quantile(cells, counts / 2)
    reach = CLIP_SIGMA * np.maximum(median - _quantile(cells, counts * 0.1587), step)
    first = _count_up_to(cells, median - reach) - 1
    last = np.maximum(np.minimum(_count_up_to(cells, median + reach), counts) - 1, first + 1).clip(
        max=cells.shape[-1] - 1
    )
    return np.asarray(_sums(cells, first, last) / np.maximum(last - first, 1))


def _sums(cells: NDArray[np.int16], first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sum of each cell's values after ``first`` up to ``last``."""
    size = cells.shape[-1]
    # up to, not including, ``last``: an index one past the end of the last cell is none that reduceat takes
    begin = np.minimum(first + 1, size - 1)
    inner = np.empty(first.shape)
    for row, (starts, ends) in enumerate(zip(begin, last, strict=True)):  # all at once would be copied as int32
        edges = np.stack([starts, ends], axis=1) + np.arange(len(starts))[:, None] * size
        inner[row] = np.add.reduceat(cells[row].ravel(), edges.ravel(), dtype=np.int32)[::2]
    inner[last <= begin] = 0.0
    return np.asarray(inner + np.where(last > first, _at(cells, last).astype(np.float64), 0.0))


def _count_up_to(cells: NDArray[np.int16], limit: NDArray[np.float64]) -> NDArray[np.intp]:
    """How many values of each sorted cell do not exceed ``limit``, by halving."""
    size = cells.shape[-1]
    count = np.zeros(limit.shape, dtype=np.intp)
    step = 1 << size.bit_length()
    while step := step >> 1:
        further = np.minimum(count + step, size)
        count = np.where(_at(cells, further - 1) <= limit, further, count)
    return count


def _quantile(cells: NDArray[np.int16], rank: NDArray[np.floating]) -> NDArray[np.float64]:
    """Value at a fractional rank of each sorted cell (linear between neighbours)."""
    position = np.clip(rank - 0.5, 0, cells.shape[-1] - 1)
    lower = position.astype(np.intp)
    low, high = _at(cells, lower), _at(cells, np.minimum(lower + 1, cells.shape[-1] - 1))
    return np.asarray(low + (position - lower) * (high.astype(np.float64) - low))


def _at(cells: NDArray[np.int16], index: NDArray[np.intp]) -> NDArray[np.int16]:
    """One value of each cell."""
    starts = np.arange(index.size).reshape(index.shape) * cells.shape[-1]
    return np.asarray(cells.ravel().take(starts + index))


def _filled(mesh: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Bad cells take the value of the nearest good one."""
    if good.all() or not good.any():
        return mesh
    good_at = np.argwhere(good)
    for row, column in np.argwhere(~good):
        nearest = good_at[((good_at - (row, column)) ** 2).sum(axis=1).argmin()]
        mesh[row, column] = mesh[tuple(nearest)]
    return mesh
