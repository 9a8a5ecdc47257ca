"""``nebulift calibrate``: fit score and limits to a rig from reviewed frames. Needs no torch."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulift.errors import NebuliftError, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nebulift.classifier import Classifier
    from nebulift.rig_calibration import RigCalibration
    from nebulift.training.calibrate import ScoredReview
    from nebulift.training.reviews import Review
    from nebulift_daemon.ledger import Ledger


@click.command()
@click.option(
    "--reviews",
    type=click.Path(path_type=Path, exists=True),
    help="CSV file with path,label; or the daemon's state folder.",
)
@click.option(
    "--without-reviews",
    "unlabelled",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The daemon's state folder: centre on what is usual in its sessions, without any label.",
)
@click.option("--model", default="default", show_default=True, help="ONNX model to calibrate, or 'default'.")
@click.option("--no-model", is_flag=True, help="Calibrate the computer-vision score alone.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("calibration.json"), show_default=True)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0), help="Processes; 0: one a core.")
def calibrate(
    reviews: Path | None, unlabelled: Path | None, model: str, no_model: bool, output: Path, workers: int
) -> None:
    """Fit the score to this rig from 40 or more frames that a person decided.

    Writes fusion weights and limits with which the score is a probability here, and shows the lines for nebulift.toml.
    Frames that the daemon judged with the same model are not opened again. Without reviews it can only see whether the
    scores of most frames are too low for this rig, and raise them a little.

    \b
    Examples:
      nebulift calibrate --reviews decided.csv
      nebulift calibrate --reviews /var/lib/nebulift --output rig.json
      nebulift calibrate --without-reviews /var/lib/nebulift
    """
    from nebulift.classifier import load_classifier
    from nebulift.training.calibrate import calibrate_rig, centre_rig, score_reviews
    from nebulift.training.reviews import read_reviews

    if (reviews is None) == (unlabelled is None):
        raise WrongUsage("name what people decided (--reviews), or the state folder to centre on (--without-reviews)")
    classifier = None if no_model else load_classifier(model)
    if reviews is None:
        assert unlabelled is not None
        centred = centre_rig(_scores_by_session(unlabelled, classifier), classifier.card if classifier else None)
        _written(output, centred, _centred_lines(centred))
        return
    if reviews.is_dir():
        rows, unscored = scored_in_ledger(reviews, classifier)
    else:
        rows, unscored = [], read_reviews(reviews)
    rows += score_reviews(unscored, classifier, workers=workers)
    result = calibrate_rig(rows, classifier.card if classifier else None)
    _written(output, result, _lines(result))


def _written(output: Path, result: RigCalibration, lines: list[str]) -> None:
    try:
        output.write_text(result.to_json(), encoding="utf-8")
    except OSError as error:
        raise NebuliftError(f"{output}: cannot be written ({error.strerror}); name another file") from error
    click.echo("\n".join([*lines, f"written to {output}"]))


def _scores_by_session(state_folder: Path, model: Classifier | None) -> dict[str, list[float]]:
    """The fused scores that this very model gave (or the filter alone), by group and date."""
    found: dict[str, list[float]] = {}
    with _ledger(state_folder) as ledger:
        for one in ledger.browsing.taken_between("0", "9"):
            record = one.record or {}
            score = record.get("score" if model is not None else "cv_score")
            if score is None or (model is not None and record.get("model") != model.card.name):
                continue
            day = (one.row.taken_at or one.row.seen_at)[:10]
            found.setdefault(f"{one.row.session_group}|{day}", []).append(score)
    return found


def _centred_lines(result: RigCalibration) -> list[str]:
    before, after, said = result.figures["before"], result.figures["after"], result.provenance
    shares = [f"{name.replace('_', ' ')} {before[name]:.0%} before, {after[name]:.0%} after" for name in before]
    return [
        f"{said['sessions']} sessions, no reviews: scores raised by {said['offset']:.2f} in log-odds",
        "; ".join(shares),
        *_limits_of(result),
    ]


def _limits_of(result: RigCalibration) -> list[str]:
    return [
        "for nebulift.toml:",
        "[thresholds]",
        f"clean = {result.raw_thresholds.clean:.3f}",
        f"contaminated = {result.raw_thresholds.contaminated:.3f}",
    ]


def reviews_in_ledger(state_folder: Path) -> list[Review]:
    """People's decisions in the daemon's ledger. Raises ``WrongUsage`` when there is no ledger."""
    from nebulift.training.reviews import Review

    with _ledger(state_folder) as ledger:
        return [
            Review(one.file or one.path, label, one.kind, one.sha256)
            for one in ledger.history.labels()
            if (label := _number(one.label)) is not None
        ]


def scored_in_ledger(state_folder: Path, model: Classifier | None) -> tuple[list[ScoredReview], list[Review]]:
    """Decisions with the scores that this very model gave at the time, and those without."""
    from nebulift.training.calibrate import ScoredReview
    from nebulift.training.reviews import Review

    name = model.card.name if model else None
    scored: list[ScoredReview] = []
    unscored: list[Review] = []
    with _ledger(state_folder) as ledger:
        for one in ledger.history.labels():
            label = _number(one.label)
            if label is None:
                continue
            record = ledger.frames.record(one.frame_id) or {}
            if record.get("cv_score") is not None and (name is None or record.get("model") == name):
                model_score = record["model_score"] if name is not None else None
                scored.append(ScoredReview(one.path, label == 1, record["cv_score"], model_score))
            else:
                unscored.append(Review(one.file or one.path, label, one.kind, one.sha256))
    return scored, unscored


@contextmanager
def _ledger(state_folder: Path) -> Iterator[Ledger]:
    from nebulift_daemon.ledger import Ledger, has_ledger

    if not has_ledger(state_folder):
        raise WrongUsage(f"{state_folder}: no ledger in there; name the daemon's state folder, or a CSV file")
    ledger = Ledger.open(state_folder)
    try:
        yield ledger
    finally:
        ledger.close()


def _number(label: str) -> int | None:
    from nebulift.training.reviews import label_number

    return label_number(label)


def _lines(result: RigCalibration) -> list[str]:
    from nebulift.rig_calibration import reviews_worth

    before, after, said = result.figures["before"], result.figures["after"], result.provenance
    reviews = f"{said['clean_reviews']} clean and {said['contaminated_reviews']} contaminated reviews"
    loss = f"{result.figures['log_loss_before']:.3f} before, {result.figures['log_loss_after_held_out']:.3f} after"
    rejected = f"{before['clean_rejected']} before, {after['clean_rejected']} after"
    at_most = f"{after['clean_rejected_upper_bound_95']:.1%}"
    return [
        f"{reviews}: offset {said['offset']:+.2f}, slope {said['slope']:.2f}",
        f"log-loss a frame: {loss} (each frame by a fit on the others)",
        f"clean frames rejected: {rejected}; of frames like these at most {at_most}, at 95 % confidence",
        f"in review: {before['in_review']:.0%} before, {after['in_review']:.0%} after",
        reviews_worth(said["clean_reviews"], said["contaminated_reviews"], after["clean_rejected"]).words,
        *_limits_of(result),
    ]
