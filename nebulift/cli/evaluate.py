"""``nebulift evaluate``: how good a model is on frames with known truth."""

import json
from pathlib import Path
from typing import Any

import click

from nebulift.errors import MissingExtra, NebuliftError


@click.command()
@click.argument("model", default="default")
@click.option(
    "--on",
    "place",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help="Folder with labels.csv, or a CSV file with path,label and best also kinds.",
)
@click.option("--no-model", is_flag=True, help="Measure the computer-vision filter alone.")
@click.option("--output", type=click.Path(path_type=Path), help="Write report.md and report.json into this folder.")
@click.option("--plots", type=click.Path(path_type=Path), help="Write curves as PNG into this folder.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0), help="Processes; 0: one a core.")
def evaluate(model: str, place: Path, no_model: bool, output: Path | None, plots: Path | None, workers: int) -> None:
    """Measure MODEL (default: the bundled one) on frames whose truth is known.

    Says for the CV filter alone, the model alone and both together: AUC, recall at 1 % false rejection, false
    rejection at the shipped limits, calibration, the confusion with the review queue, recall by kind and severity, by
    camera; each with the number of frames and a 95 % interval over sessions. The frames are judged as by the daemon,
    each against its session so far.

    \b
    Examples:
      nebulift evaluate --on night/
      nebulift evaluate my.onnx --on reviewed.csv --output report --plots report
    """
    from rich.console import Console
    from rich.progress import Progress

    from nebulift.classifier import load_classifier
    from nebulift.training.evaluation import summarise
    from nebulift.training.evaluation_report import as_markdown
    from nebulift.training.evaluation_run import evaluate_frames
    from nebulift.training.truth_files import read_truth

    classifier = None if no_model else load_classifier(model)
    truth = read_truth(place)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("judging", total=len(truth))
        found = evaluate_frames(
            truth, classifier, workers=workers, progress=lambda done: progress.update(task, completed=done)
        )
    if not found.rows:
        raise NebuliftError(f"{place}: none of its {len(truth)} frames could be judged; first: {found.not_judged[0]}")
    figures = summarise(found.rows)
    name = classifier.card.name if classifier else "the CV filter alone"
    remarks = [f"model: {name}", *(f"not judged: {sentence}" for sentence in found.not_judged)]
    page = as_markdown(figures, "Evaluation", remarks)
    click.echo(page)
    if output is not None:
        _write(output, page, {"model": name, "not_judged": list(found.not_judged), **figures})
    if plots is not None:
        for path in _plots()(found.rows, plots):
            click.echo(f"written to {path}", err=True)


def _write(folder: Path, page: str, figures: dict[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.md").write_text(page, encoding="utf-8")
        (folder / "report.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise NebuliftError(f"{folder}: cannot be written ({error.strerror}); name another folder") from error


def _plots() -> Any:
    try:
        from nebulift.training.plots import write_plots
    except ModuleNotFoundError as error:
        raise MissingExtra("drawing curves", "train") from error
    return write_plots
