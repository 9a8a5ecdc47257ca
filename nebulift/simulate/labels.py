"""``labels.csv``: the truth about every frame of a simulated night, one line a frame, beside the frames."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nebulift.findings import Kind
from nebulift.simulate.file_names import night_of
from nebulift.simulate.night import FramePlan
from nebulift.simulate.truth import Conditions, Truth, TruthLabel, artefact_as_json

FILE_NAME = "labels.csv"
CONDITIONS = tuple(Conditions.__dataclass_fields__)
COLUMNS = (
    "path", "label", "severity", "kinds", "artefacts",
    "session", "scenario", "camera", "telescope", "program", "night", "target", "filter", "exposure_s", "taken_at",
    *CONDITIONS, "seed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """One line of ``labels.csv``.

    ``kinds``: noticeable kinds with their worst severity; ``artefacts``: all of them, as ``truth.artefact_as_json``
    writes them; ``conditions``: the numbers of ``truth.Conditions`` by name.
    """

    path: PurePosixPath  # below the folder of labels.csv
    label: TruthLabel
    severity: float
    kinds: Mapping[Kind, float]
    artefacts: tuple[Mapping[str, Any], ...]
    session: str
    scenario: str
    camera: str
    night: str
    target: str
    filter_name: str
    seed: int
    conditions: Mapping[str, float]


def label_row(path: PurePosixPath, plan: FramePlan, truth: Truth) -> dict[str, str]:
    """The line of one frame, every value as text, floats to 6 digits."""
    assert truth.conditions is not None  # a rendered frame has them
    conditions = {name: f"{getattr(truth.conditions, name):.6g}" for name in CONDITIONS}
    return {
        "path": str(path),
        "label": truth.label.value,
        "severity": f"{truth.severity:.4f}",
        "kinds": ";".join(f"{kind.value}:{severity:.4f}" for kind, severity in truth.kinds.items()),
        "artefacts": json.dumps([artefact_as_json(artefact) for artefact in truth.artefacts], separators=(",", ":")),
        "session": plan.session,
        "scenario": plan.scenario,
        "camera": plan.rig.camera.name,
        "telescope": plan.rig.telescope.name,
        "program": plan.rig.program,
        "night": night_of(plan),
        "target": plan.scene.target.name,
        "filter": plan.scene.band.name,
        "exposure_s": f"{plan.scene.exposure_s:g}",
        "taken_at": plan.taken_at.isoformat(timespec="milliseconds"),
        **conditions,
        "seed": str(plan.seed),
    }


def write_labels(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write the lines under a header, in the order given."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_labels(path: Path) -> list[LabelledFrame]:
    """The frames of ``labels.csv`` at ``path`` (the file, or the folder that holds it), in its order."""
    if path.is_dir():
        path = path / FILE_NAME
    with path.open(newline="", encoding="utf-8") as file:
        return [_frame(row) for row in csv.DictReader(file)]


def _frame(row: Mapping[str, str]) -> LabelledFrame:
    kinds = (pair.split(":") for pair in row["kinds"].split(";") if pair)
    return LabelledFrame(
        PurePosixPath(row["path"]),
        TruthLabel(row["label"]),
        float(row["severity"]),
        {Kind(kind): float(severity) for kind, severity in kinds},
        tuple(json.loads(row["artefacts"])),
        row["session"],
        row["scenario"],
        row["camera"],
        row["night"],
        row["target"],
        row["filter"],
        int(row["seed"]),
        {name: float(row[name]) for name in CONDITIONS},
    )
