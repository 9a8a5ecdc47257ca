"""FITS files -> pixels and keywords: plain, tile-compressed, packed with gzip or bzip2."""

import math
import os
from io import FileIO
from pathlib import Path

import numpy as np

from nebulift.readers.fits_header import BLOCK_BYTES, Read, data_bytes, data_end_bytes
from nebulift.readers.fits_layout import FitsImage, find_image
from nebulift.readers.fits_tiles import unpack_tiles
from nebulift.readers.inflate import Inflating
from nebulift.readers.keywords import exposure_from_header
from nebulift.readers.limits import check_decoded_bytes
from nebulift.readers.line_endings import converted_line_endings
from nebulift.readers.reading import Reading
from nebulift.readers.refusal import CutShort, Refusal
from nebulift.readers.regular_file import positional_read
from nebulift.readers.scaled_pixels import ScaledPixels
from nebulift.readers.stored_rows import FileRows, MemoryRows, StoredRows

STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}  # FITS standard 4.0, section 5


def read_fits(path: Path, file: FileIO) -> Reading:
    """The image of a FITS file; plain rows are read from the file as they are asked for. Raises ``Refusal``."""
    size = os.fstat(file.fileno()).st_size
    read = positional_read(file)
    image = find_image(read, size)
    _check_whole(read, size, image)
    if image.layout.tiled:
        return _reading(image, MemoryRows(unpack_tiles(read, image)))
    return _reading(image, FileRows(path, file, image.header.data_start, _shape(image), _stored_dtype(image)))


def read_packed_fits(_path: Path, file: FileIO, packing: str) -> Reading:
    """The first image of a FITS file inside ``packing`` ("gzip" or "bzip2"), unpacked in memory.

    Raises ``Refusal`` before unpacking more than the header inside announces.
    """
    inflating = Inflating(file, packing)
    image = find_image(inflating.read)
    size = data_bytes(image.header)
    check_decoded_bytes(size)
    unpacked = inflating.take(data_end_bytes(image.header))
    if len(unpacked) < data_end_bytes(image.header):
        have = max(len(unpacked) - image.header.data_start, 0)
        raise CutShort(f"it is cut: {have} of {size} bytes of the image are there")
    if image.layout.tiled:
        return _reading(image, MemoryRows(unpack_tiles(inflating.read, image)))
    dtype = _stored_dtype(image)
    shape = _shape(image)
    numbers = np.frombuffer(unpacked, dtype, math.prod(shape), image.header.data_start)
    return _reading(image, MemoryRows(numbers.reshape(shape)))


def _reading(image: FitsImage, rows: StoredRows) -> Reading:
    exposure = exposure_from_header(image.keywords, image.layout.height, image.layout.planes)
    return Reading(ScaledPixels(rows, image.layout.scaling), exposure, image.notes, image.keywords)


def _shape(image: FitsImage) -> tuple[int, int, int]:
    return image.layout.planes, image.layout.height, image.layout.width


def _stored_dtype(image: FitsImage) -> np.dtype[np.generic]:
    return np.dtype(STORED[image.layout.bitpix])


def _check_whole(read: Read, size: int, image: FitsImage) -> None:
    """Raises ``Refusal`` when bytes of the image are missing or were changed by a transfer in text mode."""
    end = data_end_bytes(image.header)
    more_follows = read(-(-end // BLOCK_BYTES) * BLOCK_BYTES, 8) == b"XTENSION"
    if not more_follows and converted_line_endings(read, size, end):
        raise Refusal(
            "its line ends were converted by a transfer in text mode, which destroys the image",
            "copy it again in binary mode",
        )
    if end > size:
        have = max(size - image.header.data_start, 0)
        raise CutShort(f"it is cut: {have} of {data_bytes(image.header)} bytes of the image are there")
