"""Simulated sessions as the network sees them, made once and kept on disk in chunks: planes, facts and the truth.

A chunk is one session. It depends on nothing but its number, so chunks can be made in any order, by several
processes, and a run that was stopped goes on where it was.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import frame_from_array
from nebulift.measurements import DETECTOR_VERSION
from nebulift.parallel import Hands, in_order
from nebulift.pipeline import Measured, as_measured
from nebulift.preprocess import PREPROCESS_VERSION, planes_of
from nebulift.training.measured_record import as_record, from_record
from nebulift.training.seen_truth import seen_severity
from nebulift.verdict import NOTICEABLE_SEVERITY

CHUNK_VERSION = 5  # raised when a chunk of the same number holds other frames
FRAMES_A_SESSION = (8, 18)
# A block of the grid covers the more pixels the larger the frame, so every size that people own must occur
SMALL_MEGAPIXELS, LARGE_MEGAPIXELS = (0.3, 4.0), (6.0, 26.0)
LARGE_SHARE = 0.08  # they cost the most: a second at 16 megapixels, of which the simulator takes three quarters
# A sensor without anti-blooming gate bleeds at the bright stars of every frame of a field: some observers mind, some do
# not, and in a small window of the sensor a bleed looks longer than it is. So it makes a frame marginal at most.
WORST_BLOOM = 0.5
SCENARIO_WEIGHTS = {
    "random": 0.31, "clear": 0.10, "clouds": 0.10, "focus_drift": 0.07, "wind": 0.08, "moonrise": 0.06,
    "twilight": 0.04, "occlusion": 0.07, "satellites": 0.09, "dew": 0.05, "window": 0.03,
}  # fmt: skip
# An all-sky camera has no focuser, no dome and no mount that the wind could shake
ALL_SKY_SCENARIOS = {
    "random": 0.3,
    "clear": 0.22,
    "clouds": 0.22,
    "moonrise": 0.1,
    "twilight": 0.08,
    "satellites": 0.08,
}


@dataclass(frozen=True, slots=True)
class Course:
    """One part of the curriculum: whose cameras, from which seed, how many frames at least."""

    name: str
    cameras: tuple[str, ...]
    seed: int
    frames: int


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedLesson:
    """One frame with its truth: (kind, form, severity) of each artefact."""

    measured: Measured
    session: str
    camera: str
    scenario: str
    artefacts: tuple[tuple[str, str, float], ...]

    @property
    def severity(self) -> float:
        """0..1, artefacts together, as if each spoiled the frame independently; charge bleeds at most halfway."""
        return 1.0 - math.prod(1.0 - _opinion(form, severity) for _, form, severity in self.artefacts)

    @property
    def kinds(self) -> dict[str, float]:
        """The worst severity of each kind that is at least noticeable."""
        worst: dict[str, float] = {}
        for kind, _, severity in self.artefacts:
            if severity >= NOTICEABLE_SEVERITY:
                worst[kind] = max(severity, worst.get(kind, 0.0))
        return worst


def _opinion(form: str, severity: float) -> float:
    return min(severity, WORST_BLOOM) if form == "bloom" else severity


def session_sizes(course: Course) -> list[int]:
    """Frames of each session of ``course``; their sum is at least ``course.frames``."""
    rng = np.random.default_rng([course.seed, 1])
    sizes: list[int] = []
    while sum(sizes) < course.frames:
        sizes.append(int(rng.integers(*FRAMES_A_SESSION, endpoint=True)))
    return sizes


def make_sessions(
    course: Course,
    folder: Path,
    *,
    workers: int = 1,
    cluster: str | None = None,
    shard: tuple[int, int] = (0, 1),
    progress: Callable[[int], None] | None = None,
) -> list[Path]:
    """The chunks of ``course`` in ``folder``, in order; those that are there already are left alone.

    ``shard`` (i, n): only every n-th session from the i-th on is made, so that n machines can share the work; their
    chunks are put into one folder afterwards. ``progress`` is told the number of frames after each session.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sizes, paths = session_sizes(course), chunk_paths(course, folder)
    first, step = shard
    mine = range(first, len(sizes), step)
    jobs = [(course, number, sizes[number], paths[number]) for number in mine if not paths[number].exists()]
    done = sum(size for size, path in zip(sizes, paths, strict=True) if path.exists())
    if progress is not None:
        progress(done)
    for frames in in_order(make_session, jobs, Hands(workers, cluster)):
        if progress is not None:
            progress(frames)
    return paths


def read_sessions(paths: Sequence[Path]) -> list[SimulatedLesson]:
    """All frames of the chunks, in order of time within each session; planes stay float16."""
    return [lesson for path in paths for lesson in _read_chunk(path)]


def chunk_paths(course: Course, folder: Path) -> list[Path]:
    """The files of all sessions of ``course``, made or not."""
    return [folder / _chunk_name(course, number) for number in range(len(session_sizes(course)))]


def _chunk_name(course: Course, number: int) -> str:
    versions = f"v{CHUNK_VERSION}.{PREPROCESS_VERSION}.{DETECTOR_VERSION}"
    return f"{course.name}-{course.seed}-{number:05d}-{versions}.npz"


def make_session(job: tuple[Course, int, int, Path]) -> int:
    """Simulate, measure and write one session; returns its number of frames."""
    from nebulift.cv_prefilter import ArtifactDetector  # noqa: PLC0415  in the worker only
    from nebulift.simulate import rendered  # noqa: PLC0415

    course, number, frames, path = job
    planes: list[NDArray[np.float16]] = []
    rows: list[dict[str, Any]] = []
    for plan in _plans(course, number, frames):
        simulated = rendered(plan)
        place = Path(f"{course.name}/{number:05d}/{plan.number:03d}")
        frame = frame_from_array(simulated.pixels, simulated.exposure, place)
        analysis = ArtifactDetector().analyse(frame)
        seen = as_measured(frame, analysis)
        planes.append(planes_of(analysis.views).astype(np.float16))
        truth = simulated.truth
        rows.append(
            {
                **as_record(seen),
                "camera": plan.rig.camera.name,
                "scenario": plan.scenario,
                "artefacts": [(one.kind.value, one.form, seen_severity(one)) for one in truth.artefacts],
            }
        )
    hidden = path.with_name(f".{path.name}.part")
    with hidden.open("wb") as file:
        np.savez(file, planes=np.stack(planes), rows=np.array(json.dumps(rows)))
    hidden.replace(path)
    return frames


def _plans(course: Course, number: int, frames: int) -> Any:
    from nebulift.simulate.night import plan_session  # noqa: PLC0415  in the worker only
    from nebulift.simulate.rig_kinds import school_rig  # noqa: PLC0415

    rng = np.random.default_rng([course.seed, 2, number])
    sizes = LARGE_MEGAPIXELS if rng.random() < LARGE_SHARE else SMALL_MEGAPIXELS
    megapixels = math.exp(rng.uniform(*np.log(sizes)))
    rig = school_rig(rng, course.cameras[number % len(course.cameras)], megapixels)
    weights = ALL_SKY_SCENARIOS if rig.camera.image_circle > 0.0 else SCENARIO_WEIGHTS
    scenario = str(rng.choice(list(weights), p=list(weights.values())))
    return plan_session(np.random.SeedSequence([course.seed, 3, number]), frames, scenario, rig=rig)


def _read_chunk(path: Path) -> list[SimulatedLesson]:
    with np.load(path) as chunk:
        planes, rows = chunk["planes"], json.loads(str(chunk["rows"]))
    session = path.name.split("-v")[0]
    return [
        SimulatedLesson(
            from_record(row, Path(f"{session}/{number:03d}"), planes[number]),
            session,
            row["camera"],
            row["scenario"],
            tuple((kind, form, severity) for kind, form, severity in row["artefacts"]),
        )
        for number, row in enumerate(rows)
    ]
