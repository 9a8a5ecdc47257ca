"""``Frame``: the pixels of one exposure in raw ADU, read strip by strip, and the facts that came with them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from nebulift.exposure import Exposure

STRIP_ROWS = 64  # a strip of a 26-MP frame is 0.8 MB: it stays in a Pi's cache


class Pixels(Protocol):
    """Rows of a 2-D image, on demand: a whole frame is never held unless its format forces it."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """What ``rows`` returns: native uint8, uint16 or float32."""

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        """Rows ``top`` to ``bottom`` (exclusive) in ADU, shape (bottom - top, width), native byte order.

        BZERO and BSCALE are applied; BLANK pixels are NaN (the dtype is float32 then). The caller may write into
        the result. Raises ``UnreadableFrame`` when the file has become shorter than its header promised.
        """

    def as_stored(self, top: int, bottom: int) -> NDArray[Any]:
        """The same rows in whatever numbers are cheapest, not to be written to: of few pixels, ``adu`` makes ADU."""

    def adu(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Pixels picked from ``as_stored``, of any shape, in ADU and the dtype of ``rows``."""

    def close(self) -> None:
        """Let go of the file; ``rows`` must not be called afterwards. May be called twice."""


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPixels:
    """``Pixels`` over an array in memory, shape (H, W), dtype uint8, uint16 or float32."""

    array: NDArray[Any]

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.array.shape
        return height, width

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.array.dtype

    def rows(self, top: int, bottom: int) -> NDArray[Any]:
        return self.array[top:bottom].copy()

    def as_stored(self, top: int, bottom: int) -> NDArray[Any]:
        return self.array[top:bottom]

    def adu(self, stored: NDArray[Any]) -> NDArray[Any]:
        return stored

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image, open for reading. Use it as a context manager, or call ``close``."""

    path: Path
    pixels: Pixels
    exposure: Exposure = field(default_factory=Exposure)
    notes: tuple[str, ...] = ()  # what a person should know about how the file was read

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape

    @property
    def megapixels(self) -> float:
        height, width = self.shape
        return height * width / 1e6

    def strips(self, rows: int = STRIP_ROWS) -> Iterator[tuple[int, NDArray[Any]]]:
        """(first row, strip) from top to bottom; ``rows`` is even, so strips never cut a Bayer cell."""
        height = self.shape[0]
        for top in range(0, height, rows):
            yield top, self.pixels.rows(top, min(top + rows, height))

    def array(self) -> NDArray[Any]:
        """The whole image, shape (H, W), in the dtype of ``pixels``."""
        return self.pixels.rows(0, self.shape[0])

    def close(self) -> None:
        self.pixels.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def frame_from_array(array: NDArray[Any], exposure: Exposure | None = None, path: Path | None = None) -> Frame:
    """A ``Frame`` over a 2-D array of any real dtype: 8- and 16-bit unsigned stay, all else becomes float32.

    Raises ``ValueError`` when the array is not two-dimensional.
    """
    if array.ndim != 2:
        msg = f"a frame is a 2-D array, not {array.ndim}-D"
        raise ValueError(msg)
    if array.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        array = array.astype(np.float32)
    return Frame(path or Path("memory"), ArrayPixels(np.ascontiguousarray(array)), exposure or Exposure())
