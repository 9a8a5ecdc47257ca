"""``Target``: one field of the sky, the same in every frame of a session; its stars and where they fall."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.optics import Filter
from nebulift.simulate.star_painting import Stars

FAINTEST = 0.35  # of the flux limit: stars that are felt but not found
BRIGHTEST = 3e6  # of the flux limit
MARGIN_PX = 450.0  # beyond the frame's diagonal, so that large halos come in from outside


@dataclass(frozen=True, slots=True)
class Target:
    """A field. Fluxes are in units of ``limit_e_s``, the electron rate of a star at the 5-sigma limit of the rig."""

    name: str
    seed: int
    ra_deg: float = 0.0
    dec_deg: float = 40.0
    density_per_mpx: float = 300.0  # stars above the limit
    slope: float = 0.8  # N(> flux) falls as flux ** -slope
    limit_e_s: float = 10.0
    cluster_stars: int = 0  # of a star cluster in the middle
    cluster_radius_px: float = 120.0
    diffuse: str = "none"  # see nebulift.simulate.diffuse
    diffuse_e_s: float = 0.0  # electrons a second and pixel at its bright parts, luminance filter
    diffuse_size: float = 0.5  # over the shorter side of the frame
    drift_px_s: tuple[float, float] = (0.0, 0.0)  # of the diffuse object against the stars (comet)


@dataclass(frozen=True, slots=True)
class Pointing:
    """How the field lies on the sensor: shift in pixels, turn about the middle, and the side of the pier."""

    dx_px: float = 0.0
    dy_px: float = 0.0
    rotation_deg: float = 0.0
    flipped: bool = False  # after the meridian flip the field is turned by 180 degrees


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Stars of a target around (0, 0), periodic with ``side_px``; ``flux`` over the limit; ``warmth`` 0 blue, 1 red."""

    side_px: float
    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]
    flux: NDArray[np.float32]
    warmth: NDArray[np.float32]


def canvas_side_px(width: int, height: int) -> float:
    """Side of the square piece of sky that serves a frame of this size, however turned."""
    return math.hypot(width, height) + 2.0 * MARGIN_PX


@lru_cache(maxsize=2)
def catalogue(target: Target, width: int, height: int) -> Catalogue:
    """The stars of ``target`` for frames of this size; the same at every call."""
    rng = np.random.default_rng([target.seed, 1])
    side = canvas_side_px(width, height)
    count = int(rng.poisson(target.density_per_mpx * side * side / 1e6 * FAINTEST**-target.slope))
    x, y = rng.uniform(-0.5 * side, 0.5 * side, (2, count))
    flux = _power_law(rng, count, target.slope, FAINTEST)
    if target.cluster_stars:
        cx, cy = _cluster(rng, target.cluster_stars, target.cluster_radius_px)
        x, y = np.append(x, cx), np.append(y, cy)
        flux = np.append(flux, _power_law(rng, target.cluster_stars, 0.75, FAINTEST))
    warmth = rng.beta(2.2, 2.2, len(x))
    return Catalogue(side, *(array.astype(np.float32) for array in (x, y, flux, warmth)))


def stars_in_frame(target: Target, pointing: Pointing, band: Filter, size: tuple[int, int], electrons: float) -> Stars:
    """The stars that touch a frame of ``size`` (width, height); ``electrons`` is the count of one at the limit."""
    width, height = size
    stars = catalogue(target, width, height)
    half = stars.side_px / 2.0
    x = (stars.x_px + pointing.dx_px + half) % stars.side_px - half
    y = (stars.y_px + pointing.dy_px + half) % stars.side_px - half
    turn = math.radians(pointing.rotation_deg + (180.0 if pointing.flipped else 0.0))
    c, s = math.cos(turn), math.sin(turn)
    px = (x * c - y * s + (width - 1) / 2.0).astype(np.float32)
    py = (x * s + y * c + (height - 1) / 2.0).astype(np.float32)
    seen = (np.abs(px - width / 2) < width / 2 + MARGIN_PX) & (np.abs(py - height / 2) < height / 2 + MARGIN_PX)
    flux = stars.flux[seen] * np.float32(electrons)
    warmth = stars.warmth[seen]
    return Stars(px[seen], py[seen], flux * _through(band, warmth), star_colours(warmth))


def star_colours(warmth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 3) brightness in R, G, B of a colour sensor over that in green, from blue (0) to red (1) stars."""
    red = 0.55 + 0.75 * warmth
    blue = 1.15 - 0.85 * warmth
    return np.stack([red, np.ones_like(warmth), blue], axis=1).astype(np.float32)


def _through(band: Filter, warmth: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1.0 + 1.2 * (band.blue_to_red - 0.5) * (warmth - 0.5) * 2.0, dtype=np.float32)


def _power_law(rng: np.random.Generator, count: int, slope: float, faintest: float) -> NDArray[np.float64]:
    return np.asarray(np.minimum(faintest * rng.random(count) ** (-1.0 / slope), BRIGHTEST), dtype=np.float64)


def _cluster(rng: np.random.Generator, count: int, radius_px: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A Plummer sphere in projection: half of the stars within ``radius_px``."""
    share = rng.random(count) * 0.985
    radius = radius_px * np.sqrt(share / (1.0 - share))
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    return radius * np.cos(angle), radius * np.sin(angle)
