"""``simulate_night``: a night of frames on disk with its ``labels.csv``, by as many processes as asked for."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path, PurePosixPath

from nebulift.errors import NebuliftError
from nebulift.parallel import begin_worker
from nebulift.simulate.camera import Camera
from nebulift.simulate.file_names import frame_path
from nebulift.simulate.headers import header_cards
from nebulift.simulate.labels import FILE_NAME, label_row, write_labels
from nebulift.simulate.night import FramePlan, plan_night, rendered
from nebulift.simulate.truth import Truth
from nebulift.simulate.writer import fits_bytes, write_at_once

MARK = "simulation.json"  # says that a folder is ours to fill again
FEW_CHUNKS = 4  # tasks a worker: neighbours share the fixed pattern and the field


class NotOurFolder(NebuliftError):
    """A folder that holds files which the simulator did not make."""

    exit_code = 2


def simulate_night(
    directory: Path,
    *,
    frames: int = 24,
    seed: int = 1,
    scenario: str = "mixed",
    camera: Camera | None = None,
    compression: str = "none",
    workers: int = 1,
) -> list[Truth]:
    """The truth about each frame of a night that is now in ``directory``: see ``plan_night`` and ``write_night``."""
    plans = plan_night(seed, frames, scenario=scenario, camera=camera)
    return write_night(directory, plans, compression=compression, workers=workers)


def write_night(
    directory: Path,
    plans: Sequence[FramePlan],
    *,
    compression: str = "none",
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[Truth]:
    """The truth about each planned frame, now in ``directory`` beside its ``labels.csv``, in order of time.

    The same bytes for any number of ``workers``. ``progress`` is told after each frame how many there are. Raises
    ``NotOurFolder`` when the directory holds files that no earlier call made; what an earlier call made is replaced.
    """
    paths = [frame_path(plan, compression) for plan in plans]
    _claim(directory, paths)
    truths: list[Truth] = []
    jobs = [(plan, directory / path, compression) for plan, path in zip(plans, paths, strict=True)]
    for truth in _each_job(jobs, workers):
        truths.append(truth)
        if progress is not None:
            progress(len(truths))
    rows = (label_row(path, plan, truth) for path, plan, truth in zip(paths, plans, truths, strict=True))
    write_labels(directory / FILE_NAME, rows)
    return truths


def write_frame(job: tuple[FramePlan, Path, str]) -> Truth:
    """The truth about one planned frame, now on disk, with the time of its last byte as the clock then stood."""
    plan, path, compression = job
    frame = rendered(plan)
    write_at_once(path, fits_bytes(frame.pixels, header_cards(plan), compression))
    ended = plan.taken_at.timestamp() + plan.scene.exposure_s
    os.utime(path, (ended, ended))
    return frame.truth


def _each_job(jobs: Sequence[tuple[FramePlan, Path, str]], workers: int) -> Iterator[Truth]:
    if workers <= 1:
        yield from map(write_frame, jobs)
        return
    chunk = max(1, len(jobs) // (workers * FEW_CHUNKS))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=begin_worker) as pool:
        yield from pool.map(write_frame, jobs, chunksize=chunk)


def _claim(directory: Path, paths: Sequence[PurePosixPath]) -> None:
    """Make ``directory`` ours: create it, or clear away what an earlier run put there."""
    mark = directory / MARK
    if directory.exists() and not directory.is_dir():
        raise NotOurFolder(f"{directory}: is a file; name a folder for the simulated night")
    if directory.is_dir() and any(directory.iterdir()) and not _is_ours(mark):
        raise NotOurFolder(f"{directory}: holds files that were not simulated; name an empty or a new folder")
    if mark.exists():
        for made in json.loads(mark.read_text(encoding="utf-8"))["files"]:
            if (directory / made).resolve().is_relative_to(directory.resolve()):
                (directory / made).unlink(missing_ok=True)
        for folder in sorted((path for path in directory.rglob("*") if path.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
    directory.mkdir(parents=True, exist_ok=True)
    content = {"simulated_by": "nebulift", "files": [FILE_NAME, *(str(path) for path in paths)]}
    mark.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _is_ours(mark: Path) -> bool:
    try:
        return bool(json.loads(mark.read_text(encoding="utf-8")).get("simulated_by") == "nebulift")
    except (OSError, ValueError, AttributeError):
        return False
