"""How a frame stands against its group: ratios of scalars, matched star fluxes, the map of the sky. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.assessment import SEEN_BLUR_PX, seen_width_px
from nebulift.cells import cells_of
from nebulift.judgement import SessionContext
from nebulift.session.covered_side import side_of
from nebulift.session.edge import Edge, believed, edge_of
from nebulift.session.fine_change import FineChange, Light, fine_change
from nebulift.session.glimpse import Glimpse
from nebulift.session.prior import against_prior
from nebulift.session.sky_change import SkyChange, evened_sky, sky_change
from nebulift.session.sky_map import SkyMap
from nebulift.session.star_light import (
    SURE_STARS,
    Extinct,
    Fading,
    SeenStars,
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
from nebulift.session.static_findings import fine_stays, has_static_patch, has_static_tear, static_trails
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
    seen = UNSEEN_SKY if clouded or (shift or 0.0) >= MAX_MAP_SHIFT else _sky_of(state, glimpse, maps)
    fine = _fine(seen, maps, glimpse, match, rows, added)
    finds = _finds_faint(reference)
    stars = None if clouded else seen_stars(state.catalogue, glimpse, match, raw, _harder(rows), finds_faint=finds)
    extinct = extinction(stars) if stars else None
    edge = edge_of(stars, _usual_scatter(reference)) if stars else None
    seen_edge = believed(edge, now.taken_at, state.history)
    hidden = (extinct.share if extinct else 0.0, seen_edge.share if seen_edge else 0.0)
    covered = round(max(seen.darker or 0.0, seen.brighter or 0.0, *hidden), 4)
    faded = fading(state.catalogue, glimpse, match, raw)
    towards = side_of(seen_edge, extinct, seen.change, faded)
    facts = _star_facts(stars, extinct, edge, seen_edge, faded) | _sky_facts(seen, fine, state, now)
    facts |= _static_facts(state, glimpse, now) | rows
    context = SessionContext(
        group=state.group,
        frames_before=state.frames,
        reference_frames=state.reference_frames,
        few_are_known=few_are_known,
        matched_stars=None if match is None else len(match.frame),
        raw_transparency=raw,
        transparency_error=error,
        star_scatter=light.scatter,
        covered_fraction=covered,
        covered_deg=towards,
        shift_fraction=shift,
        drift_fraction=drift,
        lost_field=_lost(state.catalogue, glimpse, match),
        gone_fraction=_gone(state.catalogue, glimpse, match),
        trends=trends(state.history, replace(now, transparency=raw, covered=covered, covered_deg=towards)),
        **facts,
    )
    return context, match


@dataclass(frozen=True, slots=True, eq=False)
class SeenSky:
    """The sky of a frame against the maps of its group."""

    evened: NDArray[np.float64] | None = None
    change: SkyChange | None = None  # against the newest maps
    darker: float | None = None  # share of the field, against the newest or the first maps
    brighter: float | None = None


UNSEEN_SKY = SeenSky()


def _sky_of(state: GroupState, glimpse: Glimpse, maps: Sequence[SkyMap]) -> SeenSky:
    evened, newest = evened_sky(glimpse), (maps or state.sky_maps)[-NEWEST_MAPS:]
    change = sky_change([one.packed for one in newest], evened, flipped=not maps)
    early = sky_change([one.packed for one in maps[:FIRST_MAPS]], evened) if len(maps) > NEWEST_MAPS else None
    darker = max((float((one.patches < 0).mean()) for one in (change, early) if one), default=None)
    return SeenSky(evened, change, darker, None if change is None else float((change.patches > 0).mean()))


def _fine(
    seen: SeenSky,
    maps: Sequence[SkyMap],
    glimpse: Glimpse,
    match: Match | None,
    rows: dict[str, float | None],
    added: float,
) -> FineChange | None:
    if seen.change is None or seen.evened is None:
        return None
    tilt_sigma = seen.change.tilt_sigma or 0.0
    lit = Light(rows.get("noise_ratio") or 1.0, rows.get("transparency") or 1.0, tilt_sigma, added)
    return fine_change(maps, glimpse, seen.evened, match.motion if match else None, lit)


def _star_facts(
    stars: SeenStars | None, extinct: Extinct | None, edge: Edge | None, seen_edge: Edge | None, faded: Fading | None
) -> dict[str, Any]:
    return {
        "missed": stars.missed if stars else None,
        "extinct_fraction": None if extinct is None else extinct.share,
        "extinct_cells": () if extinct is None else extinct.cells,
        "absent_fraction": absent_share(stars) if stars else None,
        "edge_fraction": seen_edge.share if seen_edge else None,
        "edge_deg": edge.angle_deg if edge else None,
        "edge_evidence": edge.evidence if edge else 0.0,
        "fading": faded.share if faded else None,
        "fading_deg": faded.towards_deg if faded else None,
    }


def _sky_facts(seen: SeenSky, fine: FineChange | None, state: GroupState, now: FrameScalars) -> dict[str, Any]:
    return {
        "brighter_fraction": seen.brighter,
        "darker_fraction": seen.darker,
        "fine_sigma": fine.height_sigma if fine else None,
        "fine_certainty": fine.certainty_sigma if fine else None,
        "fine_cells": cells_of(fine.cells) if fine else (),
        "fine_stays": fine is not None and fine_stays(state.history, now, *fine.middle),
        "tilt_sigma": None if seen.change is None else seen.change.tilt_sigma,
        "is_steeper": seen.change is not None and seen.change.is_steeper,
    }


def _static_facts(state: GroupState, glimpse: Glimpse, now: FrameScalars) -> dict[str, Any]:
    return {
        "static_trails": static_trails(state, glimpse),
        "static_patch": has_static_patch(state.history, now),
        "static_tear": has_static_tear(state.history, now),
    }


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
    if not len(glimpse.stars) and len(glimpse.present) >= MIN_LOST_STARS:
        return None  # an all-sky lens whose disc only this frame's light shows: its stars are not kept
    return max(1.0 - len(glimpse.stars) / min(len(catalogue.stars), SURE_STARS), 0.0)


def _ratio(value: float | None, reference: float | None) -> float | None:
    if value is None or reference is None or reference <= 0.0:
        return None
    return value / reference
