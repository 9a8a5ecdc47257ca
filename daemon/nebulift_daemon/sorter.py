"""``Sorter``: one frame's way from whole file to filed frame. The daemon and ``nebulift sort`` walk it alike.

claim -> judge -> record the judgement with the intended place -> file -> note it. Everything is decided before anything
moves, and each step can be the last one before a crash.
"""

import logging
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

from nebulift.judgement import Judgement, as_record
from nebulift.verdict import DISTRUST_NOTE, Label, unreadable
from nebulift_daemon.filer import Filer
from nebulift_daemon.judge_client import JudgeClient
from nebulift_daemon.judge_messages import CHANGED, FAILED, JUDGED, SAME, STOPPED, UNREACHABLE, Answer, Task
from nebulift_daemon.ledger import Claim, FrameRow, Judged, Ledger
from nebulift_daemon.patience import insist
from nebulift_daemon.printing import one_line
from nebulift_daemon.sessions import Sessions
from nebulift_daemon.sighting import Sighting

MOST_TRIES = 2  # of judging one frame; then a person has to look at it

T = TypeVar("T")
log = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of a frame that was taken in hand."""

    FILED = auto()
    WAITING = auto()  # judged; filing is tried again later
    SKIPPED = auto()  # a calibration frame, a stack: left alone
    KNOWN = auto()  # judged before
    AGAIN = auto()  # judging failed and is to be tried once more
    LATER = auto()  # it cannot be read at the moment
    CHANGED = auto()  # not whole after all: it has to settle again
    VANISHED = auto()
    STOPPED = auto()


class Sorter:
    """Takes frames one by one. ``announce`` is told of each frame once its verdict is in the ledger.

    ``pause(seconds)`` waits and says whether to go on: the ledger may be locked for a while, and then frames wait.
    """

    def __init__(
        self,
        ledger: Ledger,
        judge: JudgeClient,
        filer: Filer,
        sessions: Sessions,
        *,
        announce: Callable[[FrameRow], None],
        pause: Callable[[float], bool],
        undone_too: bool = False,
    ) -> None:
        self._ledger = ledger
        self._judge = judge
        self._filer = filer
        self._announce = announce
        self._pause = pause
        self._undone_too = undone_too
        self._sessions = sessions
        self.unreachable_because = ""  # why the last frame that has to come later cannot be read

    def take(self, sighting: Sighting, watched: Path) -> Outcome:
        """Judge and file one frame. Raises ``LedgerError`` and ``JudgeUnavailable``; the frame is then found again."""
        claim = self._insist(
            lambda: self._ledger.progress.claim(sighting, watched, undone_too=self._undone_too),
        )
        if claim is None:
            return Outcome.KNOWN
        if claim.tries >= MOST_TRIES:
            return self._judged(claim, sighting, watched, _given_up(sighting.path, claim.error))
        try:
            answer = self._judge.judge(Task(sighting, claim.known_sha256))
        except BaseException:
            self._ledger.progress.give_back(claim.frame_id)
            raise
        return self._answered(claim, sighting, watched, answer)

    def _answered(self, claim: Claim, sighting: Sighting, watched: Path, answer: Answer) -> Outcome:
        progress = self._ledger.progress
        if answer.outcome == JUDGED:
            return self._judged(claim, sighting, watched, answer)
        if answer.outcome == FAILED:
            return self._failed(claim, sighting, watched, answer.reason or "judging failed")
        if answer.outcome == STOPPED:
            self._insist(lambda: progress.give_back(claim.frame_id))
            return Outcome.STOPPED
        if answer.outcome == SAME:
            sha256 = answer.sha256 or ""
            self._insist(lambda: progress.same_again(claim.frame_id, sha256))
            return Outcome.KNOWN
        self._insist(lambda: progress.forget(claim.frame_id))
        if answer.outcome == UNREACHABLE:
            self.unreachable_because = answer.reason or "the file cannot be read"
            log.warning("%s: %s; it waits", one_line(sighting.path), self.unreachable_because)
            return Outcome.LATER
        return Outcome.CHANGED if answer.outcome == CHANGED else Outcome.VANISHED

    def _failed(self, claim: Claim, sighting: Sighting, watched: Path, reason: str) -> Outcome:
        log.warning("%s: %s (try %d of %d)", one_line(sighting.path), reason, claim.tries + 1, MOST_TRIES)
        self._insist(lambda: self._ledger.progress.fail(claim.frame_id, reason))
        if claim.tries + 1 < MOST_TRIES:
            return Outcome.AGAIN
        return self._judged(claim, sighting, watched, _given_up(sighting.path, reason))

    def _judged(self, claim: Claim, sighting: Sighting, watched: Path, answer: Answer) -> Outcome:
        record = answer.record or {}
        if answer.reason:
            log.warning("%s; judged by measurements alone: %s", answer.reason, one_line(sighting.path))
        if DISTRUST_NOTE in record.get("notes", ()):
            log.warning("%s: %s; %s", one_line(sighting.path), one_line(str(record["reason"])), DISTRUST_NOTE)
        label = None if record.get("verdict") is None else Label(record["verdict"])
        judged = Judged(answer.sha256, record, label, answer.group)
        self._insist(lambda: self._enter(claim.frame_id, sighting, watched, judged))
        if answer.group is not None and answer.state is not None:
            self._sessions.remember(answer.group, answer.state)
        if label is None:
            outcome = Outcome.SKIPPED
        else:
            outcome = Outcome.FILED if self._insist(lambda: self._filer.file(claim.frame_id)) else Outcome.WAITING
        row = self._insist(lambda: self._ledger.frames.get(claim.frame_id))
        if row is not None:
            self._announce(row)
        return outcome

    def _enter(self, frame_id: int, sighting: Sighting, watched: Path, judged: Judged) -> None:
        """The judgement and the intention, in the ledger before anything moves."""
        if judged.label is None:
            self._ledger.progress.judged(frame_id, judged, None, None)
            return
        label, act, planned = self._filer.intend(sighting, judged.sha256, Label(judged.label), watched)
        if label != judged.label:
            judged = Judged(judged.sha256, judged.record, label, judged.session_group)
        self._ledger.progress.judged(frame_id, judged, act, planned)

    def _insist(self, step: Callable[[], T]) -> T:
        return insist(step, self._pause)


def _given_up(path: Path, error: str | None) -> Answer:
    """The judgement on a frame that cannot be judged: review, with the reason; never clean, never contaminated."""
    reason = f"could not be judged in {MOST_TRIES} tries: {error or 'the judge process died each time'}"
    return Answer(JUDGED, record=as_record(Judgement(path, unreadable(reason), error=reason)))
