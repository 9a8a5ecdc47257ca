"""What drew a trail, by its light along it: satellite, aircraft or meteor, and "unknown" wherever that is not plain.

Aircraft flash at regular intervals and, being near, are less sharp than the stars or double; meteors brighten, fade and
are gone within the frame; satellites are sharp, even or slowly varying, and most cross the frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.band import gather
from nebulift.streaks.profile import FWHM_PER_SIGMA, TrailFit, matched

FLASH_STEP_PX = 4.0  # of the map: an aircraft of 200 m/s in 10 km, at 2 arcsec a pixel, flies on so far in 2 ms
MAX_STEPS = 1200
FLASH_SIGMA = 5.0
FLASH_SHARE = 0.8  # of the median height that a flash stands above it
MIN_FLASHES = 4
REGULAR = 0.85  # mean resultant length of the flashes on a circle of one period
MIN_POWER, SURE_POWER = 3.0, 9.0  # of dots on a trail, and of dots that alone make a line a trail
REGULAR_POWER = 7.0  # number times its square: of some dozens of periods tried none comes so far by chance
PERIODS = 400
SURE_SNR = 15.0
SHARP = 1.6  # of the width of the stars
UNSHARP = 2.0
TWIN_PX = 150.0
TWIN_DEG = 0.7
TAPER = 0.45  # of the greatest height: what is left at both ends of a meteor's trail
EVEN_SCATTER = 0.6  # of the height, in twelfths of the trail; and the least twelfth is no gap
EVEN_LEAST = 0.1
TWELFTHS = 12
MIN_PART_SNR = 2.5


@dataclass(frozen=True, slots=True)
class TrailLook:
    """What tells kinds apart. Lengths in one unit."""

    snr: float
    sharpness: float | None  # width over that of the stars
    ends_inside: int  # of the trail's two ends
    flashes: bool  # at regular intervals
    is_twin: bool
    twelfths: tuple[float | None, ...]  # mean height of the parts; None under stars


def kind_of(look: TrailLook) -> str:
    """One of "satellite", "aircraft", "meteor" or "unknown"."""
    if look.flashes:
        return "aircraft"
    if look.snr < SURE_SNR:
        return "unknown"
    unsharp = look.sharpness is not None and look.sharpness > UNSHARP
    if look.is_twin and unsharp:
        return "aircraft"
    known = np.array([height for height in look.twelfths if height is not None])
    if len(known) < TWELFTHS - 3 or look.is_twin or look.snr / TWELFTHS**0.5 < MIN_PART_SNR:
        return "unknown"
    if look.ends_inside == 2 and _is_spindle(look.twelfths):
        return "meteor"
    sharp = look.sharpness is not None and look.sharpness < SHARP
    even = known.std() < EVEN_SCATTER * known.mean() and known.min() > EVEN_LEAST * known.mean()
    return "satellite" if sharp and look.ends_inside == 0 and even else "unknown"


def _is_spindle(twelfths: Sequence[float | None]) -> bool:
    """Rising to one summit and falling from it, to less than half at both ends."""
    heights = np.array([np.nan if height is None else height for height in twelfths])
    places = np.flatnonzero(np.isfinite(heights))
    heights = np.interp(np.arange(len(heights)), places, heights[places])
    smooth = np.convolve(np.pad(heights, 1, mode="edge"), np.full(3, 1.0 / 3.0), mode="valid")
    top = int(smooth.argmax())
    if not 2 <= top <= len(smooth) - 3:
        return False
    falls = np.concatenate([-np.diff(smooth[: top + 1]), np.diff(smooth[top:])])
    return bool(max(heights[0], heights[-1]) < TAPER * smooth[top] and falls.max() < 0.15 * smooth[top])


def twelfths(fit: TrailFit) -> tuple[float | None, ...]:
    """Mean height of each twelfth of the trail."""
    parts = [part[np.isfinite(part)] for part in np.array_split(fit.along, TWELFTHS)]
    return tuple(float(part.mean()) if len(part) else None for part in parts)


def flashes_regularly(fit: TrailFit, flat: NDArray[np.int16], power: float = MIN_POWER) -> bool:
    """True when the trail has bright dots at equal distances. Stars are not covered here: flashes look like stars.

    ``power``: number of the dots times the square of their agreement that is asked for, at least.
    """
    length = float(np.hypot(fit.x1 - fit.x0, fit.y1 - fit.y0))
    steps = int(min(length / FLASH_STEP_PX, MAX_STEPS))
    if steps < 12:
        return False
    nothing = np.zeros((1, 1), dtype=bool)
    band = gather(flat, nothing, max(flat.shape), (fit.x0, fit.y0, fit.x1, fit.y1), steps)
    sums = matched(band, fit.fwhm / FWHM_PER_SIGMA)
    height = sums.signal / np.maximum(sums.power, 1e-9)
    noise = np.sqrt(sums.variance) / np.maximum(sums.power, 1e-9)
    median = float(np.median(height))
    limit = median + np.maximum(FLASH_SIGMA * noise, FLASH_SHARE * max(median, 0.0))
    left, right = np.append(height[1:], -np.inf), np.insert(height[:-1], 0, -np.inf)
    places = np.flatnonzero((height > limit) & (height >= left) & (height > right) & (sums.power > 0.0))
    return _regular(places * length / steps, length, power)


def _regular(places: NDArray[np.float64], length: float, power: float) -> bool:
    """True when the places lie at multiples of one distance from each other, and few multiples are left out."""
    if len(places) < MIN_FLASHES:
        return False
    gaps = np.diff(places)
    middle = float(np.median(gaps))
    periods = np.geomspace(0.45 * middle, 1.1 * middle, PERIODS)
    periods = periods[periods > 4.0 * FLASH_STEP_PX]
    if len(periods) == 0:
        return False
    phases = np.exp(2j * np.pi * places[None, :] / periods[:, None])
    resultant = np.abs(phases.mean(axis=1))
    # a period with more places to fill than twice the flashes explains anything
    resultant[length / periods > 2.0 * len(places) + 2.0] = 0.0
    best = float(resultant.max())
    return best > REGULAR and len(places) * best**2 > max(power, min(REGULAR_POWER, 0.9 * len(places)))


def twins(fits: Sequence[TrailFit]) -> list[bool]:
    """For each trail, in raw pixels, whether another runs beside it."""
    return [any(other is not fit and _beside(fit, other) for other in fits) for fit in fits]


def _beside(fit: TrailFit, other: TrailFit) -> bool:
    run, rise = other.x1 - other.x0, other.y1 - other.y0
    length = max(float(np.hypot(run, rise)), 1.0)
    angle = np.degrees(np.arctan2(rise, run) - np.arctan2(fit.y1 - fit.y0, fit.x1 - fit.x0))
    offset = ((fit.x0 + fit.x1) / 2 - other.x0) * rise - ((fit.y0 + fit.y1) / 2 - other.y0) * run
    return bool(abs((angle + 90.0) % 180.0 - 90.0) < TWIN_DEG and abs(offset) / length < TWIN_PX)
