"""``Intake``: from what folders hold to the next frame to judge. What arrives now comes before what lay there."""

import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from nebulift_daemon.folders import Listing
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.postponed import Postponed
from nebulift_daemon.settler import Settler
from nebulift_daemon.sighting import Sighting, look
from nebulift_daemon.watcher import Watcher

MOST_FOLLOWED = 5000  # files that settle or wait at a time; the rest of a huge backlog is found by later scans
JUST_ARRIVED_S = 600.0
LIVE, BACKLOG, RETRY = range(3)  # the order in which frames get their turn


class Intake:
    """Follows new files until they are whole, and hands them out: live ones first, then the backlog in order of time.

    A frame that failed once comes last, so that it delays nobody. File times only sort; a wrong one does no harm.
    ``alive`` is called after each folder that was looked through: a huge tree is progress, not standstill.
    """

    def __init__(
        self,
        ledger: Ledger,
        watcher: Watcher,
        settler: Settler,
        roots: Sequence[Path],
        *,
        alive: Callable[[], object] = lambda: None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._watcher = watcher
        self._settler = settler
        self._roots = tuple(roots)
        self._alive = alive
        self._wall_clock = wall_clock
        self._numbers = itertools.count()
        self.postponed = Postponed(watcher.rescan_s)
        self._heap: list[tuple[int, int, int, Sighting]] = []
        self._queued: dict[Path, Sighting] = {}
        self._since: dict[Path, float] = {}  # wall-clock time at which each frame joined the queue
        self._overflow = False
        self._rejected: list[Sighting] = []

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def settling(self) -> int:
        return len(self._settler)

    @property
    def waiting_since(self) -> datetime | None:
        """When the frame that has been waiting longest for its turn became whole."""
        return datetime.fromtimestamp(min(self._since.values()), UTC) if self._since else None

    def look(self) -> None:
        """Take notice of what is new in the folders and of what has become whole. Raises ``LedgerError``."""
        backlog: list[Sighting] = []
        for listing in self._watcher.listings():
            self._alive()
            backlog += self._note(listing)
            self._rejected += listing.rejected
            if len(backlog) > 2 * MOST_FOLLOWED:
                backlog = self._oldest(backlog)
        for sighting in self._oldest(backlog):
            self._settler.note(sighting)
        for sighting in self._settler.whole():
            self._push(LIVE if self._is_live(sighting) else BACKLOG, sighting)

    def take_rejected(self) -> list[Sighting]:
        """The files that were seen since the last call and that capture programs have rejected."""
        rejected, self._rejected = self._rejected, []
        return rejected

    def next(self) -> tuple[Sighting, Path] | None:
        """The next whole frame and its watched folder."""
        if not self._heap:
            return None
        sighting = heapq.heappop(self._heap)[-1]
        self._queued.pop(sighting.path, None)
        self._since.pop(sighting.path, None)
        if self._overflow and len(self._heap) + len(self._settler) < MOST_FOLLOWED // 2:
            self._overflow = False
            self._watcher.scan_soon()
        return sighting, self._root_of(sighting.path)

    def retry(self, sighting: Sighting) -> None:
        """Give the frame another turn, after all others."""
        self._push(RETRY, sighting)

    def settle_again(self, path: Path) -> None:
        """The file changed while it had its turn."""
        if sighting := look(path):
            self._settler.note(sighting)

    def next_look_s(self) -> float:
        """Seconds until ``look`` has something to do."""
        settled_s = self._settler.next_check_s()
        watched_s = self._watcher.due_s()
        return watched_s if settled_s is None else min(watched_s, settled_s)

    def _note(self, listing: Listing) -> list[Sighting]:
        """Follow what is new and recent in a listing; what is new and older is given back."""
        fresh = [
            seen
            for seen in listing.frames
            if self._queued.get(seen.path) != seen and not self.postponed.is_resting(seen.path)
        ]
        unknown = self._ledger.frames.unknown(listing.folder, fresh)
        if not self._overflow and any(seen.path not in self._settler for seen in unknown):
            self._watcher.found_new()
        older: list[Sighting] = []
        for seen in unknown:
            if seen.path in self._settler or self._is_live(seen):
                self._settler.note(seen)
            else:
                older.append(seen)
        return older

    def _oldest(self, backlog: list[Sighting]) -> list[Sighting]:
        """As much of the backlog as may be followed now; the rest waits for another scan."""
        room = max(MOST_FOLLOWED - len(self._heap) - len(self._settler), 0)
        self._overflow |= len(backlog) > room
        return heapq.nsmallest(room, backlog, key=lambda seen: seen.mtime_ns)

    def _push(self, rank: int, sighting: Sighting) -> None:
        self._queued[sighting.path] = sighting
        self._since.setdefault(sighting.path, self._wall_clock())
        heapq.heappush(self._heap, (rank, sighting.mtime_ns, next(self._numbers), sighting))

    def _is_live(self, sighting: Sighting) -> bool:
        return abs(self._wall_clock() - sighting.mtime_ns / 1e9) < JUST_ARRIVED_S

    def _root_of(self, path: Path) -> Path:
        return next(root for root in self._roots if path.is_relative_to(root))
