"""``Truth``: what a simulated frame really contains, and the label that follows from it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nebulift.findings import NO_EVIDENCE, Box, Geometry, Kind, Line
from nebulift.verdict import Thresholds


class TruthLabel(StrEnum):
    """``marginal`` is what two people would label differently."""

    CLEAN = "clean"
    MARGINAL = "marginal"
    CONTAMINATED = "contaminated"


@dataclass(frozen=True, slots=True)
class Artefact:
    """One thing that is wrong with a frame. ``form`` tells more than the kind: ``satellite``, ``dew``, ``bump`` ...

    ``evidence`` holds the physical numbers that ``severity`` was computed from (see ``nebulift.simulate.severity``).
    """

    kind: Kind
    form: str
    severity: float
    evidence: Mapping[str, float] = field(default_factory=lambda: NO_EVIDENCE)
    geometry: Geometry | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the frame is, artefacts apart or not: the numbers a perfect eye would measure."""

    sky_adu: float  # median level of the background, bias included
    noise_adu: float  # of one pixel at that level
    fwhm_px: float  # of the star images as they are, artefacts included
    focused_fwhm_px: float  # without defocus and trailing
    elongation: float  # of the star images, artefacts included
    transmission: float  # share of star light that arrives, mean over the field
    stars: int  # in the frame, above 5 sigma
    saturated_share: float  # pixels at the ceiling
    cosmic_rays: int


@dataclass(frozen=True, slots=True)
class Truth:
    """All that is known about one simulated frame."""

    artefacts: tuple[Artefact, ...]
    conditions: Conditions | None = None
    seed: int = 0

    @property
    def kinds(self) -> dict[Kind, float]:
        """The worst severity of each kind that is at least noticeable, worst first."""
        worst: dict[Kind, float] = {}
        for artefact in sorted(self.artefacts, key=lambda artefact: -artefact.severity):
            if artefact.severity >= NOTICEABLE:
                worst.setdefault(artefact.kind, artefact.severity)
        return worst

    @property
    def severity(self) -> float:
        """0..1, artefacts together: 1 - prod(1 - severity), as if each spoiled frames independently."""
        return 1.0 - math.prod(1.0 - artefact.severity for artefact in self.artefacts)

    @property
    def label(self) -> TruthLabel:
        return label_for(self.severity)


NOTICEABLE = 0.3


def label_for(severity: float) -> TruthLabel:
    """Clean up to 1 - 0.7, contaminated from 1 - 0.3 (the limits of ``verdict.Thresholds``), marginal between."""
    limits = Thresholds()
    if severity <= 1.0 - limits.clean:
        return TruthLabel.CLEAN
    return TruthLabel.CONTAMINATED if severity >= 1.0 - limits.contaminated else TruthLabel.MARGINAL


def artefact_as_json(artefact: Artefact) -> dict[str, Any]:
    """Plain data of one artefact, floats rounded to 5 digits: kind, form, severity, evidence, geometry."""
    row: dict[str, Any] = {"kind": artefact.kind.value, "form": artefact.form, "severity": _rounded(artefact.severity)}
    row["evidence"] = {name: _rounded(number) for name, number in artefact.evidence.items()}
    if isinstance(artefact.geometry, Line):
        line = artefact.geometry
        row["line"] = [_rounded(v) for v in (line.x0_px, line.y0_px, line.x1_px, line.y1_px, line.width_px)]
    elif isinstance(artefact.geometry, Box):
        box = artefact.geometry
        row["box"] = [_rounded(v) for v in (box.left_px, box.top_px, box.right_px, box.bottom_px)]
    return row


def artefacts_of_kind(artefacts: Sequence[Artefact], kind: Kind) -> list[Artefact]:
    """Those of ``kind``, worst first."""
    return sorted((a for a in artefacts if a.kind is kind), key=lambda artefact: -artefact.severity)


def _rounded(number: float) -> float:
    return float(f"{number:.5g}")
