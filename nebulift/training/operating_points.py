"""What a score is worth where it is used: limits for a target, coverage against risk, the size of the queue.

Scores are P(clean); a frame is turned away when its score is below a limit. Figures that cannot be had are ``None``.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.binomial import binomial_upper_bound

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TARGET_FALSE_REJECTION = 0.01
TARGET_RISK = 0.01  # contaminated among the frames that are accepted


def best_f1_limit(score: Floats, clean: Bools) -> dict[str, float] | None:
    """The limit with the greatest F1 of contaminated frames. Chosen on the frames that it is measured on: flattering,
    reported for comparison with other work, never a default.
    """
    if not clean.any() or clean.all():
        return None
    order, ends = _steps(score)
    caught = np.cumsum(~clean[order])[ends]
    f1 = 2.0 * caught / (ends + 1 + int((~clean).sum()))
    best = int(f1.argmax())
    return {"limit": _between(score[order], int(ends[best])), "f1": float(f1[best])}


def limit_for_false_rejection(
    score: Floats, clean: Bools, share: float = TARGET_FALSE_REJECTION
) -> dict[str, float] | None:
    """The highest limit that turns away at most ``share`` of the clean frames, with what it catches.

    ``upper_bound_95``: Clopper-Pearson bound of the false rejections that so few clean frames allow.
    """
    if not clean.any() or clean.all():
        return None
    of_clean = np.sort(score[clean])
    limit = float(of_clean[int(share * len(of_clean))])
    lost = int((score[clean] < limit).sum())
    return {
        "limit": limit,
        "false_rejection": lost / len(of_clean),
        "upper_bound_95": binomial_upper_bound(lost, len(of_clean)),
        "caught": float(np.mean(score[~clean] < limit)),
    }


def area_under_risk_coverage(score: Floats, clean: Bools) -> float | None:
    """Mean share of wrong decisions over all coverages, surest first (Geifman & El-Yaniv 2017); 0 is perfect."""
    return float(_risks(score, clean).mean()) if len(score) else None


def queue_for_risk(score: Floats, clean: Bools, risk: float = TARGET_RISK) -> float | None:
    """Share of frames that a person must decide so that of the others at most ``risk`` are decided wrongly."""
    if not len(score):
        return None
    good = np.flatnonzero(_risks(score, clean) <= risk)
    return 1.0 - (int(good[-1]) + 1 if len(good) else 0) / len(score)


def reliability(score: Floats, clean: Bools, bins: int = 10) -> list[dict[str, float]]:
    """Stated and observed share of clean frames in each bin that has frames."""
    which = np.minimum((score * bins).astype(np.intp), bins - 1)
    return [
        {"stated": float(score[which == one].mean()), "seen": float(clean[which == one].mean()), "n": int(n)}
        for one in range(bins)
        if (n := (which == one).sum())
    ]


def figures_at_targets(score: Floats, clean: Bools) -> dict[str, Any]:
    """All of the above, JSON-ready."""
    return {
        "f1": best_f1_limit(score, clean),
        "target_false_rejection": limit_for_false_rejection(score, clean),
        "reliability": reliability(score, clean),
    }


def _risks(score: Floats, clean: Bools) -> Floats:
    """Share of wrong decisions among the 1, 2, ... surest frames."""
    order = np.argsort(-np.abs(score - 0.5), kind="stable")
    wrong = ((score > 0.5) != clean)[order]
    return np.asarray(np.cumsum(wrong) / np.arange(1, len(score) + 1), dtype=np.float64)


def _steps(score: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(frames from the worst score on, last frame of each different score)."""
    order = np.argsort(score, kind="stable")
    return order, np.flatnonzero(np.append(np.diff(score[order]) != 0, True))


def _between(ordered: Floats, last: int) -> float:
    """A limit that parts ``ordered`` after ``last``."""
    return float(ordered[last]) if last + 1 == len(ordered) else float((ordered[last] + ordered[last + 1]) / 2.0)
