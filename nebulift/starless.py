"""What a frame without stars is: dark, bright, or neither. Pure; from measurements alone.

A dark holds no light at all: its level is the same everywhere, for every lens and every sky leaves some slope or bowl
in what it lets through. A flat, a lit dome and thick cloud over a town fill much of the converter's range. Between lie
darks with amplifier glow, cloud at dark sites, and lights in which there is no star to see (narrow filters, short
exposures, planets): those are for a person to decide.
"""

import re

from nebulift.exposure import Exposure
from nebulift.findings import Finding, Kind
from nebulift.measurements import Measurements, Sky, Stars

FALSE_STARS, FALSE_STARS_PER_MPX = 1.0, 0.3  # what pure noise gives (0.13, below 0.62), none with a shape
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
# Of the range a second: the sky of a town (mag 17 per square arcsecond) gives a fast telescope without filter 100
# electrons a second and pixel, of 4000 at high gain. Panels, twilight and lit domes fill a converter in seconds.
FILLS_PER_S = 0.03
SHORT_S = 1.0  # a sky of so short an exposure may show no star
# A dark sky gives 0.3 to 1 electrons a second and pixel: under 15 % of vignetting it has no bowl over the read-out
# noise in so short an exposure, and may look as dark as none.
SHORT_IN_THE_DARK_S = 8.0
NARROW_BAND = re.compile(r"(h[ _-]?(a|alpha|b|beta)|[osn][ _-]?(i{2,3}|[23]))([ _-]?\d.*)?", re.IGNORECASE)
LIGHT_NOISE = 1.08  # variance where the sky is bright over that where it is dark: light, not read-out, makes the noise
SHINES = 5.0  # the same: more than the glow of an amplifier adds to a dark whose level is even
# Patches over slope and bowl: cloud without gaps is smooth, a nebula is not. Of eight simulated overcast skies at most
# 0.12 by the mesh and 0.15 by scale, of eight nebulae without a star 0.06 to 0.24 and 0.10 to 0.62.
SMOOTH, EVEN, TEXTURED = 0.25, 0.1, 0.2
FINE_PATCHES = 0.2  # of the noise of a pixel: a texture that is there beyond doubt
A_REMARK = 0.25  # severity


def starless(measured: Measurements, exposure: Exposure | None = None) -> Finding | None:
    """The finding on a frame in which next to nothing is a star; ``None`` where stars are seen or the frame is lost.

    ``exposure``: what the header says. A short exposure or one through a narrow filter may hold no star.
    """
    stars, sky = measured.stars, measured.sky
    megapixels = measured.width_px * measured.height_px / 1e6
    dark = is_dark(sky)
    is_starless = _is_starless(stars, megapixels) or (dark and _is_cut_off(stars, sky))
    if measured.sensor.dead_fraction >= 0.5 or not is_starless:
        return None
    if stars.measured > 0 and not dark:
        return None
    sure = stars.measured == 0 and stars.count <= FALSE_STARS + FALSE_STARS_PER_MPX * megapixels
    how_many = "no star visible" if sure else f"hardly a star ({stars.count}, {stars.measured or 'none'} with a shape)"
    evidence = {"stars": float(stars.count), "hot_pixels": float(stars.hot_pixels)}
    cause = "cloud, a closed cover, or a field that shows none"
    certain = True
    if dark and (sky.noise_ratio or 0.0) >= SHINES:
        cause, certain = "something shines, but no sky does: a planet?", False
    elif dark:
        cause = "no light of the sky: cover or dome closed, or a dark"
    elif sure and _is_too_bright(sky, exposure):
        cause = f"a sky of {sky.level_fraction:.0%} of the range: thick cloud, a flat, or a lit dome"
    elif sure and _is_smooth(sky) and (sky.noise_ratio or 0.0) >= LIGHT_NOISE:
        cause = "a smooth sky: thick cloud, or the dome is closed"
    else:
        certain = False
    if certain and not may_hold_no_star(exposure, SHORT_IN_THE_DARK_S if dark else SHORT_S):
        return Finding(Kind.EMPTY, NO_STAR, f"{how_many}; {cause}", evidence, strong=True)
    if not dark and _is_textured(sky) and may_hold_no_star(exposure):
        return Finding(Kind.EMPTY, A_REMARK, f"{how_many}, but a nebula or something else that shines", evidence)
    return Finding(Kind.EMPTY, HARDLY_A_STAR, f"{how_many}; {cause}", evidence)


def may_hold_no_star(exposure: Exposure | None, short_s: float = SHORT_S) -> bool:
    """Whether the header says that so little light was let in that a clear sky may show no star: ``short_s`` seconds or
    less, or one line of the spectrum.
    """
    if exposure is None:
        return False
    short = exposure.exposure_s is not None and exposure.exposure_s <= short_s
    return short or is_narrow_band(exposure.filter_name)


def is_narrow_band(filter_name: str | None) -> bool:
    """Whether the name is that of one line: Ha, H-alpha, Hb, OIII, O3, SII, S2, NII; perhaps with a width."""
    return filter_name is not None and NARROW_BAND.fullmatch(filter_name.strip()) is not None


def _is_starless(stars: Stars, megapixels: float) -> bool:
    """Whether what was taken for stars may all be hot pixels that touch, glow, and noise."""
    if (stars.brightest_snr or 0.0) > FAINTEST_SURE:
        return False  # something shines: a planet, the core of a galaxy, a single star out of focus
    by_chance = stars.hot_pixels**2 * TOUCHING / 2.0 / (megapixels * 1e6)
    if stars.count <= FEW_STARS + 2.0 * by_chance:
        return stars.measured <= FALSE_STARS
    if stars.count <= MOST_FAINT and stars.brightest_snr is not None and stars.brightest_snr < ALL_FAINT_SNR:
        return stars.measured == 0
    return stars.measured == 0 and stars.field_fraction is not None and stars.field_fraction <= ONE_PLACE


def _is_cut_off(stars: Stars, sky: Sky) -> bool:
    """Whether the level lies at nothing, where noise has an upper half only: many faint peaks, no star's form."""
    faint = (stars.brightest_snr or 0.0) < ALL_FAINT_SNR
    return sky.level_fraction is not None and sky.level_adu < sky.noise_adu and stars.measured == 0 and faint


def is_dark(sky: Sky) -> bool:
    """Whether the level is the same all over the frame, to a small part of the noise."""
    is_flat = is_without_slope(sky) and abs(sky.vignetting_sigma) <= DARK_BOWL
    return is_flat and (sky.level_fraction or 0.0) < BRIGHT_LEVEL


def is_without_slope(sky: Sky) -> bool:
    """Whether nothing but a bowl is in the sky, as of a bright thing in the middle of a dark frame."""
    return sky.gradient_sigma <= DARK_SLOPE and sky.patchiness_sigma <= DARK_PATCHES


def _is_too_bright(sky: Sky, exposure: Exposure | None) -> bool:
    """Whether no clear night lets in so much light: too soon, or so evenly that no star or dust explains its hiding."""
    level = sky.level_fraction or 0.0
    if level < BRIGHT_LEVEL or _is_textured(sky):
        return False
    seconds = None if exposure is None else exposure.exposure_s
    is_even = (sky.patchy_sigma is not None and sky.patchy_sigma < FINE_PATCHES) or _is_smooth(sky)
    return seconds is None or level >= FILLS_PER_S * seconds or is_even


def _is_smooth(sky: Sky) -> bool:
    slopes = sky.gradient_sigma + abs(sky.vignetting_sigma)
    if sky.patchy_sigma is not None and sky.linear_sigma is not None and sky.radial_sigma is not None:
        return sky.patchy_sigma <= EVEN * (sky.linear_sigma + sky.radial_sigma)
    return sky.patchiness_sigma <= SMOOTH * slopes


def _is_textured(sky: Sky) -> bool:
    """Whether the sky has patches that stand beyond what slope and bowl explain: cloud without gaps has none."""
    if sky.patchy_sigma is None or sky.linear_sigma is None or sky.radial_sigma is None:
        return False
    return sky.patchy_sigma >= max(FINE_PATCHES, TEXTURED * (sky.linear_sigma + sky.radial_sigma))
