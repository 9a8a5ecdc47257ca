"""Frames on disk in every disguise: plain and packed FITS, XISF, pictures, camera raws, and files that want to hurt.

Written byte by byte where that is short, so that the readers are not tested against themselves.
"""

import bz2
import gzip
import struct
import zlib
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np

BLOCK = 2880

INDI = {
    "INSTRUME": "ZWO CCD ASI533MC Pro", "TELESCOP": "EQMod Mount", "FRAME": "Light", "IMAGETYP": "Light Frame",
    "EXPTIME": 120.0, "CCD-TEMP": -10.1, "PIXSIZE1": 3.76, "XBINNING": 1, "YBINNING": 1, "XPIXSZ": 3.76,
    "FOCALLEN": 530.0, "BAYERPAT": "RGGB", "XBAYROFF": 0, "YBAYROFF": 0, "ROWORDER": "TOP-DOWN", "GAIN": 100.0,
    "OFFSET": 70.0, "OBJECT": "M31", "OBJCTRA": " 0 42 44.00", "OBJCTDEC": "41 16 09.00", "RA": 10.683, "DEC": 41.269,
    "SITELAT": 51.05, "SITELONG": 3.71, "PIERSIDE": "WEST", "AIRMASS": 1.05, "DATE-OBS": "2026-01-02T21:03:04.567",
}  # fmt: skip
NINA = {
    "IMAGETYP": "LIGHT", "EXPOSURE": 300.0, "EXPTIME": 300.0, "DATE-LOC": "2026-01-02T22:03:04.567",
    "DATE-OBS": "2026-01-02T21:03:04.567", "DATE-AVG": "2026-01-02T21:05:34.567", "XBINNING": 2, "YBINNING": 2,
    "GAIN": 100, "OFFSET": 50, "EGAIN": 0.25, "XPIXSZ": 7.52, "INSTRUME": "ASI2600MM Pro", "SET-TEMP": -10.0,
    "CCD-TEMP": -10.0, "TELESCOP": "RC8", "FOCALLEN": 1600.0, "FILTER": "Ha", "OBJECT": "NGC 7000", "PIERSIDE": "East",
    "ROWORDER": "TOP-DOWN", "SWCREATE": "N.I.N.A. 3.1.2.9001 (x64)",
}  # fmt: skip


def pixels(height=48, width=40, dtype=np.uint16, seed=1):
    """An image of noise that uses the whole range of small integers, and a few hundred of everything else."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(1000.0, 30.0, (height, width)).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(max(limits.min, -(2**31)), min(limits.max, 2**31), (height, width), dtype, endpoint=True)


def card(key, value):
    """One 80-byte card; HIERARCH for long keywords."""
    name = f"{key:8}=" if len(key) <= 8 else f"HIERARCH {key} ="
    if isinstance(value, bool):
        text = "T" if value else "F"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''").ljust(8) + "'"
    else:
        text = repr(value).upper()
    return f"{name} {text:>20}".ljust(80).encode("latin-1")[:80]


def header(cards):
    """The padded header block of ``cards``, a mapping or a list of pairs."""
    pairs = cards.items() if hasattr(cards, "items") else cards
    text = b"".join(card(key, value) for key, value in pairs) + b"END".ljust(80)
    return text + b" " * (-len(text) % BLOCK)


def padded(data):
    return data + b"\0" * (-len(data) % BLOCK)


def image_cards(array, extension=False):
    """The structural cards of an array and its bytes as FITS stores them; uint16 gets BZERO 32768."""
    stored, scaling = array, {}
    if array.dtype == np.uint16:
        stored, scaling = (array.astype(np.int32) - 32768).astype(np.int16), {"BZERO": 32768, "BSCALE": 1}
    bitpix = stored.dtype.itemsize * 8 * (-1 if stored.dtype.kind == "f" else 1)
    first = {"XTENSION": "IMAGE"} if extension else {"SIMPLE": True}
    axes = {f"NAXIS{axis}": size for axis, size in enumerate(reversed(array.shape), 1)}
    groups = {"PCOUNT": 0, "GCOUNT": 1} if extension else {}
    cards = first | {"BITPIX": bitpix, "NAXIS": array.ndim} | axes | groups | scaling
    return cards, stored.astype(stored.dtype.newbyteorder(">")).tobytes()


def fits_bytes(array, cards=None, extension=False):
    """A FITS file (or an IMAGE extension) with the array, padded."""
    structure, data = image_cards(array, extension)
    return header(structure | dict(cards or {})) + padded(data)


def empty_primary(cards=None):
    return header({"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True} | dict(cards or {}))


def table_extension(rows=5):
    cards = {"XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "NAXIS1": 4, "NAXIS2": rows, "PCOUNT": 0, "GCOUNT": 1}
    return header(cards | {"TFIELDS": 1, "TFORM1": "J", "TTYPE1": "N"}) + padded(bytes(4 * rows))


def write_fits(path, array, cards=None):
    path.write_bytes(fits_bytes(array, cards))
    return path


def tiled_bytes(array, compression="RICE_1", cards=None, **options):
    """A tile-compressed FITS file, written by astropy; the image is in extension 1."""
    from astropy.io import fits  # noqa: PLC0415 - only where it is needed

    image = fits.CompImageHDU(array, compression_type=compression, **options)
    image.header.update(cards or {})
    target = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(target)
    return target.getvalue()


def gzip_bytes(data):
    return gzip.compress(data, 1, mtime=0)


def bzip2_bytes(data):
    return bz2.compress(data, 1)


def xisf_bytes(
    array, keywords=None, codec=None, shuffle=False, subblocks=1, image_attributes="", inside="", geometry=None
):
    """A monolithic XISF file; ``array`` is (height, width) or (planes, height, width).

    ``codec`` is None, "zlib", "lz4" or "zstd"; ``geometry`` overrides what the header says about the shape.
    """
    planes = array if array.ndim == 3 else array[np.newaxis]
    count, height, width = planes.shape
    geometry = geometry or f"{width}:{height}:{count}"
    sample = {"u": "UInt", "f": "Float"}[array.dtype.kind] + str(array.dtype.itemsize * 8)
    data = planes.astype(planes.dtype.newbyteorder("<")).tobytes()
    packing = ""
    if codec:
        item = array.dtype.itemsize
        size = len(data)
        plain = np.frombuffer(data, np.uint8).reshape(-1, item).T.tobytes() if shuffle else data
        step = -(-size // subblocks)
        pieces = [plain[start : start + step] for start in range(0, size, step)]
        packed = [_pack(piece, codec) for piece in pieces]
        data = b"".join(packed)
        packing = f'compression="{codec}+sh:{size}:{item}"' if shuffle else f'compression="{codec}:{size}"'
        if subblocks > 1:
            sizes = ":".join(f"{len(out)},{len(piece)}" for out, piece in zip(packed, pieces, strict=True))
            packing += f' subblocks="{sizes}"'
    stated = "".join(
        f'<FITSKeyword name="{key}" value="{_xisf_value(value)}" comment=""/>'
        for key, value in (keywords or {}).items()
    )
    start = 4096
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?><xisf version="1.0" xmlns="http://www.pixinsight.com/xisf">'
        f'<Image geometry="{geometry}" sampleFormat="{sample}" bounds="0:1" colorSpace="Gray" '
        f'location="attachment:{start}:{len(data)}" {packing} {image_attributes}>{stated}{inside}</Image></xisf>'
    ).encode()
    return (b"XISF0100" + struct.pack("<II", len(xml), 0) + xml).ljust(start, b"\0") + data


def _pack(data, codec):
    if codec == "zlib":
        return zlib.compress(data)
    if codec == "zstd":
        import zstandard  # noqa: PLC0415 - only where it is needed

        return zstandard.compress(data)
    import lz4.block  # noqa: PLC0415 - only where it is needed

    return lz4.block.compress(data, store_size=False)


def _xisf_value(value):
    return f"'{value}'" if isinstance(value, str) else repr(value)


def picture_bytes(array, ending):
    """The array as a picture (".png", ".jpg", ".tif"), written by OpenCV; colours are the last axis."""
    import cv2  # noqa: PLC0415 - only where it is needed

    done, data = cv2.imencode(ending, array)
    assert done
    return data.tobytes()


def tiff_bytes(array, tags=()):
    """A minimal uncompressed TIFF with one strip; ``tags`` are further (tag, type, values) entries."""
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    height, width = array.shape
    form = 3 if array.dtype.kind == "f" else 1
    entries = [
        (256, 4, [width]), (257, 4, [height]), (258, 3, [array.dtype.itemsize * 8]), (259, 3, [1]), (262, 3, [1]),
        (273, 4, [8]), (277, 3, [1]), (278, 4, [height]), (279, 4, [len(data)]), (339, 3, [form]),
    ]  # fmt: skip
    merged = {tag: (kind, values) for tag, kind, values in [*entries, *tags]}
    directory = 8 + len(data)
    spill_at = directory + 2 + 12 * len(merged) + 4
    body, spill = struct.pack("<H", len(merged)), b""
    for tag, (kind, values) in sorted(merged.items()):
        packed = struct.pack(f"<{len(values)}{ {1: 'B', 2: 'B', 3: 'H', 4: 'I'}[kind] }", *values)
        if len(packed) > 4:
            packed, spill = struct.pack("<I", spill_at + len(spill)), spill + packed + b"\0" * (len(packed) % 2)
        body += struct.pack("<HHI4s", tag, kind, len(values), packed.ljust(4, b"\0"))
    return b"II*\0" + struct.pack("<I", directory) + data + body + b"\0\0\0\0" + spill


def dng_bytes(array, pattern="RGGB"):
    """A minimal camera raw: an uncompressed 16-bit DNG with a Bayer pattern."""
    colours = ["RGB".index(colour) for colour in pattern]
    make = [*b"Camera\0"]
    tags = [
        (254, 4, [0]), (262, 3, [32803]), (271, 2, make), (272, 2, make), (33421, 3, [2, 2]), (33422, 1, colours),
        (50706, 1, [1, 4, 0, 0]), (50708, 2, make), (50714, 4, [64]), (50717, 4, [16383]),
    ]  # fmt: skip
    return tiff_bytes(array.astype(np.uint16), tags)


@cache
def hostile_files():
    """{name: bytes} of small files that are damaged, contradictory, or ask for more memory than there is."""
    good = fits_bytes(pixels())
    structure = {"SIMPLE": True, "BITPIX": 16, "NAXIS": 2, "NAXIS1": 40, "NAXIS2": 48}
    data = padded(bytes(2 * 40 * 48))

    def altered(**changes):
        return header(structure | changes) + data

    twice = [*structure.items(), ("NAXIS1", 60_000)]
    tiles = tiled_bytes(pixels())
    return {
        "empty.fits": b"",
        "one_byte.fits": b"S",
        "zeros.fits": bytes(10 * BLOCK),
        "text.fits": b"this is not a frame\n" * 200,
        "noise.fits": np.random.default_rng(5).bytes(20_000),
        "no_end.fits": card("SIMPLE", True) + card("BITPIX", 16) + b" " * 80 * 5000,
        "endless_header.fits": card("SIMPLE", True) + card("COMMENT", "x") * 60_000,
        "cut_in_header.fits": good[:500],
        "cut_after_header.fits": good[:BLOCK],
        "cut_in_data.fits": good[: BLOCK + 1001],
        "huge_axes.fits": altered(NAXIS1=250_000, NAXIS2=250_000),
        "huge_axis.fits": altered(NAXIS1=2**31),
        "absurd_axis.fits": altered(NAXIS1=10**60),
        "negative_axis.fits": altered(NAXIS1=-40),
        "no_axis.fits": altered(NAXIS=0),
        "one_axis.fits": altered(NAXIS=1),
        "many_axes.fits": altered(NAXIS=999),
        "too_many_axes.fits": altered(NAXIS=10**9),
        "tiny.fits": altered(NAXIS1=1, NAXIS2=1),
        "text_axis.fits": altered(NAXIS1="forty"),
        "real_axis.fits": altered(NAXIS1=40.5),
        "logical_axis.fits": altered(NAXIS1=True),
        "twice.fits": header(twice) + data,
        "bitpix_7.fits": altered(BITPIX=7),
        "bitpix_0.fits": altered(BITPIX=0),
        "no_bitpix.fits": header({"SIMPLE": True, "NAXIS": 2, "NAXIS1": 40, "NAXIS2": 48}) + data,
        "gcount_0.fits": altered(PCOUNT=0, GCOUNT=0),
        "gcount_huge.fits": altered(PCOUNT=0, GCOUNT=10**12),
        "pcount_negative.fits": altered(PCOUNT=-100),
        "bscale_0.fits": altered(BSCALE=0),
        "bzero_text.fits": altered(BZERO="lots"),
        "cube.fits": header(structure | {"NAXIS": 3, "NAXIS3": 100}) + padded(bytes(2 * 40 * 48 * 100)),
        "control.fits": header(structure | {"NAXIS2": 0, "OBJECT": "\x1b[31mred\x07"}),
        "groups.fits": altered(NAXIS1=0, GROUPS=True),
        "bomb.fits.gz": gzip_bytes(bytes(64 << 20)),
        "bomb.fits.bz2": bzip2_bytes(bytes(64 << 20)),
        "announced_bomb.fits.gz": gzip_bytes(header(structure | {"NAXIS1": 30_000, "NAXIS2": 30_000}) + bytes(1 << 20)),
        "table_bomb.fits.gz": gzip_bytes(
            empty_primary()
            + header({"XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "NAXIS1": 10**6, "NAXIS2": 10**6, "PCOUNT": 0})
        ),
        "cut.fits.gz": gzip_bytes(good)[:-300],
        "garbage.fits.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + bytes(range(256)) * 8,
        "garbage.fits.bz2": b"BZh9" + bytes(range(256)) * 8,
        "tile_bomb.fits.fz": tiles.replace(card("ZNAXIS1", 40)[:30], card("ZNAXIS1", 30_000)[:30]),
        "tile_bitpix.fits.fz": tiles.replace(card("ZBITPIX", 16)[:30], card("ZBITPIX", 24)[:30]),
        "tile_length.fits.fz": tiles.replace(card("ZTILE1", 40)[:30], card("ZTILE1", 10**9)[:30]),
        "tile_pointers.fits.fz": tiles[: 2 * BLOCK] + b"\xff" * (len(tiles) - 2 * BLOCK),
        "tile_missing.fits.fz": tiles[: 2 * BLOCK] + bytes(len(tiles) - 2 * BLOCK),
        "cut.fits.fz": tiles[: 3 * BLOCK],
        "lfs.xisf": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "huge_header.xisf": b"XISF0100" + struct.pack("<II", 2**31, 0),
        "cut.xisf": xisf_bytes(pixels())[:-100],
        "bomb.xisf": xisf_bytes(pixels(), codec="zlib", geometry="29999:29999:1"),
        "liar.xisf": xisf_bytes(pixels(), codec="zlib", geometry="4000:4000:1"),
        "wide.xisf": xisf_bytes(pixels(), geometry="9" * 400 + ":48:1"),
        "short.xisf": xisf_bytes(pixels(), geometry="400:480:1"),
        "entities.xisf": _entities(),
        "not_xml.xisf": b"XISF0100" + struct.pack("<II", 40, 0) + b"<" * 40,
        "cut.png": picture_bytes(pixels(), ".png")[:-30],
        "huge.png": _huge_png(),
        "cut.jpg": picture_bytes(pixels(dtype=np.uint8), ".jpg")[:300],
        "cut.tif": picture_bytes(pixels(), ".tif")[:200],
        "huge.tif": tiff_bytes(pixels(), [(256, 4, [200_000]), (257, 4, [200_000])]),
        "loop.tif": b"II*\0" + struct.pack("<I", 4) + b"\xff" * 100,
        "broken.cr2": b"II*\0\x10\0\0\0CR\x02\0" + b"\0" * 300,
        "film.ser": b"LUCAM-RECORDER" + bytes(200),
        "archive.fits": b"PK\x03\x04" + bytes(200),
    }


def _entities():
    xml = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xisf>&b;</xisf>'
    return b"XISF0100" + struct.pack("<II", len(xml), 0) + xml


def _huge_png():
    body = struct.pack(">IIBBBBB", 29_999, 29_999, 16, 6, 0, 0, 0)
    chunk = b"IHDR" + body
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        + b"\0\0\0\0IEND\xae\x42\x60\x82"
    )  # fmt: skip


def write_all(folder: Path, files):
    """Every file of {name: bytes} written into ``folder``; their paths."""
    paths = []
    for name, data in files.items():
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    return paths
