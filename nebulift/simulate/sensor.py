"""From the light on the sensor to the numbers in the file: fixed pattern, noise, converter."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.all_sky import sky_disc
from nebulift.simulate.camera import Camera

Image = NDArray[np.float32]
STRIP_ROWS = 256  # noise is drawn strip by strip: a 26-MP frame needs no second copy of itself


@dataclass(frozen=True, slots=True, eq=False)
class FixedPattern:
    """What is the same in every frame of one camera body."""

    flat: Image  # (H, W) response: vignetting, dust, pixel scatter; about 1 in the middle
    glow_e_s: Image | None  # (H, W) amplifier glow
    hot_index: NDArray[np.int64]  # flat index of hot pixels
    hot_e_s: Image  # their dark current
    column_e: Image  # (W,) offsets of columns
    bad_columns: tuple[tuple[int, int, float], ...]  # (column, first row, electrons added; negative: dead)


@lru_cache(maxsize=2)
def fixed_pattern(camera: Camera) -> FixedPattern:
    """The pattern of this body, drawn from its serial number; the last two bodies are kept."""
    rng = np.random.default_rng([camera.serial, 7])
    height, width = camera.height_px, camera.width_px
    hot = rng.choice(width * height, size=int(rng.poisson(camera.hot_share * width * height)), replace=False)
    warm = rng.pareto(1.2, len(hot)) + 0.3
    columns = np.asarray(rng.standard_normal(width)) * camera.column_noise_e
    amplifiers = rng.normal(0.0, 0.5 * camera.column_noise_e, 2)
    columns += amplifiers[np.arange(width) % 2]  # two amplifiers take turns
    bad = tuple(
        (int(rng.integers(width)), int(rng.integers(height)), float(rng.choice([-1e9, rng.uniform(20.0, 800.0)])))
        for _ in range(camera.bad_columns)
    )
    glow = _amp_glow(camera, rng)
    return FixedPattern(
        _flat(camera, rng),
        glow,
        hot.astype(np.int64),
        np.asarray(warm * max(camera.dark_e_s, 1e-4) * 60.0).astype(np.float32),
        columns.astype(np.float32),
        bad,
    )


def exposed(light_e: Image, camera: Camera, pattern: FixedPattern, exposure_s: float) -> Image:
    """Electrons expected in each pixel: ``light_e`` behind vignetting and dust, and all that gathers in the dark."""
    electrons = light_e * pattern.flat
    electrons += np.float32(camera.dark_e_s * exposure_s)
    if pattern.glow_e_s is not None:
        electrons += pattern.glow_e_s * np.float32(exposure_s)
    np.add.at(electrons.reshape(-1), pattern.hot_index, pattern.hot_e_s * np.float32(exposure_s))
    return electrons


def digitised(electrons: Image, camera: Camera, pattern: FixedPattern, rng: np.random.Generator) -> NDArray[Any]:
    """Numbers as stored, uint16 (uint8 for an 8-bit camera without shift): photon and read noise, full well, converter.

    The photon noise is Poisson to third order, ``n + sqrt(n) z + (z^2 - 1) / 6`` with z Gaussian (Cornish-Fisher),
    drawn together with the read noise: mean and variance are exact to 1 % above 5 electrons. The array is used up.
    """
    height, width = electrons.shape
    dtype = np.uint8 if camera.bits <= 8 and camera.shift == 0 else np.uint16
    out = np.empty((height, width), dtype=dtype)
    rows_e = rng.normal(0.0, camera.row_noise_e, (height, 1)).astype(np.float32)
    for top in range(0, height, STRIP_ROWS):
        strip = electrons[top : top + STRIP_ROWS]
        z = rng.standard_normal(strip.shape, dtype=np.float32)
        _add_noise(strip, z, camera.read_noise_e)
        np.minimum(strip, np.float32(camera.full_well_e), out=strip)
        strip += rows_e[top : top + STRIP_ROWS]
        strip += pattern.column_e
        out[top : top + STRIP_ROWS] = _converted(strip, camera)
    _damage_columns(out, camera, pattern)
    return out


def _add_noise(strip: Image, z: Image, read_noise_e: float) -> None:
    """``strip`` becomes a draw of its photon noise plus read noise, in place; ``z`` is used up."""
    np.maximum(strip, 0.0, out=strip)
    variance = strip + np.float32(read_noise_e**2)
    skew = strip / (variance * np.float32(6.0) + np.float32(1e-6))
    np.sqrt(variance, out=variance)
    variance *= z
    strip += variance
    np.square(z, out=z)
    z -= np.float32(1.0)
    z *= skew
    strip += z


def _converted(strip: Image, camera: Camera) -> NDArray[Any]:
    native = strip * np.float32(1.0 / camera.gain_e_per_adu)
    native += np.float32(camera.bias_adu)
    np.rint(native, out=native)
    np.clip(native, 0, camera.top_adu, out=native)
    return native.astype(np.uint16) << camera.shift


def _damage_columns(out: NDArray[Any], camera: Camera, pattern: FixedPattern) -> None:
    for column, first_row, added_e in pattern.bad_columns:
        part = out[first_row:, column].astype(np.float64) + added_e / camera.stored_gain
        out[first_row:, column] = np.clip(part, camera.stored_bias_adu * 0.8, camera.ceiling_adu).astype(out.dtype)


def _flat(camera: Camera, rng: np.random.Generator) -> Image:
    height, width = camera.height_px, camera.width_px
    half = math.hypot(width, height) / 2.0
    x = (np.arange(width, dtype=np.float32) - width * rng.uniform(0.45, 0.55)) / np.float32(half)
    y = (np.arange(height, dtype=np.float32) - height * rng.uniform(0.45, 0.55)) / np.float32(half)
    r2 = x[None, :] ** 2 + y[:, None] ** 2
    flat = 1.0 - np.float32(camera.vignetting) * r2 ** np.float32(rng.uniform(0.8, 1.6))
    np.maximum(flat, np.float32(0.05), out=flat)
    for _ in range(camera.dust_spots):
        _add_dust(flat, rng)
    scatter = rng.standard_normal(flat.shape, dtype=np.float32)
    scatter *= np.float32(camera.prnu)
    scatter += np.float32(1.0)
    flat *= scatter
    if camera.image_circle > 0.0:
        flat *= sky_disc(camera, rng)
    return np.asarray(flat, dtype=np.float32)


def _add_dust(flat: Image, rng: np.random.Generator) -> None:
    """The shadow of a grain on the filter: a disc with a bright middle where the obstruction was, or a plain disc."""
    height, width = flat.shape
    radius = float(rng.uniform(8.0, 70.0))
    cx, cy, hole = rng.uniform(0, width), rng.uniform(0, height), rng.choice([0.0, 0.35, 0.45])
    x0, x1 = max(0, int(cx - radius - 3)), min(width, int(cx + radius + 4))
    y0, y1 = max(0, int(cy - radius - 3)), min(height, int(cy + radius + 4))
    r = np.hypot(np.arange(x0, x1)[None, :] - cx, np.arange(y0, y1)[:, None] - cy)
    shadow = np.clip((radius - r) / 3.0, 0.0, 1.0) - np.clip((hole * radius - r) / 3.0, 0.0, 1.0)
    flat[y0:y1, x0:x1] *= (1.0 - rng.uniform(0.005, 0.06) * shadow).astype(np.float32)


def _amp_glow(camera: Camera, rng: np.random.Generator) -> Image | None:
    """Infrared from the read-out circuits at the right edge, with rays as of a starburst."""
    if camera.amp_glow_e_s <= 0.0:
        return None
    height, width = camera.height_px, camera.width_px
    x = (np.arange(width, dtype=np.float32)[None, :] - width * 1.01) / np.float32(width)
    y = (np.arange(height, dtype=np.float32)[:, None] - height * rng.uniform(0.2, 0.8)) / np.float32(width)
    r = np.hypot(x, y)
    rays = 1.0 + 0.35 * np.cos(np.arctan2(y, -x) * np.float32(rng.integers(9, 25)))
    corner = np.exp(-np.hypot(x, y - rng.uniform(0.3, 0.5)) / 0.05)
    return np.asarray(camera.amp_glow_e_s * (np.exp(-r / 0.12) * rays + 0.5 * corner), dtype=np.float32)
