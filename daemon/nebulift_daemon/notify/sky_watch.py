"""Is the sky bad? Decided from the verdicts of the last frames, with a gap between getting bad and being good again.

Bad: at least ``bad_frames`` of the last ``of_frames`` are contaminated by something that lasts. A trail does not: the
next frame has none. Good again: half as many frames as are looked at, one after the other, are clean. Frames in review
say neither. Pure: fed with news and a clock, nothing is sent.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nebulift.findings import Kind
from nebulift_daemon.notify.events import Event, EventKind
from nebulift_daemon.notify.news import FrameNews
from nebulift_daemon.notify.options import Limits
from nebulift_daemon.report.words import kind_words

GAP = timedelta(hours=1)  # an hour without frames ends a session (``nebulift.session.grouping.GAP``)
NIGHT = timedelta(hours=12)  # an alarm of the night before says nothing about this one
PASSING = frozenset({Kind.STREAK})
STILL_CLEAN = 2  # so many clean frames in a row belong to the time before it got bad


@dataclass(frozen=True, slots=True)
class SkyWatch:
    """What is remembered from frame to frame."""

    frames: tuple[FrameNews, ...] = ()  # the last ones, oldest first
    bad_since: datetime | None = None  # an alarm is open since
    cause: str | None = None  # of the open alarm
    last_alarm: datetime | None = None
    heard_at: datetime | None = None  # when the last frame was told


def watched(watch: SkyWatch, news: FrameNews, now: datetime, limits: Limits) -> tuple[SkyWatch, Event | None]:
    """The watch after one more frame, and what is to be said of it. A frame of long ago says nothing about the sky."""
    taken_at = datetime.fromisoformat(news.taken_at)
    times = (news.taken_at, news.written_at or news.taken_at)
    if not any(-GAP < now - datetime.fromisoformat(time) < GAP for time in times):
        return watch, None
    if _is_new_session(watch, taken_at):
        watch = replace(watch, frames=(), bad_since=None, cause=None)
    watch = replace(watch, frames=(*watch.frames, news)[-limits.of_frames :], heard_at=now)
    if watch.bad_since is not None:
        return _perhaps_good(watch, now, limits)
    return _perhaps_bad(watch, now, limits)


def is_bad(news: FrameNews) -> bool:
    """Whether something that lasts has spoilt the frame."""
    return news.label == "contaminated" and news.cause not in PASSING


def shows_good_sky(news: FrameNews) -> bool:
    """Whether the frame says that the sky is good: it is clean, or only something passing has spoilt it."""
    return news.label == "clean" or (news.label == "contaminated" and news.cause in PASSING)


def _is_new_session(watch: SkyWatch, taken_at: datetime) -> bool:
    if watch.frames:
        return taken_at - datetime.fromisoformat(watch.frames[-1].taken_at) > GAP
    return watch.last_alarm is not None and taken_at - watch.last_alarm > NIGHT


def _perhaps_bad(watch: SkyWatch, now: datetime, limits: Limits) -> tuple[SkyWatch, Event | None]:
    bad = [frame for frame in watch.frames if is_bad(frame)]
    is_too_soon = watch.last_alarm is not None and (now - watch.last_alarm).total_seconds() < limits.quiet_s
    if len(bad) < limits.bad_frames or not is_bad(watch.frames[-1]) or is_too_soon:
        return watch, None
    since = datetime.fromisoformat(_first_bad(watch.frames).taken_at)
    cause = _main_cause(bad)
    words = kind_words(cause).lower()
    title = f"{len(bad)} of the last {len(watch.frames)} frames bad: {words} since {since.astimezone():%H:%M}"
    facts = {"bad": len(bad), "of": len(watch.frames), "cause": cause, "since": since.isoformat(timespec="seconds")}
    event = Event(EventKind.BAD, title, f"{bad[-1].name}: {bad[-1].reason}", now, facts)
    return replace(watch, bad_since=since, cause=cause, last_alarm=now), event


def _perhaps_good(watch: SkyWatch, now: datetime, limits: Limits) -> tuple[SkyWatch, Event | None]:
    assert watch.bad_since is not None
    enough = max(2, limits.of_frames // 2)
    last = watch.frames[-enough:]
    if len(last) < enough or any(frame.label != "clean" for frame in last):
        return watch, None
    good_since = datetime.fromisoformat(last[0].taken_at)
    lasted = max(round((good_since - watch.bad_since).total_seconds() / 60), 1)
    title = f"frames are clean again since {good_since.astimezone():%H:%M}"
    text = f"{kind_words(watch.cause)} lasted {lasted} min, from {watch.bad_since.astimezone():%H:%M}"
    facts = {"since": good_since.isoformat(timespec="seconds"), "lasted_min": lasted, "cause": watch.cause}
    return replace(watch, bad_since=None, cause=None), Event(EventKind.GOOD, title, text, now, facts)


def _first_bad(frames: tuple[FrameNews, ...]) -> FrameNews:
    """The frame with which the present bad time began: after it, never ``STILL_CLEAN`` clean ones in a row."""
    clean, first = 0, frames[-1]
    for frame in reversed(frames):
        clean = clean + 1 if frame.label == "clean" else 0
        if clean == STILL_CLEAN:
            break
        if is_bad(frame):
            first = frame
    return first


def _main_cause(frames: Iterable[FrameNews]) -> str | None:
    return Counter(frame.cause for frame in frames).most_common(1)[0][0]
