"""When is a frame whole? The most important question of the house, answered without threads and without a watcher.

A file is whole when all of these hold:

1. nothing about it has changed (name, inode, size, time) for ``settle_s``;
2. no process of this machine has it open for writing; where that cannot be told, 1. has to hold three times as long;
3. its header and all the data that the header promises are there; where the format does not tell, 1. and 2. decide;
4. it is a regular file, and no symbolic link was followed to it.

A file that stays incomplete with nobody writing it (the capture program died) counts as whole after ``give_up_s``:
the judge then finds it unreadable, and a person gets to see it. Files found at the start go the same way as files
that arrive; a file that vanishes or is renamed is forgotten; time is the monotonic clock's alone, so wrong dates,
daylight saving and a Pi without a clock do no harm.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nebulift_daemon.sighting import Sighting, look

UNSURE_FACTOR = 3  # how much longer to wait where a writer would not be seen
TOGETHER_S = 0.1  # files that arrived within a moment are handed out together, so that they can be put in order of time
SLOWEST_CHECK_S = 10.0  # an unfinished file is looked at ever more seldom, up to this


@dataclass(slots=True)
class _Tracked:
    sighting: Sighting
    unchanged_since: float
    next_check: float


class Settler:
    """Files on their way to being whole.

    ``clock`` gives monotonic seconds; ``is_being_written(path, device)`` and ``is_complete(path)`` answer yes, no or
    ``None`` for "cannot tell"; ``look_at`` is replaced in tests that need no disk.
    """

    def __init__(
        self,
        settle_s: float,
        give_up_s: float,
        is_being_written: Callable[[Path, int], bool | None],
        is_complete: Callable[[Path], bool | None],
        *,
        clock: Callable[[], float] = time.monotonic,
        look_at: Callable[[Path], Sighting | None] = look,
    ) -> None:
        self._settle_s = settle_s
        self._give_up_s = give_up_s
        self._is_being_written = is_being_written
        self._is_complete = is_complete
        self._clock = clock
        self._look_at = look_at
        self._tracked: dict[Path, _Tracked] = {}

    def __len__(self) -> int:
        return len(self._tracked)

    def __contains__(self, path: Path) -> bool:
        return path in self._tracked

    def note(self, sighting: Sighting) -> None:
        """Follow this file; a change since the last sighting starts its waiting time anew.

        Without a change the file is checked as soon as its time is up: a note is a hint that a writer has let go.
        """
        now = self._clock()
        tracked = self._tracked.get(sighting.path)
        if tracked is None or tracked.sighting != sighting:
            self._tracked[sighting.path] = _Tracked(sighting, now, now + self._settle_s)
        else:
            tracked.next_check = min(tracked.next_check, max(now, tracked.unchanged_since + self._settle_s))

    def whole(self) -> list[Sighting]:
        """The files that have become whole, no longer followed from now on."""
        now = self._clock()
        due = [tracked for tracked in self._tracked.values() if tracked.next_check <= now]
        finished = [tracked.sighting for tracked in due if self._check(tracked, now)]
        for sighting in finished:
            del self._tracked[sighting.path]
        return finished

    def next_check_s(self) -> float | None:
        """Seconds until ``whole`` has something to look at; ``None`` when nothing is followed."""
        if not self._tracked:
            return None
        earliest = min(tracked.next_check for tracked in self._tracked.values())
        return max(0.0, earliest + TOGETHER_S - self._clock())

    def _check(self, tracked: _Tracked, now: float) -> bool:
        sighting = self._look_at(tracked.sighting.path)
        if sighting is None:
            del self._tracked[tracked.sighting.path]
            return False
        if sighting != tracked.sighting:
            tracked.sighting, tracked.unchanged_since = sighting, now
            tracked.next_check = now + self._settle_s
            return False
        still_s = now - tracked.unchanged_since
        if self._is_whole(sighting, still_s):
            return True
        patient = still_s >= UNSURE_FACTOR * self._settle_s
        tracked.next_check = now + (min(still_s / 4, SLOWEST_CHECK_S) if patient else self._settle_s / 4)
        return False

    def _is_whole(self, sighting: Sighting, still_s: float) -> bool:
        writing = self._is_being_written(sighting.path, sighting.device)
        if writing or (writing is None and still_s < UNSURE_FACTOR * self._settle_s):
            return False
        return still_s >= self._give_up_s or self._is_complete(sighting.path) is not False
