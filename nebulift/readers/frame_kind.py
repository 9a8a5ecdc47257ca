"""What was exposed, from the header: light, dark, flat, bias, a master or a stack."""

import re

from nebulift.exposure import FrameKind
from nebulift.readers.header_values import HeaderValues, first_text, first_whole_number

KIND_KEYS = ("IMAGETYP", "IMAGETYPE", "IMGTYPE", "IMGTYP", "FRAMETYP", "FRAME", "OBSTYPE", "EXPTYPE", "IMTYPE")
COUNT_KEYS = ("STACKCNT", "NCOMBINE", "SNAPSHOT", "NUMFRAME", "NSTACK", "NIMAGES")  # SNAPSHOT: SBFITSEXT 1.0
MOST_STACKED = 1_000_000
INTEGRATED = re.compile(r"ImageIntegration\.numberOfImages:\s*(\d{1,6})")  # PixInsight's HISTORY

# after dropping case, everything but letters, and the words "frame", "image", "field", "exposure"
KIND_WORDS = {
    **dict.fromkeys(("LIGHT", "LIGHTS", "OBJECT", "SCIENCE", "SCI", "TRICOLOR", "SKY", "TARGET"), FrameKind.LIGHT),
    **dict.fromkeys(("SNAPSHOT", "SNAP", "PREVIEW", "STANDARD", "STD"), FrameKind.LIGHT),
    **dict.fromkeys(("DARK", "DARKS"), FrameKind.DARK),
    **dict.fromkeys(("BIAS", "ZERO", "OFFSET"), FrameKind.BIAS),
    **dict.fromkeys(("FLAT", "FLATS", "SKYFLAT", "DOMEFLAT", "TWILIGHTFLAT", "TWIFLAT", "PANELFLAT"), FrameKind.FLAT),
    **dict.fromkeys(("FLATSKY", "FLATDOME", "FLATLAMP", "LAMPFLAT"), FrameKind.FLAT),
    **dict.fromkeys(("DARKFLAT", "FLATDARK", "DARKFLATS", "FLATDARKS"), FrameKind.DARKFLAT),
    **dict.fromkeys(("ARC", "COMP", "LAMP", "WAVE", "FOCUS", "DEFECTMAP", "BADPIXELMAP"), FrameKind.OTHER),
    **dict.fromkeys(("STACK", "STACKED", "LIVESTACK", "MASTERLIGHT", "INTEGRATION"), FrameKind.STACK),
}
CALIBRATION = (FrameKind.DARK, FrameKind.BIAS, FrameKind.FLAT, FrameKind.DARKFLAT)


def kind_from_header(header: HeaderValues, planes: int = 1) -> FrameKind | None:
    """The kind that the header states; ``None`` when it states none that is known.

    IMAGETYP and its synonyms decide; combined frames are told by their count of frames, by PixInsight's history and
    by colour planes in a camera that delivers a mosaic (a Seestar's own stack is called 'Light' all the same).
    """
    stated = next((kind for key in KIND_KEYS if (kind := kind_of_text(first_text(header, key))) is not None), None)
    combined = (stack_count(header) or 1) > 1 or (planes > 1 and _delivers_mosaics(header))
    if not combined or stated in (FrameKind.STACK, FrameKind.MASTER, FrameKind.OTHER):
        return stated
    return FrameKind.MASTER if stated in CALIBRATION else FrameKind.STACK


def kind_of_text(text: str | None) -> FrameKind | None:
    """The kind in the words of some program ('Light Frame', 'master dark', 'DOMEFLAT'); ``None`` when unknown."""
    words = re.sub(r"FRAME|IMAGE|FIELD|EXPOSURE", "", (text or "").upper())
    word = re.sub(r"[^A-Z]", "", words)
    if word in KIND_WORDS:
        return KIND_WORDS[word]
    if word.startswith("MASTER") and KIND_WORDS.get(word.removeprefix("MASTER")) in CALIBRATION:
        return FrameKind.MASTER
    return None


def stack_count(header: HeaderValues) -> int | None:
    """How many exposures were combined into the image; ``None`` when the header does not say."""
    stated = first_whole_number(header, *COUNT_KEYS, low=1, high=MOST_STACKED)
    if stated is not None:
        return stated
    match = INTEGRATED.search(str(header.get("HISTORY", "")))
    return int(match[1]) if match else None


def _delivers_mosaics(header: HeaderValues) -> bool:
    maker = f"{header.get('CREATOR', '')} {header.get('INSTRUME', '')}".upper()
    return "SEESTAR" in maker or "BAYERPAT" in header
