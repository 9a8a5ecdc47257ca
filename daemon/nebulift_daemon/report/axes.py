"""Scales of the drawings: time from left to right with ticks at full hours, values from bottom to top."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

TICK_STEPS_MINUTES = (5, 10, 15, 30, 60, 120, 180)
MOST_TICKS = 10
FAR_OUT_MADS = 6.0  # a value further from the median is drawn at the edge, so that one bad frame hides no curve
FLAT = 0.02  # of the level: a range narrower than this would show nothing but noise


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Places moments between ``left`` and ``right``, in drawing units; ``begin`` is in the zone of the ticks."""

    begin: datetime
    end: datetime
    left: float
    right: float

    def x(self, moment: datetime) -> float:
        share = (moment - self.begin) / (self.end - self.begin)
        return self.left + share * (self.right - self.left)

    def width(self, seconds: float) -> float:
        return seconds / (self.end - self.begin).total_seconds() * (self.right - self.left)

    def ticks(self) -> list[datetime]:
        """Round times, few enough to be written side by side."""
        minutes = (self.end - self.begin).total_seconds() / 60
        step = next((step for step in TICK_STEPS_MINUTES if minutes / step <= MOST_TICKS), 240)
        first = self.begin.replace(minute=0, second=0, microsecond=0)
        number = int(minutes / step) + 60 // min(step, 60) + 2
        every = [first + timedelta(minutes=step * count) for count in range(number)]
        return [tick for tick in every if self.begin <= tick <= self.end]


@dataclass(frozen=True, slots=True)
class ValueAxis:
    """Places values between ``bottom`` and ``top``; what lies outside comes to lie on the edge."""

    low: float
    high: float
    bottom: float
    top: float

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.bottom + share * (self.top - self.bottom)

    def is_outside(self, value: float) -> bool:
        return not self.low <= value <= self.high


def time_axis(first: datetime, last: datetime, left: float, right: float) -> TimeAxis:
    """An axis with a little room on both sides, an hour long at least."""
    room = max((last - first) / 50, (timedelta(minutes=20) - (last - first)) / 2)
    return TimeAxis(first - room, last + room, left, right)


def value_axis(values: Sequence[float], bottom: float, top: float) -> ValueAxis:
    """An axis that holds the values but for those far out; ``values`` is not empty."""
    middle = statistics.median(values)
    spread = 1.4826 * statistics.median(abs(value - middle) for value in values)
    reach = FAR_OUT_MADS * spread or max(abs(value - middle) for value in values)
    low = max(min(values), middle - reach)
    high = min(max(values), middle + reach)
    room = max(0.1 * (high - low), FLAT * abs(middle) / 2, 1e-9)
    floor = 0.0 if low >= 0.0 else -math.inf  # of a quantity that is never negative
    return ValueAxis(max(low - room, floor), high + room, bottom, top)
