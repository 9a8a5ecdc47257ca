"""Two models on the very same frames: which one is better, as shipped, and what changes for the observer; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nebulift.binomial import chance_of_at_most
from nebulift.training.comparison import difference, is_better
from nebulift.training.evaluation_report import interval_text

# What an observer notices of another model: (words, truth, verdict)
COUNTED = (
    ("clean frames rejected", "clean", "contaminated"),
    ("clean frames in review", "clean", "review"),
    ("contaminated frames rejected", "contaminated", "contaminated"),
    ("contaminated frames accepted", "contaminated", "clean"),
)
# Clean frames rejected or sent to a person, which the other model accepts: so many more than the other way round would
# come of chance alone in one case of twenty (exact test of paired proportions, McNemar 1947, Psychometrika 12, 153).
# Frames of a session are alike, so this asks rather too soon: a model that stays costs less than one that doubts.
TURNED_AWAY_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Rivalry:
    """``outcome``: 1 the newcomer is better, 0 they cannot be told apart, -1 it is worse, or turns clean frames away.

    ``roc_auc`` and ``log_likelihood`` (a frame): newcomer minus the other, with the 95 % interval by session;
    ``counts``: by words, (newcomer, other); ``turned_away``: clean frames that only the newcomer does not accept, and
    those that only the other does not; ``words``: all of it in one sentence.
    """

    outcome: int
    roc_auc: Mapping[str, Any]
    log_likelihood: Mapping[str, Any]
    counts: Mapping[str, tuple[int, int]]
    turned_away: tuple[int, int]
    words: str


def rivalry(mine: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], name: str) -> Rivalry:
    """Both models with the CV score, as shipped, on the decided frames that both judged (rows as in ``report.json``).

    ``name``: of the frames. Raises ``ValueError`` when they have no frame in common.
    """
    before = {(row["path"], row["session"]): row for row in other}
    shared = [(row, before[key]) for row in mine if (key := (row["path"], row["session"])) in before]
    pairs = [pair for pair in shared if pair[0]["truth"] != "marginal" and all(_score(row) is not None for row in pair)]
    if not pairs:
        raise ValueError(f"{name}: there is no decided frame that both models judged")
    scores = np.array([[_score(one), _score(two)] for one, two in pairs], dtype=np.float64)
    clean = np.array([one["truth"] == "clean" for one, _ in pairs], dtype=np.bool_)
    gains = difference(scores[:, 0], scores[:, 1], clean, [one["session"] for one, _ in pairs])
    gain = gains["log_likelihood"]
    counts = {words: _counted(pairs, truth, verdict) for words, truth, verdict in COUNTED}
    told = ", ".join(f"{words} {now}, by the other {then}" for words, (now, then) in counts.items())
    said = (
        f"{name}: difference in log-likelihood a frame {interval_text(gain)}, in ROC-AUC "
        f"{interval_text(gains['roc_auc'])}; {told}"
    )
    newly, no_longer = turned_away = _turned_away(pairs)
    chance = 1.0 - chance_of_at_most(newly - 1, newly + no_longer, 0.5) if newly else 1.0
    said += f"; clean frames turned away that the other accepts {newly}, the other way round {no_longer}"
    said += f" (by chance {chance:.2g})"
    rejected, rejected_before = counts[COUNTED[0][0]]
    is_worse = rejected > rejected_before or chance <= TURNED_AWAY_CHANCE
    if is_worse or (gain["high"] is not None and gain["high"] < 0.0):
        return Rivalry(-1, gains["roc_auc"], gain, counts, turned_away, said)
    return Rivalry(1 if is_better(gain) else 0, gains["roc_auc"], gain, counts, turned_away, said)


def decision(outcomes: Sequence[int]) -> str:
    """Whether the newcomer may take the other's place, in a sentence; by the rule of ``nebulift models promote``."""
    if any(outcome < 0 for outcome in outcomes):
        return "the new model is worse on a set of truth, or turns clean frames away: the other one stays"
    if any(outcome > 0 for outcome in outcomes):
        return "the new model is better, by an interval that excludes 0, and nowhere worse: it may take the place"
    return "the two models cannot be told apart on these frames: the other one stays"


def _score(row: Mapping[str, Any]) -> float | None:
    score: float | None = row["scores"]["fusion"]
    return score


def _turned_away(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> tuple[int, int]:
    """Clean frames that are not accepted by the first only, by the second only."""
    accepted = [[row["labels"]["fusion"] == "clean" for row in pair] for pair in pairs if pair[0]["truth"] == "clean"]
    return sum(them and not me for me, them in accepted), sum(me and not them for me, them in accepted)


def _counted(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], truth: str, verdict: str) -> tuple[int, int]:
    now, then = (
        sum(pair[which]["truth"] == truth and pair[which]["labels"]["fusion"] == verdict for pair in pairs)
        for which in (0, 1)
    )
    return now, then
