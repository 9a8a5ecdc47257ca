"""The light of the session's stars in a frame: how much of it there is, and where it is missing. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.cells import cells_of, large_regions
from nebulift.session.glimpse import Glimpse
from nebulift.session.least_squares import fitted, normal_matrix
from nebulift.session.ranks import medians_of_groups, middle_of, quantile_of
from nebulift.session.star_match import Match, squared_distances
from nebulift.session.state import FEW_CATALOGUE, Catalogue, within_borders

MIN_FLUX_STARS = 2  # that a match of two is no chance has been computed by then (star_match.match_few)
HEAVIEST = 3  # stars of the greatest weight at least
FEW_RATIOS = 8  # whose own scatter is no measure of it:
LEAST_SCATTER = 0.06  # of one star's light, by what subpixels and the air do
MIN_PLANE_STARS = 8  # three unknowns, and enough beside them to know the scatter
MIN_PLANE_COSINE = 0.9  # 26 degrees
PLANE_CLIP = 4.0  # of the scatter
PLANE_RIDGE = 1e-9  # stars in one line have no plane
PLANE_ERRORS = 2.5  # two components: their sum is 1.1 errors by chance
EXTINCT_ROWS, EXTINCT_COLUMNS = 6, 8  # cells in which stars are compared, as PSF Guard does
MEDIAN_ERROR = 1.2533  # of a median over that of a mean, for normal scatter
MIN_CELL_STARS = 3  # one may be variable, blended or beside the frame: the median of three forgives it
EXTINCT_RATIO = 0.7  # of the frame's own transparency: a cell below lies behind something
SURE_STARS = 60  # brightest of the catalogue: absent ones count as extinguished
ABSENT_PX = 6.0  # half as much again as a match may be off (star_match.MATCH_PX)
MIN_SURE_STARS = 10  # one more or less is then a tenth
# Times the flux of the faint measured stars: beyond, a star is measured (of clean simulated frames 98 in 100), and
# detected, which takes less, from once that flux on (98 to 99 in 100; but in some fields 60).
SURELY_SEEN, SURELY_FOUND = 2.0, 1.0
FAINT_SHARE = 0.1  # of the measured stars: the faintest themselves come and go with the noise


@dataclass(frozen=True, slots=True)
class Transparency:
    """Light of the matched stars over that of the catalogue."""

    value: float | None = None
    error: float | None = None
    scatter: float | None = None  # of single stars, over ``value``


def transparency(catalogue: Catalogue | None, glimpse: Glimpse, match: Match | None) -> Transparency:
    """The median flux ratio of the matched stars, weighted with their light: bright stars tell it best.

    The brightest weighs no more than the third: by itself, behind a branch, it is not the light of the frame.
    """
    if catalogue is None or match is None:
        return Transparency()
    whole = within_borders(glimpse.stars[match.frame], glimpse.shape_px)
    if len(catalogue.stars) >= FEW_CATALOGUE:
        whole[:] = True  # the weights forgive one that has lost a part of its light
    if whole.sum() < MIN_FLUX_STARS:
        return Transparency()
    before = catalogue.fluxes()[match.reference[whole]]
    ratios = glimpse.flux_adu[match.frame[whole]] / before
    order = np.argsort(ratios)
    weights = np.sqrt(before[order])
    weight = np.cumsum(np.minimum(weights, np.sort(weights)[-HEAVIEST:][0]))
    value = float(ratios[order][np.searchsorted(weight, weight[-1] / 2.0)])
    scatter = 1.4826 * middle_of(np.abs(ratios - value))
    if len(ratios) < FEW_RATIOS:
        scatter = max(scatter, LEAST_SCATTER)
    return Transparency(value, MEDIAN_ERROR * scatter / math.sqrt(len(ratios)), scatter / value)


@dataclass(frozen=True, slots=True)
class Fading:
    """A plane through the stars' light."""

    share: float  # of their light, lost from the best border of the field to the worst beyond chance
    towards_deg: float  # the worst, from x towards y


def fading(catalogue: Catalogue | None, glimpse: Glimpse, match: Match | None, raw: float | None) -> Fading | None:
    """Share of the stars' light lost from the best border of the field to the worst, beyond chance; by a plane.

    A soft edge (a dome, haze above a horizon) has no cells of its own, and where lamps light it the sky is silent too.
    """
    if catalogue is None or match is None or raw is None or raw <= 0.0 or len(match.frame) < MIN_PLANE_STARS:
        return None
    if match.motion.cos < MIN_PLANE_COSINE:
        return None  # turned, the lens's own falls and blurs stand on the other side
    ratios = glimpse.flux_adu[match.frame] / catalogue.fluxes()[match.reference] / raw
    x, y = (glimpse.stars[match.frame] / glimpse.shape_px[::-1] - 0.5).T
    terms = np.stack([np.ones_like(x), x, y])
    use = np.ones(len(ratios), dtype=bool)
    for _ in range(3):  # a variable star or a blend is no slope
        plane = fitted(terms, ratios, use, PLANE_RIDGE)
        left = np.abs(ratios - plane @ terms)
        use = left <= max(PLANE_CLIP * 1.4826 * middle_of(left), LEAST_SCATTER)
        if use.sum() < MIN_PLANE_STARS:
            return None
    covariance = np.linalg.inv(normal_matrix(terms, use, PLANE_RIDGE)) * float((left[use] ** 2).sum() / (use.sum() - 3))
    fall, best = float(np.abs(plane[1:]).sum()), float(plane[0] + np.abs(plane[1:]).sum() / 2.0)
    error = math.sqrt(max(float(covariance[1, 1] + covariance[2, 2]), 0.0))
    share = max(fall - PLANE_ERRORS * error, 0.0) / max(best, 1e-6)  # a plane through few stars always leans a little
    # where even the worst border is brighter than in the reference, it is the reference that had a cloud on that side
    share = min(share, max(1.0 - raw * (best - fall), 0.0))
    return Fading(share, math.degrees(math.atan2(-plane[2], -plane[1])))


@dataclass(frozen=True, slots=True, eq=False)
class SeenStars:
    """The catalogue's stars as the frame shows them, one value a star."""

    ratio: NDArray[np.float64]  # light over what the frame's transparency explains; 0: absent; NaN: not known
    places: NDArray[np.float64]  # (n, 2) x, y where each must be, raw pixels
    inside: NDArray[np.bool_]  # well within the frame
    sure: NDArray[np.bool_]  # bright enough to be missed
    shape_px: tuple[int, int]
    missed: float | None = None  # share of all that the session's noise and widths let be found which are absent

    @property
    def known(self) -> NDArray[np.bool_]:
        return self.inside & np.isfinite(self.ratio)


def seen_stars(
    catalogue: Catalogue | None,
    glimpse: Glimpse,
    match: Match | None,
    raw: float | None,
    harder: float | None,
    *,
    finds_faint: bool,
) -> SeenStars | None:
    """Where each star of the catalogue is and how bright; ``None`` without a match or light to compare.

    ``harder``: how much more light a star needs to be measured than in the session, a factor; ``None``: not known.
    ``finds_faint``: the session's clean frames find the faint stars of the catalogue, so that they can be missed.
    Otherwise only such are missed as the frame's own faint stars tell: behind an obstacle it has none.
    """
    if catalogue is None or match is None or raw is None or raw <= 0.0:
        return None
    ratio = np.full(len(catalogue.stars), np.nan)
    ratio[match.reference] = glimpse.flux_adu[match.frame] / catalogue.fluxes()[match.reference] / raw
    expected = match.motion.apply(catalogue.positions())
    inside = within_borders(expected, glimpse.shape_px)
    # a star can only be missed where the frame could show fainter ones
    light, unknown = raw * catalogue.fluxes(), np.isnan(ratio)
    own = quantile_of(glimpse.flux_adu, FAINT_SHARE)
    least = own if harder is None else min(own, quantile_of(catalogue.fluxes(), FAINT_SHARE) * harder)
    faint = least if finds_faint else own
    bright, findable = inside & (light > SURELY_SEEN * faint), inside & (light > SURELY_FOUND * least)
    asked = np.flatnonzero((findable | bright) & unknown)
    nearest, apart_px = _nearest_of(expected[asked], glimpse.present)
    absent = asked[apart_px > ABSENT_PX]
    ratio[absent if finds_faint else absent[bright[absent]]] = 0.0
    # what is there without a measured light, behind stars that have one, is too faint for it; before them, burnt out
    brightest = int(squared_distances(glimpse.stars[:1], glimpse.present).argmin())
    dim = asked[bright[asked] & (apart_px <= ABSENT_PX) & (nearest > brightest)]
    ratio[dim] = faint / light[dim]
    sure = bright & (np.arange(len(ratio)) < SURE_STARS)
    missed = None if harder is None or not findable.any() else len(absent) / int(findable.sum())
    return SeenStars(ratio, expected, inside, sure, glimpse.shape_px, missed)


def _nearest_of(
    places: NDArray[np.float64], present: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """(which of ``present`` is nearest to each place, how far it is)."""
    if len(present) == 0:
        return np.zeros(len(places), dtype=np.intp), np.full(len(places), np.inf)
    apart = squared_distances(places, present)
    nearest = apart.argmin(axis=1)
    return nearest, np.sqrt(apart[np.arange(len(places)), nearest])


def absent_share(stars: SeenStars) -> float | None:
    """Share of the brightest stars that are absent, less what so few of them err more than sixty would; ``None``: there
    are too few of them.
    """
    counted = int(stars.sure.sum())
    if counted < MIN_SURE_STARS:
        return None
    share = float((stars.sure & (stars.ratio == 0.0)).sum()) / counted
    error = math.sqrt(share * (1.0 - share))  # of one star; binomial
    return max(share - error * (1.0 / math.sqrt(counted) - 1.0 / math.sqrt(SURE_STARS)), 0.0)


@dataclass(frozen=True, slots=True)
class Extinct:
    """Cells whose stars are fainter than the rest of the frame's."""

    share: float  # of the cells that have stars enough
    cells: tuple[tuple[int, int], ...]


def extinction(stars: SeenStars) -> Extinct | None:
    """Where stars are fainter than the transparency explains; ``None``: too few stars to tell."""
    height, width = stars.shape_px
    cell = (stars.places[:, 1] * EXTINCT_ROWS / height).astype(int).clip(0, EXTINCT_ROWS - 1) * EXTINCT_COLUMNS
    cell += (stars.places[:, 0] * EXTINCT_COLUMNS / width).astype(int).clip(0, EXTINCT_COLUMNS - 1)
    ratio, cell = stars.ratio[stars.known], cell[stars.known]
    medians, counts = medians_of_groups(ratio, cell, EXTINCT_ROWS * EXTINCT_COLUMNS)
    judged = counts >= MIN_CELL_STARS
    if judged.sum() < EXTINCT_ROWS * EXTINCT_COLUMNS // 4:
        return None
    extinct = judged & (medians < EXTINCT_RATIO)
    together = large_regions(
        extinct.reshape(EXTINCT_ROWS, EXTINCT_COLUMNS), 2, connectivity=8
    )  # one alone may be chance
    return Extinct(float(together.sum()) / int(judged.sum()), cells_of(together))
