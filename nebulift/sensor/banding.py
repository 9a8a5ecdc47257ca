"""Bands: rows or columns that differ from their neighbours over much of the frame, wherever in it they are.

A line's height is the median over the blocks along it: stars, galaxies and partial columns do not count, only what runs
through the frame. It is told in noise along the line, which no band adds to.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.median import median
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.sensor.block_sums import CLIP_UNITS

RUNNING_LINES = 31  # banding is what changes faster than this many lines
WINDOWS = 8  # a supply may hum for a part of the read-out only
MIN_WINDOW = 48
OUTSTANDING_SIGMA = 1.0  # of one pixel: a line that a person sees at once
QUIETEST = 0.2  # of the map's noise: a line so quiet holds next to no numbers
NOISE_STEP_ALONG = 5  # of the pixels of a line, of which the noise is made
NOISE_STEP = 11  # of the lines


@dataclass(frozen=True, slots=True)
class Bands:
    """Of the rows, or of the columns."""

    everywhere_sigma: float  # scatter of line heights, median over windows, in noise of one map pixel
    somewhere_sigma: float  # the same in the window where it is greatest
    outstanding_fraction: float  # of all lines, that differ by more than that noise


def bands(sums: NDArray[np.int16], block: int, noise_units: float) -> Bands:
    """Bands among lines of which ``sums`` holds the clipped block sums (blocks, lines)."""
    ordered = np.sort(sums, axis=0)
    middle = (ordered[(len(sums) - 1) // 2].astype(np.float32) + ordered[len(sums) // 2]) / 2
    heights = middle / np.float32(block * noise_units)
    left = heights - cv2.blur(heights.reshape(-1, 1), (1, min(RUNNING_LINES, len(heights))))[:, 0]
    explained = (1.2533**2) / (len(sums) * block) * (UNITS_PER_SIGMA / noise_units) ** 2
    windows = np.array_split(left, max(min(WINDOWS, len(left) // MIN_WINDOW), 1))
    scatter = [1.4826 * median(np.abs(part - median(part))) for part in windows]
    return Bands(
        _beyond(median(scatter), explained),
        _beyond(max(scatter), explained),
        float((np.abs(left) > OUTSTANDING_SIGMA).mean()),
    )


def _beyond(scatter: float, explained: float) -> float:
    return float(np.sqrt(max(scatter**2 - explained, 0.0)))


def noise_along(flat: NDArray[np.int16], axis: int) -> float:
    """Noise in units of the map along lines of ``axis`` (0: columns): what lines differ by is not in it.

    Standard deviation of the clipped pixels of a line, the median of some lines: the converter's steps count as they
    do for the eye where they are larger than the noise. Many stars add to it, which errs on the safe side.
    """
    some = flat[:, ::NOISE_STEP].T if axis == 0 else flat[::NOISE_STEP]
    clipped = np.clip(some[:, ::NOISE_STEP_ALONG], -CLIP_UNITS, CLIP_UNITS).astype(np.float32)
    return max(median(clipped.std(axis=1)), QUIETEST * UNITS_PER_SIGMA)
