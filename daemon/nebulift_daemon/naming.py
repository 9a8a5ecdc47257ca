"""Names for filed frames: where a frame belongs, what to call it when its name is taken or the disk refuses it."""

import hashlib
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

LONGEST_NAME_BYTES = 255  # ext4, XFS, Btrfs; exFAT and NTFS count 255 characters
SAFE_NAME_BYTES = 140  # below eCryptfs' 143, the shortest limit in use
REFUSED_BY_FAT = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f\ud800-\udfff]')
DOUBLE_SUFFIXES = {".fz", ".gz", ".bz2", ".xz", ".zst"}


def subfolder_names(watched: Sequence[Path]) -> dict[Path, str]:
    """The folder below each label that mirrors a watched folder: none for a single one, else its name, made unique."""
    if len(watched) == 1:
        return {watched[0]: ""}
    names: dict[Path, str] = {}
    for folder in watched:
        free = (numbered(Path(folder.name or "root"), number).name for number in itertools.count(1))
        names[folder] = next(name for name in free if name not in names.values())
    return names


def belongs_at(label_folder: Path, subfolder: str, frame: Path, watched: Path) -> Path:
    """Where a frame is filed: its label's folder, the watched folder's name if any, then its path below that."""
    return label_folder / subfolder / frame.relative_to(watched)


def numbered(path: Path, number: int) -> Path:
    """``name~2.fits`` for 2 and so on; 1 is the path itself. Never longer than file systems allow."""
    if number == 1:
        return path
    stem, suffix = _stem_and_suffix(path.name)
    tail = f"~{number}{suffix}"
    return path.with_name(_cut(stem, LONGEST_NAME_BYTES - len(os.fsencode(tail))) + tail)


def accepted_everywhere(path: PurePath) -> PurePath:
    """A relative path spelled so that FAT, exFAT, NTFS and short-named file systems accept each part.

    A part that had to be cut ends in eight digits of its hash, so that two long names stay two.
    """
    return PurePath(*(_accepted(part) for part in path.parts))


def _accepted(part: str) -> str:
    spelled = REFUSED_BY_FAT.sub("_", part).rstrip(". ") or "_"
    if len(os.fsencode(spelled)) <= SAFE_NAME_BYTES:
        return spelled
    stem, suffix = _stem_and_suffix(spelled)
    tail = "-" + hashlib.sha256(os.fsencode(part)).hexdigest()[:8] + suffix
    return _cut(stem, SAFE_NAME_BYTES - len(os.fsencode(tail))) + tail


def _stem_and_suffix(name: str) -> tuple[str, str]:
    """``M31_001.fits.fz`` is ``M31_001`` and ``.fits.fz``; a suffix of absurd length counts as part of the stem."""
    stem, suffix = Path(name).stem, Path(name).suffix
    if suffix.lower() in DOUBLE_SUFFIXES:
        stem, suffix = Path(stem).stem, Path(stem).suffix + suffix
    return (stem, suffix) if len(os.fsencode(suffix)) <= SAFE_NAME_BYTES // 4 else (name, "")


def _cut(text: str, most_bytes: int) -> str:
    """The beginning of ``text`` in at most so many bytes, no character cut in half."""
    while len(os.fsencode(text)) > most_bytes:
        text = text[:-1]
    return text
