"""Labels from the computer-vision filter: what it is sure of is a sample, what it doubts goes to a person.

Such labels are the filter's opinion, never truth. What cannot be judged is no sample at all.
"""

import logging
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import NebuliftError, WrongUsage
from nebulift.exposure import FrameKind
from nebulift.judgement import Judgement
from nebulift.parallel import Hands, in_order
from nebulift.pipeline import Measured, as_measured, conclude
from nebulift.preprocess import planes_of
from nebulift.readers import open_frame
from nebulift.session import GroupState, group_key
from nebulift.training.frame_label import CLEAN, CONTAMINATED, FrameLabel, LeftOut, night_names
from nebulift.training.input_cache import InputCache, content_hash
from nebulift.verdict import Label, Thresholds

log = logging.getLogger(__name__)

CONSTANT_SHARE = 0.999  # of the frame in one value: nothing was exposed, or nothing was written
NUMBERS = {Label.CLEAN: CLEAN, Label.CONTAMINATED: CONTAMINATED, Label.REVIEW: None}


@dataclass(frozen=True, slots=True)
class CvLabels:
    """All frames of a folder: labelled, for a person to decide, and left out with the reason."""

    labelled: tuple[FrameLabel, ...]
    review: tuple[FrameLabel, ...]
    left_out: tuple[LeftOut, ...]
    groups_before: Mapping[Path, GroupState] = field(default_factory=dict)  # what each frame was compared with


@dataclass(frozen=True, slots=True, eq=False)
class Studied:
    """A file that is a light frame, measured."""

    sha256: str
    measured: Measured


def generate_training_labels_from_cv(
    fits_files: Iterable[Path | str],
    artifact_detector: ArtifactDetector | None = None,
    clean_threshold: float = 0.8,
    contaminated_threshold: float = 0.2,
) -> tuple[list[Path], list[int], list[Path]]:
    """(labelled files, their labels: 1 clean and 0 contaminated, files for a person to decide), in order of time.

    Files that cannot be read, calibration frames, stacks and frames of one constant value are in none of the lists;
    the log names each with its reason, and ``label_frames`` returns them.
    """
    found = label_frames(
        [Path(path) for path in fits_files],
        detector=artifact_detector,
        limits=thresholds_of(clean_threshold, contaminated_threshold),
    )
    for left_out in found.left_out:
        log.warning("left out: %s", left_out.reason)
    labels = [one.label for one in found.labelled if one.label is not None]
    return [one.path for one in found.labelled], labels, [one.path for one in found.review]


def thresholds_of(clean_threshold: float, contaminated_threshold: float) -> Thresholds:
    """The limits of the label; raises ``WrongUsage`` when they contradict each other."""
    try:
        return Thresholds(clean_threshold, contaminated_threshold)
    except ValueError as error:
        raise WrongUsage(f"limits of the labels: {error}") from error


def label_frames(
    paths: Sequence[Path],
    *,
    detector: ArtifactDetector | None = None,
    limits: Thresholds | None = None,
    cache: InputCache | None = None,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
    enough: Callable[[int], bool] | None = None,
) -> CvLabels:
    """Each file's label by the computer-vision filter, each frame against its session so far, as ``classify`` does.

    With a ``cache`` frames that were measured before are not opened again, and new ones are kept there. ``workers``
    processes share the measuring; ``progress`` is told after each file how many are done, and ``enough`` is asked then
    whether to stop: files that were not reached are in none of the lists.
    """
    studied: list[Studied] = []
    left_out: list[LeftOut] = []
    found = study_files(paths, Hands(workers), detector=detector, cache=cache)
    for number, one in enumerate(found, start=1):
        if isinstance(one, LeftOut):
            left_out.append(one)
        else:
            studied.append(one)
        if progress is not None:
            progress(number)
        if enough is not None and enough(number):
            break
    return cv_labels(studied, left_out, limits)


def cv_labels(studied: Iterable[Studied], left_out: Iterable[LeftOut], limits: Thresholds | None = None) -> CvLabels:
    """The filter's labels of measured frames, each against its session so far."""
    labels, groups_before = _labelled(studied, limits or Thresholds(0.8, 0.2))
    decided = tuple(one for one in labels if one.label is not None)
    waiting = tuple(one for one in labels if one.label is None)
    return CvLabels(decided, waiting, tuple(left_out), groups_before)


def study_files(
    paths: Sequence[Path], hands: Hands, *, detector: ArtifactDetector | None = None, cache: InputCache | None = None
) -> Iterator[Studied | LeftOut]:
    """What each file is, in the order of ``paths``; without a cache the planes are not made."""
    study = partial(study_file, detector=detector or ArtifactDetector(), cache=cache)
    sees = next((path for path in paths if path.exists()), None)
    return in_order(study, paths, hands, sees=sees)


def study_file(
    path: Path, detector: ArtifactDetector, cache: InputCache | None, *, keep_planes: bool = False
) -> Studied | LeftOut:
    """The measured frame, or why the file is no sample; its planes go to the cache and are returned when wanted."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return LeftOut(path, f"{path}: not a regular file")
        sha256 = content_hash(path)
        measured = cache.get(sha256, path) if cache is not None else None
        if measured is None:
            found = _measured_anew(path, detector, with_planes=keep_planes or cache is not None)
            if isinstance(found, LeftOut):
                return found
            measured = found
            if cache is not None:
                cache.put(sha256, measured)
        return Studied(sha256, measured if keep_planes else replace(measured, planes=None))
    except OSError as error:
        return LeftOut(path, f"{path}: cannot be read ({error.strerror or error}); check that it is still there")
    except NebuliftError as error:
        return LeftOut(path, str(error))
    except Exception as error:
        # barrier: a frame that breaks an eye must not stop the others; the log tells where
        log.exception("%s: could not be measured", path)
        return LeftOut(path, f"{path}: could not be measured ({type(error).__name__}: {error})")


def _measured_anew(path: Path, detector: ArtifactDetector, *, with_planes: bool) -> Measured | LeftOut:
    with open_frame(path) as frame:
        if frame.exposure.kind is not FrameKind.LIGHT:
            return LeftOut(path, f"{path}: a {frame.exposure.kind} frame, not an exposure of the sky")
        analysis = detector.analyse(frame)
        if analysis.measurements.sensor.dead_fraction >= CONSTANT_SHARE:
            return LeftOut(path, f"{path}: all pixels have one value, so there is nothing to learn from")
        planes = planes_of(analysis.views) if with_planes else None
        return as_measured(frame, analysis, planes)


def in_order_of_time(studied: Iterable[Studied]) -> list[Studied]:
    """By start of exposure, then by name; frames without a time go by the file's last change."""

    def moment(one: Studied) -> tuple[float, str]:
        taken_at = one.measured.exposure.taken_at
        seconds = taken_at.timestamp() if taken_at else one.measured.path.stat().st_mtime
        return seconds, one.measured.path.name

    return sorted(studied, key=moment)


def _labelled(studied: Iterable[Studied], limits: Thresholds) -> tuple[list[FrameLabel], dict[Path, GroupState]]:
    """(labels in order of time, the group of each frame as it was before it)."""
    ordered = in_order_of_time(studied)
    nights = night_names((one.measured.path, one.measured.exposure) for one in ordered)
    sessions: dict[str, GroupState] = {}
    labels: list[FrameLabel] = []
    groups_before: dict[Path, GroupState] = {}
    for one in ordered:
        measured = one.measured
        before = sessions.get(group_key(measured.exposure, measured.shape, measured.measurements.sky))
        if before is not None:
            groups_before[measured.path] = before
        judgement = conclude(measured, thresholds=limits, sessions=sessions)
        labels.append(_frame_label(one, judgement, nights[measured.path]))
    return labels, groups_before


def _frame_label(one: Studied, judgement: Judgement, night: str) -> FrameLabel:
    verdict, exposure = judgement.verdict, one.measured.exposure
    assert verdict is not None
    assert verdict.score is not None
    kinds: dict[str, float] = {}
    for finding in verdict.findings:
        kinds[finding.kind.value] = max(kinds.get(finding.kind.value, 0.0), finding.severity)
    return FrameLabel(
        one.measured.path,
        one.sha256,
        NUMBERS[verdict.label],
        "cv",
        verdict.score,
        kinds,
        exposure.camera or "unknown camera",
        night,
        exposure.target or "unknown target",
        judgement.session,
        exposure.filter_name or "",
    )
