"""Local maxima of a map: where something stands out, at one scale."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA

DETECTION_SIGMA = 5.0  # one false peak in 3.5 million independent pixels of pure noise
STRIP_MAP_ROWS = 128
NOISE_BANDS = 24  # of 8 rows each, spread over the map


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
    return np.asarray(cv2.GaussianBlur(units, (3, 3), 0.85, borderType=cv2.BORDER_CONSTANT), dtype=np.int16)


def smoothed_noise(units: NDArray[np.int16]) -> float:
    """Robust standard deviation of the smoothed map, in units: from the half below the median, where no stars are."""
    step = max(1, units.shape[0] // NOISE_BANDS)
    # in float: whole numbers pile up at the median, and what counts as below it jumps by a tenth
    tops = range(0, max(units.shape[0] - 8, 1), step)
    bands = [cv2.GaussianBlur(units[top : top + 8].astype(np.float32), (3, 3), 0.85) for top in tops]
    values = np.concatenate([band[1:-1].ravel() for band in bands])
    values = values[values != 0] if np.count_nonzero(values) > values.size // 4 else values  # 0: outside the field
    median = float(np.median(values))
    below = median - values[values <= median]
    for _ in range(3):
        noise = max(float(np.sqrt(np.mean(below**2))), 0.02 * UNITS_PER_SIGMA)
        below = below[below < 4.0 * noise]
    return noise


def find_peaks(units: NDArray[np.int16], sigma: float = DETECTION_SIGMA) -> Peaks:
    """All local maxima of the smoothed map that stand ``sigma`` above its noise, one for each plateau."""
    noise = smoothed_noise(units)
    limit = int(sigma * noise)
    found_x: list[NDArray[np.intp]] = []
    found_y: list[NDArray[np.intp]] = []
    found_height: list[NDArray[np.int16]] = []
    for top in range(0, units.shape[0], STRIP_MAP_ROWS):
        bottom = min(top + STRIP_MAP_ROWS, units.shape[0])
        margin_top = max(top - 3, 0)
        strip = smoothed(units[margin_top : min(bottom + 3, units.shape[0])])
        highest = cv2.dilate(strip, np.ones((3, 3), np.uint8))
        candidates = (strip == highest) & (strip > limit)
        rows, columns = np.nonzero(candidates[top - margin_top : bottom - margin_top])
        found_x.append(columns)
        found_y.append(rows + top)
        found_height.append(strip[rows + top - margin_top, columns])
    x, y = np.concatenate(found_x), np.concatenate(found_y)
    height = np.concatenate(found_height).astype(np.float32)
    kept = _highest_within(x, y, height, radius=2)
    order = kept[np.argsort(-height[kept], kind="stable")]
    return Peaks(x[order].astype(np.float32), y[order].astype(np.float32), height[order] / noise)


def _highest_within(
    x: NDArray[np.intp], y: NDArray[np.intp], height: NDArray[np.float32], radius: int
) -> NDArray[np.intp]:
    """Indices of the candidates that no higher one (or equal and earlier one) outshines within ``radius``."""
    if len(x) == 0:
        return np.empty(0, dtype=np.intp)
    rank = np.empty(len(x), dtype=np.intp)
    rank[np.argsort(-height, kind="stable")] = np.arange(len(x))
    # one slot a position: candidates are sparse, so a dictionary of their neighbourhood is smaller than an image
    order = np.lexsort((x, y))
    position = y[order] * (int(x.max()) + 2 * radius + 1) + x[order]
    keep = np.ones(len(x), dtype=bool)
    width = int(x.max()) + 2 * radius + 1
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if (dx, dy) == (0, 0):
                continue
            wanted = position + dy * width + dx
            at = np.searchsorted(position, wanted).clip(max=len(position) - 1)
            neighbour = position[at] == wanted
            keep[order] &= ~(neighbour & (rank[order[at]] < rank[order]))
    return np.flatnonzero(keep)
