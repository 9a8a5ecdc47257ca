"""Matched sums along a line: the light on it, weighted with the profile of a trail, above what lies beside it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.band import BIN_PX, CENTRES_PX, HALF_PX, Band

SIDE_INNER = 2.5  # sides begin so many standard deviations of the kernel from the line, and a pixel
SIDE_WIDTH_PX = 10.0
MIN_POWER = 0.15  # of the typical segment


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Matched sums above the sides and their variances, one value a segment (last axis)."""

    signal: NDArray[np.float64]
    variance: NDArray[np.float64]
    power: NDArray[np.float64]  # signal / power is the height of the ridge

    def snr(self) -> float:
        return float(self.signal.sum() / np.sqrt(max(self.variance.sum(), 1e-9)))

    def heights(self) -> NDArray[np.float64]:
        """Height of the ridge in each segment, NaN where nothing is open."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.power > 0.0, self.signal / self.power, np.nan)


def matched(band: Band, sigma: float, sides: str = "both") -> Matched:
    """Sums weighted with a Gaussian across, less the mean of what lies beside: gradients and steps carry no trail.

    The noise of that mean is part of the variance. Segments with hardly an open pixel on the ridge give 0: they would
    count like the others and tell nothing but noise.
    """
    kernel, beside = weights(sigma, 0.0, sides)
    side_count = band.counts @ beside
    side_mean = band.sums @ beside / np.maximum(side_count, 1.0)
    reach, power = band.counts @ kernel, band.counts @ kernel**2
    known = (side_count > 0) & (power > MIN_POWER * power.max())
    signal = np.where(known, band.sums @ kernel - side_mean * reach, 0.0)
    variance = np.where(known, power + reach**2 / np.maximum(side_count, 1.0), 0.0)
    return Matched(signal, variance, np.where(known, power, 0.0))


def beside_px(sigma: float) -> float:
    """How far from the line lies what ``matched`` looks at, to the outer edge of its last bin."""
    return min(SIDE_INNER * sigma + 1.0 + SIDE_WIDTH_PX + BIN_PX, HALF_PX)


@lru_cache(maxsize=256)
def weights(sigma: float, shift: float, sides: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(Gaussian, 1 on the sides else 0) for each bin of a band, for a ridge ``shift`` pixels off the line."""
    distance = CENTRES_PX - shift
    inner = SIDE_INNER * sigma + 1.0
    beside = (np.abs(distance) >= inner) & (np.abs(distance) < inner + SIDE_WIDTH_PX)
    if sides != "both":
        beside &= distance < 0 if sides == "left" else distance > 0
    return np.exp(-0.5 * (distance / sigma) ** 2), beside.astype(np.float64)
