"""Shape of star images in cut-outs: width, elongation, direction, half-flux radius, donut.

``fit_cores``: weighted least squares of a paraboloid to ln(I) near the peak, in two dimensions, repeated with the
weights of the fit itself (Guo 2011, IEEE Signal Processing Magazine 28, 134): the half-maximum contour of any peaked
profile, faint or bright. ``moments`` serves images that have no core: trails and donuts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FWHM_PER_SIGMA = 2.0 * (2.0 * np.log(2.0)) ** 0.5  # 2.3548 of a Gaussian
WEIGHT_WIDTH = 1.5  # of the weight for fluxes over the star: costs 8 % of the S/N, forgives stars that are not normal
CORE_SHARE = 0.2  # pixels above this share of the peak take part: below, wings and neighbours decide
CORE_SIGMA = 3.0  # noise pixels would widen a faint star
SMALL_CORE_SHARE = 0.05  # for images with fewer than seven such pixels
# Of the fitted peak, round by round. Pixels chosen by their own noise make a star of peak S/N 10 a third too wide: two
# rounds undo that; the last two, closer to the core, bring a Moffat profile (beta 3) from 5 to 1 % of its half maximum.
REFINED_SHARES = (0.2, 0.2, 0.35, 0.35)
HIGHEST_LOG = 5.0  # of a fit on its way, over the highest pixel: a wild one must not overflow


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """One row a star, all float64, shape (n,); NaN where that star could not be measured."""

    x: NDArray[np.float64]  # centroid relative to the middle pixel
    y: NDArray[np.float64]
    fwhm: NDArray[np.float64]  # geometric mean of both axes, in pixels of the cut-out
    elongation: NDArray[np.float64]  # major / minor axis
    angle_deg: NDArray[np.float64]  # 0..180 from x towards y


def fit_cores(
    stamps: NDArray[np.float32], reach: float, noise: float, colours: NDArray[np.intp] | None = None
) -> Shapes:
    """Core shapes of background-free cut-outs (n, k, k); only pixels within ``reach`` of the middle and
    more than 3 ``noise`` high count.

    ``colours``: which colour (0 green, 1 red, 2 blue) each pixel of a mosaic sees, same shape: the fit then has two
    more unknowns a star, the logarithms of its red and blue against its green.
    """
    n, side, _ = stamps.shape
    half = side // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    usable = np.isfinite(stamps) & (x**2 + y**2 <= reach**2)
    heights = np.where(usable, stamps, 0.0).astype(np.float64).reshape(n, -1)
    tops = np.maximum(heights.max(axis=1, keepdims=True), 1e-12)
    values = np.where(heights < CORE_SIGMA * noise, 0.0, heights) / tops
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(1, -1, 6)
    peak = np.ones_like(values)  # of the pixel's own colour
    if colours is not None:
        flat = colours.reshape(n, -1)
        for colour in range(3):
            peak = np.where(flat == colour, np.where(flat == colour, values, 0.0).max(axis=1, keepdims=True), peak)
        hues = np.stack([flat == 1, flat == 2], axis=-1).astype(np.float64)
        terms = np.concatenate([np.broadcast_to(terms, (n, *terms.shape[1:])), hues], axis=-1)
    coefficients = _paraboloids(values, values > CORE_SHARE * peak, terms)
    small = np.isnan(coefficients[:, 0])  # an image of two pixels' width has too few above a fifth of its peak
    wider = values[small] > SMALL_CORE_SHARE * peak[small]
    coefficients[small] = _paraboloids(values[small], wider, terms[small] if len(terms) == n else terms)
    return _from_paraboloid(_refined(coefficients, heights / tops, usable.reshape(n, -1), terms))


def _paraboloids(
    values: NDArray[np.float64], core: NDArray[np.bool_], terms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Coefficients of the paraboloid through ln(values) of each row, shape (n, terms); NaN where pixels are too few."""
    core = core & (values > 0.0)
    relative = np.where(core, values, 1.0)
    return _weighted_fit(core, relative, np.log(relative), terms)


def _refined(
    coefficients: NDArray[np.float64],
    values: NDArray[np.float64],
    usable: NDArray[np.bool_],
    terms: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The least-squares fit of exp(paraboloid) to ``values`` themselves, by Gauss-Newton steps from ``coefficients``.

    Pixels are chosen and weighted by the fit: chosen by their own height, those that noise lifts would come in alone.
    A star with too few pixels for a round keeps what it had.
    """
    coefficients = coefficients.copy()
    fitted = np.flatnonzero(np.isfinite(coefficients[:, 0]))
    found, heights, usable = coefficients[fitted], values[fitted], usable[fitted]
    terms = terms[fitted] if len(terms) == len(values) else terms
    for share in REFINED_SHARES:
        profile = np.matmul(terms[..., :6], found[:, :6, None])[..., 0]  # of one colour
        logarithm = profile + np.matmul(terms[..., 6:], found[:, 6:, None])[..., 0]
        profile = np.where(usable, profile, -np.inf)
        core = profile > profile.max(axis=1, keepdims=True, initial=-1e9) + np.log(share)
        model = np.exp(np.clip(logarithm, -HIGHEST_LOG, HIGHEST_LOG))
        better = _weighted_fit(core, model, logarithm + heights / model - 1.0, terms)
        found = np.where(np.isnan(better[:, :1]), found, better)
    coefficients[fitted] = found
    return coefficients


def _weighted_fit(
    core: NDArray[np.bool_], height: NDArray[np.float64], target: NDArray[np.float64], terms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Coefficients of ``terms`` that give ``target``, shape (n, terms); NaN where the core has too few pixels."""
    unknowns = terms.shape[-1]
    weight = np.where(core, height**2, 0.0)  # the variance of ln(I) is (noise / I)^2
    weighted = weight[..., None] * terms
    normal = np.matmul(weighted.swapaxes(1, 2), terms)
    right = np.matmul(weighted.swapaxes(1, 2), target[..., None])
    solvable = core.sum(axis=1) > unknowns
    solvable[solvable] = np.linalg.cond(normal[solvable]) < 1e10
    coefficients = np.full((len(target), unknowns), np.nan)
    coefficients[solvable] = np.linalg.solve(normal[solvable], right[solvable])[..., 0]
    return coefficients


def _from_paraboloid(c: NDArray[np.float64]) -> Shapes:
    """Axes of ln I = c0 + c1 x + c2 y + c3 x^2 + c4 x y + c5 y^2; NaN where the surface is not a peak."""
    det = 4.0 * c[:, 3] * c[:, 5] - c[:, 4] ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        peaked = (c[:, 3] < 0) & (c[:, 5] < 0) & (det > 0)
        det = np.where(peaked, det, np.nan)
        x0 = (c[:, 4] * c[:, 2] - 2.0 * c[:, 5] * c[:, 1]) / det
        y0 = (c[:, 4] * c[:, 1] - 2.0 * c[:, 3] * c[:, 2]) / det
        # covariance = -(Hessian)^-1, Hessian = [[2 c3, c4], [c4, 2 c5]]
        xx, yy, xy = -2.0 * c[:, 5] / det, -2.0 * c[:, 3] / det, c[:, 4] / det
    return from_moments(x0, y0, xx, yy, xy)


def from_moments(
    x0: NDArray[np.float64],
    y0: NDArray[np.float64],
    xx: NDArray[np.float64],
    yy: NDArray[np.float64],
    xy: NDArray[np.float64],
) -> Shapes:
    """Shapes of Gaussians with these centres and second moments."""
    with np.errstate(invalid="ignore"):
        mean, half_difference = (xx + yy) / 2.0, np.hypot((xx - yy) / 2.0, xy)
        major, minor = np.sqrt(mean + half_difference), np.sqrt(mean - half_difference)
        angle = np.degrees(0.5 * np.arctan2(2.0 * xy, xx - yy)) % 180.0
        return Shapes(x0, y0, FWHM_PER_SIGMA * np.sqrt(major * minor), major / minor, angle)


def moments(stamps: NDArray[np.float32], connected: NDArray[np.bool_]) -> Shapes:
    """Flux-weighted second moments over the pixels in ``connected`` (n, k, k) of background-free cut-outs."""
    half = stamps.shape[1] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    flux = np.where(connected, np.nan_to_num(stamps), 0.0).clip(min=0.0).astype(np.float64)
    total = flux.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        x0 = (flux * x).sum(axis=(1, 2)) / total
        y0 = (flux * y).sum(axis=(1, 2)) / total
        xx = (flux * x * x).sum(axis=(1, 2)) / total - x0**2
        yy = (flux * y * y).sum(axis=(1, 2)) / total - y0**2
        xy = (flux * x * y).sum(axis=(1, 2)) / total - x0 * y0
    # a pixel is not a point: one pixel alone has the variance 1/12 of its own width
    return from_moments(x0, y0, xx + 1 / 12, yy + 1 / 12, xy)


def half_flux_radius(
    stamps: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Radius that holds half of the flux within the cut-out's inscribed circle, shape (n,), in pixels.

    As SExtractor's FLUX_RADIUS at 0.5; pixels on the rim of a radius count by the share of them that lies inside.
    NaN where the total is not positive.
    """
    n, side, _ = stamps.shape
    half = side // 2
    gy, gx = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    radius = np.hypot(gx - x[:, None, None], gy - y[:, None, None]).reshape(n, -1)
    flux = np.nan_to_num(stamps).reshape(n, -1).astype(np.float64)
    steps = np.linspace(0.0, half, 2 * half + 1)
    inside = np.clip(steps[:, None, None] - radius[None] + 0.5, 0.0, 1.0)
    curve = np.einsum("rnp,np->nr", inside, flux, optimize=True)
    total = curve[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = curve / total[:, None]
    above = share >= 0.5
    at = above.argmax(axis=1)
    rows = np.arange(n)
    low, high = share[rows, np.maximum(at - 1, 0)], share[rows, at]
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = (0.5 - low) / (high - low)
    found = steps[np.maximum(at - 1, 0)] + fraction * (steps[1] - steps[0])
    return np.where((total > 0) & (at > 0), found, np.nan)


def core_flux(
    stamps: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], fwhm: float
) -> NDArray[np.float64]:
    """Total light of each star, shape (n,), by a normal profile of ``fwhm`` and a weight half as wide again.

    Its noise is a third of that of a circle that holds all the light; the seeing of the frame cancels in the weights.
    """
    half = stamps.shape[1] // 2
    gy, gx = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    squared = (gx - x[:, None, None]) ** 2 + (gy - y[:, None, None]) ** 2
    core = (fwhm / FWHM_PER_SIGMA) ** 2
    weight = np.exp(-0.5 * squared / (WEIGHT_WIDTH**2 * core))
    profile = np.exp(-0.5 * squared / core)
    total = profile.sum(axis=(1, 2))
    inside = total > 0.5 * 2.0 * np.pi * core  # a fit that ran out of its cut-out has no light to speak of
    share = (weight * profile).sum(axis=(1, 2)) / np.where(inside, total, 1.0)
    return np.where(inside, (weight * np.nan_to_num(stamps)).sum(axis=(1, 2)) / np.where(inside, share, 1.0), np.nan)


def circle_flux(
    stamps: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """Sum of each background-free cut-out within ``reach`` of (x, y) from its middle, shape (n,)."""
    half = stamps.shape[1] // 2
    gy, gx = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    radius = np.hypot(gx - x[:, None, None], gy - y[:, None, None])
    return np.asarray((np.clip(reach - radius + 0.5, 0.0, 1.0) * np.nan_to_num(stamps)).sum(axis=(1, 2)))
