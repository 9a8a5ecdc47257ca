"""Candidates for trails: the highest line sums of a ``StreakMap``, over all directions and several lengths."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.radon import MAX_ROWS, LineSums, line_length, line_lengths, line_sums
from nebulift.streaks.search_map import LINE_UNITS, StreakMap

CANDIDATE_SIGMA = 5.4  # pure noise gives a few candidates a frame; the exact measurement refuses them
MAX_CANDIDATES = 8
SHORTEST_SHARE = 8  # the shortest lines sought have 1/8 of the rows of a tile
MIN_LINE_PX = 48
STRIP_SHIFTS = 128  # of a patch of sums that is looked at in one go
CUT_PATCHES = 4  # along the starts of the lines that a side of the image cuts
SCATTER_SHIFTS, SCATTER_STARTS = 64, 128  # of the sample from which the scatter of all lines is known to 1 %
TILE_LOSS = 0.1  # a tile may miss so much of the height: a trail that crosses is hardly weaker for it


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line segment in map pixels (column, row) and its signal-to-noise ratio."""

    x0: float
    y0: float
    x1: float
    y1: float
    snr: float


def find_candidates(streaks: StreakMap) -> list[Candidate]:
    """The best line segments, strongest first, one for each trail as far as that can be told here."""
    found: list[NDArray[np.float64]] = []
    for transposed in (False, True):
        image = np.asarray(cv2.transpose(streaks.values) if transposed else streaks.values, dtype=np.int16)
        for mirrored in (False, True):
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
    found = [np.empty((0, 5))]
    for top in tops:
        tile = np.zeros((rows, image.shape[1]), dtype=np.int16)
        part = image[top : top + rows]
        tile[: len(part)] = part
        for sums in line_sums(tile, lengths):
            lines = _above_threshold(sums, tile.shape)
            lines[:, [1, 3]] += top
            found.append(lines)
    return np.concatenate(found)


def _tiles(height: int) -> tuple[int, list[int]]:
    """(rows of a tile, a power of two; first rows of tiles that cover the height but for a tenth)."""
    rows = 1
    while rows * 2 <= min(height * (1.0 + 2 * TILE_LOSS), MAX_ROWS):
        rows *= 2
    if rows >= height * (1.0 - TILE_LOSS):
        return rows, [max((height - rows) // 2, 0)]
    count = int(np.ceil((height * (1.0 - TILE_LOSS) - rows) / rows)) + 1
    return rows, [int(top) for top in np.linspace(0, height - rows, count)]


def _above_threshold(sums: LineSums, shape: tuple[int, int]) -> NDArray[np.float64]:
    full = sums.rows == shape[0]
    sigma = _scatter(sums, shape)
    floor = LINE_UNITS * sigma * CANDIDATE_SIGMA  # of a line of one pixel
    if full:
        above = _full_lines_above(sums.sums[0], shape, floor)
    else:
        limit = int(floor * sums.rows**0.5)
        above = np.flatnonzero(sums.sums > limit) if sums.sums.max() > limit else np.empty(0, dtype=np.intp)
    block, shift, start = np.unravel_index(above, sums.sums.shape)
    length = line_lengths(shift, start, *shape) if full else np.float32(sums.rows)
    snr = sums.sums[block, shift, start] / (np.sqrt(length, dtype=np.float64) * LINE_UNITS * sigma)
    if len(snr) > 4000:
        best = np.argpartition(-snr, 4000)[:4000]
        block, shift, start, snr = block[best], shift[best], start[best], snr[best]
    x0 = start.astype(np.float64) - sums.pad
    y0 = block.astype(np.float64) * sums.rows
    lines = np.stack([x0, y0, x0 + shift, y0 + sums.rows - 1, snr], axis=1)
    return _inside(lines, shape[1])


def _full_lines_above(sums: NDArray[np.int16], shape: tuple[int, int], floor: float) -> NDArray[np.intp]:
    """Flat indices of the sums, shape (shifts, starts), above ``floor`` times the root of their length.

    To compute two million roots would take longer than the transform: the highest sum of a patch is held against the
    floor of its shortest line first, and all of them against their own only where it passes.
    """
    rows, starts = sums.shape
    found = [np.empty(0, dtype=np.intp)]
    for first in range(0, rows, STRIP_SHIFTS):
        last = min(first + STRIP_SHIFTS, rows)
        # lines enter by the left side, cross all rows, leave by the right side; further left and right is nothing
        entering = np.linspace(rows - last, rows, CUT_PATCHES + 1).astype(int)
        leaving = np.linspace(max(starts - last, rows), starts, CUT_PATCHES + 1).astype(int)
        for left, right in pairwise([*entering, *leaving]):
            if right <= left:
                continue
            patch = sums[first:last, left:right]
            shift, start = (first, left) if left < rows else (last - 1, right - 1)  # of the shortest line
            limit = int(floor * max(line_length(shift, start, *shape), MIN_LINE_PX) ** 0.5)
            if patch.max() <= limit:
                continue
            down, across = np.divmod(np.flatnonzero(patch > limit), right - left)  # np.nonzero takes four times as long
            found.append((down + first) * starts + across + left)
    perhaps = np.concatenate(found)
    lengths = line_lengths(*np.divmod(perhaps, starts), *shape)
    return np.asarray(perhaps[sums.ravel()[perhaps] > floor * np.sqrt(np.maximum(lengths, MIN_LINE_PX))])


def _scatter(sums: LineSums, shape: tuple[int, int]) -> float:
    """Width of the distribution of all lines in units of their white-noise expectation: structure widens it."""
    blocks, rows, starts = sums.sums.shape
    shift = np.arange(0, blocks * rows, max(1, blocks * rows // SCATTER_SHIFTS))[:, None]
    start = np.arange(0, starts, max(1, starts // SCATTER_STARTS))[None, :]
    sample = sums.sums.reshape(-1, starts)[shift, start].astype(np.float32)
    lengths = line_lengths(shift, start, *shape) if rows == shape[0] else np.float32(rows)
    normalised = (sample / (np.sqrt(lengths) * LINE_UNITS))[sample != 0]
    if normalised.size < 100:
        return 1.0
    low, high = np.quantile(normalised, [0.1587, 0.8413])
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


def candidate_lines(candidates: list[Candidate], scale: float) -> Iterator[tuple[float, float, float, float]]:
    """End points of the candidates on a map whose pixels are ``scale`` times smaller."""
    offset = (scale - 1.0) / 2.0
    for line in candidates:
        yield line.x0 * scale + offset, line.y0 * scale + offset, line.x1 * scale + offset, line.y1 * scale + offset
