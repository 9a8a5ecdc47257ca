"""Local maxima of a map: where something stands out, at one scale."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.median import median
from nebulift.scan import UNITS_PER_SIGMA

# Of the filtered map: 0.3 peaks of noise a megapixel. Nine in ten do not reach the limits of ``standing``, which
# compares with profiles that fit a star better than one filter for all.
PEAK_SIGMA = 4.7
# Standard deviation of the filter in map pixels: of a star of 1.5 raw pixels FWHM it keeps 0.68 of the S/N of a matched
# filter, of 3 pixels 0.84, of 4.5 pixels 0.83 (a wider one, of 0.85, 0.62, 0.85 and 0.87).
SMOOTHING = 0.75
STRIP_MAP_ROWS = 128
ALIKE_UNITS, MOST_ALIKE = 2.0, 0.5  # within so little of the median: 0.28 of the pixels of normal noise
LEAST_NOISE = 0.02  # sigma
WHOLE_PIXELS = 250_000  # of so small a map all are looked at
NOISE_BANDS = 16  # rows at least, spread over the map
NOISE_SAMPLE = 60_000  # pixels: they give the noise to better than a per cent


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """Positions in map pixels (column, row), brightest first; ``snr`` of the 3 x 3 smoothed map."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    snr: NDArray[np.float32]


def pyramid(flat: NDArray[np.int16], levels: int) -> list[NDArray[np.int16]]:
    """The flat map and its 2 x 2 means, each again in sixteenths of its own sigma (for noise that is white)."""
    maps = [flat]
    for _ in range(levels - 1):
        last = maps[-1]
        height, width = last.shape[0] // 2, last.shape[1] // 2
        if min(height, width) < 8:
            break
        means = cv2.resize(last[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
        # the mean of four has half the noise; OpenCV's sum saturates
        maps.append(np.asarray(cv2.add(means, means), dtype=np.int16))
    return maps


def smoothed(units: NDArray[np.int16]) -> NDArray[np.int16]:
    """The map after a 3 x 3 binomial filter, a fair match to any star image of 1.5 to 3 map pixels FWHM.

    Beyond the border the sky has its level, 0: a reflected border would be noisier than the frame by a third.
    """
    return np.asarray(cv2.GaussianBlur(units, (3, 3), SMOOTHING, borderType=cv2.BORDER_CONSTANT), dtype=np.int16)


def smoothed_noise(units: NDArray[np.int16]) -> float:
    """Robust standard deviation of the smoothed map, in units: from the half below the median, where no stars are.

    Where most are alike, as in a dark that is cut off at 0, the others are the noise, and all of them may lie above.
    """
    # in float: whole numbers pile up at the median, and what counts as below it jumps by a tenth
    if units.size <= WHOLE_PIXELS:
        values = cv2.GaussianBlur(units.astype(np.float32), (3, 3), SMOOTHING).ravel()
    else:
        height = len(units)
        tops = range(0, height - 3, max(min(height // NOISE_BANDS, units.size // NOISE_SAMPLE), 1))
        # one below the other: of each three rows the middle one sees only its own
        bands = np.concatenate([units[top : top + 3] for top in tops]).astype(np.float32)
        values = cv2.GaussianBlur(bands, (3, 3), SMOOTHING)[1::3].ravel()
    known = np.count_nonzero(values)
    values = values[values != 0] if values.size // 4 < known < values.size else values  # 0: outside the field
    middle = median(values)
    below = middle - values[values <= middle]
    if np.count_nonzero(np.abs(values - middle) <= ALIKE_UNITS) > MOST_ALIKE * values.size:
        return max(_two_sided(values), LEAST_NOISE * UNITS_PER_SIGMA)
    for _ in range(3):
        noise = max(float(np.sqrt(np.mean(below**2))), LEAST_NOISE * UNITS_PER_SIGMA)
        below = below[below < 4.0 * noise]
    return noise


def _two_sided(values: NDArray[Any]) -> float:
    """Clipped standard deviation about the mean."""
    for _ in range(3):
        middle, noise = float(values.mean()), float(values.std())
        values = values[np.abs(values - middle) <= 4.0 * noise]
    return noise


def find_peaks(units: NDArray[np.int16], sigma: float = PEAK_SIGMA, noise: float | None = None) -> Peaks:
    """All local maxima of the smoothed map that stand ``sigma`` above its noise, one for each plateau.

    ``noise``: ``smoothed_noise`` of the map, where it is known already.
    """
    noise = smoothed_noise(units) if noise is None else noise
    limit = int(sigma * noise)
    width = units.shape[1]
    found: list[NDArray[np.intp]] = []
    heights: list[NDArray[np.int16]] = []
    for top in range(0, units.shape[0], STRIP_MAP_ROWS):
        bottom = min(top + STRIP_MAP_ROWS, units.shape[0])
        margin_top = max(top - 3, 0)
        strip = smoothed(units[margin_top : min(bottom + 3, units.shape[0])])
        highest = cv2.dilate(strip, np.ones((3, 3), np.uint8))
        own = slice(top - margin_top, bottom - margin_top)
        # of one dimension: numpy finds what is true in a plane ten times as slowly
        at = np.flatnonzero(strip[own] > limit)
        at = at[strip[own].ravel()[at] == highest[own].ravel()[at]]
        found.append(at + top * width)
        heights.append(strip[own].ravel()[at])
    position, height = np.concatenate(found), np.concatenate(heights).astype(np.float32)
    kept = _highest_within(position, height, width, radius=2)
    order = kept[np.argsort(-height[kept], kind="stable")]
    row, column = np.divmod(position[order], width)
    return Peaks(column.astype(np.float32), row.astype(np.float32), height[order] / noise)


def _highest_within(
    position: NDArray[np.intp], height: NDArray[np.float32], width: int, radius: int
) -> NDArray[np.intp]:
    """Indices of the candidates that no higher one (or equal and earlier one) outshines within ``radius``.

    ``position``: row * ``width`` + column, rising: what is near lies near in the list, too, one row apart or two.
    """
    keep = np.ones(len(position), dtype=bool)
    column = position % max(width, 1)
    for rows_down in range(radius + 1):
        first = np.searchsorted(position, position + rows_down * width - (radius if rows_down else -1))
        for number in range(2 * radius + 1):
            other = np.minimum(first + number, len(position) - 1)
            apart = position[other] - position - rows_down * width
            near = (
                (np.abs(apart) <= radius)
                & (np.abs(column[other] - column) <= radius)
                & (first + number < len(position))
            )
            one, two = np.flatnonzero(near), other[near]
            lower = height[two] > height[one]
            keep[one[lower]] = False
            keep[two[~lower]] = False
    return np.flatnonzero(keep)
