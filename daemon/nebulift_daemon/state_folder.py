"""The state folder: one daemon at a time, and a small file that tells how it is doing."""

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from nebulift.errors import NebuliftError

LOCK_NAME = "lock"
REGRADE_LOCK_NAME = "regrade.lock"
STATUS_NAME = "status.json"
SORTING_ALREADY = "is sorting with this state folder already; stop it first, or give this one another state folder"
NO_NEWS = frozenset({"disk_free_bytes"})  # changes by itself, and is asked of the disk by whoever reads the status
SELDOM_S = 2.0  # between two writes of the status: a card wears by the write
PASSING = frozenset({"settling"})  # every frame is on its way for a moment: news only when that lasts
PASSING_S = 10.0


class AlreadyRunning(NebuliftError):
    """Another process works with this state folder."""


class StateLock:
    """Held as long as a process sorts with this state folder; given back by the kernel, however the process ends.

    ``name`` and ``remedy`` are for work of another kind, of which there is only one at a time as well.
    """

    def __init__(self, folder: Path, name: str = LOCK_NAME, remedy: str = SORTING_ALREADY) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise NebuliftError(
                f"{folder}: the state folder cannot be written ({error.strerror}); check its disk and permissions"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            if error.errno != errno.EWOULDBLOCK:
                raise NebuliftError(f"{folder}: the state folder cannot be locked ({error.strerror})") from error
            raise AlreadyRunning(f"{folder}: process {holder or '?'} {remedy}") from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def running_process(folder: Path) -> int | None:
    """The process that sorts with this state folder at the moment, if any."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(descriptor, 20, 0).strip()
        return int(holder) if holder.isdigit() else None
    finally:
        os.close(descriptor)
    return None


class StatusFile:
    """``status.json``: written in one go, only when something changed, and at most every few seconds.

    A card wears by the write. Where systemd gives the service a folder in memory (``RuntimeDirectory=``) the file lies
    there as long as the daemon runs, and the one in the state folder is a link to it; the last words are written to the
    state folder itself.
    """

    def __init__(
        self, folder: Path, clock: Callable[[], float] = time.monotonic, *, in_memory: Path | None = None
    ) -> None:
        self._path = folder / STATUS_NAME
        self._in_memory = None if in_memory is None else in_memory / STATUS_NAME
        self._clock = clock
        self._written: dict[str, Any] | None = None
        self._not_before = 0.0
        self._passing_since: float | None = None

    def is_due(self) -> bool:
        """Whether so much time has passed that news may be written."""
        return self._clock() >= self._not_before

    def write(self, status: dict[str, Any], *, last_words: bool = False) -> bool:
        """Whether there was news and it was written. A status that cannot be written is not worth stopping for."""
        news = {name: value for name, value in status.items() if name not in NO_NEWS}
        if news == self._written or (self._is_passing(news) and not last_words):
            return False
        self._not_before, self._passing_since = self._clock() + SELDOM_S, None
        try:
            if self._in_memory is None or last_words:
                _replace(self._path, status)
            else:
                _replace(self._in_memory, status)
                _link(self._path, self._in_memory)
        except OSError:
            return False  # the disk is full or gone: the log says so already, from whoever needs it more
        self._written = news
        return True

    def _is_passing(self, news: dict[str, Any]) -> bool:
        """Whether only that has changed which every frame changes for a moment, and a moment ago."""
        if self._written is None or _lasting(news) != _lasting(self._written):
            return False
        if self._passing_since is None:
            self._passing_since = self._clock()
        return self._clock() < self._passing_since + PASSING_S


def folder_in_memory() -> Path | None:
    """The folder that systemd made for the service below /run; ``None`` where there is none."""
    folders = os.environ.get("RUNTIME_DIRECTORY", "").split(":")
    return Path(folders[0]) if folders[0] else None


def read_status(folder: Path) -> dict[str, Any] | None:
    """What the daemon last wrote about itself; ``None`` when there is nothing to read.

    Empty when it lay in memory and was lost with it: the daemon had not the time for last words.
    """
    path = folder / STATUS_NAME
    try:
        status = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {} if path.is_symlink() else None
    return status if isinstance(status, dict) else None


def _lasting(news: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in news.items() if name not in PASSING}


def _replace(path: Path, status: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(status, indent=1) + "\n", encoding="ascii")
    temporary.replace(path)


def _link(path: Path, target: Path) -> None:
    if path.is_symlink() and path.readlink() == target:
        return
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)
