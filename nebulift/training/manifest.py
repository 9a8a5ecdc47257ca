"""``manifest.csv``: one line a labelled frame, so that label and file stay together, here and with another tool."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nebulift.errors import NebuliftError, WrongUsage, printable
from nebulift.training.frame_label import CLEAN, CONTAMINATED, SOURCE_WEIGHTS, FrameLabel
from nebulift.training.labels import CvLabels
from nebulift.training.splits import folds_of
from nebulift.training.truth_files import kinds_of

FILE_NAME = "manifest.csv"
COLUMNS = (
    "path", "sha256", "label", "kinds", "source", "confidence", "score", "session", "camera", "filter", "night",
    "target", "fold",
)  # fmt: skip
WORDS = {CLEAN: "clean", CONTAMINATED: "contaminated", None: "review"}
NUMBERS = {word: number for number, word in WORDS.items()}


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """What a manifest says about one frame."""

    path: Path
    sha256: str
    label: int | None
    source: str
    kinds: dict[str, float]


def write_manifest(file: Path, frames: Sequence[FrameLabel], *, relative_to: Path | None = None) -> None:
    """Write the frames in their order; folds are dealt by group. Paths are absolute, or relative to a folder."""
    folds = folds_of(frames)
    hidden = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with hidden.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(_cells(one, fold, relative_to) for one, fold in zip(frames, folds, strict=True))
        hidden.replace(file)
    except OSError as error:
        raise NebuliftError(f"{file}: cannot be written ({error.strerror}); name another folder") from error


def _cells(one: FrameLabel, fold: int, relative_to: Path | None) -> tuple[str, ...]:
    path = one.path.absolute() if relative_to is None else one.path.relative_to(relative_to)
    kinds = ";".join(f"{kind}:{severity:.3f}" for kind, severity in sorted(one.kinds.items()))
    return (
        str(path), one.sha256, WORDS[one.label], kinds, one.source, f"{one.confidence:.4f}", f"{one.score:.4f}",
        one.session_name, one.camera, one.filter_name, one.night, one.target, str(fold),
    )  # fmt: skip


def read_manifest(file: Path) -> list[ManifestRow]:
    """The rows whose label is clean, contaminated or review. Raises ``WrongUsage`` when the file is no manifest."""
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            reader = csv.DictReader(opened)
            missing = {"path", "sha256", "label", "source"} - set(reader.fieldnames or ())
            if missing:
                raise WrongUsage(
                    f"{printable(file)}: no column {' and '.join(sorted(missing))}; make it with nebulift labels"
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUsage(f"{printable(file)}: cannot be read ({error}); make it with nebulift labels") from error
    wrong = sorted({row["source"] for row in rows} - set(SOURCE_WEIGHTS))
    if wrong:
        known = ", ".join(SOURCE_WEIGHTS)
        raise WrongUsage(f"{printable(file)}: source {wrong[0]!r} is unknown; there are {known}")
    return [_row(row, file.parent) for row in rows if row["label"] in NUMBERS]


def _row(row: Mapping[str, str], folder: Path) -> ManifestRow:
    kinds = kinds_of(row.get("kinds") or "")
    return ManifestRow(folder / row["path"], row["sha256"], NUMBERS[row["label"]], row["source"], kinds)


def with_manifest(labels: CvLabels, rows: Sequence[ManifestRow]) -> CvLabels:
    """``labels`` with the manifest's label, source and kinds in place of the filter's, by content."""
    known = {row.sha256: row for row in rows}

    def told(one: FrameLabel) -> FrameLabel:
        row = known.get(one.sha256)
        return one if row is None else replace(one, label=row.label, source=row.source, kinds=row.kinds)

    everything = [told(one) for one in (*labels.labelled, *labels.review)]
    return replace(
        labels,
        labelled=tuple(one for one in everything if one.label is not None),
        review=tuple(one for one in everything if one.label is None),
    )
