"""Which of two witnesses is better on the very same frames: paired differences, and how figures vary between folds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.training.evaluation import Judged
from nebulift.training.metrics import Interval, average_precision, log_loss, roc_auc, with_interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
PAIRS = (("fusion", "cv"), ("model", "cv"), ("fusion", "model"))
FOLDS = 5
Figure = Callable[[Floats, Bools], float | None]


def paired_differences(rows: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """For each pair of witnesses: first minus second, in ROC-AUC and in log-likelihood a frame, by session.

    On the decided frames on which both say something. A difference counts when its interval excludes 0.
    """
    found = {}
    for first, second in PAIRS:
        own = [row for row in decided_rows(rows) if row.scores[first] is not None and row.scores[second] is not None]
        if own:
            found[f"{first} - {second}"] = difference(
                scores_of(own, first), scores_of(own, second), truth_of(own), [row.session for row in own]
            )
    return found


def difference(one: Floats, other: Floats, clean: Bools, sessions: Sequence[str]) -> dict[str, Any]:
    """How much better ``one`` is than ``other``: intervals of the differences, JSON-ready."""
    gained = log_loss(other, clean.astype(np.float64)) - log_loss(one, clean.astype(np.float64))

    def auc(drawn: NDArray[np.intp]) -> float | None:
        values = [roc_auc(score[drawn], clean[drawn]) for score in (one, other)]
        return None if values[0] is None or values[1] is None else values[0] - values[1]

    return {
        "roc_auc": asdict(with_interval(auc, sessions)),
        "log_likelihood": asdict(with_interval(lambda drawn: float(gained[drawn].mean()), sessions)),
    }


def is_better(gain: Mapping[str, Any] | Interval) -> bool:
    """Whether an interval of a difference lies above 0."""
    low = gain.low if isinstance(gain, Interval) else gain["low"]
    return low is not None and low > 0.0


def by_fold(rows: Sequence[Judged], name: str, folds: int = FOLDS) -> dict[str, Any]:
    """ROC-AUC and PR-AUC of each of ``folds`` parts of whole sessions, with mean and standard deviation."""
    own = [row for row in decided_rows(rows) if row.scores[name] is not None]
    _, member = np.unique(np.array([row.session for row in own], dtype=str), return_inverse=True)
    count = int(member.max()) + 1 if own else 0
    fold = np.random.default_rng(0).permutation(count)[member] % folds if count else member
    score, clean = scores_of(own, name), truth_of(own)
    figures: dict[str, Figure] = {"roc_auc": roc_auc, "pr_auc": lambda s, c: average_precision(-s, ~c)}
    return {
        title: _spread([compute(score[fold == one], clean[fold == one]) for one in range(folds)])
        for title, compute in figures.items()
    }


def _spread(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    return {
        "folds": list(values),
        "mean": float(np.mean(known)) if known else None,
        "sd": float(np.std(known, ddof=1)) if len(known) > 1 else None,
    }


def decided_rows(rows: Sequence[Judged]) -> list[Judged]:
    """The frames whose truth is clean or contaminated."""
    return [row for row in rows if row.truth != "marginal"]


def scores_of(rows: Sequence[Judged], name: str) -> Floats:
    """P(clean) by one witness, (n,)."""
    return np.array([row.scores[name] for row in rows], dtype=np.float64)


def truth_of(rows: Sequence[Judged]) -> Bools:
    """Whether each frame is clean, (n,)."""
    return np.array([row.truth == "clean" for row in rows], dtype=np.bool_)
