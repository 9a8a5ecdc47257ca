"""Raw files of DSLR and mirrorless cameras -> the sensor's own numbers, through rawpy (extra ``[formats]``)."""

import os
from importlib import import_module
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from nebulift.exposure import Exposure
from nebulift.readers.bayer_pattern import PATTERNS
from nebulift.readers.limits import check_decoded_bytes, check_sides
from nebulift.readers.reading import Reading
from nebulift.readers.refusal import COPY_AGAIN, NotSupported, Refusal
from nebulift.readers.scaled_pixels import ScaledPixels
from nebulift.readers.stored_rows import MemoryRows

INSTALL_FORMATS = "run: pip install 'nebulift[formats]'"
BYTES_A_PIXEL = 2


def read_camera_raw(_path: Path, file: FileIO) -> Reading:
    """The visible part of the sensor as uint16, before black level, white balance or interpolation.

    Exposure time and ISO (as ``gain``) come from the file where it has them; the time of exposure is not taken over,
    because such cameras note local time without saying which. Raises ``NotSupported`` without rawpy, ``Refusal``
    when the file is damaged or larger than ``limits`` allow.
    """
    try:
        rawpy = import_module("rawpy")
    except ImportError as error:
        raise NotSupported("camera raw files need packages that are not installed", INSTALL_FORMATS) from error
    check_decoded_bytes(os.fstat(file.fileno()).st_size)
    try:
        with rawpy.RawPy() as raw:
            raw.open_buffer(file)
            _check(raw)
            return _reading(raw)
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        raise Refusal(f"its camera raw cannot be decoded ({_said(error)})", COPY_AGAIN) from error


def _check(raw: Any) -> None:
    """LibRaw itself refuses to unpack more than 2 GiB; what is asked of ``raw`` from here on unpacks it."""
    sizes = raw.sizes
    check_sides(sizes.width, sizes.height)
    check_decoded_bytes(sizes.raw_width * sizes.raw_height * BYTES_A_PIXEL)


def _reading(raw: Any) -> Reading:
    pixels = np.array(raw.raw_image_visible, dtype=np.uint16)
    planes = pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)[:3]
    bayer = _bayer(raw) if pixels.ndim == 2 else None
    notes = [f"black level {max(raw.black_level_per_channel, default=0)}, white level {raw.white_level}"]
    if bayer is None:
        notes.append("its colour pattern is not a 2 x 2 Bayer pattern")
    return Reading(ScaledPixels(MemoryRows(planes)), _exposure(raw, bayer), tuple(notes))


def _bayer(raw: Any) -> str | None:
    colours = raw.color_desc.decode("ascii", "replace")
    indices = raw.raw_colors_visible[:2, :2].ravel()
    pattern = "".join(colours[index] for index in indices if index < len(colours))
    six_wide = raw.raw_pattern is not None and raw.raw_pattern.shape != (2, 2)  # X-Trans
    return None if six_wide or pattern not in PATTERNS else pattern


def _exposure(raw: Any, bayer: str | None) -> Exposure:
    other = getattr(raw, "other", None)  # older rawpy does not tell
    shutter_s, iso = (float(other.shutter_speed), float(other.iso_speed)) if other else (0.0, 0.0)
    return Exposure(exposure_s=shutter_s if shutter_s > 0 else None, gain=iso if iso > 0 else None, bayer=bayer)


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else type(error).__name__
    return said.decode("ascii", "replace") if isinstance(said, bytes) else str(said)
