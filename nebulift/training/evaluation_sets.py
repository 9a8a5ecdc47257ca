"""Truth sets, each by itself: sources are never pooled, and agreement with the CV filter stands apart from accuracy."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nebulift.model_card import ModelCard
from nebulift.training.comparison import by_fold, paired_differences
from nebulift.training.evaluation import WITNESSES, Judged, summarise
from nebulift.training.evaluation_run import Evaluated
from nebulift.training.metrics import cohen_kappa
from nebulift.training.truth_files import TruthRow

OPINION = "cv"  # a source of labels that is no truth


@dataclass(frozen=True, slots=True)
class TruthSet:
    """Frames whose truth comes from one place and one source."""

    name: str
    source: str
    rows: tuple[TruthRow, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names and labels: two reports are of the same truth when theirs are equal."""
        lines = sorted(f"{row.path.name} {row.label} {row.session}" for row in self.rows)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def truth_sets(place: Path, rows: Sequence[TruthRow]) -> list[TruthSet]:
    """The sets of one file: one a source, in the order in which the sources appear."""
    sources = list(dict.fromkeys(row.source for row in rows))
    name = place.name or str(place)
    return [
        TruthSet(
            name if len(sources) == 1 else f"{name}, {source}",
            source,
            tuple(row for row in rows if row.source == source),
        )
        for source in sources
    ]


def figures_of(truth: TruthSet, found: Evaluated, card: ModelCard | None) -> dict[str, Any]:
    """Everything about one set, JSON-ready, the judged frames included so that reports can be compared in pairs.

    Raises ``ValueError`` when no frame could be judged.
    """
    if not found.rows:
        raise ValueError(found.not_judged[0] if found.not_judged else "there are no frames")
    about = {
        "set": truth.name,
        "source": truth.source,
        "truth_sha256": truth.fingerprint,
        "not_judged": list(found.not_judged),
        "rows": [_plain(row) for row in found.rows],
    }
    if truth.source == OPINION:
        return {**about, "frames": len(found.rows), "agreement_with_cv": _agreement(found.rows)}
    figures = summarise(found.rows, known_cameras(card))
    for name, witness in figures["witnesses"].items():
        witness["folds"] = by_fold(found.rows, name)
    return {**about, **figures, "paired": paired_differences(found.rows)}


def known_cameras(card: ModelCard | None) -> list[str]:
    """Cameras that the model has been trained, calibrated or weighed on, as its card says."""
    if card is None:
        return []
    said: Mapping[str, Any] = card.provenance
    courses = said.get("courses", {})
    named = [camera for name in ("train", "calibrate") for camera in courses.get(name, {}).get("cameras", ())]
    return [*named, *said.get("data", {}).get("cameras", ())] if isinstance(said.get("data"), Mapping) else named


def _agreement(rows: Sequence[Judged]) -> dict[str, Any]:
    """How often each witness says what the filter said; no figure of quality."""
    told = np.array([row.truth == "clean" for row in rows], dtype=np.bool_)
    found: dict[str, Any] = {}
    for name in WITNESSES:
        own = np.array([row.scores[name] is not None for row in rows], dtype=np.bool_)
        if own.any():
            says = np.array([(row.scores[name] or 0.0) > 0.5 for row in rows], dtype=np.bool_)
            found[name] = {
                "n": int(own.sum()),
                "agreement": float(np.mean(says[own] == told[own])),
                "kappa": cohen_kappa(says[own], told[own]),
            }
    return found


def _plain(row: Judged) -> dict[str, Any]:
    return {**asdict(row), "path": Path(row.path).name}
