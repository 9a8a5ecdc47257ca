"""Damage by a transfer in text mode: bytes that look like line ends were changed inside the image."""

from nebulift.readers.fits_header import BLOCK_BYTES, Read

CHUNK_BYTES = 1 << 20
MOST_CHANGED = 256  # one byte of so many at most is lost: one of 65 536 is expected by chance
MIN_PADDING_BYTES = 32  # a shorter run of zeros could be the picture's own


def converted_line_endings(read: Read, size: int, data_end: int) -> bool:
    """Whether a FITS file of ``size`` bytes, whose data should end at ``data_end``, went through text mode.

    CR LF -> LF leaves no CR LF at all and moves the padding, a known number of zeros, forward to the end of the
    shortened file. LF -> CR LF leaves no LF without CR, and just as many bytes too many. Files of a regular length
    are not read: such damage always changes the length.
    """
    padded_end = -(-data_end // BLOCK_BYTES) * BLOCK_BYTES
    if size in (data_end, padded_end):
        return False
    pairs, feeds = _count_line_ends(read, size)
    if size > padded_end:
        return pairs > 0 and pairs == feeds and size - pairs in (data_end, padded_end)
    padding = padded_end - data_end
    if padded_end - size > data_end // MOST_CHANGED:
        return False
    return pairs == 0 and padding >= MIN_PADDING_BYTES and not read(size - padding, padding).strip(b"\0")


def _count_line_ends(read: Read, size: int) -> tuple[int, int]:
    """(number of CR LF pairs, number of LF) in the whole file."""
    pairs = feeds = 0
    last = b""
    for offset in range(0, size, CHUNK_BYTES):
        chunk = read(offset, CHUNK_BYTES)
        pairs += (last + chunk).count(b"\r\n")
        feeds += chunk.count(b"\n")
        last = chunk[-1:] if chunk.endswith(b"\r") else b""
    return pairs, feeds
