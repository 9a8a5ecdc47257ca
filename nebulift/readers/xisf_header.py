"""XISF headers: the images that a file holds, and their keywords, checked before any pixel is touched.

Monolithic XISF 1.0 (pixinsight.com/doc/docs/XISF-1.0-spec). A FITS keyword inside has the same meaning as in FITS.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from nebulift.readers.fits_cards import CardValue, parse_value
from nebulift.readers.fits_header import Read
from nebulift.readers.refusal import CutShort, NotSupported, Refusal

PREAMBLE_BYTES = 16  # signature, length of the XML, reserved
MAX_XML_BYTES = 8 * 2**20  # N.I.N.A. writes a few kB, PixInsight with its processing history some hundred
SAMPLES = {"UInt8": "u1", "UInt16": "u2", "UInt32": "u4", "UInt64": "u8", "Float32": "f4", "Float64": "f8"}
COMPRESSION = re.compile(r"(zlib|lz4|lz4hc|zstd)(\+sh)?:(\d+)(?::(\d+))?")
PROPERTIES = {
    "Instrument:Camera:Name": "INSTRUME",
    "Instrument:ExposureTime": "EXPTIME",
    "Instrument:Filter:Name": "FILTER",
    "Instrument:Sensor:Temperature": "CCD-TEMP",
    "Instrument:Telescope:Name": "TELESCOP",
    "Observation:Object:Name": "OBJECT",
    "Observation:Time:Start": "DATE-OBS",
    "XISF:CreatorApplication": "SWCREATE",
}


@dataclass(frozen=True, slots=True)
class Compression:
    """How an attachment is packed; ``shuffled`` is the size of the items whose bytes were regrouped, or ``None``."""

    codec: str
    parts: tuple[tuple[int, int], ...]  # (packed, unpacked) bytes of each part, in order
    shuffled: int | None


@dataclass(frozen=True, slots=True)
class XisfImage:
    """One image: shape (planes, height, width), numpy type with byte order, and where its bytes lie."""

    shape: tuple[int, int, int]
    dtype: str
    start: int
    length: int
    compression: Compression | None
    keywords: dict[str, CardValue]

    @property
    def unpacked_bytes(self) -> int:
        return prod(self.shape) * int(self.dtype[-1])


def xisf_images(read: Read, size: int) -> list[XisfImage]:
    """The images of an XISF file of ``size`` bytes. Raises ``Refusal`` (``CutShort`` when the file is too short)."""
    length = int.from_bytes(read(8, 4), "little")
    if length > MAX_XML_BYTES:
        raise Refusal(f"its XISF header claims {length} bytes, more than {MAX_XML_BYTES}")
    text = read(PREAMBLE_BYTES, length)
    if len(text) < length:
        raise CutShort("it is cut: its XISF header is not whole")
    if b"<!" in re.sub(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>", b"", text, flags=re.DOTALL):
        raise Refusal("its XISF header declares entities, which no camera writes")
    try:
        root = ET.fromstring(text.rstrip(b"\0"))  # noqa: S314 - no declarations, so nothing can expand
        return [_image(element, root, size) for element in root if _tag(element) == "Image"]
    except (ET.ParseError, ValueError, KeyError, LookupError) as error:
        raise Refusal("its XISF header is damaged") from error


def _image(element: ET.Element, root: ET.Element, size: int) -> XisfImage:
    width, height, planes = (int(part) for part in element.attrib["geometry"].split(":"))
    place, _, where = element.attrib["location"].partition(":")
    if place != "attachment":
        raise NotSupported(f"its XISF image is {place[:20]!a}, not attached", "save it as FITS")
    if element.get("pixelStorage", "Planar").lower() != "planar" and planes > 1:
        raise NotSupported("its XISF image stores colours pixel by pixel", "save it as FITS")
    start, length = (int(part) for part in where.split(":"))
    if min(width, height, planes, start, length) < 0:
        raise ValueError(where)
    if start + length > size:
        raise CutShort(f"it is cut: its XISF image ends at byte {start + length}, the file at {size}")
    sample = SAMPLES[element.attrib["sampleFormat"]]
    order = ">" if element.get("byteOrder", "little").lower() == "big" else "<"
    packing = _compression(element, length)
    return XisfImage((planes, height, width), order + sample, start, length, packing, _keywords(element, root))


def _compression(element: ET.Element, length: int) -> Compression | None:
    stated = element.get("compression")
    if stated is None:
        return None
    match = COMPRESSION.fullmatch(stated)
    if not match:
        raise NotSupported(f"its XISF compression {stated[:40]!a} is unknown", "save it uncompressed")
    parts: tuple[tuple[int, int], ...] = ((length, int(match[3])),)
    if "subblocks" in element.attrib:
        pairs = (pair.split(",") for pair in element.attrib["subblocks"].split(":"))
        parts = tuple((int(packed), int(unpacked)) for packed, unpacked in pairs)
    return Compression(match[1], parts, int(match[4]) if match[2] and match[4] else None)


def _keywords(image: ET.Element, root: ET.Element) -> dict[str, CardValue]:
    """FITS keywords of the image; XISF's own properties where they are missing."""
    found: dict[str, CardValue] = {}
    for key, value in _stated(image):
        if value is not None and key != "ROWORDER":  # XISF always stores the top row first
            found[key] = f"{found[key]}\n{value}" if key == "HISTORY" and key in found else found.get(key, value)
    for element in [*image, *(item for group in root if _tag(group) == "Metadata" for item in group)]:
        known = PROPERTIES.get(element.get("id", ""))
        text = element.get("value") or element.text
        if known and text:
            found.setdefault(known, text.strip())
    if "imageType" in image.attrib:
        found.setdefault("IMAGETYP", image.attrib["imageType"])
    for element in image:
        if _tag(element) == "ColorFilterArray":
            found.setdefault("BAYERPAT", element.get("pattern", ""))
    return found


def _stated(image: ET.Element) -> Iterator[tuple[str, CardValue | None]]:
    for element in image:
        if _tag(element) != "FITSKeyword":
            continue
        key, text = element.get("name", "").upper(), element.get("value", "")
        if key in ("HISTORY", "COMMENT"):
            yield key, element.get("comment", "")
        else:
            yield key, text if "/" in text and not text.startswith("'") else parse_value(text)


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
