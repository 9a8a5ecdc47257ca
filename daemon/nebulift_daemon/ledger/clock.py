"""Wall-clock time as the ledger writes it."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Now, as ISO 8601 in UTC with milliseconds: sorts as text."""
    return as_text(datetime.now(UTC))


def as_text(moment: datetime) -> str:
    """A moment as the ledger writes it; ``moment`` knows its time zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
