"""Wall-clock time as the ledger writes it."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Now, as ISO 8601 in UTC with milliseconds: sorts as text."""
    return as_text(datetime.now(UTC))


def as_text(moment: datetime) -> str:
    """A moment as the ledger writes it; ``moment`` knows its time zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def file_time(mtime_ns: int) -> str | None:
    """A file's time as the ledger writes it; ``None`` for one that no calendar holds: files may claim anything."""
    try:
        return as_text(datetime.fromtimestamp(mtime_ns // 1_000_000 / 1000, UTC))
    except (OverflowError, ValueError, OSError):
        return None
