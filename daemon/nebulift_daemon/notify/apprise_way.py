"""Messages to people, by any of the services that apprise knows (e-mail, ntfy, Telegram, Signal, Matrix ...)."""

import logging

import apprise

from nebulift_daemon.notify.deliveries import NotDelivered
from nebulift_daemon.notify.events import Event, EventKind
from nebulift_daemon.notify.standing import Standing
from nebulift_daemon.printing import one_line

TYPES = {
    EventKind.BAD: apprise.NotifyType.WARNING,
    EventKind.DISTRUST: apprise.NotifyType.WARNING,
    EventKind.DISK_LOW: apprise.NotifyType.FAILURE,
    EventKind.UNWELL: apprise.NotifyType.FAILURE,
    EventKind.GOOD: apprise.NotifyType.SUCCESS,
    EventKind.DISK_OK: apprise.NotifyType.SUCCESS,
    EventKind.WELL: apprise.NotifyType.SUCCESS,
}
SHOWN = 60  # characters of an address in the log


class NotAnAddress(ValueError):
    """What apprise does not understand."""


class AppriseWay:
    """One address."""

    def __init__(self, url: str) -> None:
        words = logging.getLogger("apprise")  # whole addresses, secrets too; what matters we say ourselves
        words.propagate = False
        words.setLevel(logging.CRITICAL)
        service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if not isinstance(service, apprise.NotifyBase):
            raise NotAnAddress(url.partition("://")[0] or "?")
        self._service = service

    @property
    def name(self) -> str:
        shown = self._service.url(privacy=True).partition("?")[0]  # passwords and tokens are masked
        return one_line(shown, SHOWN)

    def deliver(self, event: Event) -> None:
        kind = TYPES.get(event.kind, apprise.NotifyType.INFO)
        title = f"Nebulift: {event.title}"
        with apprise.LogCapture(level=apprise.logging.WARNING, fmt="%(message)s") as words:
            done = self._service.notify(title=title, body=event.text or event.title, notify_type=kind)
            said = words.getvalue().strip().splitlines()
        if not done:
            raise NotDelivered(one_line(said[0]) if said else "no answer")

    def show(self, standing: Standing) -> None:
        """Nothing: a message is for events."""

    def close(self) -> None:
        """Nothing is open."""
