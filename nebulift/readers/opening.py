"""``open_frame``: any file -> ``Frame`` or one plain sentence. The format is told by the first bytes, not the name."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TypeAlias

from nebulift.errors import UnreadableFrame, UnsupportedFormat
from nebulift.exposure import Exposure
from nebulift.frame import Frame, Pixels
from nebulift.readers.camera_raw import read_camera_raw
from nebulift.readers.fits import read_fits, read_packed_fits
from nebulift.readers.fits_cards import CardValue
from nebulift.readers.kind_from_pixels import kind_from_pixels
from nebulift.readers.magic import Format, format_of
from nebulift.readers.names import exposure_s_from_name, kind_from_name
from nebulift.readers.picture import read_picture
from nebulift.readers.reading import Reading
from nebulift.readers.refusal import NotSupported, Refusal
from nebulift.readers.regular_file import open_regular, unreadable
from nebulift.readers.stored_rows import FileRows
from nebulift.readers.xisf import read_xisf

Reader: TypeAlias = Callable[[Path, FileIO], Reading]

READERS: dict[Format, Reader] = {
    Format.FITS: read_fits,
    Format.GZIP: partial(read_packed_fits, packing="gzip"),
    Format.BZIP2: partial(read_packed_fits, packing="bzip2"),
    Format.XISF: read_xisf,
    Format.PICTURE: read_picture,
    Format.CAMERA_RAW: read_camera_raw,
}


def open_frame(path: Path) -> Frame:
    """The frame in the file, open for reading; close it, or use it as a context manager.

    Plain FITS and uncompressed XISF stay on disk and are read strip by strip; everything else is unpacked in memory.
    ``exposure.kind`` comes from the header, else from the name, else from the pixels, else it is assumed LIGHT.

    Raises ``UnreadableFrame`` when the file is damaged, cut, hostile or no regular file, ``UnsupportedFormat`` when
    it is of a kind that is not read here, or read only with an extra that is not installed. Nothing is written, no
    pipe or device is waited for, and no more is allocated than ``limits`` allow.
    """
    return open_with_keywords(path)[0]


def open_with_keywords(path: Path) -> tuple[Frame, Mapping[str, CardValue]]:
    """The frame and the keywords as its file states them. Raises like ``open_frame``."""
    file = open_regular(path)
    try:
        reading = _read(path, file)
        frame = Frame(path, reading.pixels, _completed(path, reading), reading.notes)
    except BaseException:
        file.close()
        raise
    if not isinstance(reading.pixels.stored, FileRows):
        file.close()  # everything is in memory
    return frame, reading.keywords


def _read(path: Path, file: FileIO) -> Reading:
    try:
        return READERS[format_of(path.name, os.pread(file.fileno(), 4096, 0))](path, file)
    except NotSupported as refusal:
        raise UnsupportedFormat(path, refusal.cause, refusal.remedy) from refusal
    except Refusal as refusal:
        raise UnreadableFrame(path, refusal.cause, refusal.remedy) from refusal
    except OSError as error:
        raise unreadable(path, error) from error
    except MemoryError as error:
        raise UnreadableFrame(path, "it needs more memory than there is", "save it as plain FITS") from error


def _completed(path: Path, reading: Reading) -> Exposure:
    """The facts of the header, completed by what name and pixels tell where the header is silent."""
    exposure = reading.exposure
    if exposure.exposure_s is None:
        exposure = replace(exposure, exposure_s=exposure_s_from_name(path))
    if exposure.kind_source == "header":
        return exposure
    named = kind_from_name(path)
    if named is not None:
        return replace(exposure, kind=named, kind_source="name")
    return _seen(exposure, reading.pixels)


def _seen(exposure: Exposure, pixels: Pixels) -> Exposure:
    """The pixels are asked last, and not at all where the header names what only a light has: a goal in the sky."""
    if exposure.target is not None or exposure.ra_deg is not None or exposure.filter_name is not None:
        return exposure
    seen = kind_from_pixels(pixels, exposure.exposure_s)
    return exposure if seen is None else replace(exposure, kind=seen, kind_source="pixels")
