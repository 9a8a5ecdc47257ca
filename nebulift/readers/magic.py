"""Which format a file is in, from its first bytes; the name decides only between TIFF and raws that are TIFF."""

from enum import Enum, auto

from nebulift.readers.names import RAW_SUFFIXES
from nebulift.readers.refusal import NotSupported, Refusal


class Format(Enum):
    """A family of formats with one reader."""

    FITS = auto()
    GZIP = auto()
    BZIP2 = auto()
    XISF = auto()
    PICTURE = auto()
    CAMERA_RAW = auto()


MAGIC = (
    (b"SIMPLE", Format.FITS),
    (b"\x1f\x8b", Format.GZIP),
    (b"BZh", Format.BZIP2),
    (b"XISF0100", Format.XISF),
    (b"\x89PNG\r\n\x1a\n", Format.PICTURE),
    (b"\xff\xd8\xff", Format.PICTURE),  # JPEG
    (b"FUJIFILMCCD-RAW", Format.CAMERA_RAW),
    (b"IIRO", Format.CAMERA_RAW),  # Olympus
    (b"IIRS", Format.CAMERA_RAW),
    (b"MMOR", Format.CAMERA_RAW),
    (b"IIU\0", Format.CAMERA_RAW),  # Panasonic
)
TIFF_MAGIC = (b"II*\0", b"MM\0*")
KNOWN_STRANGERS = (
    (b"PK\x03\x04", "a ZIP archive", "unpack it"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (b"\x1f\x9d", "packed with compress", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it"),
    (b"LUCAM-RECORDER", "a SER film", "save single frames"),
    (b"RIFF", "a film", "save single frames"),
    (b"II+\0", "a BigTIFF image", "save it as FITS"),
    (b"MM\0+", "a BigTIFF image", "save it as FITS"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch it with git lfs pull"),
)


def format_of(name: str, head: bytes) -> Format:
    """The format of a file called ``name`` that begins with ``head`` (4096 bytes, or the whole of a shorter file).

    Raises ``Refusal`` for an empty file, ``NotSupported`` for a format that is not read.
    """
    if not head:
        raise Refusal("it is empty", "check the free space and the cable of the camera")
    if not head.strip(b"\0"):
        raise Refusal("it holds nothing but zeros where its header should be", "copy the file again")
    if head.startswith(TIFF_MAGIC):
        return Format.CAMERA_RAW if head[8:10] == b"CR" or name.lower().endswith(RAW_SUFFIXES) else Format.PICTURE
    if head[4:12] == b"ftypcrx ":  # Canon CR3
        return Format.CAMERA_RAW
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return kind
    raise _stranger(head)


def _stranger(head: bytes) -> NotSupported:
    for magic, what, remedy in KNOWN_STRANGERS:
        if head.startswith(magic):
            return NotSupported(f"it is {what}", remedy)
    if head.isascii() and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return NotSupported("it is text, not an image", "remove it from the watched folder")
    return NotSupported("its first bytes are those of no format that Nebulift reads", "save it as FITS")
