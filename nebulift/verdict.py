"""From findings and scores to a label: pure decisions, no pixels, no files.

``score`` is P(clean): 1 = clean, 0 = contaminated. What cannot be judged is ``review``: neither of the two.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from nebulift.findings import Finding, Kind

VISIBLE_SEVERITY = 0.7  # from here on an artefact is plainly visible (definition of severity in ``findings``)
NOTICEABLE_SEVERITY = 0.3  # below it a finding is a remark and names no cause
ROUNDING = 1e-9  # 1 - 0.7 is a little more than 0.3 to a computer
DISTRUST_WORDS = "too many to believe"  # stand in the reason of a verdict that was not believed
DISTRUST_NOTE = "from this frame on the group's weak evidence is not believed: look through its frames"  # on the first
DISTRUST_MIN_FRAMES = 10  # of a group: before, most of it may really be bad
STACKING_MIN_FRAMES = 8  # sigma clipping takes a lone trail out of so many frames or more


class Label(StrEnum):
    """Where a frame belongs."""

    CLEAN = "clean"
    CONTAMINATED = "contaminated"
    REVIEW = "review"


class Action(StrEnum):
    """What a policy makes of a finding of one kind."""

    REJECT = "reject"  # counts fully
    REVIEW = "review"  # a person decides: the frame is neither clean nor contaminated by this alone
    IGNORE = "ignore"  # reported, does not count


@dataclass(frozen=True, slots=True)
class Thresholds:
    """``score >= clean`` is clean, ``score <= contaminated`` is contaminated, between lies review."""

    clean: float = 0.7
    contaminated: float = 0.3

    def __post_init__(self) -> None:
        if not 0.0 <= self.contaminated < self.clean <= 1.0:
            msg = f"thresholds must satisfy 0 <= contaminated ({self.contaminated}) < clean ({self.clean}) <= 1"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Policy:
    """Which findings count. ``strict``: all. ``stacking``: a lone trail counts only in groups of < 8 frames."""

    preset: str = "strict"
    overrides: Mapping[Kind, Action] = field(default_factory=dict)
    distrust_share: float = (
        0.6  # of a group: where more would be contaminated on weak evidence, a person decides; 1: off
    )


@dataclass(frozen=True, slots=True)
class Fusion:
    """logit P(clean) = bias + cv_weight * logit(cv) + model_weight * logit(model); learned with the model."""

    bias: float = 0.0
    cv_weight: float = 1.0
    model_weight: float = 0.0

    def heard(self, share: float) -> "Fusion":
        """The weights with which the model counts for ``share`` of what it would; 0: the CV score stands as it is."""
        return Fusion(share * self.bias, 1.0 + share * (self.cv_weight - 1.0), share * self.model_weight)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one frame and all that led to it."""

    label: Label
    score: float | None
    cv_score: float | None
    model_score: float | None
    model: str | None  # name and version of the model that took part
    findings: tuple[Finding, ...]
    reason: str  # one sentence


def cv_score(findings: Sequence[Finding]) -> float:
    """P(clean) by the findings alone: the product of (1 - severity), as if each cause spoiled frames independently."""
    return math.prod(1.0 - finding.severity for finding in findings)


def logit(p: float) -> float:
    """log-odds of ``p``, held within +-6.9 (0.001 .. 0.999) so that no single witness is ever certain."""
    p = min(max(p, 0.001), 0.999)
    return math.log(p / (1.0 - p))


def fuse(cv: float, model: float | None, fusion: Fusion) -> float:
    """One score from the two witnesses; without a model the CV score stands as it is."""
    if model is None:
        return cv
    z = fusion.bias + fusion.cv_weight * logit(cv) + fusion.model_weight * logit(model)
    return 1.0 / (1.0 + math.exp(-z))


def counted(findings: Sequence[Finding], policy: Policy, group_frames: int) -> tuple[list[Finding], list[Finding]]:
    """Findings that count against the frame, and findings that ask for a person, under ``policy``."""
    rejecting: list[Finding] = []
    asking: list[Finding] = []
    for finding in findings:
        action = policy.overrides.get(finding.kind, _preset_action(finding, findings, policy, group_frames))
        if action is Action.REJECT:
            rejecting.append(finding)
        elif action is Action.REVIEW:
            asking.append(finding)
    return rejecting, asking


def _preset_action(finding: Finding, findings: Sequence[Finding], policy: Policy, group_frames: int) -> Action:
    if policy.preset == "stacking" and finding.kind is Kind.STREAK and group_frames >= STACKING_MIN_FRAMES:
        streaks = sum(other.kind is Kind.STREAK for other in findings)
        return Action.IGNORE if streaks == 1 else Action.REJECT
    return Action.REJECT


def decide(
    findings: Sequence[Finding],
    *,
    model_score: float | None = None,
    model: str | None = None,
    thresholds: Thresholds | None = None,
    policy: Policy | None = None,
    fusion: Fusion | None = None,
    group_frames: int = 1,
) -> Verdict:
    """The verdict on a frame that could be read and measured.

    A plainly visible artefact caps the score: no model argues it away. And a model alone never contaminates a frame:
    without a noticeable finding the frame goes to review, because the observer is owed a cause.
    """
    thresholds = thresholds or Thresholds()
    rejecting, asking = counted(findings, policy or Policy(), group_frames)
    cv = cv_score(rejecting)
    score = fuse(cv, model_score, fusion or Fusion())
    worst = max((finding.severity for finding in rejecting), default=0.0)
    if worst >= VISIBLE_SEVERITY:
        score = min(score, 1.0 - worst)
    label, reason = _label(score, thresholds, rejecting, asking, model_score)
    ordered = tuple(sorted(findings, key=lambda finding: -finding.severity))
    return Verdict(label, score, cv, model_score, model, ordered, reason)


def is_weak(verdict: Verdict) -> bool:
    """Contaminated, but by nothing that stands by itself: no closed cover, no burnt-out or half-read frame."""
    if verdict.label is not Label.CONTAMINATED:
        return False
    return not any(finding.strong and finding.severity >= VISIBLE_SEVERITY for finding in verdict.findings)


def distrusted(verdict: Verdict, weak_before: int, frames_before: int, policy: Policy | None = None) -> Verdict:
    """The verdict, or review in its place where most of the group would be contaminated on weak evidence alone.

    A rule that condemns most of a night is more often wrong than the night. ``weak_before`` of ``frames_before``
    frames of the group were so. Strong evidence still counts.
    """
    share = (policy or Policy()).distrust_share
    frames, weak = frames_before + 1, weak_before + 1
    if not is_weak(verdict) or frames < DISTRUST_MIN_FRAMES or weak <= share * frames:
        return verdict
    reason = f"{weak} of {frames} frames of this group would be contaminated on weak evidence: {DISTRUST_WORDS}; "
    return replace(verdict, label=Label.REVIEW, reason=reason + verdict.reason)


def _label(
    score: float,
    thresholds: Thresholds,
    rejecting: Sequence[Finding],
    asking: Sequence[Finding],
    model_score: float | None,
) -> tuple[Label, str]:
    causes = sorted(rejecting, key=lambda finding: -finding.severity)
    cause = causes[0].text if causes and causes[0].severity >= NOTICEABLE_SEVERITY else None
    if score <= thresholds.contaminated + ROUNDING:
        if cause is not None:
            return Label.CONTAMINATED, cause
        if model_score is None:
            return Label.REVIEW, "several slight faults add up; none of them alone spoils the frame"
        return Label.REVIEW, f"the model doubts this frame (P(clean) {model_score:.2f}) but nothing measured says why"
    question = max(asking, key=lambda finding: finding.severity, default=None)
    if question is not None and question.severity >= NOTICEABLE_SEVERITY:
        return Label.REVIEW, question.text
    if score >= thresholds.clean - ROUNDING:
        return Label.CLEAN, cause or "no artefact found"
    slight = causes[0].text if causes else f"undecided: P(clean) {score:.2f} lies between the limits"
    return Label.REVIEW, cause or slight


def unreadable(message: str) -> Verdict:
    """The verdict on a file that could not be read or measured: review, without a score."""
    finding = Finding(Kind.UNREADABLE, severity=1.0, text=message, strong=True)
    return Verdict(Label.REVIEW, None, None, None, None, (finding,), message)
