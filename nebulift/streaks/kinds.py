"""What drew a trail, by its light along it: satellite, aircraft or meteor, and "unknown" wherever that is not plain.

Aircraft flash at regular intervals, shortly, and being near are less sharp than the stars or double. Meteors begin and
end within the frame, brighten and fade. Satellites are sharp; they cross the border, or begin and end as abruptly as
the shutter or the Earth's shadow lets them; their light is even, or it varies slowly: they tumble and flare.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.band import gather
from nebulift.streaks.matched import matched
from nebulift.streaks.profile import FWHM_PER_SIGMA, TrailFit

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
THIN, SHARP = 0.95, 1.6  # of the width of the stars; the track of a cosmic ray is thinner than they are
SPIKE_SLOPE = 1.8  # one half over the other: a line across a corner that falls so may be the spike of a star outside
UNSHARP = 2.0
TWIN_PX = 150.0
TWIN_DEG = 0.7
# a meteor's light begins and ends gradually: of the greatest height, what is left at its fainter and its brighter end;
# the air stops meteors more abruptly than it lights them
FADED, STOPPED = 0.4, 0.8
MAX_DIP = 0.25  # of the greatest height: a meteor that bursts falls in between by no more
PEDESTAL = 0.75  # the outermost twelfth over the third one: even there, it is a flare on an even trail
EVEN_SCATTER = 0.35  # of the height, in twelfths of the trail
ABRUPT = 0.65  # of the mean height: at the end of an even trail that begins or ends within the frame
TWELFTHS = 12
MIN_PART_SNR = 2.5
SHORT_FLASH = 0.16  # of the period: strobes flash for a twentieth of a second in one; what tumbles shines longer


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
    if len(known) < TWELFTHS - 3 or look.snr / TWELFTHS**0.5 < MIN_PART_SNR or unsharp:
        return "unknown"
    heights = _filled(look.twelfths)
    if look.ends_inside == 2 and not look.is_twin and _is_spindle(heights):
        return "meteor"
    least = THIN if look.ends_inside == 2 else 0.0
    sharp = look.sharpness is not None and least < look.sharpness < SHARP
    even = known.std() < EVEN_SCATTER * known.mean() and min(heights[0], heights[-1]) > ABRUPT * known.mean()
    first, second = (float(half.mean()) for half in np.array_split(heights, 2))
    level = max(first, second) < SPIKE_SLOPE * min(first, second)
    crosses = look.ends_inside == 0 and not look.is_twin and known.min() > 0.0 and level
    return "satellite" if sharp and (even or crosses) else "unknown"


def _filled(twelfths: Sequence[float | None]) -> NDArray[np.float64]:
    """Heights of the twelfths, those under stars from their neighbours."""
    heights = np.array([np.nan if height is None else height for height in twelfths])
    places = np.flatnonzero(np.isfinite(heights))
    return np.asarray(np.interp(np.arange(len(heights)), places, heights[places]))


def _is_spindle(heights: NDArray[np.float64]) -> bool:
    """Rising to a summit and falling from it, perhaps with a burst, gradually at least on one side."""
    smooth = np.convolve(np.pad(heights, 1, mode="edge"), np.full(3, 1.0 / 3.0), mode="valid")
    top = int(smooth.argmax())
    if not 1 <= top <= len(smooth) - 2:
        return False
    fainter, brighter = sorted((heights[0], heights[-1]))
    if fainter > FADED * smooth[top] or brighter > STOPPED * smooth[top]:
        return False
    if heights[0] > PEDESTAL * heights[2] and heights[-1] > PEDESTAL * heights[-3]:
        return False
    rise, fall = smooth[: top + 1], smooth[top:][::-1]
    dips = [float((np.maximum.accumulate(side) - side).max()) for side in (rise, fall)]
    return bool(max(dips) < MAX_DIP * smooth[top])


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
    if len(places) < MIN_FLASHES:
        return False
    half = median + 0.5 * (np.median(height[places]) - median)
    lasting = np.count_nonzero(height > half) / len(places) * length / steps
    period = float(np.median(np.diff(places))) * length / steps
    # a flash is drawn out by the width of the star image
    short = bool(lasting < SHORT_FLASH * period + fit.fwhm)
    return short and _regular(places * length / steps, length, power)


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
