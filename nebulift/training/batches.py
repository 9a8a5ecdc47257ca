"""Which frames an epoch shows, and how much either class counts: the sampler. NumPy alone.

Of unequal classes undersampling wins in one study and loses in another, within a domain and across; so it is a choice
that grouped validation makes (``sampler_choice``), not a belief.
"""

import math

import numpy as np
from numpy.typing import NDArray

SAMPLERS = ("weights", "none", "under", "over")
# weights: every frame once, the rarer class counts more; none: every frame once, all count the same;
# under: of the commoner class a new draw in each epoch, as many as the rarer has; over: the rarer class repeated


def epoch_batches(
    targets: NDArray[np.float64], batch_size: int, sampler: str, seed: int, epoch: int
) -> list[NDArray[np.intp]]:
    """The frames of each batch of an epoch, in batches of almost equal size; every epoch has as many."""
    rng = np.random.default_rng([seed, epoch])
    frames = epoch_frames(targets, sampler, rng)
    order = rng.permutation(len(frames))
    return [frames[batch] for batch in np.array_split(order, math.ceil(len(frames) / batch_size))]


def epoch_frames(targets: NDArray[np.float64], sampler: str, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices of the frames that an epoch shows; clean are those with a target above a half."""
    everything = np.arange(len(targets))
    if sampler in {"weights", "none"}:
        return everything
    rare, common = sorted((everything[targets > 0.5], everything[targets <= 0.5]), key=len)
    if not len(rare):
        return everything
    if sampler == "under":
        return np.concatenate([rare, rng.choice(common, len(rare), replace=False)])
    return np.concatenate([common, np.resize(rng.permutation(rare), len(common))])


def class_balance(targets: NDArray[np.float64], weights: NDArray[np.float64], sampler: str) -> NDArray[np.float64]:
    """How much a frame's loss counts if it is (contaminated, clean); with the sampler ``weights`` both classes count
    the same, with mean 1.
    """
    if sampler != "weights":
        return np.ones(2)
    shares = np.array([((1.0 - targets) * weights).sum(), (targets * weights).sum()]) / weights.sum()
    return np.asarray(0.5 / np.maximum(shares, 0.05), dtype=np.float64)
