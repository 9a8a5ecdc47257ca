"""Candidates for trails: the highest line sums of a ``StreakMap``, over all directions and several lengths."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.band import Ends
from nebulift.streaks.radon import (
    MAX_ROWS,
    SAMPLED,
    SHORT_ROWS,
    LineSums,
    ShortLines,
    line_lengths,
    line_sums,
    row_by_row,
    sampled_sums,
    shifts_at_once,
    short_lines,
)
from nebulift.streaks.search_map import LINE_UNITS, StreakMap

CANDIDATE_SIGMA = 5.4  # pure noise gives a few candidates a frame; the exact measurement refuses them
MAX_CANDIDATES = 8
SHORTEST_SHARE = 8  # the shortest lines sought have 1/8 of the rows of a tile
MIN_LINE_PX = 48
SCATTER_SAMPLE = 4000  # lines of a length, from which their scatter is known to 2 %
MOST_LINES = 4000  # of a length and orientation: more are one bright trail
NONE = np.empty(0, np.intp)
TILE_LOSS = 0.1  # a tile may miss so much of the height: a trail that crosses is hardly weaker for it


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line segment in map pixels (column, row) and its signal-to-noise ratio."""

    x0: float
    y0: float
    x1: float
    y1: float
    snr: float

    @property
    def ends(self) -> Ends:
        return self.x0, self.y0, self.x1, self.y1


def find_candidates(streaks: StreakMap) -> list[Candidate]:
    """The best line segments, strongest first, one for each trail as far as that can be told here."""
    found: list[NDArray[np.float64]] = []
    for transposed in (False, True):
        image = np.asarray(cv2.transpose(streaks.values) if transposed else streaks.values, dtype=np.int16)
        for mirrored in (False, True):
            with row_by_row():
                lines = _oriented(np.asarray(cv2.flip(image, 1), dtype=np.int16) if mirrored else image)
            if mirrored:
                lines[:, [0, 2]] = image.shape[1] - 1 - lines[:, [0, 2]]
            if transposed:
                lines = lines[:, [1, 0, 3, 2, 4]]
            found.append(lines)
    return _distinct(np.concatenate(found))


def _oriented(image: NDArray[np.int16]) -> NDArray[np.float64]:
    """Rows (x0, y0, x1, y1, snr) of the candidates that lean right by up to 45 degrees."""
    rows, tops = _tiles(image.shape[0])
    shortest = max(rows // SHORTEST_SHARE, MIN_LINE_PX)
    lengths = tuple(
        length for length in (rows // 8, rows // 4, rows // 2, rows) if length >= shortest or length == rows
    )
    short = short_lines(image, min(SHORT_ROWS, rows), (tops[-1] + rows) // min(SHORT_ROWS, rows))
    found = []
    for top in tops:
        lines = _above_threshold(short, top // short.rows, lengths)
        lines[:, [1, 3]] += top
        found.append(_inside(lines, image.shape[1]))
    return np.concatenate(found)


def _tiles(height: int) -> tuple[int, list[int]]:
    """(rows of a tile, a power of two; first rows of tiles that cover the height but for a tenth).

    Tiles begin where short lines do, which serve all of them.
    """
    rows = 2
    while rows * 2 <= min(height * (1.0 + 2 * TILE_LOSS), MAX_ROWS):
        rows *= 2
    step = min(SHORT_ROWS, rows)
    if rows >= height * (1.0 - TILE_LOSS):
        return rows, [max((height - rows) // 2, 0) // step * step]
    count = int(np.ceil((height * (1.0 - TILE_LOSS) - rows) / rows)) + 1
    return rows, [round(top / step) * step for top in np.linspace(0, height - rows, count).tolist()]


def _above_threshold(short: ShortLines, first_block: int, lengths: tuple[int, ...]) -> NDArray[np.float64]:
    """Candidates in one tile, in its rows."""
    longest, width = lengths[-1], short.width
    sigma = _scatter(short, first_block, lengths)
    # of a line of one pixel
    floor = {rows: LINE_UNITS * sigma[rows] * CANDIDATE_SIGMA for rows in lengths}
    roots = _least_roots(short.rows // shifts_at_once(short.rows, longest, width), longest, width)
    found: dict[int, list[NDArray[np.float64]]] = {rows: [] for rows in lengths}
    for part in line_sums(short, first_block, lengths):
        if part.rows < longest:
            limit = int(floor[part.rows] * part.rows**0.5)
            above = np.flatnonzero(part.sums > limit) if part.sums.max() > limit else NONE
        else:
            above = _full_lines_above(part, floor[longest], roots, width)
        if not len(above):
            continue
        block, shift, start = np.unravel_index(above, part.sums.shape)
        length: NDArray[np.float32] | np.float32 = np.float32(part.rows)
        if part.rows == longest:
            length = line_lengths(shift + part.first_shift, start + part.first_start, longest, width)
        snr = part.sums[block, shift, start] / (np.sqrt(length, dtype=np.float64) * LINE_UNITS * sigma[part.rows])
        x0, y0 = (start + part.first_start).astype(np.float64), block.astype(np.float64) * part.rows
        lines = np.stack([x0, y0, x0 + shift + part.first_shift, y0 + part.rows - 1, snr], axis=1)
        found[part.rows].append(lines)
    return np.concatenate([_strongest(lines) for lines in found.values()])


def _strongest(found: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    lines = np.concatenate([np.empty((0, 5)), *found])
    if len(lines) <= MOST_LINES:
        return lines
    return lines[np.argpartition(-lines[:, 4], MOST_LINES)[:MOST_LINES]]


def _full_lines_above(part: LineSums, floor: float, roots: NDArray[np.float32], width: int) -> NDArray[np.intp]:
    """Which of the full lines, in their flat order, are above ``floor`` times the root of their length.

    The highest sum of each start is held against the shortest of its lines first: to compute two million roots would
    take longer than the transform.
    """
    sums = part.sums[0]
    limit = floor * roots[part.first_shift // part.sums.shape[1], -part.sums.shape[2] :]
    starts = np.flatnonzero(np.maximum.reduce(sums, axis=0) > limit)
    if not len(starts):
        return NONE
    shift, number = np.divmod(np.flatnonzero(sums[:, starts] > limit[starts]), len(starts))
    start = starts[number]
    lengths = line_lengths(shift + part.first_shift, start + part.first_start, part.rows, width)
    above = sums[shift, start] > floor * np.sqrt(np.maximum(lengths, MIN_LINE_PX))
    return np.asarray(shift[above] * sums.shape[1] + start[above])


@lru_cache(maxsize=4)
def _least_roots(parts: int, rows: int, width: int) -> NDArray[np.float32]:
    """Root of the length of the shortest line of each part of the shifts, by start: (parts, rows + width).

    It is cut least by the left side where it leans most, and by the right side where it leans least.
    """
    first = np.arange(parts)[:, None] * (rows // parts)
    column = np.arange(-rows, width)
    shortest = np.minimum(
        line_lengths(first, column, rows, width), line_lengths(first + rows // parts - 1, column, rows, width)
    )
    return np.sqrt(np.maximum(shortest, MIN_LINE_PX), dtype=np.float32)


def _scatter(short: ShortLines, first_block: int, lengths: tuple[int, ...]) -> dict[int, float]:
    """For each length, the width of the distribution of its lines in units of their white-noise expectation:
    structure widens it.
    """
    samples: dict[int, list[NDArray[np.float32]]] = {rows: [] for rows in lengths}
    directions = len(range(short.rows)[SAMPLED]) or 1
    for part in sampled_sums(short, first_block, lengths):
        step = max(part.sums.size * directions // SCATTER_SAMPLE, 1)
        sums = part.sums[:, 0, ::step]
        root: NDArray[np.float32] | np.float32 = np.sqrt(np.float32(part.rows))
        if part.rows == lengths[-1]:
            root = _sampled_roots(part.first_shift, part.first_start, (sums.shape[1], step), part.rows, short.width)
        normalised = sums / (root * np.float32(LINE_UNITS))
        samples[part.rows].append(normalised[sums != 0])
    return {rows: _width(np.concatenate(of_length)) for rows, of_length in samples.items()}


@lru_cache(maxsize=64)
def _sampled_roots(shift: int, first_start: int, starts: tuple[int, int], rows: int, width: int) -> NDArray[np.float32]:
    """Roots of the lengths of full lines of one shift; ``starts``: how many, how many pairs of columns apart."""
    number, step = starts
    column = np.arange(number) * (2 * step) + first_start
    return np.sqrt(line_lengths(np.asarray(shift), column, rows, width))


def _width(sample: NDArray[np.float32]) -> float:
    """Half of the distance between the quantiles that lie one standard deviation from the median."""
    if len(sample) < 100:
        return 1.0
    sample = np.sort(sample)
    low, high = sample[[round(0.1587 * len(sample)), round(0.8413 * len(sample))]]
    return max(float(high - low) / 2.0, 0.5)


def _inside(lines: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Segments cut to the columns 0 .. width - 1."""
    x0, y0, x1, y1, snr = lines.T
    run, rise = x1 - x0, y1 - y0
    with np.errstate(divide="ignore", invalid="ignore"):
        enter = np.where(x0 < 0, -x0 / run, 0.0)
        leave = np.where(x1 > width - 1, (width - 1 - x0) / run, 1.0)
    keep = np.isfinite(enter) & np.isfinite(leave) & (leave > enter)
    cut = np.stack([x0 + enter * run, y0 + enter * rise, x0 + leave * run, y0 + leave * rise, snr], axis=1)
    return cut[keep]


def _distinct(lines: NDArray[np.float64]) -> list[Candidate]:
    """The strongest lines of which none lies along another: both ends within a few pixels of the stronger line."""
    lines = lines[np.argsort(-lines[:, 4], kind="stable")]
    chosen: list[Candidate] = []
    alive = np.ones(len(lines), dtype=bool)
    while alive.any() and len(chosen) < MAX_CANDIDATES:
        best = lines[alive.argmax()]
        chosen.append(Candidate(*(float(value) for value in best)))
        alive &= ~_explained(lines, best)
    return chosen


def _explained(lines: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Lines that the stronger one accounts for: parallel within its width, or crossing it at so small an angle that
    the overlap gives their sum.
    """
    run, rise = best[2] - best[0], best[3] - best[1]
    length = max(np.hypot(run, rise), 1.0)
    first = ((lines[:, 0] - best[0]) * rise - (lines[:, 1] - best[1]) * run) / length
    last = ((lines[:, 2] - best[0]) * rise - (lines[:, 3] - best[1]) * run) / length
    nearest = np.where(first * last < 0, 0.0, np.minimum(np.abs(first), np.abs(last)))
    farthest = np.maximum(np.abs(first), np.abs(last))
    # a line that leaves the other by ``farthest`` shares the part within a width of 8 pixels with it
    share = np.clip((8.0 - nearest) / np.maximum(farthest - nearest, 1e-9), 0.0, 1.0)
    expected = best[4] * share**0.5
    return np.asarray((farthest < 8.0) | (lines[:, 4] < 1.5 * expected) & (nearest < 8.0))


def on_finer_map(ends: Ends, scale: float) -> Ends:
    """The same place on a map whose pixels are ``scale`` times smaller."""
    offset = (scale - 1.0) / 2.0
    x0, y0, x1, y1 = ends
    return x0 * scale + offset, y0 * scale + offset, x1 * scale + offset, y1 * scale + offset
