"""The table of a tile-compressed image: that every row points to bytes inside it, before a decoder follows."""

import re

import numpy as np
from numpy.typing import NDArray

from nebulift.readers.fits_header import Header
from nebulift.readers.refusal import COPY_AGAIN, Refusal

# FITS standard 4.0, tables 18 and 19: repeat count, type, and the type of the items that P and Q point to
FORM = re.compile(r"(\d{0,6})([LXBIJKAEDCMPQ])([LXBIJKAEDCM])?(?:\(\d*\))?")
ITEM_BYTES = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
POINTERS = {"P": ">i4", "Q": ">i8"}  # (count, offset) of the items in the heap


def check_descriptors(header: Header, data: bytes) -> None:
    """Nothing when every row of the table points into its heap and to some bytes at all. Raises ``Refusal``."""
    rows, row_bytes = header.integer("NAXIS2"), header.integer("NAXIS1")
    heap_start = header.integer("THEAP", rows * row_bytes)
    table = np.frombuffer(data, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
    pointed = np.zeros(rows, np.int64)
    offset = 0
    for field in range(1, header.integer("TFIELDS") + 1):
        match = FORM.fullmatch(str(header.values.get(f"TFORM{field}", "")).strip())
        if not match or (match[2] in POINTERS and not match[3]):
            raise Refusal("the table of its compression has a column of no known type")
        width = _column_bytes(int(match[1] or 1), match[2])
        if offset + width > row_bytes:
            raise Refusal("the columns of its compression do not fit its rows")
        if match[2] in POINTERS and width:
            pointers = table[:, offset : offset + width].copy().view(POINTERS[match[2]]).astype(np.int64)
            pointed += _checked(pointers, ITEM_BYTES.get(match[3], 1), len(data) - heap_start)
        offset += width
    if not (pointed > 0).all():
        raise Refusal("tiles of its compressed image are missing", COPY_AGAIN)


def check_sum(header: Header, data: bytes) -> None:
    """Nothing when the header states no DATASUM or the data have it. Raises ``Refusal`` for changed data.

    Compressed bytes that were changed unpack to something, so that nothing else would tell.
    """
    stated = str(header.values.get("DATASUM", "")).strip()
    if stated.isdigit() and int(stated) != ones_complement_sum(data):
        raise Refusal("its data do not have the checksum that its header states", COPY_AGAIN)


def ones_complement_sum(data: bytes) -> int:
    """The checksum of the FITS standard 4.0, appendix J: 32-bit words added with end-around carry."""
    whole = len(data) // 4 * 4
    total = int(np.frombuffer(data, ">u4", whole // 4).sum(dtype=np.uint64))
    total += int.from_bytes(data[whole:].ljust(4, b"\0"), "big")
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _column_bytes(repeat: int, kind: str) -> int:
    if kind in POINTERS:
        repeat = min(repeat, 1)
    return -(-repeat // 8) if kind == "X" else repeat * ITEM_BYTES[kind]


def _checked(pointers: NDArray[np.int64], item_bytes: int, heap_bytes: int) -> NDArray[np.int64]:
    """The lengths in bytes, after both numbers of every pointer were found inside the heap."""
    count, start = pointers[:, 0], pointers[:, 1]
    inside = (count >= 0) & (start >= 0) & (start <= heap_bytes) & (count <= (heap_bytes - start) // item_bytes)
    if not inside.all():
        raise Refusal("the table of its compression points outside itself", COPY_AGAIN)
    return count * item_bytes
