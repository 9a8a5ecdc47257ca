"""Width and shape of star images: a least-squares fit of peaked profiles with elliptical contours to their pixels.

The profile is I = v ** (-1 / wings) with v a paraboloid in x and y: Moffat's (1969, A&A 3, 455) of beta = 1 / wings,
all but a normal one where that is near 0, a flat-topped one, as of a star out of focus, below. The image in the file
is fitted, as its pixels gathered it: FWHM is the diameter of the area of that image above half of its peak.
Gauss-Newton steps for all stars at once, their normal equations as products of matrices.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nebulift.median import medians_of_rows
from nebulift.stars.moments import FWHM_PER_SIGMA, Moments, Shapes, from_moments

POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))  # of x and y in the terms of the paraboloid
CORE_SHARE = 0.2  # pixels above this share of the peak make the first guess: below, wings and neighbours decide
CORE_SIGMA = 3.0  # noise pixels would widen a faint star
# Round by round, of the fitted peak: pixels chosen by their own noise would make a faint star a third too wide.
FIT_SHARES = (0.15,) * 5
# Of images drawn out: they have another profile along than across, and two peaks where the mount jumped. One ellipse
# fits them near the half maximum, seen whole, and no wings, which would take the second peak for theirs.
TRAIL_REACH = 1.7
TRAIL_SHARES = (0.2, 0.2, 0.2, 0.35, 0.35)
SMALL_FIT_SHARE = 0.05  # where fewer pixels than the next number are above that
ENOUGH_PIXELS = 10
DAMPING = 1e-3
HIGHEST_LOG = 5.0  # of a fit on its way, over the highest pixel: a wild one must not overflow
PEAKED_WINGS = (0.05, 0.2, 0.35)
NORMAL_WINGS = (-0.25, -0.1, 0.05)  # tried where the first three say that there are none
FLAT_WINGS = (-0.9, -0.5, -0.1)  # tried where they say: less than none
ROUND_ELLIPTICITY = 0.2  # that of an elongation of 1.22
NO_WINGS = 0.01  # all but a normal profile; 0 itself has another formula
WINGS_LIMITS = (-1.2, 0.45)  # from a cap that falls to nothing at once to beta 2.2
USUAL_WINGS = 0.28  # of long exposures through the air: beta 3 to 4
VOTERS, MIN_VOTERS = 40, 5
VOTER_SNR = 20.0  # of the peak: in fainter ones noise chooses the profile
MISFIT_NEIGHBOURS = 15  # stars before and after in brightness that share their scatter about the fit

WIDEST_REACH = 1.5
LEAST_NOISE = 1e-4  # of the highest pixel: no image is known better

_FOURTH = tuple((i, j) for i, j in product(range(5), repeat=2) if i + j <= 4)
_ENTRY = np.array([[_FOURTH.index((a[0] + b[0], a[1] + b[1])) for b in POWERS] for a in POWERS])


@dataclass(frozen=True, slots=True, eq=False)
class _Pixels:
    """The p pixels of each of n cut-outs that lie within a disc, in units of the highest of them."""

    heights: NDArray[np.float64]  # (n, p), 0 where not usable
    usable: NDArray[np.bool_]
    noise: NDArray[np.float64]  # (n,)
    hues: NDArray[np.float64] | None  # (2, n, p): 1 where a pixel of a mosaic sees red, blue
    terms: NDArray[np.float64]  # (p, 6)
    products: NDArray[np.float64]  # (p, 15): x and y to all powers up to the fourth

    def of(self, stars: NDArray[np.intp]) -> "_Pixels":
        hues = None if self.hues is None else self.hues[:, stars]
        return replace(self, heights=self.heights[stars], usable=self.usable[stars], noise=self.noise[stars], hues=hues)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """``unknowns`` (n, 6 or 8): the paraboloid, then the logarithms of red and blue over green."""

    unknowns: NDArray[np.float64]
    misfit: NDArray[np.float64]  # (n,) mean square of the residuals, per degree of freedom
    inverse: NDArray[np.float64]  # (n, 6 or 8, 6 or 8) of the normal matrix


def fit_profiles(
    stamps: NDArray[np.float32], reach: float, noise: float, colours: NDArray[np.intp] | None = None
) -> Shapes:
    """Shapes of background-free cut-outs (n, k, k), brightest first; pixels within ``reach`` of the middle count.

    ``colours``: which colour (0 green, 1 red, 2 blue) each pixel of a mosaic sees, same shape: the fit then has two
    more unknowns a star, the logarithms of its red and blue against its green. The exponent of the profile is one
    number for all, by the bright ones. NaN where the image is no peak or too small.
    """
    if len(stamps) == 0:
        return Shapes(*(np.empty(0),) * 6)
    pixels = _pixels(stamps, reach, noise, colours)
    guess, no_peak = _first_guess(pixels, reach)
    if _are_round(guess):
        wings, shares = _wings(pixels, guess), FIT_SHARES
    else:
        reach *= TRAIL_REACH
        pixels = _pixels(stamps, reach, noise, colours)
        guess, no_peak = _first_guess(pixels, reach)
        wings, shares = NO_WINGS, TRAIL_SHARES
    fit = _refined(pixels, _with_wings(guess, wings), wings, shares)
    fit.unknowns[no_peak] = np.nan
    return _shapes(fit, wings, reach, _ellipticity_variance(fit, pixels.noise))


def _pixels(stamps: NDArray[np.float32], reach: float, noise: float, colours: NDArray[np.intp] | None) -> _Pixels:
    n, half = len(stamps), stamps.shape[1] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    disc = np.flatnonzero((x**2 + y**2).ravel() <= reach**2)
    x, y = x.ravel()[disc], y.ravel()[disc]
    raw = stamps.reshape(n, -1)[:, disc].astype(np.float64)
    usable = np.isfinite(raw)
    heights = np.where(usable, raw, 0.0)
    tops = np.maximum(heights.max(axis=1, initial=0.0), np.finfo(np.float32).tiny)
    hues = None
    if colours is not None:
        seen = colours.reshape(n, -1)[:, disc]
        hues = np.stack([seen == 1, seen == 2]).astype(np.float64)
    terms = np.stack([x**i * y**j for i, j in POWERS], axis=1)
    products = np.stack([x**i * y**j for i, j in _FOURTH], axis=1)
    return _Pixels(heights / tops[:, None], usable, np.maximum(noise / tops, LEAST_NOISE), hues, terms, products)


def _first_guess(pixels: _Pixels, reach: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(first paraboloids, which of the images are no peak at all).

    Paraboloids through ln(I) of the pixels above a fifth of the peak, weighted as their noise asks (Guo 2011, IEEE
    Signal Processing Magazine 28, 134); round and of usual width where they are too few or the surface is no peak.
    """
    values = np.where(pixels.heights < CORE_SIGMA * pixels.noise[:, None], 0.0, pixels.heights)
    core = values > CORE_SHARE * _own_peak(values, pixels.hues)
    weight = np.where(core, values, 0.0)
    matrix, right = _normal_equations(pixels, weight, weight, weight * np.log(np.where(core, values, 1.0)))
    guess = _solved(matrix, right)
    few = core.sum(axis=1) <= matrix.shape[1]
    no_peak = ~few & ~_is_peak(-guess)
    bad = few | no_peak
    if bad.any():
        middle = pixels.terms[values[bad].argmax(axis=1), 1:3]
        width = 4.0 * np.log(2.0) / (reach / 1.4) ** 2
        guess[bad] = 0.0
        guess[bad, 0] = -width * (middle**2).sum(axis=1)
        guess[bad, 1:3] = 2.0 * width * middle
        guess[bad, 3] = guess[bad, 5] = -width
    return guess, no_peak


def _own_peak(values: NDArray[np.float64], hues: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Highest value of a pixel's own colour."""
    if hues is None:
        return np.asarray(values.max(axis=1, keepdims=True, initial=0.0))
    masks = [1.0 - hues.sum(axis=0), *hues]
    return np.asarray(np.sum([mask * (mask * values).max(axis=1, keepdims=True) for mask in masks], axis=0))


def _is_peak(c: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where c0 + c1 x + c2 y + c3 x^2 + c4 x y + c5 y^2 is a bowl."""
    return np.asarray((c[:, 3] > 0.0) & (c[:, 5] > 0.0) & (4.0 * c[:, 3] * c[:, 5] > c[:, 4] ** 2))


def _normal_equations(
    pixels: _Pixels, slope: NDArray[np.float64], hue_slope: NDArray[np.float64], residual: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(matrix, right side) of the least squares ``slope * paraboloid + hue_slope * hue = residual``, pixel by pixel."""
    matrix = (slope**2 @ pixels.products)[:, _ENTRY]
    right = (slope * residual) @ pixels.terms
    if pixels.hues is None:
        return matrix, right
    n = len(matrix)
    whole, sides = np.zeros((n, 8, 8)), np.zeros((n, 8))
    whole[:, :6, :6], sides[:, :6] = matrix, right
    for number, mask in enumerate(pixels.hues, start=6):
        whole[:, number, :6] = whole[:, :6, number] = (slope * hue_slope * mask) @ pixels.terms
        whole[:, number, number] = (hue_slope**2 * mask).sum(axis=1)
        sides[:, number] = (hue_slope * residual * mask).sum(axis=1)
    return whole, sides


def _solved(matrix: NDArray[np.float64], right: NDArray[np.float64], damping: float = 1e-9) -> NDArray[np.float64]:
    return np.asarray(np.linalg.solve(_damped(matrix, damping), right[..., None])[..., 0])


def _damped(matrix: NDArray[np.float64], damping: float) -> NDArray[np.float64]:
    """The matrix with a heavier diagonal: what the pixels do not tell stays as it was (Levenberg, Marquardt)."""
    diagonal = np.einsum("nii->ni", matrix)
    damped = matrix.copy()
    np.einsum("nii->ni", damped)[:] = diagonal * (1.0 + damping) + 1e-12
    return damped


def _with_wings(guess: NDArray[np.float64], wings: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """The unknowns of profiles of exponent 1 / ``wings`` with the peak and the half-maximum contour of ``guess``."""
    x0, y0 = _bottom(-guess)
    top = guess[:, 0] + (guess[:, 1] * x0 + guess[:, 2] * y0) / 2.0
    lowest = np.exp(-wings * np.clip(top, -HIGHEST_LOG, HIGHEST_LOG))
    steeper = lowest * (2.0**wings - 1.0) / np.log(2.0)
    unknowns = guess.copy()
    unknowns[:, :6] *= -steeper[:, None]
    unknowns[:, 0] += lowest + steeper * top
    return unknowns


def _bottom(c: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(x, y) of the lowest point of each bowl; NaN where it is none."""
    det = np.where(_is_peak(c), 4.0 * c[:, 3] * c[:, 5] - c[:, 4] ** 2, np.nan)
    return (c[:, 4] * c[:, 2] - 2.0 * c[:, 5] * c[:, 1]) / det, (c[:, 4] * c[:, 1] - 2.0 * c[:, 3] * c[:, 2]) / det


def _refined(
    pixels: _Pixels,
    unknowns: NDArray[np.float64],
    wings: NDArray[np.float64] | float,
    shares: tuple[float, ...] = FIT_SHARES,
) -> _Fit:
    """The least-squares fit of ``v ** -beta`` to the pixels themselves, by Gauss-Newton steps from ``unknowns``.

    Pixels are chosen by the fit: chosen by their own height, those that noise lifts would come in alone. A star with
    too few of them keeps what it had.
    """
    wings = np.broadcast_to(wings, len(unknowns))[:, None]
    for share in shares:
        bowl = unknowns[:, :6] @ pixels.terms.T
        core = _core(pixels, bowl, wings, share)
        low = np.exp(-HIGHEST_LOG * np.abs(wings))
        bowl = np.clip(bowl, low, 1.0 / low)
        model = bowl ** (-1.0 / wings)
        if pixels.hues is not None:
            hues = np.clip(unknowns[:, 6:], -HIGHEST_LOG, HIGHEST_LOG)
            model = model * np.exp(np.einsum("nh,hnp->np", hues, pixels.hues))
        model = np.where(core, model, 0.0)
        slope = model / (-wings * bowl)
        residual = np.where(core, pixels.heights - model, 0.0)
        matrix, right = _normal_equations(pixels, slope, model, residual)
        counted = core.sum(axis=1)
        step = _solved(matrix, right, DAMPING)
        unknowns = np.where((counted > unknowns.shape[1])[:, None], unknowns + step, unknowns)
    freedom = np.maximum(counted - unknowns.shape[1], 1)
    return _Fit(unknowns, (residual**2).sum(axis=1) / freedom, np.asarray(np.linalg.inv(_damped(matrix, 1e-9))))


def _core(pixels: _Pixels, bowl: NDArray[np.float64], wings: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Pixels where the fit is above ``share`` of its peak."""
    sign = np.sign(wings)  # flat tops are caps, not bowls
    rising = sign * bowl
    lowest = sign * np.where(pixels.usable, rising, np.inf).min(axis=1, keepdims=True, initial=1e9)
    lowest = np.clip(lowest, np.exp(-HIGHEST_LOG * np.abs(wings)), np.exp(HIGHEST_LOG * np.abs(wings)))
    core = pixels.usable & (rising < sign * lowest * share**-wings)
    few = core.sum(axis=1) < ENOUGH_PIXELS
    core[few] = pixels.usable[few] & (rising[few] < (sign * lowest * SMALL_FIT_SHARE**-wings)[few])
    return np.asarray(core)


def _wings(pixels: _Pixels, guess: NDArray[np.float64]) -> float:
    """The exponent of the frame's stars, by the bright ones."""
    voters = np.flatnonzero(pixels.noise < 1.0 / VOTER_SNR)[:VOTERS]
    if len(voters) < MIN_VOTERS:
        return USUAL_WINGS
    some, start = pixels.of(voters), guess[voters]
    wings = _best_of(some, start, PEAKED_WINGS)
    if wings is not None and wings < NO_WINGS:
        wings = _best_of(some, start, NORMAL_WINGS if wings > NORMAL_WINGS[0] else FLAT_WINGS)
    if wings is None:
        return USUAL_WINGS
    return float(np.clip(wings, *WINGS_LIMITS)) if abs(wings) > NO_WINGS else NO_WINGS


def _are_round(guess: NDArray[np.float64]) -> bool:
    """False where images are drawn out the same way, as by the mount: they are flat along the track and not across it.

    Images that neighbours draw out point anywhere.
    """
    a, b, c = guess[:, 3], guess[:, 4], guess[:, 5]
    return float(np.hypot(np.median((c - a) / (a + c)), np.median(b / (a + c)))) < ROUND_ELLIPTICITY


def _best_of(pixels: _Pixels, guess: NDArray[np.float64], tried: tuple[float, float, float]) -> float | None:
    """Vertex of the parabola through a star's misfits at three exponents, by vote; ``None`` without a minimum."""
    n = len(guess)
    several = np.tile(np.arange(n), 3)
    wings = np.repeat(tried, n)
    fit = _refined(pixels.of(several), _with_wings(guess[several], wings), wings)
    misfit = fit.misfit.reshape(3, n) / pixels.noise**2
    bend = misfit[0] - 2.0 * misfit[1] + misfit[2]
    clear = np.isfinite(bend) & (bend > 0.0)
    if clear.sum() < MIN_VOTERS:
        return None
    vertex = tried[1] + (tried[2] - tried[0]) / 4.0 * (misfit[0] - misfit[2])[clear] / bend[clear]
    # a hot pixel in one star's image bends more than all others: no vote counts more than the median one
    return weighted_median(vertex, np.sqrt(np.minimum(bend[clear], np.median(bend[clear]))))


def weighted_median(values: NDArray[np.floating], weights: NDArray[np.floating], below: float = 0.5) -> float:
    """The value at which half of the weight, or the share ``below``, lies below. Weighted with brightness, stars
    outvote knots of nebulae.
    """
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, passed[-1] * below)])


def _ellipticity_variance(fit: _Fit, noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """What noise adds to the square of either component of the ellipticity, shape (n,).

    From the normal equations, with the scatter of the pixels about the fit where that is more than the sky's noise:
    photons of the star itself, sampling. One star's scatter is known badly: those alike in brightness share theirs.
    """
    excess = np.maximum(_running_median(fit.misfit / noise**2), 1.0)
    a, b, c = fit.unknowns[:, 3], fit.unknowns[:, 4], fit.unknowns[:, 5]
    with np.errstate(invalid="ignore", divide="ignore"):
        total = a + c
        first = np.stack([-2.0 * c, np.zeros_like(a), 2.0 * a], axis=1) / total[:, None] ** 2
        second = np.stack([b, -total, b], axis=1) / total[:, None] ** 2
        shape = fit.inverse[:, 3:6, 3:6]
        both = sum(np.einsum("ni,nij,nj->n", part, shape, part) for part in (first, second))
        return np.asarray(both / 2.0 * excess * noise**2)


def _running_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    reach = min(MISFIT_NEIGHBOURS, max(len(values) - 1, 0))
    padded = np.pad(values, reach, mode="reflect")
    return medians_of_rows(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1))


def _shapes(fit: _Fit, wings: float, reach: float, ellipticity_variance: NDArray[np.float64]) -> Shapes:
    """Axes of the half-maximum contours, as those of the normal profiles that share them."""
    c = fit.unknowns
    x0, y0 = _bottom(c * np.sign(wings))
    lowest = c[:, 0] + (c[:, 1] * x0 + c[:, 2] * y0) / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        good = (lowest > 0.0) & (x0**2 + y0**2 <= reach**2)
        det = c[:, 3] * c[:, 5] - c[:, 4] ** 2 / 4.0
        scale = np.where(good, lowest * (2.0**wings - 1.0) / (2.0 * np.log(2.0) * det), np.nan)
        # wider than the disc whose pixels were looked at: a slope, a nebula
        scale = np.where(scale * np.sqrt(det) * FWHM_PER_SIGMA**2 < (WIDEST_REACH * reach) ** 2, scale, np.nan)
    # the inverse of [[c3, c4 / 2], [c4 / 2, c5]]
    return from_moments(Moments(x0, y0, scale * c[:, 5], scale * c[:, 3], -scale * c[:, 4] / 2.0), ellipticity_variance)
