"""Labels of an archive in slices: so many frames, or so long, the most instructive first; the next call goes on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nebulift.errors import NebuliftError
from nebulift.exposure import Exposure
from nebulift.parallel import Hands
from nebulift.readers import open_frame
from nebulift.training.frame_label import LeftOut
from nebulift.training.input_cache import InputCache
from nebulift.training.known_files import KnownFiles
from nebulift.training.label_order import Run, distance_to_limits, next_round, runs_of
from nebulift.training.labels import CvLabels, Studied, cv_labels, study_files
from nebulift.verdict import Thresholds, decide


@dataclass(frozen=True, slots=True)
class Slice:
    """The labels so far, how many frames this call measured, and how many files wait for the next."""

    labels: CvLabels
    measured: int
    waiting: int


@dataclass(slots=True)
class _Desk:
    """What has been looked at so far."""

    studied: list[Studied] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    distances: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def take(self, one: Studied | LeftOut, run: Run | None, limits: Thresholds) -> None:
        if isinstance(one, LeftOut):
            self.left_out.append(one)
            return
        self.studied.append(one)
        score = decide(one.measured.findings).score
        if run is not None and score is not None:
            self.distances.setdefault((run.camera, run.night), []).append(distance_to_limits(score, limits))

    def doubts(self) -> dict[tuple[str, str], float]:
        return {key: sum(values) / len(values) for key, values in self.distances.items()}


def label_slice(
    paths: Sequence[Path],
    cache: InputCache,
    limits: Thresholds,
    *,
    hands: Hands | None = None,
    max_frames: int | None = None,
    is_over: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] | None = None,
) -> Slice:
    """Labels of all frames that are in ``cache``, and of those that can be measured within the limits of this call.

    At most ``max_frames`` are measured, and none after ``is_over()``. The same frames, limits and cache give the same
    slice, whoever measures. ``progress`` is told how many files are done.
    """
    hands = hands or Hands()
    known, desk, measured = KnownFiles.beside(cache), _Desk(), 0
    runs = runs_of(_exposures(paths))
    waiting: list[Run] = []
    for run in runs:
        waiting += _known_taken(run, cache, known, desk, limits)
    while waiting and (max_frames is None or measured < max_frames) and not is_over():
        chosen = next_round(waiting, desk.doubts())
        files = [(run, path) for run in chosen for path in run.paths]
        if max_frames is not None:
            files = files[: max_frames - measured]
        done = set()
        for (run, path), one in zip(files, study_files([path for _, path in files], hands, cache=cache), strict=False):
            desk.take(one, run, limits)
            done.add(path)
            if isinstance(one, Studied):
                measured += 1
                known.note(path, one.sha256)
            if progress is not None:
                progress(len(desk.studied) + len(desk.left_out))
            if is_over():
                break
        waiting = [rest for run in waiting if (rest := _without(run, done)).paths]
        known.save()
    labels = cv_labels(desk.studied, desk.left_out, limits)
    return Slice(labels, measured, sum(len(run.paths) for run in waiting))


def _known_taken(run: Run, cache: InputCache, known: KnownFiles, desk: _Desk, limits: Thresholds) -> Iterator[Run]:
    """The run without its frames that were measured before and have not changed; those go on the desk."""
    done = set()
    for path in run.paths:
        sha256 = known.sha256(path)
        measured = cache.get(sha256, path, with_planes=False) if sha256 is not None else None
        if sha256 is not None and measured is not None:
            desk.take(Studied(sha256, measured), run, limits)
            done.add(path)
    rest = _without(run, done)
    if rest.paths:
        yield rest


def _without(run: Run, done: set[Path]) -> Run:
    return Run(run.camera, run.night, run.number, tuple(path for path in run.paths if path not in done))


def _exposures(paths: Sequence[Path]) -> list[tuple[Path, Exposure]]:
    """What each header says; a file that has none is measured like the others, to hear why not."""
    found = []
    for path in paths:
        try:
            with open_frame(path) as frame:
                found.append((path, frame.exposure))
        except (NebuliftError, OSError):
            found.append((path, Exposure()))
    return found
