"""Figures of merit in NumPy alone, so that they can be had on any machine. Positive is what ``positive`` says.

A figure that cannot be computed (one class only, no frame) is ``None``, never 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ECE_BINS = 10
BOOTSTRAP_ROUNDS = 400  # the ends of a 95 % interval are known to about a tenth of its width


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval by resampling groups; ``None`` where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None
    n: int  # frames it rests on

    def __str__(self) -> str:
        if self.value is None:
            return f"- (n={self.n})"
        around = "" if self.low is None or self.high is None else f" ({self.low:.3f}-{self.high:.3f})"
        return f"{self.value:.3f}{around} (n={self.n})"


def roc_auc(score: Floats, positive: Bools) -> float | None:
    """Probability that a positive scores above a negative, ties counting half."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    ranks = _mean_ranks(score)
    return float((ranks[positive].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def _mean_ranks(score: Floats) -> Floats:
    """Ranks from 1; ties share their mean rank."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[inverse], dtype=np.float64)


def average_precision(score: Floats, positive: Bools) -> float | None:
    """Area under precision over recall as the sum over steps (no interpolation); ties are one step."""
    if not positive.any() or positive.all():
        return None
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    precision, recall = hits[ends] / (ends + 1.0), hits[ends] / positive.sum()
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def recall_at_false_rejection(p_clean: Floats, clean: Bools, share: float = 0.01) -> float | None:
    """Share of contaminated frames below the limit that rejects at most ``share`` of the clean ones."""
    if not clean.any() or clean.all():
        return None
    of_clean = np.sort(p_clean[clean])
    allowed = int(share * len(of_clean))
    return float(np.mean(p_clean[~clean] < of_clean[allowed]))


def expected_calibration_error(p_clean: Floats, clean: Bools, bins: int = ECE_BINS) -> float | None:
    """Mean distance between stated probability and observed share, over bins of equal width, by their frames."""
    if not len(clean):
        return None
    which = np.minimum((p_clean * bins).astype(np.intp), bins - 1)
    counts = np.bincount(which, minlength=bins)
    said = np.bincount(which, p_clean, minlength=bins)
    seen = np.bincount(which, clean, minlength=bins)
    return float(np.abs(said - seen).sum() / counts.sum())


def cohen_kappa(one: Bools, other: Bools) -> float | None:
    """Agreement of two yes/no opinions beyond chance."""
    if not len(one):
        return None
    agreed = float(np.mean(one == other))
    chance = float(one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean()))
    return None if chance == 1.0 else (agreed - chance) / (1.0 - chance)


def log_loss(p_clean: Floats, target: Floats) -> Floats:
    """Negative log-likelihood of each frame; probabilities are held within 1e-6 of 0 and 1."""
    p = np.clip(p_clean, 1e-6, 1.0 - 1e-6)
    return np.asarray(-(target * np.log(p) + (1.0 - target) * np.log(1.0 - p)), dtype=np.float64)


def with_interval(
    figure: Callable[[NDArray[np.intp]], float | None],
    groups: Sequence[str],
    *,
    seed: int = 0,
    rounds: int = BOOTSTRAP_ROUNDS,
) -> Interval:
    """``figure`` of all frames, with the interval over draws of whole groups (sessions: their frames are alike).

    ``figure`` gets the indices of the frames drawn. Of one group there is no interval.
    """
    _, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    everything = np.arange(len(member))
    value = figure(everything) if len(member) else None
    count = int(member.max()) + 1 if len(member) else 0
    if value is None or count < 2:
        return Interval(value, None, None, len(member))
    order = np.argsort(member, kind="stable")
    frames = np.split(order, np.cumsum(np.bincount(member))[:-1])
    rng = np.random.default_rng(seed)
    drawn = [figure(np.concatenate([frames[g] for g in rng.integers(0, count, count)])) for _ in range(rounds)]
    known = [one for one in drawn if one is not None]
    if len(known) < rounds // 2:
        return Interval(value, None, None, len(member))
    low, high = np.quantile(known, (0.025, 0.975))
    return Interval(value, float(low), float(high), len(member))
