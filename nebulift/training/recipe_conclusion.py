"""What a schooling by the recipe is worth: branches and fusion weighed, and where all comes from. Needs torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nebulift import __version__
from nebulift.measurements import DETECTOR_VERSION
from nebulift.preprocess import PREPROCESS_VERSION
from nebulift.training.cross_fit import OutOfFold, by_camera
from nebulift.training.fusion import Branches, fit_branches, fit_fusion
from nebulift.training.known_range import SILENT_BEYOND, domain_of
from nebulift.training.network import SIZES
from nebulift.training.simulated_lessons import SimulatedLessons
from nebulift.training.simulated_sessions import Course
from nebulift.training.trainer import Trained, TrainingPlan
from nebulift.training.trees import Trees
from nebulift.verdict import Thresholds

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Schooling:
    """Who learned what from which frames. ``held_out``: of the training frames, without which only the calibration
    cameras weigh the branches; ``sampler_losses``: where grouped validation chose the sampler.
    """

    lessons: SimulatedLessons
    validation: SimulatedLessons
    trained: Trained
    trees: Trees
    plan: TrainingPlan
    held_out: OutOfFold | None = None
    sampler_losses: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Frames that both branches judge without having learned from their camera."""

    network: Floats
    trees: Floats
    cv: Floats
    clean: Floats
    has_cause: NDArray[np.bool_]
    taught: NDArray[np.bool_]
    sessions: list[str]


def about_model(
    schooling: Schooling, wanted: Mapping[str, Course], size: str, say: Callable[[str], None]
) -> dict[str, Any]:
    """What the checkpoint and later the card say: calibration, fusion, limits, domain, provenance."""
    scored = _scored(schooling)
    taught_sessions = [session for session, counts in zip(scored.sessions, scored.taught, strict=True) if counts]
    taught = scored.taught
    branches = fit_branches(scored.network[taught], scored.trees[taught], scored.clean[taught], taught_sessions)
    score = branches.score(scored.network, scored.trees)
    fusion = fit_fusion(scored.cv, score, scored.clean, scored.sessions, has_cause=scored.has_cause)
    say(f"{branches}; {fusion.reason}; {fusion.fusion}")
    return {
        "name": f"nebulift-{size} {__version__}",
        "architecture": f"torchvision ResNet18, width {SIZES[size]}, with perceptron and boosted trees over features",
        "calibration": {name: getattr(branches, name) for name in ("offset", "slope", "trees_slope")},
        "fusion": asdict(fusion.fusion),
        "thresholds": asdict(Thresholds()),
        "domain": domain_of(schooling.lessons.features()),
        "silent_beyond": SILENT_BEYOND,
        "provenance": {
            **_data(schooling, wanted),
            **_schooling(schooling),
            "branches": "; ".join(
                f"{name} beside the other branch: gain {one}" for name, one in branches.gains.items()
            ),
            "fusion": fusion.reason,
        },
    }


def _gains(branches: Branches) -> str:
    return "; ".join(f"{name} beside the other branch: gain {gain}" for name, gain in branches.gains.items())


def _data(schooling: Schooling, wanted: Mapping[str, Course]) -> dict[str, Any]:
    return {
        "recipe": "nebulift.training.recipe",
        "date": datetime.now(UTC).date().isoformat(),
        "data": "simulated by nebulift.simulate; no real frame was used",
        "courses": {name: asdict(course) for name, course in wanted.items()},
        "frames": {"train": len(schooling.lessons), "calibrate": len(schooling.validation)},
        "kinds": _kinds(schooling.lessons),
        "labels": "the simulator's truth; marginal frames have targets between 0 and 1",
        "versions": {
            "nebulift": __version__,
            "detector": DETECTOR_VERSION,
            "preprocessing": PREPROCESS_VERSION,
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def _schooling(schooling: Schooling) -> dict[str, Any]:
    trained, losses = schooling.trained, schooling.sampler_losses
    return {
        "plan": asdict(schooling.plan),
        "sampler_losses": {name: [round(one, 5) for one in each] for name, each in losses.items()},
        "best_epoch": trained.best_epoch,
        "history": [{name: round(value, 5) for name, value in one.items()} for one in trained.history],
        "weighed_on": _weighed_on(schooling),
        "cameras_left_out": _cameras_left_out(schooling),
        "calibrated_on": "cameras that training did not see; the calibration cameras' frames chose the epoch",
    }


def _scored(schooling: Schooling) -> _Scored:
    """The calibration frames by the finished branches, and the training frames by those that had not seen them."""
    validation, held_out = schooling.validation, schooling.held_out
    sides = [(validation, schooling.trained.logits[:, 0], schooling.trees.logit(validation.features()))]
    if held_out is not None:
        sides.append((schooling.lessons, held_out.network, held_out.trees))
    return _Scored(
        np.concatenate([network for _, network, _ in sides]),
        np.concatenate([trees for _, _, trees in sides]),
        np.concatenate([side.cv_scores for side, _, _ in sides]),
        np.concatenate([side.targets() for side, _, _ in sides]),
        np.concatenate([side.has_cause for side, _, _ in sides]),
        np.concatenate([side.weights() > 0.0 for side, _, _ in sides]),
        [session for side, _, _ in sides for session in side.sessions],
    )


def _weighed_on(schooling: Schooling) -> str:
    frames = f"{len(schooling.validation)} frames of the calibration cameras"
    if schooling.held_out is None:
        return frames
    folds = int(schooling.held_out.fold.max()) + 1
    return (
        f"{frames}, and {len(schooling.lessons)} training frames, each scored by a network and trees that had not seen "
        f"its camera, nor its sort of rig but for deep-sky cameras ({folds} folds)"
    )


def _cameras_left_out(schooling: Schooling) -> dict[str, Any]:
    if schooling.held_out is None:
        return {}
    cameras = [frame.camera for frame in schooling.lessons.frames]
    return by_camera(schooling.held_out, schooling.lessons.targets(), cameras)


def _kinds(lessons: SimulatedLessons) -> dict[str, int]:
    """How many training frames show each kind at least noticeably."""
    found = [kind for frame in lessons.frames for kind in frame.kinds]
    return {kind: found.count(kind) for kind in sorted(set(found))}
