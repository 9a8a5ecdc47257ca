"""What people decide: by moving files between review, clean and contaminated with a file manager, or by a command.

Every frame that we filed and that turns up under another label is a human label, with time and source. Files are known
again by inode, and by their bytes where a move changed the inode.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nebulift.errors import FilingError, printable
from nebulift.verdict import Label
from nebulift_daemon.filing import Act, Plan, candidate_names, carry_out
from nebulift_daemon.folders import names_in
from nebulift_daemon.ledger import HAND, FrameRow, Ledger, signature_of
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.placing import SourceChanged, sha256_of
from nebulift_daemon.sidecars import bring_along
from nebulift_daemon.sighting import Sighting, look

# FAT's time stamps have steps of 2 s: a change within the same one would go unseen
SAME_STAMP_NS = 3_000_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HandMove:
    """A frame that a person took from one label to another."""

    frame: FrameRow
    label: Label
    now_at: Sighting


@dataclass(frozen=True, slots=True)
class _Compared:
    """What a folder holds against what the ledger says of it."""

    lost: list[FrameRow]  # should be there and are not
    found: list[Sighting]  # are there, and nobody filed them
    subfolders: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """What a folder was like when it was compared with the ledger."""

    changed_ns: int | None  # its time stamp; ``None``: it was so young that another change might have the same
    subfolders: tuple[Path, ...]


class OutputTree:
    """Looks through the output tree for what people moved; only folders that changed since the last look are read.

    A folder's time stamp tells of every name that comes or goes in it, so that a year of frames costs one ``stat`` for
    each folder.
    """

    def __init__(self, ledger: Ledger, output: OutputRoot, wall_clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._ledger = ledger
        self._root = output.path
        self._is_there = output.is_there
        self._wall_clock_ns = wall_clock_ns
        self._looks: dict[Path, _Look] = {}

    def notice(self, keep_going: Callable[[], bool] = lambda: True) -> list[HandMove]:
        """Enter into the ledger what people moved since the last look; what it was.

        Nothing is concluded while the output root is not there, or when ``keep_going`` says no in between.
        """
        if not self._is_there():
            return []
        missing: list[FrameRow] = []
        unknown: list[Sighting] = []
        looks: dict[Path, _Look] = {}
        for folder, changed_ns, compared in self._changed_folders(keep_going):
            missing += compared.lost
            unknown += compared.found
            looks[folder] = _Look(changed_ns, compared.subfolders)
        if not keep_going() or not self._is_there():
            return []  # half a look: a file may have gone where we did not look
        if looks:  # a folder that went away has changed the one it was in
            missing += self._of_vanished_folders()
        moves = [move for found in unknown if (move := self._recognise(found, missing))]
        for row in missing:
            self._note_missing(row)
        self._looks |= looks
        return moves

    def _changed_folders(self, keep_going: Callable[[], bool]) -> Iterator[tuple[Path, int | None, _Compared]]:
        """Each with the time stamp that it had before it was read."""
        waiting = [self._root / label for label in reversed(Label)]
        while waiting and keep_going():
            folder = waiting.pop()
            last, changed_ns = self._looks.get(folder), _mtime_ns(folder)
            if last is not None and changed_ns is not None and last.changed_ns == changed_ns:
                waiting.extend(reversed(last.subfolders))
                continue
            stamp_ns = self._unless_young(changed_ns)
            if (compared := self._compare(folder)) is not None:
                waiting.extend(reversed(compared.subfolders))
                yield folder, stamp_ns, compared

    def _unless_young(self, changed_ns: int | None) -> int | None:
        is_young = changed_ns is not None and abs(self._wall_clock_ns() - changed_ns) < SAME_STAMP_NS
        return None if is_young else changed_ns

    def _compare(self, folder: Path) -> _Compared | None:
        """``None`` when the folder cannot be read.

        Where nobody moved anything, only a part of the names is in memory at a time: the folder grows all night. That
        none is lost is told by the number of those that are there.
        """
        filed, found, there = self._ledger.frames, list[Sighting](), 0
        try:
            for names in names_in(folder):
                known = filed.filed_in(folder, names.frames)
                there += len(known)
                strange = sorted(set(names.frames) - known)
                found += [sighting for name in strange if (sighting := look(folder / name, links_too=True))]
                subfolders = names.subfolders
            all_there = there == filed.number_filed_in(folder)
            lost = (
                [] if all_there else self._lost(folder, {name for names in names_in(folder) for name in names.frames})
            )
        except OSError:
            return None
        return _Compared(lost, found, subfolders)

    def _lost(self, folder: Path, names: set[str]) -> list[FrameRow]:
        """The frames that should be in the folder under other names than these."""
        frames = self._ledger.frames
        return [
            row
            for name in frames.names_filed_in(folder)
            if name not in names and (row := frames.filed_at(folder / name))
        ]

    def _of_vanished_folders(self) -> list[FrameRow]:
        vanished = [
            folder
            for folder in self._ledger.frames.destination_folders()
            if folder.is_relative_to(self._root) and not folder.is_dir()
        ]
        for folder in vanished:
            self._looks.pop(folder, None)
        return [row for folder in vanished for row in self._lost(folder, set())]

    def _recognise(self, found: Sighting, missing: list[FrameRow]) -> HandMove | None:
        """The missing frame that ``found`` is, taken off the list and entered under its new place."""
        label = Label(found.path.relative_to(self._root).parts[0])
        row = self._known_again(found, missing)
        if row is None:
            if look(found.path, links_too=True) != found:
                return None  # moved on since the folder was listed
            if not self._ledger.frames.is_planned(found.path):
                self._ledger.progress.adopt(self._root / label, found, label)
            return None
        if row in missing:
            missing.remove(row)
        return self._enter(row, label, found)

    def _known_again(self, found: Sighting, missing: list[FrameRow]) -> FrameRow | None:
        candidates = [row for row in missing if row.size_bytes == found.size_bytes or row.file_by == Act.SYMLINK]
        candidates += self._ledger.frames.missing_like(found.size_bytes)
        same = next((row for row in candidates if row.destination_signature == signature_of(found)), None)
        if same is not None or not candidates:
            return same
        try:
            sha256 = sha256_of(found.path)
        except OSError:
            return None  # vanished, or a dangling link: the next look tells
        return next((row for row in candidates if row.sha256 == sha256), None)

    def _enter(self, row: FrameRow, label: Label, found: Sighting) -> HandMove | None:
        assert row.destination is not None
        if self._is_our_own_move(row, found):
            return None
        if row.label == label or row.destination.is_relative_to(self._root / label):
            self._ledger.history.moved(row.id, found)  # renamed, or put into another folder of the same label
            return None
        if not self._ledger.history.refiled(row.id, label, None, HAND, row.destination, found):
            return None
        bring_along(row.destination, found.path, self._ledger.memory.identity())
        log.info("%s: a person says %s (it was %s)", found.path, label, row.label)
        return HandMove(row, label, found)

    def _is_our_own_move(self, row: FrameRow, found: Sighting) -> bool:
        """Whether hindsight moved the frame, not a person; what a crash left unsaid of it is said now."""
        regrade = self._ledger.regrades.under_way(row.id)
        if regrade is None or regrade.planned != found.path:
            return False
        if regrade.state == "undoing":
            self._ledger.regrades.undone(regrade, found)
        else:
            assert row.destination is not None
            self._ledger.regrades.applied(regrade, row.destination, found)
        return True

    def _note_missing(self, row: FrameRow) -> None:
        """A frame that left the output tree: put back by an undo that was cut short, or taken away by a person."""
        assert row.destination is not None
        if look(row.destination, links_too=True) is not None or self._ledger.regrades.under_way(row.id) is not None:
            return  # it came there after the folder was listed, or is on its way
        original = look(row.path)
        if row.file_by == Act.MOVE and original is not None and signature_of(original) == row.signature:
            self._ledger.progress.gone(row.id, "put back where it appeared", "undone")
        else:
            self._ledger.progress.gone(row.id, "taken out of the output folder by a person")


def decide(
    ledger: Ledger, output: OutputRoot, frame: FrameRow, label: Label, kind: str | None, source: str
) -> Path | None:
    """Enter a person's decision and put the frame where it now belongs; its new place, ``None`` when it was left.

    The frame moves within the output tree, by the same rules as any filing. ``source`` is ``terminal``, ``web`` or
    ``capture``.
    Raises ``FilingError`` when the frame cannot be moved or is not filed yet (nothing is entered then), or
    ``LedgerError``.
    """
    if frame.state == "judged":
        raise FilingError(f"{printable(frame.path)}: the frame is just being filed; decide in a moment")
    if frame.destination is None or frame.label == label:
        ledger.history.decided(frame.id, label, kind, source)
        return frame.destination
    here = look(frame.destination, links_too=True)
    if here is None or not output.is_there():
        raise FilingError(
            f"{printable(frame.destination)}: the frame is not there any more; look for it with `nebulift status`"
        )
    try:
        within = frame.destination.relative_to(output.path)
    except ValueError:
        raise FilingError(f"{printable(frame.destination)}: lies outside the output folder {output.path}") from None
    wanted = output.path / label / Path(*within.parts[1:])
    if wanted == frame.destination:  # regraded, and left where it is: there it stays
        ledger.history.decided(frame.id, label, kind, source)
        return frame.destination
    done = move_within(here, wanted, output.path, ledger.memory.identity())
    if not ledger.history.refiled(frame.id, label, kind, source, frame.destination, done):
        log.warning("%s: somebody else has moved this frame at the same time", frame.destination)
    return done.path


def move_within(
    here: Sighting, wanted: Path, root: Path, owner: str, intend: Callable[[Path], object] = lambda _: None
) -> Sighting:
    """Move a file inside the output tree to ``wanted`` or a numbered name beside it; where it lies then.

    ``intend`` is told of each name before it is tried.
    """
    for candidate in candidate_names(wanted):
        intend(candidate)
        try:
            done = carry_out(Plan(here, None, candidate, Act.MOVE), root, owner)
        except FileExistsError:
            continue
        except SourceChanged as error:
            raise FilingError(
                f"{printable(here.path)}: the file has just been changed or moved; look at it again"
            ) from error
        assert done.at is not None
        return done.at
    raise FilingError(f"{printable(wanted)}: no free name is left")


def _mtime_ns(folder: Path) -> int | None:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return None  # vanished: it counts as changed
