"""How long a model takes on this machine, and what it says to inputs that no frame gives."""

import time
from dataclasses import dataclass

import numpy as np

from nebulift.classifier import Classifier
from nebulift.errors import ModelMismatch
from nebulift.preprocess import FEATURES, GRID, PLANES, ModelInput

WARM_UP, ROUNDS = 3, 60


@dataclass(frozen=True, slots=True)
class ModelCost:
    """Milliseconds of one frame by the wall clock, and the answer to each hostile input: ``0.53``, or ``refused``."""

    model: str
    median_ms: float
    p95_ms: float
    hostile: dict[str, str]


def measure_model(model: Classifier, rounds: int = ROUNDS) -> ModelCost:
    """One frame at a time, as the daemon asks; peak memory is that of the process (``benchmark.peak_resident_mb``)."""
    rng = np.random.default_rng(0)
    planes = rng.normal(0.0, 1.0, (len(PLANES), GRID, GRID)).astype(np.float32)
    given = ModelInput(planes, np.zeros(len(FEATURES), np.float32))
    times = []
    for _ in range(WARM_UP + rounds):
        start = time.perf_counter()
        model.answer(given)
        times.append(1000.0 * (time.perf_counter() - start))
    median, p95 = np.quantile(times[WARM_UP:], (0.5, 0.95))
    hostile = {name: _answered(model, one) for name, one in hostile_inputs().items()}
    return ModelCost(model.card.name, float(median), float(p95), hostile)


def hostile_inputs() -> dict[str, ModelInput]:
    """Inputs beyond what ``preprocess`` gives: a model answers with a probability or is refused, never with NaN."""
    shape = (len(PLANES), GRID, GRID)

    def constant(value: float) -> ModelInput:
        return ModelInput(np.full(shape, value, np.float32), np.full(len(FEATURES), value, np.float32))

    greatest = float(np.finfo(np.float32).max)
    return {
        "zeros": constant(0.0),
        "saturated": constant(1e4),
        "greatest": constant(greatest),
        "NaN": constant(np.nan),
        "infinite": constant(np.inf),
    }


def _answered(model: Classifier, given: ModelInput) -> str:
    try:
        answer = model.answer(given).clean
    except ModelMismatch:
        return "refused"  # an answer that is no number never leaves the classifier
    return "-" if answer is None else f"{answer:.2f}"
