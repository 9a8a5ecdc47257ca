"""Verdicts against the truth: what was right, what was missed, what was a false alarm. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """How a verdict compares with the truth. ``BORDERLINE``: a frame that two people would label differently."""

    RIGHT = "right"
    LEFT_TO_YOU = "left to you"
    BORDERLINE = "borderline"
    MISSED = "missed"
    FALSE_ALARM = "false alarm"
    NO_VERDICT = "no verdict"


@dataclass(frozen=True, slots=True)
class Truth:
    """What was put into a frame. ``label``: clean, marginal, contaminated or unreadable; ``kinds``: worst first."""

    name: str  # path below the capture folder
    label: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What the daemon said about it."""

    verdict: str
    score: float | None
    kinds: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One frame: truth, verdict, and how they go together."""

    truth: Truth
    said: Said | None
    outcome: Outcome


def compared(truth: Truth, said: Said | None) -> Compared:
    """The frame with its outcome. A frame that cannot be read belongs into review, and nowhere else."""
    return Compared(truth, said, _outcome(truth.label, None if said is None else said.verdict))


def _outcome(label: str, verdict: str | None) -> Outcome:
    if verdict is None:
        return Outcome.NO_VERDICT
    if label == "unreadable":
        return Outcome.RIGHT if verdict == "review" else Outcome.MISSED
    if label == "marginal":
        return Outcome.BORDERLINE
    if verdict == label:
        return Outcome.RIGHT
    if verdict == "review":
        return Outcome.LEFT_TO_YOU
    return Outcome.MISSED if label == "contaminated" else Outcome.FALSE_ALARM


def sentences(frames: Iterable[Compared]) -> list[str]:
    """The whole night in a few plain sentences, misses included."""
    frames = list(frames)
    spoilt = [frame for frame in frames if frame.truth.label == "contaminated"]
    clean = [frame for frame in frames if frame.truth.label == "clean"]
    caught = [frame for frame in spoilt if frame.outcome is Outcome.RIGHT]
    named = [frame for frame in caught if frame.said and set(frame.truth.kinds) & set(frame.said.kinds)]
    lines = [
        f"{len(caught)} of {len(spoilt)} spoilt frames caught{_rest(spoilt)}",
        f"{len(named)} of these {len(caught)} with their true cause named",
        f"{_number(clean, Outcome.RIGHT)} of {len(clean)} clean frames kept{_rest(clean)}",
    ]
    if borderline := _number(frames, Outcome.BORDERLINE):
        lines.append(f"{borderline} borderline: two people would label them differently, any verdict is fair")
    unreadable = [frame for frame in frames if frame.truth.label == "unreadable"]
    if unreadable:
        lines.append(
            f"{_number(unreadable, Outcome.RIGHT)} of {len(unreadable)} half-written frames set aside for review"
        )
    return lines


def _rest(frames: list[Compared]) -> str:
    """``, 1 left to you, 2 missed``: what did not go right, nothing when all did."""
    others = (Outcome.LEFT_TO_YOU, Outcome.MISSED, Outcome.FALSE_ALARM, Outcome.NO_VERDICT)
    counts = [(_number(frames, outcome), outcome.value) for outcome in others]
    return "".join(f", {number} {words}" for number, words in counts if number)


def _number(frames: Iterable[Compared], outcome: Outcome) -> int:
    return sum(frame.outcome is outcome for frame in frames)
