"""How a frame stands against its group: ratios of scalars, matched star fluxes, the map of the sky. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nebulift.assessment import SEEN_BLUR_PX, seen_width_px
from nebulift.cells import cells_of
from nebulift.judgement import SessionContext
from nebulift.session.covered_side import side_of
from nebulift.session.edge import believed, edge_of
from nebulift.session.fine_change import Light, fine_change
from nebulift.session.glimpse import Glimpse
from nebulift.session.prior import against_prior
from nebulift.session.sky_change import evened_sky, sky_change
from nebulift.session.sky_map import SkyMap
from nebulift.session.star_light import (
    SURE_STARS,
    Transparency,
    absent_share,
    extinction,
    fading,
    seen_stars,
    transparency,
)
from nebulift.session.star_match import Match, Motion, match_few, match_stars
from nebulift.session.state import (
    FEW_CATALOGUE,
    FIRST_MAPS,
    NEWEST_MAPS,
    TRUSTED_MATCHES,
    Catalogue,
    FrameScalars,
    GroupState,
    at_zenith,
    known,
    quantile,
)
from nebulift.session.trends import trends

MIN_REFERENCE = 1  # clean frames: light is only ever lost and stars only get wider, so one can witness against the next
NEAR_FRAMES = 20  # clean frames nearest in time: slow changes of the night (airmass, dawn) are nobody's fault
MIN_REFERENCE_STARS = 30  # below, most stand at the limit of detection, and seeing alone takes nearly all away
MIN_LOST_STARS = 20  # fewer may fail to match though the field is the same
MAX_MAP_SHIFT = 0.04  # of the width: two and a half cells
OUTSHONE, SURE_ERRORS = 1.5, 2.0  # times the stars, or the light, of the reference; of the error of the latter
SAME_SPREAD = 1.2  # FWHM of two or three stars over that of the session: what seeing does
FINDING_FRAMES, USUALLY_MISSED = 2, 0.04  # clean frames; share of the stars that they do not find
TELLING_FRAMES = 3  # clean ones, whose light tells how well so few stars know it
OTHERS_SHAPES = 3  # stars that may be others than before tell a width together; of two known ones each does
STATIC_ANGLE_DEG = 1.0  # what the fit of a short line is good to
STATIC_PX = 12.0  # of dither
STATIC_PATCH_FRAMES, STATIC_PATCH = 3, 0.04  # in a row; of the field: what rises at all does so by more in three frames
STATIC_ROWS, STATIC_TEARS = 0.02, 2  # of the height, more than dither; frames: chance does not tear two at one row
STATIC_CELLS = 2.0  # of the map
STATIC_FRAMES = 2  # two satellites in one track happen in the belt of the geostationary ones; three do not


def compare(state: GroupState, glimpse: Glimpse, now: FrameScalars) -> tuple[SessionContext, Match | None]:
    """(how the frame compares with its group, its match with the group's stars if there is one).

    A field that moved on brings its own nebulae along: the map of the sky is of another place then. And where a frame
    shows far more stars than its reference, it is the reference that has a cloud in its map.
    """
    reference = _near_good(state.history)
    match = _match(state.catalogue, glimpse)
    few_are_known = match is not None and len(match.frame) >= len(glimpse.stars)
    if not few_are_known and len(glimpse.stars) < OTHERS_SHAPES:
        now = replace(now, few_fwhm_px=None, few_elongation=None)
    light = _trusted(transparency(state.catalogue, glimpse, match), state.catalogue, reference)
    raw, error = light.value, light.error
    rows = against_prior(state, now, raw) | (_ratios(now, reference, raw) if len(reference) >= MIN_REFERENCE else {})
    if error is None or _are_spread_otherwise(state.catalogue, rows):
        rows["transparency"] = None
    shift, drift = _shift(state, glimpse, match), _drift(state, glimpse, match)
    clouded = _outshines(now, reference, rows.get("transparency"), error)
    if clouded:
        rows["noise_ratio"] = None
    motion = match.motion if match is not None else state.catalogue.motion if state.catalogue else None
    maps = _maps_alike(state, motion)
    added = (now.sky_adu - min(frame.sky_adu for frame in reference)) / glimpse.noise_adu if reference else 0.0
    evened, sky, early = evened_sky(glimpse), None, None
    if not clouded and (shift or 0.0) < MAX_MAP_SHIFT:
        newest = (maps or state.sky_maps)[-NEWEST_MAPS:]
        sky = sky_change([one.packed for one in newest], evened, flipped=not maps)
        early = sky_change([one.packed for one in maps[:FIRST_MAPS]], evened) if len(maps) > NEWEST_MAPS else None
    lit = Light(
        rows.get("noise_ratio") or 1.0,
        rows.get("transparency") or 1.0,
        (sky.tilt_sigma if sky else None) or 0.0,
        added,
    )
    fine = None if sky is None else fine_change(maps, glimpse, evened, match.motion if match else None, lit)
    finds = _finds_faint(reference)
    stars = None if clouded else seen_stars(state.catalogue, glimpse, match, raw, _harder(rows), finds_faint=finds)
    extinct = extinction(stars) if stars else None
    edge = edge_of(stars, _usual_scatter(reference)) if stars else None
    seen_edge = believed(edge, now.taken_at, state.history)
    darker = max((float((one.patches < 0).mean()) for one in (sky, early) if one), default=None)
    brighter = None if sky is None else float((sky.patches > 0).mean())
    hidden = (extinct.share if extinct else 0.0, seen_edge.share if seen_edge else 0.0)
    covered = round(max(darker or 0.0, brighter or 0.0, *hidden), 4)
    faded = fading(state.catalogue, glimpse, match, raw)
    towards = side_of(seen_edge, extinct, sky, faded)
    context = SessionContext(
        group=state.group,
        frames_before=state.frames,
        reference_frames=state.reference_frames,
        few_are_known=few_are_known,
        matched_stars=None if match is None else len(match.frame),
        raw_transparency=raw,
        transparency_error=error,
        star_scatter=light.scatter,
        missed=stars.missed if stars else None,
        extinct_fraction=None if extinct is None else extinct.share,
        extinct_cells=() if extinct is None else extinct.cells,
        absent_fraction=absent_share(stars) if stars else None,
        edge_fraction=seen_edge.share if seen_edge else None,
        edge_deg=edge.angle_deg if edge else None,
        edge_evidence=edge.evidence if edge else 0.0,
        fading=faded.share if faded else None,
        fading_deg=faded.towards_deg if faded else None,
        brighter_fraction=brighter,
        darker_fraction=darker,
        covered_fraction=covered,
        covered_deg=towards,
        fine_sigma=fine.height_sigma if fine else None,
        fine_certainty=fine.certainty_sigma if fine else None,
        fine_cells=cells_of(fine.cells) if fine else (),
        fine_stays=fine is not None and _stays(state.history, now, *fine.middle),
        tilt_sigma=None if sky is None else sky.tilt_sigma,
        is_steeper=sky is not None and sky.is_steeper,
        shift_fraction=shift,
        drift_fraction=drift,
        lost_field=_lost(state.catalogue, glimpse, match),
        gone_fraction=_gone(state.catalogue, glimpse, match),
        static_trails=_static_trails(state, glimpse),
        static_patch=_has_static_patch(state.history, now),
        static_tear=_has_static_tear(state.history, now),
        trends=trends(state.history, replace(now, transparency=raw, covered=covered, covered_deg=towards)),
        **rows,
    )
    return context, match


def _outshines(
    now: FrameScalars, reference: Sequence[FrameScalars], transparency: float | None, error: float | None
) -> bool:
    """Whether the frame shows so much more than its reference that this was behind cloud: light is only ever lost."""
    if not reference:
        return False
    if transparency is not None and transparency - SURE_ERRORS * transparency * (error or 0.0) > OUTSHONE:
        return True
    return now.stars > OUTSHONE * quantile([frame.stars for frame in reference], 0.75)


def _near_good(history: Sequence[FrameScalars]) -> list[FrameScalars]:
    return [frame for frame in history if frame.good][-NEAR_FRAMES:]


def _ratios(now: FrameScalars, reference: Sequence[FrameScalars], raw: float | None) -> dict[str, float | None]:
    """Frame over reference. Clouds only take stars away and bad seeing only widens them: the better half counts."""
    stars = quantile([frame.stars for frame in reference], 0.75)
    width = quantile(known([frame.fwhm_px for frame in reference]), 0.3)
    transparencies = known([at_zenith(frame.transparency, frame.airmass) for frame in reference])
    best = quantile(transparencies, 0.75) if len(transparencies) >= MIN_REFERENCE else None
    return {
        "star_ratio": now.stars / stars if stars >= MIN_REFERENCE_STARS else None,
        "fwhm_ratio": _ratio(now.fwhm_px, width),
        "seen_fwhm_ratio": _ratio(seen_width_px(now.fwhm_px), seen_width_px(width) if width else None),
        "drawn_elongation": _drawn(now, reference, width),
        "few_fwhm_ratio": _few_ratio(now.few_fwhm_px, [frame.any_fwhm_px for frame in reference]),
        "few_elongation_ratio": _few_ratio(now.few_elongation, [frame.any_elongation for frame in reference]),
        "elongation_ratio": _ratio(now.elongation, quantile(known([frame.elongation for frame in reference]), 0.3)),
        "sky_ratio": _ratio(now.sky_adu, statistics.median(frame.sky_adu for frame in reference)),
        "noise_ratio": _ratio(now.noise_adu, statistics.median(frame.noise_adu for frame in reference)),
        "transparency": _ratio(at_zenith(raw, now.airmass), best),
    }


def _maps_alike(state: GroupState, motion: Motion | None) -> list[SkyMap]:
    """The group's maps of the sky that were taken with the camera the same way up as in this frame."""
    turned = motion is not None and motion.is_turned
    return [one for one in state.sky_maps if one.is_turned == turned]


def _few_ratio(now: float | None, reference: Sequence[float | None]) -> float | None:
    """Of a frame whose stars are too few for ``fwhm_ratio``; the reference may have more of them, or as few."""
    return _ratio(now, statistics.median(shapes) if (shapes := known(reference)) else None)


def _trusted(light: Transparency, catalogue: Catalogue | None, reference: Sequence[FrameScalars]) -> Transparency:
    """The light with the error that it has shown from one clean frame to the next, where the stars are too few to tell
    it by themselves; without one where too few frames have shown it.
    """
    if light.value is None or catalogue is None or len(catalogue.stars) >= FEW_CATALOGUE:
        return light
    before = known([frame.transparency for frame in sorted(reference, key=lambda frame: frame.taken_at or "")])
    if len(before) < TELLING_FRAMES:
        return replace(light, error=None)
    steps = [abs(later - earlier) for earlier, later in pairwise(before)]  # what comes slowly is no error
    return replace(light, error=max(light.error or 0.0, quantile(steps, 0.75)))


def _are_spread_otherwise(catalogue: Catalogue | None, rows: dict[str, float | None]) -> bool:
    """Whether the few stars are so much wider or narrower than before that their measured light is another share."""
    if catalogue is None or len(catalogue.stars) >= FEW_CATALOGUE:
        return False
    ratio = rows.get("few_fwhm_ratio") or 1.0
    return max(ratio, 1.0 / ratio) > SAME_SPREAD


def _usual_scatter(reference: Sequence[FrameScalars]) -> float | None:
    """Of the light of single stars in clean frames; ``None``: none had stars enough to tell."""
    scatter = known([frame.star_scatter for frame in reference])
    return quantile(scatter, 0.75) if scatter else None


def _finds_faint(reference: Sequence[FrameScalars]) -> bool:
    """Whether clean frames have found nearly all stars that they were expected to find."""
    missed = known([frame.missed for frame in reference])
    return len(missed) >= FINDING_FRAMES and quantile(missed, 0.5) <= USUALLY_MISSED


def _harder(rows: dict[str, float | None]) -> float | None:
    """How much more light a star needs to be measured than in the session, by noise and width; ``None``: not known."""
    noise, width = rows.get("noise_ratio"), rows.get("fwhm_ratio") or rows.get("few_fwhm_ratio")
    return None if noise is None or width is None else max(noise, 1.0) * max(width, 1.0)


def _drawn(now: FrameScalars, reference: Sequence[FrameScalars], width_px: float) -> float | None:
    """Elongation that the motion beyond that of the reference gives a round star of ``width_px``; ``None``: unknown.

    Motion adds to the square of one axis, whatever blurs both: the difference of the squares, beyond what images of
    this width have in the session anyhow.
    """
    drawn, usual = _flattening(now), known([_flattening(frame) for frame in reference])
    if drawn is None or now.fwhm_px is None or not usual or width_px <= 0.0:
        return None
    return math.sqrt(1.0 + max(drawn - quantile(usual, 0.3), 0.0) * (now.fwhm_px / width_px) ** 2)


def _flattening(frame: FrameScalars) -> float | None:
    """Difference of the squares of the two axes of the star images, over their product."""
    if frame.fwhm_px is None or frame.elongation is None:
        return None
    area, blur, seen = frame.fwhm_px**2, SEEN_BLUR_PX**2, frame.elongation**2
    root = math.hypot(blur * (seen - 1.0), 2.0 * frame.elongation * area)
    elongation = (blur * (seen - 1.0) + root) / (2.0 * area)  # the inverse of ``assessment.seen_elongation``
    return elongation - 1.0 / elongation


def _match(catalogue: Catalogue | None, glimpse: Glimpse) -> Match | None:
    if catalogue is None:
        return None
    positions = catalogue.positions()
    found = match_stars(positions, glimpse.stars, catalogue.motion)
    return found or match_few(positions, glimpse.stars, catalogue.motion, glimpse.shape_px)


def _shift(state: GroupState, glimpse: Glimpse, match: Match | None) -> float | None:
    """How far the middle of the field moved from where the group's newest frame had it, over the frame's width."""
    if match is None or state.catalogue is None or state.frames < 2:
        return None
    return _moved(state.catalogue.motion, match.motion, glimpse.shape_px)


def _moved(before: Motion, now: Motion, shape_px: tuple[int, int]) -> float | None:
    """Way of the field's middle over the frame's width; ``None`` after a flip, which turns it about another point."""
    if now.cos * before.cos + now.sin * before.sin < 0.0:
        return None
    height, width = shape_px
    middle = np.array([[width / 2.0, height / 2.0]])
    return float(np.hypot(*(now.apply(middle)[0] - before.apply(middle)[0])) / width)


def _drift(state: GroupState, glimpse: Glimpse, match: Match | None) -> float | None:
    """How far the middle of the field lies from where the session began, over the frame's width: many small steps that
    no jump tells.
    """
    if match is None or state.origin is None:
        return None
    return _moved(state.origin, match.motion, glimpse.shape_px)


def _lost(catalogue: Catalogue | None, glimpse: Glimpse, match: Match | None) -> bool:
    """The frame has stars enough, but not those of the group."""
    if catalogue is None or match is not None or catalogue.confirmed < TRUSTED_MATCHES:
        return False
    return len(catalogue.stars) >= MIN_LOST_STARS and len(glimpse.stars) >= MIN_LOST_STARS


def _gone(catalogue: Catalogue | None, glimpse: Glimpse, match: Match | None) -> float | None:
    """Share of the group's bright stars that the frame cannot have, as it shows fewer; ``None`` if they matched."""
    if catalogue is None or match is not None or catalogue.confirmed < TRUSTED_MATCHES:
        return None
    if len(catalogue.stars) < FEW_CATALOGUE:
        return None
    return max(1.0 - len(glimpse.stars) / min(len(catalogue.stars), SURE_STARS), 0.0)


def _static_trails(state: GroupState, glimpse: Glimpse) -> tuple[int, ...]:
    """Indices of the frame's trails that lay in the same place in at least two earlier frames: no satellite does."""
    return tuple(
        index
        for index, line in enumerate(glimpse.trails)
        if sum(any(_same_line(line, other) for other in lines) for lines in state.trails) >= STATIC_FRAMES
    )


def _has_static_patch(history: Sequence[FrameScalars], now: FrameScalars) -> bool:
    """Whether what the frame by itself shows without stars is as large, in the same place, in the frames just before,
    or (looking back) just after it.
    """
    if now.patch_share is None:
        return False
    return any(
        len(side) == STATIC_PATCH_FRAMES and all(_same_patch(frame, now) for frame in side)
        for side in (_last(history, now, STATIC_PATCH_FRAMES), _next(history, now, STATIC_PATCH_FRAMES))
    )


def _has_static_tear(history: Sequence[FrameScalars], now: FrameScalars) -> bool:
    """Whether the sky of other frames jumps at this row, too, or, before a flip, at the one across: an edge in the sky
    or between two amplifiers.
    """
    if now.torn_row is None:
        return False
    rows = known([frame.torn_row for frame in history])
    alike = [row for row in rows if min(abs(row - now.torn_row), abs(1.0 - row - now.torn_row)) <= STATIC_ROWS]
    return len(alike) >= STATIC_TEARS


def _stays(history: Sequence[FrameScalars], now: FrameScalars, row: float, column: float) -> bool:
    """Whether faint structure lay in the same place in the frames before."""
    last = _last(history, now, STATIC_PATCH_FRAMES)
    places = [(frame.fine_row, frame.fine_column) for frame in last]
    return len(last) == STATIC_PATCH_FRAMES and all(
        there is not None and over is not None and max(abs(there - row), abs(over - column)) <= STATIC_CELLS
        for there, over in places
    )


def _last(history: Sequence[FrameScalars], now: FrameScalars, frames: int) -> list[FrameScalars]:
    """The newest frames of those before ``now``."""
    before = [
        frame for frame in history if frame.taken_at is None or now.taken_at is None or frame.taken_at < now.taken_at
    ]
    return sorted(before, key=lambda frame: frame.taken_at or "")[-frames:]


def _next(history: Sequence[FrameScalars], now: FrameScalars, frames: int) -> list[FrameScalars]:
    """The first frames of those after ``now``."""
    after = [(frame.taken_at, frame) for frame in history if frame.taken_at is not None]
    later = [(at, frame) for at, frame in after if now.taken_at is not None and at > now.taken_at]
    return [frame for _, frame in sorted(later, key=lambda one: one[0])[:frames]]


def _same_patch(one: FrameScalars, other: FrameScalars) -> bool:
    if one.patch_share is None or other.patch_share is None:
        return False
    places = (one.patch_row, other.patch_row), (one.patch_column, other.patch_column)
    apart = max(abs((here or 0.0) - (there or 0.0)) for here, there in places)
    return abs(one.patch_share - other.patch_share) <= STATIC_PATCH and apart <= STATIC_PATCH


def _same_line(line: NDArray[np.float64], other: Sequence[float]) -> bool:
    x0, y0, x1, y1 = line
    run, rise = other[2] - other[0], other[3] - other[1]
    length = max(float(np.hypot(run, rise)), 1.0)
    angle = np.degrees(np.arctan2(y1 - y0, x1 - x0) - np.arctan2(rise, run))
    if abs((angle + 90.0) % 180.0 - 90.0) > STATIC_ANGLE_DEG:
        return False
    middle = ((x0 + x1) / 2.0 - other[0], (y0 + y1) / 2.0 - other[1])
    return bool(abs(middle[0] * rise - middle[1] * run) / length < STATIC_PX)


def _ratio(value: float | None, reference: float | None) -> float | None:
    if value is None or reference is None or reference <= 0.0:
        return None
    return value / reference
