"""``Check``: one thing that was looked at, how it is, and what to do about it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """``warn`` is worth knowing and stops nothing; ``fail`` keeps frames from being judged or filed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    topic: str
    state: State
    text: str  # what is the case, and why that matters
    remedy: str = ""  # what to do; empty when nothing has to be done


def ok(topic: str, text: str) -> Check:
    """Nothing to do here."""
    return Check(topic, State.OK, text)


def warn(topic: str, text: str, remedy: str = "") -> Check:
    """Work goes on, less well than it could."""
    return Check(topic, State.WARN, text, remedy)


def fail(topic: str, text: str, remedy: str) -> Check:
    """Frames are not judged or not filed as long as this is so."""
    return Check(topic, State.FAIL, text, remedy)


def guarded(topic: str, checks: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """What ``checks`` yields; an error of its own becomes a line too, and the other checks go on."""
    try:
        yield from checks()
    except Exception as error:  # noqa: BLE001 - the barrier: one check that breaks must not hide the others
        yield warn(topic, f"could not be checked ({type(error).__name__}: {error})", "please report this")
