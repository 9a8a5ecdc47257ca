"""Is the daemon well, and does the disk have room? Pure: fed with its status and a clock, nothing is sent.

A problem has to last before it is told, and its end too: a ledger that is locked for a second is nobody's business.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from nebulift_daemon.notify.events import Event, EventKind
from nebulift_daemon.notify.news import StatusNews
from nebulift_daemon.notify.options import Limits

LASTING_S = 120.0  # longer than the judge takes to come back after a crash, and than any ledger is locked
ROOM_AGAIN = 1.25  # of the limit: freeing a few MB does not end the alarm


@dataclass(frozen=True, slots=True)
class HealthWatch:
    """What is remembered from status to status."""

    status: StatusNews | None = None
    changed_at: datetime | None = None  # since when there are problems, or none, whichever holds
    unwell_since: datetime | None = None  # an alarm is open
    is_disk_low: bool = False  # an alarm is open
    last_alarm: datetime | None = None
    last_disk_alarm: datetime | None = None


def heard(watch: HealthWatch, news: StatusNews, now: datetime, limits: Limits) -> tuple[HealthWatch, list[Event]]:
    """The watch after a new status, and what is to be said at once."""
    had = watch.status is not None and bool(watch.status.problems)
    changed_at = now if watch.changed_at is None or had != bool(news.problems) else watch.changed_at
    watch = replace(watch, status=news, changed_at=changed_at)
    watch, disk = _disk(watch, now, limits)
    watch, health = passed(watch, now, limits)
    return watch, [*disk, *health]


def passed(watch: HealthWatch, now: datetime, limits: Limits) -> tuple[HealthWatch, list[Event]]:
    """The same as time goes by without news."""
    if watch.status is None or next_s(watch, now, limits) != 0.0:
        return watch, []
    problems, since = watch.status.problems, watch.changed_at
    if problems:
        facts = {"problems": list(problems), "since": since.isoformat(timespec="seconds") if since else None}
        event = Event(EventKind.UNWELL, f"Nebulift has a problem: {problems[0]}", "\n".join(problems[1:]), now, facts)
        return replace(watch, unwell_since=since, last_alarm=now), [event]
    event = Event(EventKind.WELL, "Nebulift is well again", "", now, {})
    return replace(watch, unwell_since=None), [event]


def next_s(watch: HealthWatch, now: datetime, limits: Limits) -> float | None:
    """Seconds until ``passed`` may have something to say; ``None``: not before the next status."""
    if watch.status is None or watch.changed_at is None:
        return None
    if bool(watch.status.problems) == (watch.unwell_since is not None):
        return None  # what holds has been said
    left = [LASTING_S - (now - watch.changed_at).total_seconds(), 0.0]
    if watch.status.problems and watch.last_alarm is not None:
        left.append(limits.quiet_s - (now - watch.last_alarm).total_seconds())
    return max(left)


def _disk(watch: HealthWatch, now: datetime, limits: Limits) -> tuple[HealthWatch, list[Event]]:
    assert watch.status is not None
    free = watch.status.disk_free_bytes
    if free is None:
        return watch, []  # the disk is not there: a problem of its own
    facts = {"disk_free_bytes": free}
    last = watch.last_disk_alarm
    if not watch.is_disk_low and free < limits.disk_low_bytes:
        if last is not None and (now - last).total_seconds() < limits.quiet_s:
            return watch, []
        title = f"disk nearly full: {free / 1e9:.1f} GB left for sorted frames"
        event = Event(EventKind.DISK_LOW, title, "Frames that cannot be filed wait until there is room.", now, facts)
        return replace(watch, is_disk_low=True, last_disk_alarm=now), [event]
    if watch.is_disk_low and free > ROOM_AGAIN * limits.disk_low_bytes:
        event = Event(EventKind.DISK_OK, f"room on the disk again: {free / 1e9:.1f} GB", "", now, facts)
        return replace(watch, is_disk_low=False), [event]
    return watch, []
