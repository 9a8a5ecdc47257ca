"""A data set on disk: ``train``, ``val`` and ``review`` beside each other, frames linked in, nothing ever deleted."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import TrainingError
from nebulift.training.dataset import METADATA, AstroImageDataset
from nebulift.training.frame_label import CLEAN, FrameLabel, LeftOut
from nebulift.training.input_cache import InputCache
from nebulift.training.labels import CvLabels, label_frames, thresholds_of
from nebulift.training.splits import Split, split

TRAIN, VALIDATION, REVIEW, UNUSED, INPUTS, FOLDS = "train", "val", "review", "unused", "inputs", "folds"
HASH_SIGNS = 16  # of the SHA-256, before a frame's name: two nights have frames of the same name


class DatasetFolders(NamedTuple):
    """What ``create_dataset_from_cv_labels`` made."""

    train: AstroImageDataset
    validation: AstroImageDataset
    review_files: list[Path]


def create_dataset_from_cv_labels(
    fits_files: Iterable[Path | str],
    artifact_detector: ArtifactDetector | None = None,
    output_dir: Path | str = "dataset",
    train_split: float = 0.8,
    clean_threshold: float = 0.8,
    contaminated_threshold: float = 0.2,
    random_seed: int = 1,
    *,
    workers: int = 1,
) -> DatasetFolders:
    """(training set, validation set, files for a person to decide); the frames are linked into ``output_dir``.

    Below it lie ``train`` and ``val`` with the folders ``clean`` and ``contaminated``, ``review``, and in each
    ``metadata.json`` with path, hash, label, score, kinds, source, camera, night and target of its frames. Frames of
    one night, target and camera stay on one side, and so do copies of one file. Hard links where the file system has
    them, else symbolic links, else copies; the frames stay where they are. Raises ``TrainingError`` when the frames
    cannot be split.
    """
    folder = Path(output_dir)
    labels = label_frames(
        [Path(file) for file in fits_files],
        detector=artifact_detector,
        limits=thresholds_of(clean_threshold, contaminated_threshold),
        cache=InputCache(folder / INPUTS),
        workers=workers,
    )
    parts = split(labels.labelled, validation_share=1.0 - train_split, seed=random_seed)
    write_dataset(folder, labels, parts)
    train, validation = (AstroImageDataset.from_folder(folder / name) for name in (TRAIN, VALIDATION))
    return DatasetFolders(train, validation, [one.path for one in labels.review])


def write_dataset(folder: Path, labels: CvLabels, parts: Split, progress: Callable[[int], None] | None = None) -> None:
    """Link the frames into their folders and write the metadata. An earlier data set in ``folder`` is rearranged."""
    earlier = _linked_before(folder)
    sides = {
        TRAIN: [labels.labelled[index] for index in parts.train],
        VALIDATION: [labels.labelled[index] for index in parts.validation],
        REVIEW: list(labels.review),
    }
    done = 0
    for name, frames in sides.items():
        for frame in frames:
            _place(frame, folder / name, earlier)
            done += 1
            if progress is not None:
                progress(done)
    for left in earlier.values():
        _put(left, folder / UNUSED / left.name)
    for name, frames in sides.items():
        _write_metadata(folder / name, frames, ())
    _write_metadata(folder / UNUSED, (), labels.left_out)


def _linked_before(folder: Path) -> dict[str, Path]:
    """Frames that an earlier call put below ``folder``, by name."""
    places = [folder / name for name in (TRAIN, VALIDATION, REVIEW, UNUSED)]
    files = (file for place in places if place.is_dir() for file in place.rglob("*"))
    return {file.name: file for file in files if (file.is_file() or file.is_symlink()) and file.name != METADATA}


def _place(frame: FrameLabel, side: Path, earlier: dict[str, Path]) -> None:
    """Make ``frame`` appear in ``side``, from an earlier place in the data set or from where it was taken."""
    if frame.source == "injected":
        return  # a twin has no file
    label = {None: ".", CLEAN: "clean"}.get(frame.label, "contaminated")
    name = f"{frame.sha256[:HASH_SIGNS]}-{frame.path.name}"
    destination = side / label / name
    before = earlier.pop(name, None)
    if before is not None:
        _put(before, destination)
    elif not destination.exists():
        _link(frame.path, destination)


def _put(before: Path, destination: Path) -> None:
    """Move a link within the data set."""
    if before != destination:
        destination.parent.mkdir(parents=True, exist_ok=True)
        before.rename(destination)


def _link(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    source = source.resolve()
    for link in (os.link, os.symlink):
        with contextlib.suppress(OSError):  # other file system, or one without links: the next way is tried
            link(source, destination)
            return
    hidden = destination.with_name(f".{destination.name}.part")
    try:
        shutil.copy2(source, hidden)
        hidden.rename(destination)
    except OSError as error:
        cause = error.strerror or str(error)
        raise TrainingError(f"{destination}: cannot be written ({cause}); name another data set folder") from error


def _write_metadata(side: Path, frames: Sequence[FrameLabel], left_out: Sequence[LeftOut]) -> None:
    side.mkdir(parents=True, exist_ok=True)
    record = {
        "frames": [replace(frame, path=frame.path.absolute()).to_json() for frame in frames],
        "left_out": [{"path": str(one.path), "reason": one.reason} for one in left_out],
    }
    hidden = side / f".{METADATA}.part"
    hidden.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    hidden.replace(side / METADATA)
