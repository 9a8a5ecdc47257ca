"""``FrameLabel``: what the school knows about one frame, where that comes from, and which night it belongs to."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from nebulift.exposure import Exposure
from nebulift.judgement import SessionContext

CLEAN, CONTAMINATED = 1, 0
# How much one label of a source counts. CV labels are wrong for about one frame in five, and always the same ones.
SOURCE_WEIGHTS = {"human": 1.0, "simulated": 1.0, "injected": 1.0, "cv": 0.3}
NIGHT_GAP = timedelta(hours=6)  # no night has a break so long, and no day is so short


@dataclass(frozen=True, slots=True)
class FrameLabel:
    """One labelled frame. ``label``: 1 clean, 0 contaminated, ``None`` for a person to decide."""

    path: Path
    sha256: str
    label: int | None
    source: str  # cv, human, simulated or injected
    score: float  # P(clean) by the computer-vision filter within its session
    kinds: Mapping[str, float]  # severities of what was found, by kind
    camera: str
    night: str
    target: str
    session: SessionContext | None = None
    filter_name: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)  # free remarks of the source

    @property
    def weight(self) -> float:
        return SOURCE_WEIGHTS[self.source]

    @property
    def group(self) -> str:
        """Frames of one night, target and camera are near-duplicates: they stay on one side of a split."""
        return f"{self.night}|{self.target}|{self.camera}"

    @property
    def session_name(self) -> str:
        """Frames that are compared with each other: as ``group``, and of one filter."""
        return f"{self.night}|{self.target}|{self.filter_name}|{self.camera}"

    @property
    def confidence(self) -> float:
        """How sure the source is of its label, 0..1; 0.5 where a person is to decide."""
        if self.source != "cv":
            return 1.0
        if self.label is None:
            return 0.5
        return self.score if self.label == CLEAN else 1.0 - self.score

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "path": str(self.path)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """The label; raises ``KeyError`` or ``TypeError`` when the record is not one."""
        session = record["session"]
        return cls(**{**record, "path": Path(record["path"]), "session": session and _context(session)})


def _context(record: Mapping[str, Any]) -> SessionContext:
    """The comparison with the session from JSON, which knows no tuples."""
    cells = tuple((int(row), int(column)) for row, column in record["extinct_cells"])
    return SessionContext(**{**record, "extinct_cells": cells, "static_trails": tuple(record["static_trails"])})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is no sample, and why."""

    path: Path
    reason: str


def night_names(exposures: Iterable[tuple[Path, Exposure]]) -> dict[Path, str]:
    """The night of each frame: the date on which it began (UTC); without a time, the name of the frame's folder.

    A night of one camera ends with six hours without a frame, wherever on Earth it is.
    """
    nights: dict[Path, str] = {}
    last: dict[str | None, tuple[Any, str]] = {}
    timed = [(exposure.taken_at, path, exposure) for path, exposure in exposures]
    for taken_at, path, exposure in sorted(timed, key=lambda one: (one[0] is None, one[0] or 0, str(one[1]))):
        if taken_at is None:
            nights[path] = path.parent.name
            continue
        before = last.get(exposure.camera)
        is_same = before is not None and taken_at - before[0] < NIGHT_GAP
        name = before[1] if before is not None and is_same else taken_at.date().isoformat()
        last[exposure.camera] = (taken_at, name)
        nights[path] = name
    return nights
