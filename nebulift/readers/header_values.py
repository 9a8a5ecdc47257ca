"""Single values out of a header of any capture program: numbers in quotes, units behind them, sexagesimal angles.

``header`` is any mapping of upper-case keywords to text, numbers or booleans. Every function returns ``None`` for
what is missing or makes no sense; nothing is guessed.
"""

import math
import re
from collections.abc import Mapping
from typing import TypeAlias

HeaderValues: TypeAlias = Mapping[str, str | int | float | bool]

LEADING_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?)", re.ASCII)
SEXAGESIMAL = re.compile(
    r"\s*([+-]?)\s*(\d{1,3})[\s:hd°]+(\d{1,2}(?:\.\d*)?)(?:[\s:m']+(\d{1,2}(?:\.\d*)?))?[\s\"'ms]*", re.ASCII
)
NOTHING = frozenset({"", "N/A", "NA", "NAN", "NULL", "UNKNOWN", "UNDEFINED", "-", "?"})


def number(value: object) -> float | None:
    """A finite number from a number or from text that begins with one ('120.00  ', '13 C', '0.019 mm')."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        match = LEADING_NUMBER.match(value)
        value = match[1].upper().replace("D", "E") if match else None
    try:
        result = float(value) if isinstance(value, int | float | str) else math.nan
    except OverflowError:  # an integer of more than 308 digits
        return None
    return result if math.isfinite(result) else None


def first_number(header: HeaderValues, *keys: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    """The first of ``keys`` that holds a number from ``low`` to ``high``, both included."""
    found = (number(header.get(key)) for key in keys)
    return next((value for value in found if value is not None and low <= value <= high), None)


def first_whole_number(header: HeaderValues, *keys: str, low: int, high: int) -> int | None:
    """The first of ``keys`` that holds a number from ``low`` to ``high``, rounded."""
    value = first_number(header, *keys, low=low, high=high)
    return None if value is None else round(value)


def first_text(header: HeaderValues, *keys: str) -> str | None:
    """The first of ``keys`` that says something, blanks around it dropped; numbers as text."""
    for key in keys:
        value = header.get(key)
        if value is None or isinstance(value, bool):
            continue
        text = str(value).strip()
        if text.upper() not in NOTHING:
            return text
    return None


def first_angle(header: HeaderValues, *keys: str, low: float, high: float) -> float | None:
    """The first of ``keys`` that holds degrees from ``low`` to ``high``, as number or as degrees:minutes:seconds."""
    for key in keys:
        value = sexagesimal(header.get(key))
        if value is None:
            value = number(header.get(key))
        if value is not None and low <= value <= high:
            return value
    return None


def sexagesimal(value: object) -> float | None:
    """Degrees or hours from '51 3 0.000', '-12:34:56.7', '+51d03m' ...; ``None`` for anything but such text."""
    match = SEXAGESIMAL.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return None
    minutes, seconds = float(match[3]), float(match[4] or 0)
    if minutes >= 60 or seconds >= 60:
        return None
    size = int(match[2]) + minutes / 60 + seconds / 3600
    return -size if match[1] == "-" else size
