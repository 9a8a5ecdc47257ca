"""The witnesses side by side on held-out frames: CV alone, numbers alone, planes alone, network, both, fusion."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.training.metrics import log_loss, roc_auc, with_interval

Floats = NDArray[np.float64]


def witness_table(scores: dict[str, Floats], clean: Floats, groups: Sequence[str]) -> dict[str, Any]:
    """ROC-AUC and log-loss a frame of each witness's P(clean), with intervals over groups; JSON-ready.

    Marginal frames (targets between 0.3 and 0.7) count in the loss alone.
    """
    decided = np.flatnonzero((clean < 0.3) | (clean > 0.7)).tolist()
    own, truth = [groups[index] for index in decided], clean[decided] > 0.5
    table = {}
    for name, score in scores.items():
        auc = with_interval(partial(_auc, score[decided], truth), own)
        loss = with_interval(partial(_mean, log_loss(score, clean)), groups)
        table[name] = {"roc_auc": asdict(auc), "log_loss": asdict(loss)}
    return table


def _auc(score: Floats, clean: NDArray[np.bool_], drawn: NDArray[np.intp]) -> float | None:
    return roc_auc(score[drawn], clean[drawn])


def _mean(values: Floats, drawn: NDArray[np.intp]) -> float:
    return float(values[drawn].mean())
