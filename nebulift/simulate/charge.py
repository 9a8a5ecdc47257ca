"""Charge that did not come through the lens: cosmic rays, and columns that overflow."""

import math

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
COSMIC_RAYS_CM2_MIN = 1.5  # events at sea level that a sensor registers, muons mostly (about 1 /cm2 /min) and gammas


def expected_cosmic_rays(width_px: int, height_px: int, pixel_um: float, exposure_s: float) -> float:
    """Mean number of events in a frame, from the area of the sensor."""
    area_cm2 = width_px * height_px * (pixel_um * 1e-4) ** 2
    return COSMIC_RAYS_CM2_MIN * area_cm2 * exposure_s / 60.0


def add_cosmic_rays(electrons: Image, count: int, rng: np.random.Generator) -> None:
    """Add ``count`` events to ``electrons`` (H, W), in place: dots, short straight tracks and some crooked worms."""
    height, width = electrons.shape
    for _ in range(count):
        length = max(1, int(rng.exponential(3.0)) + (int(rng.integers(5, 40)) if rng.random() < 0.08 else 0))
        crooked = 0.0 if rng.random() < 0.75 else 0.35
        angle = rng.uniform(0.0, 2.0 * math.pi) + np.cumsum(rng.normal(0.0, crooked, length))
        x = np.rint(rng.uniform(0, width) + np.cumsum(np.cos(angle))).astype(np.int64)
        y = np.rint(rng.uniform(0, height) + np.cumsum(np.sin(angle))).astype(np.int64)
        charge = rng.lognormal(6.5, 0.8) * rng.gamma(2.0, 0.5, length)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        np.add.at(electrons, (y[inside], x[inside]), charge[inside].astype(np.float32))


def bleed_columns(electrons: Image, full_well_e: float) -> int:
    """Let charge above the full well run up and down its column, in place; the longest bleed in pixels (0: none)."""
    longest = 0
    over = electrons > full_well_e
    for column in np.flatnonzero(over.any(axis=0)):
        longest = max(longest, _bleed(electrons[:, column], over[:, column], full_well_e))
    return longest


def _bleed(column: Image, over: NDArray[np.bool_], full_well_e: float) -> int:
    longest = 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], over.view(np.int8), [0]])))
    for top, bottom in zip(edges[::2], edges[1::2], strict=True):
        excess = float((column[top:bottom] - full_well_e).sum())
        column[top:bottom] = full_well_e
        up = _fill(column[:top][::-1], 0.5 * excess, full_well_e)
        down = _fill(column[bottom:], 0.5 * excess, full_well_e)
        longest = max(longest, int(bottom - top) + up + down if up + down else 0)
    return longest


def _fill(column: Image, charge: float, full_well_e: float) -> int:
    """Fill ``column`` from its start to the full well with ``charge``, in place; how many pixels became full."""
    room = np.cumsum(np.maximum(full_well_e - column, 0.0))
    full = int(np.searchsorted(room, charge))
    if full < len(column):
        left = charge - (float(room[full - 1]) if full else 0.0)
        column[full] += np.float32(left)
    column[:full] = np.maximum(column[:full], np.float32(full_well_e))
    return full
