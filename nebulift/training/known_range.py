"""The range of numbers that a model's training frames had: what its card says of the frames that it knows."""

import numpy as np
from numpy.typing import NDArray

from nebulift.preprocess import FEATURES, FIRST_OF_SESSION

# Not the least and the greatest: among thousands of frames there are always a few of any sort, spoilt ones or measured
# amiss, and of these a model has learned nothing. With them in the range it was silent on none of 232 frames of rigs
# that it had never seen, all-sky lenses among them.
TAIL = 0.001
# Beyond the ranges by so much of their width, all together, a model is not heard. ``benchmarks/strange_rigs.py``
SILENT_BEYOND = 0.3


def domain_of(features: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
    """(low, high) of each number of single frames; ``features`` (n, len(FEATURES)) of all training frames."""
    low, high = np.quantile(features[:, :FIRST_OF_SESSION], [TAIL, 1.0 - TAIL], axis=0)
    return {name: (float(low[index]), float(high[index])) for index, name in enumerate(FEATURES[:FIRST_OF_SESSION])}
