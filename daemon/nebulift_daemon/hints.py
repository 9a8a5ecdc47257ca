"""``Hints``: the kernel's file events, reduced to paths worth a look. A lost or superfluous hint does no harm."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyObserver

from nebulift.readers.names import is_frame_name

# Reading a file ourselves must not raise events (a scan would cause the next one), and a writer's thousand small
# writes tell nothing that its closing does not.
EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
]
MOST_PATHS = 2000  # beyond it one complete scan is cheaper than so many single looks

log = logging.getLogger(__name__)


class Hints(FileSystemEventHandler):
    """Paths under the watched roots where something happened. ``wake`` is called from watchdog's thread."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._paths: set[str] = set()
        self._too_many = False
        self._observer: BaseObserver | None = None
        self._watched: dict[Path, tuple[int, int]] = {}  # root -> device and inode that the kernel watches

    def __bool__(self) -> bool:
        return bool(self._paths) or self._too_many

    def take(self) -> list[Path] | None:
        """The paths to look at since the last call; ``None`` when there were so many that a scan is called for."""
        with self._lock:
            paths, too_many = self._paths, self._too_many
            self._paths, self._too_many = set(), False
        return None if too_many else [Path(path) for path in sorted(paths)]

    def watch(self, roots: Sequence[Path]) -> str | None:
        """Have the kernel watch all ``roots`` that exist; why that does not work, or ``None``.

        To be called again and again: a root that was deleted and made anew, or mounted over, gets new watches, and so
        does everything when a thread of watchdog has died (its ``is_alive`` says yes even then).
        """
        present = {root: identity for root in roots if (identity := _identity(root))}
        if self._observer is not None and present == self._watched and _is_healthy(self._observer):
            return None
        self.close()
        try:
            observer = InotifyObserver()
            for root in present:
                observer.schedule(self, str(root), recursive=True, event_filter=EVENTS)
            observer.start()
        except OSError as error:
            return f"the kernel cannot watch more folders ({error.strerror}); raise fs.inotify.max_user_watches"
        self._observer, self._watched = observer, present
        return None

    def close(self) -> None:
        """Stop watching; may be called twice."""
        observer, self._observer, self._watched = self._observer, None, {}
        if observer is not None and observer.is_alive():
            observer.stop()
            observer.join(timeout=5)

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            name = os.fsdecode(path)
            if name and (event.is_directory or is_frame_name(os.path.basename(name))):  # noqa: PTH119 - hot
                self._add(name)

    def _add(self, path: str) -> None:
        with self._lock:
            if len(self._paths) < MOST_PATHS:
                self._paths.add(path)
            else:
                self._too_many = True
        self._wake()


def _is_healthy(observer: BaseObserver) -> bool:
    return observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters)


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        status = root.stat()
    except OSError:
        return None  # not plugged in, or deleted: the next scan asks again
    return status.st_dev, status.st_ino
