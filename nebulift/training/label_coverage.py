"""What the labels cover and what they lack: by camera, filter, night, kind and source, with one recommendation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nebulift.findings import Kind
from nebulift.training.frame_label import CLEAN, CONTAMINATED, FrameLabel
from nebulift.training.sample import TAUGHT_KINDS
from nebulift.verdict import NOTICEABLE_SEVERITY

# Labels that no filter gave; with fewer a network mostly learns the filter's blind spots
ENOUGH_TRUTH = 0.10
FEW_OF_A_KIND = 10  # frames: of fewer, a recall cannot even be guessed
CALIBRATION_REVIEWS = 40  # what `nebulift calibrate` needs at least
SHOWN_WARNINGS = 12
NO_KIND = "-"

Row = tuple[str, str, str, str, str]  # camera, filter, night, kind, source


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of frames by (camera, filter, night, kind, source) and label; ``kind`` is the worst artefact's."""

    counts: dict[Row, Counter[str]]
    warnings: tuple[str, ...]
    recommendation: str


def coverage_of(labelled: Sequence[FrameLabel], review: Sequence[FrameLabel]) -> Coverage:
    """Counts, warnings in order of weight, and the one thing to do next."""
    counts: dict[Row, Counter[str]] = {}
    for one in (*labelled, *review):
        key = (one.camera, one.filter_name or NO_KIND, one.night, _worst(one), one.source)
        counts.setdefault(key, Counter())[_word(one)] += 1
    return Coverage(dict(sorted(counts.items())), _warnings(labelled), _recommendation(labelled, review))


def _word(one: FrameLabel) -> str:
    return (
        {CLEAN: "clean", CONTAMINATED: "contaminated"}.get(one.label, "review") if one.label is not None else "review"
    )


def _worst(one: FrameLabel) -> str:
    named = {kind: severity for kind, severity in one.kinds.items() if severity >= NOTICEABLE_SEVERITY}
    return max(named, key=lambda kind: named[kind]) if named and one.label != CLEAN else NO_KIND


def _warnings(labelled: Sequence[FrameLabel]) -> tuple[str, ...]:
    if not labelled:
        return ("no frame is labelled",)
    found = []
    share = sum(one.source != "cv" for one in labelled) / len(labelled)
    if share < ENOUGH_TRUTH:
        found.append(
            f"only {share:.0%} of the labels come from people or known artefacts (at least {ENOUGH_TRUTH:.0%}): the "
            f"rest are the filter's own opinion"
        )
    for camera in sorted({one.camera for one in labelled}):
        own = [one for one in labelled if one.camera == camera]
        for word, label in (("clean", CLEAN), ("contaminated", CONTAMINATED)):
            if not any(one.label == label for one in own):
                found.append(f"camera {camera}: none of its {len(own)} labelled frames is {word}")
    found += _empty_cells(labelled)
    of_kind = Counter(_worst(one) for one in labelled if one.label == CONTAMINATED)
    rare = [
        f"{kind} ({of_kind[kind]})" for kind in TAUGHT_KINDS if kind != Kind.EMPTY and of_kind[kind] < FEW_OF_A_KIND
    ]
    if rare:
        found.append(f"fewer than {FEW_OF_A_KIND} contaminated frames of: {', '.join(rare)}")
    for name, values in (("night", {one.night for one in labelled}), ("camera", {one.camera for one in labelled})):
        if len(values) == 1:
            found.append(f"all labelled frames are of one {name}: no figure says anything about another")
    return tuple(found)


def _empty_cells(labelled: Sequence[FrameLabel]) -> list[str]:
    """Filters of a camera that have frames of one class only."""
    found = []
    for camera, name in sorted({(one.camera, one.filter_name) for one in labelled if one.filter_name}):
        own = [one for one in labelled if (one.camera, one.filter_name) == (camera, name)]
        words = {_word(one) for one in own}
        if len(words) == 1:
            found.append(f"camera {camera}, filter {name}: all {len(own)} labelled frames are {words.pop()}")
    return found


def _recommendation(labelled: Sequence[FrameLabel], review: Sequence[FrameLabel]) -> str:
    human = sum(one.source == "human" for one in labelled)
    cameras = {one.camera for one in (*labelled, *review)}
    unreviewed = sorted(cameras - {one.camera for one in labelled if one.source == "human"})
    if not labelled:
        return "add frames that can be read, or widen the limits of the labels"
    if not any(one.label == CONTAMINATED for one in labelled):
        return "nothing contaminated to learn from: add a worse night, or give clean frames twins (--inject 0.5)"
    if human < CALIBRATION_REVIEWS:
        first = f", first of {unreviewed[0]}" if unreviewed and len(cameras) > 1 else ""
        return (
            f"decide {CALIBRATION_REVIEWS - human} more frames{first} ({len(review)} wait in doubt), some of all "
            f"scores: with {CALIBRATION_REVIEWS} the rig can be calibrated and the model measured"
        )
    if unreviewed:
        return f"decide some frames of {unreviewed[0]}: no person has decided any of that camera"
    if not any(one.source in {"injected", "simulated"} for one in labelled):
        return "give clean frames twins with a known artefact (--inject 0.5): they teach what the filter cannot see"
    return "train; then measure on nights that took no part (nebulift evaluate)"


def as_markdown(coverage: Coverage) -> str:
    """The page: recommendation, warnings, table."""
    lines = ["# What the labels cover", "", f"Next: {coverage.recommendation}.", ""]
    lines += [f"- **Note:** {warning}" for warning in coverage.warnings]
    header = ("camera", "filter", "night", "kind", "source", "clean", "contaminated", "review")
    lines += ["", "| " + " | ".join(header) + " |", "| --- " * len(header) + "|"]
    for key, counts in coverage.counts.items():
        cells = (*key, *(str(counts[word]) for word in header[-3:]))
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
