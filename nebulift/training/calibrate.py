"""Calibration of a rig: 40 or more reviewed frames say what a score means there. Needs no torch.

By Platt (1999): offset and slope of the log-odds of the fused score. Two numbers are enough, because between rigs it is
mostly the offset that differs, and forty frames are too few for more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from nebulift.batch import Rules, in_order_of_time, judge_all
from nebulift.binomial import binomial_upper_bound
from nebulift.classifier import Classifier
from nebulift.errors import TrainingError
from nebulift.model_card import ModelCard
from nebulift.rig_calibration import MIN_OF_A_CLASS, MIN_REVIEWS, RigCalibration
from nebulift.training.frame_label import CLEAN
from nebulift.training.fusion import Calibration, fit_calibration, moved, rescaled
from nebulift.training.logistic import logits, sigmoid
from nebulift.training.metrics import expected_calibration_error, log_loss
from nebulift.training.reviews import Review
from nebulift.verdict import Fusion, Thresholds, fuse

# Centring without labels: on a session's 30 % quantile it brought false rejections on foreign cameras from 0.44 to 0.18
QUANTILE = 0.3
MIN_SESSION_FRAMES = 10  # of fewer, the quantile is three frames' word
MIN_SESSIONS = 3
MAX_SHIFT = 2.0  # log-odds: what lies between the usual limits of 0.3 and 0.7 is 1.7
MIN_SLOPE = 0.05  # a flatter line says that the score knows nothing of what the person decides


@dataclass(frozen=True, slots=True)
class ScoredReview:
    """What a person decided, and what both witnesses said before."""

    path: Path
    is_clean: bool
    cv_score: float
    model_score: float | None


def score_reviews(reviews: Sequence[Review], model: Classifier | None, *, workers: int = 1) -> list[ScoredReview]:
    """The scores of reviewed files, judged now, in order of time; files that cannot be read are left out."""
    decided = {review.path: review.label for review in reviews}
    paths = in_order_of_time([path for path in decided if path.is_file()])
    rows = []
    for judgement in judge_all(paths, Rules(model), sessions={}, workers=workers):
        verdict = judgement.verdict
        if verdict is not None and verdict.cv_score is not None:
            is_clean = decided[judgement.path] == CLEAN
            rows.append(ScoredReview(judgement.path, is_clean, verdict.cv_score, verdict.model_score))
    return rows


def calibrate_rig(rows: Sequence[ScoredReview], card: ModelCard | None) -> RigCalibration:
    """The calibration that the reviews ask for. Raises ``TrainingError`` when they do not suffice, in one sentence."""
    clean = np.array([row.is_clean for row in rows], dtype=np.bool_)
    _check(clean)
    fusion = card.fusion if card is not None else None
    limits = card.thresholds if card is not None else Thresholds()
    raw = np.array([fuse(row.cv_score, row.model_score, fusion or Fusion()) for row in rows])
    truth = clean.astype(np.float64)
    calibration = fit_calibration(logits(raw), truth)
    if calibration.slope < MIN_SLOPE:
        raise TrainingError(
            "the score does not rise with what was decided, so it cannot be calibrated; "
            "check that clean and contaminated are not exchanged in the reviews"
        )
    try:
        raw_limits = moved(limits, calibration)
    except ValueError as error:
        raise TrainingError(
            f"the limits would lie where no score does (offset {calibration.offset:+.1f}, "
            f"slope {calibration.slope:.2f}); review frames of all kinds and scores, not only of the queue"
        ) from error
    after = sigmoid(calibration.offset + calibration.slope * logits(raw))
    return RigCalibration(
        card.name if card is not None else None,
        limits,
        raw_limits,
        rescaled(fusion, calibration) if fusion is not None else None,
        {
            "date": datetime.now(UTC).date().isoformat(),
            "clean_reviews": int(clean.sum()),
            "contaminated_reviews": int((~clean).sum()),
            **asdict(calibration),
        },
        {"before": _figures(raw, clean, limits), "after": _figures(after, clean, limits), **_honest(raw, truth)},
    )


def centre_rig(scores: Mapping[str, Sequence[float]], card: ModelCard | None) -> RigCalibration:
    """A calibration without any label, from the fused scores of each session's frames.

    Most frames of most sessions are clean, so seven in ten lie above a session's 30 % quantile. Where that of the
    typical session lies below the limit of clean frames, the rig's scores are too low, and are raised; they are never
    lowered, which would turn frames away on nobody's word, and raised by no more than ``MAX_SHIFT``, so that a month of
    clouds does not pass for a rig. Raises ``TrainingError`` for fewer than ``MIN_SESSIONS`` sessions.
    """
    long = [np.array(values) for values in scores.values() if len(values) >= MIN_SESSION_FRAMES]
    if len(long) < MIN_SESSIONS:
        raise TrainingError(
            f"{len(long)} sessions of at least {MIN_SESSION_FRAMES} frames are too few to see what is usual here; "
            f"at least {MIN_SESSIONS} are needed"
        )
    limits = card.thresholds if card is not None else Thresholds()
    usual = float(np.median([np.quantile(logits(values), QUANTILE) for values in long]))
    offset = min(max(float(logits(np.array([limits.clean]))[0]) - usual, 0.0), MAX_SHIFT)
    shift = Calibration(offset, 1.0)
    every = np.concatenate(long)
    after = sigmoid(offset + logits(every))
    return RigCalibration(
        card.name if card is not None else None,
        limits,
        moved(limits, shift),
        rescaled(card.fusion, shift) if card is not None else None,
        {"date": datetime.now(UTC).date().isoformat(), "reviews": 0, "sessions": len(long), **asdict(shift)},
        {"before": _shares(every, limits), "after": _shares(after, limits)},
    )


def _shares(score: Any, limits: Thresholds) -> dict[str, float]:
    """How frames without labels are dealt by the limits."""
    return {
        "clean": float(np.mean(score >= limits.clean)),
        "contaminated": float(np.mean(score <= limits.contaminated)),
        "in_review": float(np.mean((score > limits.contaminated) & (score < limits.clean))),
    }


def _check(clean: Any) -> None:
    clean_reviews, contaminated_reviews = int(clean.sum()), int((~clean).sum())
    if len(clean) < MIN_REVIEWS:
        raise TrainingError(f"{len(clean)} readable reviewed frames are too few; review at least {MIN_REVIEWS}")
    if min(clean_reviews, contaminated_reviews) < MIN_OF_A_CLASS:
        raise TrainingError(
            f"{clean_reviews} reviewed frames are clean and {contaminated_reviews} contaminated; "
            f"at least {MIN_OF_A_CLASS} of each are needed"
        )


def _figures(score: Any, clean: Any, limits: Thresholds) -> dict[str, Any]:
    """On the very frames of the fit, so a little too good; that is said where they are shown."""
    rejected = int((score[clean] <= limits.contaminated).sum())
    return {
        "ece": expected_calibration_error(score, clean),
        "clean_rejected": rejected,
        "clean_rejected_upper_bound_95": binomial_upper_bound(rejected, int(clean.sum())),
        "contaminated_caught": float(np.mean(score[~clean] <= limits.contaminated)),
        "in_review": float(np.mean((score > limits.contaminated) & (score < limits.clean))),
    }


def _honest(raw: Any, truth: Any) -> dict[str, float]:
    """Log-loss a frame before, and after with each tenth of the frames scored by a fit on the others."""
    fold = np.random.default_rng(0).permutation(len(raw)) % 10
    held_out = np.zeros(len(raw))
    for number in range(10):
        mine = fold == number
        fitted: Calibration = fit_calibration(logits(raw[~mine]), truth[~mine])
        held_out[mine] = sigmoid(fitted.offset + fitted.slope * logits(raw[mine]))
    return {
        "log_loss_before": float(log_loss(raw, truth).mean()),
        "log_loss_after_held_out": float(log_loss(held_out, truth).mean()),
    }
