"""FITS headers and the lengths they announce, without numpy: for the settler as well as for the reader.

``read(offset, length)`` stands for any source of bytes; it returns fewer bytes than asked for at the end of the file.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TypeAlias

from nebulift.errors import UnreadableFrame
from nebulift.readers.fits_cards import CARD_BYTES, CardValue, end_offset, parse_cards
from nebulift.readers.refusal import CutShort, NotSupported, Refusal
from nebulift.readers.regular_file import open_regular, positional_read

BLOCK_BYTES = 2880  # FITS standard 4.0, section 3.1
MAX_HEADER_BYTES = 400 * BLOCK_BYTES  # 14 400 cards; the longest seen in stacked frames have a few thousand
MAX_HDUS = 256  # a frame has one, mosaics have tens; more are a table archive or an attack
MAX_AXES = 999  # FITS standard 4.0, section 4.4.1.1
BITPIX_VALUES = (8, 16, 32, 64, -32, -64)

Read: TypeAlias = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Header:
    """One header: its values, the keywords that contradict themselves, and where its data start."""

    values: Mapping[str, CardValue]
    contradicted: frozenset[str]
    data_start: int  # byte offset in the file

    def integer(self, key: str, default: int | None = None) -> int:
        """The whole number under ``key``. Raises ``Refusal`` when it is missing, no whole number or contradictory."""
        value = self.values.get(key, default)
        if key in self.contradicted:
            raise Refusal(f"{key} stands in its header twice with different values")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            said = "is missing" if value is None else f"is {value!a:.40}, not a whole number"
            raise Refusal(f"{key} {said} in its header")
        return value


def read_header(read: Read, start: int) -> Header:
    """The header that begins at byte ``start``.

    Raises ``NotSupported`` when none begins there, ``CutShort`` when the file ends before its END card,
    ``Refusal`` when it has more than ``MAX_HEADER_BYTES``.
    """
    first = read(start, BLOCK_BYTES)
    if first and len(first) < CARD_BYTES and (b"SIMPLE  =".startswith(first[:9]) or b"XTENSION=".startswith(first[:9])):
        raise CutShort("its FITS header is cut in its first card")
    if not first.startswith((b"SIMPLE", b"XTENSION")):
        raise NotSupported("no FITS header begins where one should")
    text = bytearray()
    while len(text) < MAX_HEADER_BYTES:
        block = read(start + len(text), BLOCK_BYTES) if text else first
        end = end_offset(block)
        if end is not None:
            text += block[:end]
            cards = parse_cards(bytes(text))
            data_start = start + (len(text) // BLOCK_BYTES + 1) * BLOCK_BYTES
            return Header(cards.values, cards.contradicted, data_start)
        if len(block) < BLOCK_BYTES:
            raise CutShort("its FITS header has no END: the file is cut, or never was whole")
        text += block
    raise Refusal(f"its FITS header has no END within {MAX_HEADER_BYTES} bytes")


def data_bytes(header: Header) -> int:
    """How many bytes of data the header announces, padding not included (FITS standard 4.0, eq. 1 and 2).

    Raises ``Refusal`` when the header contradicts itself.
    """
    bitpix = header.integer("BITPIX")
    if bitpix not in BITPIX_VALUES:
        raise Refusal(f"BITPIX is {bitpix} in its header")
    axes = axis_lengths(header)
    if not axes:
        return 0
    if axes[0] == 0 and header.values.get("GROUPS") is True:  # "random groups" of radio astronomy
        axes = axes[1:]
    extra, groups = header.integer("PCOUNT", 0), header.integer("GCOUNT", 1)
    if extra < 0 or groups < 0:
        raise Refusal(f"PCOUNT is {extra} and GCOUNT is {groups} in its header")
    return abs(bitpix) // 8 * groups * (extra + prod(axes))


def axis_lengths(header: Header, prefix: str = "NAXIS") -> list[int]:
    """(NAXIS1, NAXIS2, ...) of the header; ``prefix`` "ZNAXIS" for the image inside a compressed table.

    Raises ``Refusal`` for a negative or missing length or too many axes.
    """
    count = header.integer(prefix)
    if not 0 <= count <= MAX_AXES:
        raise Refusal(f"{prefix} is {count} in its header")
    lengths = [header.integer(f"{prefix}{axis}") for axis in range(1, count + 1)]
    if any(length < 0 for length in lengths):
        raise Refusal(f"{prefix}n is {min(lengths)} in its header")
    return lengths


def data_end_bytes(header: Header) -> int:
    """Offset of the first byte behind the data, padding not included. Raises ``Refusal`` like ``data_bytes``."""
    return header.data_start + data_bytes(header)


def headers(read: Read) -> Iterator[Header]:
    """The headers of all HDUs, first to last; junk behind the last is not looked at.

    Raises what ``read_header`` and ``data_bytes`` raise.
    """
    start = 0
    for number in range(MAX_HDUS):
        if number and not _extension_begins(read, start):
            return
        header = read_header(read, start)
        yield header
        start = header.data_start + -(-data_bytes(header) // BLOCK_BYTES) * BLOCK_BYTES


def _extension_begins(read: Read, start: int) -> bool:
    beginning = read(start, len(b"XTENSION"))
    return bool(beginning) and b"XTENSION".startswith(beginning)


def is_complete(path: Path) -> bool | None:
    """Whether all bytes that the file's FITS headers announce so far are there. Never raises for what it finds.

    ``True``: every HDU that has begun is whole; padding to 2880 bytes is not demanded (KStars has written frames
    without it: github.com/indilib/indi issue 1733). ``False``: a header lacks its END, data are missing, nothing
    but zeros or no data at all have come yet; it may stay ``False`` for ever, so the caller needs a deadline.
    ``None``: the bytes cannot tell (compressed, another format, a header that contradicts itself, not a file).
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            return _all_there(positional_read(file), size)
    except CutShort:
        return False
    except (Refusal, UnreadableFrame, OSError):
        return None


def _all_there(read: Read, size: int) -> bool:
    first = read(0, BLOCK_BYTES)
    if not first.strip(b"\0"):
        return False  # empty, or allocated in advance
    announced = 0
    for header in headers(read):
        announced += data_bytes(header)
        if data_end_bytes(header) > size:
            return False
    return announced > 0
