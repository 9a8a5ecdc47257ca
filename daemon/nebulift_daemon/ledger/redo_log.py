"""The redo log: what was written to the ledger and is not yet committed there, one entry a transaction.

A card wears by the page. An entry takes one where a commit of SQLite takes twenty, so the daemon commits once an hour
and notes each transaction here at once. The first bytes name the state of the ledger on which the entries build: on
any other they are not repeated.
"""

import base64
import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nebulift_daemon.placing import sync_folder

Value = str | bytes | int | float | None
Statement = tuple[str, Sequence[Value]]

HEADER = struct.Struct("<4sI")
MAGIC = b"NRL1"
ENTRY = struct.Struct("<II")  # length of what follows, its CRC-32
BYTES_KEY = "base64"


class RedoLog:
    """The writing side, of which there is one: whoever holds the ledger's write lock for long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self.size_bytes = 0

    def begin(self, state: int) -> None:
        """Forget all entries; those to come build on this state of the ledger. Raises ``OSError``."""
        self.close()
        is_new = not self._path.exists()
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self.size_bytes = 0
        self._write(HEADER.pack(MAGIC, state))
        if is_new:
            sync_folder(self._path.parent)  # a power cut must not take the new file's name

    def append(self, statements: Sequence[Statement], *, durable: bool) -> None:
        """Note one transaction; ``durable`` returns only when it would survive a power cut. Raises ``OSError``."""
        assert self._descriptor is not None
        content = zlib.compress(json.dumps(statements, default=_told).encode("ascii"), 1)
        before = self.size_bytes
        self._write(ENTRY.pack(len(content), zlib.crc32(content)) + content)
        if durable:
            try:
                os.fdatasync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, before)  # the writer is told that nothing was noted
                self.size_bytes = before
                raise

    def clear(self) -> None:
        """The entries are committed. Raises ``OSError``."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            self.size_bytes = 0

    def close(self) -> None:
        """Leave the file as it is; may be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _write(self, content: bytes) -> None:
        """All of it, or nothing that a reader would take for an entry: a torn one would hide those behind it."""
        assert self._descriptor is not None
        done_bytes = 0
        try:
            while done_bytes < len(content):  # a disk that gets full takes a part first
                done_bytes += os.pwrite(self._descriptor, content[done_bytes:], self.size_bytes + done_bytes)
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes += done_bytes


def state_it_builds_on(path: Path) -> int | None:
    """The state of the ledger on which the entries in the file build; ``None`` when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        start = os.pread(descriptor, HEADER.size + 1, 0)
    finally:
        os.close(descriptor)
    if len(start) <= HEADER.size:
        return None
    magic, state = HEADER.unpack(start[: HEADER.size])
    return int(state) if magic == MAGIC else None


def entries_of(path: Path) -> Iterator[list[Statement]]:
    """The entries in order, up to the first that is torn: a power cut may have taken the rest. Raises ``OSError``."""
    with path.open("rb") as file:
        file.seek(HEADER.size)
        while len(head := file.read(ENTRY.size)) == ENTRY.size:
            length, checksum = ENTRY.unpack(head)
            content = file.read(length)
            if len(content) < length or zlib.crc32(content) != checksum:
                return
            yield [(sql, values) for sql, values in json.loads(zlib.decompress(content), object_hook=_meant)]


def _told(value: Any) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"SQLite does not hold a {type(value).__name__}")
    return {BYTES_KEY: base64.b85encode(value).decode("ascii")}


def _meant(value: dict[str, str]) -> bytes:
    return base64.b85decode(value[BYTES_KEY])
