"""Training and validation apart: whole groups (night x target x camera) only, and copies of one file together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nebulift.errors import TrainingError
from nebulift.training.frame_label import CLEAN, CONTAMINATED, FrameLabel

MIN_FRAMES = 10  # of fewer, any figure is an anecdote; hundreds are wanted
FEW_FRAMES = 200  # below, a network mostly remembers: said, not refused
MIN_OF_A_CLASS = 2
TRIES = 400  # random ways to share the groups out, of which the most even one is taken
MISSING_CLASS = 10.0  # worse than any unevenness
GROUP = "night, target and camera"
FLATTERY = (
    "its frames had to be cut in two in time, so the model is tested on near twins of what it learned from and the "
    "figures flatter; add another night that has clean and contaminated frames"
)


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of the frames on each side, and what a reader of the figures should know."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    warnings: tuple[str, ...]


def check_trainable(labels: Sequence[FrameLabel]) -> None:
    """Raises ``TrainingError`` when no network can be trained on these labels, before any time is spent."""
    clean = sum(one.label == CLEAN for one in labels)
    contaminated = sum(one.label == CONTAMINATED for one in labels)
    if clean + contaminated < MIN_FRAMES:
        raise TrainingError(
            f"{clean + contaminated} labelled frames are too few to train on; at least {MIN_FRAMES} are needed and "
            f"some hundreds are wanted: add frames, or widen the limits of the labels"
        )
    for name, count in (("clean", clean), ("contaminated", contaminated)):
        if count < MIN_OF_A_CLASS:
            raise TrainingError(
                f"{count} of {clean + contaminated} labelled frames are {name}, so there is nothing to tell apart; "
                f"add {name} frames, or move the limits of the labels"
            )


def split(
    labels: Sequence[FrameLabel],
    *,
    validation_share: float = 0.2,
    seed: int = 1,
    hold_out_camera: str | None = None,
) -> Split:
    """Groups dealt to training and validation so that sizes and shares of clean frames come out as even as they can.

    Where whole groups cannot be dealt so that both sides have both classes (one night only, for one), every night is
    cut in two in time, and a warning says what that does to the figures. With ``hold_out_camera`` all frames of that
    camera validate, and no others. Raises ``TrainingError`` when there are too few frames, or frames of one class only.
    """
    check_trainable(labels)
    if hold_out_camera is not None:
        return _without_camera(labels, hold_out_camera)
    groups = united_groups(labels)
    names = sorted(set(groups))
    warnings = _warnings(labels)
    if len(names) == 1:
        return _cut_in_time(labels, validation_share, (*warnings, f"all frames are of one {GROUP}: {FLATTERY}"))
    member = np.array([names.index(group) for group in groups])
    chosen = _most_even(labels, member, len(names), validation_share, seed)
    if chosen is None:
        cause = f"one of the classes lies in a single {GROUP}"
        return _cut_in_time(labels, validation_share, (*warnings, f"{cause}: {FLATTERY}"))
    validation = tuple(int(i) for i in np.flatnonzero(chosen[member]))
    train = tuple(int(i) for i in np.flatnonzero(~chosen[member]))
    return Split(train, validation, warnings)


def _without_camera(labels: Sequence[FrameLabel], camera: str) -> Split:
    """One camera validates, the others train."""
    validation = tuple(index for index, one in enumerate(labels) if one.camera == camera)
    train = tuple(index for index, one in enumerate(labels) if one.camera != camera)
    for name, side in ((f"camera {camera}", validation), ("the other cameras", train)):
        if len({labels[index].label for index in side}) < 2:
            cameras = ", ".join(sorted({one.camera for one in labels}))
            raise TrainingError(f"{name}: no frames of both classes to hold out or to train on; cameras are {cameras}")
    return Split(train, validation, _warnings(labels))


def united_groups(labels: Sequence[FrameLabel]) -> list[str]:
    """The group of each frame; groups that share a file's bytes are one."""
    return _united([one.group for one in labels], labels)


def folds_of(labels: Sequence[FrameLabel], count: int = 5) -> list[int]:
    """A fold 0 .. ``count`` - 1 for each frame; groups stay whole, and classes spread as evenly as they can.

    The largest group goes first, each to the fold that has fewest frames of its commoner class. With fewer groups than
    folds some folds stay empty.
    """
    groups = united_groups(labels)
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    counts = np.zeros((count, 2))
    fold_of: dict[str, int] = {}
    for group in sorted(members, key=lambda name: (-len(members[name]), name)):
        own = np.array([sum(labels[i].label == label for i in members[group]) for label in (CONTAMINATED, CLEAN)])
        fold = min(range(count), key=lambda number: (counts[number, int(own.argmax())], counts[number].sum(), number))
        counts[fold] += own
        fold_of[group] = fold
    return [fold_of[group] for group in groups]


def _united(names: Sequence[str], labels: Sequence[FrameLabel]) -> list[str]:
    """``names`` of the frames with those made one that share a file's bytes."""
    above: dict[str, str] = {}

    def root(name: str) -> str:
        while above.get(name, name) != name:
            name = above[name]
        return name

    first: dict[str, str] = {}
    for name, one in zip(names, labels, strict=True):
        here, there = root(name), root(first.setdefault(one.sha256, name))
        if here != there:
            above[max(here, there)] = min(here, there)
    return [root(name) for name in names]


def _warnings(labels: Sequence[FrameLabel]) -> tuple[str, ...]:
    found = []
    if len(labels) < FEW_FRAMES:
        found.append(f"{len(labels)} labelled frames are few: a network this large mostly remembers them")
    if len({one.night for one in labels}) == 1:
        found.append("all frames are of one night: the figures say nothing about other nights")
    if len({one.camera for one in labels}) == 1:
        found.append("all frames are of one camera: the figures say nothing about other cameras")
    if all(one.source == "cv" for one in labels):
        found.append("all labels are the computer-vision filter's own: agreement with it is no accuracy")
    return tuple(found)


def _most_even(
    labels: Sequence[FrameLabel],
    member: "np.ndarray[tuple[int], np.dtype[np.intp]]",
    count: int,
    share: float,
    seed: int,
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]] | None":
    """Which groups validate, of many random choices the most even; ``None``: none has both classes on both sides."""
    clean = np.array([one.label == CLEAN for one in labels])
    sizes = np.bincount(member, minlength=count)
    cleans = np.bincount(member, clean, minlength=count)
    rng = np.random.default_rng(seed)
    best, best_cost = np.zeros(count, dtype=bool), np.inf
    for _ in range(TRIES):
        order = rng.permutation(count)
        taken = int(np.searchsorted(np.cumsum(sizes[order]), share * len(labels))) + 1
        chosen = np.zeros(count, dtype=bool)
        chosen[order[: min(taken, count - 1)]] = True
        cost = abs(sizes[chosen].sum() / len(labels) - share)
        for side in (chosen, ~chosen):
            rate = cleans[side].sum() / sizes[side].sum()
            cost += abs(rate - clean.mean()) + (MISSING_CLASS if rate in (0.0, 1.0) else 0.0)
        if cost < best_cost:
            best, best_cost = chosen, cost
    return None if best_cost >= MISSING_CLASS else best


def _cut_in_time(labels: Sequence[FrameLabel], share: float, warnings: tuple[str, ...]) -> Split:
    """The last part of each class validates; copies of a file and injected twins stay with their original."""
    units = _united([str(one.path) for one in labels], labels)
    label_of = {unit: one.label for unit, one in reversed(list(zip(units, labels, strict=True)))}
    in_time = list(dict.fromkeys(units))
    held_out: set[str] = set()
    for name, label in (("clean", CLEAN), ("contaminated", CONTAMINATED)):
        of_class = [unit for unit in in_time if label_of[unit] == label]
        if len(of_class) < MIN_OF_A_CLASS:
            raise TrainingError(f"all {name} frames are copies of one file; add other {name} frames")
        kept = min(max(round(len(of_class) * (1.0 - share)), 1), len(of_class) - 1)
        held_out.update(of_class[kept:])
    validation = tuple(index for index, unit in enumerate(units) if unit in held_out)
    train = tuple(index for index, unit in enumerate(units) if unit not in held_out)
    return Split(train, validation, warnings)
