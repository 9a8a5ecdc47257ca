"""``FrameLine``: what the report says about one frame, taken from the ledger's row, its record and people's words."""

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nebulift.verdict import NOTICEABLE_SEVERITY
from nebulift_daemon.ledger import Recorded


@dataclass(frozen=True, slots=True)
class Group:
    """Frames that may be compared and are stacked together."""

    camera: str
    target: str
    filter_name: str
    exposure_s: float | None
    gain: float | None
    binning: str

    @property
    def title(self) -> str:
        exposure = "" if self.exposure_s is None else f"{self.exposure_s:g} s"
        return " \N{MIDDLE DOT} ".join(part for part in (self.target, self.filter_name, exposure) if part)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the plots and tables show of a frame's measurements; ``None`` = not measurable."""

    stars: int | None = None
    fwhm_px: float | None = None
    fwhm_arcsec: float | None = None
    hfr_px: float | None = None
    elongation: float | None = None
    sky_adu: float | None = None
    noise_adu: float | None = None
    transparency: float | None = None  # of the session's best

    @property
    def eccentricity(self) -> float | None:
        """0 = round, towards 1 = a line: sqrt(1 - (minor / major)^2)."""
        if self.elongation is None or self.elongation < 1.0:
            return None if self.elongation is None else 0.0
        return math.sqrt(1.0 - 1.0 / self.elongation**2)


@dataclass(frozen=True, slots=True)
class Watched:
    """What the model that only watches would have decided."""

    model: str
    label: str
    score: float | None


@dataclass(frozen=True, slots=True)
class FrameLine:
    """One frame of the night."""

    frame_id: int
    path: Path  # where it lies now
    name: str  # as the capture program named it
    state: str
    label: str  # clean, contaminated, review; skipped for what is no light frame
    score: float | None
    decided_by: str  # "a person", "measurements", or the model's name
    cause: str | None  # kind of the finding that weighs most, or that a person named
    reason: str
    taken_at: datetime
    group: Group
    measured: Measured
    findings: tuple[dict[str, Any], ...]
    shape_px: tuple[int, int] | None  # (height, width)
    notes: tuple[str, ...]
    error: str | None
    watched: Watched | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it may be stacked: clean, and still there."""
        return self.label == "clean" and self.state != "gone"

    @property
    def exposure_s(self) -> float:
        return self.group.exposure_s or 0.0


def frame_line(found: Recorded) -> FrameLine:
    """The facts of one frame; one whose time nobody knows counts as taken when it was seen."""
    row, record = found.row, found.record or {}
    findings = tuple(record.get("findings") or ())
    return FrameLine(
        row.id,
        row.destination or row.path,
        row.path.name,
        row.state,
        "skipped" if row.state == "skipped" or row.label is None else row.label,
        row.score,
        _decided_by(found, record),
        _cause(found, findings),
        row.reason or "",
        datetime.fromisoformat(row.taken_at or row.seen_at),
        _group(record.get("exposure") or {}),
        _measured(record.get("measurements") or {}, record.get("session") or {}),
        findings,
        _shape(record.get("measurements") or {}),
        tuple(record.get("notes") or ()),
        record.get("error"),
        _watched(record.get("shadow")),
    )


def _watched(shadow: dict[str, Any] | None) -> Watched | None:
    return None if shadow is None else Watched(str(shadow["model"]), str(shadow["verdict"]), shadow["score"])


def _decided_by(found: Recorded, record: dict[str, Any]) -> str:
    if found.decision is not None:
        return "a person"
    if record.get("error"):
        return "nobody: unreadable"
    return str(record["model"]) if record.get("model_score") is not None and record.get("model") else "measurements"


def _cause(found: Recorded, findings: tuple[dict[str, Any], ...]) -> str | None:
    """The person's word, else the finding that weighs most, if it is noticeable."""
    if found.decision is not None and found.decision.kind is not None:
        return found.decision.kind
    worst = max(findings, key=lambda finding: float(finding["severity"]), default=None)
    return str(worst["kind"]) if worst is not None and worst["severity"] >= NOTICEABLE_SEVERITY else None


def _group(exposure: dict[str, Any]) -> Group:
    binning = exposure.get("binning")
    return Group(
        exposure.get("camera") or "",
        exposure.get("target") or "no target",
        exposure.get("filter_name") or "no filter",
        exposure.get("exposure_s"),
        exposure.get("gain"),
        "" if binning is None else f"{binning[0]}x{binning[1]}",
    )


def _measured(measurements: dict[str, Any], session: dict[str, Any]) -> Measured:
    if not measurements:
        return Measured()
    stars, sky = measurements["stars"], measurements["sky"]
    return Measured(
        stars["count"],
        stars["fwhm_px"],
        stars["fwhm_arcsec"],
        stars["hfr_px"],
        stars["elongation"],
        sky["level_adu"],
        sky["noise_adu"],
        session.get("transparency"),
    )


def _shape(measurements: dict[str, Any]) -> tuple[int, int] | None:
    return (measurements["height_px"], measurements["width_px"]) if measurements else None
