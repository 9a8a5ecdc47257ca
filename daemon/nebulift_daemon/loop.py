"""The loop that runs all night: look, settle, judge, file, tell; sleep until something is due.

One thread does all the work (watchdog's only leaves hints). It is woken by events and signals, and it counts as alive
only after a turn that has really done something or has really found nothing to do.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nebulift.errors import LedgerError, NebuliftError
from nebulift_daemon.assembly import Parts
from nebulift_daemon.company import Company
from nebulift_daemon.health import Health
from nebulift_daemon.intake import Intake
from nebulift_daemon.judge_client import JudgeUnavailable
from nebulift_daemon.ledger import Ledger, RowLost, as_text
from nebulift_daemon.lookback import Lookback
from nebulift_daemon.patience import Alarm
from nebulift_daemon.printing import one_line
from nebulift_daemon.rejections import Rejections
from nebulift_daemon.reviews import OutputTree
from nebulift_daemon.sighting import Sighting
from nebulift_daemon.sorter import Outcome
from nebulift_daemon.watcher import Watcher

REVIEWS_EVERY_S = 60.0
SESSIONS_EVERY_S = 1800.0  # a crash takes the newest half hour of a session, which an hour ends; each save is 50 kB
AFTER_ERROR_S = 5.0
JUDGE_PAUSE_S = 30.0
LEAST_SLEEP_S = 1.0  # a report that is due while we are busy must not keep us awake

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chores:
    """The work of idle moments."""

    tree: OutputTree
    rejections: Rejections
    lookback: Lookback | None  # ``None``: nobody is to look back
    company: Company
    ledger: Ledger  # to be committed, and opened to others who ask


class Loop:
    """Runs the parts until ``alarm`` says stop; with ``once``, until nothing is left to do.

    ``keep_going`` is asked during long work: it tells systemd that we are alive, and us whether to stop.
    """

    def __init__(
        self,
        parts: Parts,
        watcher: Watcher,
        intake: Intake,
        chores: Chores,
        health: Health,
        alarm: Alarm,
        keep_going: Callable[[], bool],
        *,
        once: bool = False,
    ) -> None:
        self._parts = parts
        self._watcher = watcher
        self._intake = intake
        self._tree, self._rejections = chores.tree, chores.rejections
        self._lookback, self._company, self._ledger = chores.lookback, chores.company, chores.ledger
        self._health = health
        self._alarm = alarm
        self._keep_going = keep_going
        self._once = once
        self._ready = parts.judge.ready  # what the judge said of itself last; it is not there while we look back
        self._troubles: dict[str, str] = {}  # what is wrong at the moment, by what it concerns
        now = time.monotonic()
        self._due = {"reviews": now, "sessions": now + SESSIONS_EVERY_S, "judge": now}

    def run(self) -> None:
        """Turn after turn, until stopped."""
        while not self._alarm.stopping:
            try:
                left = self._turn()
            except LedgerError as error:
                self._trouble("ledger", error)
                self._health.tell(self.state)
                self._alarm.pause(AFTER_ERROR_S)
                continue
            except Exception:
                # The barrier: an error of ours must not end the night. The frame in hand is found again by the next
                # scan, and its tries are counted in the ledger.
                log.exception("an error of Nebulift's own; the work goes on")
                self._alarm.pause(AFTER_ERROR_S)
                continue
            self._troubles.pop("ledger", None)
            self._health.ping()
            self._health.tell(self.state)
            if not left:
                if self._once and not self._intake.settling:
                    return
                self._alarm.sleep(self._sleep_s(), beside=self._ledger.bell_descriptor())

    def state(self) -> dict[str, Any]:
        """How things are at the moment, for the status."""
        filer, since = self._parts.filer, self._intake.waiting_since
        self._ready = ready = self._parts.judge.ready or self._ready
        problems = [*self._troubles.values(), *([filer.trouble] if filer.trouble else [])]
        problems += [f"{folder}: {why}; check disk and permissions" for folder, why in self._watcher.problems.items()]
        if (unread := self._intake.postponed.trouble()) is not None:
            problems.append(unread)
        if ready is not None and ready.trouble:
            problems.append(ready.trouble)
        if self._lookback is not None and self._lookback.trouble:
            problems.append(self._lookback.trouble)
        problems += self._company.troubles()
        return {
            "mode": self._watcher.mode,
            "queue": len(self._intake),
            "waiting_since": None if since is None else as_text(since),
            "settling": self._intake.settling,
            "unfiled": self._parts.filer.waiting,
            "model": None if ready is None else ready.model,
            "looking_back_on": None if self._lookback is None else self._lookback.night,
            "problems": [one_line(problem) for problem in problems],
        }

    def _turn(self) -> bool:
        """One look, and one frame or the chores of an idle moment; whether there is more to do at once."""
        self._ledger.hear()
        if self._ledger.commit_within_s() == 0.0:
            self._ledger.commit()
        self._intake.look()
        self._rejections.enter(self._intake.take_rejected())
        if self._parts.filer.next_retry_s() == 0:
            self._parts.filer.retry(self._keep_going)
        self._save_sessions()
        self._company.look(is_busy=self._is_busy())
        if self._is_due("judge") and (frame := self._intake.next()):
            self._take(*frame)
            return True
        if time.monotonic() >= self._reviews_due():
            self._due["reviews"] = time.monotonic() + REVIEWS_EVERY_S
            self._tree.notice(self._keep_going)
            self._parts.filer.fetch_late_sidecars()
        self._look_back()
        return False

    def _is_busy(self) -> bool:
        """Whether frames wait or hindsight is at work: what can wait waits."""
        return bool(len(self._intake)) or (self._lookback is not None and self._lookback.is_at_work)

    def _look_back(self) -> None:
        if self._lookback is None or len(self._intake):
            return
        try:
            self._lookback.turn(self._parts.judge)
        except JudgeUnavailable as error:
            self._trouble("judge", error)

    def _take(self, sighting: Sighting, watched: Path) -> None:
        if self._lookback is not None:
            self._lookback.give_way()
        try:
            outcome = self._parts.sorter.take(sighting, watched)
        except JudgeUnavailable as error:
            self._trouble("judge", error)
            self._due["judge"] = time.monotonic() + JUDGE_PAUSE_S
            self._intake.retry(sighting)
            return
        except RowLost:
            self._intake.settle_again(sighting.path)
            return
        self._troubles.pop("judge", None)
        self._health.progress()
        if outcome is Outcome.LATER:
            self._intake.postponed.note(sighting.path, self._parts.sorter.unreachable_because)
            return
        self._intake.postponed.succeeded(sighting.path)
        if outcome is Outcome.AGAIN:
            self._intake.retry(sighting)
        elif outcome is Outcome.CHANGED:
            self._intake.settle_again(sighting.path)

    def _save_sessions(self) -> None:
        if self._is_due("sessions"):
            self._due["sessions"] = time.monotonic() + SESSIONS_EVERY_S
            self._parts.sessions.save()

    def _sleep_s(self) -> float:
        """Until the next thing is due."""
        dues = [self._intake.next_look_s(), self._reviews_due() - time.monotonic()]
        dues += [due for due in (self._parts.filer.next_retry_s(), self._health.ping_within_s()) if due is not None]
        if (commit_s := self._ledger.commit_within_s()) is not None:
            dues.append(commit_s)
        if (company_s := self._company.next_look_s()) is not None:
            dues.append(max(company_s, LEAST_SLEEP_S))
        if len(self._intake):
            dues.append(self._due["judge"] - time.monotonic())
        elif self._lookback is not None and (due_s := self._lookback.due_in_s()) is not None:
            dues.append(due_s)
        if self._parts.sessions:
            dues.append(self._due["sessions"] - time.monotonic())
        return max(0.0, min(dues))

    def _reviews_due(self) -> float:
        """New frames come first; but where some always settle, or one never does, hand moves must not wait for ever."""
        return self._due["reviews"] + (REVIEWS_EVERY_S if self._intake.settling else 0.0)

    def _is_due(self, chore: str) -> bool:
        return time.monotonic() >= self._due[chore]

    def _trouble(self, concern: str, error: NebuliftError) -> None:
        log.warning("%s", error)
        self._troubles[concern] = str(error)
