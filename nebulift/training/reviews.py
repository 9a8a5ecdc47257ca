"""What people said about frames, from a CSV file; and what that makes of the filter's labels."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nebulift.errors import WrongUsage, printable
from nebulift.training.frame_label import CLEAN, CONTAMINATED, FrameLabel
from nebulift.training.labels import CvLabels
from nebulift.training.truth_files import NAMED


@dataclass(frozen=True, slots=True)
class Review:
    """One decision. ``kind``: the cause, when the person named one."""

    path: Path
    label: int  # 1 clean, 0 contaminated
    kind: str | None = None
    sha256: str | None = None


def read_reviews(file: Path) -> list[Review]:
    """Decisions from a CSV file ``path,label[,kind][,sha256]``; paths are relative to its folder.

    ``clean``, ``accept``, ``good`` and 1 are clean, ``contaminated``, ``reject``, ``bad`` and 0 are not; rows with
    another label say nothing. Raises ``WrongUsage``.
    """
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            reader = csv.DictReader(opened)
            if not {"path", "label"} <= set(reader.fieldnames or ()):
                raise WrongUsage(f"{printable(file)}: it must have the columns path and label, and may have kind")
            rows = list(reader)
    except FileNotFoundError as error:
        raise WrongUsage(f"{printable(file)}: no such file; it must say path,label of each frame") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUsage(f"{printable(file)}: cannot be read ({error})") from error
    reviews = [_review(row, file.parent) for row in rows]
    return [one for one in reviews if one is not None]


def _review(row: Mapping[str, str | None], folder: Path) -> Review | None:
    text = (row["label"] or "").strip().casefold()
    label = label_number(text)
    if label is None or not row["path"]:
        return None
    return Review(folder / row["path"], label, row.get("kind") or None, row.get("sha256") or None)


def label_number(text: str) -> int | None:
    """1 or 0, or ``None`` for a word that decides nothing."""
    named = {**NAMED, "reject": "contaminated"}.get(text, text)
    return {"clean": CLEAN, "contaminated": CONTAMINATED}.get(named)


def with_reviews(labels: CvLabels, reviews: Iterable[Review]) -> CvLabels:
    """``labels`` with people's decisions in place of the filter's, by content where known, else by path."""
    by_hash: dict[str, Review] = {}
    by_path: dict[Path, Review] = {}
    for review in reviews:
        if review.sha256:
            by_hash[review.sha256] = review
        by_path[review.path.resolve()] = review

    def decided(one: FrameLabel) -> FrameLabel:
        review = by_hash.get(one.sha256) or by_path.get(one.path.resolve())
        if review is None:
            return one
        kinds = {review.kind: 1.0} if review.kind else one.kinds
        return replace(one, label=review.label, source="human", kinds=kinds)

    everything = [decided(one) for one in (*labels.labelled, *labels.review)]
    labelled = [one for one in everything if one.label is not None]
    waiting = [one for one in everything if one.label is None]
    return replace(labels, labelled=tuple(labelled), review=tuple(waiting))
