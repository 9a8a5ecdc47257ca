"""Where to look for frames, and when. Events are a hint, the scan is the truth.

Whatever can happen (start, overflow of the kernel's queue, a folder moved in, a disk unplugged and plugged in, an event
lost) is the same case here: sooner or later a complete scan lists every folder and finds what is new. Events of the
kernel only make it sooner: they name paths to look at now. Where no events arrive, scans are made every few seconds.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nebulift.readers.names import ignored_folder, is_frame_name
from nebulift_daemon.folders import Listing, is_inside_ignored, walk
from nebulift_daemon.hints import Hints
from nebulift_daemon.mounts import remote_devices
from nebulift_daemon.sighting import look

POLL_S = 2.0  # between two scans where no events arrive
EVENT_SCAN_SHARE = 200  # a scan that took 1 s is followed by 200 s without one: half a percent of a processor
POLL_SCAN_SHARE = 50
MISSED_LIMIT = 3  # scans in a row that found new frames while not a single event came

log = logging.getLogger(__name__)


class Watcher:
    """Looks through ``roots``. Use ``listings`` whenever ``due_s`` is 0 or ``wake`` was called; one thread only."""

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        rescan_s: float,
        polling: str,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._roots = tuple(roots)
        self.rescan_s = rescan_s
        self._polling = polling
        self._clock = clock
        self._hints = Hints(wake)
        self._next_scan = clock()
        self._scans = 0
        self._hints_since_scan = False
        self._missed = 0
        self._found_new = False
        self._remote: frozenset[int] = frozenset()
        self._second_looks: dict[Path, float] = {}
        self.problems: dict[Path, str] = {}  # folder -> why it could not be read at the last complete scan
        self.polling_because: str | None = "the configuration says so" if polling == "always" else None

    @property
    def mode(self) -> str:
        """``events``, or ``polling`` with the reason."""
        return f"polling ({self.polling_because})" if self.polling_because else "events"

    def is_remote(self, device: int) -> bool:
        """Whether files on this device can be written by other machines."""
        return device in self._remote

    def due_s(self) -> float:
        """Seconds until ``listings`` has something to do."""
        if self._hints:
            return 0.0
        due = min([self._next_scan, *self._second_looks.values()])
        return max(0.0, due - self._clock())

    def scan_soon(self) -> None:
        """Make the next look a complete scan."""
        self._next_scan = self._clock()

    def close(self) -> None:
        self._hints.close()

    def listings(self) -> Iterator[Listing]:
        """What is to be looked at now: every folder when a scan is due, else what the hints name."""
        hinted = self._hints.take()
        self._hints_since_scan |= hinted is None or bool(hinted)
        if hinted is None or self._clock() >= self._next_scan:
            yield from self._scan()
            return
        now = self._clock()
        for path in [path for path, at in self._second_looks.items() if at <= now]:
            del self._second_looks[path]
            yield from walk(path)
        for path in hinted:
            yield from self._look_at(path)

    def found_new(self) -> None:
        """To be told when a listing held frames nobody knew: where events work, scans find nothing new."""
        self._found_new = True

    def _scan(self) -> Iterator[Listing]:
        started = self._clock()
        self._remote = remote_devices()
        self._keep_events()
        self._found_new = False
        problems: dict[Path, str] = {}
        for root in self._roots:
            for listing in walk(root):
                if listing.error:
                    problems[listing.folder] = listing.error
                yield listing
        self.problems = problems
        self._suspect_events()
        self._next_scan = self._clock() + self._pause_s(self._clock() - started)

    def _suspect_events(self) -> None:
        """Give up on events that do not come: a scan found new frames, and nothing at all had announced them."""
        self._scans += 1
        missed = self._found_new and not self._hints_since_scan and self._scans > 1
        self._missed = self._missed + 1 if missed else 0 if self._hints_since_scan else self._missed
        self._hints_since_scan = False
        if self._missed >= MISSED_LIMIT and self._polling == "auto" and not self.polling_because:
            self._poll("new files are found and no event announced them")

    def _pause_s(self, took_s: float) -> float:
        """A pause in proportion to what the scan cost, so that a huge tree does not keep a Pi busy."""
        if self.polling_because:
            return max(min(POLL_S, self.rescan_s), POLL_SCAN_SHARE * took_s)
        return max(self.rescan_s, EVENT_SCAN_SHARE * took_s)

    def _keep_events(self) -> None:
        """Have the kernel watch every root that is there now, also one that was deleted and made again."""
        if self.polling_because:
            return
        remote = next((root for root in self._roots if (seen := _device_of(root)) and self.is_remote(seen)), None)
        if remote is not None and self._polling == "auto":
            self._poll(f"{remote} is shared with other machines")
            return
        trouble = self._hints.watch(self._roots)
        if trouble is not None:
            if self._polling == "never":
                log.warning("no events: %s; only the scan every %.0f s finds frames", trouble, self.rescan_s)
                return
            self._poll(trouble)

    def _poll(self, because: str) -> None:
        log.warning("looking at the folders every few seconds: %s", because)
        self.polling_because = because
        self._hints.close()
        self._next_scan = self._clock()

    def _look_at(self, path: Path) -> Iterator[Listing]:
        root = next((root for root in self._roots if path.is_relative_to(root)), None)
        if root is None or is_inside_ignored(path, root):
            return
        if path.is_dir() and not path.is_symlink():
            if path != root and ignored_folder(path.name):
                return
            # files that arrive before the kernel watches a new folder send no event: look again in a moment
            self._second_looks[path] = self._clock() + POLL_S
            yield from walk(path)
        elif is_frame_name(path.name) and (sighting := look(path)):
            yield Listing(path.parent, (sighting,), ())


def _device_of(path: Path) -> int | None:
    try:
        return path.stat().st_dev
    except OSError:
        return None
