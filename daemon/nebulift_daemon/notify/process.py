"""The messenger's process: reads news from its standard input, decides, delivers; ends when the daemon does.

The first line is ``NotifyOptions``, every further one is news. The end of the input without a farewell means that the
daemon has died: that is the last message.
"""

import json
import logging
import os
import select
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from nebulift_daemon.logs import set_up_logging
from nebulift_daemon.notify.decisions import (
    Decisions,
    next_look_s,
    recalled,
    remembered,
    taken_in,
    time_passed,
)
from nebulift_daemon.notify.deliveries import Delivery
from nebulift_daemon.notify.events import Event
from nebulift_daemon.notify.news import Farewell, TroubleNews, news_in
from nebulift_daemon.notify.options import NotifyOptions, options_in
from nebulift_daemon.notify.standing import Standing, changes_in_s, standing_of
from nebulift_daemon.notify.ways import ways_of

LAST_WORDS_S = 10.0  # for what waits when the daemon ends
LEAST_WAIT_S = 0.1  # clocks are not exact
READ_BYTES = 65536
DIED = "Nebulift has ended without warning; frames are not judged until it runs again"

log = logging.getLogger(__name__)


class Messenger:
    """The decisions, and the ways to which they lead."""

    def __init__(self, options: NotifyOptions, deliveries: list[Delivery]) -> None:
        self._options = options
        self._deliveries = deliveries
        self._decisions = _remembered_in(options.state_file)
        self._shown: Standing | None = None
        self._kept: str | None = None

    def hear(self, line: bytes) -> bool:
        """Take in one line of news; whether more is to be expected."""
        try:
            news = news_in(line)
        except ValueError as error:
            log.warning("%s", error)
            return True
        now = datetime.now(UTC)
        self._go_on(*taken_in(self._decisions, news, now, self._options), now)
        return not isinstance(news, Farewell)

    def look(self) -> None:
        """See what the passing of time has brought."""
        now = datetime.now(UTC)
        self._go_on(*time_passed(self._decisions, now, self._options), now)

    def next_look_s(self) -> float | None:
        """How long nothing is to be looked at, if no news comes."""
        now = datetime.now(UTC)
        both = (next_look_s(self._decisions, now, self._options), changes_in_s(self._decisions, now, self._options))
        return min((left for left in both if left is not None), default=None)

    def close(self, *, farewell: bool) -> None:
        """Deliver what waits, and say that nobody watches any more."""
        if not farewell:
            now = datetime.now(UTC)
            self._go_on(*taken_in(self._decisions, TroubleNews(DIED), now, self._options), now)
        for delivery in self._deliveries:
            delivery.show(Standing())
        for delivery in self._deliveries:
            delivery.close(LAST_WORDS_S)

    def _go_on(self, decisions: Decisions, events: list[Event], now: datetime) -> None:
        if decisions.held_back > self._decisions.held_back:
            log.warning("too many messages within an hour; the further ones are held back")
        self._decisions = decisions
        for event in events:
            log.info("message: %s", event.title)
            for delivery in self._deliveries:
                delivery.put(event)
        standing = standing_of(decisions, now, self._options)
        if standing != self._shown:
            self._shown = standing
            for delivery in self._deliveries:
                delivery.show(standing)
        self._remember()

    def _remember(self) -> None:
        """Keep the open alarms, when they have changed: a restart tells nothing twice."""
        text = json.dumps(remembered(self._decisions))
        if self._options.state_file is None or text == self._kept:
            return
        path = Path(self._options.state_file)
        temporary = path.with_suffix(".part")
        try:
            temporary.write_text(text, encoding="ascii")
            temporary.replace(path)
        except OSError as error:
            log.warning("%s: open alarms cannot be remembered (%s)", path, error.strerror)
        self._kept = text


def _remembered_in(state_file: str | None) -> Decisions:
    if state_file is None:
        return Decisions()
    try:
        return recalled(json.loads(Path(state_file).read_text(encoding="ascii")))
    except (OSError, ValueError, KeyError, TypeError):
        return Decisions()  # none yet, or of another version: nothing is open


def lines_of(descriptor: int, messenger: Messenger) -> Iterator[bytes]:
    """The lines that come in; meanwhile the messenger looks when it has to."""
    received = b""
    while True:
        wait_s = messenger.next_look_s()
        ready, _, _ = select.select([descriptor], [], [], None if wait_s is None else max(wait_s, LEAST_WAIT_S))
        if not ready:
            messenger.look()
            continue
        part = os.read(descriptor, READ_BYTES)
        if not part:
            return
        *lines, received = (received + part).split(b"\n")
        yield from lines


def main() -> None:
    """Serve one daemon. Arguments: format and level of the log."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the daemon ends us, by closing our input
    style, level = sys.argv[1:3]
    set_up_logging(style, level)
    with open(0, "rb", buffering=0, closefd=False) as unbuffered:
        options = options_in(unbuffered.readline())
    messenger = Messenger(options, [Delivery(way) for way in ways_of(options)])
    farewell = False
    for line in lines_of(sys.stdin.fileno(), messenger):
        if not messenger.hear(line):
            farewell = True
            break
    messenger.close(farewell=farewell)


if __name__ == "__main__":
    main()
