"""Looking back on a night: what would be graded otherwise now, stored as proposals; and, when wanted, put in force.

The command line calls ``look_back`` in its own process, the daemon in a child (``regrade_worker``). Both may be ended
at any moment: each group's proposals, and each frame that is filed anew, are in the ledger before the next one begins.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from nebulift.errors import FilingError
from nebulift_daemon.judge_messages import JudgeOptions
from nebulift_daemon.ledger import FrameRow, Ledger, Regrade
from nebulift_daemon.nights import Night
from nebulift_daemon.regrade_filing import Places, put_in_force
from nebulift_daemon.regrade_frames import Group, groups_of, in_folders
from nebulift_daemon.regrade_judging import frames_to_measure, load_rules, piece_frames, proposals, spelled

Progress = Callable[[int, int], None]  # done, of how many


@dataclass(frozen=True, slots=True)
class Change:
    """A frame that is, or would be, graded otherwise."""

    frame: FrameRow  # as it was before
    regrade: Regrade
    file: Path  # where it lies now
    is_done: bool = False
    trouble: str | None = None  # why it was not put in force


@dataclass(slots=True)
class Found:
    """What looking back came to."""

    frames: int = 0
    changes: list[Change] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)  # files that were left alone


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look back on, and whether to act on it."""

    nights: tuple[Night, ...]
    folders: tuple[Path, ...] = ()  # only their frames are changed; the others of their sessions are witnesses
    apply: bool = False
    undone_too: bool = True  # whether what a person took back before may be proposed again


def look_back(
    ledger: Ledger, wanted: Wanted, options: JudgeOptions, places: Places, progress: Progress = lambda *_: None
) -> Found:
    """Judge the nights again where anything has changed since the last time, and act as ``wanted``.

    Raises ``LedgerError``, and ``NebuliftError`` when there is no judge.
    """
    found = Found()
    groups = groups_of(ledger, wanted.nights, found.troubles)
    _judge(ledger, groups, options, found.troubles, progress)
    members = [member.row for group in groups for member in group.members]
    chosen = in_folders(members, wanted.folders) if wanted.folders else {row.id for row in members}
    found.frames = len(chosen)
    for night in wanted.nights:
        for regrade in ledger.regrades.proposed(night.evening.isoformat(), undone_too=wanted.undone_too):
            if regrade.frame_id in chosen:
                found.changes.append(_change(ledger, places, regrade, apply=wanted.apply))
    return found


def _judge(ledger: Ledger, groups: list[Group], options: JudgeOptions, troubles: list[str], progress: Progress) -> None:
    """Have proposals in the ledger for every group as it is now; groups where nobody could be changed are passed by."""
    groups = [group for group in groups if any(member.is_open for member in group.members)]
    if not groups:
        return
    rules = load_rules(options)
    spelling = spelled(rules)
    to_do = [group for group in groups if not ledger.regrades.is_looked_back(group.as_it_is(spelling))]
    piece = piece_frames(options.memory_mb)
    total, done = sum(frames_to_measure(group, piece) for group in to_do), 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    for group in to_do:
        missed = len(troubles)
        found = proposals(group, rules, piece, tell, troubles)
        at = group.as_it_is(spelling)
        if len(troubles) > missed:
            at = replace(at, fingerprint="")  # once more the next time: what could not be read may be readable then
        ledger.regrades.looked_back(at, [member.row.id for member in group.members], found)


def _change(ledger: Ledger, places: Places, regrade: Regrade, *, apply: bool) -> Change:
    row = ledger.frames.get(regrade.frame_id)
    assert row is not None
    changed = partial(Change, row, regrade)
    here = row.destination or row.path
    if not apply:
        return changed(here)
    try:
        return changed(put_in_force(ledger, places, regrade), is_done=True)
    except FilingError as error:
        return changed(here, trouble=str(error))
