"""The output root and its marker. A marker that is missing means a disk that is not plugged in: then nothing is filed,
instead of filling the card below the mount point (the idea is Syncthing's folder marker).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nebulift.errors import ConfigError
from nebulift.verdict import Label
from nebulift_daemon.folders import ROOT_MARKER, is_temporary, walk
from nebulift_daemon.placing import is_abandoned

HARMLESS = {"lost+found", ".nebulift", ROOT_MARKER, *Label}  # may lie in a root that still counts as empty


@dataclass(frozen=True, slots=True)
class OutputRoot:
    """Where frames are filed. ``state_folder`` is written into the marker, so that the root leads to its ledger.

    ``imagined`` is for a dry run: such a root counts as there.
    """

    path: Path
    state_folder: Path
    imagined: bool = False

    @property
    def marker(self) -> Path:
        return self.path / ROOT_MARKER

    def is_there(self) -> bool:
        """Whether the marker is there, and with it the disk."""
        return self.imagined or self.marker.is_file()

    def begin(self, *, known: bool) -> None:
        """Make root, marker and label folders at the first start; ``known``: the ledger has met this root before.

        Raises ``ConfigError`` when a root that we never met holds other things. A known root without marker is left
        alone: it is not plugged in.
        """
        if known and not self.is_there():
            return
        try:
            if self.is_there():
                self._complete()
                return
            self.path.mkdir(parents=True, exist_ok=True)
            strangers = sorted(entry.name for entry in self.path.iterdir() if entry.name not in HARMLESS)
            if strangers:
                found = f'[output] root holds other things (such as "{strangers[0]}")'
                remedy = f"choose an empty folder, or allow this one with: touch {self.marker}"
                raise ConfigError(str(self.path), [f"{found}; {remedy}"])
            self._complete()
        except OSError as error:
            raise ConfigError(str(self.path), [f"[output] root cannot be made: {error.strerror}"]) from error

    def _complete(self) -> None:
        """Marker and label folders; a marker that leads to another state folder is told the new one."""
        if state_folder_of(self.path) != self.state_folder or not self.marker.is_file():
            self.marker.write_text(json.dumps({"state": str(self.state_folder)}) + "\n", encoding="ascii")
        for label in Label:
            (self.path / label).mkdir(exist_ok=True)

    def sweep(self, owner: str, *others: Path) -> int:
        """Remove copies of this ledger's that a crash left unfinished, here and in ``others``; how many there were."""
        swept = 0
        for leftover in self._leftovers(others):
            if is_abandoned(leftover.name, owner):
                leftover.unlink(missing_ok=True)
                swept += 1
        return swept

    def _leftovers(self, others: tuple[Path, ...]) -> Iterator[Path]:
        for place in (*(self.path / label for label in Label), *others):
            for listing in walk(place):
                yield from (leftover for leftover in listing.leftovers if is_temporary(leftover.name))


def state_folder_of(root: Path) -> Path:
    """The state folder that belongs to an output root: its marker says; without one, ``.nebulift`` below it."""
    return named_state_folder(root) or root / ".nebulift"


def named_state_folder(root: Path) -> Path | None:
    """The state folder that a root's marker names; ``None`` without a marker, or one that a person made by `touch`."""
    try:
        named = json.loads((root / ROOT_MARKER).read_text(encoding="utf-8"))["state"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Path(named) if isinstance(named, str) else None
