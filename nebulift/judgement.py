"""``Judgement``: everything Nebulift says about one file, and its JSON form (``nebulift classify --json``)."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from nebulift.exposure import Exposure
from nebulift.findings import Finding
from nebulift.measurements import Measurements
from nebulift.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Course:
    """A run of frames, up to and with the present one, in which something is worse than the session's best."""

    since: str  # ISO time of its first frame, UTC
    frames: int
    best: float
    now: float
    is_slow: bool  # grew from frame to frame
    first: float  # of the run


@dataclass(frozen=True, slots=True)
class Trends:
    """What lasts in the present frame; ``None``: it is not so, or has only begun."""

    wider: Course | None = None  # FWHM, pixels
    longer: Course | None = None  # elongation
    dimmer: Course | None = None  # transparency
    covered: Course | None = None  # share of the field
    covered_deg: float | None = None  # the side from which all the while, from x towards y
    brighter: Course | None = None  # light in the sky: square of its noise
    halo: Course | None = None  # share of the stars' light in halos
    direction: float | None = None  # mean resultant length (0..1) of the stars' directions in the elongated frames
    is_rising: bool = False  # more of the field is covered than in the frame before, and there it had begun


@dataclass(frozen=True, slots=True)
class SessionContext:
    """How a frame compares with its group so far; ratios are frame over reference, ``None`` = not comparable."""

    group: str
    frames_before: int  # frames of the group seen before this one
    reference_frames: int  # of these, how many make the reference
    star_ratio: float | None = None
    fwhm_ratio: float | None = None
    seen_fwhm_ratio: float | None = None  # the same after a blur of two pixels: what sampling leaves to be seen
    elongation_ratio: float | None = None
    drawn_elongation: float | None = None  # what the motion beyond the session's best gives a round star of its width
    few_fwhm_ratio: float | None = None  # where too few stars are measured for ``fwhm_ratio``
    few_elongation_ratio: float | None = None
    few_are_known: bool = False  # every measured star is one of the session's
    sky_ratio: float | None = None
    noise_ratio: float | None = None
    transparency: float | None = None  # light of matched stars over the session's best
    raw_transparency: float | None = None  # over the group's catalogue
    transparency_error: float | None = None
    star_scatter: float | None = None  # of the light of single stars, over the frame's
    missed: float | None = None  # share of the catalogue's stars that should have been found and were not
    matched_stars: int | None = None
    extinct_fraction: float | None = None  # of the field: cells whose stars are missing or faint
    extinct_cells: tuple[tuple[int, int], ...] = ()
    absent_fraction: float | None = None  # of the brightest stars
    edge_fraction: float | None = None  # of the field's light: behind a line with faint stars on one side only
    edge_deg: float | None = None  # from the free side to the covered one, of the most likely line, sure or not
    edge_evidence: float = 0.0  # for it: natural logarithm of a likelihood ratio
    fading: float | None = None  # share of the stars' light lost from the best to the worst border of the field
    fading_deg: float | None = None  # towards the worst
    brighter_fraction: float | None = None  # of the field: sky brighter than the session's map
    darker_fraction: float | None = None
    covered_fraction: float = 0.0  # of the field: behind something, by stars or by the sky
    covered_deg: float | None = None  # from the middle of the field towards it, from x towards y; ``None``: all around
    fine_sigma: float | None = (
        None  # height of faint structure that was not there before, noise of one pixel; < 0: dark
    )
    fine_certainty: float | None = None  # of it, in the scatter of such places
    fine_cells: tuple[tuple[int, int], ...] = ()  # of the grid of the session's maps
    fine_stays: bool = False  # it was there, in the same place, in the frames before
    tilt_sigma: float | None = None  # how much more the sky rises across the frame than in the session, pixel noise
    is_steeper: bool = False  # the sky rises more across the frame than in the session, not less
    shift_fraction: float | None = None  # of the frame's width, since the frame before
    drift_fraction: float | None = None  # of the frame's width, since the session's stars were listed
    lost_field: bool = False  # none of the session's stars are there
    gone_fraction: float | None = None  # of the session's bright stars, where so few are left that none is recognised
    static_trails: tuple[int, ...] = ()  # trails that were in the same place before
    static_patch: bool = False  # what the frame by itself shows without stars was like that in the frames before
    static_tear: bool = False  # other frames of the group are torn at this row, too: so nothing tore
    prior_transparency: float | None = None  # over the best of earlier nights, while this one has no reference yet
    prior_fwhm_ratio: float | None = None
    prior_elongation_ratio: float | None = None
    prior_star_ratio: float | None = None
    trends: Trends = field(default_factory=Trends)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Exactly one of these holds: ``verdict`` is given, or ``skipped`` says why the file is none of our business.

    An unreadable file has both a ``review`` verdict and ``error``.
    """

    path: Path
    verdict: Verdict | None
    exposure: Exposure | None = None
    measurements: Measurements | None = None
    session: SessionContext | None = None
    skipped: str | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()
    elapsed_ms: float = 0.0
    shadow: Verdict | None = None  # of a model that only watches


def as_record(judgement: Judgement) -> dict[str, Any]:
    """The judgement as JSON-ready types; the keys are stable from version to version."""
    verdict = judgement.verdict
    findings = verdict.findings if verdict else ()
    kinds: dict[str, float] = {}
    for finding in findings:
        kinds[str(finding.kind)] = max(kinds.get(str(finding.kind), 0.0), round(finding.severity, 4))
    record = {
        "path": str(judgement.path),
        "verdict": str(verdict.label) if verdict else None,
        "score": _rounded(verdict.score) if verdict else None,
        "cv_score": _rounded(verdict.cv_score) if verdict else None,
        "model_score": _rounded(verdict.model_score) if verdict else None,
        "model": verdict.model if verdict else None,
        "reason": verdict.reason if verdict else None,
        "kinds": kinds,
        "findings": [_finding_record(finding) for finding in findings],
        "measurements": plain(asdict(judgement.measurements)) if judgement.measurements else None,
        "exposure": plain(asdict(judgement.exposure)) if judgement.exposure else None,
        "session": plain(asdict(judgement.session)) if judgement.session else None,
        "skipped": judgement.skipped,
        "notes": list(judgement.notes),
        "elapsed_ms": round(judgement.elapsed_ms, 1),
        "error": judgement.error,
    }
    if judgement.shadow is not None:
        record["shadow"] = _shadow_record(judgement.shadow)
    return record


def _shadow_record(shadow: Verdict) -> dict[str, Any]:
    """What another model would have decided."""
    return {
        "model": shadow.model,
        "verdict": str(shadow.label),
        "score": _rounded(shadow.score),
        "model_score": _rounded(shadow.model_score),
    }


def _finding_record(finding: Finding) -> dict[str, Any]:
    geometry = finding.geometry
    return {
        "kind": str(finding.kind),
        "severity": round(finding.severity, 4),
        "text": finding.text,
        "evidence": plain(dict(finding.evidence)),
        "geometry": {"shape": type(geometry).__name__.lower(), **plain(asdict(geometry))} if geometry else None,
        "strong": finding.strong,
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


def plain(value: Any, digits: int | None = 6) -> Any:
    """``value`` as JSON can carry it: tuples as lists, enums and times as text, floats short (``None``: whole)."""
    if isinstance(value, dict):
        return {key: plain(item, digits) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item, digits) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and digits is not None:
        return float(f"{value:.{digits}g}")
    return value
