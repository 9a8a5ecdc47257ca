"""The recipe of the bundled model: ``python -m nebulift.training.recipe --frames 30000 --seed 1 --size optimal``.

Simulates sessions of many cameras, measures them as the daemon would, trains, calibrates and weighs the network on
cameras it has not seen, measures it on others again, and writes ``default.onnx`` with its card. What was made stays in
``--folder``: a run that was stopped goes on where it was. No real frame takes part.
"""

import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from nebulift.model_card import default_model_path
from nebulift.training.batches import SAMPLERS
from nebulift.training.checkpoint import load_checkpoint, save_checkpoint
from nebulift.training.grouped_choice import USUAL_SAMPLER
from nebulift.training.network import SIZES, new_network
from nebulift.training.ranks import Ranks, check_device, precision_for, use_cores
from nebulift.training.recipe_conclusion import Schooling, about_model
from nebulift.training.recipe_courses import MOST_FOLDS, courses
from nebulift.training.recipe_export import export_and_measure
from nebulift.training.recipe_folds import Folding, chosen_by_network, made_of, read_folds, train_folds
from nebulift.training.simulated_lessons import SimulatedLessons
from nebulift.training.simulated_sessions import Course, SimulatedLesson, chunk_paths, make_sessions, read_sessions
from nebulift.training.trainer import TrainingPlan, train
from nebulift.training.trees import fit_trees

EPOCHS = 14
# Each leaves out a quarter of the frames, in whole sorts of rigs. Half of the epochs: they are trained to the end of
# their own schedule, and what they are asked for, how far a branch is to be trusted on a strange rig, changes little in
# the other half
FOLDS, FOLD_EPOCHS = 4, 7


@dataclass(frozen=True, slots=True)
class Schools:
    """The three parts of the curriculum, simulated."""

    train: list[SimulatedLesson]
    calibrate: list[SimulatedLesson]
    test: list[SimulatedLesson]


@dataclass(frozen=True, slots=True)
class Making:
    """How a model is made: what is simulated, by whom, and how the network is trained on it."""

    frames: int
    seed: int = 1
    size: str = "optimal"
    workers: int = 1  # processes that simulate, and that train folds
    cluster: str | None = None
    device: str = "auto"
    plan: TrainingPlan = field(default_factory=lambda: TrainingPlan(epochs=EPOCHS, patience=8, batch_size=64))
    folds: int = FOLDS  # 0: branches and fusion are weighed on the calibration cameras alone
    fold_epochs: int = FOLD_EPOCHS
    against: str | None = "default"  # the model that the new one is compared with on the test cameras
    on: tuple[Path, ...] = ()  # and on the labelled frames of these places


def simulate_all(folder: Path, making: Making, shard: tuple[int, int] = (0, 1)) -> list[list[Path]]:
    """The chunks of every course; a shard makes only its own (see ``make_sessions``)."""
    return [
        _simulated(course, folder / "sessions", making, shard)
        for course in courses(making.frames, making.seed).values()
    ]


def make_folds(folder: Path, making: Making, shard: tuple[int, int] = (0, 1)) -> Folding:
    """Train the folds that are not there yet, or of a shard its own; the sessions must be there."""
    return _folded(folder, making, chunks_of(folder, making)["train"], shard)[0]


def chunks_of(folder: Path, making: Making) -> dict[str, list[Path]]:
    """The files of the sessions of every course, made or not."""
    return {
        name: chunk_paths(course, folder / "sessions") for name, course in courses(making.frames, making.seed).items()
    }


def make_model(folder: Path, output: Path, making: Making) -> dict[str, Any]:
    """Write the model to ``output`` with manifest and card beside it; returns its figures on the test cameras."""
    started = time.monotonic()
    check_device(making.device)
    ranks = Ranks(wanted=making.device)
    use_cores(ranks)
    train_chunks, calibrate_chunks, test_chunks = simulate_all(folder, making)
    _say(f"simulated after {_minutes(started)}")
    folding, sampler_losses = _folded(folder, making, train_chunks)
    _say(f"folds trained after {_minutes(started)}")
    schools = Schools(*map(read_sessions, (train_chunks, calibrate_chunks, test_chunks)))
    lessons, validation = SimulatedLessons(schools.train), SimulatedLessons(schools.calibrate)
    plan = replace(
        folding.plan,
        epochs=making.plan.epochs,
        loader_workers=min(8, (os.cpu_count() or 1) - 1) if ranks.device.type == "cuda" else 0,
    )
    _say(f"training on {len(lessons)} frames, {ranks.device.type}, {plan.precision}, sampler {plan.sampler}")
    checkpoint = folder / f"{making.size}-{making.frames}-{making.seed}.pth"
    network = new_network(making.size, making.seed)
    trained = train(
        network,
        lessons,
        validation,
        plan,
        ranks=ranks,
        snapshot_path=folder / f"model-{made_of(making.size, plan, (*train_chunks, *calibrate_chunks))}.snapshot.pth",
        resume=True,
        on_epoch=_say_epoch,
    )
    network.to("cpu")
    _say(f"trained after {_minutes(started)}")
    trees = fit_trees(lessons.features(), lessons.targets(), lessons.weights(), seed=making.seed)
    held_out = read_folds(folding, lessons) if making.folds else None
    schooling = Schooling(lessons, validation, trained, trees, plan, held_out, sampler_losses)
    about = about_model(schooling, courses(making.frames, making.seed), making.size, _say)
    save_checkpoint(checkpoint, network, about, trees)
    figures = export_and_measure(
        load_checkpoint(checkpoint), lessons, validation, schools.test, output, against=making.against, on=making.on
    )
    _say(f"done in {_minutes(started)}")
    return figures


def _folded(
    folder: Path, making: Making, chunks: list[Path], shard: tuple[int, int] = (0, 1)
) -> tuple[Folding, dict[str, list[float]]]:
    """The folds of the training course, trained; and what the samplers cost, where one was to be chosen."""
    device = Ranks(wanted=making.device).device
    plan = replace(making.plan, seed=making.seed, precision=precision_for(making.plan.precision, device))
    losses: dict[str, list[float]] = {}
    if plan.sampler == "auto":
        sampler, losses = chosen_by_network(folder / "folds", chunks, replace(plan, sampler=USUAL_SAMPLER))
        plan = replace(plan, sampler=sampler)
    plan = replace(plan, epochs=making.fold_epochs)
    folding = Folding(folder / "folds", tuple(chunks), making.size, plan, making.folds, device.type)
    train_folds(folding, workers=making.workers or os.cpu_count() or 1, shard=shard)
    return folding, losses


def _minutes(started: float) -> str:
    return f"{(time.monotonic() - started) / 60.0:.1f} minutes"


def _simulated(course: Course, folder: Path, making: Making, shard: tuple[int, int]) -> list[Path]:
    started, made = time.monotonic(), 0

    def tell(frames: int) -> None:
        nonlocal made
        made += frames
        _say(f"{course.name}: {made} of {course.frames} frames, {time.monotonic() - started:.0f} s")

    return make_sessions(course, folder, workers=making.workers, cluster=making.cluster, shard=shard, progress=tell)


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


def _folds(ctx: click.Context, param: click.Parameter, count: int) -> int:
    if count == 1:
        raise click.BadParameter(
            "1: without its only fold nothing is left to learn from; write 2 or more, or 0", ctx, param
        )
    return count


@click.command()
@click.option("--frames", default=30_000, show_default=True, type=click.IntRange(200))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(1))
@click.option("--size", default="optimal", show_default=True, type=click.Choice(list(SIZES)))
@click.option("--epochs", default=EPOCHS, show_default=True, type=click.IntRange(1))
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where sessions and snapshots are kept. Default: in /tmp."
)
@click.option("--output", type=click.Path(path_type=Path), help="Default: the bundled model's place.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0), help="0: one a core.")
@click.option("--cluster", metavar="ADDRESS", help="Simulate on the machines of a dask scheduler.")
@click.option("--only-simulate", is_flag=True, help="Make the sessions, and stop: training is for another machine.")
@click.option("--only-folds", is_flag=True, help="Train the folds on sessions that are there, and stop.")
@click.option("--shard", default="1/1", callback=_shard, metavar="I/N", help="With --only-...: the I-th of N parts.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "float32", "bfloat16"]),
    help="bfloat16 trains twice as fast where the processor knows it; auto: on a graphics card.",
)
@click.option(
    "--sampler",
    default="weights",
    show_default=True,
    type=click.Choice([*SAMPLERS, "auto"]),
    help="auto: what small networks validate best with, sessions left out.",
)
@click.option(
    "--folds",
    default=FOLDS,
    show_default=True,
    type=click.IntRange(0, MOST_FOLDS),
    callback=_folds,
    help="Of whole sorts of rigs and deep-sky cameras; 0: none.",
)
@click.option("--fold-epochs", default=FOLD_EPOCHS, show_default=True, type=click.IntRange(1))
@click.option("--against", default="default", show_default=True, help="The model that the new one has to beat.")
@click.option(
    "--on",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Labelled frames, real ones best, that both models are asked about in the end; they take no other part.",
)
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
    only_folds: bool,
    shard: tuple[int, int],
    device: str,
    precision: str,
    sampler: str,
    folds: int,
    fold_epochs: int,
    against: str,
    on: tuple[Path, ...],
    mean_decay: float,
) -> None:
    """Make the bundled model anew: simulate, train folds and model, calibrate, weigh, export, measure."""
    folder = folder or Path(tempfile.gettempdir()) / "nebulift-school"
    output = output or default_model_path()
    plan = TrainingPlan(
        epochs=epochs, patience=8, batch_size=64, precision=precision, sampler=sampler, mean_decay=mean_decay
    )
    making = Making(frames, seed, size, workers, cluster, device, plan, folds, fold_epochs, against, on)
    if only_simulate:
        simulate_all(folder, making, shard)
    elif only_folds:
        make_folds(folder, making, shard)
    else:
        make_model(folder, output, making)


if __name__ == "__main__":
    main()
