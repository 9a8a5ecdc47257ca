"""May a model take another's place? By their reports on the same truth, frame by frame; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nebulift.training.comparison import difference, is_better
from nebulift.training.evaluation_report import interval_text

OPINION = "cv"


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether the reports speak for the newcomer, and one sentence a truth set on why."""

    allowed: bool
    reasons: tuple[str, ...]


def may_replace(newcomer: Mapping[str, Any] | None, active: Mapping[str, Any] | None) -> Promotion:
    """Better on at least one set of truth that both were measured on, by an interval that excludes 0, and worse on
    none; and no set on which it rejects more clean frames.
    """
    if newcomer is None or active is None:
        whose = "the newcomer" if newcomer is None else "the active model"
        return Promotion(
            False, (f"{whose} has no report; measure it (nebulift evaluate --output) and install it again",)
        )
    theirs = {one["truth_sha256"]: one for one in active["sets"] if one["source"] != OPINION}
    pairs = [
        (one, theirs[one["truth_sha256"]])
        for one in newcomer["sets"]
        if one["source"] != OPINION and one["truth_sha256"] in theirs
    ]
    if not pairs:
        return Promotion(False, ("the two reports have no truth in common; measure both on the same frames",))
    outcomes = [_compared(mine, other) for mine, other in pairs]
    better = any(outcome > 0 for outcome, _ in outcomes) and all(outcome >= 0 for outcome, _ in outcomes)
    return Promotion(better, tuple(reason for _, reason in outcomes))


def _compared(mine: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[int, str]:
    """(1 better, 0 not told apart, -1 worse; why) on one set."""
    before = {(row["path"], row["session"]): row for row in other["rows"]}
    shared = [(row, before[key]) for row in mine["rows"] if (key := (row["path"], row["session"])) in before]
    decided = [(one, two) for one, two in shared if one["truth"] != "marginal" and one["scores"]["fusion"] is not None]
    scores = np.array([[one["scores"]["fusion"], two["scores"]["fusion"]] for one, two in decided], dtype=np.float64)
    clean = np.array([one["truth"] == "clean" for one, _ in decided], dtype=np.bool_)
    gain = difference(scores[:, 0], scores[:, 1], clean, [one["session"] for one, _ in decided])["log_likelihood"]
    rejected, rejected_before = (
        sum(pair[which]["truth"] == "clean" and pair[which]["labels"]["fusion"] == "contaminated" for pair in decided)
        for which in (0, 1)
    )
    said = (
        f"{mine['set']}: log-likelihood a frame {interval_text(gain)}; clean frames rejected {rejected}, before "
        f"{rejected_before}"
    )
    if rejected > rejected_before or (gain["high"] is not None and gain["high"] < 0.0):
        return -1, said
    return (1 if is_better(gain) else 0), said
