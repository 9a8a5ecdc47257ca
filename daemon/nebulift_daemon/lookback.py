"""Nights looked back on when their sessions are over: when that is due, and the process that does it.

Each night once, also one whose end the daemon slept through. A process of its own, because it can be killed the moment
a new frame is there, and all that it has taken goes with it: its memory, which takes the place of the judge's, and
nothing of the ledger, where each finished group stays done. Idle costs nothing: there is a due time, and nobody looks
before.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from nebulift_daemon.judge_client import JudgeClient
from nebulift_daemon.judge_messages import JudgeOptions, first_line
from nebulift_daemon.judging_process import environment_for
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.nights import Night, last_nights, zone_of_site
from nebulift_daemon.printing import one_line
from nebulift_daemon.regrade_order import Order, Report, order_line, read_report
from nebulift_daemon.report.words import counted

QUIET_S = 3600.0  # without a new frame: the session is over (``nebulift.session.grouping.GAP``)
AFTER_START_S = 5.0  # first what waits in the folders
LOOK_EVERY_S = 5.0  # at the process, while it works
AGAIN_S = 600.0  # after it came to nothing
MOST_TRIES = 3  # for one state of a night
MOST_NIGHTS = 7  # newest ones: whoever lets the daemon loose on years of frames wants those of this week regraded

log = logging.getLogger(__name__)


class Lookback:
    """Looks back on the newest nights, on each once, and again when more frames of it have come.

    ``clock`` is in seconds and only goes forward; ``now`` is the time of day.
    """

    def __init__(
        self,
        ledger: Ledger,
        order: Order,
        options: JudgeOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._order = order
        self._options = options
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._last_words: int | None = None  # a file in memory: what the process writes to stderr
        self.night: str | None = None  # which is being looked back on
        self.trouble: str | None = None  # why the last one was not
        self._due: float | None = None
        if self._to_do() is not None:
            self._due = clock() + max(QUIET_S - self._quiet_already_s(now()), AFTER_START_S)

    def note(self) -> None:
        """A frame was judged: the session is not over."""
        self._due = self._clock() + QUIET_S

    def due_in_s(self) -> float | None:
        """Seconds until ``turn`` has something to do; ``None``: nothing is to be looked back on."""
        if self._process is not None:
            return LOOK_EVERY_S
        return None if self._due is None else max(0.0, self._due - self._clock())

    @property
    def is_at_work(self) -> bool:
        """Whether the process runs, or is due."""
        return self._process is not None or self.due_in_s() == 0.0

    def turn(self, judge: JudgeClient) -> None:
        """Begin when it is due, see whether it is done. ``judge`` makes room meanwhile.

        Raises ``LedgerError``, and ``JudgeUnavailable`` when the judge does not come back.
        """
        if self._process is not None:
            if self._process.poll() is not None:
                self._ended()
                judge.start()
        elif self._due is not None and self._clock() >= self._due:
            self._due = None
            night = self._to_do()
            if night is not None:
                judge.close()
                self._begin(night)

    def give_way(self) -> None:
        """A frame is there: end the process at once. What it has not done is done when the session is over."""
        if self._process is None:
            return
        night = self.night
        log.info("looking back on the night of %s waits: a new frame is there", night)
        self.close()
        self.note()
        self._keep(night, tries=-1)

    def close(self) -> None:
        """End the process; may be called twice."""
        process, self._process, self.night = self._process, None, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        words, self._last_words = self._last_words, None
        if words is not None:
            os.close(words)

    def _to_do(self) -> Night | None:
        """The newest night that is to be looked back on; ``None`` when there is none."""
        known, kept = self._ledger.memory.lookbacks(), {}
        nights = last_nights(self._ledger, zone_of_site(self._ledger), MOST_NIGHTS)
        for night in nights:
            newest = self._ledger.regrades.newest_frame(night.begin, night.end)
            facts = known.get(night.evening.isoformat())
            if facts is None or facts["newest"] != newest:
                facts = {"newest": newest, "tries": 0, "done": False}
            kept[night.evening.isoformat()] = facts
        if kept != known:
            self._ledger.memory.keep_lookbacks(kept)
        for night in nights:
            facts = kept[night.evening.isoformat()]
            if not facts["done"] and facts["tries"] < MOST_TRIES:
                return night
        return None

    def _keep(self, night: str | None, *, tries: int = 0, done: bool = False) -> None:
        """Note one more try of a night, one less, or that it is done."""
        known = self._ledger.memory.lookbacks()
        if night in known:
            facts = known[night]
            known[night] = facts | {"tries": max(facts["tries"] + tries, 0), "done": done}
            self._ledger.memory.keep_lookbacks(known)

    def _quiet_already_s(self, now: datetime) -> float:
        """How long no frame has come, by the ledger; a clock that jumped back counts as a frame just now."""
        newest = self._ledger.frames.newest(1)
        if not newest or newest[0].judged_at is None:
            return 0.0
        return min(max((now - datetime.fromisoformat(newest[0].judged_at)).total_seconds(), 0.0), QUIET_S)

    def _begin(self, night: Night) -> None:
        self.night = night.evening.isoformat()
        self._keep(self.night, tries=1)
        self._last_words = os.memfd_create("regrade-stderr", os.MFD_CLOEXEC)
        log.info("looking back on the night of %s", self.night)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nebulift_daemon.regrade_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._last_words,
                env=environment_for(self._options.threads),
            )
        except OSError as error:
            self._failed(self.night, f"the process cannot be started: {error.strerror}")
            return
        assert self._process.stdin is not None
        order = f"{first_line(self._options, {})}\n{order_line(self._order, self.night)}\n"
        with suppress(BrokenPipeError):  # it has died already, which the next turn sees
            self._process.stdin.write(order.encode("ascii"))  # far less than a pipe holds
            self._process.stdin.close()

    def _ended(self) -> None:
        night, report = self.night, self._report()
        if report.trouble is not None:
            self._failed(night, report.trouble)
            return
        self.close()
        self.trouble = None
        self._keep(night, done=True)
        log.info("%s", _in_words(report, night))
        if self._to_do() is not None:
            self._due = self._clock()  # the night before

    def _failed(self, night: str | None, why: str) -> None:
        self.close()
        self._due = self._clock() + AGAIN_S
        self.trouble = f"looking back on the night of {night}: {why}"
        log.warning("%s", self.trouble)

    def _report(self) -> Report:
        """What the process said in the end, or why it said nothing."""
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._last_words is not None
        try:
            return read_report(self._process.stdout.read())
        except (ValueError, TypeError):
            words = os.pread(self._last_words, 2000, max(os.fstat(self._last_words).st_size - 2000, 0))
            last = words.decode("utf-8", "replace").strip().rsplit("\n", maxsplit=1)[-1]
            return Report(trouble=one_line(f"the process ended with status {self._process.returncode} {last}"))


def _in_words(report: Report, night: str | None) -> str:
    seen = f"looked back on {counted(report.frames, 'frame')} of the night of {night}"
    seen += f" ({report.left_alone} left alone, see `nebulift regrade`)" if report.left_alone else ""
    if report.applied:
        return f"{seen}: {report.applied} graded otherwise; `nebulift undo` takes it back"
    if report.proposed:
        return f"{seen}: {report.proposed} would be graded otherwise; see `nebulift regrade`"
    return f"{seen}: all as they were graded"
