"""The night as a JSON document, for programs; keys are stable from version to version."""

import json
from dataclasses import asdict
from datetime import UTC
from typing import Any

from nebulift import __version__
from nebulift.errors import printable
from nebulift_daemon.ledger import as_text
from nebulift_daemon.report.frame_line import FrameLine
from nebulift_daemon.report.night_report import NightReport
from nebulift_daemon.report.totals import causes, deciders, label_counts, totals, usable_s

FORMAT = "nebulift-report 1"


def as_json(report: NightReport) -> str:
    """The document; ASCII, ends in a line feed."""
    content = {
        "format": FORMAT,
        "nebulift": __version__,
        "made_at": as_text(report.made_at.astimezone(UTC)),
        "night": report.night.evening.isoformat(),
        "begin": report.night.begin,
        "end": report.night.end,
        "counts": label_counts(report.frames),
        "usable_s": usable_s(report.frames),
        "totals": [asdict(total) for total in totals(report.frames)],
        "causes": [asdict(cause) for cause in causes(report.frames)],
        "decided_by": deciders(report.frames),
        "regrades_proposed": report.regrades_proposed,
        "frames": [_frame(frame, report.weights[frame.frame_id]) for frame in report.frames],
    }
    return json.dumps(content, indent=1) + "\n"


def _frame(frame: FrameLine, weight: float) -> dict[str, Any]:
    return {
        "path": printable(frame.path),
        "name": printable(frame.name),
        "state": frame.state,
        "verdict": frame.label,
        "score": frame.score,
        "decided_by": frame.decided_by,
        "cause": frame.cause,
        "reason": frame.reason,
        "taken_at": as_text(frame.taken_at),
        "weight": round(weight, 4),
        **asdict(frame.group),
        **asdict(frame.measured),
        "eccentricity": frame.measured.eccentricity,
        "findings": list(frame.findings),
        "notes": list(frame.notes),
        "error": frame.error,
        "watched": None if frame.watched is None else asdict(frame.watched),
    }
