"""Choices by grouped validation: who is held out together, what a choice costs there, which one is clearly better."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nebulift.training.batches import class_balance
from nebulift.training.metrics import log_loss

Floats = NDArray[np.float64]

USUAL_SAMPLER = "weights"
CLEARLY = 2.0  # standard errors over the folds


def folds_of_groups(groups: Sequence[str], count: int) -> NDArray[np.intp]:
    """A fold 0 .. ``count`` - 1 for each frame, whole groups together, dealt by chance but always the same."""
    _, member = np.unique(np.array(groups, dtype=str), return_inverse=True)
    order = np.random.default_rng(0).permutation(int(member.max()) + 1)
    return np.asarray(order[member] % count, dtype=np.intp)


def folds_of_cameras(cameras: Sequence[str], count: int) -> NDArray[np.intp]:
    """A fold for each frame, whole cameras together; the one with most frames goes first, to the emptiest fold."""
    names, member, frames = np.unique(np.array(cameras, dtype=str), return_inverse=True, return_counts=True)
    fold_of, sizes = np.zeros(len(names), dtype=np.intp), np.zeros(count)
    for camera in np.argsort(-frames, kind="stable"):
        fold_of[camera] = int(sizes.argmin())
        sizes[fold_of[camera]] += frames[camera]
    return fold_of[member]


def balanced_loss(p: Floats, clean: Floats, weight: Floats) -> float:
    """Log-loss a frame, both classes counting the same."""
    balance = class_balance(clean, weight, USUAL_SAMPLER)
    return float(np.average(log_loss(p, clean), weights=weight * (clean * balance[1] + (1.0 - clean) * balance[0])))


def chosen_sampler(losses: Mapping[str, Sequence[float]]) -> str:
    """The sampler with the least mean of ``losses`` (of each sampler, one a fold).

    The usual one stays unless another is better by more than the noise of the folds.
    """
    best = min(losses, key=lambda sampler: float(np.mean(losses[sampler])))
    gained = np.array(losses[USUAL_SAMPLER]) - np.array(losses[best])
    if len(gained) < 2:
        return USUAL_SAMPLER
    noise = float(gained.std(ddof=1)) / np.sqrt(len(gained))
    return best if float(gained.mean()) > CLEARLY * noise else USUAL_SAMPLER
