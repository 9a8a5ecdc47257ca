"""``judge``: from a path to a ``Judgement``. Reads, measures, compares, asks the model, decides; writes nothing."""

import logging
import time
from collections.abc import MutableMapping
from pathlib import Path

from nebulift import session
from nebulift.classifier import Classifier, Prediction
from nebulift.cv_prefilter import Analysis, ArtifactDetector
from nebulift.errors import UnreadableFrame
from nebulift.exposure import Exposure, FrameKind
from nebulift.findings import Finding
from nebulift.frame import Frame
from nebulift.judgement import Judgement, SessionContext
from nebulift.preprocess import model_input
from nebulift.readers import open_frame
from nebulift.session import GroupState
from nebulift.verdict import Policy, Thresholds, decide, unreadable

log = logging.getLogger(__name__)


def judge(
    path: Path,
    *,
    model: Classifier | None = None,
    thresholds: Thresholds | None = None,
    policy: Policy | None = None,
    sessions: MutableMapping[str, GroupState] | None = None,
) -> Judgement:
    """Everything Nebulift says about one file.

    ``thresholds`` override the model card's; ``sessions`` holds the groups so far and is brought up to date. Files that
    cannot be read or measured come back as ``review`` with the reason; calibration frames and stacks as skipped.
    """
    started = time.perf_counter()
    try:
        with open_frame(path) as frame:
            if frame.exposure.kind is not FrameKind.LIGHT:
                return Judgement(path, None, frame.exposure, skipped=_skipped(frame.exposure), notes=frame.notes)
            return _judge_light(frame, started, model, thresholds, policy, sessions)
    except UnreadableFrame as error:
        text = str(error)
    except Exception as error:
        # barrier: a frame that breaks an eye must not stop the night; it goes to review, the log tells where
        log.exception("%s: could not be measured", path)
        text = f"{path}: could not be measured ({type(error).__name__}: {error}); look at it by eye"
    return Judgement(path, unreadable(text), error=text, elapsed_ms=_elapsed_ms(started))


def _judge_light(
    frame: Frame,
    started: float,
    model: Classifier | None,
    thresholds: Thresholds | None,
    policy: Policy | None,
    sessions: MutableMapping[str, GroupState] | None,
) -> Judgement:
    analysis = ArtifactDetector().analyse(frame)
    exposure = frame.exposure
    state = _state(frame, sessions)
    context = session.compare(state, analysis.measurements) if state else None
    findings = _merged(analysis.findings, session.session_findings(context) if context else ())
    prediction = _predict(model, analysis, context)
    card = model.card if model else None
    verdict = decide(
        findings,
        model_score=prediction.clean if prediction else None,
        model=card.name if card else None,
        thresholds=thresholds or (card.thresholds if card else None),
        policy=policy,
        fusion=card.fusion if card else None,
        group_frames=state.frames + 1 if state else 1,
    )
    if state is not None and sessions is not None:
        sessions[state.group] = session.updated(state, analysis.measurements, verdict.label, exposure.taken_at)
    return Judgement(
        frame.path,
        verdict,
        exposure,
        analysis.measurements,
        context,
        notes=frame.notes,
        elapsed_ms=_elapsed_ms(started),
    )


def _state(frame: Frame, sessions: MutableMapping[str, GroupState] | None) -> GroupState | None:
    if sessions is None:
        return None
    group = session.group_key(frame.exposure, frame.shape)
    return session.continued(sessions.get(group), group, frame.exposure.taken_at)


def _merged(single: tuple[Finding, ...], compared: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """One finding a cause: two witnesses of the same cause do not spoil a frame twice; the worse one speaks.

    Trails are things, not causes: each keeps its own finding.
    """
    worst = {finding.kind: finding for finding in sorted((*single, *compared), key=lambda one: one.severity)}
    trails = [finding for finding in single if finding.geometry is not None and finding.kind == "streak"]
    others = [finding for kind, finding in worst.items() if kind != "streak"]
    return tuple(sorted((*trails, *others), key=lambda one: -one.severity))


def _predict(model: Classifier | None, analysis: Analysis, context: SessionContext | None) -> Prediction | None:
    return model.predict(model_input(analysis.views, analysis.measurements, context)) if model else None


def _skipped(exposure: Exposure) -> str:
    how = {"header": "by its header", "name": "by its name", "pixels": "by its pixels"}.get(exposure.kind_source, "")
    what = "a stacked image" if exposure.kind is FrameKind.STACK else f"a {exposure.kind} frame"
    return f"{what} {how}: left alone".replace("  ", " ")


def _elapsed_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0
