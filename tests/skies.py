"""Skies made to order for the tests of the eyes, and one call that shows what every eye sees of them."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nebulift import sky, stars
from nebulift.exposure import Exposure
from nebulift.frame import Frame, frame_from_array
from nebulift.measurements import Saturation, Sensor, Sky, Stars, Streak
from nebulift.scan import Scan, scan_frame
from nebulift.sensor import first_look, measure_saturation, measure_sensor, remove_stripes
from nebulift.simulate import StarField, add_streak
from nebulift.simulate.psf import StarShape
from nebulift.simulate.sensor import FixedPattern, digitised
from nebulift.simulate.star_field import PERFECT, PERFECT_OPTICS
from nebulift.simulate.star_painting import Stars as PaintedStars
from nebulift.simulate.star_painting import paint_stars
from nebulift.simulate.trails import Trail, clipped_to_frame
from nebulift.sky import Background
from nebulift.stars import StarList
from nebulift.streaks import find_streaks

SKY_ADU = 1000.0
NOISE_ADU = 30.0


@dataclass
class Seen:
    """What the eyes make of one image, in the order in which ``ArtifactDetector`` opens them."""

    frame: Frame
    scan: Scan
    saturation: Saturation
    background: Background
    sky: Sky
    sensor: Sensor
    flat: np.ndarray
    maps: list[np.ndarray]
    list: StarList
    stars: Stars

    @property
    def streaks(self) -> tuple[Streak, ...]:
        return find_streaks(self.frame, self.scan, self.maps, self.list)


def see(pixels: Any, bayer: str | None = None) -> Seen:
    frame = frame_from_array(pixels, Exposure(bayer=bayer))
    scan = scan_frame(frame)
    saturation = measure_saturation(frame, scan)
    look = first_look(scan)
    background = sky.measure_background(scan)
    summary = sky.summarise(scan, background)
    flat = sky.subtract_background(scan, background)
    sensor = measure_sensor(frame, scan, flat, look)
    remove_stripes(flat)
    maps = stars.pyramid(flat, stars.PYRAMID_LEVELS)
    found = stars.find_stars(frame, scan, background, maps, saturation.ceiling_adu)
    counted = stars.summarise(found, frame.megapixels, None)
    return Seen(frame, scan, saturation, background, summary, sensor, flat, maps, found, counted)


def noise(height, width, *, level=SKY_ADU, sigma=NOISE_ADU, seed=0, dtype=np.uint16):
    """Pure Gaussian noise; ``level`` may be an image."""
    values = level + np.random.default_rng(seed).normal(0.0, sigma, (height, width))
    if np.dtype(dtype).kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.rint(values).clip(limits.min, limits.max).astype(dtype)


def grid(height, width):
    """(x, y) over the frame, -0.5 .. 0.5."""
    y, x = np.mgrid[0:height, 0:width]
    return (x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5


@dataclass
class Painted:
    pixels: np.ndarray
    x_px: np.ndarray
    y_px: np.ndarray


def painted(side, shape, *, density=100.0, seed=0, snr=8.0, brightest=3000.0, bayer=None, sky_adu=SKY_ADU):
    """Stars of any shape: ``snr`` is the least total signal-to-noise, in the area that defocus spreads them over."""
    rng = np.random.default_rng([seed, 77])
    body = replace(PERFECT, width_px=side, height_px=side, bayer=bayer)
    noise_e = math.sqrt(sky_adu + PERFECT.read_noise_e**2)
    count = rng.poisson(density * side * side / 1e6)
    x, y = rng.uniform(0.0, side, (2, count)).astype(np.float32)
    wide = math.hypot(shape.fwhm_px, max(shape.defocus_px, 2.355 * shape.blur_sigma_px))
    lowest = brightest**-0.8
    flux = snr * noise_e * math.sqrt(4.0 * math.pi) * wide / 2.355
    flux = flux * (lowest + rng.random(count) * (1.0 - lowest)) ** (-1.25)
    light = np.full((side, side), sky_adu, np.float32)
    white = np.ones((count, 3), np.float32)
    paint_stars(light, PaintedStars(x, y, flux.astype(np.float32), white), shape, noise_e, bayer)
    nothing = FixedPattern(
        np.ones((1, 1), np.float32),
        None,
        np.zeros(0, np.int64),
        np.zeros(0, np.float32),
        np.zeros(side, np.float32),
        (),
    )
    return Painted(digitised(light, body, nothing, rng), x, y)


def star_shape(fwhm_px=3.0, **changed):
    """A round Moffat star through perfect optics; fields of ``Telescope`` and ``StarShape`` may be given."""
    optics = {key: changed.pop(key) for key in list(changed) if key in type(PERFECT_OPTICS).__slots__}
    return StarShape(fwhm_px, replace(PERFECT_OPTICS, **optics), **changed)


# trails ---------------------------------------------------------------------------------------------------------------

Ends = tuple[float, float, float, float]


def crossing(rng, size) -> Ends:
    """Ends, on the borders, of a line through a frame of ``size`` (width, height) at a random angle and offset."""
    width, height = size
    angle, offset = rng.uniform(0.0, math.pi), rng.uniform(-0.3, 0.3) * min(size)
    c, s = math.cos(angle), math.sin(angle)
    x, y, reach = width / 2 - s * offset, height / 2 + c * offset, 2.0 * max(size)
    whole = Trail("satellite", x - reach * c, y - reach * s, x + reach * c, y + reach * s, 1.0)
    return clipped_to_frame(whole, size)


def length_of(ends: Ends) -> float:
    return math.hypot(ends[2] - ends[0], ends[3] - ends[1])


def part_of(ends: Ends, start: float, stop: float) -> Ends:
    x0, y0, x1, y1 = ends
    return x0 + start * (x1 - x0), y0 + start * (y1 - y0), x0 + stop * (x1 - x0), y0 + stop * (y1 - y0)


def ridge_for(total_snr: float, ends: Ends, fwhm_px=3.0) -> float:
    """Height of the ridge, in noise of one pixel, that gives a Gaussian trail this matched-filter S/N."""
    return total_snr / math.sqrt(length_of(ends) * fwhm_px / 2.355 * math.sqrt(math.pi))


def with_trail(field: StarField, ends: Ends, total_snr: float, **more):
    """``field`` with a steady trail of this total S/N."""
    return add_streak(field, ends, peak_sigma=ridge_for(total_snr, ends, field.fwhm_px), **more)[0]


def angle_error_deg(streak: Streak, ends: Ends) -> float:
    angle = math.degrees(math.atan2(ends[3] - ends[1], ends[2] - ends[0]))
    return abs((streak.angle_deg - angle + 90.0) % 180.0 - 90.0)


def offset_error_px(streak: Streak, ends: Ends) -> float:
    """Distance of the found trail's middle from the true line."""
    x, y = (streak.x0_px + streak.x1_px) / 2, (streak.y0_px + streak.y1_px) / 2
    run, rise = ends[2] - ends[0], ends[3] - ends[1]
    return abs((x - ends[0]) * rise - (y - ends[1]) * run) / length_of(ends)


def end_error_px(streak: Streak, ends: Ends) -> float:
    """The greater distance of the found ends from the true ones, in whichever order fits."""
    found = (streak.x0_px, streak.y0_px), (streak.x1_px, streak.y1_px)
    true = ends[:2], ends[2:]
    straight = max(math.dist(found[0], true[0]), math.dist(found[1], true[1]))
    return min(straight, max(math.dist(found[0], true[1]), math.dist(found[1], true[0])))


def is_this(streak: Streak, ends: Ends) -> bool:
    return angle_error_deg(streak, ends) < 2.0 and offset_error_px(streak, ends) < 10.0
