"""The sky over one frame: its brightness in physical units, its colour, its ordinary gradient, its clouds."""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.all_sky import horizon_glow
from nebulift.simulate.camera import Camera
from nebulift.simulate.optics import Filter, Telescope
from nebulift.simulate.severity import CLOUD_CONTRAST, CLOUD_LOSS, CLOUD_PATCH_SIGMA, severity
from nebulift.simulate.turbulence import turbulence

Image = NDArray[np.float32]
TEXTURE_CELLS = 192  # side of the cloud texture, which repeats
SHUTTER_STEPS = 5  # clouds that move during an exposure are averaged over so many moments

LED_SKY = (0.9, 1.0, 0.9)
SODIUM_SKY = (1.35, 1.0, 0.6)
DARK_SKY = (1.0, 1.0, 0.85)
MOONLIT_SKY = (0.8, 1.0, 1.1)


@dataclass(frozen=True, slots=True)
class Air:
    """What lies between the stars and the telescope during one exposure; all of it belongs to a clean frame."""

    fwhm_px: float = 3.0  # of a star in focus, optics and seeing together
    sky_mag_arcsec2: float = 20.5  # at the zenith, in luminance
    airmass: float = 1.2
    extinction_mag: float = 0.2  # an airmass
    haze: float = 0.0  # share of light lost besides, the same everywhere
    gradient_share: float = 0.05  # range of the sky over the frame, over its mean
    gradient_angle_deg: float = 0.0  # direction in which it brightens
    bow_share: float = 0.0  # curvature of the sky, over its mean
    rim_share: float = 0.0  # of an all-sky frame: how much brighter the sky is at the horizon, over the zenith
    rim_lean: float = 0.0  # 0: alike all around; 1: dark on one side, twice as bright where the sky brightens: a town
    colour: tuple[float, float, float] = DARK_SKY  # R, G, B over green

    @property
    def transmission(self) -> float:
        """Share of star light that passes, against the zenith (whose loss is in the telescope's figure)."""
        return (1.0 - self.haze) * math.pow(10.0, -0.4 * self.extinction_mag * (self.airmass - 1.0))


@dataclass(frozen=True, slots=True)
class CloudLayer:
    """A moving sheet of cloud, the same texture in all frames of a session, drifting with the wind."""

    seed: int
    depth: float  # mean optical depth: exp(-depth) of the light passes
    contrast: float = 0.8  # 0 a veil without structure, 1.5 torn clouds
    span_px: float = 6000.0  # after which the texture repeats; its largest clouds are about a third of that
    wind_px_s: tuple[float, float] = (20.0, 5.0)
    lit: float = 1.5  # brightness of a thick cloud over that of the clear sky: 0.3 at a dark site, 6 over a city


def sky_electrons(air: Air, telescope: Telescope, camera: Camera, band: Filter, exposure_s: float) -> float:
    """Electrons of the sky in one pixel in the middle of the field."""
    per_pixel = telescope.scale_arcsec(camera) ** 2 * math.pow(10.0, -0.4 * air.sky_mag_arcsec2)
    brighter_low = 1.0 + 0.35 * (air.airmass - 1.0)  # more air shines, and more town
    return telescope.electrons_mag0_s(camera, band) * per_pixel * exposure_s * band.sky * brighter_low


def coarse_axes(size: tuple[int, int], cell: int) -> tuple[Image, Image]:
    """(x, y) pixel coordinates of the centres of ``cell`` x ``cell`` blocks of a frame ``size`` = (width, height).

    Shapes (1, columns) and (rows, 1); the last block may reach beyond the frame.
    """
    width, height = size
    x = (np.arange(math.ceil(width / cell), dtype=np.float32) + 0.5) * cell - 0.5
    y = (np.arange(math.ceil(height / cell), dtype=np.float32) + 0.5) * cell - 0.5
    return x[None, :], y[:, None]


def full_size(coarse: Image, size: tuple[int, int], cell: int) -> Image:
    """A map on ``coarse_axes`` brought to every pixel, shape (height, width), linear between the cells."""
    width, height = size
    matrix = np.array([[cell, 0.0, 0.5 * cell - 0.5], [0.0, cell, 0.5 * cell - 0.5]], dtype=np.float32)
    smooth = cv2.warpAffine(coarse, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(smooth, dtype=np.float32)


def ordinary_sky(air: Air, x: Image, y: Image, size: tuple[int, int]) -> Image:
    """The clear sky over its mean: a plane and a slight bow, shape of ``x`` and ``y`` broadcast."""
    width, height = size
    u, v = x / width - 0.5, y / height - 0.5
    c, s = math.cos(math.radians(air.gradient_angle_deg)), math.sin(math.radians(air.gradient_angle_deg))
    along = u * c + v * s
    plane = air.gradient_share * along / (abs(c) + abs(s))
    sky = 1.0 + plane + air.bow_share * (along**2 - 1.0 / 12.0)
    if air.rim_share:
        sky = sky + air.rim_share * horizon_glow(x, y, size, air.rim_lean, air.gradient_angle_deg)
    return np.asarray(sky, dtype=np.float32)


def cloud_transmission(layer: CloudLayer, x: Image, y: Image, time_s: float, exposure_s: float) -> Image:
    """Share of the light that passes the cloud at each ``(x, y)``, averaged over the exposure, float32."""
    texture = _texture(layer.seed)
    scale = np.float32(TEXTURE_CELLS / layer.span_px)
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype=np.float32)
    for step in range(SHUTTER_STEPS):
        moment = time_s + exposure_s * (step + 0.5) / SHUTTER_STEPS
        u = (x - layer.wind_px_s[0] * moment) * scale % TEXTURE_CELLS
        v = (y - layer.wind_px_s[1] * moment) * scale % TEXTURE_CELLS
        u, v = np.broadcast_arrays(u.astype(np.float32), v.astype(np.float32))
        sample = cv2.remap(
            texture, np.ascontiguousarray(u), np.ascontiguousarray(v), cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP
        )
        depth = layer.depth * np.exp(layer.contrast * sample - 0.5 * layer.contrast**2)
        total += np.exp(-depth)
    return total / np.float32(SHUTTER_STEPS)


def cloud_numbers(passing: Image, lit: float, sky_sigma: Image | np.float32) -> dict[str, float]:
    """What a cloud does to a frame, from its transmission map; ``sky_sigma``: the clear sky in noise of one pixel."""
    low, high = (float(q) for q in np.percentile(passing, [5.0, 95.0]))
    scattered = sky_sigma * np.float32(lit - 1.0) * (1.0 - passing)
    patch = float(np.subtract(*np.percentile(scattered, [95.0, 5.0])))
    mean = float(passing.mean())
    return {"transmission": mean, "transmission_p5": low, "transmission_p95": high, "patch_sigma": patch}


def cloud_severity(numbers: dict[str, float]) -> float:
    """The worst of lost light, uneven light and visible patches."""
    return max(
        severity(1.0 - numbers["transmission"], CLOUD_LOSS),
        severity(numbers["transmission_p95"] - numbers["transmission_p5"], CLOUD_CONTRAST),
        severity(numbers["patch_sigma"], CLOUD_PATCH_SIGMA),
    )


@lru_cache(maxsize=8)
def _texture(seed: int) -> Image:
    return turbulence(np.random.default_rng([seed, 3]), (TEXTURE_CELLS, TEXTURE_CELLS), 3.4)
