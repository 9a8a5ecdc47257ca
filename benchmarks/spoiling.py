"""What can happen to a frame that is already taken: artefacts of known size, and changes that do no harm."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from nebulift.exposure import Exposure
from nebulift.findings import Kind
from nebulift.simulate.atmosphere import CloudLayer
from nebulift.simulate.causes import Blur, Dew, Motion, Overexposure
from nebulift.simulate.frame_noise import FrameNoise
from nebulift.simulate.inject import inject
from nebulift.simulate.obstacles import Obstacle
from nebulift.simulate.readout_faults import Fault
from nebulift.simulate.tracking import drift
from nebulift.simulate.trails import Trail

COLUMN_PX, CORE_PX = 3, 5  # how wide charge runs down; radius of the burnt-out core it comes from
SKY_TERMS = 6  # a plane, and a bowl of any axes


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A frame as it was taken, and what must be known of it to spoil it."""

    pixels: np.ndarray
    exposure: Exposure
    noise: FrameNoise
    fwhm_px: float
    stars: int  # with a shape
    is_all_sky: bool


@dataclass(frozen=True, slots=True)
class Artefact:
    """``make(taken, seed)`` gives the pixels; ``kinds``: the names that are right. Some show in stars alone."""

    kinds: tuple[Kind, ...]
    make: Callable[[Taken, int], np.ndarray]
    in_stars: bool = False


def injected(cause, **more):
    """``cause``, or what makes one for a frame: (taken, rng)."""

    def make(taken, seed):
        rng = np.random.default_rng([seed, 81])
        one = cause(taken, rng) if callable(cause) else cause
        pixels, _ = inject(
            taken.pixels, [one], seed, noise=taken.noise, fwhm_px=taken.fwhm_px,
            bayer=taken.exposure.bayer is not None, **more,
        )  # fmt: skip
        return pixels

    return make


# what the stars show --------------------------------------------------------------------------------------------------


def drifted(elongation):
    """A steady drift that makes round stars of the frame's width so long, by second moments."""

    def cause(taken, rng):
        sigma = taken.fwhm_px / 2.355
        return Motion(drift(sigma * math.sqrt(12.0 * (elongation**2 - 1.0)), float(rng.uniform(0.0, 180.0))))

    return injected(cause)


def knocked(apart_fwhm, share):
    """The mount jumped by so many widths of a star (whole and even pixels) for a share of the exposure."""

    def make(taken, seed):
        angle_deg = np.random.default_rng([seed, 82]).uniform(0.0, 180.0)
        apart_px = apart_fwhm * taken.fwhm_px
        return doubled(taken.pixels, apart_px, angle_deg, share, seed)[0]

    return make


def doubled(pixels, apart_px, angle_deg, share, seed):
    """The frame as if it had been exposed ``share`` of its time elsewhere: noise as before, (pixels, pixels apart)."""
    dx, dy = (2 * round(apart_px * one(np.radians(angle_deg)) / 2.0) for one in (np.cos, np.sin))  # mosaics stay one
    first = pixels.astype(np.float32)
    noise = 1.4826 * np.median(np.abs(first - np.median(first)))
    lost = noise * np.sqrt(1.0 - (1.0 - share) ** 2 - share**2)
    mixed = (1.0 - share) * first + share * np.roll(first, (dy, dx), (0, 1))
    mixed += np.random.default_rng(seed).normal(0.0, lost, mixed.shape)
    if np.issubdtype(pixels.dtype, np.integer):
        limits = np.iinfo(pixels.dtype)
        mixed = np.rint(mixed).clip(limits.min, limits.max)
    return mixed.astype(pixels.dtype), float(np.hypot(dx, dy))


def dewed(share):
    def cause(taken, rng):
        return Dew(share, float(taken.fwhm_px * rng.uniform(5.0, 9.0)), 0.3 * share)

    return injected(cause)


# what stands before the field -----------------------------------------------------------------------------------------


def covered(reach, softness):
    """A dome's edge from any side, a fifth as bright as the sky."""
    return injected(lambda _, rng: Obstacle("dome", reach, float(rng.uniform(0.0, 360.0)), softness, 1.0, lit=0.2))


def clouded(depth):
    """Torn cloud, its largest pieces half of the frame."""

    def cause(taken, rng):
        span = 1.5 * max(taken.pixels.shape)
        return CloudLayer(int(rng.integers(2**31)), depth, 1.4, span, (0.0, 0.0), lit=1.5)

    return injected(cause)


def smooth_sky(taken):
    """The light of the sky without stars and nebulae: of a plane and a bowl, of an all-sky frame that of its blocks."""
    height, width = taken.pixels.shape
    light = taken.pixels.astype(np.float32) - np.float32(taken.noise.bias_adu)
    side = 32
    rows, columns = height // side, width // side
    blocks = light[: rows * side, : columns * side].reshape(rows, side, columns, side)
    low = np.percentile(blocks.swapaxes(1, 2).reshape(rows, columns, -1), 40.0, axis=2).astype(np.float32)
    if not taken.is_all_sky:
        y, x = (axis / max(rows, columns) for axis in np.mgrid[0.0:rows, 0.0:columns])
        terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).reshape(-1, SKY_TERMS)
        weight = np.ones(len(terms))
        for _ in range(5):  # what is brighter than the sky hardly counts
            best = np.linalg.lstsq(terms * weight[:, None], low.ravel() * weight, rcond=None)[0]
            weight = np.where(low.ravel() - terms @ best > 0.5 * taken.noise.noise_adu, 0.2, 1.0)
        low = (terms @ best).reshape(rows, columns).astype(np.float32)
    return np.maximum(cv2.resize(low, (width, height), interpolation=cv2.INTER_LINEAR), 0.0)


def recorded(taken, light, seed, read_noise_adu=None):
    """The numbers of the camera for ``light`` over its bias."""
    noise = taken.noise
    read = noise.read_noise_adu if read_noise_adu is None else read_noise_adu
    scatter = np.sqrt(np.maximum(light, 0.0) / noise.electrons_per_adu + read**2)
    z = np.random.default_rng([seed, 82]).standard_normal(light.shape, dtype=np.float32)
    values = light + noise.bias_adu + scatter * z
    if not np.issubdtype(taken.pixels.dtype, np.integer):
        return np.minimum(values, noise.ceiling_adu).astype(taken.pixels.dtype)
    stepped = np.rint(values / noise.step_adu) * noise.step_adu
    return stepped.clip(0.0, noise.ceiling_adu).astype(taken.pixels.dtype)


def overcast(lit):
    return lambda taken, seed: recorded(taken, np.float32(lit) * smooth_sky(taken), seed)


def cover_on(taken, seed):
    """No light at all; of a frame in which photons make the noise a third of it is left."""
    read = max(taken.noise.read_noise_adu, 0.3 * taken.noise.noise_adu)
    return recorded(taken, np.zeros(taken.pixels.shape, np.float32), seed, read)


def dawn(low, high):
    """The sky's light so much of what the camera holds, from one side to the other, on top of what was there."""

    def make(taken, seed):
        height, width = taken.pixels.shape
        angle = np.random.default_rng([seed, 83]).uniform(0.0, 2.0 * math.pi)
        c, s = math.cos(angle), math.sin(angle)
        along = (np.arange(width) / width - 0.5) * c + (np.arange(height)[:, None] / height - 0.5) * s
        share = low + (high - low) * (along / (abs(c) + abs(s)) + 0.5)
        added = (share * (taken.noise.ceiling_adu - taken.noise.bias_adu)).astype(np.float32)
        there = taken.pixels.astype(np.float32) - np.float32(taken.noise.bias_adu)
        extra = np.sqrt(np.maximum(added, 0.0) / taken.noise.electrons_per_adu)
        z = np.random.default_rng([seed, 84]).standard_normal(added.shape, dtype=np.float32)
        values = there + added + extra * z + taken.noise.bias_adu
        return values.clip(0.0, taken.noise.ceiling_adu).astype(taken.pixels.dtype)

    return make


def bled(share):
    """Charge of the brightest place runs up and down its columns, over ``share`` of the height."""

    def make(taken, _seed):
        height, width = taken.pixels.shape
        smooth = cv2.blur(taken.pixels.astype(np.float32), (5, 5))
        row, column = np.unravel_index(int(np.nanargmax(smooth)), smooth.shape)
        length = round(share * height)
        top = min(max(row - length // 2, 0), height - length)
        left = min(max(column - COLUMN_PX // 2, 0), width - COLUMN_PX)
        pixels = taken.pixels.copy()
        pixels[top : top + length, left : left + COLUMN_PX] = taken.noise.ceiling_adu
        away = np.hypot(np.arange(width) - left - COLUMN_PX // 2, np.arange(height)[:, None] - row)
        pixels[away <= CORE_PX] = taken.noise.ceiling_adu
        return pixels

    return make


def crossed(sigma):
    """A satellite's trail through the middle, at any angle."""

    def cause(taken, rng):
        height, width = taken.pixels.shape
        angle, reach = rng.uniform(0.0, math.pi), math.hypot(height, width)
        x, y = width * rng.uniform(0.35, 0.65), height * rng.uniform(0.35, 0.65)
        c, s = reach * math.cos(angle), reach * math.sin(angle)
        return Trail("satellite", x - c, y - s, x + c, y + s, sigma)

    return injected(cause)


def burnt_out(share):
    """The glare of a brilliant light; what was calibrated to real numbers once had a ceiling, too."""
    make = injected(Overexposure("object", share))
    return lambda taken, seed: np.minimum(make(taken, seed), taken.noise.ceiling_adu).astype(taken.pixels.dtype)


def faulty(form, **numbers):
    return injected(lambda _, rng: Fault(form, seed=int(rng.integers(2**31)), **numbers))


FOCUS, LOST = (Kind.DEFOCUS,), (Kind.READOUT,)
ARTEFACTS: dict[str, Artefact] = {
    "out of focus, rings of 15 px": Artefact(FOCUS, injected(Blur(15.0), obstruction=0.4), in_stars=True),
    "out of focus, rings of 25 px": Artefact(FOCUS, injected(Blur(25.0), obstruction=0.4), in_stars=True),
    "out of focus, rings of 40 px": Artefact(FOCUS, injected(Blur(40.0), obstruction=0.4), in_stars=True),
    "out of focus, discs of 20 px": Artefact(FOCUS, injected(Blur(20.0)), in_stars=True),
    "out of focus, discs of 35 px": Artefact(FOCUS, injected(Blur(35.0)), in_stars=True),
    "drift, stars 1.5 : 1": Artefact((Kind.TRAILED,), drifted(1.5), in_stars=True),
    "drift, stars 2 : 1": Artefact((Kind.TRAILED,), drifted(2.0), in_stars=True),
    "drift, stars 3 : 1": Artefact((Kind.TRAILED,), drifted(3.0), in_stars=True),
    "knocked, a fifth of the light 5 FWHM beside": Artefact((Kind.TRAILED,), knocked(5.0, 0.2), in_stars=True),
    "dew, 0.35 of the light in halos": Artefact((Kind.CLOUD,), dewed(0.35), in_stars=True),
    "dew, 0.6 of the light in halos": Artefact((Kind.CLOUD,), dewed(0.6), in_stars=True),
    "dome over a third, sharp": Artefact((Kind.OBSTRUCTION,), covered(0.33, 0.03)),
    "dome over a third, soft": Artefact((Kind.OBSTRUCTION,), covered(0.33, 0.3)),
    "dome over two thirds, sharp": Artefact((Kind.OBSTRUCTION,), covered(0.67, 0.03)),
    "torn cloud, depth 1": Artefact((Kind.CLOUD,), clouded(1.0)),
    "torn cloud, depth 2.5": Artefact((Kind.CLOUD, Kind.EMPTY), clouded(2.5)),
    "overcast, half as bright": Artefact((Kind.EMPTY, Kind.CLOUD), overcast(0.5)),
    "overcast, three times as bright": Artefact((Kind.EMPTY, Kind.CLOUD), overcast(3.0)),
    "cover on": Artefact((Kind.EMPTY,), cover_on),
    "dawn burns out half of the frame": Artefact((Kind.SATURATION,), dawn(0.7, 1.3)),
    "dawn burns out the frame": Artefact((Kind.SATURATION, *LOST), dawn(1.0, 1.2)),
    "a light burns out 3 %": Artefact((Kind.SATURATION,), burnt_out(0.03)),
    "a light burns out 10 %": Artefact((Kind.SATURATION,), burnt_out(0.10)),
    "charge runs over half of a column": Artefact((Kind.SATURATION, *LOST), bled(0.5)),
    "charge runs over a whole column": Artefact((Kind.SATURATION, *LOST), bled(1.0)),
    "half read, 10 % lost": Artefact(LOST, faulty("half_read", share=0.1)),
    "half read, 50 % lost": Artefact(LOST, faulty("half_read", share=0.5)),
    "1 % lost amid the frame": Artefact(LOST, faulty("block", share=0.01)),
    "5 % of the rows sent twice": Artefact(LOST, faulty("repeated", share=0.05)),
    "30 % of the rows shifted": Artefact(LOST, faulty("shifted", share=0.3)),
    "64 columns stuck": Artefact(LOST, faulty("stuck_columns", columns=64)),
    "rows in bands, 1 sigma": Artefact(LOST, faulty("bands", share=0.6, sigma=1.0)),
    "rows in bands, 3 sigma": Artefact(LOST, faulty("bands", share=0.6, sigma=3.0)),
    "satellite, ridge of 1 sigma": Artefact((Kind.STREAK,), crossed(1.0)),
    "satellite, ridge of 4 sigma": Artefact((Kind.STREAK,), crossed(4.0)),
}


# what does no harm ----------------------------------------------------------------------------------------------------


def moved(change):
    """``change`` of the array; the mosaic moves with it."""

    def make(taken, _seed):
        exposure = taken.exposure
        if exposure.bayer is not None:
            tile = np.array(list(exposure.bayer)).reshape(2, 2)
            height, width = taken.pixels.shape
            whole = change(np.tile(tile, (height // 2 + 1, width // 2 + 1))[:height, :width])
            exposure = replace(exposure, bayer="".join(whole[:2, :2].ravel()))
        return np.ascontiguousarray(change(taken.pixels)), exposure

    return make


def middle_part(pixels):
    """The inner 70 % of width and height."""
    top, left = (int(0.15 * length) // 2 * 2 for length in pixels.shape)
    return pixels[top : pixels.shape[0] - top, left : pixels.shape[1] - left]


def binned(taken, _seed):
    """Means of 2 x 2 pixels; a mosaic has no colours any more."""
    height, width = (length // 2 * 2 for length in taken.pixels.shape)
    mean = taken.pixels[:height, :width].astype(np.float32).reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    size = taken.exposure.pixel_size_um
    exposure = replace(taken.exposure, bayer=None, pixel_size_um=None if size is None else 2.0 * size)
    return as_stored(mean, taken.pixels.dtype), exposure


def as_stored(values, dtype):
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    return np.rint(values).clip(0, np.iinfo(dtype).max).astype(dtype)


def renumbered(change, most=1.0):
    """Other numbers for the same light; left out where the sky would come near the top of the numbers."""

    def make(taken, _seed):
        values = change(taken, taken.pixels.astype(np.float32))
        if np.issubdtype(taken.pixels.dtype, np.integer):
            top = np.iinfo(taken.pixels.dtype).max
            if np.median(values) > 0.7 * most * top or top < 1000:
                return None
        return as_stored(values, taken.pixels.dtype), taken.exposure

    return make


def in_8_bits(taken, _seed):
    """The noise one step, the sky ten above nothing."""
    if taken.pixels.dtype == np.uint8:
        return None
    steps = (taken.pixels.astype(np.float32) - taken.noise.sky_adu) / taken.noise.noise_adu + 10.0
    return np.rint(np.nan_to_num(steps)).clip(0, 255).astype(np.uint8), taken.exposure


def with_hot_pixels(taken, seed):
    """500 more a megapixel, a few to hundreds of times the noise high."""
    rng = np.random.default_rng([seed, 85])
    values = taken.pixels.astype(np.float32).ravel()
    where = rng.choice(values.size, values.size // 2000, replace=False)
    values[where] += (taken.noise.noise_adu * rng.lognormal(3.0, 1.5, where.size)).astype(np.float32)
    values = np.minimum(values, taken.noise.ceiling_adu).reshape(taken.pixels.shape)
    return as_stored(values, taken.pixels.dtype), taken.exposure


def vignetted(taken, _seed):
    """A quarter of the light lost in the corners."""
    height, width = taken.pixels.shape
    away = (np.arange(width) / width - 0.5) ** 2 + (np.arange(height)[:, None] / height - 0.5) ** 2
    bias = np.float32(taken.noise.bias_adu)
    light = (taken.pixels.astype(np.float32) - bias) * (1.0 - 0.5 * away).astype(np.float32)
    return as_stored(light + bias, taken.pixels.dtype), taken.exposure


def seeing_worse(taken, seed):
    blur = Blur(taken.fwhm_px * math.sqrt(1.2**2 - 1.0), "seeing")
    return injected(blur)(taken, seed), taken.exposure


def dead_line(axis):
    def make(taken, seed):
        pixels = taken.pixels.copy()
        number = int(np.random.default_rng([seed, 86]).integers(pixels.shape[axis]))
        if axis == 0:
            pixels[number] = 0
        else:
            pixels[:, number] = 0
        return pixels, taken.exposure

    return make


HARMLESS: dict[str, Callable] = {
    "the middle 70 %": moved(middle_part),
    "binned 2 x 2": binned,
    "left to right": moved(np.fliplr),
    "upside down": moved(np.flipud),
    "turned by 90 degrees": moved(np.rot90),
    "1000 ADU more": renumbered(lambda _, values: values + 1000.0),
    "half the gain": renumbered(lambda _, values: 0.5 * values),
    "twice the gain": renumbered(lambda _, values: 2.0 * values),
    "8 bits": in_8_bits,
    "float, 0 to 1": lambda taken, _: (
        (taken.pixels / np.float32(taken.noise.ceiling_adu)).astype(np.float32), taken.exposure,
    ),
    "500 more hot pixels per Mpx": with_hot_pixels,
    "25 % of vignetting": vignetted,
    "seeing 1.2 times as bad": seeing_worse,
    "one row dead": dead_line(0),
    "one column dead": dead_line(1),
}  # fmt: skip
