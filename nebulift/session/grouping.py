"""Which frames may be compared with each other, and when a session ends."""

import hashlib
from datetime import datetime, timedelta

from nebulift.exposure import Exposure
from nebulift.measurements import Sky

SMALL_NOISE_ADU = 0.1  # a converter's step alone makes a noise of 0.29; what is scaled to one has less than 0.05
EIGHT_BITS = 256.0  # numbers; the range of any other integers is larger
GAP = timedelta(minutes=60)  # of silence end a session: the sky is another one then


def group_key(exposure: Exposure, shape: tuple[int, int], sky: Sky) -> str:
    """A short readable key: frames with the same key may be compared. Every fact may be missing.

    The pier side is not part of it: a flip is found by the stars themselves, whether the header tells it or not.
    """
    numbers = _numbers(sky)
    facts = (
        exposure.camera,
        exposure.telescope,
        exposure.target or _pointing(exposure),
        exposure.filter_name,
        exposure.exposure_s and round(exposure.exposure_s, 3),
        exposure.gain,
        exposure.offset,
        exposure.binning,
        shape,
        *(() if numbers is None else (numbers,)),  # nothing of a camera's own: its groups keep their names
    )
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
    named = "/".join(str(fact) for fact in (exposure.target, exposure.filter_name, exposure.exposure_s) if fact)
    return f"{named or 'frames'} {digest}"


def _numbers(sky: Sky) -> str | None:
    """What kind of numbers a calibration or eight bits have left, and ``None`` for the integers that cameras write.

    A calibrated frame beside its raw one has other zero, noise and, scaled to one, other units: its light compares with
    that of calibrated frames only. So does that of a preview of eight bits: its steps are 256 times as large.
    """
    if sky.level_fraction is not None:
        return "bytes" if 0.0 < sky.level_adu < EIGHT_BITS * sky.level_fraction else None
    return "shares of one" if sky.noise_adu < SMALL_NOISE_ADU else "floats"


def _pointing(exposure: Exposure) -> tuple[int, int] | None:
    """The pointing to a degree, for frames without a target name."""
    if exposure.ra_deg is None or exposure.dec_deg is None:
        return None
    return round(exposure.ra_deg), round(exposure.dec_deg)


def is_over(last_at: str | None, taken_at: datetime | None) -> bool:
    """Whether a frame taken at ``taken_at`` opens a new session after one whose newest frame is of ``last_at``."""
    if last_at is None or taken_at is None:
        return False
    return abs(taken_at - datetime.fromisoformat(last_at)) > GAP
