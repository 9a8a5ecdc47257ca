"""The map on which trails are sought: stars covered, bright pixels clipped, patterns of rows and columns taken off."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.median import ranked_by_counting
from nebulift.scan import UNITS_PER_SIGMA

LINE_UNITS = 8  # units of the search map in one sigma
CLIP_SIGMA = 3.0  # no pixel then carries a line; 1024 pixels at the clip still fit into int16
RICH_CLIP_SIGMA = 1.5  # where there is more light than can be covered: what is higher is a star
SMOOTHING_SIGMA_PX = 0.7  # raises the S/N of a line against the noise maximum by 15 % (see docs/measured.md)
PLAIN_SIDE_PX = 48  # side of the moving mean that takes off what mesh and clipped stars leave
PLAIN_STEP_PX = 8  # of the coarse map on which that mean is taken
NOISE_SAMPLES = 50_000
STRIP_ROWS = 64
MAX_SIDE_PX = 1700  # the search runs on the finest level not larger than this


@dataclass(frozen=True, slots=True, eq=False)
class StreakMap:
    """``values``: int16 in eighths of sigma, shape (h, w), clipped, zero where ``covered``; ``scale_px`` raw a side."""

    values: NDArray[np.int16]
    covered: NDArray[np.bool_]
    scale_px: int


def search_level(maps: list[NDArray[np.int16]]) -> int:
    """The finest level of the pyramid on which a search over all lines is cheap enough for a Pi."""
    fitting = [level for level, level_map in enumerate(maps) if max(level_map.shape) <= MAX_SIDE_PX]
    return fitting[0] if fitting else len(maps) - 1


def streak_map(
    level_map: NDArray[np.int16], covered: NDArray[np.bool_], scale_px: int, *, clip_sigma: float = CLIP_SIGMA
) -> StreakMap:
    """The search map of one pyramid level; ``covered`` pixels (stars) take no part."""
    values = np.asarray(cv2.GaussianBlur(level_map, (5, 5), SMOOTHING_SIGMA_PX), dtype=np.int16)
    noise = _noise(values, covered)
    limit = round(clip_sigma * noise)
    np.clip(values, -limit, limit, out=values)
    np.copyto(values, 0, where=covered)
    flat = values.astype(np.float32)
    mean = _local_mean(flat, covered)
    np.subtract(flat, mean, out=flat)
    np.copyto(flat, 0.0, where=covered)
    columns, rows = _line_means(flat, covered)
    scale, most = LINE_UNITS / noise, round(clip_sigma * LINE_UNITS)
    for strip in _strips(len(values)):
        part, beside = flat[strip], mean[strip]  # the mean is done with: its place serves
        np.add(columns, rows[strip], out=beside)
        cv2.addWeighted(part, scale, beside, -scale, 0.0, dst=values[strip], dtype=cv2.CV_16S)
        np.clip(values[strip], -most, most, out=values[strip])
        np.copyto(values[strip], 0, where=covered[strip])
    return StreakMap(values, covered, scale_px)


def _noise(smooth: NDArray[np.int16], covered: NDArray[np.bool_]) -> float:
    """Standard deviation from the lower half of the open sky: unresolved stars only add to the upper."""
    step = max(1, int((smooth.size / NOISE_SAMPLES) ** 0.5))
    ranked = ranked_by_counting(smooth[::step, ::step][~covered[::step, ::step]])
    if ranked.size == 0:
        return UNITS_PER_SIGMA
    median = _middle(ranked)
    lower = ranked[: np.searchsorted(ranked, median, side="right")]
    below = median - lower[lower > median - 4.0 * (median - _middle(lower)) - 1.0].astype(np.float32)
    return max(float(np.sqrt(np.mean(below**2))), 1.0)


def _middle(ranked: NDArray[np.int16]) -> float:
    return (float(ranked[(len(ranked) - 1) // 2]) + float(ranked[len(ranked) // 2])) / 2.0


def _strips(height: int) -> Iterator[slice]:
    """Rows in strips that stay in cache."""
    for top in range(0, height, STRIP_ROWS):
        yield slice(top, top + STRIP_ROWS)


def _local_mean(values: NDArray[np.float32], covered: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mean of the open sky around each pixel, by way of a coarse map: it has no detail finer than its window.

    ``values`` are 0 where covered. Of whole cells: parts of one would take ten times as long, and move nothing by more
    than a cell.
    """
    height, width = values.shape
    size = (max(width // PLAIN_STEP_PX, 1), max(height // PLAIN_STEP_PX, 1))
    cells = np.s_[: max(size[1] * PLAIN_STEP_PX, 1), : max(size[0] * PLAIN_STEP_PX, 1)]
    window = (PLAIN_SIDE_PX // PLAIN_STEP_PX - 1,) * 2  # the interpolation widens it by a cell
    total = cv2.blur(cv2.resize(values[cells], size, interpolation=cv2.INTER_AREA), window)
    hidden = cv2.resize(covered[cells] * np.uint8(255), size, interpolation=cv2.INTER_AREA)
    share = 1.0 - cv2.blur(hidden.astype(np.float32), window) / 255.0
    return np.asarray(cv2.resize(total / np.maximum(share, 0.05), (width, height), interpolation=cv2.INTER_LINEAR))


def _line_means(
    values: NDArray[np.float32], covered: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(mean of each column (1, width), mean of each row of the rest (height, 1)) over the open sky: what is brighter or
    darker as a whole column or row is no trail, as none lies along them to within a pixel over the whole frame.
    """
    hidden, (height, width) = covered.view(np.uint8), values.shape
    open_rows = height - cv2.reduce(hidden, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F)
    open_columns = width - cv2.reduce(hidden, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32F)
    columns = cv2.reduce(values, 0, cv2.REDUCE_SUM) / np.maximum(open_rows, 1.0)
    covered_light = np.concatenate([hidden[strip].astype(np.float32) @ columns.T for strip in _strips(height)])
    rows = cv2.reduce(values, 1, cv2.REDUCE_SUM) - columns.sum() + covered_light
    rows /= np.maximum(open_columns, 1.0)
    return np.asarray(columns, np.float32), np.asarray(rows, np.float32)
