"""``Sighting``: one regular file as one look saw it. Two equal sightings mean that nothing was written in between."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sighting:
    """Name, place on the disk, size and time of a regular file; symbolic links are never followed.

    ``mtime_ns`` is what the file claims (a copied file may claim 1970 or next year): it is compared and sorted by,
    and never set against a clock to decide anything.
    """

    path: Path
    device: int
    inode: int
    size_bytes: int
    mtime_ns: int

    def same_file(self, other: "Sighting") -> bool:
        """Whether both names lead to the same bytes on the disk, as two hard links do."""
        return self.device == other.device and self.inode == other.inode


def seen_as(path: Path, status: os.stat_result, *, links_too: bool = False) -> Sighting | None:
    """The sighting of ``path`` that ``status`` describes; ``None`` when it is no regular file.

    ``links_too`` takes symbolic links as well, as things of their own: it serves the output tree, where we make them.
    """
    if not stat.S_ISREG(status.st_mode) and not (links_too and stat.S_ISLNK(status.st_mode)):
        return None
    return Sighting(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def look(path: Path, *, links_too: bool = False) -> Sighting | None:
    """What lies at ``path`` now; ``None`` when nothing does, or no regular file, or it may not be looked at."""
    try:
        return seen_as(path, os.lstat(path), links_too=links_too)
    except OSError:
        return None  # gone, renamed, or in a folder that vanished: the next scan tells
