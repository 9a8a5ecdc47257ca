"""XISF files (N.I.N.A., PixInsight) -> pixels and keywords; uncompressed ones are read strip by strip."""

import os
import zlib
from importlib import import_module
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nebulift.readers.camera_raw import INSTALL_FORMATS
from nebulift.readers.fits_header import Read
from nebulift.readers.fits_layout import COLOUR_PLANES
from nebulift.readers.keywords import exposure_from_header
from nebulift.readers.limits import check_decoded_bytes, check_sides
from nebulift.readers.reading import Reading
from nebulift.readers.refusal import COPY_AGAIN, NotSupported, Refusal
from nebulift.readers.regular_file import positional_read
from nebulift.readers.scaled_pixels import ScaledPixels
from nebulift.readers.stored_rows import FileRows, MemoryRows, StoredRows
from nebulift.readers.xisf_header import Compression, XisfImage, xisf_images


def read_xisf(path: Path, file: FileIO) -> Reading:
    """The only or the largest image of an XISF file. Raises ``Refusal``.

    Uncompressed and zlib-compressed images need nothing but this package; lz4 and zstd need the extra ``[formats]``.
    """
    size = os.fstat(file.fileno()).st_size
    read = positional_read(file)
    images = xisf_images(read, size)
    if not images:
        raise Refusal("its XISF holds no image")
    image = max(images, key=lambda found: found.shape[1] * found.shape[2])
    planes, height, width = image.shape
    check_sides(width, height)
    if planes != 1 and planes not in COLOUR_PLANES:
        raise Refusal(f"it holds a stack of {planes} images, and a frame is one", "save the frames one by one")
    return Reading(
        ScaledPixels(_rows(path, file, read, image)),
        exposure_from_header(image.keywords, height, planes),
        _notes(len(images), image),
        image.keywords,
    )


def _rows(path: Path, file: FileIO, read: Read, image: XisfImage) -> StoredRows:
    dtype = np.dtype(image.dtype)
    if image.compression is None:
        if image.length < image.unpacked_bytes:
            raise Refusal("its XISF header announces fewer bytes than its image has", COPY_AGAIN)
        return FileRows(path, file, image.start, image.shape, dtype)
    check_decoded_bytes(image.unpacked_bytes)
    data = _unpacked(read(image.start, image.length), image.compression, image.unpacked_bytes)
    return MemoryRows(np.frombuffer(data, dtype).reshape(image.shape))


def _notes(images: int, image: XisfImage) -> tuple[str, ...]:
    planes, height, width = image.shape
    several = (f"it holds {images} images; the largest ({width} x {height}) was read",) if images > 1 else ()
    return (*several, f"the mean of its {planes} colour planes was read") if planes > 1 else several


def _unpacked(packed: bytes, compression: Compression, size: int) -> NDArray[np.uint8]:
    """Exactly ``size`` bytes. Raises ``Refusal`` when the attachment holds anything else."""
    pieces, offset = [], 0
    if sum(unpacked for _, unpacked in compression.parts) != size or min(compression.parts[0]) < 0:
        raise Refusal("its XISF compression does not fit its image", COPY_AGAIN)
    for length, unpacked in compression.parts:
        pieces.append(_inflate(compression.codec, packed[offset : offset + length], unpacked))
        offset += length
    data = np.frombuffer(b"".join(pieces), np.uint8)
    if data.size != size:
        raise Refusal("its XISF image does not unpack to its size", COPY_AGAIN)
    return _unshuffled(data, compression.shuffled)


def _inflate(codec: str, packed: bytes, size: int) -> bytes:
    """``packed`` unpacked to at most ``size`` bytes."""
    try:
        if codec == "zlib":
            return zlib.decompressobj().decompress(packed, size)
        if codec == "zstd":
            reader = import_module("zstandard").ZstdDecompressor().stream_reader(packed)
            return bytes(reader.read(size))
        return bytes(import_module("lz4.block").decompress(packed, uncompressed_size=size))
    except ImportError as error:
        raise NotSupported(f"{codec}-compressed XISF needs packages that are not installed", INSTALL_FORMATS) from error
    except Exception as error:
        # barrier: three foreign decoders with their own errors, and one damaged frame must not stop the others
        raise Refusal(f"its XISF image cannot be unpacked ({type(error).__name__})", COPY_AGAIN) from error


def _unshuffled(data: NDArray[np.uint8], item: int | None) -> NDArray[np.uint8]:
    """Bytes back in the order of the numbers: shuffling stores all first bytes, then all second bytes ..."""
    if item is None or item < 2:
        return data
    whole = data.size // item * item
    return np.concatenate([data[:whole].reshape(item, -1).T.reshape(-1), data[whole:]])
