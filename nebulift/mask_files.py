"""Masks of trails as files for stackers: one a frame that has trails, never over an existing file."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nebulift.explain import write_new
from nebulift.judgement import Judgement
from nebulift.pictures import as_png
from nebulift.readers.names import stem
from nebulift.streaks.mask import streak_mask

MASK_FORMATS = ("fits", "png")


def write_mask(judgement: Judgement, folder: Path, file_format: str = "fits") -> Path | None:
    """Writes ``<frame>_trails.fits`` (or ``.png``) into ``folder`` and returns its path; ``None`` without any trail.

    uint8 in the frame's size and row order. FITS: 1 on trails, 0 elsewhere; PNG: 255 and 0. A name that is taken gets
    a number. Raises ``OSError`` when the folder cannot be written.
    """
    measured = judgement.measurements
    if measured is None or not measured.streaks:
        return None
    mask = streak_mask(measured.streaks, (measured.height_px, measured.width_px)).astype(np.uint8)
    content = as_png(mask * np.uint8(255)) if file_format == "png" else _as_fits(mask, len(measured.streaks))
    folder.mkdir(parents=True, exist_ok=True)
    return write_new(folder, f"{stem(judgement.path.name)}_trails", file_format, content)


def _as_fits(mask: NDArray[np.uint8], trails: int) -> bytes:
    from astropy.io import fits  # noqa: PLC0415  (slow to import, and only masks need it)

    header = fits.Header([("TRAILS", trails, "trails masked"), ("COMMENT", "1 where a trail spoils the pixel, else 0")])
    buffer = io.BytesIO()
    fits.PrimaryHDU(mask, header).writeto(buffer)
    return buffer.getvalue()
