"""``NotifyOptions``: what the messenger has to know, as it is handed over on its first line."""

import json
from dataclasses import asdict, dataclass

from nebulift_daemon.notify.events import EventKind


@dataclass(frozen=True, slots=True)
class Limits:
    """When something is worth a message."""

    bad_frames: int = 4  # of ``of_frames``
    of_frames: int = 6
    quiet_s: float = 600.0  # least time between two messages of one kind
    disk_low_bytes: float = 5e9


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """The ways that messages go, and when."""

    limits: Limits = Limits()
    events: tuple[str, ...] = tuple(EventKind)
    urls: tuple[str, ...] = ()  # as apprise understands them
    mqtt: str | None = None  # mqtt://user:password@host:port/topic
    home_assistant: bool = True  # let Home Assistant discover us
    safety_file: str | None = None
    safety_hold_s: float = 1800.0  # without frames, a bad sky is believed for so long
    hook: tuple[str, ...] = ()  # program and arguments
    state_file: str | None = None  # where open alarms are remembered from run to run

    @property
    def number_of_ways(self) -> int:
        return len(self.urls) + sum(1 for way in (self.mqtt, self.safety_file, self.hook) if way)

    @property
    def has_ways(self) -> bool:
        return self.number_of_ways > 0


def options_line(options: NotifyOptions) -> bytes:
    """What the messenger is told first."""
    return json.dumps(asdict(options)).encode("ascii") + b"\n"


def options_in(line: bytes) -> NotifyOptions:
    """The inverse of ``options_line``."""
    facts = json.loads(line)
    facts["limits"] = Limits(**facts["limits"])
    for name in ("events", "urls", "hook"):
        facts[name] = tuple(facts[name])
    return NotifyOptions(**facts)
