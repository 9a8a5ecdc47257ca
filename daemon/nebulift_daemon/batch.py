"""Sorting a finished night in one go, by the daemon's own steps; resumable, since the ledger knows what is done."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from nebulift.readers.fits_header import is_complete
from nebulift.settings import Settings
from nebulift_daemon.assembly import Parts, Workplace, put_together
from nebulift_daemon.filer import rehearse
from nebulift_daemon.filing import carry_out
from nebulift_daemon.folders import walk
from nebulift_daemon.judge_messages import DEFAULT_JUDGE
from nebulift_daemon.ledger import FrameRow, Ledger, has_ledger, new_ledger_in_memory
from nebulift_daemon.mounts import remote_devices
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.patience import Alarm
from nebulift_daemon.reviews import OutputTree
from nebulift_daemon.settler import UNSURE_FACTOR, Settler
from nebulift_daemon.sighting import Sighting
from nebulift_daemon.sorter import Outcome
from nebulift_daemon.state_folder import StateLock
from nebulift_daemon.verdict_line import label_of
from nebulift_daemon.whole import ignore_lease_breaks, writer_test


@dataclass(slots=True)
class Tally:
    """What became of a folder of frames."""

    found: int = 0
    known: int = 0  # sorted by an earlier run
    labels: dict[str, int] = field(default_factory=dict)  # clean, contaminated, review, skipped
    unreadable: int = 0
    unreachable: int = 0  # they cannot be read at the moment
    waiting: int = 0  # judged, could not be filed
    writing: list[Path] = field(default_factory=list)  # still being written: left for another run
    trouble: str | None = None  # why frames could not be filed
    stopped: bool = False

    def count(self, row: FrameRow) -> None:
        label = label_of(row)
        self.labels[label] = self.labels.get(label, 0) + 1
        self.unreadable += row.kinds == ("unreadable",)
        self.waiting += row.state == "judged"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who follows the sorting: told once how many frames there are, then of each frame."""

    begin: Callable[[int], None]
    announce: Callable[[FrameRow], None]


def sort_folder(
    settings: Settings, alarm: Alarm, audience: Audience, *, dry_run: bool = False, judge: str = DEFAULT_JUDGE
) -> Tally:
    """Judge and file every frame in the watched folders of ``settings``; with ``dry_run`` nothing is touched.

    Raises ``NebuliftError`` when the work cannot begin, or the judge or the ledger fail for good.
    """
    tally = Tally()
    output = OutputRoot(settings.output.root, settings.output.state_folder, imagined=dry_run)
    remote = remote_devices()
    is_being_written = writer_test(lambda device: device in remote)
    with ExitStack() as stack:
        ledger = _open(settings, stack, dry_run=dry_run)
        if not dry_run:
            output.begin(known=ledger.memory.has_folder(output.path))
            ledger.memory.keep_folders([output.path, *settings.watch.folders])
            OutputTree(ledger, output).notice()

        def announce(row: FrameRow) -> None:
            tally.count(row)
            audience.announce(row)

        workplace = Workplace(
            keep_going=lambda: not alarm.stopping,
            pause=alarm.pause,
            announce=announce,
            is_being_written=is_being_written,
            judge=judge,
            carry_out=rehearse if dry_run else carry_out,
            undone_too=True,
        )
        parts = put_together(settings, ledger, output, workplace)
        stack.callback(parts.judge.close)
        frames = _new_frames(settings, ledger, tally)
        ignore_lease_breaks()
        whole = _settled(frames, settings, is_being_written, alarm, tally)
        audience.begin(len(whole))
        tally.unreachable = _take_all(parts, whole, settings.watch.folders, alarm)
        parts.sessions.save()
        while parts.filer.next_retry_s() == 0 and not alarm.stopping:
            parts.filer.retry(lambda: not alarm.stopping)
        tally.waiting = len(ledger.frames.waiting_to_file(limit=10**6))
        tally.trouble = parts.filer.trouble
    tally.stopped = alarm.stopping
    return tally


def _open(settings: Settings, stack: ExitStack, *, dry_run: bool) -> Ledger:
    """The ledger, locked for us; for a dry run a copy in memory."""
    state = settings.output.state_folder
    if not dry_run:
        stack.enter_context(StateLock(state))
        ledger = Ledger.open(state, check=True)
    elif has_ledger(state):
        original = Ledger.open(state)
        stack.callback(original.close)
        ledger = original.copied_to_memory()
    else:
        ledger = new_ledger_in_memory()
    stack.callback(ledger.close)
    return ledger


def _new_frames(settings: Settings, ledger: Ledger, tally: Tally) -> list[Sighting]:
    new: list[Sighting] = []
    for folder in settings.watch.folders:
        for listing in walk(folder):
            unknown = ledger.frames.unknown(listing.folder, listing.frames, undone_too=True)
            tally.found += len(listing.frames)
            tally.known += len(listing.frames) - len(unknown)
            new += unknown
    return new


def _settled(
    frames: list[Sighting],
    settings: Settings,
    is_being_written: Callable[[Path, int], bool | None],
    alarm: Alarm,
    tally: Tally,
) -> list[Sighting]:
    """The frames nobody is writing, in order of time. Half a frame of a finished night stays half."""
    settle_s = settings.watch.settle_s
    settler = Settler(settle_s, settle_s, is_being_written, is_complete)
    for sighting in frames:
        settler.note(sighting)
    whole: list[Sighting] = []
    deadline = time.monotonic() + (UNSURE_FACTOR + 1) * settle_s
    while (wait_s := settler.next_check_s()) is not None and time.monotonic() < deadline and alarm.pause(wait_s):
        whole += settler.whole()
    done = {sighting.path for sighting in whole}
    tally.writing = [sighting.path for sighting in frames if sighting.path in settler and sighting.path not in done]
    return sorted(whole, key=lambda sighting: sighting.mtime_ns)


def _take_all(parts: Parts, frames: list[Sighting], watched: Sequence[Path], alarm: Alarm) -> int:
    """Take every frame; how many could not be read for their disk's sake."""
    waiting, unreachable = deque(frames), 0
    while waiting and not alarm.stopping:
        sighting = waiting.popleft()
        root = next(folder for folder in watched if sighting.path.is_relative_to(folder))
        outcome = parts.sorter.take(sighting, root)
        unreachable += outcome is Outcome.LATER
        if outcome is Outcome.AGAIN:
            waiting.append(sighting)
    return unreachable
