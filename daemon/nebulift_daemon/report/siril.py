"""The clean frames of a night laid out for Siril: a folder ``lights`` of symbolic links for each group, and a script.

The layout is the one that Siril's own preprocessing scripts expect: make the group's folder the working directory, put
``darks``, ``flats`` and ``biases`` beside ``lights``, run the script. ``nebulift.ssf`` makes a sequence of each group
for those who go on by hand. Commands as in the Siril 1.2 reference (cd, link, convert).
"""

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from nebulift.errors import WrongUsage, printable
from nebulift_daemon.report.frame_line import FrameLine, Group
from nebulift_daemon.report.night_report import NightReport

SCRIPT_NAME = "nebulift.ssf"
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._+-]+")
FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fz")
LONGEST_PART = 40


def write_siril_folder(report: NightReport, folder: Path) -> int:
    """Lay the night out below ``folder``, which must be new or empty; how many frames were linked.

    Raises ``WrongUsage`` when something lies there already, ``OSError`` when it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise WrongUsage(f"{printable(folder)}: the folder for Siril is not empty; name a new one")
    folder = folder.resolve()
    if '"' in str(folder) or not str(folder).isprintable():
        raise WrongUsage(f"{printable(folder)}: Siril's scripts cannot name this folder; choose a plainer name")
    lines = ["requires 1.2.0", f"# clean frames of the night of {report.night.evening}"]
    linked = 0
    for name, frames in _named_groups(report):
        lights = folder / name / "lights"
        lights.mkdir(parents=True)
        for frame in frames:
            _free_place(lights, frame.path.name).symlink_to(frame.path)
        command = "link" if all(frame.path.name.lower().endswith(FITS_SUFFIXES) for frame in frames) else "convert"
        lines += [f'cd "{lights}"', f"{command} light -out=../process"]
        linked += len(frames)
    (folder / SCRIPT_NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return linked


def _named_groups(report: NightReport) -> Iterable[tuple[str, list[FrameLine]]]:
    """A folder's name and the usable frames, for each group that has any."""
    taken: set[str] = set()
    for group, members in report.groups.items():
        usable = [frame for frame in members if frame.is_usable and frame.path.is_file()]
        if usable:
            wanted = _folder_name(group)
            name = next(name for name in _numbered(wanted) if name.casefold() not in taken)
            taken.add(name.casefold())
            yield name, usable


def _folder_name(group: Group) -> str:
    exposure = "" if group.exposure_s is None else f"{group.exposure_s:g}s"
    parts = (NOT_IN_NAMES.sub("_", part)[:LONGEST_PART].strip("._") for part in (group.target, group.filter_name))
    return "_".join(part for part in (*parts, exposure) if part) or "frames"


def _numbered(name: str) -> Iterable[str]:
    return itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))


def _free_place(folder: Path, name: str) -> Path:
    """``name`` in the folder; frames of one night may have one name in different folders."""
    places = (folder / (name if number == 1 else f"{number}_{name}") for number in itertools.count(1))
    return next(place for place in places if not place.is_symlink())
