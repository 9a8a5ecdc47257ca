"""Does a model know frames like this one? By how far the frame's numbers lie beyond those that it learned from.

A network and trees extrapolate with confidence and without reason. So a model's card tells, of each number of a single
frame, the range in which nearly all of its training frames lay, and how much may lie beyond before it is not heard at
all. The numbers that compare a frame with its session need no such range: they are ratios, alike for every rig.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Domain = Mapping[str, tuple[float, float]]

WORDS = {
    "log_density": "number of stars", "has_shapes": "no star shapes", "log_fwhm_px": "star width",
    "log_hfr_px": "star width", "elongation": "elongation", "coherence": "direction of the stars", "donuts": "rings",
    "log_hot": "hot pixels", "log_gradient": "gradient", "log_patchiness": "patches of sky",
    "log_vignetting": "corners",
    "streaks": "trails", "log_streak_snr": "trails", "log_streak_peak": "trails", "log_saturated": "saturation",
    "dead": "constant border", "row_banding": "row noise", "column_banding": "column noise",
    "missing": "parts without stars", "missing_step": "parts without stars", "is_all_sky": "all-sky lens",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Familiarity:
    """``heard``: 1, the model counts as it was weighed, to 0, not at all; ``beyond``: what is unlike, in words."""

    heard: float
    beyond: tuple[str, ...]


KNOWN = Familiarity(1.0, ())


def familiarity(
    features: NDArray[np.floating], names: Sequence[str], domain: Domain, silent_beyond: float
) -> Familiarity:
    """How well a model of ``domain`` knows a frame of ``features`` (n,), named by ``names``.

    What lies beyond a range counts by its share of the range's width, all features together; where training had one
    value only, another one counts whole. From ``silent_beyond`` on the model is not heard, up to there proportionally
    less; 0: whatever lies beyond silences it. A feature that is NaN lies beyond.
    """
    given = dict(zip(names, features, strict=True))
    excess = {name: _excess(float(given[name]), *limits) for name, limits in domain.items()}
    total = sum(excess.values())
    words = tuple(dict.fromkeys(WORDS.get(name, name) for name, one in excess.items() if one > 0.0))
    if total == 0.0:
        return KNOWN
    heard = 0.0 if silent_beyond <= 0.0 else max(0.0, 1.0 - total / silent_beyond)
    return Familiarity(heard, words)


def _excess(value: float, low: float, high: float) -> float:
    if low <= value <= high:
        return 0.0
    beyond = low - value if value < low else value - high
    return beyond / (high - low) if high > low and not math.isnan(beyond) else 1.0


def told(known: Familiarity) -> str:
    """One sentence for whoever reads the verdict; empty where the model knows such frames."""
    if not known.beyond:
        return ""
    how = "the filter decides alone" if known.heard == 0.0 else f"the model counts for {known.heard:.0%}"
    return f"unlike the frames that the model learned from ({', '.join(known.beyond)}): {how}"
