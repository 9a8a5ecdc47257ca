"""Taking filing back: each act is reversed exactly, the last one first, and nothing is ever replaced on the way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nebulift.errors import FilingError, printable
from nebulift_daemon.filing import Act, explained
from nebulift_daemon.ledger import HAND, REGRADE, Action, FrameRow, Ledger, Regrade, signature_of
from nebulift_daemon.placing import SourceChanged, make_folders, move_exclusive, remove_same, sha256_of, sync_folder
from nebulift_daemon.sidecars import bring_along
from nebulift_daemon.sighting import Sighting, look


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of taking back one act."""

    action: Action
    trouble: str | None  # why it was not possible; ``None`` when it is done


def undo_all(ledger: Ledger, actions: Iterable[Action], output: Path, owner: str) -> Iterator[Undone]:
    """Take back these acts, newest first; an act that cannot be taken back leaves its file where it is."""
    for action in actions:
        if action.act == HAND:
            continue  # a person's own move is theirs to take back
        try:
            undo(ledger, action, output, owner)
        except FilingError as error:
            yield Undone(action, str(error))
        else:
            yield Undone(action, None)


def undo(ledger: Ledger, action: Action, output: Path, owner: str) -> None:
    """Take back one act. Raises ``FilingError`` with the reason when that would lose or replace anything."""
    row = ledger.frames.get(action.frame_id)
    if row is None:
        raise FilingError(f"{printable(action.destination)}: the ledger does not know this frame any more")
    regrade = ledger.regrades.of_action(action.id)
    if regrade is not None:
        _undo_regrade(ledger, regrade, action, row, output)
        return
    back_at = _taken_back(action, row, output, owner)
    if back_at is not None and action.source.is_relative_to(output):
        ledger.history.refiling_undone(action, back_at, action.source.relative_to(output).parts[0])
    else:
        ledger.history.filing_undone(action, back_at)
    _remove_empty_folders((row.destination or action.destination).parent, output)


def _undo_regrade(ledger: Ledger, regrade: Regrade, action: Action, row: FrameRow, output: Path) -> None:
    """Place, label and judgement are as they were before hindsight changed them. Raises ``FilingError``."""
    here = row.destination or action.destination
    if any(later.act == HAND and later.id > action.id for later in ledger.history.actions_of(row.id)):
        raise FilingError(f"{printable(here)}: a person moved this frame by hand since; move it back by hand")
    if action.source == action.destination:
        ledger.regrades.undone(regrade, None if row.destination is None else look(row.destination, links_too=True))
        return
    ledger.regrades.undo_begun(regrade, action.source)
    try:
        back_at = _taken_back(action, row, output, ledger.memory.identity())
    except FilingError:
        ledger.regrades.give_up(regrade)
        raise
    if action.act == REGRADE:
        ledger.regrades.undone(regrade, back_at)
    else:
        ledger.regrades.undone(regrade, None, signature=None if back_at is None else signature_of(back_at))
    _remove_empty_folders(here.parent, output)


def _taken_back(action: Action, row: FrameRow, output: Path, owner: str) -> Sighting | None:
    """``_take_back``, every trouble as a ``FilingError``."""
    here = row.destination or action.destination
    try:
        return _take_back(action, row, output, owner)
    except FileExistsError as error:
        raise FilingError(
            f"{printable(action.source)}: another file has taken this name; the frame stays at {printable(here)}, "
            "rename one of the two"
        ) from error
    except SourceChanged as error:
        raise FilingError(f"{printable(here)}: this is not the file that was filed; it stays as it is") from error
    except OSError as error:
        raise explained(error, here) from error


def undo_decision(ledger: Ledger, frame_id: int, output: Path, owner: str) -> None:
    """Take back the newest decision about a frame, and with it the move that it caused.

    Raises ``FilingError`` when there is none, when a person made it by moving the file, or as ``undo`` does.
    """
    row = ledger.frames.get(frame_id)
    decisions = ledger.history.decisions_of(frame_id)
    if row is None or not decisions:
        raise FilingError(f"frame {frame_id}: there is no decision to take back")
    (newest, _, decided_at), earlier = decisions[0], decisions[1:]
    every = ledger.history.actions_of(frame_id)
    moves = [action for action in every if action.act != REGRADE and action.source.is_relative_to(output)]
    if moves and moves[0].at <= decided_at and not (earlier and earlier[0][2] >= moves[0].at):
        if moves[0].act == HAND:
            raise FilingError(f"{printable(row.destination)}: a person moved this frame by hand; move it back by hand")
        undo(ledger, moves[0], output, owner)
        return
    before = earlier[0][1] if earlier else (ledger.frames.record(frame_id) or {}).get("verdict")
    if before is None:
        raise FilingError(f"{printable(row.path)}: what this frame was before is not known; decide anew")
    ledger.history.decision_undone(frame_id, newest, before, "reviewed" if earlier else "filed")


def _take_back(action: Action, row: FrameRow, output: Path, owner: str) -> Sighting | None:
    """Reverse the act on the disk; where the frame lies now, ``None`` when only a link or a copy was removed."""
    here = row.destination or action.destination
    if action.act == Act.SYMLINK:
        if here.is_symlink() and here.readlink() == action.source:
            here.unlink()
            sync_folder(here.parent)
        return None
    filed = look(here, links_too=True)
    original = look(action.source)
    if filed is None:
        return _already_back(row, original, here)
    if action.act in {Act.LINK, Act.COPY} and original is not None and _is_double(filed, original, row):
        remove_same(filed)
        return None
    # a move, or a link or copy whose original is gone: what we have is the frame itself
    make_folders(action.source.parent, row.root if action.source.is_relative_to(row.root) else output)
    move_exclusive(filed, action.source, row.sha256, owner)
    bring_along(here, action.source, owner)
    return look(action.source, links_too=True)


def _already_back(row: FrameRow, original: Sighting | None, here: Path) -> Sighting:
    """The original, when an undo that was cut short has already put it back or a person has removed the double."""
    if original is None or (signature_of(original) != row.signature and sha256_of(original.path) != row.sha256):
        raise FilingError(f"{printable(here)}: the file is gone; nothing to take back")
    return original


def _is_double(filed: Sighting, original: Sighting, row: FrameRow) -> bool:
    """Whether the bytes are safe at the original's place."""
    if filed.same_file(original):
        return True
    return filed.size_bytes == original.size_bytes and sha256_of(original.path) == (row.sha256 or sha256_of(filed.path))


def _remove_empty_folders(folder: Path, output: Path) -> None:
    """Folders that filing made and undo emptied, up to (not including) the label's."""
    while folder.is_relative_to(output) and len(folder.relative_to(output).parts) > 1:
        try:
            folder.rmdir()
        except OSError:
            return  # not empty: it holds other frames, or a person's files
        folder = folder.parent
