"""``Inflating``: a gzip or bzip2 file read from its beginning, never further than asked for."""

import bz2
import gzip
import zlib
from contextlib import suppress
from io import FileIO

from nebulift.readers.fits_header import BLOCK_BYTES, MAX_HEADER_BYTES
from nebulift.readers.limits import MAX_DECODED_BYTES
from nebulift.readers.refusal import COPY_AGAIN, CutShort, Refusal

STEP_BYTES = 1 << 20
MOST_BYTES = MAX_DECODED_BYTES + 2 * MAX_HEADER_BYTES


class WrongLength(Refusal):
    """The gzip trailer states another length than came out, but the right checksum."""


class Inflating:
    """The unpacked bytes of ``file`` so far; a bomb costs no more memory than the header of its content announces."""

    def __init__(self, file: FileIO, packing: str) -> None:
        self._stream = gzip.GzipFile(fileobj=file) if packing == "gzip" else bz2.BZ2File(file)
        self._bytes = bytearray()
        self._ended = False

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``, fewer at the end. Raises ``Refusal`` when damaged, cut or too large."""
        self._inflate_to(offset + length)
        return bytes(self._bytes[offset : offset + length])

    def take(self, end: int) -> bytearray:
        """All bytes up to ``end`` (or the end of the stream), to keep; a checksum that follows there is verified."""
        self._inflate_to(end)
        if len(self._bytes) >= end:
            with suppress(WrongLength):  # some writers count wrongly; the checksum is compared before the length
                self._unpack(BLOCK_BYTES)  # the padding: at its end gzip and bzip2 compare their checksums
        return self._bytes

    def _inflate_to(self, end: int) -> None:
        if end > MOST_BYTES:
            raise Refusal(f"it would unpack to more than {MOST_BYTES // 2**20} MiB", "save it uncompressed")
        while len(self._bytes) < end and not self._ended:
            piece = self._unpack(min(STEP_BYTES, end - len(self._bytes)))
            self._bytes += piece
            self._ended = not piece

    def _unpack(self, length: int) -> bytes:
        try:
            return self._stream.read(length)
        except gzip.BadGzipFile as error:
            kind = WrongLength if "length" in str(error).lower() else Refusal
            raise kind(f"it cannot be unpacked ({error})", COPY_AGAIN) from error
        except EOFError as error:
            raise CutShort("its compressed bytes end too early: the file is cut") from error
        except (OSError, zlib.error, ValueError) as error:
            raise Refusal(f"it cannot be unpacked ({error})", COPY_AGAIN) from error
