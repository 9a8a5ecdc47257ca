"""How good the CV filter, a model and both together are on frames with known truth: figures with n and interval."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.binomial import binomial_upper_bound
from nebulift.findings import Kind
from nebulift.judgement import Judgement
from nebulift.training.metrics import (
    Interval,
    average_precision,
    cohen_kappa,
    expected_calibration_error,
    recall_at_false_rejection,
    roc_auc,
    with_interval,
)
from nebulift.training.operating_points import (
    area_under_risk_coverage,
    figures_at_targets,
    limit_for_false_rejection,
    queue_for_risk,
)
from nebulift.verdict import Label, Thresholds, decide

WITNESSES = ("cv", "model", "fusion")
LABELS = ("clean", "review", "contaminated")
SNR_BANDS = ((0.4, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 1e9))  # of trails, height over the noise of a pixel
SEVERITY_BANDS = ((0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01))


@dataclass(frozen=True, slots=True)
class Judged:
    """One frame: the truth about it and what each witness says. Without a model its score is ``None``."""

    path: str
    session: str
    camera: str
    truth: str  # clean, marginal or contaminated
    kinds: Mapping[str, float]  # true severities
    scores: Mapping[str, float | None]  # by witness
    labels: Mapping[str, str]  # by witness: clean, review or contaminated
    streak_snr: float | None = None
    has_unknown_kind: bool = False


def judged_frame(
    judgement: Judgement,
    truth: str,
    kinds: Mapping[str, float],
    session: str,
    camera: str,
    limits: Thresholds,
) -> Judged:
    """The row of one judged frame; ``limits`` are those under which it was judged."""
    verdict = judgement.verdict
    assert verdict is not None
    assert verdict.cv_score is not None
    alone = decide(verdict.findings)
    model_label = None
    if verdict.model_score is not None:
        model_label = _plain_label(verdict.model_score, limits)
    return Judged(
        str(judgement.path),
        session,
        camera,
        truth,
        kinds,
        {"cv": verdict.cv_score, "model": verdict.model_score, "fusion": verdict.score},
        {"cv": alone.label.value, "model": model_label or "", "fusion": verdict.label.value},
    )


def _plain_label(score: float, limits: Thresholds) -> str:
    if score >= limits.clean:
        return Label.CLEAN.value
    return Label.CONTAMINATED.value if score <= limits.contaminated else Label.REVIEW.value


def summarise(rows: Sequence[Judged], known_cameras: Sequence[str] = ()) -> dict[str, Any]:
    """All figures, JSON-ready: ``witnesses`` by name, ``cameras`` with the false rejections of each, counts.

    ``known_cameras``: those that the model was trained or calibrated on; the others count as unseen.
    """
    truths = [row.truth for row in rows]
    with_model = any(row.scores["model"] is not None for row in rows)
    names = WITNESSES if with_model else WITNESSES[:1]
    return {
        "frames": len(rows),
        "sessions": len({row.session for row in rows}),
        "truth": {truth: truths.count(truth) for truth in ("clean", "marginal", "contaminated")},
        "model_silent": sum(row.scores["model"] is None for row in rows) if with_model else None,
        "witnesses": {name: _witness(_heard(rows, name), name, known_cameras) for name in names},
        "cameras": {name: _by_camera(_heard(rows, name), name) for name in names},
    }


def _heard(rows: Sequence[Judged], name: str) -> list[Judged]:
    """The frames on which the witness says something: a model is silent on frames unlike all that it learned from."""
    return [row for row in rows if row.scores[name] is not None]


def _witness(rows: Sequence[Judged], name: str, known_cameras: Sequence[str]) -> dict[str, Any]:
    decided = [row for row in rows if row.truth != "marginal"]
    score = np.array([row.scores[name] for row in decided], dtype=np.float64)
    clean = np.array([row.truth == "clean" for row in decided], dtype=np.bool_)
    accepted = np.array([row.labels[name] == "clean" for row in decided], dtype=np.bool_)
    groups = [row.session for row in decided]
    figures = {
        "roc_auc": lambda i: roc_auc(score[i], clean[i]),
        "pr_auc": lambda i: average_precision(-score[i], ~clean[i]),
        "recall_at_1_percent_false_rejection": lambda i: recall_at_false_rejection(score[i], clean[i]),
        "kappa": lambda i: cohen_kappa(accepted[i], clean[i]),
        "ece": lambda i: expected_calibration_error(score[i], clean[i]),
        "area_under_risk_coverage": lambda i: area_under_risk_coverage(score[i], clean[i]),
        "queue_for_1_percent_wrong": lambda i: queue_for_risk(score[i], clean[i]),
    }
    unseen = [row for row in rows if row.truth == "clean" and not is_known(row.camera, known_cameras)]
    unknown = [row for row in rows if row.truth == "contaminated" and row.has_unknown_kind]
    return {
        **{figure: asdict(with_interval(compute, groups)) for figure, compute in figures.items()},
        **_at_limits(rows, name),
        "false_rejection_on_unseen_cameras": asdict(share_of(unseen, lambda row: row.labels[name] == "contaminated")),
        "unknown_kinds_not_accepted": asdict(share_of(unknown, lambda row: row.labels[name] != "clean")),
        "marginal_in_review": asdict(
            share_of([row for row in rows if row.truth == "marginal"], lambda row: row.labels[name] == "review")
        ),
        "at_targets": figures_at_targets(score, clean),
        "trails_by_snr": _by_snr(rows, name, score, clean),
        "confusion": _confusion(rows, name),
        "kinds": _by_kind(rows, name),
    }


def _at_limits(rows: Sequence[Judged], name: str) -> dict[str, Any]:
    """What happens at the shipped limits."""
    clean = [row for row in rows if row.truth == "clean"]
    bad = [row for row in rows if row.truth == "contaminated"]
    kept = [row for row in rows if row.labels[name] == "clean" and row.truth != "marginal"]
    false_rejections = share_of(clean, lambda row: row.labels[name] == "contaminated")
    errors = sum(row.labels[name] == "contaminated" for row in clean)
    return {
        "false_rejection": {
            **asdict(false_rejections),
            "upper_bound_95": binomial_upper_bound(errors, len(clean)) if clean else None,
        },
        "clean_sent_to_review": asdict(share_of(clean, lambda row: row.labels[name] == "review")),
        "contaminated_caught": asdict(share_of(bad, lambda row: row.labels[name] == "contaminated")),
        "contaminated_not_accepted": asdict(share_of(bad, lambda row: row.labels[name] != "clean")),
        "contaminated_among_accepted": asdict(share_of(kept, lambda row: row.truth == "contaminated")),
        "review_share": asdict(share_of(rows, lambda row: row.labels[name] == "review")),
    }


def is_known(camera: str, known_cameras: Sequence[str]) -> bool:
    """Whether a camera is one of those named; names in cards may be parts of those in headers."""
    return any(name.casefold() in camera.casefold() for name in known_cameras)


def share_of(rows: Sequence[Judged], asked: Any) -> Interval:
    """Share of ``rows`` for which ``asked(row)`` holds, with the interval by session."""
    hits = np.array([bool(asked(row)) for row in rows])

    def share(drawn: NDArray[np.intp]) -> float | None:
        return float(hits[drawn].mean()) if len(drawn) else None

    return with_interval(share, [row.session for row in rows])


def _confusion(rows: Iterable[Judged], name: str) -> dict[str, dict[str, int]]:
    counts = {truth: dict.fromkeys(LABELS, 0) for truth in ("clean", "marginal", "contaminated")}
    for row in rows:
        counts[row.truth][row.labels[name]] += 1
    return counts


def _by_kind(rows: Sequence[Judged], name: str) -> dict[str, Any]:
    """Of the contaminated frames whose worst artefact is of a kind: the shares caught and not accepted, by severity."""
    found: dict[str, Any] = {}
    for kind in (kind.value for kind in Kind):
        own = [row for row in rows if row.kinds and max(row.kinds, key=lambda one: row.kinds[one]) == kind]
        bad = [row for row in own if row.truth == "contaminated"]
        if not own:
            continue
        found[kind] = {
            "caught": asdict(share_of(bad, lambda row: row.labels[name] == "contaminated")),
            "not_accepted": asdict(share_of(bad, lambda row: row.labels[name] != "clean")),
            "by_severity": {
                f"{low:.1f}-{min(high, 1.0):.1f}": _in_band(own, kind, low, high, name) for low, high in SEVERITY_BANDS
            },
        }
    return found


def _by_snr(rows: Sequence[Judged], name: str, score: NDArray[np.float64], clean: NDArray[np.bool_]) -> dict[str, Any]:
    """Of the frames that a trail spoils, by its height: caught where 1 % of the clean frames are rejected."""
    target = limit_for_false_rejection(score, clean)
    found = {}
    for low, high in SNR_BANDS:
        band = [
            row
            for row in rows
            if row.truth == "contaminated" and row.streak_snr is not None and low <= row.streak_snr < high
        ]
        if band and target is not None:
            limit = target["limit"]
            title = f"{low:g}-{high:g}" if high < 1e9 else f"over {low:g}"
            found[title] = asdict(share_of(band, lambda row, limit=limit: row.scores[name] < limit))
    return found


def _in_band(rows: Sequence[Judged], kind: str, low: float, high: float, name: str) -> dict[str, Any]:
    band = [row for row in rows if low <= row.kinds[kind] < high]
    not_accepted = [row.labels[name] != "clean" for row in band]
    return {"n": len(band), "not_accepted": float(np.mean(not_accepted)) if band else None}


def _by_camera(rows: Sequence[Judged], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for camera in sorted({row.camera for row in rows}):
        own = [row for row in rows if row.camera == camera]
        decided = [row for row in own if row.truth != "marginal"]
        clean = np.array([row.truth == "clean" for row in decided], dtype=np.bool_)
        labels = [row.labels[name] for row in own if row.truth == "clean"]
        found[camera] = {
            "clean_frames": len(labels),
            "false_rejection": labels.count("contaminated") / len(labels) if labels else None,
            "clean_sent_to_review": labels.count("review") / len(labels) if labels else None,
            "roc_auc": roc_auc(np.array([row.scores[name] for row in decided], dtype=np.float64), clean),
        }
    return found
