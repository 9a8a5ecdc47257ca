"""Tile-compressed FITS images (``.fz`` and others with ZIMAGE): unpacked by astropy behind our own checks.

The compression conventions are those of the FITS standard 4.0, section 10 (RICE, GZIP, HCOMPRESS, PLIO).
"""

import re
import warnings
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from nebulift.readers.fits_cards import CARD_BYTES, CardValue
from nebulift.readers.fits_header import BLOCK_BYTES, Header, Read, data_bytes
from nebulift.readers.fits_layout import FitsImage, ImageLayout
from nebulift.readers.refusal import COPY_AGAIN, CutShort, Refusal
from nebulift.readers.tile_table import check_descriptors, check_sum

# astropy sees these cards alone: what else stands in the header (junk, duplicates, BZERO) is none of its business
STRUCTURE = re.compile(
    r"BITPIX|NAXIS[12]?|PCOUNT|GCOUNT|TFIELDS|THEAP|(?:TTYPE|TFORM|TNULL)\d{1,2}|"
    r"ZIMAGE|ZCMPTYPE|ZBITPIX|ZNAXIS[1-9]?|ZTILE[1-9]|ZNAME\d{1,2}|ZVAL\d{1,2}|ZQUANTIZ|ZDITHER0|ZBLANK"
)
DTYPES = {8: np.uint8, 16: np.int16, 32: np.int32, 64: np.int64, -32: np.float32, -64: np.float64}


def unpack_tiles(read: Read, image: FitsImage) -> NDArray[np.generic]:
    """The unpacked image, shape (planes, height, width), before BZERO and BSCALE, in the type of ZBITPIX.

    Floats that were quantised come out as floats, their missing pixels as NaN. Raises ``CutShort`` when data are
    missing, ``Refusal`` when they cannot be unpacked.
    """
    size = data_bytes(image.header)
    data = read(image.header.data_start, size)
    if len(data) < size:
        raise CutShort(f"it is cut: {len(data)} of {size} bytes of the compressed image are there")
    check_descriptors(image.header, data)
    check_sum(image.header, data)
    pixels = _unpacked_by_astropy(_primary_block() + _structure_block(image.header) + data)
    layout = image.layout
    expected = (layout.planes, layout.height, layout.width)
    if pixels.size != int(np.prod(expected)) or pixels.dtype.newbyteorder("=") != _dtype(layout):
        raise Refusal("its compressed image unpacks to something else than its header says", COPY_AGAIN)
    return pixels.reshape(expected)


def _unpacked_by_astropy(file_bytes: bytes) -> NDArray[np.generic]:
    from astropy.io import fits  # noqa: PLC0415 - half a second that plain FITS need not pay

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(BytesIO(file_bytes), memmap=False, do_not_scale_image_data=True) as hdus:
                return np.asarray(hdus[1].data)
    except Exception as error:
        # barrier: what a damaged or hostile table makes a foreign decoder raise is not foreseeable,
        # and one frame must not stop the others
        raise Refusal(f"its compressed image cannot be unpacked ({type(error).__name__})", COPY_AGAIN) from error


def _dtype(layout: ImageLayout) -> np.dtype[np.generic]:
    return np.dtype(DTYPES[layout.bitpix])


def _primary_block() -> bytes:
    return _block([_card("SIMPLE", True), _card("BITPIX", 8), _card("NAXIS", 0), _card("EXTEND", True)])


def _structure_block(header: Header) -> bytes:
    cards = [_card(key, value) for key, value in header.values.items() if STRUCTURE.fullmatch(key)]
    return _block([_card("XTENSION", "BINTABLE"), *cards])


def _card(key: str, value: CardValue) -> bytes:
    if isinstance(value, bool):
        field = "T" if value else "F"
    elif isinstance(value, str):
        field = "'" + value[:60].replace("'", "''").ljust(8) + "'"
    else:
        field = repr(value).upper()
    return f"{key:8}= {field:>20}"[:CARD_BYTES].ljust(CARD_BYTES).encode("ascii", "replace")


def _block(cards: list[bytes]) -> bytes:
    text = b"".join(cards) + b"END".ljust(CARD_BYTES)
    return text + b" " * (-len(text) % BLOCK_BYTES)
