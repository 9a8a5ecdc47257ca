"""Are the watched folders there, readable, and of a kind on which everything works?"""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nebulift.doctor.check import Check, fail, ok, warn
from nebulift.doctor.writable import closed, nearest
from nebulift_daemon.folders import Listing, walk
from nebulift_daemon.mounts import Mount, mount_of

TOPIC = "folders"
FAT_TYPES = frozenset({"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk"})
INOTIFY = Path("/proc/sys/fs/inotify")
MOST_LISTINGS = 20_000  # looked at; a tree with more is described by its beginning
WATCHES_KEPT = 0.8  # share of the kernel's watches that may be ours


@dataclass(frozen=True, slots=True)
class Filing:
    """How frames leave the folders: by which ways, and where to."""

    ways: frozenset[str]
    output: Path | None


def folder_checks(
    folder: Path, filing: Filing, table: Sequence[Mount], *, known: bool, inotify: Path = INOTIFY
) -> Iterator[Check]:
    """All about one watched folder; ``known``: it was there on an earlier day."""
    if not folder.is_dir():
        yield _missing(folder, known=known)
        return
    if not os.access(folder, os.R_OK | os.X_OK):
        yield fail(TOPIC, f"{folder}: may not be read by this user", f"sudo chmod o+rx {folder}, or run as its owner")
        return
    listings = list(itertools.islice(walk(folder), MOST_LISTINGS))
    yield _contents(folder, listings)
    yield from _unreadable(folder, listings)
    yield from _kind_of_disk(folder, table)
    yield from _ways_out(folder, filing, table)
    yield from _watches(folder, _folders(listings), inotify)


def _missing(folder: Path, *, known: bool) -> Check:
    if folder.exists():
        return fail(TOPIC, f"{folder}: is not a folder", "correct the name in the configuration")
    if known:
        return warn(TOPIC, f"{folder}: is not there at the moment; the daemon waits for it", "plug its disk in")
    return fail(TOPIC, f"{folder}: does not exist", "create it, or correct the name in the configuration")


def _contents(folder: Path, listings: Sequence[Listing]) -> Check:
    frames = sum(len(listing.frames) for listing in listings)
    more = " at least" if len(listings) == MOST_LISTINGS else ""
    return ok(TOPIC, f"{folder}: readable,{more} {frames} frames in {_folders(listings)} folders")


def _folders(listings: Sequence[Listing]) -> int:
    return len({listing.folder for listing in listings})


def _unreadable(folder: Path, listings: Sequence[Listing]) -> Iterator[Check]:
    closed = [listing.folder for listing in listings if listing.error]
    if closed:
        yield warn(
            TOPIC,
            f"{folder}: {len(closed)} folders in it may not be read, such as {closed[0]}; their frames are not judged",
            f"sudo chmod o+rx {closed[0]}, or run as the frames' owner",
        )
    ours = [listing.folder for listing in listings if listing.ours]
    if ours:
        yield warn(TOPIC, f"{ours[0]}: is an output folder of Nebulift inside a watched folder; it is passed over")


def _kind_of_disk(folder: Path, table: Sequence[Mount]) -> Iterator[Check]:
    mount = mount_of(folder, table)
    if mount is None:
        return
    if mount.is_remote:
        yield ok(
            TOPIC,
            f"{folder}: shared with other machines ({mount.file_system}): looked through every few seconds, and a "
            "frame is whole only after three times the settling time",
        )
    elif mount.file_system in FAT_TYPES:
        yield warn(
            TOPIC,
            f"{folder}: on {mount.file_system}, which has no hard links: frames are copied and take room twice",
            'have the output on another disk, or set the ways below [filing] to "move" or "leave"',
        )


def _ways_out(folder: Path, filing: Filing, table: Sequence[Mount]) -> Iterator[Check]:
    """Whether links and moves can leave this folder."""
    if "move" in filing.ways and (problem := closed(TOPIC, folder)):
        yield replace(problem, text=f"{problem.text}, but frames are to be moved out of it")
    if "link" not in filing.ways or filing.output is None:
        return
    mount = mount_of(folder, table)
    output = nearest(filing.output)
    if mount is not None and mount.file_system in FAT_TYPES:
        return  # said already
    if output.stat().st_dev != folder.stat().st_dev or mount != mount_of(output, table):
        yield warn(
            TOPIC,
            f"{folder}: on another disk or mount than {filing.output}: frames are copied and take room twice",
            "choose an output folder beside it",
        )
    elif _is_anothers(folder):
        yield warn(
            TOPIC,
            f"{folder}: belongs to another user than this check's; Linux lets only the owner link frames and see "
            "whether they are being written, so frames would be copied, and wait longer",
            "run Nebulift as the frames' owner",
        )
    else:
        yield ok(TOPIC, f"{folder}: frames can be linked into {filing.output}, which takes no room")


def _is_anothers(folder: Path) -> bool:
    return os.geteuid() not in {0, folder.stat().st_uid}


def _watches(folder: Path, needed: int, inotify: Path) -> Iterator[Check]:
    """Each folder takes one of the kernel's watches; without any left, the daemon looks every few seconds."""
    try:
        allowed = int((inotify / "max_user_watches").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    if needed > WATCHES_KEPT * allowed:
        yield warn(
            TOPIC,
            f"{folder}: its {needed} folders need more than the kernel's {allowed} watches; it is looked through every "
            "few seconds instead",
            f"echo fs.inotify.max_user_watches={4 * needed} | sudo tee /etc/sysctl.d/60-nebulift.conf && "
            "sudo sysctl --system",
        )
