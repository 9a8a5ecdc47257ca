"""Sums over a night: usable exposure by target and filter, causes, who decided."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nebulift_daemon.report.frame_line import FrameLine

LABELS = ("clean", "contaminated", "review")


@dataclass(frozen=True, slots=True)
class Total:
    """What one target and filter got."""

    target: str
    filter_name: str
    frames: int
    counts: dict[str, int]  # by label
    usable_s: float
    contaminated_s: float
    review_s: float
    fwhm_px: float | None  # median of the clean frames
    fwhm_arcsec: float | None


@dataclass(frozen=True, slots=True)
class Cause:
    """How often a cause was the main one, among frames that are not clean."""

    kind: str | None  # ``None``: none was named
    contaminated: int
    review: int

    @property
    def frames(self) -> int:
        return self.contaminated + self.review


def totals(frames: Sequence[FrameLine]) -> list[Total]:
    """One total for each target and filter, in the order in which the night came to them."""
    groups: dict[tuple[str, str], list[FrameLine]] = {}
    for frame in lights(frames):
        groups.setdefault((frame.group.target, frame.group.filter_name), []).append(frame)
    return [_total(target, filter_name, members) for (target, filter_name), members in groups.items()]


def lights(frames: Iterable[FrameLine]) -> list[FrameLine]:
    """The frames that have a verdict."""
    return [frame for frame in frames if frame.label in LABELS]


def usable_s(frames: Iterable[FrameLine]) -> float:
    """Seconds of exposure on clean frames that are still there."""
    return sum(frame.exposure_s for frame in frames if frame.is_usable)


def label_counts(frames: Iterable[FrameLine]) -> dict[str, int]:
    """How many frames have each label; ``skipped`` among them."""
    found = Counter(frame.label for frame in frames)
    return {label: found[label] for label in (*LABELS, "skipped")}


def causes(frames: Iterable[FrameLine]) -> list[Cause]:
    """The main causes of frames that are not clean, the most frequent first."""
    found = Counter((frame.cause, frame.label) for frame in frames if frame.label in {"contaminated", "review"})
    kinds = {kind for kind, _ in found}
    every = [Cause(kind, found[kind, "contaminated"], found[kind, "review"]) for kind in kinds]
    return sorted(every, key=lambda cause: (-cause.frames, cause.kind or "~"))


def deciders(frames: Iterable[FrameLine]) -> dict[str, int]:
    """Who decided, and how often: a person, a model by name, the measurements alone."""
    return dict(Counter(frame.decided_by for frame in lights(frames)).most_common())


def _total(target: str, filter_name: str, frames: Sequence[FrameLine]) -> Total:
    seconds = {label: sum(frame.exposure_s for frame in frames if frame.label == label) for label in LABELS}
    clean = [frame.measured for frame in frames if frame.is_usable]
    return Total(
        target,
        filter_name,
        len(frames),
        label_counts(frames),
        usable_s(frames),
        seconds["contaminated"],
        seconds["review"],
        _median([measured.fwhm_px for measured in clean]),
        _median([measured.fwhm_arcsec for measured in clean]),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def watched_counts(frames: Iterable[FrameLine]) -> dict[str, Counter[tuple[str, str]]]:
    """For each model that watched: how often (the verdict that counted, what it would have said)."""
    found: dict[str, Counter[tuple[str, str]]] = {}
    for frame in lights(frames):
        if frame.watched is not None:
            found.setdefault(frame.watched.model, Counter())[frame.label, frame.watched.label] += 1
    return found
