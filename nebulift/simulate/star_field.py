"""The simplest frame with exact truth: stars of one width on a flat sky, everything given by the caller."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.camera import Camera
from nebulift.simulate.frame import limit_electrons, pixel_noise_e
from nebulift.simulate.frame_noise import FrameNoise
from nebulift.simulate.inject import inject
from nebulift.simulate.optics import Telescope
from nebulift.simulate.psf import StarShape
from nebulift.simulate.sensor import FixedPattern, digitised
from nebulift.simulate.star_painting import Stars, paint_stars
from nebulift.simulate.trails import Trail
from nebulift.simulate.truth import Truth

PERFECT = Camera(
    "perfect", 64, 64, 3.76, gain_e_per_adu=1.0, read_noise_e=2.0, full_well_e=1e9, bias_adu=200.0, dark_e_s=0.0,
    prnu=0.0, hot_share=0.0, column_noise_e=0.0, row_noise_e=0.0, vignetting=0.0, dust_spots=0,
)  # fmt: skip
SLOPE = 0.8  # of the counts: the middle of what star fields have
BRIGHTEST = 3000.0  # in units of the 5-sigma limit
PERFECT_OPTICS = Telescope("perfect", 100.0, 500.0, elongation=1.0, scatter_share=0.0, halo_share=0.0)


@dataclass(frozen=True, slots=True, eq=False)
class StarField:
    """``pixels`` (H, W) and the truth: star centres in pixels, their light in ADU, and the frame's facts."""

    pixels: NDArray[Any]
    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]
    flux_adu: NDArray[np.float32]
    fwhm_px: float
    noise: FrameNoise


def star_field(
    width: int,
    height: int,
    *,
    fwhm_px: float = 3.0,
    density_per_mpx: float = 300.0,
    sky_adu: float = 1000.0,
    camera: Camera = PERFECT,
    telescope: Telescope = PERFECT_OPTICS,
    seed: int = 0,
) -> StarField:
    """Stars at random places: ``density_per_mpx`` of them, all above 5 sigma, N(> flux) falling as flux ** -0.8.

    ``sky_adu`` is the level above bias, in units of the file. ``camera`` gives gain, noise, bits, bias and Bayer
    pattern (its size and fixed pattern are left out), ``telescope`` the shape of stars. The same arguments give the
    same bytes.
    """
    rng = np.random.default_rng([seed, 10])
    body = replace(camera, width_px=width, height_px=height)
    sky_e = sky_adu * body.stored_gain
    noise_e = pixel_noise_e(body, sky_e)
    count = int(rng.poisson(density_per_mpx * width * height / 1e6))
    x, y = rng.uniform(-0.5, width - 0.5, count), rng.uniform(-0.5, height - 0.5, count)
    lowest = BRIGHTEST**-SLOPE
    flux = limit_electrons(noise_e, fwhm_px) * (lowest + rng.random(count) * (1.0 - lowest)) ** (-1.0 / SLOPE)
    white = np.ones((count, 3), dtype=np.float32)
    stars = Stars(x.astype(np.float32), y.astype(np.float32), flux.astype(np.float32), white)
    light = np.full((height, width), sky_e, dtype=np.float32)
    paint_stars(light, stars, StarShape(fwhm_px, telescope), noise_e, body.bayer)
    pixels = digitised(light, body, _no_pattern(width), rng)
    noise = FrameNoise(
        sky_adu + body.stored_bias_adu,
        noise_e / body.stored_gain,
        body.stored_gain,
        body.stored_bias_adu,
        float(body.ceiling_adu),
        1 << body.shift,
    )
    return StarField(pixels, stars.x_px, stars.y_px, stars.flux_e / np.float32(body.stored_gain), fwhm_px, noise)


def add_streak(
    field: StarField,
    ends: tuple[float, float, float, float],
    *,
    peak_sigma: float,
    widening_px: float = 0.0,
    pattern: str = "steady",
    seed: int = 0,
) -> tuple[NDArray[Any], Truth]:
    """(pixels of ``field`` with a trail from (x0, y0) to (x1, y1), the truth about it).

    ``peak_sigma`` is the mean height of the ridge over the noise of one pixel, ``pattern`` one of ``trails.PATTERNS``.
    """
    form = {"strobes": "aircraft", "spindle": "meteor"}.get(pattern, "satellite")
    trail = Trail(form, *ends, peak_sigma, widening_px, 0.0, pattern, seed)
    return inject(field.pixels, [trail], seed, noise=field.noise, fwhm_px=field.fwhm_px)


def _no_pattern(width: int) -> FixedPattern:
    nothing = np.zeros(0, dtype=np.float32)
    flat = np.ones((1, 1), dtype=np.float32)
    return FixedPattern(flat, None, np.zeros(0, dtype=np.int64), nothing, np.zeros(width, dtype=np.float32), ())
