"""Which frames make a night: from noon to noon, by the clock of the place where the telescope stands.

That clock is this machine's time zone. A machine that runs on UTC, as many do that nobody told where they are, goes by
the site's longitude in the newest headers: noon UTC is the middle of the night in Hawaii.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from nebulift_daemon.ledger import Ledger, as_text

Zone = timezone | None  # ``None``: this machine's own, with its summer time
NOON = time(12)
DEGREES_AN_HOUR = 15.0  # the earth's turning
LOOKED_AT = 20  # newest frames among which one should state its longitude


@dataclass(frozen=True, slots=True)
class Night:
    """The night that begins on the evening of ``evening``; ``begin`` and ``end`` as the ledger writes times."""

    evening: date
    begin: str
    end: str


def zone_of_site(ledger: Ledger) -> Zone:
    """The clock to go by. Raises ``LedgerError``."""
    if datetime.now(UTC).astimezone().utcoffset():
        return None
    return zone_of_longitude(_longitude(ledger.browsing.newest_records(LOOKED_AT)))


def zone_of_longitude(longitude_deg: float | None) -> Zone:
    """The zone time of a longitude, east positive; this machine's zone when the longitude is unknown or absurd."""
    if longitude_deg is None or not abs(longitude_deg) <= 180.0:
        return None
    return timezone(timedelta(hours=round(longitude_deg / DEGREES_AN_HOUR)))


def night_on(evening: date, zone: Zone) -> Night:
    """The night from noon of that date to noon of the next."""
    return Night(evening, as_text(_noon(evening, zone)), as_text(_noon(evening + timedelta(days=1), zone)))


def night_of(moment: datetime, zone: Zone) -> Night:
    """The night to which a moment belongs; ``moment`` knows its time zone."""
    local = moment.astimezone(zone)
    before_noon = local.time() < NOON
    return night_on(local.date() - timedelta(days=int(before_noon)), zone)


def last_night(ledger: Ledger, zone: Zone) -> Night | None:
    """The night of the newest frame with a verdict; ``None`` when there is none. Raises ``LedgerError``."""
    taken_at = ledger.browsing.last_taken()
    return None if taken_at is None else night_of(datetime.fromisoformat(taken_at), zone)


def last_nights(ledger: Ledger, zone: Zone, most: int) -> list[Night]:
    """The nights of the newest frames with a verdict, newest first. Raises ``LedgerError``."""
    evenings = [evening for evening, _, _ in ledger.browsing.nights(minutes_ahead(zone))[:most]]
    return [night_on(date.fromisoformat(evening), zone) for evening in evenings]


def minutes_ahead(zone: Zone) -> int:
    """By how many minutes the clock is ahead of UTC, today."""
    ahead = datetime.now(UTC).astimezone(zone).utcoffset() or timedelta()
    return round(ahead.total_seconds() / 60)


def _noon(day: date, zone: Zone) -> datetime:
    local = datetime.combine(day, NOON)
    return local.astimezone() if zone is None else local.replace(tzinfo=zone)


def _longitude(records: Iterable[dict[str, Any]]) -> float | None:
    for record in records:
        longitude = (record.get("exposure") or {}).get("site_longitude_deg")
        if longitude is not None:
            return float(longitude)
    return None
