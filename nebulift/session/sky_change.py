"""How the sky of a frame differs from the median map of its session: patches and slope. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.cells import large_regions
from nebulift.session.glimpse import COLUMNS, ROWS, Glimpse
from nebulift.session.least_squares import fitted
from nebulift.session.ranks import median_map, middle_of, quantile_of
from nebulift.session.sky_map import unpacked_map

MIN_MAPS = 1  # a cell gathers some thousand pixels: one map is good to a hundredth of a sigma
STEP_SIGMA, STEPPED_SHARE = 0.01, 0.4  # of the cells are alike to so much; where there is noise, a sixth at most
MAP_SIGMAS = 5.0  # of the scatter that the fit leaves: chance in 2816 cells, one in a thousand frames
MIN_MAP_STEP_SIGMA = 0.25  # of one raw pixel: smaller changes of the sky are only seen by statistics
MIN_PATCH_CELLS = 40  # of 2816: a bright star with its halo covers fewer
DITHER_CELLS = 2  # a thirtieth of the width: dither of amateur rigs is less
QUIET_SHARE, QUIET_SIGMAS = 0.25, 0.3186  # of normal scatter a quarter lies within 0.3186 sigma: so it is known though
# half of the field is behind a roof
COMMON_SHARE = 0.25  # of the cells: that many of the same brightness are the sky, or the roof
FIT_ROUNDS = 8  # the level is then still to a hundredth of a sigma
FIT_EVERY, REFIT_EVERY = 5, 3  # cells, for the starting points and for the fits: four numbers out of a thousand
FIT_FLOOR_SIGMA = 0.02  # of one raw pixel: below it differences of the sky are noise of its own
GROWN_SIGMA = (2.0 * MIN_MAP_STEP_SIGMA, 1.4 * MIN_MAP_STEP_SIGMA, MIN_MAP_STEP_SIGMA, MIN_MAP_STEP_SIGMA)
FIT_RIDGE = 1e-6  # a flat reference map has no slope to fit

Y, X = np.mgrid[-0.5 : 0.5 : ROWS * 1j, -0.5 : 0.5 : COLUMNS * 1j]  # of the field


@dataclass(frozen=True, slots=True, eq=False)
class SkyChange:
    """What of the sky was not there before."""

    patches: NDArray[np.int8]  # (44, 64): 1 brighter, -1 darker than the group's sky explains
    tilt_sigma: float | None  # by how much more the sky rises across the frame, in noise of one pixel
    is_steeper: bool  # than the group's sky is


def evened_sky(glimpse: Glimpse) -> NDArray[np.float64]:
    """The sky of a frame about its median, in noise of one pixel, shape (44, 64)."""
    level = glimpse.sky_adu.astype(np.float64)
    return np.asarray((level - middle_of(level)) / glimpse.noise_adu)


def sky_change(maps: Sequence[str], sky: NDArray[np.float64], *, flipped: bool = False) -> SkyChange | None:
    """How the sky of a frame (``evened_sky``) differs from the median of the group's ``maps``; ``None``: it cannot be
    compared.

    ``flipped``: the maps were taken the other way up. What is on the sensor is still there then, what is in the sky has
    turned, and nobody knows which is which: anything between the map and the turned map is allowed, and any slope.

    The frame is fitted by a + b * median map + plane: b takes up vignetting under a brighter sky, the plane the Moon's
    slope. What is left is structure that was not there before.
    """
    if len(maps) < MIN_MAPS or _is_stepped(sky) or _is_stepped_map(maps[-1]):
        return None
    reference = median_map([unpacked_map(text) for text in maps])
    low, high = _reach_of_dither(reference)
    if flipped:
        turned = reference[::-1, ::-1]
        reference, spread = (reference + turned) / 2.0, np.abs(reference - turned) / 2.0
        low, high = low - spread, high + spread
    terms = np.stack([np.ones_like(X), reference, X, Y]).reshape(4, -1)
    coefficients, left = _robust_fit(terms, sky.ravel())
    left = left.reshape(ROWS, COLUMNS)
    scatter = quantile_of(np.abs(left), QUIET_SHARE) / QUIET_SIGMAS
    # what a shift by two cells would bring here (a nebula, a galaxy under dithering) is no change of the sky
    left = np.maximum(left - coefficients[1] * high, 0.0) + np.minimum(left - coefficients[1] * low, 0.0)
    limit = max(MAP_SIGMAS * scatter, MIN_MAP_STEP_SIGMA)
    patches = np.zeros(left.shape, dtype=np.int8)
    for sign in (1, -1):
        patches[large_regions(sign * left > limit, MIN_PATCH_CELLS)] = sign
    slope = coefficients[2:]
    own = _slope(reference) * coefficients[1]
    steeper = float(np.hypot(*(own + slope))) > float(np.hypot(*own))
    return SkyChange(patches, None if flipped else float(np.hypot(*slope)), not flipped and steeper)


def _slope(sky: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rise of the sky across the frame along x and along y, by least squares."""
    flat = sky - sky.mean()
    return np.array([(flat * X).sum() / (X * X).sum(), (flat * Y).sum() / (Y * Y).sum()])


def _is_stepped(sky: NDArray[np.float64]) -> bool:
    """Whether the noise is less than a step of the converter: then levels jump by whole steps and mean nothing."""
    alike = int(np.count_nonzero(np.abs(sky - middle_of(sky)) < STEP_SIGMA))
    return alike > STEPPED_SHARE * sky.size


@lru_cache(maxsize=64)
def _is_stepped_map(text: str) -> bool:
    return _is_stepped(unpacked_map(text))


def _reach_of_dither(reference: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much lower and higher the map is within two cells of each cell; (<= 0, >= 0)."""
    window = np.ones((2 * DITHER_CELLS + 1, 2 * DITHER_CELLS + 1), np.uint8)
    return np.asarray(cv2.erode(reference, window) - reference), np.asarray(cv2.dilate(reference, window) - reference)


def _robust_fit(
    terms: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(coefficients, what they leave), where as many cells as can be lie within the noise of the fit.

    ``terms``: shape (4, n).
    A roof over a third of the sky would tilt any single fit: one that starts level, one that starts tilted and one that
    starts from the most common change compete, until one leaves nothing to be explained.
    """
    best, of_best = np.zeros(len(terms)), values
    most = -1
    for fit in _fits(terms, values):
        left = values - fit @ terms
        within = int(np.count_nonzero(np.abs(left) < MIN_MAP_STEP_SIGMA))
        if within > most:
            best, of_best, most = fit, left, within
        if most == len(values):
            break
    return best, of_best


def _fits(terms: NDArray[np.float64], values: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """The competing fits, from a part of the cells, one after the other."""
    some, of_some = np.ascontiguousarray(terms[:, ::FIT_EVERY]), values[::FIT_EVERY]
    few, of_few = np.ascontiguousarray(terms[:, ::REFIT_EVERY]), values[::REFIT_EVERY]
    unknown = np.zeros(len(terms) - 2)
    yield _refitted(few, of_few, np.concatenate([_least_deviations(some[:2], of_some), unknown]))
    yield _refitted(few, of_few, _least_deviations(some, of_some))
    yield _grown(few, of_few, np.array([_most_common(values - terms[1]), 1.0, *unknown]))


def _most_common(values: NDArray[np.float64]) -> float:
    """The middle of the narrowest stretch that holds ``COMMON_SHARE`` of the values."""
    ordered = np.sort(values)
    held = int(COMMON_SHARE * len(ordered))
    first = int((ordered[held:] - ordered[: len(ordered) - held]).argmin())
    return float(ordered[first + (held + 1) // 2] + ordered[first + held // 2]) / 2.0


def _grown(terms: NDArray[np.float64], values: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares through the cells within a fixed distance of ``start``, the nearer the better it is known."""
    for reach in GROWN_SIGMA:
        near = np.abs(values - start @ terms) < reach
        if np.count_nonzero(near) < COMMON_SHARE * len(values) / 4.0:
            return start
        start = fitted(terms, values, near, FIT_RIDGE)
    return start


def _least_deviations(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The fit of the least sum of absolute deviations, by reweighted least squares."""
    weight = np.ones(len(values))
    coefficients = np.zeros(len(terms))
    for _ in range(FIT_ROUNDS):
        coefficients = fitted(terms, values, weight, FIT_RIDGE)
        weight = 1.0 / np.maximum(np.abs(values - coefficients @ terms), FIT_FLOOR_SIGMA)
    return coefficients


def _refitted(
    terms: NDArray[np.float64], values: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares through the cells that lie near ``start``."""
    for _ in range(3):
        left = np.abs(values - start @ terms)
        near = left <= max(3.0 * 1.4826 * middle_of(left), FIT_FLOOR_SIGMA)
        start = fitted(terms, values, near, FIT_RIDGE)
    return start
