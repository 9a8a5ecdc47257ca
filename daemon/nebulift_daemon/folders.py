"""Looking through capture folders: the truth about what is there, one folder at a time, without following links."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nebulift.readers.names import ignored_folder, is_frame_name
from nebulift_daemon.sighting import Sighting, seen_as

ROOT_MARKER = ".nebulift-root"  # lies in every output root; a folder that holds it is ours and is never searched
TEMPORARY_PREFIX = ".nebulift-"  # our own unfinished copies: see ``placing.temporary_name``
TEMPORARY_SUFFIX = ".part"


@dataclass(frozen=True, slots=True)
class Listing:
    """What one folder holds, by name."""

    folder: Path
    frames: tuple[Sighting, ...]  # regular files with a frame's name
    subfolders: tuple[Path, ...]  # real folders that may hold frames
    leftovers: tuple[Path, ...] = ()  # unfinished copies of ours
    ours: bool = False  # the folder is an output root
    error: str | None = None  # why the folder, or a part of it, could not be read


def list_folder(folder: Path, *, links_too: bool = False) -> Listing:
    """What ``folder`` holds now; an unreadable or vanished folder gives an empty listing with ``error``.

    ``links_too`` lists symbolic links with a frame's name among the frames, as in the output tree.
    """
    frames: list[Sighting] = []
    subfolders: list[Path] = []
    leftovers: list[Path] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == ROOT_MARKER:
                    return Listing(folder, (), (), ours=True)
                if is_temporary(entry.name):
                    leftovers.append(folder / entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    if not ignored_folder(entry.name):
                        subfolders.append(folder / entry.name)
                elif is_frame_name(entry.name) and (sighting := _seen(folder, entry, links_too)):
                    frames.append(sighting)
    except OSError as error:
        return Listing(folder, tuple(frames), tuple(subfolders), error=error.strerror or type(error).__name__)
    return Listing(folder, tuple(frames), tuple(sorted(subfolders)), tuple(leftovers))


def _seen(folder: Path, entry: "os.DirEntry[str]", links_too: bool) -> Sighting | None:
    try:
        return seen_as(folder / entry.name, entry.stat(follow_symlinks=False), links_too=links_too)
    except OSError:
        return None  # vanished between listing and looking


def is_temporary(name: str) -> bool:
    """Whether a file of this name is an unfinished copy of ours."""
    return name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX)


def walk(root: Path, keep_going: Callable[[], bool] = lambda: True, *, links_too: bool = False) -> Iterator[Listing]:
    """The listings of ``root`` and of all folders below it, parents first, by name; stops when ``keep_going`` is no.

    Memory is that of one folder and of the names of the folders not visited yet.
    """
    waiting = [root]
    while waiting and keep_going():
        listing = list_folder(waiting.pop(), links_too=links_too)
        waiting.extend(reversed(listing.subfolders))
        yield listing


def is_inside_ignored(path: Path, root: Path) -> bool:
    """Whether a folder between ``root`` and ``path`` is one that a walk would not enter."""
    return any(ignored_folder(part) for part in path.relative_to(root).parts[:-1])
