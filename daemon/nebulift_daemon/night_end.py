"""The report of a night, written when its session is over: when that is due, and the process that writes it.

A process of its own, because pictures take memory that the watching process shall not have. A new frame does not stop
it: it is short, and gives way to the judge by its niceness.
"""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nebulift_daemon.judging_process import environment_for
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.nights import last_night, zone_of_site
from nebulift_daemon.notify.news import NightNews
from nebulift_daemon.printing import one_line

QUIET_S = 3600.0  # without a new frame: the session is over (``nebulift.session.grouping.GAP``)
AFTER_START_S = 10.0
OLD_NEWS_S = 24 * 3600.0  # a night before that was over when we were started; nobody waits for its summary
LOOK_EVERY_S = 2.0  # at the process, while it works
LONGEST_S = 600.0  # then it is killed
AGAIN_S = 600.0
MOST_TRIES = 3

log = logging.getLogger(__name__)


class NightEnd:
    """Has the newest night's report written, once, and again when more frames of it have come.

    ``tell`` gets the summary. ``clock`` is in seconds and only goes forward; ``now`` is the time of day.
    """

    def __init__(
        self,
        ledger: Ledger,
        state: Path,
        reports: Path,
        tell: Callable[[NightNews], object],
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._places = [str(state), str(reports)]
        self._tell = tell
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._tries = 0
        self.trouble: str | None = None
        self._due: float | None = None
        if (to_do := self._to_do()) is not None:
            quiet_s = (now() - datetime.fromisoformat(to_do["last"])).total_seconds()
            if quiet_s < OLD_NEWS_S:
                self._due = clock() + max(QUIET_S - max(quiet_s, 0.0), AFTER_START_S)

    def note(self) -> None:
        """A frame was judged: the session is not over."""
        self._due = self._clock() + QUIET_S
        self._tries = 0

    def due_in_s(self) -> float | None:
        """Seconds until ``turn`` has something to do; ``None``: nothing."""
        if self._process is not None:
            return LOOK_EVERY_S
        return None if self._due is None else max(0.0, self._due - self._clock())

    def turn(self) -> None:
        """Begin when it is due, see whether it is done. Raises ``LedgerError``."""
        if self._process is not None:
            if self._process.poll() is not None:
                self._ended()
            elif self._clock() - self._began > LONGEST_S:
                self._process.kill()
        elif self._due is not None and self._clock() >= self._due:
            self._due = None
            if self._to_do() is not None:
                self._begin()

    def close(self) -> None:
        """End the process; may be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def _to_do(self) -> dict[str, Any] | None:
        """The newest night as it stands, unless exactly this was reported."""
        night = last_night(self._ledger, zone_of_site(self._ledger))
        if night is None:
            return None
        last = self._ledger.browsing.last_judged()
        facts = {"night": night.evening.isoformat(), "last": last}
        return facts if last is not None and facts != self._ledger.memory.fact("report") else None

    def _begin(self) -> None:
        self._began = self._clock()
        self._tries += 1
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "nebulift_daemon.report.process", *self._places],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env=environment_for(1),
            )
        except OSError as error:
            self._failed(f"the process cannot be started: {error.strerror}")

    def _ended(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        said, status = self._process.stdout.read(), self._process.returncode
        self.close()
        try:
            news = NightNews(**json.loads(said))
        except (ValueError, TypeError):
            self._failed(f"the process ended with status {status}; the log says why")
            return
        self.trouble = None
        if (done := self._to_do()) is not None:
            self._ledger.memory.keep_fact("report", done)
        log.info("the report of the night of %s: %s", news.night, news.report)
        self._tell(news)

    def _failed(self, why: str) -> None:
        self._due = self._clock() + AGAIN_S if self._tries < MOST_TRIES else None
        self.trouble = one_line(f"the report of the night could not be written: {why}")
        log.warning("%s", self.trouble)
