"""The map on which trails are sought: stars covered, bright pixels clipped, patterns of rows and columns taken off."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA

LINE_UNITS = 8  # units of the search map in one sigma
CLIP_SIGMA = 3.0  # no pixel then carries a line; 1024 pixels at the clip still fit into int16
SMOOTHING_SIGMA_PX = 0.7  # raises the S/N of a line against the noise maximum by 15 % (see docs/measured.md)
PLAIN_SIDE_PX = 48  # side of the moving mean that takes off what mesh and clipped stars leave
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


def streak_map(level_map: NDArray[np.int16], covered: NDArray[np.bool_], scale_px: int) -> StreakMap:
    """The search map of one pyramid level; ``covered`` pixels (stars) take no part."""
    sigma = cv2.GaussianBlur(level_map, (5, 5), SMOOTHING_SIGMA_PX).astype(np.float32)
    open_sky = (~covered).astype(np.float32)
    noise = _noise(sigma[~covered]) if open_sky.any() else UNITS_PER_SIGMA
    limit = CLIP_SIGMA * noise
    clipped = np.clip(sigma, -limit, limit) * open_sky
    clipped = _less_local_mean(clipped, open_sky)
    for axis in (0, 1):
        clipped = _less_line_means(clipped, open_sky, axis)
    values = np.clip(clipped * (LINE_UNITS / noise), -CLIP_SIGMA * LINE_UNITS, CLIP_SIGMA * LINE_UNITS)
    return StreakMap(np.rint(values * open_sky).astype(np.int16), covered, scale_px)


def _noise(values: NDArray[np.float32]) -> float:
    """Standard deviation from the lower half: unresolved stars only add to the upper."""
    sample = values[:: max(1, values.size // 200_000)]
    median = float(np.median(sample))
    below = median - sample[sample <= median]
    return max(float(np.sqrt(np.mean(below[below < 4.0 * np.median(below) + 1.0] ** 2))), 1.0)


def _less_local_mean(values: NDArray[np.float32], open_sky: NDArray[np.float32]) -> NDArray[np.float32]:
    size = (PLAIN_SIDE_PX, PLAIN_SIDE_PX)
    mean = cv2.blur(values, size) / np.maximum(cv2.blur(open_sky, size), 0.05)
    return np.asarray((values - mean) * open_sky, dtype=np.float32)


def _less_line_means(values: NDArray[np.float32], open_sky: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Columns (axis 0) or rows (axis 1) that are brighter or darker as a whole lose that: no trail lies along them
    to within a pixel over the whole frame.
    """
    mean = values.sum(axis=axis, keepdims=True) / np.maximum(open_sky.sum(axis=axis, keepdims=True), 1.0)
    return np.asarray((values - mean) * open_sky, dtype=np.float32)
