"""Putting a second judgement in force: the frame moves by the same rules as any filing, and undo takes it back.

The ledger holds the intention before anything moves. A crash between the move and its entry is mended by whoever looks
first: the next regrade, the daemon's start, or its look for frames that people moved (``reviews.OutputTree``).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nebulift.errors import FilingError, printable
from nebulift.verdict import Label
from nebulift_daemon.filing import Act, carry_out, plan
from nebulift_daemon.ledger import REGRADE, FrameRow, Ledger, Regrade, signature_of
from nebulift_daemon.mounts import remote_devices
from nebulift_daemon.naming import belongs_at
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.placing import SourceChanged, move_exclusive
from nebulift_daemon.regrade_frames import NotAsJudged, bytes_of
from nebulift_daemon.reviews import move_within
from nebulift_daemon.sighting import Sighting, look
from nebulift_daemon.whole import writer_test

MOST_ATTEMPTS = 20  # names that are taken under our hands, one after the other
OVERTAKEN = "somebody has decided or moved it in the meantime; left alone"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Places:
    """Where frames are filed, and how those of each label get there."""

    output: OutputRoot
    acts: Mapping[Label, Act]
    subfolders: Mapping[Path, str]  # which folder below a label mirrors each watched folder
    is_being_written: Callable[[Path, int], bool | None]


def places_of(output: OutputRoot, acts: Mapping[Label, Act], subfolders: Mapping[Path, str]) -> Places:
    """Where frames are filed on this machine."""
    remote = remote_devices()
    return Places(output, acts, subfolders, writer_test(lambda device: device in remote))


def put_in_force(ledger: Ledger, places: Places, regrade: Regrade) -> Path:
    """File the frame under its new label and enter the new judgement; where it lies then.

    A label that is not filed leaves the frame where it is. Raises ``FilingError`` with the reason when that cannot be
    done now, and ``LedgerError``; the frame and its judgement are then as they were.
    """
    row = ledger.frames.get(regrade.frame_id)
    assert row is not None
    try:
        bytes_of(row)
    except NotAsJudged as error:
        raise FilingError(str(error)) from error
    if places.acts[Label(regrade.after)] is Act.LEAVE:
        return _left(ledger, regrade, row)
    if not places.output.is_there():
        raise FilingError(f"{places.output.path}: the output folder is not there (no marker); is its disk plugged in?")
    if row.destination is not None:
        return _moved(ledger, places.output, regrade, row)
    wanted = belongs_at(places.output.path / regrade.after, places.subfolders.get(row.root, ""), row.path, row.root)
    return _filed(ledger, places, regrade, row, wanted)


def _left(ledger: Ledger, regrade: Regrade, row: FrameRow) -> Path:
    here = row.destination or row.path
    _begin(ledger, regrade, row, None, REGRADE)
    if not ledger.regrades.applied(regrade, here, None):
        ledger.regrades.give_up(regrade)
        raise FilingError(f"{printable(here)}: {OVERTAKEN}")
    return here


def _moved(ledger: Ledger, output: OutputRoot, regrade: Regrade, row: FrameRow) -> Path:
    """From one label of the output tree to another."""
    assert row.destination is not None
    here = look(row.destination, links_too=True)
    if here is None:
        raise FilingError(f"{printable(row.destination)}: the file is not there any more; left alone")
    if not row.destination.is_relative_to(output.path):
        raise FilingError(f"{printable(row.destination)}: lies outside the output folder {output.path}")
    within = row.destination.relative_to(output.path)
    wanted = output.path / regrade.after / Path(*within.parts[1:])
    owner = ledger.memory.identity()
    try:
        done = move_within(
            here, wanted, output.path, owner, lambda planned: _begin(ledger, regrade, row, planned, REGRADE)
        )
    except FilingError:
        ledger.regrades.give_up(regrade)
        raise
    if not ledger.regrades.applied(regrade, row.destination, done):
        move_within(done, row.destination, output.path, owner)  # a person was quicker: back to where they saw it
        ledger.regrades.give_up(regrade)
        raise FilingError(f"{printable(row.destination)}: {OVERTAKEN}")
    return done.path


def _filed(
    ledger: Ledger, places: Places, regrade: Regrade, row: FrameRow, wanted: Path, *, unfinished: bool = False
) -> Path:
    """From where the frame appeared and was left, as if it had had its new label from the beginning."""
    source = look(row.path)
    act = Act(regrade.act) if unfinished and regrade.act else places.acts[Label(regrade.after)]
    if source is None or places.is_being_written(source.path, source.device):
        raise FilingError(f"{printable(row.path)}: the file is gone or is being written; left alone")
    for _ in range(MOST_ATTEMPTS):
        step = plan(source, row.sha256, wanted, act, unfinished=unfinished)
        if step.act is Act.LEAVE and not unfinished:
            return _left(ledger, regrade, row)  # somebody's copy lies there already
        try:
            _begin(ledger, regrade, row, step.destination, act)
            done = carry_out(step, places.output.path, ledger.memory.identity())
        except FileExistsError:
            continue
        except (SourceChanged, FilingError) as error:
            ledger.regrades.give_up(regrade)
            raise FilingError(f"{printable(row.path)}: could not be filed ({error}); left alone") from error
        assert done.at is not None
        if ledger.regrades.applied(regrade, row.path, done.at):
            return done.at.path
        _take_away(done.at, row, ledger.memory.identity())
        break
    ledger.regrades.give_up(regrade)
    raise FilingError(f"{printable(row.path)}: {OVERTAKEN}")


def _take_away(filed: Sighting, row: FrameRow, owner: str) -> None:
    """A person was quicker: the frame is only where it appeared again."""
    if look(row.path) is None:
        move_exclusive(filed, row.path, row.sha256, owner)
    else:
        filed.path.unlink()


def _begin(ledger: Ledger, regrade: Regrade, row: FrameRow, planned: Path | None, act: str) -> None:
    if not ledger.regrades.begin(regrade, row.destination, planned, act):
        raise FilingError(f"{printable(row.destination or row.path)}: {OVERTAKEN}")


def finish_interrupted(ledger: Ledger, places: Places) -> int:
    """Bring to its end, or back to its beginning, what a crash cut short; how many frames that were.

    Only for whoever knows that no regrade is at work. Raises ``LedgerError``.
    """
    unfinished = ledger.regrades.unfinished()
    for regrade in unfinished:
        row = ledger.frames.get(regrade.frame_id)
        assert row is not None
        try:
            _finish(ledger, places, regrade, row)
        except FilingError as error:
            log.warning("%s", error)
            ledger.regrades.give_up(regrade)
    return len(unfinished)


def _finish(ledger: Ledger, places: Places, regrade: Regrade, row: FrameRow) -> None:
    there = None if regrade.planned is None else look(regrade.planned, links_too=True)
    if regrade.state == "undoing":
        _finish_undo(ledger, regrade, row, there)
    elif regrade.act == REGRADE:
        arrived = there is not None and signature_of(there) == row.destination_signature
        if not (arrived and row.destination and ledger.regrades.applied(regrade, row.destination, there)):
            ledger.regrades.give_up(regrade)
    elif there is not None and look(row.path) is None and there.size_bytes == row.size_bytes:
        ledger.regrades.applied(regrade, row.path, there)
    elif regrade.planned is not None and places.output.is_there():
        _filed(ledger, places, regrade, row, regrade.planned, unfinished=True)
    else:
        ledger.regrades.give_up(regrade)


def _finish_undo(ledger: Ledger, regrade: Regrade, row: FrameRow, there: Sighting | None) -> None:
    gone = row.destination is not None and look(row.destination, links_too=True) is None
    if not gone or there is None or (there.size_bytes != row.size_bytes and not there.path.is_symlink()):
        ledger.regrades.give_up(regrade)
    elif regrade.act == REGRADE:
        ledger.regrades.undone(regrade, there)
    else:
        ledger.regrades.undone(regrade, None, signature=signature_of(there))
