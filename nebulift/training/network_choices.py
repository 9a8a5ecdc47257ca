"""The questions of ``numbers_alone`` to small networks: which sampler, and how it goes with a camera left out.

The smallest network, planes of half the width, few epochs and at most ``FRAMES`` frames: minutes, not hours. Choices
that differ clearly there differ for the larger network, too; those that do not are not worth hours. Needs torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nebulift.training.batches import SAMPLERS
from nebulift.training.grouped_choice import USUAL_SAMPLER, balanced_loss, chosen_sampler, folds_of_groups
from nebulift.training.lesson_views import HalfPlanes, PartOf
from nebulift.training.logistic import sigmoid
from nebulift.training.metrics import roc_auc
from nebulift.training.network import new_network
from nebulift.training.sample import Lessons
from nebulift.training.trainer import TrainingPlan, scored, train

Floats = NDArray[np.float64]

SIZE = "compact"
EPOCHS = 6
BATCH_SIZE = 32
FOLDS = 3
FRAMES = 1500


def sampler_by_network(
    lessons: Lessons, groups: Sequence[str], plan: TrainingPlan, tell: Callable[[str], None] | None = None
) -> tuple[str, dict[str, list[float]]]:
    """(the sampler that validates best on groups left out, balanced log-loss a frame of each, by fold).

    By the rule of ``chosen_sampler``; frames of one group leave nothing to choose by.
    """
    small, groups = _few(lessons, groups, plan.seed)
    fold = folds_of_groups(groups, FOLDS)
    losses: dict[str, list[float]] = {sampler: [] for sampler in SAMPLERS}
    for number in sorted(set(fold.tolist())):
        out = fold == number
        if not _can_be_taught(small, ~out):
            continue
        for sampler in SAMPLERS:
            p = _said_by(small, out, replace(_small_plan(plan), sampler=sampler))
            losses[sampler].append(balanced_loss(p, small.targets()[out], small.weights()[out]))
            if tell is not None:
                tell(f"sampler {sampler}, fold {number + 1}: loss {losses[sampler][-1]:.4f}")
    if not losses[USUAL_SAMPLER]:
        return USUAL_SAMPLER, {}
    return chosen_sampler(losses), losses


def cameras_left_out(
    lessons: Lessons,
    cameras: Sequence[str],
    groups: Sequence[str],
    plan: TrainingPlan,
    tell: Callable[[str], None] | None = None,
) -> dict[str, dict[str, float | None]]:
    """Of each camera: its frames, and AUC and balanced loss by a network that has seen the others only."""
    if len(set(cameras)) < 2:
        return {}
    names = np.array(cameras, dtype=str)
    everything = HalfPlanes(lessons)
    found: dict[str, dict[str, float | None]] = {}
    for camera in sorted(set(cameras)):
        out = names == camera
        others = _chosen(np.flatnonzero(~out), groups, plan.seed)
        if not _can_be_taught(everything, others):
            continue
        network = new_network(SIZE, plan.seed)
        train(network, PartOf(everything, others), None, _small_plan(plan))
        p = sigmoid(scored(network, PartOf(everything, np.flatnonzero(out)))[:, 0])
        clean, weight = lessons.targets()[out], lessons.weights()[out]
        auc = roc_auc(p, clean > 0.5)
        loss = balanced_loss(p, clean, weight) if weight.sum() > 0.0 else None
        found[camera] = {"frames": float(out.sum()), "auc": auc, "loss": loss}
        if tell is not None:
            tell(f"camera {camera} left out: AUC {'-' if auc is None else f'{auc:.3f}'}, {out.sum()} frames")
    return found


def _small_plan(plan: TrainingPlan) -> TrainingPlan:
    return replace(plan, epochs=EPOCHS, batch_size=BATCH_SIZE, mean_decay=0.0)


def _few(lessons: Lessons, groups: Sequence[str], seed: int) -> tuple[PartOf, list[str]]:
    """At most ``FRAMES`` frames in whole groups, with planes of half the width, and their groups."""
    kept = _chosen(np.arange(len(lessons)), groups, seed)
    return PartOf(HalfPlanes(lessons), kept), [groups[index] for index in kept]


def _chosen(indices: NDArray[np.intp], groups: Sequence[str], seed: int) -> NDArray[np.intp]:
    """Those of ``indices`` whose group is among the first that fit into ``FRAMES``, groups in random order."""
    own = np.array([groups[index] for index in indices], dtype=str)
    names, member, sizes = np.unique(own, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    fits = np.cumsum(sizes[order]) <= FRAMES
    fits[0] = True
    return indices[np.isin(member, order[fits])]


def _can_be_taught(lessons: Lessons, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> bool:
    """Whether both classes are there."""
    clean = lessons.targets()[chosen][lessons.weights()[chosen] > 0.0] > 0.5
    return bool(clean.any() and not clean.all())


def _said_by(lessons: Lessons, out: NDArray[np.bool_], plan: TrainingPlan) -> Floats:
    """P(clean) of the frames ``out`` by a small network that learned from the others."""
    network = new_network(SIZE, plan.seed)
    train(network, PartOf(lessons, np.flatnonzero(~out)), None, plan)
    return sigmoid(scored(network, PartOf(lessons, np.flatnonzero(out)))[:, 0])
