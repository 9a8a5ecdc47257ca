"""Rows of numbers as a file stores them: read from disk piece by piece, or held in memory after unpacking."""

import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nebulift.errors import UnreadableFrame
from nebulift.readers.refusal import COPY_AGAIN
from nebulift.readers.regular_file import unreadable


class StoredRows(Protocol):
    """Rows of a (planes, height, width) block of numbers in the type and byte order of the file."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(planes, height, width)."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type and byte order of what ``read`` returns."""

    def read(self, plane: int, top: int, bottom: int) -> NDArray[np.generic]:
        """Rows ``top`` to ``bottom`` (exclusive) of one plane, shape (bottom - top, width); not to be written to."""

    def close(self) -> None:
        """Let go of the file or the memory; may be called twice."""


@dataclass(frozen=True, slots=True)
class FileRows:
    """Uncompressed rows in a file, from byte ``start`` on. Never mapped: a cut mapping would be a SIGBUS."""

    path: Path
    file: FileIO
    start: int
    shape: tuple[int, int, int]
    dtype: np.dtype[np.generic]

    def read(self, plane: int, top: int, bottom: int) -> NDArray[np.generic]:
        """Like ``StoredRows.read``. Raises ``UnreadableFrame`` when the file has become shorter or fails."""
        _, height, width = self.shape
        rows = np.empty((bottom - top, width), self.dtype)
        offset = self.start + (plane * height + top) * width * self.dtype.itemsize
        try:
            self._fill(rows.reshape(-1).view(np.uint8).data, offset)
        except OSError as error:
            raise unreadable(self.path, error) from error
        return rows

    def _fill(self, target: memoryview, offset: int) -> None:
        done = 0
        while done < len(target):
            count = os.preadv(self.file.fileno(), [target[done:]], offset + done)
            if not count:
                raise UnreadableFrame(self.path, "the file has become shorter while it was read", COPY_AGAIN)
            done += count

    def close(self) -> None:
        self.file.close()


@dataclass(frozen=True, slots=True, eq=False)
class MemoryRows:
    """Unpacked rows, an array of shape (planes, height, width)."""

    array: NDArray[np.generic]

    @property
    def shape(self) -> tuple[int, int, int]:
        planes, height, width = self.array.shape
        return planes, height, width

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.array.dtype

    def read(self, plane: int, top: int, bottom: int) -> NDArray[np.generic]:
        rows: NDArray[np.generic] = self.array[plane, top:bottom]
        return rows

    def close(self) -> None:
        """Nothing to let go of."""
