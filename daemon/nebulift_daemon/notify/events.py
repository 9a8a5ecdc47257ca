"""``Event``: something worth a message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """What can happen. The names are those of ``[notify] events`` and of the hook's first argument."""

    BAD = "bad"  # several of the last frames are bad
    GOOD = "good"  # frames are clean again
    DISTRUST = "distrust"  # so many of a group would be rejected that it is not believed
    DISK_LOW = "disk_low"
    DISK_OK = "disk_ok"
    UNWELL = "unwell"  # the daemon has a problem, or has died
    WELL = "well"
    SESSION = "session"  # the session is over: its summary
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Event:
    """One message. ``title`` is complete by itself, ``text`` says more; ``facts`` are for programs."""

    kind: EventKind
    title: str
    text: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_record(self) -> dict[str, Any]:
        """The event as JSON-ready types; the keys are stable from version to version."""
        return {
            "event": str(self.kind),
            "title": self.title,
            "text": self.text,
            "at": self.at.isoformat(timespec="seconds"),
            "facts": dict(self.facts),
        }
