"""``Standing``: how things are at this moment, for those who look instead of being told: MQTT and the safety file."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from nebulift_daemon.notify.decisions import Decisions
from nebulift_daemon.notify.options import NotifyOptions
from nebulift_daemon.notify.sky_watch import SkyWatch, shows_good_sky


class Sky(StrEnum):
    """What the last frames say.

    ``unknown``: none has come for a while, or all of them are in review, or the daemon does not run. Nobody is to open
    a roof because of frames that nobody could judge.
    """

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Standing:
    """One frozen moment; two equal ones need to be told once."""

    sky: Sky = Sky.UNKNOWN
    cause: str | None = None  # of a bad sky
    since: str | None = None
    verdict: str | None = None  # of the last frame
    frame: str | None = None
    reason: str | None = None
    clean: int | None = None  # of the last 24 h
    contaminated: int | None = None
    review: int | None = None
    queue: int | None = None
    disk_free_gb: float | None = None
    problems: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """The standing as JSON-ready types; the keys are stable from version to version."""
        return asdict(self) | {"sky": str(self.sky), "problems": list(self.problems)}


def standing_of(decisions: Decisions, now: datetime, options: NotifyOptions) -> Standing:
    """How things are, by what is remembered."""
    sky, status = decisions.sky, decisions.health.status
    last = sky.frames[-1] if sky.frames else None
    is_known = sky.heard_at is not None and (now - sky.heard_at).total_seconds() < options.safety_hold_s
    state = _sky(sky) if is_known else Sky.UNKNOWN
    is_bad = state is Sky.BAD and sky.bad_since is not None
    free = None if status is None or status.disk_free_bytes is None else round(status.disk_free_bytes / 1e9, 1)
    return Standing(
        state,
        sky.cause if is_bad else None,
        sky.bad_since.isoformat(timespec="seconds") if is_bad and sky.bad_since else None,
        None if last is None else last.label,
        None if last is None else last.name,
        None if last is None else last.reason,
        None if status is None else status.clean,
        None if status is None else status.contaminated,
        None if status is None else status.review,
        None if status is None else status.queue,
        free,
        () if status is None else status.problems,
    )


def _sky(sky: SkyWatch) -> Sky:
    if sky.bad_since is not None:
        return Sky.BAD
    return Sky.GOOD if any(map(shows_good_sky, sky.frames)) else Sky.UNKNOWN


def changes_in_s(decisions: Decisions, now: datetime, options: NotifyOptions) -> float | None:
    """Seconds until the sky becomes unknown if no further frame comes; ``None``: it is already."""
    if decisions.sky.heard_at is None:
        return None
    left = options.safety_hold_s - (now - decisions.sky.heard_at).total_seconds()
    return left if left > 0 else None
