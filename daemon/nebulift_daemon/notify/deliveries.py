"""Bringing events to where they are wanted: one thread a way, with patience, so that none waits for another.

A way that does not work is logged once, tried again with growing pauses, and logged once more when it works again.
Nothing here can end the process, and nothing can delay the daemon.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from nebulift_daemon.notify.events import Event
from nebulift_daemon.notify.standing import Standing

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
MOST_WAITING = 50
TOO_OLD_S = 6 * 3600.0  # after that a message is history

log = logging.getLogger(__name__)


class NotDelivered(Exception):
    """It did not work this time, and is worth another try."""


class Refused(Exception):
    """It will never work for this event: it was tried, and that is that."""


class Way(Protocol):
    """Where events go."""

    @property
    def name(self) -> str:
        """For the log; holds no secret."""
        ...

    def deliver(self, event: Event) -> None:
        """Bring the event there, within seconds. Raises ``NotDelivered`` or ``Refused`` with the reason."""
        ...

    def show(self, standing: Standing) -> None:
        """How things are now, for ways that show a state. Raises ``NotDelivered``."""
        ...

    def close(self) -> None:
        """End the connection, if there is one."""
        ...


class Delivery:
    """Brings events to one way, in order, and the newest standing."""

    def __init__(
        self, way: Way, *, first_pause_s: float = FIRST_PAUSE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._way = way
        self._first_pause_s = first_pause_s
        self._clock = clock
        self._waiting: deque[tuple[float, Event]] = deque(maxlen=MOST_WAITING)
        self._standing: Standing | None = None
        self._news = threading.Condition()
        self._ending = False
        self._tries = 0
        self._thread = threading.Thread(target=self._run, name=f"to {way.name}", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Have it delivered. When too many wait, the oldest is given up."""
        with self._news:
            self._waiting.append((self._clock(), event))
            self._news.notify()

    def show(self, standing: Standing) -> None:
        """Have it shown, unless a newer one comes before."""
        with self._news:
            self._standing = standing
            self._news.notify()

    def close(self, within_s: float) -> None:
        """Deliver what waits, as far as that succeeds in time; then the thread is left to itself."""
        with self._news:
            self._ending = True
            self._news.notify()
        self._thread.join(within_s)

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._waiting and self._standing is None and not self._ending:
                    self._news.wait()
                event = self._waiting[0] if self._waiting else None
                standing, self._standing = self._standing, None
                if event is None and standing is None:
                    break
            self._bring(event, standing)
        self._way.close()

    def _bring(self, event: tuple[float, Event] | None, standing: Standing | None) -> None:
        try:
            if standing is not None:
                self._way.show(standing)
            if event is not None:
                self._way.deliver(event[1])
        except Refused as error:
            log.warning("%s: a message was not taken (%s)", self._way.name, error)
        except NotDelivered as error:
            self._failed(str(error), standing)
            return
        except Exception:
            # The barrier: a library that does what it never promised must not end the thread of this way.
            log.exception("%s: an error while a message was delivered", self._way.name)
        else:
            if self._tries:
                log.info("%s: works again", self._way.name)
            self._tries = 0
        if event is not None:
            self._done(event)

    def _failed(self, why: str, standing: Standing | None) -> None:
        """Wait before the next try; the newest standing is kept, events that have become history are given up."""
        if self._tries == 0:
            log.warning("%s: a message could not be delivered (%s); it is tried again", self._way.name, why)
        pause_s = min(self._first_pause_s * 2.0 ** min(self._tries, 10), LONGEST_PAUSE_S)
        self._tries += 1
        until = self._clock() + pause_s
        with self._news:
            self._standing = self._standing or standing
            while self._waiting and self._clock() - self._waiting[0][0] > TOO_OLD_S:
                self._waiting.popleft()
            while not self._ending and (left := until - self._clock()) > 0:
                self._news.wait(left)
            if self._ending and self._tries > 1:  # one more try at the end, then it is given up
                self._waiting.clear()
                self._standing = None

    def _done(self, event: tuple[float, Event]) -> None:
        with self._news:
            if self._waiting and self._waiting[0] is event:
                self._waiting.popleft()
