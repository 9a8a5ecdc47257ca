"""``Companion``: a process beside the daemon that frames do not need, such as the review page or the messenger.

It is started, looked after, started again after a pause that doubles, and ends with the daemon, however that ends: its
standard input is closed then. Nothing it does or fails to do holds up the daemon; what is told to it and does not fit
into the pipe is dropped.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from nebulift_daemon.printing import one_line

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
SETTLED_S = 600.0  # a process that has run so long failed for a new reason: the pauses begin anew
END_WITHIN_S = 12.0  # then it is killed; systemd gives the whole service 30 s

log = logging.getLogger(__name__)


class Companion:
    """One such process. ``module`` is run by this Python with ``arguments``; ``order`` is what it is told first."""

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str] = (),
        order: bytes = b"",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.trouble: str | None = None  # why it does not run at the moment
        self._command = [sys.executable, "-m", module, *arguments]
        self._order = order
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._failures = 0
        self._due = 0.0  # not to be started before
        self._closed = False

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def look(self) -> None:
        """Start it when that is due; notice that it has ended."""
        if self._closed:
            return
        if self._process is not None and self._process.poll() is not None:
            self._ended(self._process.returncode)
        elif self._process is not None and self.trouble is not None and self._has_settled():
            self.trouble = None
        if self._process is None and self._clock() >= self._due:
            self._start()

    def next_look_s(self) -> float | None:
        """Seconds until ``look`` has something to do; ``None``: nothing is expected, any time will do."""
        if self._closed or self._process is not None:
            return None
        return max(0.0, self._due - self._clock())

    def tell(self, line: bytes) -> bool:
        """Write one line to it, at most 4096 bytes, without waiting; whether it was taken."""
        if self._process is None or self._process.stdin is None:
            return False
        try:
            return os.write(self._process.stdin.fileno(), line) == len(line)
        except (BlockingIOError, BrokenPipeError, ValueError):
            return False  # it is slow, or has died: the next look tells

    def close(self) -> None:
        """Have it end by closing its input, and see to it that it does; may be called twice."""
        self._closed = True
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            log.warning("%s: does not end and is killed", self.name)
            process.kill()
            process.wait()

    def _start(self) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module
                self._command,
                stdin=subprocess.PIPE,
                bufsize=0,
                env=os.environ | {"PYTHONSAFEPATH": "1"},
            )
        except OSError as error:
            self._failed(f"cannot be started: {error.strerror}")
            return
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has died already, which the next look sees
            process.stdin.write(self._order)  # far less than a pipe holds
            os.set_blocking(process.stdin.fileno(), False)
        self._process, self._started = process, self._clock()

    def _ended(self, status: int) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process = None
        if self._clock() - self._started > SETTLED_S:
            self._failures = 0
        self._failed(f"has ended with status {status}")

    def _failed(self, why: str) -> None:
        pause_s = min(FIRST_PAUSE_S * 2.0 ** min(self._failures, 10), LONGEST_PAUSE_S)
        self._failures += 1
        self._due = self._clock() + pause_s
        self.trouble = one_line(f"{self.name} {why} and is started again; the log says why")
        log.warning("%s: %s; it is started again in %g s", self.name, why, pause_s)

    def _has_settled(self) -> bool:
        return self._clock() - self._started > FIRST_PAUSE_S
