"""How the daemon is doing, told to whoever asks: ``status.json``, systemd, ``nebulift status``."""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nebulift.errors import LedgerError
from nebulift_daemon.ledger import FrameRow, Ledger, as_text
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.printing import one_line
from nebulift_daemon.standstill import STANDSTILL_S
from nebulift_daemon.state_folder import StatusFile
from nebulift_daemon.systemd import Systemd
from nebulift_daemon.verdict_line import verdict_fields

FREE_SPACE_STEP_BYTES = 100_000_000  # finer changes are not worth a write
DAY = timedelta(days=1)


class Health:
    """Collects facts and passes them on; a fact that cannot be had is left out."""

    def __init__(
        self,
        ledger: Ledger,
        output: OutputRoot,
        status_file: StatusFile,
        systemd: Systemd,
        facts: dict[str, Any],
        clock: Callable[[], float] = time.monotonic,
        *,
        listener: Callable[[dict[str, Any]], object] = lambda _: None,
    ) -> None:
        self._listener = listener  # is told every status that differs from the last, also one that cannot be written
        self._told: dict[str, Any] | None = None
        self._ledger = ledger
        self._output = output
        self._status_file = status_file
        self._systemd = systemd
        self._facts = facts  # what never changes: version, process, folders
        self._clock = clock
        self._last: FrameRow | None = None
        self._counts: dict[str, int] | None = None
        self._next_ping = clock()
        self._progress_at = clock()
        self._is_waiting: Callable[[], bool] = lambda: False

    def expect_progress(self, is_waiting: Callable[[], bool]) -> None:
        """From now on ``is_waiting`` says whether frames wait: then silence is not health."""
        self._is_waiting = is_waiting

    def progress(self) -> None:
        """A frame has had its turn, whatever came of it."""
        self._progress_at = self._clock()

    def note(self, row: FrameRow) -> None:
        """A frame has got its verdict."""
        self._last = row
        self._counts = None

    def tell(self, now: Callable[[], dict[str, Any]], *, last_words: bool = False) -> None:
        """Pass on how things are; ``now`` gives what the loop knows, and is asked only when it is time for news.

        ``last_words``: whatever the time; the daemon ends.
        """
        if not last_words and not self._status_file.is_due():
            return
        last = None if self._last is None else verdict_fields(self._last)
        free = free_bytes(self._output.path)
        status = self._facts | now() | {"last": last, "last_24h": self._last_day(), "disk_free_bytes": free}
        if self._status_file.write(status, last_words=last_words):
            self._systemd.status(summary(status))
        if status != self._told:
            self._told = status
            self._listener(status)

    def ping(self) -> None:
        """Tell systemd that real work was done, or that a look through the folders found nothing to do.

        Where frames wait and none has had its turn for long, nothing is said: then systemd starts us anew.
        """
        if not self._is_waiting():
            self._progress_at = self._clock()
        elif self._clock() - self._progress_at > STANDSTILL_S:
            return
        every_s = self._systemd.ping_every_s
        if every_s is not None and self._clock() >= self._next_ping:
            self._systemd.ping()
            self._next_ping = self._clock() + every_s / 2

    def ping_within_s(self) -> float | None:
        """Seconds until systemd expects to hear from us."""
        return None if self._systemd.ping_every_s is None else max(0.0, self._next_ping - self._clock())

    def _last_day(self) -> dict[str, int] | None:
        if self._counts is None:
            try:
                self._counts = self._ledger.frames.counts(as_text(datetime.now(UTC) - DAY))
            except LedgerError:
                return None  # named among the problems already
        return self._counts


def free_bytes(folder: Path) -> int | None:
    """Room on the folder's disk, in coarse steps; ``None`` where it cannot be had."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    return free - free % FREE_SPACE_STEP_BYTES


def summary(status: dict[str, Any]) -> str:
    """The state of things in one line."""
    counts = status.get("last_24h") or {}
    parts = [f"{counts.get(label, 0)} {label}" for label in ("clean", "contaminated", "review")]
    if waiting := status.get("queue", 0) + status.get("settling", 0):
        parts.append(f"{waiting} to come")
    if problems := status.get("problems"):
        parts.append(one_line(problems[0]))
    return ", ".join(parts)
