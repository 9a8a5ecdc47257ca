"""Where the rows of a frame lie sideways, by the seam: the beginning of a row lies beside its end.

Rows that lost pixels wrap round: amid the frame the left border of the sky meets the right one. Where the sky has a
slope, or a bowl that is not quite in the middle, both differ, and a step stands there that is one pixel wide, straight
along the column of the shift, over those rows alone. Two amplifiers or a mosaic of frames have steps, too: but only
where rows wrap round are they those above and below once they are pushed back. That is asked of the frame itself.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.sensor.block_sums import CLIP_UNITS

WIDE, CLOSE = 8, 2  # columns of the map on both sides whose means are compared: slopes show in the wider ones alone
SEAM_SIGMA = 8.0  # of noise; a thousand columns and some hundred stretches of rows are tried
FEWEST_BLOCKS, SHORTEST = 6, 2
WINDOW, WINDOW_SIGMA = 4, 4.5  # blocks: columns that show less anywhere are left out
TRIES = 3
EVEN, ELSEWHERE = 0.5, 0.25  # of the typical step: in each block of the stretch more, beyond it less
LOOK_ROWS = 32  # above and below the border whose skies are compared
SKY_PX = 32  # pixels whose median is the sky
PUSHED_BACK = 0.6  # of the difference of both skies is left at most once the rows are pushed back
STAR_SIGMA = 12.0  # of that noise: a greater difference of two such medians is a star, and counts as much
ROUNDING = 1.0 / math.sqrt(12.0)  # of whole numbers, standard deviation
SKY_SIGMA = 2.5  # of the noise of one such median, typical of all: a smaller difference proves nothing


@dataclass(frozen=True, slots=True)
class SeamLag:
    """Rows ``row`` to ``end`` of the map lie ``lag_px`` map pixels to the right of the others, and wrap round."""

    row: int
    end: int
    lag_px: int


def lag_by_seam(
    frame: Frame, bin_px: int, flat: NDArray[np.int16], sums: NDArray[np.int16], block_px: int
) -> SeamLag | None:
    """The stretch of rows that wrap round at a seam; ``None`` without one.

    ``sums``: clipped sums of blocks of ``block_px`` rows of the flattened map, shape (blocks, columns).
    """
    blocks, columns = sums.shape
    if blocks < FEWEST_BLOCKS or columns < 8 * WIDE:
        return None
    steps = _steps(sums, block_px)
    for first, end, seam in _stretches(steps, block_px):
        sign = 1.0 if steps[first:end, seam].sum() > 0.0 else -1.0
        if not _is_of_these_rows(sign * steps[:, seam], first, end):
            continue
        top = _border(flat, seam, sign, first * block_px, block_px) if first > 0 else 0
        bottom = _border(flat[::-1], seam, sign, (blocks - end) * block_px, block_px) if end < blocks else 0
        found = SeamLag(top, len(flat) - bottom if end < blocks else len(flat), seam)
        border = found.row if first > 0 else found.end
        lag = seam if first > 0 else -seam
        if _fits_pushed_back(frame, border * bin_px, lag * bin_px, bin_px):
            return found
    return None


def _steps(sums: NDArray[np.int16], block_px: int) -> NDArray[np.float32]:
    """How far each column stands above the one before it, in sigma of the map: the smaller of two ways to see it."""
    total = np.zeros((sums.shape[0], sums.shape[1] + 1), dtype=np.float32)
    np.cumsum(sums, axis=1, dtype=np.float32, out=total[:, 1:])
    total /= block_px * UNITS_PER_SIGMA
    steps = np.zeros(sums.shape, dtype=np.float32)
    inner = slice(WIDE, sums.shape[1] - WIDE + 1)

    def at(offset: int) -> NDArray[np.float32]:
        return total[:, inner.start + offset : inner.stop + offset]

    wide, close = ((at(n) - 2.0 * at(0) + at(-n)) / n for n in (WIDE, CLOSE))
    both = np.minimum(np.abs(wide), np.abs(close))
    steps[:, inner] = np.where(wide * close > 0.0, np.copysign(both, wide), 0.0)
    return steps


def _stretches(steps: NDArray[np.float32], block_px: int) -> list[tuple[int, int, int]]:
    """(first block, one past the last, column) of the clearest steps, each at another column."""
    blocks = len(steps)
    noise = math.sqrt(2.0 / CLOSE / block_px)
    sums = np.zeros((blocks + 1, steps.shape[1]), dtype=np.float32)
    np.cumsum(steps, axis=0, out=sums[1:])
    windows = np.abs(sums[WINDOW:] - sums[:-WINDOW]).max(axis=0)
    columns = np.flatnonzero(windows > WINDOW_SIGMA * noise * math.sqrt(WINDOW))
    sums = np.ascontiguousarray(sums[:, columns])
    best = np.full(columns.size, SEAM_SIGMA * noise, dtype=np.float32)
    where = np.zeros((2, columns.size), dtype=np.intp)
    for length in range(SHORTEST, blocks) if columns.size else ():
        found = np.abs(sums[length:] - sums[:-length])
        first = found.argmax(axis=0)
        value = found[first, np.arange(columns.size)] / np.float32(math.sqrt(length))
        better = value > best
        best[better] = value[better]
        where[:, better] = first[better], first[better] + length
    chosen: list[tuple[int, int, int]] = []
    for number in np.argsort(-best, kind="stable")[: TRIES * WIDE].tolist():
        is_new = all(abs(int(columns[number]) - other) > WIDE for _, _, other in chosen)
        if where[1, number] > 0 and is_new and len(chosen) < TRIES:
            chosen.append((int(where[0, number]), int(where[1, number]), int(columns[number])))
    return chosen


def _is_of_these_rows(steps: NDArray[np.float32], first: int, end: int) -> bool:
    """Whether the step is there in all rows of the stretch, and in no others: a column that stands out in all rows
    belongs to the sensor.
    """
    inside, outside = steps[first:end], np.concatenate([steps[: max(first - 1, 0)], steps[end + 1 :]])
    typical = float(np.median(inside))
    if outside.size == 0:
        return False
    return bool((inside > EVEN * typical).mean() > 0.8 and np.median(np.abs(outside)) < ELSEWHERE * typical)


def _border(flat: NDArray[np.int16], seam: int, sign: float, about: int, block_px: int) -> int:
    """The row from which on the step is there, within a block of ``about``."""
    top, bottom = max(about - block_px, 0), min(about + block_px, len(flat))
    rows = flat[top:bottom, seam - WIDE : seam + WIDE].clip(-CLIP_UNITS, CLIP_UNITS).astype(np.float64)
    height = sign * (rows[:, WIDE:].mean(axis=1) - rows[:, :WIDE].mean(axis=1))
    below = height[-(block_px // 2) :].mean() / 2.0
    return top + int(np.argmin(np.concatenate([[0.0], np.cumsum(height - below)])))


def _fits_pushed_back(frame: Frame, row: int, lag_px: int, bin_px: int) -> bool:
    """Whether the sky below ``row`` is that above it only once its rows are pushed back by ``lag_px``."""
    rows = min(LOOK_ROWS, row - bin_px, frame.shape[0] - row - bin_px)
    if rows < 2 * bin_px:
        return False
    above = frame.pixels.rows(row - bin_px - rows, row - bin_px)
    below = frame.pixels.rows(row + bin_px, row + bin_px + rows)
    upper, noise = _sky_along(above)
    lower, _ = _sky_along(below)
    back, _ = _sky_along(np.roll(below, -lag_px, axis=1))
    most = STAR_SIGMA * noise
    differences = (_level(one - upper).clip(-most, most) for one in (lower, back))
    as_it_is, pushed = (float(np.sqrt(np.mean(np.square(one)))) for one in differences)
    return as_it_is > SKY_SIGMA * noise and pushed < PUSHED_BACK * as_it_is


def _level(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(difference - np.median(difference))


def _sky_along(rows: NDArray[np.generic]) -> tuple[NDArray[np.float64], float]:
    """(median of every ``SKY_PX`` columns of these rows, its standard error).

    Of few steps of the converter a median is one or the other: it is interpolated among those that are alike.
    """
    width = rows.shape[1] // SKY_PX * SKY_PX
    by_row = np.nan_to_num(rows[:, :width].astype(np.float64)).reshape(len(rows), -1, SKY_PX)
    cells = by_row.swapaxes(0, 1).reshape(width // SKY_PX, -1)
    low, middle, high = np.quantile(cells, (0.1587, 0.5, 0.8413), axis=1)
    noise = float(np.median(high - low)) / 2.0
    if rows.dtype.kind in "iu":
        below, alike = (cells < middle[:, None]).sum(axis=1), (cells == middle[:, None]).sum(axis=1)
        middle = middle - 0.5 + (cells.shape[1] / 2.0 - below) / np.maximum(alike, 1)
        noise = math.hypot(noise, ROUNDING)
    return middle, noise * 1.2533 / math.sqrt(cells.shape[1])
