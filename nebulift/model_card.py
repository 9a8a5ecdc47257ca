"""``ModelCard``: what a model file says about itself, carried inside the ONNX metadata."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from nebulift.verdict import Fusion, Thresholds

METADATA_KEY = "nebulift_card"
STORE_MANIFEST = "models.json"  # of a folder of models, see ``nebulift.model_store``: the SHA-256 of each
STORE_FOLDER = "models"  # in the daemon's state folder


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything that must agree before a model may speak, and where it comes from."""

    name: str  # name and version, as shown with each verdict
    architecture: str
    preprocess_version: int
    planes: tuple[str, ...]
    grid: int
    features: tuple[str, ...]
    kinds: tuple[str, ...]  # order of the ``kinds`` output
    thresholds: Thresholds = field(default_factory=Thresholds)
    fusion: Fusion = field(default_factory=Fusion)
    provenance: Mapping[str, Any] = field(default_factory=dict)  # data, labels, recipe, date, versions
    figures: Mapping[str, Any] = field(default_factory=dict)  # measured quality, with n and interval
    weights_sha256: str = ""  # of the weights as trained, before any quantisation
    domain: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # of features: see ``familiarity``
    silent_beyond: float = 0.0  # so far beyond its domain it is not heard; 0: as soon as anything is beyond

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The card; raises ``ValueError`` or ``KeyError`` or ``TypeError`` when it is not one."""
        record = json.loads(text)
        record["thresholds"] = Thresholds(**record["thresholds"])
        record["fusion"] = Fusion(**record["fusion"])
        for name in ("planes", "features", "kinds"):
            record[name] = tuple(record[name])
        domain = record.get("domain", {})
        record["domain"] = {name: (float(low), float(high)) for name, (low, high) in domain.items()}
        return cls(**record)


def default_model_path() -> Path:
    """Where the bundled model lies."""
    return Path(str(files("nebulift.models"))) / "default.onnx"
