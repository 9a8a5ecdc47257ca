"""At which scale a frame's stars stand out best, so that a donut of 60 pixels is one star and not a ring of peaks."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.stars.peaks import SMOOTHING, Peaks, find_peaks, smoothed_noise
from nebulift.stars.stamps import known_median, map_stamps
from nebulift.stars.standing import standing

FILTER = cv2.getGaussianKernel(3, SMOOTHING)[:, 0]
LEVEL_VOTERS = 20
MIN_LEVEL_VOTERS = 3
SURE_PEAK_SNR = 5.5  # noise alone has 0.005 such peaks a megapixel
FAINT_SHARE = 0.1
VOTER_SNR = 8.0  # noise alone reaches five or six: its peaks are highest at the finest scale, whatever the stars are
FINER_LEVEL_PREFERENCE = 1.3  # a coarser scale must be better by this factor: the finer one separates neighbours


def best_level(maps: list[NDArray[np.int16]], stars: Peaks, finest_noise: float) -> int | None:
    """The pyramid level at which the brightest stars have their highest signal-to-noise ratio; ``None`` where they are
    too few to tell. ``finest_noise``: ``smoothed_noise`` of the first map.
    """
    if len(stars.x) < MIN_LEVEL_VOTERS or stars.snr[MIN_LEVEL_VOTERS - 1] < VOTER_SNR:
        return None
    # much fainter ones may be noise on the wide images of the bright
    voters = np.flatnonzero(stars.snr[:LEVEL_VOTERS] > max(FAINT_SHARE * stars.snr[MIN_LEVEL_VOTERS - 1], VOTER_SNR))
    x, y = stars.x[voters], stars.y[voters]
    scores = []
    for level, level_map in enumerate(maps):
        noise = finest_noise if level == 0 else smoothed_noise(level_map)
        height = heights_above_surroundings(level_map, (x + 0.5) / 2**level - 0.5, (y + 0.5) / 2**level - 0.5)
        # the geometric mean over the brightest: knots of a nebula are many and faint, stars are bright
        scores.append(float(np.exp(np.log(np.maximum(height / noise, 1.0)).mean())))
    return _finest_good(scores)


def level_of_most_light(maps: list[NDArray[np.int16]]) -> int:
    """The level at which what stands as stars do is most significant: where the finest one shows hardly a star."""
    scores = []
    for level_map in maps:
        peaks = find_peaks(level_map, SURE_PEAK_SNR)
        brightest = peaks.snr[:LEVEL_VOTERS][standing(level_map, peaks, LEVEL_VOTERS)]
        scores.append(float(np.sqrt(np.square(brightest).sum())))
    return _finest_good(scores)


def _finest_good(scores: list[float]) -> int:
    return int((np.array(scores) * FINER_LEVEL_PREFERENCE >= max(scores)).argmax())


def heights_above_surroundings(
    level_map: NDArray[np.int16], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Of the smoothed map above the immediate surroundings of each position, shape (n,).

    Less the surroundings, a star on a nebula is not taken for something as wide as the nebula.
    """
    kernel = np.zeros((7, 7))
    kernel[2:5, 2:5] = np.outer(FILTER, FILTER)
    ring = np.ones((7, 7), dtype=bool)
    ring[1:6, 1:6] = False
    kernel[ring] -= 1.0 / ring.sum()
    return np.asarray((np.nan_to_num(map_stamps(level_map, x, y, 3)) * kernel).sum(axis=(1, 2)))


@contextmanager
def without_pixels(
    units: NDArray[np.int16], x: NDArray[np.floating], y: NDArray[np.floating]
) -> Iterator[NDArray[np.int16]]:
    """The map with the 3 x 3 pixels around each position at the median of the 16 around those, until the context ends:
    on coarser maps a hot pixel is as wide as a star.

    It is the map itself, and is put right again at the end: a copy would be the largest thing in memory.
    """
    reach = np.arange(-1, 2)
    rows = (y.astype(np.intp)[:, None] + reach).clip(0, units.shape[0] - 1)[:, :, None]
    columns = (x.astype(np.intp)[:, None] + reach).clip(0, units.shape[1] - 1)[:, None, :]
    around = map_stamps(units, x, y, 2)
    around[:, 1:-1, 1:-1] = np.nan
    level = known_median(around.reshape(len(x), 25))
    before = units[rows, columns]
    units[rows, columns] = np.rint(level).astype(np.int16)[:, None, None]
    try:
        yield units
    finally:
        units[rows, columns] = before
