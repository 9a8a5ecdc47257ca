"""What an all-sky lens does to a frame: a disc of sky amid darkness, trees and roofs at its rim, a bright horizon."""

import math

import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.camera import Camera

Image = NDArray[np.float32]
RIM_PX = 2.5  # over which the disc ends
HORIZON_POWER = 4.0  # the sky of a town brightens late and steeply towards the horizon
SKYLINE_WAVES = 24  # harmonics of the outline of what stands around


def sky_disc(camera: Camera, rng: np.random.Generator) -> Image:
    """Share of the light that arrives at each pixel, (H, W): 1 within the disc less the skyline, 0 outside."""
    height, width = camera.height_px, camera.width_px
    radius = 0.5 * camera.image_circle * min(height, width)
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32(width * rng.uniform(0.47, 0.53))
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(height * rng.uniform(0.47, 0.53))
    reach = np.hypot(x, y) + radius * _skyline(np.arctan2(y, x), rng)
    return np.asarray(np.clip((radius - reach) / np.float32(RIM_PX) + np.float32(0.5), 0.0, 1.0), dtype=np.float32)


def _skyline(angle: Image, rng: np.random.Generator) -> Image:
    """Height of what stands around over the disc's radius, at each azimuth: mostly low, here and there a mast."""
    order = np.arange(1, SKYLINE_WAVES + 1)
    strength = rng.normal(0.0, 1.0, SKYLINE_WAVES) / order
    phase = rng.uniform(0.0, 2.0 * math.pi, SKYLINE_WAVES)
    axis = np.linspace(-math.pi, math.pi, 721)
    outline = (strength[:, None] * np.cos(order[:, None] * axis + phase[:, None])).sum(axis=0)
    outline = np.clip(outline, 0.0, None) * rng.uniform(0.0, 0.06)
    for _ in range(int(rng.poisson(1.0))):
        outline += rng.uniform(0.02, 0.25) * (np.abs(axis - rng.uniform(-3.0, 3.0)) < rng.uniform(0.01, 0.08))
    return np.asarray(np.interp(angle, axis, outline), dtype=np.float32)


def horizon_glow(x: Image, y: Image, size: tuple[int, int], lean: float = 0.0, town_deg: float = 0.0) -> Image:
    """0 at the zenith in the middle of a frame ``size`` = (width, height), 1 at half its shorter side and beyond.

    ``lean`` 0 to 1: so much of the glow is missing opposite the town, and comes on top over it, in the direction
    ``town_deg`` from x towards y.
    """
    width, height = size
    across, down = x - 0.5 * (width - 1), y - 0.5 * (height - 1)
    distance = np.hypot(across, down)
    glow = np.minimum(distance / (0.5 * min(size)), 1.0) ** HORIZON_POWER
    if lean > 0.0:
        turn = math.radians(town_deg)
        towards = (across * math.cos(turn) + down * math.sin(turn)) / np.maximum(distance, 1.0)
        glow = glow * (1.0 + lean * towards)
    return np.asarray(glow, dtype=np.float32)
