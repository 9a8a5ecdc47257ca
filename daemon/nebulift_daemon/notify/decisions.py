"""What is worth a message: all watches together. Pure: news and a clock in, events out; serialisable between runs."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from nebulift_daemon.notify.events import Event, EventKind
from nebulift_daemon.notify.health_watch import HealthWatch, heard, next_s, passed
from nebulift_daemon.notify.news import Farewell, FrameNews, News, NightNews, StatusNews, TroubleNews
from nebulift_daemon.notify.options import NotifyOptions
from nebulift_daemon.notify.sky_watch import SkyWatch, watched

DISTRUST_AGAIN = timedelta(hours=6)  # once a night
MOST_AN_HOUR = 12  # messages of all kinds; whoever gets more switches them off


@dataclass(frozen=True, slots=True)
class Decisions:
    """Everything that is remembered between two pieces of news."""

    sky: SkyWatch = field(default_factory=SkyWatch)
    health: HealthWatch = field(default_factory=HealthWatch)
    distrusted_at: datetime | None = None
    sent_at: tuple[datetime, ...] = ()  # messages of the last hour
    held_back: int = 0  # messages that were one too many


def taken_in(decisions: Decisions, news: News, now: datetime, options: NotifyOptions) -> tuple[Decisions, list[Event]]:
    """The decisions after a piece of news, and the messages that it is worth. ``now`` knows its time zone."""
    match news:
        case FrameNews():
            decisions, events = _of_frame(decisions, news, now, options)
        case StatusNews():
            health, events = heard(decisions.health, news, now, options.limits)
            decisions = replace(decisions, health=health)
        case NightNews():
            title = f"night of {news.night}: {news.text.splitlines()[0]}"
            rest = "\n".join(news.text.splitlines()[1:])
            events = [Event(EventKind.SESSION, title, rest, now, {"night": news.night, "report": news.report})]
        case TroubleNews():
            events = [Event(EventKind.UNWELL, news.text, "", now, {"problems": [news.text]})]
        case Farewell():
            events = []
    return _limited(decisions, events, now, options)


def time_passed(decisions: Decisions, now: datetime, options: NotifyOptions) -> tuple[Decisions, list[Event]]:
    """The same when nothing was heard for a while."""
    health, events = passed(decisions.health, now, options.limits)
    return _limited(replace(decisions, health=health), events, now, options)


def next_look_s(decisions: Decisions, now: datetime, options: NotifyOptions) -> float | None:
    """Seconds until ``time_passed`` may have something to say; ``None``: not before the next news."""
    return next_s(decisions.health, now, options.limits)


def remembered(decisions: Decisions) -> dict[str, Any]:
    """The open alarms as JSON-ready types: after a restart they are neither told again nor forgotten."""
    sky = {name: value for name, value in asdict(decisions.sky).items() if name != "frames"}
    facts = sky | {"distrusted_at": decisions.distrusted_at, "is_disk_low": decisions.health.is_disk_low}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in facts.items()}


def recalled(facts: dict[str, Any]) -> Decisions:
    """The inverse of ``remembered``. Raises ``ValueError`` or ``KeyError`` for anything else."""
    moments = {name: _moment(facts[name]) for name in ("bad_since", "last_alarm", "distrusted_at")}
    sky = SkyWatch(bad_since=moments["bad_since"], cause=facts["cause"], last_alarm=moments["last_alarm"])
    health = HealthWatch(is_disk_low=bool(facts["is_disk_low"]))
    return Decisions(sky, health, moments["distrusted_at"])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _of_frame(
    decisions: Decisions, news: FrameNews, now: datetime, options: NotifyOptions
) -> tuple[Decisions, list[Event]]:
    sky, event = watched(decisions.sky, news, now, options.limits)
    decisions = replace(decisions, sky=sky)
    events = [] if event is None else [event]
    told = decisions.distrusted_at
    if news.is_distrusted and (told is None or now - told > DISTRUST_AGAIN):
        title = "too many frames would be rejected to believe it: the further ones go to review"
        events.append(Event(EventKind.DISTRUST, title, news.reason, now, {"frame": news.name}))
        decisions = replace(decisions, distrusted_at=now)
    return decisions, events


def _limited(
    decisions: Decisions, events: list[Event], now: datetime, options: NotifyOptions
) -> tuple[Decisions, list[Event]]:
    """Only what the observer wants to hear, and never more than a person can bear."""
    wanted = [event for event in events if event.kind in options.events]
    recent = tuple(at for at in decisions.sent_at if now - at < timedelta(hours=1))
    room = max(0, MOST_AN_HOUR - len(recent))
    sent = wanted[:room]
    held_back = decisions.held_back + len(wanted) - len(sent)
    return replace(decisions, sent_at=(*recent, *(now for _ in sent)), held_back=held_back), sent
