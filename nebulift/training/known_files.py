"""Hashes of files that have not changed since: an archive must not be read whole to find out that all is done."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from nebulift.training.input_cache import InputCache

FILE_NAME = "files.json"


@dataclass(slots=True)
class KnownFiles:
    """SHA-256 by path, as long as size and time of change are the same; kept beside the cached inputs."""

    place: Path
    entries: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    @classmethod
    def beside(cls, cache: InputCache) -> "KnownFiles":
        """What an earlier call left; nothing when there is none or it is damaged."""
        place = cache.folder / FILE_NAME
        try:
            kept = json.loads(place.read_text(encoding="utf-8"))
            return cls(place, {str(path): (int(size), int(time), str(sha)) for path, (size, time, sha) in kept.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls(place)  # then every file is hashed again

    def sha256(self, path: Path) -> str | None:
        """The hash of an unchanged file."""
        entry = self.entries.get(str(path.absolute()))
        return entry[2] if entry is not None and entry[:2] == _state(path) else None

    def note(self, path: Path, sha256: str) -> None:
        """Remember the hash of the file as it is now."""
        state = _state(path)
        if state is not None:
            self.entries[str(path.absolute())] = (*state, sha256)

    def save(self) -> None:
        """Write to disk, at once."""
        self.place.parent.mkdir(parents=True, exist_ok=True)
        hidden = self.place.with_name(f".{FILE_NAME}.part")
        hidden.write_text(json.dumps(self.entries, indent=0), encoding="utf-8")
        hidden.replace(self.place)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
