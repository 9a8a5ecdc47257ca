"""``judge``: from a path to a ``Judgement``. Reads, measures, compares, asks the model, decides; writes nothing.

``measure_file`` needs only the file, so many may run at once; ``conclude`` needs the group of the frame, so it goes in
order of time. ``judge`` is one after the other.
"""

import logging
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nebulift.almanac import SkyBodies, cause_of_light, light_in_the_sky, sky_bodies
from nebulift.assessment import UNPROVEN
from nebulift.classifier import Classifier, Prediction
from nebulift.cv_prefilter import Analysis, ArtifactDetector
from nebulift.errors import ModelMismatch, UnreadableFrame
from nebulift.exposure import Exposure, FrameKind
from nebulift.familiarity import told
from nebulift.findings import Cells, Finding, Kind, Line
from nebulift.frame import Frame
from nebulift.judgement import Judgement, SessionContext
from nebulift.measurements import Measurements
from nebulift.preprocess import ModelInput, features_of, planes_of
from nebulift.readers import open_frame
from nebulift.session import (
    FrameScalars,
    Glimpse,
    GroupState,
    compare,
    glimpse_of,
    group_key,
    is_over,
    next_session,
    scalars_of,
    session_findings,
    updated,
)
from nebulift.session.star_match import Match
from nebulift.session.state import rounded
from nebulift.verdict import (
    DISTRUST_NOTE,
    NOTICEABLE_SEVERITY,
    Policy,
    Thresholds,
    Verdict,
    decide,
    distrusted,
    is_weak,
    unreadable,
)

REMARK = 0.2  # severity of what is as it has been all the time
FROZEN_FRAMES = 3  # unclean ones in a row: then the reference is old enough to be spoken of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """All that is needed of a light frame once its pixels are gone."""

    path: Path
    exposure: Exposure
    shape: tuple[int, int]
    measurements: Measurements
    findings: tuple[Finding, ...]
    glimpse: Glimpse  # what the session compares
    planes: NDArray[np.float32] | None  # the network's picture of it; None: no network will be asked
    notes: tuple[str, ...]
    elapsed_ms: float


def judge(
    path: Path,
    *,
    model: Classifier | None = None,
    thresholds: Thresholds | None = None,
    policy: Policy | None = None,
    sessions: MutableMapping[str, GroupState] | None = None,
    shadow: Classifier | None = None,
) -> Judgement:
    """Everything Nebulift says about one file.

    ``thresholds`` override the model card's; ``sessions`` holds the groups so far and is brought up to date. Files that
    cannot be read or measured come back as ``review`` with the reason; calibration frames and stacks as skipped.
    ``shadow`` is asked too, and what it would decide is told beside the verdict; it changes nothing.
    """
    measured = measure_file(path, with_planes=model is not None or shadow is not None)
    if isinstance(measured, Judgement):
        return measured
    return conclude(measured, model=model, thresholds=thresholds, policy=policy, sessions=sessions, shadow=shadow)


def measure_file(path: Path, *, with_planes: bool) -> Measured | Judgement:
    """What the eyes see in a light frame, or the judgement at once where there is nothing to see."""
    started = time.perf_counter()
    try:
        with open_frame(path) as frame:
            if frame.exposure.kind is not FrameKind.LIGHT:
                return Judgement(path, None, frame.exposure, skipped=_skipped(frame.exposure), notes=frame.notes)
            return _measure(frame, started, with_planes)
    except UnreadableFrame as error:
        text = str(error)
    except Exception as error:
        # barrier: a frame that breaks an eye must not stop the night; it goes to review, the log tells where
        log.exception("%s: could not be measured", path)
        text = f"{path}: could not be measured ({type(error).__name__}: {error}); look at it by eye"
    return Judgement(path, unreadable(text), error=text, elapsed_ms=_elapsed_ms(started))


def _measure(frame: Frame, started: float, with_planes: bool) -> Measured:
    analysis = ArtifactDetector().analyse(frame)
    planes = planes_of(analysis.views) if with_planes else None
    return as_measured(frame, analysis, planes, _elapsed_ms(started))


def as_measured(
    frame: Frame, analysis: Analysis, planes: NDArray[np.float32] | None = None, elapsed_ms: float = 0.0
) -> Measured:
    """What is kept of an analysed frame once its pixels are gone."""
    return Measured(
        frame.path,
        frame.exposure,
        frame.shape,
        analysis.measurements,
        analysis.findings,
        glimpse_of(analysis.views, analysis.measurements),
        planes,
        frame.notes,
        elapsed_ms,
    )


def conclude(
    measured: Measured,
    *,
    model: Classifier | None = None,
    thresholds: Thresholds | None = None,
    policy: Policy | None = None,
    sessions: MutableMapping[str, GroupState] | None = None,
    shadow: Classifier | None = None,
) -> Judgement:
    """The judgement on a measured frame; its group in ``sessions`` is brought up to date."""
    started = time.perf_counter()
    state = _state(measured, sessions)
    seen = _compared(measured, state) if state else None
    context = seen.context if seen else None
    findings = merged(changing(measured, context), session_findings(context) if context else ())
    findings = lit(findings, measured.exposure)
    opinion = _opinion(model, measured, context)
    verdict = _decide(findings, opinion, model, thresholds, policy, state)
    watched = None if shadow is None else _watched(shadow, measured, context, findings, policy, state)
    unknown = told(opinion.known)
    notes = (*measured.notes, unknown) if unknown else measured.notes
    if state is not None and seen is not None and sessions is not None:
        before = _before(state, seen.scalars)
        believed = distrusted(verdict, sum(frame.weakly_bad for frame in before), len(before), policy)
        sessions[state.group] = _brought_up_to_date(state, seen, measured, verdict, believed)
        first = believed is not verdict and not state.is_distrusted
        verdict, notes = believed, (*notes, *standing(state), *([DISTRUST_NOTE] if first else []))
    return Judgement(
        measured.path,
        verdict,
        measured.exposure,
        measured.measurements,
        context,
        notes=notes,
        elapsed_ms=measured.elapsed_ms + _elapsed_ms(started),
        shadow=watched,
    )


def _before(state: GroupState, now: FrameScalars) -> list[FrameScalars]:
    """The frames of the group that came before: looking back, those after it do not make a frame less believable."""
    if now.taken_at is None:
        return list(state.history)
    return [frame for frame in state.history if frame.taken_at is None or frame.taken_at < now.taken_at]


def _opinion(model: Classifier | None, measured: Measured, context: SessionContext | None) -> Prediction:
    """What the model says of the frame; without one, nothing."""
    if model is None or measured.planes is None:
        return Prediction(None, {})
    return model.predict(ModelInput(measured.planes, features_of(measured.measurements, context)))


def _watched(
    shadow: Classifier,
    measured: Measured,
    context: SessionContext | None,
    findings: tuple[Finding, ...],
    policy: Policy | None,
    state: GroupState | None,
) -> Verdict | None:
    """What the watching model would decide, with its own limits; ``None`` when it fails: that must harm nothing."""
    try:
        return _decide(findings, _opinion(shadow, measured, context), shadow, None, policy, state)
    except ModelMismatch as error:
        log.warning("the model that watches: %s", error)
        return None


def _brought_up_to_date(
    state: GroupState, seen: "_Compared", measured: Measured, verdict: Verdict, believed: Verdict
) -> GroupState:
    """The group's state with this frame in it."""
    scalars = replace(seen.scalars, weakly_bad=is_weak(verdict))
    after = updated(state, measured.glimpse, scalars, seen.match, believed.label, measured.exposure.taken_at)
    return after if believed is verdict else replace(after, is_distrusted=True)


def standing(state: GroupState) -> tuple[str, ...]:
    """What a person should know of the reference that a frame was held against: there is none yet, or an old one."""
    if state.reference_frames == 0:
        return ("no clean frame of this session yet: judged by itself",)
    unclean = len(list(takewhile(lambda frame: not frame.good, reversed(state.history))))
    if unclean < FROZEN_FRAMES:
        return ()
    return (f"the session's reference stands still: its last {unclean} frames are not clean",)


def lit(findings: tuple[Finding, ...], exposure: Exposure) -> tuple[Finding, ...]:
    """The findings; one of a bright sky says what lights it, where place and time are known."""
    at, latitude, longitude = exposure.taken_at, exposure.site_latitude_deg, exposure.site_longitude_deg
    if at is None or latitude is None or longitude is None:
        return findings
    if not any(finding.kind is Kind.GRADIENT and finding.severity >= NOTICEABLE_SEVERITY for finding in findings):
        return findings
    try:
        bodies = sky_bodies(at, latitude, longitude)
    except (ImportError, OSError, ValueError) as error:
        log.warning("where Sun and Moon stand is not known: %s", error)  # an explanation less, the verdict stands
        return findings
    return tuple(_lit(finding, bodies) if finding.kind is Kind.GRADIENT else finding for finding in findings)


def _lit(finding: Finding, bodies: SkyBodies) -> Finding:
    """What rises while the sky gets brighter than it was is its cause by name; else it is only told."""
    cause = cause_of_light(bodies) if finding.evidence.get("noise_ratio", 1.0) > 1.0 else None
    named = f"{cause}: " if cause else ""
    return replace(finding, text=f"{named}{finding.text}; in the sky: {light_in_the_sky(bodies)}")


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    context: SessionContext
    scalars: FrameScalars
    match: Match | None


def _compared(measured: Measured, state: GroupState) -> _Compared:
    scalars = scalars_of(measured.measurements, measured.exposure)
    context, match = compare(state, measured.glimpse, scalars)
    # the frame that founds the catalogue is its own measure
    transparency = context.raw_transparency if state.catalogue else 1.0
    scalars = replace(
        scalars,
        transparency=rounded(transparency),
        missed=None if context.missed is None else round(context.missed, 3),
        star_scatter=None if context.star_scatter is None else round(context.star_scatter, 3),
        covered=context.covered_fraction,
        covered_deg=context.covered_deg and round(context.covered_deg),
        edge_deg=context.edge_deg,
        edge_evidence=round(context.edge_evidence, 1),
        fine_row=_middle([row for row, _ in context.fine_cells]),
        fine_column=_middle([column for _, column in context.fine_cells]),
    )
    return _Compared(context, scalars, match)


def _middle(places: list[int]) -> float | None:
    return round(sum(places) / len(places), 1) if places else None


def changing(measured: Measured, context: SessionContext | None) -> tuple[Finding, ...]:
    """The frame's own findings without what is the same in every frame.

    Trails that have been in the same place before are no satellites, and no frame tears where others did. A part of
    the field that has been without stars all the time is a dark nebula, or something in the telescope.
    """
    if context is None:
        return measured.findings
    static = {measured.measurements.streaks[index].x0_px for index in context.static_trails}
    kept = [
        finding
        for finding in measured.findings
        if not (isinstance(finding.geometry, Line) and finding.kind is Kind.STREAK and finding.geometry.x0_px in static)
    ]
    if context.static_patch:
        kept = [_standing(finding) if isinstance(finding.geometry, Cells) else finding for finding in kept]
    if context.static_tear:
        kept = [_untorn(finding) if "torn_at_px" in finding.evidence else finding for finding in kept]
    return tuple(kept)


def _untorn(finding: Finding) -> Finding:
    if finding.strong:
        return finding
    text = f"{finding.text}, as in other frames: an edge in the sky, or two amplifiers"
    return replace(finding, severity=min(finding.severity, REMARK), text=text)


def _standing(finding: Finding) -> Finding:
    """What stands still before a tracked field is no part of the ground, which would cross it in minutes: it is of the
    sky, or in the telescope. What was a question becomes a remark; what was certain, a question.
    """
    text = f"{finding.text}, as in the frames beside it: a dark nebula, or something in the telescope?"
    return replace(
        finding, severity=UNPROVEN if finding.severity > UNPROVEN else min(finding.severity, REMARK), text=text
    )


def _decide(
    findings: tuple[Finding, ...],
    opinion: Prediction,
    model: Classifier | None,
    thresholds: Thresholds | None,
    policy: Policy | None,
    state: GroupState | None,
) -> Verdict:
    card = model.card if model else None
    return decide(
        findings,
        model_score=opinion.clean,
        model=card.name if card else None,
        thresholds=thresholds or (card.thresholds if card else None),
        policy=policy,
        fusion=card.fusion.heard(opinion.known.heard) if card else None,
        group_frames=state.frames + 1 if state else 1,
    )


def _state(measured: Measured, sessions: MutableMapping[str, GroupState] | None) -> GroupState | None:
    if sessions is None:
        return None
    group = group_key(measured.exposure, measured.shape, measured.measurements.sky)
    state = sessions.get(group)
    if state is None:
        return GroupState(group)
    return next_session(state) if is_over(state.last_at, measured.exposure.taken_at) else state


def merged(single: tuple[Finding, ...], compared: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """One finding a cause: two witnesses of the same cause do not spoil a frame twice; the worse one speaks.

    Trails are things, not causes: each keeps its own finding.
    """
    trails = [finding for finding in single if finding.kind is Kind.STREAK]
    worst: dict[Kind, Finding] = {}
    for finding in (*single, *compared):
        known = worst.get(finding.kind)
        if finding.kind is Kind.STREAK or (known is not None and known.severity >= finding.severity):
            continue
        place = finding.geometry or (known.geometry if known else None)
        worst[finding.kind] = replace(finding, geometry=place)
    return tuple(sorted((*trails, *worst.values()), key=lambda one: -one.severity))


def _skipped(exposure: Exposure) -> str:
    how = {"header": " by its header", "name": " by its name", "pixels": " by its pixels"}.get(exposure.kind_source, "")
    what = "a stacked image" if exposure.kind is FrameKind.STACK else f"a {exposure.kind} frame"
    return f"{what}{how}: left alone"


def _elapsed_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0
