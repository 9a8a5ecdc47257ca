"""What this night, target, filter and camera looked like so far: the witness for each new frame of the group.

State is plain and serialisable; functions are pure. Only frames that were judged clean enter the reference, so that the
baseline never learns a defect: while frames are bad it stands still.
"""

import hashlib
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from nebulift.exposure import Exposure
from nebulift.findings import Finding, Kind
from nebulift.judgement import SessionContext
from nebulift.measurements import Measurements
from nebulift.verdict import Label

GAP = timedelta(minutes=60)  # of silence end a session: the sky is another one then
KEPT_FRAMES = 40  # reference frames kept a group: an hour or two, a few kB
MIN_REFERENCE = 3  # of fewer frames a median says nothing: cold start
MIN_REFERENCE_STARS = 30  # below, the count of stars scatters by more than a fifth by chance


@dataclass(frozen=True, slots=True)
class FrameScalars:
    """What of one frame is compared; ``None`` = not measurable."""

    stars: int
    fwhm_px: float | None
    elongation: float | None
    sky_adu: float
    noise_adu: float


@dataclass(frozen=True, slots=True)
class GroupState:
    """One group of frames so far."""

    group: str
    last_at: str | None = None  # ISO time of the newest frame, UTC
    frames: int = 0
    reference: tuple[FrameScalars, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        reference = tuple(FrameScalars(**scalars) for scalars in record["reference"])
        return cls(record["group"], record["last_at"], int(record["frames"]), reference)


def group_key(exposure: Exposure, shape: tuple[int, int]) -> str:
    """A short readable key: frames with the same key may be compared. Every fact may be missing."""
    facts = (
        exposure.camera,
        exposure.telescope,
        exposure.target or _pointing(exposure),
        exposure.filter_name,
        exposure.exposure_s and round(exposure.exposure_s, 3),
        exposure.gain,
        exposure.offset,
        exposure.binning,
        exposure.pier_side,
        shape,
    )
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
    named = "/".join(str(fact) for fact in (exposure.target, exposure.filter_name, exposure.exposure_s) if fact)
    return f"{named or 'frames'} {digest}"


def _pointing(exposure: Exposure) -> tuple[int, int] | None:
    """The pointing to a degree, for frames without a target name."""
    if exposure.ra_deg is None or exposure.dec_deg is None:
        return None
    return round(exposure.ra_deg), round(exposure.dec_deg)


def scalars_of(measured: Measurements) -> FrameScalars:
    """What of the measurements the session compares; shapes of fewer than five stars are not."""
    stars = measured.stars
    enough = stars.measured >= 5
    return FrameScalars(
        stars.count,
        stars.fwhm_px if enough else None,
        stars.elongation if enough else None,
        measured.sky.level_adu,
        measured.sky.noise_adu,
    )


def continued(state: GroupState | None, group: str, taken_at: datetime | None) -> GroupState:
    """The state to compare a frame with: the group's, or a fresh one after an hour of silence or for a new group."""
    if state is None or state.group != group:
        return GroupState(group)
    if taken_at is not None and state.last_at is not None:
        silence = taken_at - datetime.fromisoformat(state.last_at)
        if silence > GAP:
            return GroupState(group)
    return state


def compare(state: GroupState, measured: Measurements) -> SessionContext:
    """How a frame stands against its group so far; ratios need three reference frames."""
    now, reference = scalars_of(measured), state.reference
    bare = SessionContext(state.group, state.frames, len(reference))
    if len(reference) < MIN_REFERENCE:
        return bare
    # clouds only take stars away and bad seeing only widens them: the reference is the better half of what was seen
    stars = _quantile([frame.stars for frame in reference], 0.75)
    return replace(
        bare,
        star_ratio=now.stars / stars if stars >= MIN_REFERENCE_STARS else None,
        fwhm_ratio=_ratio(now.fwhm_px, _quantile(_known(frame.fwhm_px for frame in reference), 0.25)),
        elongation_ratio=_ratio(now.elongation, _quantile(_known(frame.elongation for frame in reference), 0.25)),
        sky_ratio=_ratio(now.sky_adu, statistics.median(frame.sky_adu for frame in reference)),
        noise_ratio=_ratio(now.noise_adu, statistics.median(frame.noise_adu for frame in reference)),
    )


def updated(state: GroupState, measured: Measurements, label: Label, taken_at: datetime | None) -> GroupState:
    """The state after a frame; only a clean one enters the reference."""
    reference = state.reference
    if label is Label.CLEAN:
        reference = (*reference, scalars_of(measured))[-KEPT_FRAMES:]
    last_at = state.last_at
    if taken_at is not None and (last_at is None or datetime.fromisoformat(last_at) < taken_at):
        last_at = taken_at.isoformat()
    return GroupState(state.group, last_at, state.frames + 1, reference)


def session_findings(context: SessionContext) -> tuple[Finding, ...]:
    """What the comparison with the group says is wrong."""
    found: list[Finding] = []
    if context.star_ratio is not None:
        lost = 1.0 - context.star_ratio
        text = f"stars: {context.star_ratio:.0%} of the session's best: cloud or dew"
        found.append(Finding(Kind.CLOUD, _between(lost, 0.3, 0.85), text, {"star_ratio": context.star_ratio}))
    if context.fwhm_ratio is not None:
        text = f"stars {context.fwhm_ratio:.2f} times as wide as the session's best: focus or seeing"
        found.append(
            Finding(Kind.DEFOCUS, _between(context.fwhm_ratio, 1.25, 2.2), text, {"fwhm_ratio": context.fwhm_ratio})
        )
    if context.elongation_ratio is not None:
        text = f"stars {context.elongation_ratio:.2f} times as elongated as the session's best: tracking or wind"
        evidence = {"elongation_ratio": context.elongation_ratio}
        found.append(Finding(Kind.TRAILED, _between(context.elongation_ratio, 1.3, 2.2), text, evidence))
    return tuple(finding for finding in found if finding.severity > 0.0)


def _between(value: float, none: float, full: float) -> float:
    """0 at ``none``, 0.95 at ``full``, linear between."""
    return min(max((value - none) / (full - none), 0.0), 1.0) * 0.95


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _ratio(value: float | None, reference: float | None) -> float | None:
    if value is None or reference is None or reference <= 0.0:
        return None
    return value / reference


def _quantile(values: Sequence[float], share: float) -> float:
    """Nearest-rank quantile; 0 of an empty sequence."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
