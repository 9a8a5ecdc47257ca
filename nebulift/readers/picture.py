"""TIFF, PNG and JPEG pictures -> pixels, decoded by OpenCV; 16 bit stay 16 bit, colours are averaged."""

import os
from io import FileIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nebulift.exposure import Exposure
from nebulift.readers.camera_raw import read_camera_raw
from nebulift.readers.limits import check_decoded_bytes, check_sides
from nebulift.readers.picture_header import picture_header
from nebulift.readers.reading import Reading
from nebulift.readers.refusal import COPY_AGAIN, Refusal
from nebulift.readers.regular_file import positional_read
from nebulift.readers.scaled_pixels import ScaledPixels
from nebulift.readers.stored_rows import MemoryRows


def read_picture(path: Path, file: FileIO) -> Reading:
    """The picture as a frame: uint8 and uint16 stay, other numbers become float32; transparency is dropped.

    Pictures state nothing about the exposure. Raises ``Refusal`` when damaged or larger than ``limits`` allow.
    """
    size = os.fstat(file.fileno()).st_size
    read = positional_read(file)
    header = picture_header(read, size)
    if header.camera_raw:
        return read_camera_raw(path, file)
    check_sides(header.width, header.height)
    check_decoded_bytes(header.decoded_bytes)
    check_decoded_bytes(size)
    planes = _planes(_decoded(np.frombuffer(file.read(), np.uint8)))
    if planes.shape[1:] != (header.height, header.width):
        raise Refusal("its picture decodes to something else than its header says", COPY_AGAIN)
    notes = () if len(planes) == 1 else (f"the mean of its {len(planes)} colour channels was read",)
    return Reading(ScaledPixels(MemoryRows(planes)), Exposure(), notes)


def _decoded(data: NDArray[np.uint8]) -> NDArray[np.generic]:
    import cv2  # noqa: PLC0415 - a tenth of a second that FITS need not pay

    try:
        picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise Refusal("its picture cannot be decoded", COPY_AGAIN) from error
    if picture is None:
        raise Refusal("its picture cannot be decoded", COPY_AGAIN)
    return picture


def _planes(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """(channels, height, width) without the transparency."""
    if picture.ndim == 2:
        return picture[np.newaxis]
    channels = 1 if picture.shape[2] == 2 else min(picture.shape[2], 3)
    return np.moveaxis(picture, 2, 0)[:channels]
