"""``Filer``: brings judged frames to their places, again and again until it works, and finds them after a crash.

The ledger holds the intention before anything moves. Filing a frame for the first time, trying again, and repairing
what a crash cut short are one and the same: look where the file really is, then do what is left to do.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nebulift.errors import FilingError, printable
from nebulift.verdict import Label
from nebulift_daemon.filing import Act, Done, OutputTrouble, Plan, carry_out, is_name_refused, plan, spelled_safely
from nebulift_daemon.ledger import FrameRow, Ledger, as_text, signature_of
from nebulift_daemon.naming import belongs_at
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.placing import SourceChanged, sha256_of
from nebulift_daemon.reviews import move_within
from nebulift_daemon.sidecars import bring_along
from nebulift_daemon.sighting import Sighting, look

FIRST_PAUSE_S = 3.0
LONGEST_FRAME_PAUSE_S = 300.0
LONGEST_OUTPUT_PAUSE_S = 30.0  # a disk that comes back is noticed as soon as a new frame would be
RETRY_TURN_S = 2.0  # then new frames get their turn again
LATE_SIDECARS = timedelta(hours=1)  # solving and rating come minutes after the exposure
MOST_ATTEMPTS = 20  # names that are taken under our hands, one after the other

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pause:
    tries: int
    until: float


class Filer:
    """Files frames below ``output``.

    ``acts`` says how for each label; ``subfolders`` which folder below a label mirrors each watched folder;
    ``is_being_written`` as in ``whole``. ``act`` carries out a plan: ``filing.carry_out``, or ``rehearse``.
    """

    def __init__(
        self,
        ledger: Ledger,
        output: OutputRoot,
        acts: Mapping[Label, Act],
        subfolders: Mapping[Path, str],
        is_being_written: Callable[[Path, int], bool | None],
        *,
        act: Callable[[Plan, Path, str], Done] = carry_out,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._output = output
        self._acts = acts
        self._subfolders = subfolders
        self._is_being_written = is_being_written
        self._act = act
        self._clock = clock
        self._owner = ledger.memory.identity()
        self._pauses: dict[int, _Pause] = {}  # frames that could not be filed
        self._output_pause = _Pause(0, 0.0)  # until then nothing can be filed
        self._behind = True  # frames may wait that have no pause of their own: of an earlier run, of a full disk
        self.trouble: str | None = None  # why nothing can be filed at the moment

    def intend(
        self, sighting: Sighting, sha256: str | None, label: Label, watched: Path
    ) -> tuple[Label, Act, Path | None]:
        """How and where this frame is going to be filed; the label is another one only where the ledger was lost."""
        adopted = self._ledger.frames.adopted_as(sighting)
        if adopted is not None and adopted.label is not None:
            return Label(adopted.label), Act.LEAVE, adopted.destination  # filed before the ledger was lost
        act = self._acts[label]
        wanted = belongs_at(self._output.path / label, self._subfolders[watched], sighting.path, watched)
        if act is Act.LEAVE or self._rewritten(sighting):
            return label, act, None if act is Act.LEAVE else wanted
        intended = plan(sighting, sha256, wanted, act)
        return label, intended.act, intended.destination

    def file(self, frame_id: int) -> bool:
        """File the frame now; False when it has to wait, which ``retry`` ends. Raises ``LedgerError``."""
        if self._clock() < self._output_pause.until:
            self._behind = True
            return False
        row = self._ledger.frames.get(frame_id)
        if row is None or row.state != "judged":
            return True
        try:
            self._file(row)
        except OutputTrouble as error:
            self._pause_all(str(error))
            return False
        except FilingError as error:
            self._pause_one(row, str(error))
            return False
        self._pauses.pop(row.id, None)
        if row.file_by != Act.LEAVE:
            self._output_pause, self.trouble = _Pause(0, 0.0), None
        return True

    def retry(self, keep_going: Callable[[], bool] = lambda: True) -> int:
        """Try again whatever has waited long enough; how many frames were filed. Raises ``LedgerError``.

        Works for a few seconds at most: when there is more to do, ``next_retry_s`` is 0 afterwards.
        """
        filed = 0
        enough = self._clock() + RETRY_TURN_S
        for row in self._due():
            if self._clock() < self._output_pause.until or self._clock() > enough or not keep_going():
                return filed
            filed += self.file(row.id)
        self._behind = self._clock() < self._output_pause.until
        return filed

    def fetch_late_sidecars(self) -> int:
        """Bring what appeared beside a moved frame's old place after it had gone, such as a plate solution.

        Not where a new frame has taken the name: then it belongs to that one. Raises ``LedgerError``.
        """
        if Act.MOVE not in self._acts.values() or not self._output.is_there():
            return 0
        rows = self._ledger.frames.moved_since(as_text(datetime.now(UTC) - LATE_SIDECARS))
        found = [(row.path, row.destination) for row in rows if not os.path.lexists(row.path)]
        return sum(bring_along(before, after, self._owner) for before, after in found if after is not None)

    def next_retry_s(self) -> float | None:
        """Seconds until ``retry`` has something to do; ``None`` when everything is filed."""
        if self._behind:
            return max(0.0, self._output_pause.until - self._clock())
        return min((max(0.0, pause.until - self._clock()) for pause in self._pauses.values()), default=None)

    @property
    def waiting(self) -> int:
        """How many frames could not be filed, each for a reason of its own; others may wait for the output disk."""
        return len(self._pauses)

    def _due(self) -> Iterator[FrameRow]:
        after = 0
        while rows := self._ledger.frames.waiting_to_file(after):
            for row in rows:
                pause = self._pauses.get(row.id)
                if pause is None or pause.until <= self._clock():
                    yield row
            after = rows[-1].id

    def _file(self, row: FrameRow) -> None:
        assert row.file_by is not None
        act = Act(row.file_by)
        if act is Act.LEAVE:
            at = None if row.planned is None else look(row.planned, links_too=True)
            self._ledger.progress.filed(row.id, at, None)
            return
        if not self._output.is_there():
            raise OutputTrouble(
                f"{self._output.path}: the output folder is not there (no marker); is its disk plugged in?"
            )
        source = look(row.path)
        if source is None or signature_of(source) != row.signature:
            self._find_again(row)
        elif (earlier := self._rewritten(source, row.id)) is not None:
            self._take_over(row, earlier)
        else:
            self._put(row, source, act)

    def _put(self, row: FrameRow, source: Sighting, act: Act) -> None:
        assert row.planned is not None
        if self._is_being_written(source.path, source.device):
            raise FilingError(
                f"{printable(source.path)}: somebody has opened the file for writing again; filing is tried again"
            )
        wanted = row.planned
        for _ in range(MOST_ATTEMPTS):
            step = plan(source, row.sha256, wanted, act, unfinished=True)
            assert step.destination is not None
            if step.destination != row.planned:
                self._ledger.progress.replan(row.id, step.destination)
            try:
                done = self._act(step, self._output.path, self._owner)
            except FileExistsError:
                continue  # taken a moment ago: the next plan goes round it
            except SourceChanged:
                self._find_again(row)
                return
            except FilingError as error:
                safe = spelled_safely(wanted, self._output.path)
                if safe == wanted or not is_name_refused(error.__cause__):
                    raise
                wanted = safe
                continue
            self._ledger.progress.filed(row.id, done.at, _deed(step, done, wanted, act))
            return
        raise FilingError(f"{printable(wanted)}: other programs take every name before we can; filing is tried again")

    def _find_again(self, row: FrameRow) -> None:
        """The file is not where it appeared: it was moved by an earlier run of ours, or it is gone."""
        assert row.planned is not None
        there = look(row.planned)
        if there is not None and (signature_of(there) == row.signature or self._holds_bytes_of(there, row)):
            if row.file_by == Act.MOVE:
                bring_along(row.path, there.path, self._owner)  # a crash may have come between the two
            self._ledger.progress.filed(row.id, there, row.file_by)
            return
        log.warning("%s: the file vanished or was overwritten by another program before it could be filed", row.path)
        self._ledger.progress.gone(row.id, "vanished or overwritten before it could be filed")

    def _holds_bytes_of(self, there: Sighting, row: FrameRow) -> bool:
        return row.sha256 is not None and there.size_bytes == row.size_bytes and sha256_of(there.path) == row.sha256

    def _rewritten(self, source: Sighting, frame_id: int | None = None) -> FrameRow | None:
        """The frame that was filed by a link to this very file, before another program wrote new bytes into it."""
        for row in self._ledger.frames.at_path(source.path):
            if row.id != frame_id and row.state in {"filed", "reviewed"} and row.destination is not None:
                there = look(row.destination)
                if there is not None and there.same_file(source):
                    return row
        return None

    def _take_over(self, row: FrameRow, earlier: FrameRow) -> None:
        """The old link shows the new bytes: it goes where these belong."""
        assert earlier.destination is not None
        assert row.planned is not None
        there = look(earlier.destination)
        assert there is not None
        label_folder = self._output.path / str(row.label)
        if not earlier.destination.is_relative_to(label_folder):
            there = move_within(there, row.planned, self._output.path, self._owner)
        self._ledger.progress.gone(earlier.id, "overwritten in place by other bytes")
        self._ledger.progress.filed(row.id, there, Act.LINK)

    def _pause_one(self, row: FrameRow, trouble: str) -> None:
        self._pauses[row.id] = self._next(self._pauses.get(row.id, _Pause(0, 0.0)), LONGEST_FRAME_PAUSE_S)
        log.warning("%s", trouble)

    def _pause_all(self, trouble: str) -> None:
        self._output_pause = self._next(self._output_pause, LONGEST_OUTPUT_PAUSE_S)
        self.trouble = trouble
        self._behind = True
        log.warning("%s", trouble)

    def _next(self, pause: _Pause, longest_s: float) -> _Pause:
        """Twice as long a pause as the last one, up to the longest."""
        return _Pause(pause.tries + 1, self._clock() + min(FIRST_PAUSE_S * 2.0 ** min(pause.tries, 10), longest_s))


def rehearse(step: Plan, root: Path, owner: str) -> Done:
    """What ``carry_out`` would give, with nothing done."""
    del root, owner
    destination = step.destination
    assert destination is not None
    return Done(Sighting(destination, 0, 0, step.source.size_bytes, step.source.mtime_ns), step.act)


def _deed(step: Plan, done: Done, wanted: Path, act: Act) -> str | None:
    """What is to be remembered for undo; ``None`` when the bytes lay there without our doing."""
    if done.act is not Act.LEAVE:
        return done.act
    if step.destination != wanted or done.at is None:
        return None
    if act is Act.SYMLINK:
        return act
    return Act.LINK if done.at.same_file(step.source) else Act.COPY  # ours, cut short before it was noted
