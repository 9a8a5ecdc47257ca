"""What PNG, JPEG and TIFF files say about themselves, read by our own code before a decoder allocates anything."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from nebulift.readers.fits_header import Read
from nebulift.readers.refusal import CutShort, Refusal

PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 4, 6: 4}  # grey, RGB, palette (comes out as RGB), grey or RGB with transparency
PNG_END = b"IEND\xae\x42\x60\x82"
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start-of-frame markers
MAX_SEGMENTS = 1000
MAX_TAGS = 512
MAX_TAG_VALUES = 100_000  # strips of one row each in the tallest frame, with room
TAG_TYPES = {1: "B", 3: "H", 4: "I"}
SUBFILE, WIDTH, HEIGHT, BITS, CHANNELS, DNG_VERSION = 254, 256, 257, 258, 277, 50706
STRIP_OFFSETS, STRIP_BYTES, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 273, 279, 322, 323, 324, 325
THUMBNAIL = 1  # SUBFILE of the first image in camera raws


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """Sides and decoded size; ``camera_raw`` when it is a TIFF only by its container (DNG, NEF, ARW)."""

    width: int
    height: int
    decoded_bytes: int
    camera_raw: bool = False


def picture_header(read: Read, size: int) -> PictureHeader:
    """The header of a PNG, JPEG or TIFF of ``size`` bytes. Raises ``Refusal`` when broken, ``CutShort`` when cut."""
    head = read(0, 32)
    try:
        if head.startswith(b"\x89PNG"):
            return _png(head, read(max(size - 12, 0), 12))
        if head.startswith(b"\xff\xd8"):
            return _jpeg(read, size)
        return _tiff(read, size)
    except (struct.error, IndexError, KeyError, ZeroDivisionError) as error:
        raise Refusal("its picture header is damaged") from error


def _png(head: bytes, tail: bytes) -> PictureHeader:
    width, height, depth, colour = struct.unpack(">4x4xIIBB", head[8:26])
    if not tail.endswith(PNG_END):
        raise CutShort("it is cut: the end of the PNG is missing")
    return PictureHeader(width, height, width * height * PNG_CHANNELS[colour] * (2 if depth == 16 else 1))


def _jpeg(read: Read, size: int) -> PictureHeader:
    offset = 2
    for _ in range(MAX_SEGMENTS):
        mark, kind, length = struct.unpack(">BBH", read(offset, 4))
        if mark != 0xFF:
            break
        if kind in JPEG_FRAMES:
            height, width, channels = struct.unpack(">HHB", read(offset + 5, 5))
            if b"\xff\xd9" not in read(max(size - 4096, 0), 4096):
                raise CutShort("it is cut: the end of the JPEG is missing")
            return PictureHeader(width, height, width * height * channels)
        offset += 1 if kind == 0xFF else 2 + length
    raise Refusal("its JPEG has no image")


def _tiff(read: Read, size: int) -> PictureHeader:
    order = "<" if read(0, 2) == b"II" else ">"
    tags = dict(_tiff_tags(read, order))
    width, height = tags[WIDTH][0], tags[HEIGHT][0]
    if DNG_VERSION in tags or tags.get(SUBFILE, (0,))[0] & THUMBNAIL:
        return PictureHeader(width, height, 0, camera_raw=True)
    for side in tags.get(TILE_WIDTH, (0,)) + tags.get(TILE_HEIGHT, (0,)):
        if side > 2 * max(width, height, 1024):
            raise Refusal("the tiles of its TIFF do not fit its image")
    parts = zip(tags.get(STRIP_OFFSETS) or tags[TILE_OFFSETS], tags.get(STRIP_BYTES) or tags[TILE_BYTES], strict=False)
    if max(start + length for start, length in parts) > size:
        raise CutShort("it is cut: a part of the TIFF's image is missing")
    samples = tags.get(CHANNELS, (1,))[0]
    return PictureHeader(width, height, width * height * samples * -(-max(tags.get(BITS, (1,))) // 8))


def _tiff_tags(read: Read, order: str) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(tag, values) of the first directory, for the whole-number types."""
    (start,) = struct.unpack(order + "I", read(4, 4))
    (count,) = struct.unpack(order + "H", read(start, 2))
    if count > MAX_TAGS:
        raise Refusal("its TIFF has too many tags")
    for number in range(count):
        tag, kind, values, _ = struct.unpack(order + "HHII", entry := read(start + 2 + 12 * number, 12))
        if kind not in TAG_TYPES or not 0 < values <= MAX_TAG_VALUES:
            continue
        layout = f"{order}{values}{TAG_TYPES[kind]}"
        length = struct.calcsize(layout)
        where = entry[8:12] if length <= 4 else read(struct.unpack(order + "I", entry[8:12])[0], length)
        yield tag, struct.unpack(layout, where[:length])
