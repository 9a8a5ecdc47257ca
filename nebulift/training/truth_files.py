"""Labels that people or simulators gave, from a CSV file: ``path,label`` and, where known, ``kinds`` and more."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nebulift.errors import WrongUsage, printable
from nebulift.findings import Kind

FILE_NAME = "labels.csv"
NAMED = {"1": "clean", "0": "contaminated", "good": "clean", "bad": "contaminated", "accept": "clean"}
LABELS = ("clean", "marginal", "contaminated")


@dataclass(frozen=True, slots=True)
class TruthRow:
    """One frame. ``kinds``: with their severity, 1 where the file does not say how bad."""

    path: Path
    label: str  # clean, marginal or contaminated
    kinds: Mapping[str, float] = field(default_factory=dict)
    session: str | None = None
    camera: str | None = None
    source: str = "truth"  # human, simulated, injected, or cv: an opinion
    streak_snr: float | None = None  # height of the brightest trail over the noise of a pixel, where the file says it
    has_unknown_kind: bool = False  # something that is none of our kinds


def read_truth(place: Path) -> list[TruthRow]:
    """The rows of a labels file, or of ``labels.csv`` in a folder; paths are relative to the file's folder.

    Labels are ``clean`` (or 1), ``contaminated`` (or 0) and ``marginal``; kinds stand as ``streak;cloud`` or
    ``streak:0.8;cloud:0.4``; rows with another label (``review``) are left out. Raises ``WrongUsage``.
    """
    file = place / FILE_NAME if place.is_dir() else place
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            reader = csv.DictReader(opened)
            missing = {"path", "label"} - set(reader.fieldnames or ())
            if missing:
                names = " and ".join(sorted(missing))
                raise WrongUsage(f"{printable(file)}: no column {names}; it must have path and label, best also kinds")
            rows = [_row(row, file.parent) for row in reader]
    except FileNotFoundError as error:
        raise WrongUsage(f"{printable(file)}: no such file; it must say path,label of each frame") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUsage(f"{printable(file)}: cannot be read ({error})") from error
    found = [row for row in rows if row is not None]
    if not found:
        raise WrongUsage(f"{printable(file)}: no row is labelled clean or contaminated")
    return found


def _row(row: Mapping[str, str | None], folder: Path) -> TruthRow | None:
    text = (row["label"] or "").strip().casefold()
    label = NAMED.get(text, text)
    if label not in LABELS or not row["path"]:
        return None
    kinds = row.get("kinds") or ""
    named = {part.partition(":")[0].strip() for part in _parts(kinds)} - {""}
    return TruthRow(
        folder / row["path"],
        label,
        kinds_of(kinds),
        row.get("session") or None,
        row.get("camera") or None,
        row.get("source") or "truth",
        _streak_snr(row),
        bool(named - set(Kind)),
    )


def _streak_snr(row: Mapping[str, str | None]) -> float | None:
    """From a column of that name, or from the simulator's list of artefacts."""
    try:
        if row.get("streak_snr"):
            return float(row["streak_snr"] or "")
        artefacts = json.loads(row.get("artefacts") or "[]")
        heights = [float(one["evidence"]["peak_sigma"]) for one in artefacts if one["kind"] == Kind.STREAK]
    except (ValueError, TypeError, KeyError):
        return None  # a remark of another tool
    return max(heights, default=None)


def kinds_of(text: str) -> dict[str, float]:
    """Names that are no kinds of ours are left out: other people count other things."""
    kinds: dict[str, float] = {}
    for part in _parts(text):
        name, _, severity = part.strip().partition(":")
        if name in set(Kind):
            kinds[name] = float(severity) if severity else 1.0
    return kinds


def _parts(text: str) -> list[str]:
    return text.replace(",", ";").replace("+", ";").split(";")
