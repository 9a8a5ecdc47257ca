"""One frame as the ledger keeps it, and how its parts are written in SQLite's types."""

import functools
import json
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nebulift_daemon.ledger.clock import as_text, file_time
from nebulift_daemon.ledger.database import Row, as_path
from nebulift_daemon.sighting import Sighting

COLUMNS = (
    "id, root, folder, name, signature, size_bytes, sha256, state, tries, error, label, score, kinds, reason, model, "
    "session_group, file_by, planned, destination_folder, destination_name, destination_signature, "
    "seen_at, judged_at, filed_at, taken_at"
)


def signature_of(sighting: Sighting) -> str:
    """What stands for a file's bytes as long as it is not hashed."""
    return f"{sighting.inode}:{sighting.size_bytes}:{sighting.mtime_ns}"


@dataclass(frozen=True, slots=True)
class FrameRow:
    """What the ledger knows of one frame, without the judgement's full record."""

    id: int
    path: Path  # where it appeared
    root: Path  # the watched folder
    signature: str
    size_bytes: int
    sha256: str | None
    state: str
    tries: int
    error: str | None
    label: str | None
    score: float | None
    kinds: tuple[str, ...]
    reason: str | None
    model: str | None
    session_group: str | None
    file_by: str | None
    planned: Path | None
    destination: Path | None  # where it was filed; ``None`` when it was left in place
    destination_signature: str | None
    seen_at: str
    judged_at: str | None
    filed_at: str | None
    taken_at: str | None  # start of the exposure; where the file does not say, when the file was written


def frame_row(row: Row) -> FrameRow:
    """The frame in a row of ``COLUMNS``."""
    values = dict(zip((column.strip() for column in COLUMNS.split(",")), row, strict=True))
    folder, name = as_path(values.pop("folder")), as_path(values.pop("name"))
    at_folder, at_name = values.pop("destination_folder"), values.pop("destination_name")
    values["path"] = folder / name
    values["root"] = as_path(values["root"])
    values["kinds"] = tuple(values["kinds"].split())
    values["planned"] = None if values["planned"] is None else as_path(values["planned"])
    values["destination"] = None if at_folder is None else as_path(at_folder) / as_path(at_name)
    return FrameRow(**values)


def taken_at_of(record: dict[str, Any], signature: str) -> str | None:
    """When the exposure began, by the judgement's record, else by the file's own time; ``None`` when neither says."""
    stated = (record.get("exposure") or {}).get("taken_at")
    if stated:
        return as_text(datetime.fromisoformat(stated))
    return file_time(int(signature.rpartition(":")[2]))


def packed(content: Any) -> bytes:
    """JSON-ready content as the ledger stores it: compressed, since a card wears by the byte.

    The words of a judgement are the same for every frame: told to the compressor beforehand, they are left out.
    """
    compressor = zlib.compressobj(9, zdict=_words())
    return compressor.compress(json.dumps(content, separators=(",", ":")).encode("ascii")) + compressor.flush()


def unpacked(stored: bytes) -> Any:
    """The inverse of ``packed``, also for what was stored before there were words."""
    decompressor = zlib.decompressobj(zdict=_words())
    return json.loads(decompressor.decompress(stored) + decompressor.flush())


@functools.cache
def _words() -> bytes:
    """Records of every kind without their numbers. Never change this file: what was packed with it needs it."""
    return Path(__file__).with_name("record_words.txt").read_bytes()
