"""What names say: which files are frames, which folders are none of our business, and what was exposed.

Pure text, no file is touched: the watching process asks these questions for every name it sees.
"""

import re
from pathlib import Path

from nebulift.exposure import FrameKind

FITS_SUFFIXES = (".fits", ".fit", ".fts")
PACKED_SUFFIXES = (".fz", ".gz", ".bz2")
PICTURE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
RAW_SUFFIXES = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2")
FRAME_SUFFIXES = (*FITS_SUFFIXES, ".xisf", *PICTURE_SUFFIXES, *RAW_SUFFIXES)

BAD_PREFIX = "bad_"  # N.I.N.A. renames a frame that its user rejected
SIDE_FOLDERS = frozenset({"rejected", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"})
NEAR_FOLDERS = 3  # how many folders above a frame may name its kind: Ekos has M31/Light/L/, ASIAIR Light/M31/

LIGHT_WORDS = frozenset({"light", "lights"})
CALIBRATION_WORDS = {
    **dict.fromkeys(("dark", "darks"), FrameKind.DARK),
    **dict.fromkeys(("bias", "biases"), FrameKind.BIAS),
    **dict.fromkeys(("flat", "flats", "skyflat", "skyflats", "domeflat"), FrameKind.FLAT),
    **dict.fromkeys(("darkflat", "darkflats", "flatdark", "flatdarks"), FrameKind.DARKFLAT),
}
FOLDER_WORDS = {
    **CALIBRATION_WORDS,
    **dict.fromkeys(("light", "lights"), FrameKind.LIGHT),
    **dict.fromkeys(("offset", "offsets"), FrameKind.BIAS),
    **dict.fromkeys(("master", "masters", "masterdark", "masterflat", "masterbias"), FrameKind.MASTER),
}
MASTER = re.compile(r"(?:^|[_\s.-])master[_\s.-]?(?:dark|flat|bias|offset|superbias)s?(?![a-z])", re.IGNORECASE)
# what follows the word "dark" in a dark's name; anything else ("Dark_Nebula", "Flat_Rock") is part of a target
AFTER_KIND = re.compile(
    r"[+-]?\d.*|(?:bin|gain|iso|exp|temp|offset|g|t)\d*|frames?|field|wizard|panel|library|none|secs?|"
    r"l|r|g|b|c|lum|luminance|red|green|blue|clear|ha|h-?alpha|oiii|o3|sii|s2|hb|nii|uv|ir|uvir|ircut|lp|rgb|cls|"
    r"dark|darks|flat|flats|bias",
    re.IGNORECASE,
)
EXPOSURE = re.compile(r"(?:^|[_\s-])(\d{1,5}(?:\.\d+)?)[_\s]?(ms|s|secs?|seconds?)(?=[_\s.-]|$)", re.IGNORECASE)
EXPOSURE_AFTER = re.compile(r"(?:^|[_\s-])exp(?:osure)?[_\s-]?(\d{1,5}(?:\.\d+)?)(?=[_\s-]|$)", re.IGNORECASE)


def is_frame_name(name: str) -> bool:
    """Whether a file of this name (without folder) is a frame to be judged.

    Not frames: hidden files (rsync and Syncthing write such temporary names), names that end in ``.tmp``, ``.part``,
    ``~`` or ASTAP's ``.fits_``, and ``BAD_...``, which N.I.N.A. gives to frames already rejected.
    """
    return not name.startswith(".") and not name.lower().startswith(BAD_PREFIX) and stem(name) not in ("", name)


def name_before_rejection(name: str) -> str | None:
    """What a frame was called before its capture program renamed it to ``BAD_...``; ``None`` for every other name."""
    before = name[len(BAD_PREFIX) :]
    return before if name.lower().startswith(BAD_PREFIX) and is_frame_name(before) else None


def ignored_folder(name: str) -> bool:
    """Whether a folder of this name holds nothing to judge: hidden, rejected by a person, or a system's bin."""
    return name.startswith((".", "~")) or name.lower() in SIDE_FOLDERS


def stem(name: str) -> str:
    """``name`` without what names its format ("M31_001.fits.fz" -> "M31_001"); unchanged when it is no frame's."""
    lower = name.lower()
    packed = next((suffix for suffix in PACKED_SUFFIXES if lower.endswith(suffix)), "")
    lower = lower.removesuffix(packed)
    suffix = next((suffix for suffix in (FITS_SUFFIXES if packed else FRAME_SUFFIXES) if lower.endswith(suffix)), "")
    return name[: len(lower) - len(suffix)] if suffix else name


def kind_from_name(path: Path) -> FrameKind | None:
    """The kind that the file's name or one of the three folders above it states; ``None`` when they do not.

    Only whole words between ``_``, ``-``, blank or dot count, so that "Darkness_B33" is nothing; "dark" followed by
    another word is part of a target ("Dark_Nebula"). Any sign of a light wins over any sign of a calibration frame.
    """
    name = stem(path.name)
    words = [word.lower() for word in re.split(r"[_\s.-]+", name) if word]
    if MASTER.search(name):
        return FrameKind.MASTER
    if "stacked" in words or words[:1] in (["stack"], ["livestack"], ["masterlight"]):
        return FrameKind.STACK
    folders = [_folder_kind(folder) for folder in reversed(path.parent.parts[-NEAR_FOLDERS:])]
    if LIGHT_WORDS.intersection(words) or FrameKind.LIGHT in folders:
        return FrameKind.LIGHT
    return _calibration_in(words) or next((kind for kind in folders if kind is not None), None)


def exposure_s_from_name(path: Path) -> float | None:
    """Seconds from names such as ``_60.0s_``, ``_300_secs_`` or DWARF's ``_EXP_15_`` (also in the folder's name)."""
    for name in (stem(path.name), path.parent.name):
        if match := EXPOSURE.search(name):
            return float(match[1]) / (1000.0 if match[2].lower() == "ms" else 1.0)
        if match := EXPOSURE_AFTER.search(name):
            return float(match[1])
    return None


def _folder_kind(folder: str) -> FrameKind | None:
    return FOLDER_WORDS.get(re.sub(r"[_\s-]+", "", folder.lower()))


def _calibration_in(words: list[str]) -> FrameKind | None:
    for word, following in zip(words, [*words, ""][1:], strict=True):
        if {word, following} in ({"dark", "flat"}, {"dark", "flats"}):
            return FrameKind.DARKFLAT
        if word in CALIBRATION_WORDS and (not following or AFTER_KIND.fullmatch(following)):
            return CALIBRATION_WORDS[word]
    return None
