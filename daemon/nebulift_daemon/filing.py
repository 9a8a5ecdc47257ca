"""Filing a frame: first decide everything (``plan`` touches nothing), then act (``carry_out``). Never replace anything.

The same name with other bytes is the normal case (a capture program that finds its folder empty begins again at 001):
such a frame becomes ``name~2.fits``. The same bytes already there means that nothing is left to do.
"""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from nebulift.errors import FilingError, printable
from nebulift_daemon.naming import accepted_everywhere, numbered
from nebulift_daemon.placing import (
    NO_LINKS_HERE,
    SourceChanged,
    SourceUnreachable,
    copy_exclusive,
    link_exclusive,
    make_folders,
    move_exclusive,
    remove_same,
    sha256_of,
    symlink_exclusive,
    sync_file,
    sync_folder,
)
from nebulift_daemon.sidecars import bring_along
from nebulift_daemon.sighting import Sighting, look

MOST_NAMES = 10_000  # of one spelling, numbered; a capture program that restarts its count is far below
NAME_REFUSED = {errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG}
OUTPUT_TROUBLE = {
    errno.ENOSPC: "the disk is full; make room, filing goes on by itself",
    errno.EDQUOT: "the disk quota is used up; make room, filing goes on by itself",
    errno.EROFS: "the disk is read-only; mount it writable, filing goes on by itself",
    errno.EIO: "the disk reports an input/output error; check it, filing goes on by itself",
    errno.ENODEV: "the disk is gone; plug it in, filing goes on by itself",
    errno.ENXIO: "the disk is gone; plug it in, filing goes on by itself",
    errno.ENOTCONN: "the disk is not connected; mount it again, filing goes on by itself",
    errno.ESTALE: "the network folder is gone; mount it again, filing goes on by itself",
    errno.ENOENT: "the folder vanished while filing; filing goes on by itself",
}
FRAME_TROUBLE = {
    errno.EACCES: "permission denied; let this user write there, filing is tried again",
    errno.EPERM: "the system does not permit it (is the file immutable?); filing is tried again",
}


class Act(StrEnum):
    """How a frame gets to its place."""

    LINK = "link"
    MOVE = "move"
    COPY = "copy"
    SYMLINK = "symlink"
    LEAVE = "leave"


class OutputTrouble(FilingError):
    """Nothing can be filed at the moment, whichever frame it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done with one file. Making a plan has changed nothing."""

    source: Sighting
    sha256: str | None  # of the bytes that were judged
    destination: Path | None  # ``None``: the frame stays where it is
    act: Act
    half_done: bool = False  # a move whose copy is complete: only the source is left to remove


@dataclass(frozen=True, slots=True)
class Done:
    """What was done with one file."""

    at: Sighting | None  # where it lies now in the output tree
    act: Act


def plan(source: Sighting, sha256: str | None, wanted: Path, act: Act, *, unfinished: bool = False) -> Plan:
    """What to do so that the frame lies at ``wanted``, or beside it under a number. Reads, writes nothing.

    ``unfinished`` says that we may have begun before: then the same bytes at ``wanted`` are our own work, and what a
    move has left to do is to remove the source. Otherwise equal bytes are somebody's copy, and the frame stays.
    """
    if act is Act.LEAVE:
        return Plan(source, sha256, None, act)
    for candidate in candidate_names(wanted):
        there = look(candidate)
        if there is None:
            if not os.path.lexists(candidate):
                return Plan(source, sha256, candidate, act)
            if act is Act.SYMLINK and _leads_to(candidate, source.path):
                return Plan(source, sha256, candidate, Act.LEAVE)
            continue
        if source.same_file(there) or _same_bytes(source, there, sha256):
            if act is Act.MOVE and unfinished and candidate == wanted:
                return Plan(source, sha256, candidate, Act.MOVE, half_done=True)
            return Plan(source, sha256, candidate, Act.LEAVE)
    raise FilingError(
        f"{printable(wanted)}: {MOST_NAMES} frames of this name are filed already; move some of them away"
    )


def carry_out(plan: Plan, root: Path, owner: str) -> Done:
    """Do what the plan says; ``root`` is the output root, ``owner`` the ledger's identity.

    Raises ``FileExistsError`` when the name was taken in the meantime, ``SourceChanged`` when the file is not what was
    judged, ``OutputTrouble`` or ``FilingError`` when it cannot be done now. In each case nothing is lost or replaced.
    """
    if plan.destination is None or plan.act is Act.LEAVE:
        there = None if plan.destination is None else look(plan.destination, links_too=True)
        return Done(there, Act.LEAVE)
    if look(plan.source.path, links_too=True) != plan.source:
        raise SourceChanged(str(plan.source.path))
    try:
        make_folders(plan.destination.parent, root)
        act = _put(plan, plan.destination, owner)
    except FileExistsError:
        raise
    except SourceUnreachable as error:
        why = f"the file cannot be read ({error.strerror}); filing is tried again"
        raise FilingError(f"{printable(plan.source.path)}: {why}") from error
    except OSError as error:
        raise explained(error, plan.destination) from error
    if act is Act.MOVE:
        bring_along(plan.source.path, plan.destination, owner)
    return Done(look(plan.destination, links_too=True), act)


def candidate_names(wanted: Path) -> Iterator[Path]:
    """``wanted`` and its numbered neighbours, in the order in which they are tried."""
    return (numbered(wanted, number) for number in range(1, MOST_NAMES + 1))


def spelled_safely(wanted: Path, root: Path) -> Path:
    """``wanted`` in a spelling that every file system takes."""
    return root / accepted_everywhere(wanted.relative_to(root))


def is_name_refused(error: BaseException | None) -> bool:
    """Whether a file system refused a name that others would take."""
    return isinstance(error, OSError) and error.errno in NAME_REFUSED


def explained(error: OSError, path: Path) -> FilingError:
    """The error as one sentence; ``OutputTrouble`` when other frames would fare no better."""
    code = error.errno or 0
    if code in OUTPUT_TROUBLE:
        return OutputTrouble(f"{printable(path)}: {OUTPUT_TROUBLE[code]}")
    return FilingError(f"{printable(path)}: {FRAME_TROUBLE.get(code, f'{error.strerror}; filing is tried again')}")


def _put(plan: Plan, destination: Path, owner: str) -> Act:
    """Bring the file to its destination; what was done in the end."""
    source = plan.source
    if plan.act is Act.SYMLINK:
        symlink_exclusive(source.path, destination)
        sync_folder(destination.parent)
        return Act.SYMLINK
    if plan.act is Act.MOVE:
        if plan.half_done:
            sync_file(destination)
            sync_folder(destination.parent)
            remove_same(source)
        else:
            move_exclusive(source, destination, plan.sha256, owner)
        return Act.MOVE
    if plan.act is Act.LINK and _link(source, destination):
        return Act.LINK
    copy_exclusive(source, destination, plan.sha256, owner)
    return Act.COPY


def _link(source: Sighting, destination: Path) -> bool:
    """Link, checked and synced; False where there can be no link and a copy has to do."""
    try:
        link_exclusive(source.path, destination)
    except OSError as error:
        if error.errno in NO_LINKS_HERE or error.errno == errno.EXDEV:
            return False
        raise
    if look(destination) != replace(source, path=destination):
        destination.unlink()  # our own link of a moment ago, to a file that took the source's name
        raise SourceChanged(str(source.path))
    sync_folder(destination.parent)
    return True


def _same_bytes(source: Sighting, there: Sighting, sha256: str | None) -> bool:
    """Whether two files hold the same bytes; hashed only when their sizes agree."""
    if source.size_bytes != there.size_bytes:
        return False
    try:
        return sha256_of(there.path) == (sha256 or sha256_of(source.path))
    except OSError:
        return False  # not readable: then it is not ours, and the frame takes another name


def _leads_to(link: Path, target: Path) -> bool:
    try:
        return link.readlink() == target
    except OSError:
        return False
