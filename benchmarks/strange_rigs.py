"""How a model's trees do on sorts of rigs that they never saw, heard always, or less the less they know the frame.

    python benchmarks/strange_rigs.py --folder ~/school --frames 3000 --seed 5

Of the recipe's training sessions in ``--folder`` (made there where they are missing) each sort of rig is left out in
turn: trees learn from the others, and are asked about it together with the CV score, with one set of weights for all.
The domain is that of the other sorts. Needs scikit-learn.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from nebulift.familiarity import familiarity
from nebulift.preprocess import FEATURES
from nebulift.simulate.rig_kinds import KINDS, sort_of
from nebulift.training.fusion import fit_calibration, fit_fusion
from nebulift.training.known_range import SILENT_BEYOND, domain_of
from nebulift.training.logistic import logits, sigmoid
from nebulift.training.metrics import log_loss, with_interval
from nebulift.training.recipe_courses import courses
from nebulift.training.simulated_lessons import SimulatedLessons
from nebulift.training.simulated_sessions import make_sessions, read_sessions
from nebulift.training.trees import fit_trees
from nebulift.verdict import Fusion, Thresholds

TREES = 100  # half of the branch's own
LIMITS = Thresholds()
DEEP_SKY = "deep-sky"


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Frames that were asked of trees that had never seen their sort of rig."""

    sort: NDArray[np.str_]
    logit: NDArray[np.float64]
    heard: NDArray[np.float64]


@click.command()
@click.option("--folder", required=True, type=click.Path(path_type=Path))
@click.option("--frames", default=3000, show_default=True, type=click.IntRange(200), help="Of the recipe.")
@click.option("--seed", default=5, show_default=True, type=click.IntRange(1))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0))
def main(folder: Path, frames: int, seed: int, workers: int) -> None:
    """Print, for each sort of rig, what such a model changes for clean and for contaminated frames."""
    chunks = make_sessions(courses(frames, seed)["train"], folder / "sessions", workers=workers)
    lessons = SimulatedLessons(read_sessions(chunks))
    asked = _left_out(lessons, seed)
    calibration = fit_calibration(asked.logit, lessons.targets(), weight=lessons.weights())
    score = sigmoid(calibration.offset + calibration.slope * asked.logit)
    fit = fit_fusion(lessons.cv_scores, score, lessons.targets(), lessons.sessions, has_cause=lessons.has_cause)
    click.echo(f"{len(lessons)} frames; {fit.reason}; {fit.fusion}")
    columns = (
        "sort of rig", "frames", "heard", "clean", "newly turned away, heard always", "by what it knows",
        "contaminated", "newly kept out, heard always", "by what it knows", "log-likelihood over CV, heard always",
        "by what it knows",
    )  # fmt: skip
    click.echo(f"| {' | '.join(columns)} |")
    click.echo("|---" * len(columns) + "|")
    for sort in [*sorted(set(asked.sort)), "all"]:
        _tell(sort, lessons, asked, score, fit.fusion)


def _left_out(lessons: SimulatedLessons, seed: int) -> Asked:
    sorts = {kind.sort for kind in KINDS}
    own = [sort_of(frame.camera) for frame in lessons.frames]
    sort = np.array([one if one in sorts else DEEP_SKY for one in own])
    # of deep-sky cameras half are left out at a time: without all of them little would be left to learn from
    halves = [sum(frame.camera.encode()) % 2 for frame in lessons.frames]
    group = np.array([f"{one}{half if one == DEEP_SKY else ''}" for one, half in zip(sort, halves, strict=True)])
    features, clean, weight = lessons.features(), lessons.targets(), lessons.weights()
    logit, heard = np.zeros(len(lessons)), np.ones(len(lessons))
    for one in sorted(set(group)):
        mine, rest = group == one, group != one
        logit[mine] = fit_trees(features[rest], clean[rest], weight[rest], seed=seed, trees=TREES).logit(features[mine])
        domain = domain_of(features[rest])
        heard[mine] = [familiarity(row, FEATURES, domain, SILENT_BEYOND).heard for row in features[mine]]
    return Asked(sort, logit, heard)


def _tell(sort: str, lessons: SimulatedLessons, asked: Asked, score: NDArray[np.float64], fusion: Fusion) -> None:
    mine = np.flatnonzero((asked.sort == sort) | (sort == "all"))
    cv, clean = lessons.cv_scores[mine], lessons.targets()[mine]
    sessions = [lessons.sessions[index] for index in mine]
    surely, bad = clean > 0.99, clean < 0.01
    cells, gains = [], []
    for heard in (np.ones(len(mine)), asked.heard[mine]):
        fused = _fused(cv, score[mine], heard, fusion)
        cells.append((_newly(fused, cv, surely), _newly(fused, cv, bad)))
        gained = log_loss(np.clip(cv, 0.001, 0.999), clean) - log_loss(fused, clean)
        gains.append(str(with_interval(partial(_mean, gained), sessions)))
    (away, out), (away_known, out_known) = cells
    click.echo(
        f"| {sort} | {len(mine)} | {asked.heard[mine].mean():.2f} | {surely.sum()} | {away} | {away_known} | "
        f"{bad.sum()} | {out} | {out_known} | {gains[0]} | {gains[1]} |"
    )


def _fused(
    cv: NDArray[np.float64], score: NDArray[np.float64], heard: NDArray[np.float64], fusion: Fusion
) -> NDArray[np.float64]:
    weight = 1.0 + heard * (fusion.cv_weight - 1.0)
    return sigmoid(heard * fusion.bias + weight * logits(cv) + heard * fusion.model_weight * logits(score))


def _mean(gained: NDArray[np.float64], drawn: NDArray[np.intp]) -> float:
    return float(gained[drawn].mean())


def _newly(fused: NDArray[np.float64], cv: NDArray[np.float64], which: NDArray[np.bool_]) -> int:
    """Frames that the CV score accepts and both together do not."""
    return int(np.sum(which & (fused < LIMITS.clean) & (cv >= LIMITS.clean)))


if __name__ == "__main__":
    main()
