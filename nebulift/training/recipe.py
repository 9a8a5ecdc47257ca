"""The recipe of the bundled model: ``python -m nebulift.training.recipe --frames 30000 --seed 1 --size optimal``.

Simulates sessions of many cameras, measures them as the daemon would, trains, calibrates and weighs the network on
cameras it has not seen, measures it on others again, and writes ``default.onnx`` with its card. What was made stays in
``--folder``: a run that was stopped goes on where it was. No real frame takes part.
"""

import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from nebulift import __version__
from nebulift.model_card import default_model_path
from nebulift.preprocess import FEATURES, FIRST_OF_SESSION
from nebulift.training.batches import SAMPLERS
from nebulift.training.checkpoint import load_checkpoint, save_checkpoint
from nebulift.training.fusion import fit_branches, fit_fusion
from nebulift.training.network import SIZES, new_network
from nebulift.training.ranks import Ranks, check_device, precision_for, use_cores
from nebulift.training.recipe_export import export_and_measure
from nebulift.training.simulated_lessons import SimulatedLessons
from nebulift.training.simulated_sessions import Course, SimulatedLesson, make_sessions, read_sessions
from nebulift.training.trainer import Trained, TrainingPlan, train
from nebulift.training.trees import Trees, fit_trees
from nebulift.verdict import Thresholds

# Every side has mono and colour; training has eight bodies of all converter widths, the others are strange to it
TRAINING_CAMERAS = (
    "ASI294MC", "ASI2600MM", "ASI1600MM", "QHY268M", "Mars-C", "Canon EOS 6D", "Atik 460EX", "ASI120MM",
)  # fmt: skip
CALIBRATION_CAMERAS = ("ASI183MM", "Seestar S50")
TEST_CAMERAS = ("QHY533C", "STF-8300M", "ASI2600MC")
SHARES = {"train": 0.73, "calibrate": 0.16, "test": 0.11}
EPOCHS = 14
DOMAIN_MARGIN = 0.1  # of the range: the next camera is a little different


@dataclass(frozen=True, slots=True)
class Schools:
    """The three parts of the curriculum, simulated."""

    train: list[SimulatedLesson]
    calibrate: list[SimulatedLesson]
    test: list[SimulatedLesson]


def courses(frames: int, seed: int) -> dict[str, Course]:
    """What to simulate: no camera, seed or session is in two courses."""
    cameras = {"train": TRAINING_CAMERAS, "calibrate": CALIBRATION_CAMERAS, "test": TEST_CAMERAS}
    return {
        name: Course(name, cameras[name], 10 * seed + number, round(share * frames))
        for number, (name, share) in enumerate(SHARES.items())
    }


@dataclass(frozen=True, slots=True)
class Making:
    """How a model is made: what is simulated, by whom, and how the network is trained on it."""

    frames: int
    seed: int = 1
    size: str = "optimal"
    workers: int = 1  # processes that simulate
    cluster: str | None = None
    device: str = "auto"
    plan: TrainingPlan = field(default_factory=lambda: TrainingPlan(epochs=EPOCHS, patience=8, batch_size=64))


def simulate_all(folder: Path, making: Making, shard: tuple[int, int] = (0, 1)) -> list[list[Path]]:
    """The chunks of every course; a shard makes only its own (see ``make_sessions``)."""
    return [
        _simulated(course, folder / "sessions", making, shard)
        for course in courses(making.frames, making.seed).values()
    ]


def make_model(folder: Path, output: Path, making: Making) -> dict[str, Any]:
    """Write the model to ``output`` with manifest and card beside it; returns its figures on the test cameras."""
    started = time.monotonic()
    check_device(making.device)
    ranks = Ranks(wanted=making.device)
    use_cores(ranks)
    schools = Schools(*map(read_sessions, simulate_all(folder, making)))
    checkpoint = folder / f"{making.size}-{making.frames}-{making.seed}.pth"
    lessons, validation = SimulatedLessons(schools.train), SimulatedLessons(schools.calibrate)
    plan = replace(
        making.plan,
        seed=making.seed,
        precision=precision_for(making.plan.precision, ranks.device),
        loader_workers=min(8, (os.cpu_count() or 1) - 1) if ranks.device.type == "cuda" else 0,
    )
    _say(f"training on {len(lessons)} frames, {ranks.device.type}, {plan.precision}")
    network = new_network(making.size, making.seed)
    trained = train(
        network,
        lessons,
        validation,
        plan,
        ranks=ranks,
        snapshot_path=checkpoint.with_suffix(".snapshot.pth"),
        resume=True,
        on_epoch=_say_epoch,
    )
    network.to("cpu")
    _say(f"trained after {(time.monotonic() - started) / 60.0:.1f} minutes")
    trees = fit_trees(lessons.features(), lessons.targets(), lessons.weights(), seed=making.seed)
    about = _about(lessons, validation, trained, trees, plan, courses(making.frames, making.seed), making.size)
    save_checkpoint(checkpoint, network, about, trees)
    figures = export_and_measure(load_checkpoint(checkpoint), lessons, validation, schools.test, output)
    _say(f"done in {(time.monotonic() - started) / 60.0:.1f} minutes")
    return figures


def _simulated(course: Course, folder: Path, making: Making, shard: tuple[int, int]) -> list[Path]:
    started, made = time.monotonic(), 0

    def tell(frames: int) -> None:
        nonlocal made
        made += frames
        _say(f"{course.name}: {made} of {course.frames} frames, {time.monotonic() - started:.0f} s")

    return make_sessions(course, folder, workers=making.workers, cluster=making.cluster, shard=shard, progress=tell)


def _about(
    lessons: SimulatedLessons,
    validation: SimulatedLessons,
    trained: Trained,
    trees: Trees,
    plan: TrainingPlan,
    wanted: Mapping[str, Course],
    size: str,
) -> dict[str, Any]:
    """Calibration and fusion from the cameras that training did not see, and where everything comes from."""
    targets, sessions, taught = validation.targets(), validation.sessions, validation.weights() > 0.0
    network_logit, trees_logit = trained.logits[:, 0], trees.logit(validation.features())
    taught_sessions = [session for session, counts in zip(sessions, taught, strict=True) if counts]
    branches = fit_branches(network_logit[taught], trees_logit[taught], targets[taught], taught_sessions)
    score = branches.score(network_logit, trees_logit)
    fusion = fit_fusion(validation.cv_scores, score, targets, sessions, has_cause=validation.has_cause)
    gains = "; ".join(f"{name} beside the other branch: gain {gain}" for name, gain in branches.gains.items())
    _say(f"{branches}; {fusion.reason}; {fusion.fusion}")
    return {
        "name": f"nebulift-{size} {__version__}",
        "architecture": f"torchvision ResNet18, width {SIZES[size]}, with perceptron and boosted trees over features",
        "calibration": {name: getattr(branches, name) for name in ("offset", "slope", "trees_slope")},
        "fusion": asdict(fusion.fusion),
        "thresholds": asdict(Thresholds()),
        "domain": domain_of(lessons.features()),
        "provenance": {
            "recipe": "nebulift.training.recipe",
            "date": datetime.now(UTC).date().isoformat(),
            "data": "simulated by nebulift.simulate; no real frame was used",
            "courses": {name: asdict(course) for name, course in wanted.items()},
            "frames": {"train": len(lessons), "calibrate": len(validation)},
            "labels": "the simulator's truth; marginal frames have targets between 0 and 1",
            "plan": asdict(plan),
            "best_epoch": trained.best_epoch,
            "history": [{name: round(value, 5) for name, value in one.items()} for one in trained.history],
            "branches": gains,
            "fusion": fusion.reason,
            "calibrated_on": "cameras that training did not see; the same frames chose the epoch",
            "versions": {"nebulift": __version__, "torch": torch.__version__, "numpy": np.__version__},
        },
    }


def domain_of(features: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
    """How far each number of single frames went in training, and a tenth more."""
    low, high = features.min(axis=0), features.max(axis=0)
    margin = DOMAIN_MARGIN * (high - low)
    return {
        name: (float(low[index] - margin[index]), float(high[index] + margin[index]))
        for index, name in enumerate(FEATURES[:FIRST_OF_SESSION])
    }


def _say(text: str) -> None:
    click.echo(text)


def _say_epoch(figures: Mapping[str, float]) -> None:
    _say(", ".join(f"{name} {value:.4g}" for name, value in figures.items()))


def _shard(ctx: click.Context, param: click.Parameter, text: str) -> tuple[int, int]:
    """``2/8`` as (1, 8): people count from one."""
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise click.BadParameter(f"{text} is no shard; write 2/8 for the second of eight", ctx, param)
    return int(number) - 1, int(count)


@click.command()
@click.option("--frames", default=30_000, show_default=True, type=click.IntRange(500))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(1))
@click.option("--size", default="optimal", show_default=True, type=click.Choice(list(SIZES)))
@click.option("--epochs", default=EPOCHS, show_default=True, type=click.IntRange(1))
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where sessions and snapshots are kept. Default: in /tmp."
)
@click.option("--output", type=click.Path(path_type=Path), help="Default: the bundled model's place.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0), help="That simulate; 0: one a core.")
@click.option("--cluster", metavar="ADDRESS", help="Simulate on the machines of a dask scheduler.")
@click.option("--only-simulate", is_flag=True, help="Make the sessions, and stop: training is for another machine.")
@click.option(
    "--shard", default="1/1", callback=_shard, metavar="I/N", help="With --only-simulate: the I-th of N parts."
)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "float32", "bfloat16"]),
    help="bfloat16 trains twice as fast where the processor knows it; auto: on a graphics card.",
)
@click.option("--sampler", default="weights", show_default=True, type=click.Choice(SAMPLERS))
@click.option("--mean-decay", default=0.0, show_default=True, type=click.FloatRange(0.0, 0.9999))
def main(  # noqa: PLR0913, PLR0917  (one parameter an option)
    frames: int,
    seed: int,
    size: str,
    epochs: int,
    folder: Path | None,
    output: Path | None,
    workers: int,
    cluster: str | None,
    only_simulate: bool,
    shard: tuple[int, int],
    device: str,
    precision: str,
    sampler: str,
    mean_decay: float,
) -> None:
    """Make the bundled model anew: simulate, train, calibrate, weigh, export, measure."""
    folder = folder or Path(tempfile.gettempdir()) / "nebulift-school"
    output = output or default_model_path()
    plan = TrainingPlan(
        epochs=epochs, patience=8, batch_size=64, precision=precision, sampler=sampler, mean_decay=mean_decay
    )
    making = Making(frames, seed, size, workers, cluster, device, plan)
    if only_simulate:
        simulate_all(folder, making, shard)
    else:
        make_model(folder, output, making)


if __name__ == "__main__":
    main()
