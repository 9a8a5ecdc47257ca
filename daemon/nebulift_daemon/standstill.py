"""Health measured where it counts, at the output: do frames come out? Whoever asks need not trust the daemon's word.

A process that is alive, a thread that runs, a status file that says "no problem" prove nothing: they look the same in a
daemon that hangs. What cannot lie is a frame that has been lying in the capture folder for a quarter of an hour while
the ledger has not moved. Times are the wall clock's: after it has jumped, the answer may be wrong once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nebulift_daemon.folders import walk
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.sighting import Sighting
from nebulift_daemon.whole import is_being_written

# Longer than the longest honest silence: two tries at 61 megapixels (60 s + 122 s each), a look back that gives way
STANDSTILL_S = 900.0


@dataclass(frozen=True, slots=True)
class Standstill:
    """Frames wait, and nothing has come out for long."""

    frame: Path  # one that waits
    since: datetime  # when it was written, or got its verdict
    last: datetime | None  # when the last frame came out

    def __str__(self) -> str:
        out = "no frame has ever come out" if self.last is None else f"none has come out since {_clock(self.last)}"
        return f"standstill: {self.frame.name} waits since {_clock(self.since)}, and {out}; restart the daemon"


def standstill(ledger: Ledger, folders: Sequence[Path], now: datetime) -> Standstill | None:
    """What stands still, or ``None``. Looks through the folders only when the ledger has been quiet for long.

    ``now`` knows its time zone. Raises ``LedgerError``.
    """
    long_ago = now - timedelta(seconds=STANDSTILL_S)
    told = ledger.frames.last_progress()
    last = None if told is None else datetime.fromisoformat(told)
    if last is not None and last > long_ago:
        return None
    for frame, since in (*_unfiled(ledger), *_unjudged(ledger, folders)):
        if since < long_ago:
            return Standstill(frame, since, last)
    return None


def _unfiled(ledger: Ledger) -> Iterator[tuple[Path, datetime]]:
    for row in ledger.frames.waiting_to_file(limit=1):
        if row.judged_at is not None:
            yield row.path, datetime.fromisoformat(row.judged_at)


def _unjudged(ledger: Ledger, folders: Sequence[Path]) -> Iterator[tuple[Path, datetime]]:
    for folder in folders:
        for listing in walk(folder):
            for seen in ledger.frames.unknown(listing.folder, listing.frames):
                if not is_being_written(seen.path):
                    yield seen.path, _written_at(seen)


def _written_at(seen: Sighting) -> datetime:
    """A file's time; a file that claims to be of no calendar's time does not count as old."""
    try:
        return datetime.fromtimestamp(seen.mtime_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
