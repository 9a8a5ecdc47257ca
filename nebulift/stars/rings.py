"""Images of stars out of focus behind a central obstruction: rings, darker in the middle."""

import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA

DONUT_DIP = 0.15  # the middle is darker than the ring by this share; seeing fills holes that are smaller
DONUT_REACH = 1.2  # of the width: from a peak on the ring its far side is one width away
DONUT_SPREAD = 0.3  # rings of one frame differ by so little in width


def donuts(stamps: NDArray[np.float32], fwhm: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """(which images are darker in the middle than in a ring around it, outer width at half of the ring's height)."""
    n, side, _ = stamps.shape
    half = side // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    # the middle of a ring is the centroid of all its light, not its brightest pixel; what lies farther is a neighbour
    own = np.where(np.hypot(x, y) <= DONUT_REACH * fwhm, stamps, 0.0)
    flux = np.where(own > 0.3 * np.quantile(own.reshape(n, -1), 0.98, axis=1)[:, None, None], own, 0.0)
    total = np.maximum(flux.sum(axis=(1, 2)), np.finfo(np.float32).tiny)
    x0, y0 = (flux * x).sum(axis=(1, 2)) / total, (flux * y).sum(axis=(1, 2)) / total
    radius = np.hypot(x - x0[:, None, None], y - y0[:, None, None])
    profile = np.stack([_ring_mean(stamps, radius, r) for r in np.arange(half)], axis=1)
    ring = profile.max(axis=1)
    middle = profile[:, 0]
    outside = profile < 0.5 * ring[:, None]
    outside[np.arange(half) <= profile.argmax(axis=1)[:, None]] = False
    width = 2.0 * np.where(outside.any(axis=1), _crossing(profile, 0.5 * ring, outside.argmax(axis=1)), half)
    dark = (ring - middle) > DONUT_DIP * ring
    return dark & (ring > 3 * UNITS_PER_SIGMA) & (width > 4.0) & (fwhm > 2.0), width


def _crossing(profile: NDArray[np.float64], level: NDArray[np.float64], after: NDArray[np.intp]) -> NDArray[np.float64]:
    """Radius at which each profile falls to ``level``, linear between its first point ``after`` and the one before."""
    rows = np.arange(len(profile))
    before = np.maximum(after - 1, 0)
    high, low = profile[rows, before], profile[rows, after]
    share = (high - level) / np.where(high > low, high - low, 1.0)
    return np.asarray(before + np.clip(share, 0.0, 1.0))


def alike(width: NDArray[np.float64], is_donut: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True where a ring is as wide as the frame's other rings: defocus makes all alike, clouds and nebulae do not."""
    typical = float(np.median(width[is_donut])) if is_donut.any() else 0.0
    near = np.abs(width - typical) <= DONUT_SPREAD * typical
    return near if (near & is_donut).sum() >= 0.6 * is_donut.sum() else np.zeros_like(near)


def _ring_mean(stamps: NDArray[np.float32], radius: NDArray[np.float64], r: float) -> NDArray[np.float64]:
    inside = np.abs(radius - r) <= 0.75
    return np.asarray((stamps * inside).sum(axis=(1, 2)) / np.maximum(inside.sum(axis=(1, 2)), 1))
