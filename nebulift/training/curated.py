"""A data set of frames that people decided, for another rig or tool: files, ``manifest.csv``, nothing else needed."""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nebulift.errors import NebuliftError
from nebulift.exposure import Exposure
from nebulift.readers import open_frame
from nebulift.training.dataset_folders import HASH_SIGNS
from nebulift.training.frame_label import CLEAN, FrameLabel, LeftOut, night_names
from nebulift.training.input_cache import content_hash
from nebulift.training.manifest import FILE_NAME, write_manifest
from nebulift.training.reviews import Review

FRAMES = "frames"
WAYS = ("link", "copy", "list")  # list: no file is touched, the manifest names them where they are


@dataclass(frozen=True, slots=True)
class Curated:
    """What was written, and what was left out with the reason."""

    frames: tuple[FrameLabel, ...]
    left_out: tuple[LeftOut, ...]


def export_curated(
    reviews: Sequence[Review], folder: Path, way: str = "link", progress: Callable[[int], None] | None = None
) -> Curated:
    """Write the decided frames and their manifest to ``folder``; what is there already is never replaced.

    One file's bytes appear once. Frames that cannot be read, and those with two contradicting decisions, are left out.
    Raises ``NebuliftError`` when the folder cannot be written.
    """
    found, left_out = _read(reviews, progress)
    nights = night_names((review.path, exposure) for review, _, exposure in found)
    frames = [_label(review, sha256, exposure, nights[review.path]) for review, sha256, exposure in found]
    if way != "list":
        frames = [replace(one, path=_placed(one, folder, way)) for one in frames]
    write_manifest(folder / FILE_NAME, frames, relative_to=None if way == "list" else folder)
    return Curated(tuple(frames), tuple(left_out))


def _read(
    reviews: Iterable[Review], progress: Callable[[int], None] | None
) -> tuple[list[tuple[Review, str, Exposure]], list[LeftOut]]:
    found: dict[str, tuple[Review, str, Exposure]] = {}
    left_out: list[LeftOut] = []
    contradicted: set[str] = set()
    for number, review in enumerate(reviews, start=1):
        try:
            sha256 = content_hash(review.path)
            with open_frame(review.path) as frame:
                exposure = frame.exposure
        except OSError as error:
            left_out.append(LeftOut(review.path, f"{review.path}: cannot be read ({error.strerror or error})"))
        except NebuliftError as error:
            left_out.append(LeftOut(review.path, str(error)))
        else:
            before = found.setdefault(sha256, (review, sha256, exposure))
            if before[0].label != review.label:
                contradicted.add(sha256)
                left_out.append(LeftOut(review.path, f"{review.path}: decided as clean and as contaminated"))
        if progress is not None:
            progress(number)
    return [one for sha256, one in found.items() if sha256 not in contradicted], left_out


def _label(review: Review, sha256: str, exposure: Exposure, night: str) -> FrameLabel:
    return FrameLabel(
        review.path,
        sha256,
        review.label,
        "human",
        1.0 if review.label == CLEAN else 0.0,
        {review.kind: 1.0} if review.kind else {},
        exposure.camera or "unknown camera",
        night,
        exposure.target or "unknown target",
        filter_name=exposure.filter_name or "",
    )


def _placed(one: FrameLabel, folder: Path, way: str) -> Path:
    """Where the frame lies now, below ``folder``."""
    place = folder / FRAMES / f"{one.sha256[:HASH_SIGNS]}-{one.path.name}"
    if place.exists():
        return place  # of the same bytes: its name says so
    hidden = place.with_name(f".{place.name}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if way == "copy":
            shutil.copy2(one.path, hidden)
            hidden.rename(place)
        else:
            _link(one.path.resolve(), place)
    except OSError as error:
        raise NebuliftError(f"{place}: cannot be written ({error.strerror}); name another folder") from error
    return place


def _link(source: Path, place: Path) -> None:
    """A hard link, or a symbolic one across file systems."""
    try:
        os.link(source, place)
    except OSError:
        place.symlink_to(source)
