"""Sidecars: small files of other programs that belong to a frame by their name, and go where it goes.

``M31_001.wcs`` and ``M31_001.fits.json`` belong to ``M31_001.fits``. Left behind by a move they would be orphans, and
Ekos, which counts whatever has the frame's name, would count them as frames. They are never read, never replace a file,
and a sidecar that cannot follow stays where it is and is logged: the frame comes first.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nebulift.readers.names import is_frame_name, stem
from nebulift_daemon.placing import SourceChanged, move_exclusive
from nebulift_daemon.printing import one_line
from nebulift_daemon.sighting import Sighting, look

# notes of a person or a program, ratings, plate solutions (astrometry.net and ASTAP), SharpCap's settings
SUFFIXES = (".json", ".xmp", ".wcs", ".txt", ".ini", ".CameraSettings.txt")

log = logging.getLogger(__name__)


def bring_along(before: Path, after: Path, owner: str) -> int:
    """Move the sidecars of a frame that was moved from ``before`` to ``after``; how many there were.

    To be called when the frame is there already; called again, it finishes what a crash cut short.
    """
    moved = 0
    for sidecar, ending in list(sidecars_of(before)):
        wanted = after.with_name((after.name if ending.is_of_whole_name else stem(after.name)) + ending.text)
        try:
            move_exclusive(sidecar, wanted, None, owner)
        except FileExistsError:
            log.warning("%s: stays, since %s is there already", one_line(sidecar.path), one_line(wanted))
        except SourceChanged:
            log.warning("%s: stays, since it is just being written", one_line(sidecar.path))
        except OSError as error:
            log.warning("%s: cannot follow its frame (%s)", one_line(sidecar.path), error.strerror)
        else:
            moved += 1
    return moved


@dataclass(frozen=True, slots=True)
class Ending:
    """What follows the frame's whole name (``M31_001.fits.json``) or its stem (``M31_001.json``)."""

    text: str
    is_of_whole_name: bool


def sidecars_of(frame: Path) -> Iterator[tuple[Sighting, Ending]]:
    """The sidecars beside where ``frame`` lay.

    By the stem alone only when no other frame there has it: of ``M31_001.fits`` and ``M31_001.xisf`` nobody knows whose
    ``M31_001.txt`` is.
    """
    name = stem(frame.name)
    for suffix in SUFFIXES:
        for text in dict.fromkeys((suffix, suffix.lower(), suffix.upper())):
            if found := look(frame.with_name(frame.name + text)):
                yield found, Ending(text, True)
            found = look(frame.with_name(name + text)) if name != frame.name else None
            if found is not None and not _is_shared(frame, name):
                yield found, Ending(text, False)


def _is_shared(frame: Path, name: str) -> bool:
    try:
        with os.scandir(frame.parent) as entries:
            names = [entry.name for entry in entries if entry.name != frame.name]
    except OSError:
        return True
    return any(is_frame_name(other) and stem(other) == name for other in names)
