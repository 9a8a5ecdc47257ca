"""Looking through capture folders: the truth about what is there, one folder at a time, without following links."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nebulift.readers.names import ignored_folder, is_frame_name, name_before_rejection
from nebulift_daemon.sighting import Sighting, seen_as

ROOT_MARKER = ".nebulift-root"  # lies in every output root; a folder that holds it is ours and is never searched
TEMPORARY_PREFIX = ".nebulift-"  # our own unfinished copies: see ``placing.temporary_name``
TEMPORARY_SUFFIX = ".part"
AT_ONCE = 500  # frames of a folder that are looked at together


@dataclass(frozen=True, slots=True)
class Listing:
    """What one folder holds; of a large folder a part of it, the subfolders then come with the last part."""

    folder: Path
    frames: tuple[Sighting, ...]  # regular files with a frame's name
    subfolders: tuple[Path, ...]  # real folders that may hold frames
    leftovers: tuple[Path, ...] = ()  # unfinished copies of ours
    rejected: tuple[Sighting, ...] = ()  # frames that their capture program has renamed to BAD_...
    ours: bool = False  # the folder is an output root
    error: str | None = None  # why the folder, or a part of it, could not be read


def listings_of(folder: Path) -> Iterator[Listing]:
    """What ``folder`` holds now, ``AT_ONCE`` frames at a time, so that a folder of ten thousand needs no more memory.

    An unreadable or vanished folder gives a listing with ``error``.
    """
    if os.path.lexists(folder / ROOT_MARKER):
        yield Listing(folder, (), (), ours=True)
        return
    frames: list[Sighting] = []
    subfolders: list[Path] = []
    leftovers: list[Path] = []
    rejected: list[Sighting] = []
    error = None
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_temporary(entry.name):
                    leftovers.append(folder / entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    if not ignored_folder(entry.name):
                        subfolders.append(folder / entry.name)
                elif is_frame_name(entry.name) and (sighting := _seen(folder, entry)):
                    frames.append(sighting)
                elif name_before_rejection(entry.name) and (sighting := _seen(folder, entry)):
                    rejected.append(sighting)
                if len(frames) == AT_ONCE:
                    yield Listing(folder, tuple(frames), ())
                    frames.clear()
    except OSError as trouble:
        error = trouble.strerror or type(trouble).__name__
    yield Listing(folder, tuple(frames), tuple(sorted(subfolders)), tuple(leftovers), tuple(rejected), error=error)


def _seen(folder: Path, entry: "os.DirEntry[str]") -> Sighting | None:
    try:
        return seen_as(folder / entry.name, entry.stat(follow_symlinks=False))
    except OSError:
        return None  # vanished between listing and looking


@dataclass(frozen=True, slots=True)
class Names:
    """Names in one folder of the output tree; of a large folder a part, the subfolders then come with the last part."""

    frames: tuple[str, ...]  # files and links with a frame's name
    subfolders: tuple[Path, ...]


def names_in(folder: Path) -> Iterator[Names]:
    """What the folder holds now, by name, ``AT_ONCE`` frames at a time; no file is looked at. Raises ``OSError``."""
    frames: list[str] = []
    subfolders: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not ignored_folder(entry.name):
                    subfolders.append(folder / entry.name)
            elif is_frame_name(entry.name):
                frames.append(entry.name)
            if len(frames) == AT_ONCE:
                yield Names(tuple(frames), ())
                frames.clear()
    yield Names(tuple(frames), tuple(sorted(subfolders)))


def is_temporary(name: str) -> bool:
    """Whether a file of this name is an unfinished copy of ours."""
    return name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX)


def walk(root: Path) -> Iterator[Listing]:
    """The listings of ``root`` and of all folders below it, parents first, by name.

    Memory is that of one listing and of the names of the folders not visited yet.
    """
    waiting = [root]
    while waiting:
        for listing in listings_of(waiting.pop()):
            waiting.extend(reversed(listing.subfolders))
            yield listing


def is_inside_ignored(path: Path, root: Path) -> bool:
    """Whether a folder between ``root`` and ``path`` is one that a walk would not enter."""
    return any(ignored_folder(part) for part in path.relative_to(root).parts[:-1])
