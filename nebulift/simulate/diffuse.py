"""Nebulae, galaxies and comets: soft light of unit brightness on a coarse canvas that is the same all session."""

import math
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.field import Pointing, Target, canvas_side_px
from nebulift.simulate.turbulence import ridges, turbulence

Image = NDArray[np.float32]
CANVAS_CELLS = 1000  # at most so many cells a side: a cell is about 2 px of a 2-MP frame

# brightness in R, G, B over green
RED_EMISSION = (1.9, 0.6, 0.55)
BLUE_REFLECTION = (0.7, 1.0, 1.5)
OLD_STARS = (1.15, 1.0, 0.75)
GREEN_COMA = (0.6, 1.25, 1.0)


def diffuse_light(
    target: Target, pointing: Pointing, size: tuple[int, int], time_s: float, blur_px: float
) -> Image | None:
    """The target's soft light in a frame of ``size`` (width, height), about 1 at its bright parts; ``None``: has none.

    Shape (height, width), float32. ``blur_px`` is a standard deviation: wide star images smear nebulae as well.
    """
    if target.diffuse == "none" or target.diffuse_e_s <= 0.0:
        return None
    width, height = size
    canvas = _canvas(target, width, height)
    cell = canvas_side_px(width, height) / canvas.shape[0]
    if blur_px > cell:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), blur_px / cell), dtype=np.float32)
    turn = math.radians(pointing.rotation_deg + (180.0 if pointing.flipped else 0.0))
    c, s = math.cos(turn) * cell, math.sin(turn) * cell
    middle = (canvas.shape[0] - 1) / 2.0
    dx = pointing.dx_px + target.drift_px_s[0] * time_s
    dy = pointing.dy_px + target.drift_px_s[1] * time_s
    shift_x = (width - 1) / 2.0 + (dx * c - dy * s) / cell - middle * (c - s)
    shift_y = (height - 1) / 2.0 + (dx * s + dy * c) / cell - middle * (s + c)
    matrix = np.array([[c, -s, shift_x], [s, c, shift_y]], dtype=np.float32)
    light = cv2.warpAffine(canvas, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(np.maximum(light, 0.0), dtype=np.float32)


def diffuse_colour(target: Target) -> tuple[float, float, float]:
    """Brightness of the target's soft light in R, G, B of a colour sensor."""
    return KINDS[target.diffuse][1]


@lru_cache(maxsize=2)
def _canvas(target: Target, width: int, height: int) -> Image:
    side = canvas_side_px(width, height)
    cells = min(CANVAS_CELLS, int(side / 2.0))
    rng = np.random.default_rng([target.seed, 2])
    axis = (np.arange(cells, dtype=np.float32) - (cells - 1) / 2.0) * np.float32(side / cells)
    radius = np.float32(target.diffuse_size * min(width, height) / 2.0)
    x, y = axis[None, :] / radius, axis[:, None] / radius
    return np.asarray(KINDS[target.diffuse][0](rng, x, y), dtype=np.float32)


def _cirrus(rng: np.random.Generator, x: Image, y: Image) -> Image:
    texture = turbulence(rng, (len(y), x.shape[1]), 3.6)
    return np.asarray(np.maximum(texture + 0.6, 0.0) / 2.6, dtype=np.float32)


def _emission(rng: np.random.Generator, x: Image, y: Image) -> Image:
    """Glowing gas: lognormal turbulence in an irregular envelope, bright rims, dark lanes."""
    shape = (len(y), x.shape[1])
    smooth, gritty = turbulence(rng, shape, 4.2), turbulence(rng, shape, rng.uniform(2.9, 3.5))
    envelope = np.exp(-0.5 * (x**2 + y**2) / (1.0 + 0.5 * smooth.clip(-1.2, 2.0)) ** 2)
    gas = np.exp(0.7 * gritty - 0.4) * (0.6 + ridges(turbulence(rng, shape, 3.3), 4.0))
    dust = np.exp(-1.6 * np.maximum(turbulence(rng, shape, 3.4) - 0.5, 0.0))
    return np.asarray(0.5 * envelope * gas * dust, dtype=np.float32)


def _filaments(rng: np.random.Generator, x: Image, y: Image) -> Image:
    """An old supernova remnant: fine filaments along a shell."""
    shape = (len(y), x.shape[1])
    warp = turbulence(rng, shape, 4.0)
    radius = np.hypot(x, y) + 0.12 * warp
    shell = np.exp(-0.5 * ((radius - 0.85) / 0.18) ** 2)
    fine = ridges(turbulence(rng, shape, 3.2), 7.0) + 0.7 * ridges(turbulence(rng, shape, 3.6), 10.0)
    patches = np.clip(turbulence(rng, shape, 3.6) + 0.6, 0.0, 2.0)
    return np.asarray(shell * (0.08 + fine) * patches * 0.6, dtype=np.float32)


def _reflection(rng: np.random.Generator, x: Image, y: Image) -> Image:
    radius = np.hypot(x, y)
    wisps = np.exp(0.5 * turbulence(rng, (len(y), x.shape[1]), 3.4))
    return np.asarray(wisps * np.exp(-2.5 * radius) * 0.9, dtype=np.float32)


def _shell(rng: np.random.Generator, x: Image, y: Image) -> Image:
    """A planetary nebula: a bright ring, small."""
    x, y = _turned(x * 4.0, y * 4.0, float(rng.uniform(0.0, math.pi)))
    radius = np.hypot(x, y * rng.uniform(1.0, 1.6))
    ring = np.exp(-0.5 * ((radius - 0.7) / 0.22) ** 2) + 0.25 * np.exp(-1.2 * radius**2)
    return np.asarray(ring, dtype=np.float32)


def _spiral(rng: np.random.Generator, x: Image, y: Image) -> Image:
    x, y = _turned(x, y, float(rng.uniform(0.0, math.pi)))
    y = y / np.float32(rng.uniform(0.35, 1.0))
    radius = np.hypot(x, y) + 1e-4
    angle = np.arctan2(y, x)
    pitch = rng.uniform(2.5, 4.5) * rng.choice([-1.0, 1.0])
    arms = 0.5 + 0.5 * np.cos(2.0 * angle - pitch * 2.0 * np.log(radius))
    knots = np.exp(0.4 * turbulence(rng, (len(y), x.shape[1]), 2.6))
    disc = np.exp(-3.2 * radius) * (0.35 + 0.9 * arms**2 * knots)
    return np.asarray(disc * 0.9 + 1.1 * np.exp(-9.0 * radius**0.7), dtype=np.float32)


def _edge_on(rng: np.random.Generator, x: Image, y: Image) -> Image:
    """A disc from the side, a bulge, a dust lane: the trail finder's favourite mistake."""
    x, y = _turned(x, y, float(rng.uniform(0.0, math.pi)))
    thin = np.float32(rng.uniform(0.02, 0.06))
    disc = np.exp(-np.abs(x) * 3.0) / np.cosh(np.clip(y / thin, -20.0, 20.0)) ** 2
    bulge = 1.2 * np.exp(-7.0 * (x**2 + (y * 1.4) ** 2) ** 0.35)
    lane = 1.0 - 0.6 * np.exp(-0.5 * ((y - 0.3 * thin) / (0.4 * thin)) ** 2) * np.exp(-1.5 * np.abs(x))
    return np.asarray((disc + bulge) * lane, dtype=np.float32)


def _ellipticals(rng: np.random.Generator, x: Image, y: Image) -> Image:
    """A group of smooth galaxies of all sizes."""
    light = np.zeros((len(y), x.shape[1]), dtype=np.float32)
    for _ in range(int(rng.integers(3, 14))):
        u, v = _turned(x - rng.normal(0.0, 0.8), y - rng.normal(0.0, 0.8), float(rng.uniform(0.0, math.pi)))
        size, axis = rng.lognormal(-2.6, 0.6), rng.uniform(0.3, 1.0)
        radius = np.hypot(u, v / np.float32(axis)) / np.float32(size)
        light += np.float32(rng.uniform(0.2, 1.0)) * np.exp(-3.0 * radius**0.5) * 3.0
    return light


def _comet(rng: np.random.Generator, x: Image, y: Image) -> Image:
    """A coma that falls as 1/r and a tail that widens and fades."""
    x, y = _turned(x, y, float(rng.uniform(0.0, 2.0 * math.pi)))
    radius = np.hypot(x, y)
    coma = 0.03 / (radius + 0.03) * np.exp(-1.5 * radius)
    width = 0.05 + 0.18 * np.maximum(x, 0.0)
    rays = 1.0 + 0.25 * np.cos(30.0 * np.arctan2(y, x + 0.05))
    tail = np.where(x > 0.0, np.exp(-0.5 * (y / width) ** 2) * np.exp(-1.1 * x) * rays * 0.25, 0.0)
    tail *= 1.0 - np.exp(-((np.maximum(x, 0.0) / 0.08) ** 2))
    return np.asarray(coma + tail, dtype=np.float32)


def _turned(x: Image, y: Image, angle: float) -> tuple[Image, Image]:
    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return np.asarray(x * c + y * s), np.asarray(y * c - x * s)


Painter = Callable[[np.random.Generator, Image, Image], Image]
KINDS: dict[str, tuple[Painter, tuple[float, float, float]]] = {
    "cirrus": (_cirrus, BLUE_REFLECTION),
    "emission": (_emission, RED_EMISSION),
    "filaments": (_filaments, RED_EMISSION),
    "reflection": (_reflection, BLUE_REFLECTION),
    "shell": (_shell, RED_EMISSION),
    "spiral": (_spiral, OLD_STARS),
    "edge_on": (_edge_on, OLD_STARS),
    "ellipticals": (_ellipticals, OLD_STARS),
    "comet": (_comet, GREEN_COMA),
}
EMITTING = frozenset({"emission", "filaments", "shell"})  # shine in narrow lines
