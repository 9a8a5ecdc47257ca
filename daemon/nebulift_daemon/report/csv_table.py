"""The night as a table: one row a frame, opened by any spreadsheet and by scripts made for SubframeSelector's exports.

The first columns have the names and the order that PixInsight's SubframeSelector gives its own exported table, as far
as Nebulift measures the same: scripts that look for "Index,Approved,Locked,File" find what they look for. FWHM is in
pixels, median and noise are in ADU.
"""

import csv
import io
from collections.abc import Sequence
from datetime import UTC

from nebulift_daemon.report.frame_line import FrameLine
from nebulift_daemon.report.night_report import NightReport

COLUMNS = (
    *("Index", "Approved", "Locked", "File", "Weight", "FWHM", "Eccentricity", "Median", "Noise", "Stars"),
    *("Name", "Verdict", "Score", "Decided by", "Cause", "Reason", "Taken at (UTC)", "Target", "Filter", "Exposure s"),
    *("Camera", "Gain", "Binning", "FWHM arcsec", "HFR px", "Elongation", "Transparency"),
)
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins with one of these


def as_csv(report: NightReport) -> str:
    """The table, with its header line; lines end in a line feed."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, frame in enumerate(report.frames, 1):
        writer.writerow([number, *_cells(frame, report.weights[frame.frame_id])])
    return written.getvalue()


def _cells(frame: FrameLine, weight: float) -> Sequence[str | int]:
    measured, group = frame.measured, frame.group
    return (
        "true" if frame.is_usable else "false",
        "false",
        _text(str(frame.path)),
        f"{weight:.4f}",
        _number(measured.fwhm_px),
        _number(measured.eccentricity),
        _number(measured.sky_adu),
        _number(measured.noise_adu),
        "" if measured.stars is None else measured.stars,
        _text(frame.name),
        frame.label,
        _number(frame.score),
        _text(frame.decided_by),
        frame.cause or "",
        _text(frame.reason),
        f"{frame.taken_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
        _text(group.target),
        _text(group.filter_name),
        _number(group.exposure_s),
        _text(group.camera),
        _number(group.gain),
        _text(group.binning),
        _number(measured.fwhm_arcsec),
        _number(measured.hfr_px),
        _number(measured.elongation),
        _number(measured.transparency),
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _text(text: str) -> str:
    """Text from a file name or a header, on one line, never a formula, always valid UTF-8."""
    plain = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return f"'{plain}" if plain.startswith(FORMULA_SIGNS) else plain
