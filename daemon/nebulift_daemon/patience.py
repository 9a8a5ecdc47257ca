"""Waiting that can be ended at any moment, by a signal, an event of a folder, or the end of the work."""

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from typing import TypeVar

from nebulift.errors import LedgerError
from nebulift_daemon.ledger import RowLost

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LEDGER_PAUSE_S = 1.0

T = TypeVar("T")
log = logging.getLogger(__name__)


class Alarm:
    """Something to sleep on. ``ring`` may be called from other threads and from signal handlers.

    ``threading.Event`` would not do: setting one in a signal handler may wait for a lock that the interrupted code has.
    """

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        self.stopping = False

    def ring(self) -> None:
        """End the sleep, or the next one if nobody sleeps now."""
        os.eventfd_write(self._descriptor, 1)

    def stop(self, *_: object) -> None:
        """Ask for the end of all work; serves as a signal handler."""
        self.stopping = True
        self.ring()

    def sleep(self, seconds: float, *, beside: int | None = None) -> None:
        """Sleep until somebody rings, or the descriptor ``beside`` has something to read, at most so long."""
        if beside is not None:
            self._poll.register(beside, select.POLLIN)
        ready = [descriptor for descriptor, _ in self._poll.poll(max(0.0, seconds) * 1000)]
        if beside is not None:
            self._poll.unregister(beside)
        if self._descriptor in ready:
            os.eventfd_read(self._descriptor)

    def pause(self, seconds: float) -> bool:
        """Sleep through everything but the wish to stop; whether to go on."""
        until = time.monotonic() + seconds
        while not self.stopping and (left := until - time.monotonic()) > 0:
            self.sleep(left)
        return not self.stopping

    def stop_on_signals(self) -> None:
        """Have SIGTERM, Ctrl-C and a closed terminal end the work in an orderly way."""
        for number in STOP_SIGNALS:
            signal.signal(number, self.stop)


def insist(step: Callable[[], T], pause: Callable[[float], bool]) -> T:
    """What ``step`` gives, tried until the ledger lets us: frames wait, nothing is judged twice.

    ``pause(seconds)`` waits and says whether to go on; when it says no, the ``LedgerError`` is raised.
    """
    while True:
        try:
            return step()
        except RowLost:
            raise
        except LedgerError as error:
            log.warning("%s", error)
            if not pause(LEDGER_PAUSE_S):
                raise
