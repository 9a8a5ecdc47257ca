"""Rows of dots at equal distances: the flashes of an aircraft, whose body between them may be too faint to be seen.

Dots look like stars, so they are sought as points: two of them foretell where the others lie, and it is counted how
many of these places are taken. How often stars would do so by chance is known from their density.
"""

from dataclasses import dataclass, replace
from math import lgamma, log

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.streaks.tilt import across_map

MAX_SIDE_PX = 1700  # dots are sought on the finest map but one that is not larger
SMOOTHING_PX = 1.0  # flashes are out of focus
DOT_SIGMA = 5.5  # of the smoothed map
RING_PX, RING_PLACES, RING_SHARE = 4.5, 20, 0.6
MAX_DOTS = 400  # the brightest; more make rows by chance
MIN_DISTANCE_PX = 8.0  # of that map: dots that are nearer make a line
LONGEST_STEP_SHARE = 0.25  # of the diagonal
ALIKE = 2.0  # one light: the heights of its flashes differ by less than this factor
NEIGHBOURS, BEYOND = (-1, 2), (-3, -2, 3, 4)  # places that two dots at 0 and 1 foretell well enough
SEED_DOTS = 4  # of a row that is looked at further
SEED_TOLERANCE_PX, SEED_GROWTH_PX = 1.2, 0.35  # and so much more with each step
REACH_PX = 3  # of the table in which places are looked up
SEED_REACH = 4  # steps
MAX_SEEDS = 24
TOLERANCE_PX = 1.5  # of the row once it is fitted
ROUNDS = 3
MIN_DOTS = 5
TAKEN_SHARE = 0.7  # of the places between the first and the last dot
CHANCE = 1e-6  # that stars make such a row anywhere in a frame; stars cluster, so it is far less than is tolerable
CLUSTERED = 2.0  # by which the density of dots beside the row counts
BESIDE_PX = 20.0
AXIS_SHARE = 0.02  # rows along rows and columns are defects of the sensor
MAX_ROWS = 4


@dataclass(frozen=True, slots=True, eq=False)
class FlashRow:
    """Dots in a row, in raw pixels: the first and the last place, drawn out by half of a step and cut to the map."""

    x0: float
    y0: float
    x1: float
    y1: float
    dots: int


@dataclass(frozen=True, slots=True, eq=False)
class _Dots:
    """Places (n, 2) as (x, y) in pixels of the map, falling heights (n,), and which dot is near each pixel."""

    places: NDArray[np.float64]
    heights: NDArray[np.float64]
    table: NDArray[np.int32]  # -1: none within ``REACH_PX``

    def at(self, places: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """(number of the dot near each place or -1, its distance); places outside the map have none."""
        height, width = self.table.shape
        columns, rows = np.moveaxis(np.rint(places).astype(np.intp), -1, 0)
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        found, distance = np.full(inside.shape, -1, dtype=np.int32), np.full(inside.shape, np.inf)
        found[inside] = self.table[rows[inside], columns[inside]]
        near = found >= 0  # few
        distance[near] = np.hypot(*(places[near] - self.places[found[near]]).T)
        return found, distance


def find_flash_rows(maps: list[NDArray[np.int16]], bin_px: int) -> list[FlashRow]:
    """Rows of at least ``MIN_DOTS`` dots at equal distances, surest first. ``maps``: pyramid of the flattened scan."""
    level = next((one for one in range(1, len(maps)) if max(maps[one].shape) <= MAX_SIDE_PX), len(maps) - 1)
    dots = _dots(maps[level])
    rows: list[FlashRow] = []
    while len(rows) < MAX_ROWS and len(dots.heights) >= MIN_DOTS:
        taken = _best_row(dots)
        if taken is None:
            break
        row = _row(dots.places[taken], maps[level].shape)
        if row is not None:
            scale = bin_px * 2**level
            raw = {name: (getattr(row, name) + 0.5) * scale - 0.5 for name in ("x0", "y0", "x1", "y1")}
            rows.append(replace(row, **raw))
        left = np.setdiff1d(np.arange(len(dots.heights)), taken)
        dots = _tabled(dots.places[left], dots.heights[left], dots.table.shape)
    return rows


def _dots(level_map: NDArray[np.int16]) -> _Dots:
    """The brightest local maxima, to a fraction of a pixel."""
    smooth = np.asarray(cv2.GaussianBlur(level_map, (5, 5), SMOOTHING_PX), dtype=np.int16)
    highest = np.asarray(cv2.dilate(smooth, np.ones((3, 3), np.uint8)))
    limit = DOT_SIGMA * UNITS_PER_SIGMA / (2.0 * np.pi**0.5 * SMOOTHING_PX)  # what is left of white noise
    at = np.flatnonzero(smooth > np.int16(limit))  # few, so that the rest is asked of them alone
    at = at[smooth.ravel()[at] == highest.ravel()[at]]
    rows, columns = np.divmod(at, smooth.shape[1])
    inner = (rows > 0) & (rows < level_map.shape[0] - 1) & (columns > 0) & (columns < level_map.shape[1] - 1)
    rows, columns = _isolated(smooth, rows[inner], columns[inner])
    order = np.argsort(-smooth[rows, columns], kind="stable")[:MAX_DOTS]
    rows, columns = rows[order], columns[order]
    step = np.arange(-1, 2)
    around = smooth[rows[:, None, None] + step[:, None], columns[:, None, None] + step].astype(np.float64).clip(0)
    total = np.maximum(around.sum(axis=(1, 2)), 1.0)
    x = columns + (around * step).sum(axis=(1, 2)) / total
    y = rows + (around * step[:, None]).sum(axis=(1, 2)) / total
    falling = np.argsort(-total, kind="stable")
    return _tabled(np.stack([x, y], axis=1)[falling], total[falling], level_map.shape)


def _isolated(
    smooth: NDArray[np.int16], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Those whose light has fallen at ``RING_PX`` on either side: maxima along a bright trail have light on both."""
    turns = np.arange(RING_PLACES) * (2.0 * np.pi / RING_PLACES)
    down, across = np.rint(RING_PX * np.sin(turns)).astype(int), np.rint(RING_PX * np.cos(turns)).astype(int)
    y = (rows[:, None] + down).clip(0, smooth.shape[0] - 1)
    x = (columns[:, None] + across).clip(0, smooth.shape[1] - 1)
    one, other = np.split(smooth[y, x], 2, axis=1)  # opposite places
    alone = np.minimum(one, other).max(axis=1) < RING_SHARE * smooth[rows, columns]
    return rows[alone], columns[alone]


def _tabled(places: NDArray[np.float64], heights: NDArray[np.float64], shape: tuple[int, int]) -> _Dots:
    table = np.full(shape, -1, dtype=np.int32)
    nearest = np.rint(places).astype(int).tolist()
    for number in range(len(places) - 1, -1, -1):  # the brightest last: it stays on top
        x, y = nearest[number]
        table[max(y - REACH_PX, 0) : y + REACH_PX + 1, max(x - REACH_PX, 0) : x + REACH_PX + 1] = number
    return _Dots(places, heights, table)


def _best_row(dots: _Dots) -> NDArray[np.intp] | None:
    """Numbers of the dots of the row that stars are least likely to make, or ``None``."""
    first, last = _pairs(dots)
    if len(first) == 0:
        return None
    origin, step = dots.places[first], dots.places[last] - dots.places[first]
    like = np.sqrt(dots.heights[first] * dots.heights[last])
    taken = _foretold(dots, origin, step, like, NEIGHBOURS)
    some = np.flatnonzero(taken)
    origin, step, like = origin[some], step[some], like[some]
    taken = taken[some] + 2 + _foretold(dots, origin, step, like, BEYOND)
    seeds = np.argsort(-taken, kind="stable")[:MAX_SEEDS]
    for seed in seeds[taken[seeds] >= SEED_DOTS]:
        grown = _grown(dots, origin[seed], step[seed], float(like[seed]))
        if grown is not None and _chance(dots, grown, len(first)) < log(CHANCE):
            return grown[1]
    return None


def _foretold(
    dots: _Dots,
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
    like: NDArray[np.float64],
    numbers: tuple[int, ...],
) -> NDArray[np.intp]:
    """For each pair of dots, how many of the places so many steps from the first are taken by a dot like them."""
    taken = np.zeros(len(origin), dtype=np.intp)
    for number in numbers:
        found, distance = dots.at(origin + number * step)
        near = distance < SEED_TOLERANCE_PX + SEED_GROWTH_PX * abs(number)
        taken += (found >= 0) & near & _alike(dots.heights[found], like)
    return taken


def _pairs(dots: _Dots) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Dots that may be neighbours in a row. Heights fall: those that are alike are near in the list."""
    count = len(dots.heights)
    faintest = np.searchsorted(-dots.heights, -dots.heights / ALIKE)  # the first that is too faint for each
    partners = np.maximum(faintest - np.arange(count) - 1, 0)
    first = np.repeat(np.arange(count), partners)
    last = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners) + first + 1
    x, y = dots.places.T
    square = (x[last] - x[first]) ** 2 + (y[last] - y[first]) ** 2
    longest = LONGEST_STEP_SHARE * np.hypot(*dots.table.shape)
    fit = (square >= MIN_DISTANCE_PX**2) & (square <= longest**2)
    return first[fit], last[fit]


def _alike(height: NDArray[np.float64], other: NDArray[np.float64] | float) -> NDArray[np.bool_]:
    return np.asarray((height < ALIKE * other) & (height * ALIKE > other), dtype=bool)


def _grown(
    dots: _Dots, origin: NDArray[np.float64], step: NDArray[np.float64], like: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """(places in the row, dots at them) of the row that begins with two dots, fitted again and again."""
    reach, tolerance = SEED_REACH, TOLERANCE_PX + SEED_TOLERANCE_PX
    numbers, found = np.empty(0, np.intp), np.empty(0, np.intp)
    for _ in range(ROUNDS):
        numbers = np.arange(-reach, reach + 1)
        near, distance = dots.at(origin + numbers[:, None] * step)
        taken = (near >= 0) & (distance < tolerance) & _alike(dots.heights[near], like)
        numbers, found = numbers[taken], near[taken].astype(np.intp)
        if len(numbers) < SEED_DOTS:
            return None
        like = float(np.median(dots.heights[found]))
        from_middle = (numbers - numbers.mean())[:, None]
        step = (from_middle * dots.places[found]).sum(axis=0) / (from_middle**2).sum()
        origin = dots.places[found].mean(axis=0) - numbers.mean() * step
        tolerance = TOLERANCE_PX
        reach = min(int(np.hypot(*dots.table.shape) / max(float(np.hypot(*step)), 1.0)), 400)
    span = int(numbers[-1] - numbers[0]) + 1
    along_axis = min(abs(step)) < AXIS_SHARE * max(abs(step))
    if len(numbers) < MIN_DOTS or len(numbers) < TAKEN_SHARE * span or along_axis:
        return None
    return numbers, found


def _chance(dots: _Dots, row: tuple[NDArray[np.intp], NDArray[np.intp]], pairs: int) -> float:
    """Logarithm of how many such rows stars would make by chance: each place but two is taken with the same odds."""
    numbers, found = row
    alike = _alike(dots.heights, float(np.median(dots.heights[found])))
    alike[found] = False
    ends = dots.places[found[[0, -1]]]
    run, rise = ends[1] - ends[0]
    length = float(np.hypot(run, rise))
    away = dots.places - ends[0]
    across, along = np.abs(away[:, 0] * rise - away[:, 1] * run) / length, (away @ (run, rise)) / length
    beside = alike & (across < BESIDE_PX) & (along > -BESIDE_PX) & (along < length + BESIDE_PX)
    everywhere = (alike.sum() + 1.0) / dots.table.size
    here = CLUSTERED * (beside.sum() + 1.0) / (2.0 * BESIDE_PX * (length + 2.0 * BESIDE_PX))
    odds = min(np.pi * TOLERANCE_PX**2 * max(everywhere, here), 0.5)
    places, taken = int(numbers[-1] - numbers[0]) + 1, len(numbers)
    ways = lgamma(places + 1) - lgamma(taken + 1) - lgamma(places - taken + 1)
    return ways + (taken - 2) * log(odds) + log(max(pairs, 1))


def _row(places: NDArray[np.float64], shape: tuple[int, int]) -> FlashRow | None:
    """The line through the dots from half of a step before the first to half of a step beyond the last."""
    middle = places.mean(axis=0)
    _, _, (direction, _) = np.linalg.svd(places - middle)
    along = np.sort((places - middle) @ direction)
    half = float(np.median(np.diff(along))) / 2.0
    first, last = middle + (along[0] - half) * direction, middle + (along[-1] + half) * direction
    chord = across_map((*first, *last), shape)
    if chord is None:
        return None
    inside = [np.clip(((np.array(end) - first) @ direction), 0.0, None) for end in (chord[:2], chord[2:])]
    start, stop = min(inside), min(max(inside), float((last - first) @ direction))
    (x0, y0), (x1, y1) = first + start * direction, first + stop * direction
    return FlashRow(float(x0), float(y0), float(x1), float(y1), len(places))
