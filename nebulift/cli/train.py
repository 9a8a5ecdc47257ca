"""``nebulift train-from-fits`` and ``nebulift labels``: from a folder of frames to labels, data set and model."""

from __future__ import annotations

import csv
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nebulift.errors import NebuliftError, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nebulift.training.frame_label import FrameLabel

SHARE = click.FloatRange(0.0, 1.0)


def _limits(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two limits of the labels."""
    lower = click.option(
        "--contaminated-threshold", default=0.2, show_default=True, type=SHARE, help="Score up to which a frame is bad."
    )
    upper = click.option(
        "--clean-threshold", default=0.8, show_default=True, type=SHARE, help="Score from which a frame is clean."
    )
    return upper(lower(command))


@click.command("train-from-fits")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model-output", required=True, type=click.Path(path_type=Path), metavar="M.pth", help="The checkpoint.")
@click.option("--dataset-dir", type=click.Path(path_type=Path), metavar="D", help="Default: beside the checkpoint.")
@click.option("--epochs", default=75, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(2))
@_limits
@click.option(
    "--size",
    default="resnet18",
    show_default=True,
    type=click.Choice(["compact", "optimal", "resnet18"]),
    help="Width.",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0), help="Measuring; 0: one a core.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Same seed and frames, same model.")
@click.option("--resume", is_flag=True, help="Go on where an earlier call was stopped.")
@click.option("--pretrained/--no-pretrained", default=True, help="Start from ImageNet weights where they can be had.")
@click.option("--reviews", type=click.Path(path_type=Path, exists=True), help="CSV path,label; or the state folder.")
@click.option("--inject", default=0.0, type=SHARE, help="Share of clean frames that get a twin with a known artefact.")
@click.option("--export/--no-export", default=True, help="Write the ONNX file beside the checkpoint.")
def train_from_fits(
    folder: Path,
    model_output: Path,
    dataset_dir: Path | None,
    epochs: int,
    batch_size: int,
    clean_threshold: float,
    contaminated_threshold: float,
    size: str,
    workers: int,
    seed: int,
    resume: bool,
    pretrained: bool,
    reviews: Path | None,
    inject: float,
    export: bool,
) -> None:
    """Build a model from the frames in FOLDER: labels by the CV filter, data set, ResNet18, report, ONNX.

    The frames stay where they are. Labels of the CV filter are its opinion: only --reviews, what people decided, and
    --inject, simulated artefacts in one's own clean frames, can show that a model knows more than the filter. Several
    processes: torchrun --nproc-per-node N -m nebulift train-from-fits ...

    \b
    Examples:
      nebulift train-from-fits ~/nights --model-output rig.pth --epochs 30
      nebulift train-from-fits ~/nights --model-output rig.pth --reviews /var/lib/nebulift --size optimal
    """
    from nebulift.ml_model import needs_torch
    from nebulift.training.labels import thresholds_of

    _check_output(model_output)
    limits = thresholds_of(clean_threshold, contaminated_threshold)
    from_fits, trainer = (needs_torch(f"nebulift.training.{name}", "training") for name in ("from_fits", "trainer"))
    recipe = from_fits.Recipe(
        trainer.TrainingPlan(epochs=epochs, batch_size=batch_size, seed=seed),
        limits,
        size=size,
        pretrained=pretrained,
        workers=workers,
        resume=resume,
        reviews=_reviews(reviews),
        inject_share=inject,
    )
    dataset_dir = dataset_dir or model_output.with_name(f"{model_output.stem}-dataset")
    results = _trained(from_fits, (folder, model_output, dataset_dir, recipe))
    if results:  # else one of several processes, and not the first
        _summarise(results, dataset_dir)
        if export:
            _write_onnx(model_output)


def _trained(from_fits: Any, wanted: tuple[Any, ...]) -> dict[str, Any]:
    from nebulift.cli.training_progress import TrainingProgress

    try:
        with TrainingProgress() as listener:
            results: dict[str, Any] = from_fits.train_from_fits(*wanted, listener)
    except KeyboardInterrupt:
        click.echo("the same command with --resume goes on from here", err=True)
        raise
    return results


def _write_onnx(checkpoint: Path) -> None:
    from nebulift.ml_model import needs_torch

    to_onnx = needs_torch("nebulift_export.to_onnx", "export")
    exported = to_onnx.export_checkpoint(checkpoint, checkpoint.with_suffix(".onnx"))
    click.echo(f"ONNX:       {exported.path} ({exported.bytes} bytes, differs from torch by {exported.parity:.1e})")


def _check_output(model_output: Path) -> None:
    if model_output.is_dir() or model_output.suffix not in {".pth", ".pt"}:
        raise WrongUsage(f"{model_output}: name a file that ends in .pth for the checkpoint")


def _reviews(place: Path | None) -> tuple[Any, ...]:
    from nebulift.cli.calibrate import reviews_in_ledger
    from nebulift.training.reviews import read_reviews

    if place is None:
        return ()
    return tuple(reviews_in_ledger(place) if place.is_dir() else read_reviews(place))


def _summarise(results: dict[str, Any], dataset_dir: Path) -> None:
    stats, metrics = results["dataset_stats"], results["final_metrics"]
    base = Path(results["model_path"]).with_suffix("")
    agreement = metrics["agreement_with_cv"]
    known = {"human labels": "accuracy_on_human_labels", "injected artefacts": "accuracy_on_injected_artefacts"}
    click.echo(f"data set:   {dataset_dir}")
    click.echo(
        f"frames:     {stats['training_samples']} training, {stats['validation_samples']} validation, "
        f"{stats['review_files']} for review, {stats['left_out']} left out"
    )
    click.echo(f"validation: {metrics['best_val_accuracy']:.1f} % as labelled (epoch {metrics['best_epoch']})")
    if agreement["n"]:
        click.echo(f"            agreement with the CV filter {agreement['percent']:.1f} %: this is no accuracy")
    for name, key in known.items():
        if metrics[key]["n"]:
            click.echo(f"            accuracy on {name} {metrics[key]['percent']:.1f} % (n={metrics[key]['n']})")
    click.echo(f"fusion:     {results['fusion']['reason']}")
    click.echo(f"report:     {base}.report.md")
    click.echo(f"checkpoint: {results['model_path']}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Labels and inputs.")
@_limits
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0), help="Processes; 0: one a core.")
@click.option("--max-time", "max_time_s", type=click.FloatRange(1.0), metavar="SECONDS", help="Stop after so long.")
def labels(
    folder: Path,
    output: Path,
    clean_threshold: float,
    contaminated_threshold: float,
    workers: int,
    max_time_s: float | None,
) -> None:
    """Label the frames in FOLDER by the CV filter: DIR/labels.csv, and beside it the network's inputs.

    Frames that were measured before are not measured again, so it can be stopped and called again.

    \b
    Examples:
      nebulift labels ~/nights --output school --workers 0
      nebulift labels ~/nights --output school --max-time 3600
    """
    from nebulift.batch import find_frames
    from nebulift.cli.training_progress import TrainingProgress
    from nebulift.training.dataset_folders import INPUTS
    from nebulift.training.input_cache import InputCache
    from nebulift.training.labels import label_frames, thresholds_of

    limits = thresholds_of(clean_threshold, contaminated_threshold)
    inside = output.resolve()
    frames = [path for path in find_frames([folder]) if not path.resolve().is_relative_to(inside)]
    if not frames:
        raise WrongUsage(f"{folder}: no frames in there; frames end in .fits, .fit, .xisf ...")
    ends = math.inf if max_time_s is None else time.monotonic() + max_time_s
    with TrainingProgress() as listener:
        listener.stage("measuring", len(frames))
        found = label_frames(
            frames,
            limits=limits,
            cache=InputCache(output / INPUTS),
            workers=workers,
            progress=listener.step,
            enough=lambda _done: time.monotonic() > ends,
        )
    left = len(frames) - len(found.labelled) - len(found.review) - len(found.left_out)
    _write_labels(output, [*found.labelled, *found.review])
    for one in found.left_out:
        click.echo(f"left out: {one.reason}", err=True)
    click.echo(
        f"{len(found.labelled)} labelled, {len(found.review)} for review, {len(found.left_out)} left out: "
        f"{output / 'labels.csv'}"
    )
    if left:
        click.echo(f"{left} frames are not measured yet; call it again to go on")


def _write_labels(output: Path, frames: Sequence[FrameLabel]) -> None:
    columns = ("path", "label", "score", "kinds", "source", "camera", "night", "target", "sha256")
    names = {1: "clean", 0: "contaminated", None: "review"}
    try:
        output.mkdir(parents=True, exist_ok=True)
        with (output / "labels.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for one in frames:
                kinds = ";".join(f"{kind}:{severity:.3f}" for kind, severity in one.kinds.items())
                row = (one.path.absolute(), names[one.label], f"{one.score:.4f}", kinds)
                writer.writerow((*row, one.source, one.camera, one.night, one.target, one.sha256))
    except OSError as error:
        raise NebuliftError(f"{output}: cannot be written ({error.strerror}); name another folder") from error
