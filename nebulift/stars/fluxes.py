"""Light of star images: half-flux radius, and totals by a weight or within a circle."""

import numpy as np
from numpy.typing import NDArray

from nebulift.stars.moments import FWHM_PER_SIGMA

WEIGHT_WIDTH = 1.5  # of the weight for fluxes over the star: costs 8 % of the S/N, forgives stars that are not normal
RADIUS_STEPS = 4  # a pixel: between them the growth of the light is taken for even


def _offsets(stamps: NDArray[np.float32]) -> NDArray[np.float64]:
    half = stamps.shape[1] // 2
    return np.arange(-half, half + 1, dtype=np.float64)


def _squared_distance(
    stamps: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """From (x, y) of each cut-out, shape (n, k * k)."""
    reach = _offsets(stamps)
    squared = (reach - y[:, None])[:, :, None] ** 2 + (reach - x[:, None])[:, None, :] ** 2
    return np.asarray(squared.reshape(len(stamps), reach.size**2))


def half_flux_radius(
    stamps: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Radius that holds half of the flux within the cut-out's inscribed circle, shape (n,), in pixels.

    As SExtractor's FLUX_RADIUS at 0.5; pixels on the rim of a radius count by the share of them that lies inside.
    NaN where the total is not positive, or the centre is NaN.
    """
    n, half = len(stamps), stamps.shape[1] // 2
    curve = _growth(stamps, np.nan_to_num(x), np.nan_to_num(y))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = curve / curve[:, -1:]
    above = share >= 0.5
    at = above.argmax(axis=1)
    rows = np.arange(n)
    low, high = share[rows, np.maximum(at - 1, 0)], share[rows, at]
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = (0.5 - low) / (high - low)
    found = (np.maximum(at - 1, 0) + fraction) / RADIUS_STEPS
    good = (curve[:, -1] > 0) & (at > 0) & np.isfinite(x) & np.isfinite(y) & (found <= half)
    return np.where(good, found, np.nan)


def _growth(stamps: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flux within 0, 1/4, 1/2 ... pixels of (x, y), shape (n, steps).

    A pixel at distance r enters between r - 1/2 and r + 1/2, in equal parts: what it adds from step to step is a share
    of one step, three quarters in three steps, and the rest.
    """
    n, half = len(stamps), stamps.shape[1] // 2
    steps = RADIUS_STEPS * half + 1
    flux = np.nan_to_num(stamps).reshape(n, stamps.shape[1] ** 2).astype(np.float64)
    enters = (np.sqrt(_squared_distance(stamps, x, y)) - 0.5) * RADIUS_STEPS
    first = np.floor(enters).astype(np.intp) + 1
    share = (first - enters) / RADIUS_STEPS  # 0 .. 1/4
    wide = steps + RADIUS_STEPS + 1
    slot = (np.clip(first, 0, steps) + wide * np.arange(n)[:, None]).ravel()
    at_once, whole = (  # without stars numpy counts in whole numbers
        np.bincount(slot, part.ravel(), n * wide).astype(np.float64).reshape(n, wide)[:, :steps]
        for part in (flux * share, flux)
    )
    added = at_once.copy()
    for later in range(1, RADIUS_STEPS + 1):
        added[:, later:] += whole[:, :-later] / RADIUS_STEPS
    added[:, RADIUS_STEPS:] -= at_once[:, :-RADIUS_STEPS]
    return np.asarray(np.cumsum(added, axis=1))


def core_flux(
    stamps: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], fwhm: float
) -> NDArray[np.float64]:
    """Total light of each star, shape (n,), by a normal profile of ``fwhm`` and a weight half as wide again.

    Its noise is a third of that of a circle that holds all the light; the seeing of the frame cancels in the weights.
    NaN where a star lies at the edge of its cut-out or outside.
    """
    core, reach = (fwhm / FWHM_PER_SIGMA) ** 2, _offsets(stamps)
    # both are products of one function of x and one of y
    along, down = (reach - x[:, None]) ** 2 / core, (reach - y[:, None]) ** 2 / core
    in_x, in_y = np.exp(-0.5 * along), np.exp(-0.5 * down)
    weight_x, weight_y = np.exp(-0.5 / WEIGHT_WIDTH**2 * along), np.exp(-0.5 / WEIGHT_WIDTH**2 * down)
    total = in_x.sum(axis=1) * in_y.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = total > 0.5 * 2.0 * np.pi * core  # a fit that ran out of its cut-out has no light to speak of
        share = (weight_x * in_x).sum(axis=1) * (weight_y * in_y).sum(axis=1) / total
        weighed = np.einsum("nyx,ny,nx->n", np.nan_to_num(stamps), weight_y, weight_x, optimize=True)
        return np.where(inside, weighed / share, np.nan)


def circle_flux(
    stamps: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """Sum of each background-free cut-out within ``reach`` of (x, y) from its middle, shape (n,)."""
    radius = np.sqrt(_squared_distance(stamps, x, y))
    flux = np.nan_to_num(stamps).reshape(radius.shape)
    return np.asarray((np.clip(reach - radius + 0.5, 0.0, 1.0) * flux).sum(axis=1))
