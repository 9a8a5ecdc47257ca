"""Simulated frames as lessons: targets from the truth, features with the session so far, as in the daemon."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nebulift.classifier import Classifier
from nebulift.findings import Kind
from nebulift.judgement import Judgement, SessionContext
from nebulift.pipeline import conclude
from nebulift.preprocess import features_of
from nebulift.session import GroupState
from nebulift.training.evaluation import Judged, judged_frame
from nebulift.training.sample import Sample, kind_targets, severity_targets
from nebulift.training.simulated_sessions import SimulatedLesson
from nebulift.verdict import NOTICEABLE_SEVERITY, Thresholds


class SimulatedLessons:
    """``Lessons`` over simulated frames in memory."""

    def __init__(self, frames: Sequence[SimulatedLesson]) -> None:
        self.frames = list(frames)
        alone = list(judged_in_sessions(self.frames))
        self._features = np.stack(
            [
                features_of(frame.measured.measurements, judgement.session)
                for frame, judgement in zip(self.frames, alone, strict=True)
            ]
        )
        self.cv_scores = np.array([judgement.verdict.cv_score for judgement in alone if judgement.verdict is not None])
        self.has_cause = np.array([has_cause(judgement) for judgement in alone])
        self._targets = np.array([clean_target(frame) for frame in self.frames])
        self._weights = np.array(
            [
                0.0 if is_unteachable(frame, judgement.session) else 1.0
                for frame, judgement in zip(self.frames, alone, strict=True)
            ]
        )

    def __len__(self) -> int:
        return len(self.frames)

    def sample(self, index: int) -> Sample:
        frame = self.frames[index]
        assert frame.measured.planes is not None
        return Sample(
            frame.measured.planes.astype(np.float32),
            self._features[index],
            np.float32(self._targets[index]),
            severity_targets(frame.severity),
            kind_targets(frame.kinds),
            np.float32(1.0),
            np.float32(self._weights[index]),
        )

    def targets(self) -> NDArray[np.float64]:
        return self._targets

    def weights(self) -> NDArray[np.float64]:
        return self._weights

    def features(self) -> NDArray[np.float32]:
        return self._features

    @property
    def sessions(self) -> list[str]:
        return [frame.session for frame in self.frames]


def clean_target(frame: SimulatedLesson) -> float:
    """1 up to severity 0.3, 0 from 0.7 on, a straight line between: a marginal frame belongs in the middle."""
    limits = Thresholds()
    share = (1.0 - frame.severity - limits.contaminated) / (limits.clean - limits.contaminated)
    return min(max(share, 0.0), 1.0)


def has_cause(judgement: Judgement) -> bool:
    """Whether the filter found something noticeable."""
    findings = judgement.verdict.findings if judgement.verdict is not None else ()
    return any(finding.severity >= NOTICEABLE_SEVERITY for finding in findings)


def is_unteachable(frame: SimulatedLesson, context: SessionContext | None) -> bool:
    """Whether the only fault of a frame is that it shows another part of the sky, and its session cannot tell."""
    told = context is not None and (context.lost_field or bool(context.shift_fraction))
    return set(frame.kinds) == {Kind.OFF_TARGET.value} and not told


def truth_of(frame: SimulatedLesson) -> str:
    """clean, marginal or contaminated, by the limits of ``verdict.Thresholds`` on 1 - severity."""
    limits = Thresholds()
    if frame.severity <= 1.0 - limits.clean:
        return "clean"
    return "contaminated" if frame.severity >= 1.0 - limits.contaminated else "marginal"


def judged_in_sessions(
    frames: Iterable[SimulatedLesson], model: Classifier | None = None, limits: Thresholds | None = None
) -> Iterator[Judgement]:
    """The judgement on each frame against its session so far; sessions know nothing of each other."""
    now: str | None = None
    groups: dict[str, GroupState] = {}
    for frame in frames:
        if frame.session != now:
            now, groups = frame.session, {}
        measured = frame.measured
        if model is not None and measured.planes is not None:
            measured = replace(measured, planes=measured.planes.astype(np.float32))
        yield conclude(measured, model=model, thresholds=limits, sessions=groups)


def judged_rows(frames: Sequence[SimulatedLesson], model: Classifier | None) -> list[Judged]:
    """What each witness says about each frame, beside the truth."""
    limits = model.card.thresholds if model is not None else Thresholds()
    return [
        judged_frame(judgement, truth_of(frame), frame.kinds, frame.session, frame.camera, limits)
        for frame, judgement in zip(frames, judged_in_sessions(frames, model, limits), strict=True)
    ]
