"""What a frame without stars is: dark, bright, or neither. Pure; from measurements alone.

A dark holds no light at all: its level is the same everywhere, for every lens and every sky leaves some slope or bowl
in what it lets through. A flat, a lit dome and thick cloud over a town fill much of the converter's range. In between lie
darks with amplifier glow, cloud at dark sites, and lights in which there is no star to see (narrow filters, short
exposures, planets): those are for a person to decide.
"""

from nebulift.findings import Finding, Kind
from nebulift.measurements import Measurements, Sky, Stars

FALSE_STARS, FALSE_STARS_PER_MPX = 1.0, 0.1  # pure noise gives one or two at 26 megapixels, none with a shape
FEW_STARS = 5  # glow and hot pixels of a covered sensor look like as many; a poor field, too
ONE_PLACE = 0.15  # of the frame: where all that is taken for stars lies so close together, it is the amplifier's glow
TOUCHING = 8.0  # neighbours of a pixel: hot ones that touch look like a star
# Of so many stars of a field one would be brighter: N(> S/N) falls as its power of -0.6 to -1.1, so that ten of S/N 5
# and more are all below 12 in one field of a hundred.
ALL_FAINT_SNR, MOST_FAINT = 12.0, 20
FAINTEST_SURE, NO_STAR, HARDLY_A_STAR = 50.0, 0.95, 0.5  # S/N of one star that no noise makes; severities
# Of one raw pixel's noise. The mean of the mesh over a megapixel is good to 0.005 of it; covered sensors have slopes of
# their own up to a tenth; a sky of ten electrons under 15 % of vignetting has a bowl of half of its noise.
DARK_SLOPE, DARK_BOWL, DARK_PATCHES = 0.15, 0.2, 0.08
BRIGHT_LEVEL = 0.15  # of the range of the numbers: no bias is so high
SHORT_S = 1.0  # a sky of so short an exposure may be as dark as none
LIGHT_NOISE = 1.08  # variance where the sky is bright over that where it is dark: light, not read-out, makes the noise
SMOOTH = 0.25  # patches over slope and bowl: cloud without gaps is smooth, a nebula is not


def starless(measured: Measurements, exposure_s: float | None = None) -> Finding | None:
    """The finding on a frame in which next to nothing is a star; ``None`` where stars are seen or the frame is lost."""
    stars, sky = measured.stars, measured.sky
    megapixels = measured.width_px * measured.height_px / 1e6
    if measured.sensor.dead_fraction >= 0.5 or not _is_starless(stars, megapixels):
        return None
    evidence = {"stars": float(stars.count), "hot_pixels": float(stars.hot_pixels)}
    sure = stars.measured == 0 and stars.count <= FALSE_STARS + FALSE_STARS_PER_MPX * megapixels
    how_many = "no star" if sure else f"hardly a star ({stars.count}, {stars.measured or 'none'} with a shape)"
    if is_dark(sky):
        if exposure_s is not None and exposure_s <= SHORT_S:
            text = f"{how_many} in {exposure_s:g} s, and no light of the sky: too short, or the cover is closed"
            return Finding(Kind.EMPTY, HARDLY_A_STAR, text, evidence)
        text = f"{how_many} and no light of the sky in the frame: cover or dome closed, or a dark"
        return Finding(Kind.EMPTY, NO_STAR, text, evidence, strong=True)
    if stars.measured > 0:
        return None
    few = stars.count <= FEW_STARS and (stars.brightest_snr or 0.0) < ALL_FAINT_SNR
    if (sure or few) and (sky.level_fraction or 0.0) >= BRIGHT_LEVEL:
        text = f"no star on a sky of {sky.level_fraction:.0%} of the range: thick cloud, a flat, or a lit dome"
        return Finding(Kind.EMPTY, NO_STAR, text, evidence, strong=True)
    if sure and _is_overcast(sky):
        text = "no star under a smooth sky: thick cloud, or the dome is closed"
        return Finding(Kind.EMPTY, NO_STAR, text, evidence, strong=True)
    text = f"{how_many} in the frame: cloud, a closed cover, or a field that shows none"
    return Finding(Kind.EMPTY, HARDLY_A_STAR, text, evidence)


def _is_starless(stars: Stars, megapixels: float) -> bool:
    """Whether what was taken for stars may all be hot pixels that touch, glow, and noise."""
    if (stars.brightest_snr or 0.0) > FAINTEST_SURE and stars.measured == 0:
        return False  # something shines that is no star: a planet, the core of a galaxy
    by_chance = stars.hot_pixels**2 * TOUCHING / 2.0 / (megapixels * 1e6)
    if stars.count <= FEW_STARS + 2.0 * by_chance:
        return stars.measured <= FALSE_STARS
    if stars.count <= MOST_FAINT and stars.brightest_snr is not None and stars.brightest_snr < ALL_FAINT_SNR:
        return stars.measured == 0
    return stars.measured == 0 and stars.field_fraction is not None and stars.field_fraction <= ONE_PLACE


def is_dark(sky: Sky) -> bool:
    """Whether the level is the same all over the frame, to a small part of the noise."""
    flat = sky.gradient_sigma <= DARK_SLOPE and abs(sky.vignetting_sigma) <= DARK_BOWL
    return flat and sky.patchiness_sigma <= DARK_PATCHES and (sky.level_fraction or 0.0) < BRIGHT_LEVEL


def _is_overcast(sky: Sky) -> bool:
    slopes = sky.gradient_sigma + abs(sky.vignetting_sigma)
    return (sky.noise_ratio or 0.0) >= LIGHT_NOISE and sky.patchiness_sigma <= SMOOTH * slopes
