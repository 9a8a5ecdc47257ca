"""``open_regular``: a frame's file opened without ever blocking; pipes, devices and folders are refused."""

import errno
import os
import stat
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from nebulift.errors import UnreadableFrame

CAUSES = {
    errno.ENOENT: ("the file is gone", "nothing to do if it was moved on purpose"),
    errno.EACCES: ("reading it is not permitted", "give the user that runs Nebulift the right to read it"),
    errno.EPERM: ("reading it is not permitted", "give the user that runs Nebulift the right to read it"),
    errno.ELOOP: ("its symbolic links run in a circle", "remove the link"),
    errno.ENAMETOOLONG: ("its name is too long", "rename it"),
    errno.EIO: ("the disk reports an input/output error", "check the disk or the card"),
    errno.ESTALE: ("the network share has lost it", "mount the share again"),
}

MAX_OFFSET = 2**62  # what the operating system takes; a hostile header may point further

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path) -> FileIO:
    """The file, opened for reading, unbuffered; a symbolic link to a regular file is followed.

    Raises ``UnreadableFrame`` for everything that is not a regular file or cannot be opened.
    """
    try:
        _check_regular(path, path.stat())  # first without opening: opening a device can act on it
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise unreadable(path, error) from None
    file = FileIO(descriptor, "rb")
    try:
        _check_regular(path, os.fstat(descriptor))  # it may have been exchanged in between
    except UnreadableFrame:
        file.close()
        raise
    return file


def positional_read(file: FileIO) -> Callable[[int, int], bytes]:
    """``read(offset, length)`` on the file: fewer bytes at its end, none behind it, however far the offset."""

    def read(offset: int, length: int) -> bytes:
        return os.pread(file.fileno(), length, offset) if offset <= MAX_OFFSET else b""

    return read


def unreadable(path: Path, error: OSError | ValueError) -> UnreadableFrame:
    """The plain sentence for an error of the operating system while opening or reading ``path``."""
    number = error.errno if isinstance(error, OSError) else None
    cause, remedy = CAUSES.get(number or 0, (f"it cannot be read ({_reason(error)})", "check the disk and the name"))
    return UnreadableFrame(path, cause, remedy)


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise UnreadableFrame(path, f"it is {kind}, not a file", "remove it from the watched folder")


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower()
