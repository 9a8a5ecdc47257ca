"""When the shutter opened: the many ways in which capture programs write it, always as UTC."""

import re
from datetime import UTC, datetime, timedelta

from nebulift.readers.header_values import HeaderValues, first_number, first_text

DATE = r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
OLD_DATE = r"(?P<old_day>\d\d)/(?P<old_month>\d\d)/(?P<old_year>\d\d)"
TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}(?:[.,]\d*)?))?"
ZONE = r"(?P<zone>Z|[+-]\d{1,2}(?::?\d{2})?)?"
MOMENT = re.compile(rf"{DATE}[T\s_]+{TIME}\s*{ZONE}", re.ASCII | re.IGNORECASE)
C_TIME = re.compile(rf"[A-Z]{{3}}\s+(?P<name>[A-Z]{{3}})\s+(?P<day>\d{{1,2}})\s+{TIME}\s+(?P<year>\d{{4}})", re.ASCII)
DAY = re.compile(rf"(?:{DATE}|{OLD_DATE})", re.ASCII)
CLOCK = re.compile(TIME, re.ASCII)
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

CLOCK_KEYS = ("TIME-OBS", "UT", "UTC", "UTC-OBS", "UTSTART", "UT-START", "TIME-BEG")
EARLIEST_YEAR = 1850  # before photography: a clock that was never set, or no date at all
LATEST_YEAR = 2200
OLD_CENTURY_FROM = 70  # the FITS form of before 2000 has two digits
MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
MJD_OF_JD_ZERO = 2_400_000.5
MJD_RANGE = (-3000.0, 130_000.0)  # about the years above
MAX_ZONE_H = 14.0


def exposure_start(header: HeaderValues, exposure_s: float | None) -> datetime | None:
    """The start of the exposure, UTC; ``None`` when the header does not say or says nonsense.

    In this order: DATE-OBS, or UT with a date in it; DATE-OBS or DATE with a separate clock keyword; DATE-BEG;
    MJD-OBS or JD; DATE-AVG and DATE-END less the exposure; DATE-LOC, only where its offset from UTC is given.
    """
    return (
        moment(first_text(header, "DATE-OBS", "DATE_OBS"))
        or moment(first_text(header, "UTC-OBS", "UT", "UTC"))
        or _day_and_clock(header)
        or moment(first_text(header, "DATE-BEG"))
        or _julian(header)
        or _earlier(moment(first_text(header, "DATE-AVG")), exposure_s, 0.5)
        or _earlier(moment(first_text(header, "DATE-END")), exposure_s, 1.0)
        or _local(header)
    )


def moment(text: str | None, zone_h: float = 0.0) -> datetime | None:
    """Date and time in ``text`` as UTC, ISO or "WED MAR 06 08:30:37 2019"; ``zone_h`` where it names no zone."""
    if match := MOMENT.fullmatch(text or ""):
        offset = _offset(match["zone"], zone_h)
        return None if offset is None else _utc((match["year"], match["month"], match["day"]), match, offset)
    if (match := C_TIME.fullmatch((text or "").upper())) and match["name"] in MONTHS:
        return _utc((match["year"], MONTHS.index(match["name"]) + 1, match["day"]), match, timedelta(hours=zone_h))
    return None


def _day_and_clock(header: HeaderValues) -> datetime | None:
    days = (DAY.fullmatch(first_text(header, key) or "") for key in ("DATE-OBS", "DATE_OBS", "DATE"))
    clocks = (CLOCK.fullmatch(first_text(header, key) or "") for key in CLOCK_KEYS)
    day, clock = next(filter(None, days), None), next(filter(None, clocks), None)
    return _utc(_date_parts(day), clock, timedelta()) if day and clock else None


def _date_parts(day: re.Match[str]) -> tuple[str, str, str]:
    if day["year"]:
        return day["year"], day["month"], day["day"]
    century = "19" if int(day["old_year"]) >= OLD_CENTURY_FROM else "20"  # MaxIm DL wrote this form until 2018
    return century + day["old_year"], day["old_month"], day["old_day"]


def _utc(date: tuple[str, str | int, str], clock: re.Match[str], offset: timedelta) -> datetime | None:
    year, month, day = (int(part) for part in date)
    hour, minute = int(clock["hour"]), int(clock["minute"])
    second = float((clock["second"] or "0").replace(",", "."))
    if not EARLIEST_YEAR <= year <= LATEST_YEAR or hour > 24 or minute > 59 or second > 61:  # 60: a leap second
        return None
    try:
        midnight = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    return midnight + timedelta(hours=hour, minutes=minute, seconds=second) - offset


def _offset(zone: str | None, zone_h: float) -> timedelta | None:
    if zone is None:
        return timedelta(hours=zone_h)
    if zone in ("Z", "z"):
        return timedelta()
    digits = zone[1:].replace(":", "")
    hours = int(digits[:2]) + (int(digits[2:]) / 60 if len(digits) > 2 else 0)
    if hours > MAX_ZONE_H:
        return None
    return timedelta(hours=-hours if zone[0] == "-" else hours)


def _julian(header: HeaderValues) -> datetime | None:
    low, high = MJD_RANGE
    mjd = first_number(header, "MJD-OBS", "MJD_OBS", "MJD-BEG", low=low, high=high)
    if mjd is None:
        jd = first_number(header, "JD", "JD-OBS", low=low + MJD_OF_JD_ZERO, high=high + MJD_OF_JD_ZERO)
        mjd = None if jd is None else jd - MJD_OF_JD_ZERO
    if mjd is None or mjd == int(mjd):  # a bare day is no time
        return None
    return MJD_EPOCH + timedelta(days=mjd)


def _earlier(time: datetime | None, exposure_s: float | None, part: float) -> datetime | None:
    if time is None or exposure_s is None:
        return None
    return time - timedelta(seconds=exposure_s * part)


def _local(header: HeaderValues) -> datetime | None:
    text = first_text(header, "DATE-LOC")
    match = MOMENT.fullmatch(text or "")
    zone_h = first_number(header, "TIMEZONE", "UTCOFFST", "TZ", low=-MAX_ZONE_H, high=MAX_ZONE_H)
    if not match or (match["zone"] is None and zone_h is None):
        return None
    return moment(text, zone_h or 0.0)
