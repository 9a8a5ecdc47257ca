"""Frames as files: FITS bytes with the header of a capture program, written as that program does, or all at once."""

import gzip
import io
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.headers import Card

CHUNK_BYTES = 1 << 18
CARD_CHARACTERS = 80 - len("KEYWORD = ") - len(" / ")
VALUE_CHARACTERS = 20  # values are padded to so many


def fits_bytes(pixels: NDArray[Any], cards: Sequence[Card], compression: str = "none") -> bytes:
    """A FITS file: unsigned 16-bit as int16 with BZERO 32768, 8-bit as it is; ``compression`` ``none``, ``fz``, ``gz``.

    ``fz`` is Rice tile compression behind an empty primary HDU (fpack), ``gz`` the whole file in gzip without a date.
    """
    from astropy.io import fits  # noqa: PLC0415  (slow to import; frames in memory do not need it)

    header = fits.Header()
    for keyword, value, comment in cards:
        if keyword == "COMMENT":
            header.add_comment(str(value))
        else:
            room = CARD_CHARACTERS - max(VALUE_CHARACTERS, len(str(value)) + len("''"))
            header[keyword] = (value, comment[: max(room, 0)])
    data = np.ascontiguousarray(pixels)
    if compression == "fz":
        hdus = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, header, compression_type="RICE_1")])
    else:
        hdus = fits.HDUList([fits.PrimaryHDU(data, header)])
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    plain = buffer.getvalue()
    return gzip.compress(plain, compresslevel=1, mtime=0) if compression == "gz" else plain


def write_at_once(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` is never there half: hidden neighbour, flush to disk, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.part")
    with hidden.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    hidden.replace(path)


def write_like_capture(
    path: Path,
    content: bytes,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    pause_s: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Write ``content`` as capture programs do: under its final name from the first byte on, chunk by chunk.

    ``pause_s`` passes between chunks, as over a slow link; every chunk is visible to other processes at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(content), chunk_bytes):
            if start and pause_s:
                sleep(pause_s)
            file.write(content[start : start + chunk_bytes])
