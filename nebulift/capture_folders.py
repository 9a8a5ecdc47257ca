"""Finding the folders that capture programs write to, by the traces that each program leaves.

Layouts: Ekos ``M31/Light/``, N.I.N.A. ``2026-11-20/LIGHT/``, ASIAIR ``Autorun/Light/M31/``, Seestar
``MyWorks/M31_sub/``, SharpCap ``SharpCap Captures/``; INDI drivers keep the folder of their own saves in
``~/.indi/*_config.xml``.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulift.readers.names import FITS_SUFFIXES, ignored_folder, stem

DEEPEST = 6  # folders below a place that are looked at: astro/2026-11-20/M 31/22_10_00/rawframes
MOST_FOLDERS = 3000  # a disk full of other things must not keep anybody waiting
OURS = ".nebulift-root"  # the marker in an output folder
NIGHT = re.compile(r"\d{4}-\d{2}-\d{2}")
UPLOAD_DIR = re.compile(r'<oneText name="UPLOAD_DIR">\s*([^<]*?)\s*</oneText>')
BY_FRAMES = "frames"  # no program is recognised, but frames are there
SHELVES = frozenset({"Desktop", "Documents", "Downloads"})  # hold one folder for each of many things
NOT_FRAMES = frozenset({"node_modules", "site-packages", "__pycache__", "Trash"})


@dataclass(frozen=True, slots=True)
class CaptureFolder:
    """A folder that a capture program seems to write to."""

    path: Path
    program: str  # such as "Ekos"; ``BY_FRAMES`` when only frames tell
    frames: int  # files with a frame's name below it, as far as they were counted

    @property
    def described(self) -> str:
        return f"{self.path} ({self.program}, {self.frames} frames)" if self.frames else f"{self.path} ({self.program})"


def find_capture_folders(homes: Sequence[Path], places: Sequence[Path] = ()) -> list[CaptureFolder]:
    """Capture folders in ``homes`` and below other ``places`` (disks, shares), those with most frames first.

    No folder is inside another; output folders of Nebulift and hidden folders are passed over. Writes nothing.
    """
    found: dict[Path, str] = {}
    for home in homes:
        for folder in _told_by_indi(home):
            found.setdefault(folder, "INDI")
    for place in (*homes, *places):
        for folder, program in _recognised(place, is_home=place in homes):
            found.setdefault(folder if program != BY_FRAMES else _head(folder, place), program)
    for home in homes:  # where KStars puts frames unless told otherwise
        if (home / "Pictures").is_dir() and (home / ".config" / "kstarsrc").is_file():
            found.setdefault(home / "Pictures", "Ekos")
    outermost = [path for path in found if not any(path != other and path.is_relative_to(other) for other in found)]
    counted = [CaptureFolder(path, found[path], _count_frames(path)) for path in outermost]
    return sorted(counted, key=lambda folder: (-folder.frames, str(folder.path)))


def likely_places(homes_of: Path = Path("/home")) -> tuple[list[Path], list[Path]]:
    """Home folders of this machine, and where its disks and shares are mounted."""
    homes = {Path.home(), *_folders_in(homes_of)} - {Path("/root")}
    roots = map(Path, ("/media", "/run/media", "/mnt", "/srv", "/data"))
    return sorted(homes), [place for root in roots for place in _folders_in(root)]


def _told_by_indi(home: Path) -> Iterator[Path]:
    for file in sorted((home / ".indi").glob("*_config.xml")):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for told in UPLOAD_DIR.findall(text):
            if Path(told).is_dir() and Path(told) != home:
                yield Path(told)


def _recognised(place: Path, *, is_home: bool) -> Iterator[tuple[Path, str]]:
    """Folders at and below ``place`` with the program that writes them; nothing inside one that was recognised.

    A whole home folder is never meant.
    """
    waiting, looked_at = [(place, 0)], 0
    while waiting and looked_at < MOST_FOLDERS:
        folder, depth = waiting.pop(0)
        looked_at += 1
        folders, frames = _listed(folder)
        if folders is None:
            continue
        program = _program_of(folder, folders) or (BY_FRAMES if frames else None)
        if program is not None and (depth or not is_home):
            yield folder, program
        elif depth < DEEPEST:
            waiting += [(folder / name, depth + 1) for name in folders]


def _head(folder: Path, place: Path) -> Path:
    """The folder below ``place`` in which ``folder`` lies: the next night comes beside the last one, not into it."""
    parts = folder.relative_to(place).parts
    return place.joinpath(*parts[: 2 if parts and parts[0] in SHELVES else 1])


def _program_of(folder: Path, subfolders: Sequence[str]) -> str | None:
    if folder.name == "MyWorks":
        return "Seestar"
    if {"Autorun", "Plan"} & set(subfolders) and any((folder / name / "Light").is_dir() for name in subfolders):
        return "ASIAIR"
    if folder.name == "N.I.N.A" or any(NIGHT.match(name) and (folder / name / "LIGHT").is_dir() for name in subfolders):
        return "N.I.N.A."
    if folder.name == "SharpCap Captures":
        return "SharpCap"
    if any((folder / name / "Light").is_dir() for name in subfolders):
        return "Ekos"
    return None


def _listed(folder: Path) -> tuple[list[str] | None, int]:
    """Names of the folders in it that may hold frames, and the number of frames; ``None`` for one to be passed over."""
    folders, frames = [], 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == OURS:
                    return None, 0
                if entry.is_dir(follow_symlinks=False):
                    if not ignored_folder(entry.name) and entry.name not in NOT_FRAMES:
                        folders.append(entry.name)
                else:
                    frames += _is_fits(entry.name)
    except OSError:
        return None, 0
    return sorted(folders), frames


def _is_fits(name: str) -> bool:
    """FITS and XISF only: pictures lie in many a folder that no telescope fills."""
    return stem(name) != name and any(suffix in name.lower() for suffix in (*FITS_SUFFIXES, ".xisf"))


def _count_frames(folder: Path) -> int:
    waiting, looked_at, frames = [folder], 0, 0
    while waiting and looked_at < MOST_FOLDERS:
        here = waiting.pop()
        looked_at += 1
        folders, number = _listed(here)
        frames += number
        waiting += [here / name for name in folders or ()]
    return frames


def _folders_in(folder: Path) -> list[Path]:
    folders, _ = _listed(folder)
    return [folder / name for name in folders or ()]
