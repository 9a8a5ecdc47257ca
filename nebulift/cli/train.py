"""``nebulift train-from-fits``: from a folder of frames to labels, data set and model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nebulift.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Callable

SHARE = click.FloatRange(0.0, 1.0)
PLANNED = ("epochs", "batch_size", "seed", "precision", "sampler", "mean_decay")  # options of the training plan


def label_limits(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two limits of the labels."""
    lower = click.option(
        "--contaminated-threshold", default=0.2, show_default=True, type=SHARE, help="Score up to which a frame is bad."
    )
    upper = click.option(
        "--clean-threshold", default=0.8, show_default=True, type=SHARE, help="Score from which a frame is clean."
    )
    return upper(lower(command))


@click.command("train-from-fits")
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--labels", "manifest", type=click.Path(path_type=Path, exists=True), help="manifest.csv of labels.")
@click.option("--model-output", required=True, type=click.Path(path_type=Path), metavar="M.pth", help="The checkpoint.")
@click.option("--dataset-dir", type=click.Path(path_type=Path), metavar="D", help="Default: beside the checkpoint.")
@click.option("--epochs", default=75, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(2))
@label_limits
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
@click.option(
    "--sampler",
    default="weights",
    show_default=True,
    type=click.Choice(["weights", "none", "under", "over", "auto"]),
    help="How unequal classes are shown; auto: what validates best on groups left out.",
)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
@click.option("--precision", default="auto", show_default=True, type=click.Choice(["auto", "float32", "bfloat16"]))
@click.option(
    "--mean-decay", default=0.0, show_default=True, type=click.FloatRange(0.0, 0.9999), help="Of the weights."
)
@click.option("--keep-every", default=0, type=click.IntRange(0), metavar="N", help="Keep a checkpoint every N epochs.")
@click.option("--hold-out-camera", metavar="NAME", help="Validate on this camera's frames, train on the others'.")
@click.option(
    "--folds", default=0, type=click.IntRange(0), metavar="N", help="Weigh branches and fusion on N folds, out of fold."
)
@click.option("--ask-network", is_flag=True, help="Ask small networks for sampler and cameras left out, too.")
@click.option("--learning-curve", is_flag=True, help="Train on a quarter and a half of the nights, too.")
@click.option("--export/--no-export", default=True, help="Write the ONNX file beside the checkpoint.")
def train_from_fits(
    folder: Path | None,
    manifest: Path | None,
    model_output: Path,
    dataset_dir: Path | None,
    reviews: Path | None,
    export: bool,
    **wanted: Any,
) -> None:
    """Build a model from the frames in FOLDER: labels by the CV filter, data set, ResNet18, report, ONNX.

    Without FOLDER the frames and labels are those of a manifest (--labels), as `nebulift labels` writes it.

    The frames stay where they are. Labels of the CV filter are its opinion: only --reviews, what people decided, and
    --inject, simulated artefacts in one's own clean frames, can show that a model knows more than the filter. Several
    processes: torchrun --nproc-per-node N -m nebulift train-from-fits ...

    \b
    Examples:
      nebulift train-from-fits ~/nights --model-output rig.pth --epochs 30
      nebulift train-from-fits ~/nights --model-output rig.pth --reviews /var/lib/nebulift --size optimal
      nebulift train-from-fits --labels dataset/manifest.csv --model-output rig.pth
    """
    from nebulift.ml_model import needs_torch

    _check_output(model_output)
    if folder is None and manifest is None:
        raise WrongUsage("name the FOLDER of the frames, or a manifest with their labels (--labels manifest.csv)")
    recipe = _recipe(reviews=reviews_at(reviews), manifest=manifest, **wanted)
    dataset_dir = dataset_dir or model_output.with_name(f"{model_output.stem}-dataset")
    from_fits = needs_torch("nebulift.training.from_fits", "training")
    results = _trained(from_fits, (folder, model_output, dataset_dir, recipe))
    if results:  # else one of several processes, and not the first
        _summarise(results, dataset_dir)
        if export:
            _write_onnx(model_output)


def _recipe(*, clean_threshold: float, contaminated_threshold: float, inject: float, **wanted: Any) -> Any:
    """What the options say, as ``training.from_fits.Recipe``: some belong to its plan, the others to itself."""
    from nebulift.ml_model import needs_torch
    from nebulift.training.labels import thresholds_of

    limits = thresholds_of(clean_threshold, contaminated_threshold)
    from_fits, trainer = (needs_torch(f"nebulift.training.{name}", "training") for name in ("from_fits", "trainer"))
    of_plan = {name: wanted.pop(name) for name in PLANNED}
    return from_fits.Recipe(trainer.TrainingPlan(**of_plan), limits, inject_share=inject, **wanted)


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


def reviews_at(place: Path | None) -> tuple[Any, ...]:
    """Decisions in a CSV file or in the daemon's state folder; none without a place."""
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
