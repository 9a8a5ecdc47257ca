"""``Selection``: which frames a person goes through, as the page's address says it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from nebulift.findings import Kind
from nebulift_daemon.ledger import LISTS, Wanted
from nebulift_daemon.nights import Zone, night_on

LONGEST_NUMBER = 16  # digits; SQLite counts to 2^63


@dataclass(frozen=True, slots=True)
class Selection:
    """A list of ``ledger.LISTS``, the evening of a night (``None`` = all), a kind of finding ("" = all)."""

    name: str = "queue"
    night: date | None = None
    kind: str = ""

    @property
    def query(self) -> str:
        """The selection as the end of an address, with its question mark."""
        given = {"list": self.name, "night": self.night.isoformat() if self.night else "", "kind": self.kind}
        return "?" + urlencode({key: value for key, value in given.items() if value})

    def of_list(self, name: str) -> "Selection":
        """The same for another list."""
        return replace(self, name=name)

    def wanted(self, zone: Zone) -> Wanted:
        """The selection as the ledger understands it."""
        if self.night is None:
            return Wanted(self.name, kind=self.kind)
        night = night_on(self.night, zone)
        return Wanted(self.name, night.begin, night.end, self.kind)


def selection_in(parameters: Mapping[str, str]) -> Selection:
    """The selection in an address's parameters; what is not understood counts as not said."""
    name, kind = parameters.get("list", ""), parameters.get("kind", "")
    try:
        night = date.fromisoformat(parameters.get("night", ""))
    except ValueError:
        night = None
    if night is not None and not 1 < night.year < 9999:
        night = None
    return Selection(name if name in LISTS else "queue", night, kind if kind in set(Kind) else "")


def numbers_in(text: str) -> list[int]:
    """The frames' numbers in a text that joins them by dashes; what is no number counts as not said."""
    parts = (part for part in text.split("-") if part.isascii() and part.isdigit() and len(part) < LONGEST_NUMBER)
    return [int(part) for part in parts]
