"""Charge that runs over: from a pixel that is full into those above and below, as a CCD without a drain shows it."""

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import STRIP_ROWS, Frame
from nebulift.scan import UNITS_PER_SIGMA, Scan

HALF = 0.45  # of the ceiling: the mean of a full pixel and an empty one beside it
MIN_RUN_MAP_PX = 12  # shorter ones are stars
SLENDER = 4.0  # times as long as wide: a burnt-out star is round
FULL_SHARE = 0.8  # of the rows of a run that are at the ceiling in truth
# Where the charge comes from, a star's core, more is full side by side than along the run; a stuck column has no such.
CORE_MORE_PX, CORE_REACH_MAP_PX = 2, 4
MAX_COLUMNS = 400  # looked at, the fullest: more are the core of something bright


def longest_bleed_px(frame: Frame, scan: Scan, ceiling_adu: float) -> float:
    """Length, in raw rows, of the longest narrow run of full pixels along a column; 0 without one.

    Of the map only what is near the ceiling is looked at; a run found there is checked in the raw rows.
    """
    limit = (HALF * (ceiling_adu - scan.zero_adu)) / scan.sigma_adu * UNITS_PER_SIGMA
    full = int(min(limit, np.iinfo(np.int16).max - 1))
    heights = np.zeros(scan.units.shape[1], dtype=np.int32)
    for top in range(0, len(scan.units), STRIP_ROWS):  # a mask of the whole map would need a quarter byte a pixel
        heights += np.add.reduce(scan.units[top : top + STRIP_ROWS] >= full, axis=0, dtype=np.int16)
    columns = np.flatnonzero(heights >= MIN_RUN_MAP_PX)
    longest = 0.0
    for column in columns[np.argsort(-heights[columns], kind="stable")][:MAX_COLUMNS]:
        if heights[column] * scan.bin_px <= longest:
            break
        top, bottom = _longest_run(scan.units[:, column] >= full)
        length = bottom - top
        if length < MIN_RUN_MAP_PX or length < SLENDER * _width(scan.units[top:bottom] >= full, int(column)):
            continue
        if _is_full(frame, scan, (top, bottom), int(column), ceiling_adu):
            longest = max(longest, float(length * scan.bin_px))
    return longest


def _longest_run(mask: NDArray[np.bool_]) -> tuple[int, int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    best = int((edges[1::2] - edges[::2]).argmax())
    return int(edges[2 * best]), int(edges[2 * best + 1])


def _width(rows: NDArray[np.bool_], column: int) -> float:
    """Median number of full pixels that hang together with ``column``."""
    right = np.argmin(np.concatenate([rows[:, column:], np.zeros((len(rows), 1), bool)], axis=1), axis=1)
    left = np.argmin(np.concatenate([rows[:, column::-1], np.zeros((len(rows), 1), bool)], axis=1), axis=1)
    return float(np.median(left + right - 1))


def _is_full(frame: Frame, scan: Scan, run: tuple[int, int], column: int, ceiling_adu: float) -> bool:
    """Whether the raw rows of the run are full, and more of one of them, where the star is."""
    first = max(column - CORE_REACH_MAP_PX, 0)
    raw = frame.pixels.rows(run[0] * scan.bin_px, run[1] * scan.bin_px)
    full = raw[:, first * scan.bin_px : (column + CORE_REACH_MAP_PX + 1) * scan.bin_px] >= ceiling_adu
    own = slice(max(column - 1 - first, 0) * scan.bin_px, (column + 2 - first) * scan.bin_px)
    if full[:, own].any(axis=1).mean() < FULL_SHARE:
        return False
    wide = np.count_nonzero(full, axis=1)
    return bool(wide.max() >= np.median(wide) + CORE_MORE_PX)
