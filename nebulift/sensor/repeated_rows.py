"""Rows that a camera sent twice: noise never repeats, so rows that do were not read from the sensor.

Two ways to suspect them on the map, one way to be sure: the raw rows must be equal, number by number.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.median import median
from nebulift.scan import Scan

CODE_ROWS = 4  # in a row whose greatest and smallest value repeat: once in 10^6 frames by chance
TEMPLATE_ROWS = 48  # of row means that correlate: blocks so tall may be displaced by half a row of the map, too
TEMPLATE_STEP = 16
SIMILAR = 0.62  # correlation of row means: 4.3 sigma of chance; 0.71 is due to a block displaced by half a row
TRIES = 6  # places that are looked at in the raw rows
MIN_RAW_ROWS = 6


def row_codes(scan: Scan) -> NDArray[np.int64]:
    """Greatest and smallest value of each row of the map, in one number. Call before the map is flattened."""
    return np.asarray(scan.units.max(axis=1).astype(np.int64) * 65536 + scan.units.min(axis=1))


def repeated_rows(
    frame: Frame, bin_px: int, codes: NDArray[np.int64], row_means: NDArray[np.float32]
) -> tuple[int, int] | None:
    """(first, one past the last) of the longest block of raw rows that repeats rows above it; ``None`` without one.

    Rows may be repeated at any distance and displaced sideways, wrapping round. ``codes`` from ``row_codes``,
    ``row_means``: clipped means of the flattened map's rows.
    """
    best: tuple[int, int] | None = None
    for upper, lower in [*_equal_codes(codes), *_alike(row_means)]:
        found = _verified(frame, bin_px, upper, lower)
        if found is not None and (best is None or found[1] - found[0] > best[1] - best[0]):
            best = found
    return best


def _equal_codes(codes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Pairs of map rows from which on greatest and smallest values repeat over some rows."""
    if len(codes) <= CODE_ROWS:
        return []
    runs = np.lib.stride_tricks.sliding_window_view(codes, CODE_ROWS)
    order = np.lexsort(runs.T)
    same = (runs[order[1:]] == runs[order[:-1]]).all(axis=1)
    pairs = np.sort(np.stack([order[:-1][same], order[1:][same]], axis=1), axis=1)
    return [(int(upper), int(lower)) for upper, lower in pairs[np.argsort(pairs[:, 1], kind="stable")][:TRIES]]


def _alike(row_means: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Pairs of places at which the course of the row means is the same, or that between two rows, best first."""
    if len(row_means) < 3 * TEMPLATE_ROWS:
        return []
    course = row_means - cv2.blur(row_means.reshape(-1, 1), (1, TEMPLATE_ROWS))[:, 0]
    scatter = 1.4826 * median(np.abs(course))
    if scatter <= 0.0:
        return []
    course = np.clip(course / scatter, -4.0, 4.0)
    between = (course[:-1] + course[1:]) / 2.0
    templates = _normalised(course)[::TEMPLATE_STEP]
    found: list[tuple[float, int, int]] = []
    for other in (course, between):
        score = templates @ _normalised(other).T
        lower = np.arange(len(templates))[:, None] * TEMPLATE_STEP
        score[np.arange(score.shape[1])[None, :] > lower - MIN_RAW_ROWS] = 0.0  # only rows above can be repeated
        best = score.argmax(axis=1)
        value = score[np.arange(len(best)), best]
        found += [(float(value[n]), int(best[n]), int(n) * TEMPLATE_STEP) for n in np.flatnonzero(value > SIMILAR)]
    return [(upper, lower) for _, upper, lower in sorted(found, reverse=True)[:TRIES]]


def _normalised(course: NDArray[np.float32]) -> NDArray[np.float32]:
    """All stretches of ``TEMPLATE_ROWS``, mean 0 and length 1: (places, rows)."""
    runs = np.lib.stride_tricks.sliding_window_view(course, TEMPLATE_ROWS)
    runs = runs - runs.mean(axis=1, keepdims=True)
    return np.asarray(runs / np.maximum(np.linalg.norm(runs, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _verified(frame: Frame, bin_px: int, upper: int, lower: int) -> tuple[int, int] | None:
    """The block of raw rows around map row ``lower`` that repeats the rows around ``upper``, or ``None``."""
    middle = (lower + CODE_ROWS // 2) * bin_px
    guess = (lower - upper) * bin_px
    given = frame.pixels.rows(middle, min(middle + 1, frame.shape[0]))[0]
    if given.min() == given.max():
        return None
    for distance in range(max(guess - bin_px, 1), guess + bin_px + 1):
        if middle - distance < 0:
            continue
        source = frame.pixels.rows(middle - distance, middle - distance + 1)[0]
        shift = _shift_between(source, given)
        if shift is not None:
            return _extent(frame, middle, distance, shift)
    return None


def _shift_between(source: NDArray[np.generic], given: NDArray[np.generic]) -> int | None:
    """By how many pixels ``source`` must be rolled to be ``given``, exactly; ``None`` when it never is."""
    if np.array_equal(source, given):
        return 0
    with np.errstate(invalid="ignore"):  # the sum of both infinities is no number, and equal to none
        if float(np.sum(source, dtype=np.float64)) != float(np.sum(given, dtype=np.float64)):
            return None
    start = given[:3]
    wrapped = np.concatenate([source, source[:2]])
    places = np.flatnonzero((wrapped[:-2] == start[0]) & (wrapped[1:-1] == start[1]) & (wrapped[2:] == start[2]))
    for place in places:
        if np.array_equal(np.roll(source, -place), given):
            return -int(place)
    return None


def _extent(frame: Frame, middle: int, distance: int, shift: int) -> tuple[int, int] | None:
    """First and one past the last of the raw rows about ``middle`` that repeat those ``distance`` above."""

    def repeats(row: int) -> bool:
        if row - distance < 0 or row >= frame.shape[0]:
            return False
        source = frame.pixels.rows(row - distance, row - distance + 1)[0]
        return np.array_equal(np.roll(source, shift), frame.pixels.rows(row, row + 1)[0])

    top = bottom = middle
    while repeats(top - 1):
        top -= 1
    while repeats(bottom):
        bottom += 1
    is_margin = distance == 1 and (top <= 1 or bottom == frame.shape[0])  # the outermost row drawn out to the border
    return (top, bottom) if bottom - top >= MIN_RAW_ROWS and not is_margin else None
