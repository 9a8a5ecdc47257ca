"""What the page tells about one frame: words, numbers beside those of its neighbours, findings, the way it came."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nebulift.errors import printable
from nebulift.verdict import NOTICEABLE_SEVERITY, VISIBLE_SEVERITY
from nebulift_daemon.ledger import Recorded
from nebulift_daemon.nights import Zone
from nebulift_daemon.report.frame_line import FrameLine, Measured, frame_line
from nebulift_daemon.report.markup import Markup, joined
from nebulift_daemon.report.overlay import overlay
from nebulift_daemon.report.words import kind_words
from nebulift_daemon.web.previews import key_of
from nebulift_daemon.web.sparkline import sparkline

SOURCES = {
    "web": "on this page",
    "terminal": "in the terminal",
    "hand": "by moving the file",
    "capture": "in the capture program",
}


@dataclass(frozen=True, slots=True)
class Number:
    """One line of the table of numbers; ``usual`` is the median of the clean frames around, ``curve`` all of them."""

    name: str
    value: str
    usual: str = ""
    curve: str = ""


@dataclass(frozen=True, slots=True)
class FindingShown:
    """A finding in words; ``weight`` is ``plain``, ``noticeable`` or ``slight``."""

    name: str
    text: str
    severity: float
    weight: str
    is_drawn: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A frame as a picture with a caption, in strips and contact sheets."""

    frame_id: int
    key: str | None  # of its picture; ``None`` when it has none
    label: str
    time: str
    cause: str
    name: str
    decided: bool

    @property
    def alt(self) -> str:
        return f"{self.time}, {self.label}{', ' + self.cause if self.cause else ''}"


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """Everything the page says about one frame."""

    card: Card
    line: FrameLine
    when: str
    where: str
    decision: str | None
    numbers: tuple[Number, ...]
    findings: tuple[FindingShown, ...]
    drawing: Markup
    around: tuple[Card, ...]


Value = Callable[[Measured], float | None]
MEASURED: tuple[tuple[str, Value, int], ...] = (
    ("stars", lambda measured: measured.stars, 0),
    ("FWHM, px", lambda measured: measured.fwhm_px, 2),
    ("FWHM, arcsec", lambda measured: measured.fwhm_arcsec, 2),
    ("HFR, px", lambda measured: measured.hfr_px, 2),
    ("elongation", lambda measured: measured.elongation, 2),
    ("sky, ADU", lambda measured: measured.sky_adu, 0),
    ("noise, ADU", lambda measured: measured.noise_adu, 1),
)


def frame_facts(around: Sequence[Recorded], frame_id: int, zone: Zone) -> FrameFacts:
    """The facts of the frame ``frame_id``, which is among ``around``, its neighbours in order of time."""
    lines = {found.row.id: frame_line(found) for found in around}
    found = next(found for found in around if found.row.id == frame_id)
    line, record = lines[frame_id], found.record or {}
    return FrameFacts(
        card(found, zone),
        line,
        f"{line.taken_at.astimezone(zone):%a %-d %b %Y, %H:%M:%S}",
        printable(line.path),
        _decision(found, zone),
        (*_measured(tuple(lines.values()), line), *_of_session(record.get("session") or {}), *_score(line)),
        tuple(_finding(finding) for finding in line.findings),
        joined(overlay(line.findings, line.shape_px) if line.shape_px else []),
        tuple(card(neighbour, zone) for neighbour in around),
    )


def card(found: Recorded, zone: Zone) -> Card:
    """A frame's picture and caption."""
    line = frame_line(found)
    return Card(
        line.frame_id,
        key_of(found.row) if line.shape_px and line.state != "gone" else None,
        line.label,
        f"{line.taken_at.astimezone(zone):%H:%M}",
        kind_words(line.cause).lower() if line.cause else "",
        printable(line.name),
        found.decision is not None,
    )


def _decision(found: Recorded, zone: Zone) -> str | None:
    decision = found.decision
    if decision is None:
        return None
    at = datetime.fromisoformat(decision.at).astimezone(zone)
    cause = f" ({kind_words(decision.kind).lower()})" if decision.kind else ""
    return f"{decision.label}{cause}, decided {SOURCES.get(decision.source, decision.source)}, {at:%-d %b %H:%M}"


def _measured(around: Sequence[FrameLine], line: FrameLine) -> Iterable[Number]:
    clean = [other.measured for other in around if other.label == "clean" and other is not line]
    for name, value, digits in MEASURED:
        own = value(line.measured)
        known = [number for other in clean if (number := value(other)) is not None]
        if own is not None or known:
            usual = statistics.median(known) if known else None
            curve = sparkline([value(other.measured) for other in around], around.index(line))
            yield Number(name, _written(own, digits), _written(usual, digits), curve)


def _of_session(session: dict[str, Any]) -> Iterable[Number]:
    for key, name in (("transparency", "transparency"), ("extinct_fraction", "starless field")):
        value = session.get(key)
        if value is not None:
            yield Number(name, f"{100 * value:.0f} %")


def _score(line: FrameLine) -> Iterable[Number]:
    if line.score is not None:
        yield Number("P(clean)", f"{line.score:.2f}")


def _finding(finding: dict[str, Any]) -> FindingShown:
    severity = float(finding["severity"])
    weight = "slight" if severity < NOTICEABLE_SEVERITY else "noticeable" if severity < VISIBLE_SEVERITY else "plain"
    return FindingShown(kind_words(finding["kind"]), finding["text"], severity, weight, bool(finding.get("geometry")))


def _written(value: float | None, digits: int) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.{digits}f}"
