"""Readers: one file a format, FITS and its packed forms, XISF, camera raws, TIFF, PNG and JPEG -> ``Frame``.

Importing this package (or its ``names`` and ``fits_header``) loads no array library: the watching process does so.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nebulift.frame import Frame

__all__ = ["open_frame"]


def open_frame(path: Path) -> "Frame":
    """The frame in the file, open for reading: see ``nebulift.readers.opening.open_frame``."""
    from nebulift.readers.opening import open_frame as open_now  # noqa: PLC0415 - loads numpy, only judges need it

    return open_now(path)
