"""Names of causes and verdicts, durations and dates, as people read them."""

from datetime import date, timedelta

from nebulift.findings import Kind

KIND_WORDS = {
    Kind.STREAK: "Trail",
    Kind.CLOUD: "Cloud or dew",
    Kind.TRAILED: "Trailed stars",
    Kind.DEFOCUS: "Out of focus",
    Kind.SATURATION: "Saturated",
    Kind.GRADIENT: "Gradient",
    Kind.OBSTRUCTION: "Obstruction",
    Kind.READOUT: "Read-out fault",
    Kind.EMPTY: "No stars",
    Kind.OFF_TARGET: "Off target",
    Kind.UNREADABLE: "Unreadable",
}
UNNAMED = "No single cause"


def kind_words(kind: str | None) -> str:
    """A cause in words; one that this version does not know stays as it is."""
    if kind is None:
        return UNNAMED
    return KIND_WORDS.get(Kind(kind), kind) if kind in set(Kind) else kind


def duration(seconds: float) -> str:
    """``3 h 25 min``; below an hour ``25 min``, below two minutes ``90 s``."""
    if seconds < 120:
        return f"{seconds:g} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def evening(night: date) -> str:
    """``9 / 10 December 2024``: the evening and the morning of a night."""
    morning = night + timedelta(days=1)
    first = f"{night.day}" if night.month == morning.month else f"{night:%-d %B}"
    if night.year != morning.year:
        first = f"{night:%-d %B %Y}"
    return f"{first} / {morning:%-d %B %Y}"


def counted(number: int, noun: str) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
