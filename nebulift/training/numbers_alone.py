"""What the measured numbers alone can teach, by small boosted trees in seconds: which sampler, how many frames, and how
it goes with a camera that was left out. Mostly the answers are about the data; the same questions to small networks
take minutes (``network_choices``). Needs scikit-learn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.training.batches import SAMPLERS, class_balance, epoch_frames
from nebulift.training.grouped_choice import balanced_loss, chosen_sampler, folds_of_groups
from nebulift.training.logistic import sigmoid
from nebulift.training.metrics import roc_auc
from nebulift.training.trees import fit_trees

Floats = NDArray[np.float64]

TREES = 60  # a third of the branch's own: differences between choices show as well
FOLDS = 5
SHARES = (0.25, 0.5, 1.0)
FALLING = 0.005  # log-loss a frame: a curve that rises by less is flat


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Frames as the table branch sees them."""

    features: NDArray[np.float32]  # (n, len(FEATURES))
    clean: Floats  # targets 0..1
    weight: Floats
    groups: Sequence[str]  # night, target and camera
    cameras: Sequence[str]
    seed: int = 1


def sampler_choice(numbers: Numbers) -> tuple[str, dict[str, float]]:
    """(the sampler that validates best on groups left out, balanced log-loss a frame of each).

    By the rule of ``chosen_sampler``.
    """
    fold = folds_of_groups(numbers.groups, FOLDS)
    if len(set(fold.tolist())) < 2:
        return "weights", {}
    losses = {sampler: _held_out(numbers, fold, sampler) for sampler in SAMPLERS}
    means = {sampler: float(np.mean(values)) for sampler, values in losses.items()}
    return chosen_sampler(losses), means


def learning_curve(numbers: Numbers, validation: Numbers) -> list[dict[str, float | None]]:
    """Loss and AUC on ``validation`` after 25, 50 and 100 % of the groups, each part within the next."""
    names = sorted(set(numbers.groups))
    order = np.random.default_rng(numbers.seed).permutation(len(names))
    curve: list[dict[str, float | None]] = []
    for share in SHARES:
        kept = {names[one] for one in order[: max(1, round(share * len(names)))]}
        chosen = np.array([group in kept for group in numbers.groups], dtype=np.bool_)
        if len(set((numbers.clean[chosen] > 0.5).tolist())) < 2:
            continue  # a class is missing in so small a part
        p = _fitted(numbers, np.flatnonzero(chosen), "weights", validation.features)
        curve.append(
            {
                "share": share,
                "frames": int(chosen.sum()),
                "loss": balanced_loss(p, validation.clean, validation.weight),
                "auc": roc_auc(p, validation.clean > 0.5),
            }
        )
    return curve


def is_falling(curve: Sequence[Mapping[str, float | None]]) -> bool:
    """Whether more frames made it worse: then some of them teach what is wrong."""
    losses = [one["loss"] for one in curve if one["loss"] is not None]
    return len(losses) > 1 and losses[-1] > min(losses[:-1]) + FALLING


def leave_one_camera_out(numbers: Numbers) -> dict[str, dict[str, float | None]]:
    """Of each camera: its frames, and AUC and balanced loss by trees that have seen the others only."""
    found: dict[str, dict[str, float | None]] = {}
    cameras = np.array(numbers.cameras, dtype=str)
    for camera in sorted(set(numbers.cameras)):
        out = cameras == camera
        if len(set((numbers.clean[~out] > 0.5).tolist())) < 2:
            continue  # the other cameras do not have both classes
        p = _fitted(numbers, np.flatnonzero(~out), "weights", numbers.features[out])
        found[camera] = {
            "frames": float(out.sum()),
            "auc": roc_auc(p, numbers.clean[out] > 0.5),
            "loss": balanced_loss(p, numbers.clean[out], numbers.weight[out]),
        }
    return found


def _held_out(numbers: Numbers, fold: NDArray[np.intp], sampler: str) -> list[float]:
    losses = []
    for one in sorted(set(fold.tolist())):
        mine, rest = np.flatnonzero(fold == one), np.flatnonzero(fold != one)
        if len(set((numbers.clean[rest] > 0.5).tolist())) == 2:
            p = _fitted(numbers, rest, sampler, numbers.features[mine])
            losses.append(balanced_loss(p, numbers.clean[mine], numbers.weight[mine]))
    return losses


def _fitted(numbers: Numbers, chosen: NDArray[np.intp], sampler: str, asked: NDArray[np.float32]) -> Floats:
    """P(clean) of the ``asked`` frames by trees that learned from the chosen ones."""
    drawn = chosen[epoch_frames(numbers.clean[chosen], sampler, np.random.default_rng(numbers.seed))]
    clean, weight = numbers.clean[drawn], numbers.weight[drawn]
    balance = class_balance(clean, weight, sampler)
    weight = weight * (clean * balance[1] + (1.0 - clean) * balance[0])
    trees = fit_trees(numbers.features[drawn], clean, weight, seed=numbers.seed, trees=TREES)
    return sigmoid(trees.logit(asked))
