"""The bell: by which others ask the daemon to commit what it has noted in its redo log, and to let them write.

A named pipe beside the ledger. The daemon holds its reading end; a byte in it wakes the daemon.
"""

import contextlib
import os
import stat
from pathlib import Path


class Bell:
    """The daemon's end. Raises ``OSError`` where there can be no such pipe, as on FAT."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.exists() and not stat.S_ISFIFO(path.lstat().st_mode):
            path.unlink()
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path)
        path.chmod(0o666)  # whoever may read the ledger may ask for what is new
        # for reading and writing: with no writer at all a pipe would always be ready to be read
        self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def is_there(self) -> bool:
        """Whether those who ring at the path are heard here."""
        try:
            return os.path.samestat(self._path.lstat(), os.fstat(self.descriptor))
        except OSError:
            return False

    def was_rung(self) -> bool:
        """Whether somebody rang since the last call."""
        try:
            return bool(os.read(self.descriptor, 4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Leave no pipe behind: who copies the folder by reading it would wait there for ever."""
        if self.is_there():
            self._path.unlink()
        os.close(self.descriptor)


def ring(path: Path) -> bool:
    """Ring the bell at ``path``; False when nobody would hear it. Where we may not ring, somebody might."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        return True
    except OSError:
        return False
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return False
        with contextlib.suppress(BlockingIOError):  # a full pipe rings, too
            os.write(descriptor, b"!")
    finally:
        os.close(descriptor)
    return True
