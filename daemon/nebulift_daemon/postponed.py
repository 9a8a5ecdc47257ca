"""``Postponed``: files that cannot be read now (a failing disk, no permission), each tried ever more seldom.

They are no bad frames: nothing is said about them, they stay where they are, and the status tells of them. When the
disk answers again, or somebody gives the permission, the next look through the folders finds them like new.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nebulift_daemon.printing import one_line

LONGEST_PAUSE_S = 900.0  # each try of a broken sector may keep the disk busy for many seconds
FORGOTTEN_AFTER = 3  # pauses after which nobody has come back to a file: it has gone
MOST = 2000


@dataclass(frozen=True, slots=True)
class _Pause:
    tries: int
    length_s: float
    until: float
    why: str


class Postponed:
    """``first_pause_s`` is doubled with every vain try."""

    def __init__(self, first_pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._first_pause_s = first_pause_s
        self._clock = clock
        self._pauses: dict[Path, _Pause] = {}

    def note(self, path: Path, why: str) -> None:
        """The file could not be read, for this reason."""
        tries = self._pauses[path].tries + 1 if path in self._pauses else 1
        length_s = min(self._first_pause_s * 2.0 ** min(tries - 1, 10), LONGEST_PAUSE_S)
        if path in self._pauses or len(self._pauses) < MOST:
            self._pauses[path] = _Pause(tries, length_s, self._clock() + length_s, why)

    def is_resting(self, path: Path) -> bool:
        """Whether it is too early to try this file again."""
        return path in self._pauses and self._clock() < self._pauses[path].until

    def succeeded(self, path: Path) -> None:
        self._pauses.pop(path, None)

    def trouble(self) -> str | None:
        """All of them in one line; ``None`` when there are none."""
        now = self._clock()
        self._pauses = {
            path: pause for path, pause in self._pauses.items() if now < pause.until + FORGOTTEN_AFTER * pause.length_s
        }
        if not self._pauses:
            return None
        path, pause = next(iter(self._pauses.items()))
        others = f" (and {len(self._pauses) - 1} more)" if len(self._pauses) > 1 else ""
        return f"{one_line(path)}{others}: {pause.why}; check disk and permissions, it is tried again"
