"""How a frame stands against its group: ratios of scalars, matched star fluxes, the map of the sky. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.judgement import SessionContext
from nebulift.session.glimpse import COLUMNS, ROWS, Glimpse
from nebulift.session.prior import against_prior
from nebulift.session.star_match import Match, match_few, match_stars
from nebulift.session.state import (
    TRUSTED_MATCHES,
    Catalogue,
    FrameScalars,
    GroupState,
    at_zenith,
    known,
    quantile,
    unpacked_map,
)
from nebulift.session.trends import trends

MIN_REFERENCE = 1  # clean frames: light is only ever lost and stars only get wider, so one can witness against the next
NEAR_FRAMES = 20  # clean frames nearest in time: slow changes of the night (airmass, dawn) are nobody's fault
MIN_REFERENCE_STARS = 30  # below, most stand at the limit of detection, and seeing alone takes nearly all away
MIN_FLUX_STARS = 2
FEW_RATIOS = 8  # whose own scatter is no measure of it:
LEAST_SCATTER = 0.06  # of one star's light, by what subpixels and the air do
EXTINCT_ROWS, EXTINCT_COLUMNS = 6, 8  # cells in which stars are compared, as PSF Guard does
MEDIAN_ERROR = 1.2533  # of a median over that of a mean, for normal scatter
MIN_CELL_STARS = 3  # one may be variable, blended or beside the frame: the median of three forgives it
EXTINCT_RATIO = 0.7  # of the frame's own transparency: a cell below lies behind something
SURE_STARS = 60  # brightest of the catalogue: absent ones count as extinguished
ABSENT_PX = 6.0  # half as much again as a match may be off (star_match.MATCH_PX)
MIN_SURE_STARS = 10  # one more or less is then a tenth
SURELY_SEEN = 2.0  # times the flux of the faint stars of the frame
FAINT_SHARE = 0.1  # of the measured stars: the faintest themselves come and go with the noise
MIN_LOST_STARS = 20  # fewer may fail to match though the field is the same
MIN_MAPS = 1  # a cell gathers some thousand pixels: one map is good to a hundredth of a sigma
MAP_SIGMAS = 5.0  # of the scatter that the fit leaves: chance in 2816 cells, one in a thousand frames
MIN_MAP_STEP_SIGMA = 0.25  # of one raw pixel: smaller changes of the sky are only seen by statistics
MIN_PATCH_CELLS = 40  # of 2816: a bright star with its halo covers fewer
DITHER_CELLS = 2  # a thirtieth of the width: dither of amateur rigs is less
MAX_MAP_SHIFT = 0.04  # of the width: two and a half cells
FIT_ROUNDS = 8  # the level is then still to a hundredth of a sigma
FIT_EVERY = 5  # cells, for the starting points
FIT_FLOOR_SIGMA = 0.02  # of one raw pixel: below it differences of the sky are noise of its own
FIT_RIDGE = 1e-6  # a flat reference map has no slope to fit
STATIC_ANGLE_DEG = 1.0  # what the fit of a short line is good to
STATIC_PX = 12.0  # of dither
STATIC_FRAMES = 2  # two satellites in one track happen in the belt of the geostationary ones; three do not


def compare(state: GroupState, glimpse: Glimpse, now: FrameScalars) -> tuple[SessionContext, Match | None]:
    """(how the frame compares with its group, its match with the group's stars if there is one)."""
    reference = _near_good(state.history)
    match = _match(state.catalogue, glimpse)
    raw, error = _transparency(state.catalogue, glimpse, match)
    rows = against_prior(state, now, raw)
    if len(reference) >= MIN_REFERENCE:
        rows |= _ratios(now, reference, raw)
    shift = _shift(state, glimpse, match)
    # a field that moved on brings its own nebulae along: the map of the sky is of another place then
    sky = _sky_change(state, glimpse) if (shift or 0.0) < MAX_MAP_SHIFT else None
    extinct, absent = _extinction(state.catalogue, glimpse, match, raw)
    darker = None if sky is None else float((sky.patches < 0).mean())
    covered = max(darker or 0.0, extinct.share if extinct else 0.0)
    context = SessionContext(
        group=state.group,
        frames_before=state.frames,
        reference_frames=state.reference_frames,
        matched_stars=None if match is None else len(match.frame),
        raw_transparency=raw,
        transparency_error=error,
        extinct_fraction=None if extinct is None else extinct.share,
        extinct_cells=() if extinct is None else extinct.cells,
        absent_fraction=absent,
        brighter_fraction=None if sky is None else float((sky.patches > 0).mean()),
        darker_fraction=darker,
        tilt_sigma=None if sky is None else sky.tilt_sigma,
        shift_fraction=shift,
        lost_field=_lost(state.catalogue, glimpse, match),
        gone_fraction=_gone(state.catalogue, glimpse, match),
        static_trails=_static_trails(state, glimpse),
        trends=trends(state.history, replace(now, transparency=raw, covered=covered)),
        **rows,
    )
    return context, match


def _near_good(history: Sequence[FrameScalars]) -> list[FrameScalars]:
    return [frame for frame in history if frame.good][-NEAR_FRAMES:]


def _ratios(now: FrameScalars, reference: Sequence[FrameScalars], raw: float | None) -> dict[str, float | None]:
    """Frame over reference. Clouds only take stars away and bad seeing only widens them: the better half counts."""
    stars = quantile([frame.stars for frame in reference], 0.75)
    transparencies = known([at_zenith(frame.transparency, frame.airmass) for frame in reference])
    best = quantile(transparencies, 0.75) if len(transparencies) >= MIN_REFERENCE else None
    return {
        "star_ratio": now.stars / stars if stars >= MIN_REFERENCE_STARS else None,
        "fwhm_ratio": _ratio(now.fwhm_px, quantile(known([frame.fwhm_px for frame in reference]), 0.3)),
        "elongation_ratio": _ratio(now.elongation, quantile(known([frame.elongation for frame in reference]), 0.3)),
        "sky_ratio": _ratio(now.sky_adu, statistics.median(frame.sky_adu for frame in reference)),
        "noise_ratio": _ratio(now.noise_adu, statistics.median(frame.noise_adu for frame in reference)),
        "transparency": _ratio(at_zenith(raw, now.airmass), best),
    }


def _match(catalogue: Catalogue | None, glimpse: Glimpse) -> Match | None:
    if catalogue is None:
        return None
    positions = catalogue.positions()
    found = match_stars(positions, glimpse.stars, catalogue.motion)
    return found or match_few(positions, glimpse.stars, catalogue.motion, glimpse.shape_px)


def _transparency(
    catalogue: Catalogue | None, glimpse: Glimpse, match: Match | None
) -> tuple[float | None, float | None]:
    """(median flux ratio of the matched stars, weighted with their light: bright stars tell it best; its error)."""
    if catalogue is None or match is None or len(match.frame) < MIN_FLUX_STARS:
        return None, None
    before = catalogue.fluxes()[match.reference]
    ratios = glimpse.flux_adu[match.frame] / before
    order = np.argsort(ratios)
    weight = np.cumsum(np.sqrt(before[order]))
    value = float(ratios[order][np.searchsorted(weight, weight[-1] / 2.0)])
    scatter = 1.4826 * float(np.median(np.abs(ratios - value)))
    if len(ratios) < FEW_RATIOS:
        scatter = max(scatter, LEAST_SCATTER)
    return value, MEDIAN_ERROR * scatter / math.sqrt(len(ratios))


@dataclass(frozen=True, slots=True)
class _Extinct:
    share: float  # of the cells that have stars enough
    cells: tuple[tuple[int, int], ...]


def _extinction(
    catalogue: Catalogue | None, glimpse: Glimpse, match: Match | None, raw: float | None
) -> tuple[_Extinct | None, float | None]:
    """(where stars are fainter than the transparency explains, share of bright stars that are absent).

    ``None``: too few stars to tell.
    """
    if catalogue is None or match is None or raw is None or raw <= 0.0:
        return None, None
    ratio = np.full(len(catalogue.stars), np.nan)
    ratio[match.reference] = glimpse.flux_adu[match.frame] / catalogue.fluxes()[match.reference] / raw
    expected = match.motion.apply(catalogue.positions())
    height, width = glimpse.shape_px
    margin = 3.0 * ABSENT_PX
    inside = (expected > margin).all(axis=1) & (expected[:, 0] < width - margin) & (expected[:, 1] < height - margin)
    nearest = np.hypot(*(expected[:, None] - glimpse.present[None]).transpose(2, 0, 1)).min(axis=1, initial=np.inf)
    # a star can only be missed where the frame shows others that should be fainter
    bright = inside & (raw * catalogue.fluxes() > SURELY_SEEN * np.quantile(glimpse.flux_adu, FAINT_SHARE))
    missing = bright & np.isnan(ratio) & (nearest > ABSENT_PX)
    ratio[missing] = 0.0
    sure = bright & (np.arange(len(ratio)) < SURE_STARS)
    absent = missing & sure
    share = float(absent.sum() / sure.sum()) if sure.sum() >= MIN_SURE_STARS else None
    return _faint_cells(ratio, expected, inside & np.isfinite(ratio), (height, width)), share


def _faint_cells(
    ratio: NDArray[np.float64], expected: NDArray[np.float64], used: NDArray[np.bool_], shape_px: tuple[int, int]
) -> _Extinct | None:
    height, width = shape_px
    cell = (expected[:, 1] * EXTINCT_ROWS / height).astype(int).clip(0, EXTINCT_ROWS - 1) * EXTINCT_COLUMNS
    cell += (expected[:, 0] * EXTINCT_COLUMNS / width).astype(int).clip(0, EXTINCT_COLUMNS - 1)
    extinct = np.zeros(EXTINCT_ROWS * EXTINCT_COLUMNS, dtype=bool)
    judged = 0
    for number in range(len(extinct)):
        own = ratio[used & (cell == number)]
        if len(own) >= MIN_CELL_STARS:
            judged += 1
            extinct[number] = float(np.median(own)) < EXTINCT_RATIO
    if judged < EXTINCT_ROWS * EXTINCT_COLUMNS // 4:
        return None
    together = _large(extinct.reshape(EXTINCT_ROWS, EXTINCT_COLUMNS), 2, connectivity=8)  # one alone may be chance
    return _Extinct(float(together.sum()) / judged, _cells(together))


@dataclass(frozen=True, slots=True, eq=False)
class _SkyChange:
    patches: NDArray[np.int8]  # (44, 64): 1 brighter, -1 darker than the group's sky explains
    tilt_sigma: float  # by how much more the sky rises across the frame, in noise of one pixel


def _sky_change(state: GroupState, glimpse: Glimpse) -> _SkyChange | None:
    """How the sky differs from the group's median map.

    The frame is fitted by a + b * median map + plane: b takes up vignetting under a brighter sky, the plane the Moon's
    slope. What is left is structure that was not there before.
    """
    if len(state.sky_maps) < MIN_MAPS:
        return None
    reference = np.median([unpacked_map(text) for text in state.sky_maps], axis=0)
    low, high = _reach_of_dither(reference)
    sky = (glimpse.sky_adu.astype(np.float64) - float(np.median(glimpse.sky_adu))) / glimpse.noise_adu
    y, x = np.mgrid[-0.5 : 0.5 : ROWS * 1j, -0.5 : 0.5 : COLUMNS * 1j]
    terms = np.stack([np.ones_like(x), reference, x, y], axis=-1).reshape(-1, 4)
    coefficients, left = _robust_fit(terms, sky.ravel())
    left = left.reshape(ROWS, COLUMNS)
    scatter = 1.4826 * float(np.median(np.abs(left - np.median(left))))
    # what a shift by two cells would bring here (a nebula, a galaxy under dithering) is no change of the sky
    left = np.maximum(left - coefficients[1] * high, 0.0) + np.minimum(left - coefficients[1] * low, 0.0)
    limit = max(MAP_SIGMAS * scatter, MIN_MAP_STEP_SIGMA)
    patches = np.zeros(left.shape, dtype=np.int8)
    for sign in (1, -1):
        patches[_large(sign * left > limit, MIN_PATCH_CELLS)] = sign
    return _SkyChange(patches, float(np.hypot(coefficients[2], coefficients[3])))


def _reach_of_dither(reference: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much lower and higher the map is within two cells of each cell; (<= 0, >= 0)."""
    window = np.ones((2 * DITHER_CELLS + 1, 2 * DITHER_CELLS + 1), np.uint8)
    return np.asarray(cv2.erode(reference, window) - reference), np.asarray(cv2.dilate(reference, window) - reference)


def _robust_fit(
    terms: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(coefficients, what they leave), where as many cells as can be lie within the noise of the fit.

    A roof over a third of the sky would tilt any single fit: one that starts level and one that starts tilted compete.
    """
    some = slice(None, None, FIT_EVERY)
    level, tilted = _least_deviations(terms[some, :2], values[some]), _least_deviations(terms[some], values[some])
    starts = [np.concatenate([level, np.zeros(terms.shape[1] - 2)]), tilted]
    fits = [_refitted(terms, values, start) for start in starts]
    best = max(fits, key=lambda fit: int((np.abs(values - terms @ fit) < MIN_MAP_STEP_SIGMA).sum()))
    return best, np.asarray(values - terms @ best)


def _least_deviations(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The fit of the least sum of absolute deviations, by reweighted least squares."""
    weight = np.ones(len(values))
    coefficients = np.zeros(terms.shape[1])
    for _ in range(FIT_ROUNDS):
        coefficients = _solved(terms * weight[:, None], terms, values)
        weight = 1.0 / np.maximum(np.abs(values - terms @ coefficients), FIT_FLOOR_SIGMA)
    return coefficients


def _refitted(
    terms: NDArray[np.float64], values: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares through the cells that lie near ``start``."""
    for _ in range(3):
        left = np.abs(values - terms @ start)
        near = left <= max(3.0 * 1.4826 * float(np.median(left)), FIT_FLOOR_SIGMA)
        start = _solved(terms[near], terms[near], values[near])
    return start


def _solved(
    weighted: NDArray[np.float64], terms: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(np.linalg.solve(weighted.T @ terms + FIT_RIDGE * np.eye(terms.shape[1]), weighted.T @ values))


def _large(mask: NDArray[np.bool_], cells: int, connectivity: int = 4) -> NDArray[np.bool_]:
    """The connected regions of at least so many cells."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    large = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= cells]
    return np.asarray(np.isin(labels, large))


def _shift(state: GroupState, glimpse: Glimpse, match: Match | None) -> float | None:
    """How far the middle of the field moved from where the group's newest frame had it, over the frame's width."""
    if match is None or state.catalogue is None or state.frames < 2:
        return None
    height, width = glimpse.shape_px
    middle = np.array([[width / 2.0, height / 2.0]])
    now, before = match.motion.apply(middle)[0], state.catalogue.motion.apply(middle)[0]
    if match.motion.cos * state.catalogue.motion.cos + match.motion.sin * state.catalogue.motion.sin < 0.0:
        return None  # a meridian flip turns the field about another point
    return float(np.hypot(*(now - before)) / width)


def _lost(catalogue: Catalogue | None, glimpse: Glimpse, match: Match | None) -> bool:
    """The frame has stars enough, but not those of the group."""
    if catalogue is None or match is not None or catalogue.confirmed < TRUSTED_MATCHES:
        return False
    return len(catalogue.stars) >= MIN_LOST_STARS and len(glimpse.stars) >= MIN_LOST_STARS


def _gone(catalogue: Catalogue | None, glimpse: Glimpse, match: Match | None) -> float | None:
    """Share of the group's bright stars that the frame cannot have, as it shows fewer; ``None`` if they matched."""
    if catalogue is None or match is not None or catalogue.confirmed < TRUSTED_MATCHES:
        return None
    return max(1.0 - len(glimpse.stars) / min(len(catalogue.stars), SURE_STARS), 0.0)


def _static_trails(state: GroupState, glimpse: Glimpse) -> tuple[int, ...]:
    """Indices of the frame's trails that lay in the same place in at least two earlier frames: no satellite does."""
    return tuple(
        index
        for index, line in enumerate(glimpse.trails)
        if sum(any(_same_line(line, other) for other in lines) for lines in state.trails) >= STATIC_FRAMES
    )


def _same_line(line: NDArray[np.float64], other: Sequence[float]) -> bool:
    x0, y0, x1, y1 = line
    run, rise = other[2] - other[0], other[3] - other[1]
    length = max(float(np.hypot(run, rise)), 1.0)
    angle = np.degrees(np.arctan2(y1 - y0, x1 - x0) - np.arctan2(rise, run))
    if abs((angle + 90.0) % 180.0 - 90.0) > STATIC_ANGLE_DEG:
        return False
    middle = ((x0 + x1) / 2.0 - other[0], (y0 + y1) / 2.0 - other[1])
    return bool(abs(middle[0] * rise - middle[1] * run) / length < STATIC_PX)


def _cells(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    return tuple((int(row), int(column)) for row, column in np.argwhere(mask))


def _ratio(value: float | None, reference: float | None) -> float | None:
    if value is None or reference is None or reference <= 0.0:
        return None
    return value / reference
