"""How much a model may say beside the computer-vision filter: learned on held-out frames with known truth.

Log-odds of both witnesses are added with weights from a logistic fit. A model that adds nothing gets no weight; one
that would turn clean frames away gets less.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.training.logistic import fit_logistic, logits, sigmoid
from nebulift.training.metrics import Interval, log_loss, with_interval
from nebulift.verdict import Fusion, Thresholds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FOLDS = 5
MIN_GROUPS = 5  # sessions: of fewer, an interval over sessions says nothing
RIDGE = 2.0  # frames' worth of belief that the CV score alone is right
# Shares of the clean frames that the model may newly turn away, or newly send to review; it is weakened until it does
# not. A frame in review costs a person a glance, a rejected one may be lost.
MAX_NEWLY_REJECTED = 0.005
MAX_NEWLY_DOUBTED = 0.06
SURELY_CLEAN = 0.99  # of targets between 0 and 1: marginal frames belong in review anyway
WEAKER = 0.9  # a step of weakening
CV_ALONE = Fusion()


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(clean) = sigmoid(offset + slope * logit); by Platt (1999), for a branch or for a rig."""

    offset: float = 0.0
    slope: float = 1.0


@dataclass(frozen=True, slots=True)
class FusionFit:
    """The weights, one sentence why they are so, and by how much both witnesses together beat the CV score alone."""

    fusion: Fusion
    reason: str
    gain: Interval | None = None  # in log-likelihood a frame, each fitted on other groups


def fit_calibration(logit: Floats, clean: Floats, *, ridge: float = RIDGE, weight: Floats | None = None) -> Calibration:
    """Offset and slope that make ``logit`` the log-odds of ``clean`` (targets 0..1); never a falling line."""
    columns = np.stack([np.ones(len(logit)), logit], axis=1)
    offset, slope = fit_logistic(columns, clean, towards=np.array([0.0, 1.0]), ridge=ridge, weight=weight)
    return Calibration(float(offset), max(float(slope), 0.0))


@dataclass(frozen=True, slots=True)
class Branches:
    """P(clean) by the model = sigmoid(offset + slope * network's logit + trees_slope * trees' logit).

    ``gains``: by how much each branch, joined to the other, betters the log-likelihood a frame, on other groups.
    """

    offset: float
    slope: float
    trees_slope: float
    gains: Mapping[str, Interval]

    def score(self, network: Floats, trees: Floats) -> Floats:
        """P(clean) of each frame."""
        return sigmoid(self.offset + self.slope * network + self.trees_slope * trees)


def fit_branches(
    network: Floats, trees: Floats, clean: Floats, groups: Sequence[str], weight: Floats | None = None
) -> Branches:
    """How the model's two branches count, from held-out frames.

    A branch that adds nothing beside the other one on other groups' frames is refused, and so is one that would count
    against itself.
    """
    columns = np.stack([np.ones(len(clean)), network, trees], axis=1)
    losses = {
        kept: log_loss(_out_of_fold(columns[:, kept], clean, groups, _branch_weights), clean)
        for kept in ((0, 1, 2), (0, 1), (0, 2))
    }
    gains = {}
    for name, without in (("network", (0, 2)), ("trees", (0, 1))):
        gains[name] = _mean_gain(losses[without] - losses[0, 1, 2], groups)
    better = (0, 1) if losses[0, 1].mean() <= losses[0, 2].mean() else (0, 2)
    adds = all(gain.value is not None and gain.value > 0.0 for gain in gains.values())
    offset, slope, trees_slope = _branch_weights(columns, clean, weight)
    if not adds or min(slope, trees_slope) < 0.0:
        found = np.zeros(3)
        found[list(better)] = _branch_weights(columns[:, better], clean, weight)
        offset, slope, trees_slope = (float(one) for one in found)
    return Branches(offset, max(slope, 0.0), max(trees_slope, 0.0), gains)


def _mean_gain(gained: Floats, groups: Sequence[str]) -> Interval:
    return with_interval(lambda drawn: float(gained[drawn].mean()), groups)


def _branch_weights(columns: Floats, clean: Floats, weight: Floats | None = None) -> tuple[float, ...]:
    """Ridge towards an even share of all branches."""
    branches = columns.shape[1] - 1
    towards = np.array([0.0, *[1.0 / branches] * branches])
    return tuple(float(one) for one in fit_logistic(columns, clean, towards=towards, ridge=RIDGE, weight=weight))


def fit_fusion(
    cv_score: Floats,
    model_score: Floats,
    clean: Floats,
    groups: Sequence[str],
    *,
    has_cause: Bools | None = None,
    limits: Thresholds | None = None,
) -> FusionFit:
    """The weights of both witnesses from held-out frames; ``clean`` is the truth 0..1, ``groups`` their sessions.

    ``has_cause``: whether the filter has a noticeable finding, without which no frame is rejected (``verdict.decide``);
    unknown: every frame may be.
    """
    limits = limits or Thresholds()
    may_reject = np.ones(len(clean), dtype=np.bool_) if has_cause is None else has_cause
    if len(set(groups)) < MIN_GROUPS:
        return FusionFit(
            CV_ALONE,
            f"the model has no say: {len(set(groups))} sessions with known truth are too few to weigh it by "
            f"(at least {MIN_GROUPS})",
        )
    alone = np.stack([np.ones(len(clean)), logits(cv_score)], axis=1)
    both = np.column_stack([alone, logits(model_score)])
    losses = [log_loss(_out_of_fold(columns, clean, groups, _fitted), clean) for columns in (alone, both)]
    gain = _mean_gain(losses[0] - losses[1], groups)
    if gain.low is None or gain.low <= 0.0:
        return FusionFit(CV_ALONE, f"the model has no say: it adds nothing to the CV score (gain {gain})", gain)
    fitted = _fitted_weights(both, clean)
    if fitted.model_weight <= 0.0:
        return FusionFit(CV_ALONE, "the model has no say: beside the CV score it speaks against the truth", gain)
    surely = clean > SURELY_CLEAN
    fusion = _weakened(fitted, cv_score[surely], model_score[surely], may_reject[surely], limits)
    reason = f"both witnesses together beat the CV score alone (gain {gain} in log-likelihood a frame)"
    if fusion != fitted:
        share = fusion.model_weight / fitted.model_weight
        reason += f"; the model was weakened to {share:.0%} so that it turns hardly any clean frame away"
    return FusionFit(fusion, reason, gain)


def _fitted(columns: Floats, clean: Floats) -> tuple[float, ...]:
    towards = np.array([0.0, 1.0, 0.0])[: columns.shape[1]]
    return tuple(float(one) for one in fit_logistic(columns, clean, towards=towards, ridge=RIDGE))


def _fitted_weights(both: Floats, clean: Floats) -> Fusion:
    """The weights; a witness that would count against itself is not heard at all."""
    bias, cv_weight, model_weight = _fitted(both, clean)
    if cv_weight >= 0.0:
        return Fusion(bias, cv_weight, model_weight)
    bias, model_weight = fit_logistic(both[:, [0, 2]], clean, towards=np.array([0.0, 0.0]), ridge=RIDGE)
    return Fusion(float(bias), 0.0, float(model_weight))


def _out_of_fold(
    columns: Floats, clean: Floats, groups: Sequence[str], fit: Callable[[Floats, Floats], tuple[float, ...]]
) -> Floats:
    """P(clean) of each frame by a fit on other groups' frames."""
    _, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    fold = np.random.default_rng(0).permutation(int(member.max()) + 1)[member] % FOLDS
    found = np.zeros(len(clean))
    for held_out in range(FOLDS):
        mine = fold == held_out
        found[mine] = sigmoid(columns[mine] @ np.array(fit(columns[~mine], clean[~mine])))
    return found


def _weakened(fusion: Fusion, cv: Floats, model: Floats, may_reject: Bools, limits: Thresholds) -> Fusion:
    """``fusion`` moved towards the CV score alone until it turns away hardly more of these clean frames than that."""
    share = 1.0
    while share > 0.05:
        mixed = fusion.heard(share)
        fused = sigmoid(mixed.bias + mixed.cv_weight * logits(cv) + mixed.model_weight * logits(model))
        rejected = np.mean(may_reject & (fused <= limits.contaminated) & (cv > limits.contaminated))
        doubted = np.mean((fused < limits.clean) & (cv >= limits.clean))
        if rejected <= MAX_NEWLY_REJECTED and doubted <= MAX_NEWLY_DOUBTED:
            return mixed
        share *= WEAKER
    return CV_ALONE


def rescaled(fusion: Fusion, calibration: Calibration) -> Fusion:
    """The weights whose fused score is ``calibration`` of the fused score of ``fusion``."""
    return Fusion(
        calibration.offset + calibration.slope * fusion.bias,
        calibration.slope * fusion.cv_weight,
        calibration.slope * fusion.model_weight,
    )


def moved(limits: Thresholds, calibration: Calibration) -> Thresholds:
    """The limits on the raw score that stand for ``limits`` on the calibrated one.

    Raises ``ValueError`` when the calibrated score does not rise with the raw one.
    """

    def raw(limit: float) -> float:
        z = (math.log(limit / (1.0 - limit)) - calibration.offset) / calibration.slope
        return 1.0 / (1.0 + math.exp(-z))

    if calibration.slope <= 0.0:
        raise ValueError("the score says nothing about the labels")
    return Thresholds(raw(limits.clean), raw(limits.contaminated))
