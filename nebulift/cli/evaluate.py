"""``nebulift evaluate``: how good a model is on frames with known truth."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nebulift.errors import MissingExtra, NebuliftError, WrongUsage

if TYPE_CHECKING:
    from nebulift.classifier import Classifier
    from nebulift.training.evaluation_run import Evaluated
    from nebulift.training.evaluation_sets import TruthSet
    from nebulift.training.rivalry import Rivalry


@click.command()
@click.argument("model", default="default")
@click.option(
    "--on",
    "places",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Folder with labels.csv, or a CSV file with path,label and best also kinds. May be said several times.",
)
@click.option("--no-model", is_flag=True, help="Measure the computer-vision filter alone.")
@click.option("--against", metavar="MODEL", help="Judge the same frames by this model, too: which one is better?")
@click.option("--output", type=click.Path(path_type=Path), help="Write report.md, .html and .json into this folder.")
@click.option("--plots", type=click.Path(path_type=Path), help="Write curves as PNG into this folder.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0), help="Processes; 0: one a core.")
def evaluate(
    model: str,
    places: tuple[Path, ...],
    no_model: bool,
    against: str | None,
    output: Path | None,
    plots: Path | None,
    workers: int,
) -> None:
    """Measure MODEL (default: the bundled one) on frames whose truth is known.

    Says for the CV filter alone, the model alone and both together: AUC, recall at 1 % false rejection, false
    rejection at the shipped limits, calibration, the confusion with the review queue, recall by kind and severity, by
    camera, by fold; each with the number of frames and a 95 % interval over sessions, and the differences on the same
    frames. Sets of frames are never pooled, nor are labels of different sources; labels of the CV filter give
    agreement, which is no accuracy. The frames are judged as by the daemon, each against its session so far.

    \b
    Examples:
      nebulift evaluate --on night/
      nebulift evaluate my.onnx --on reviewed.csv --on simulated/ --output report --plots report
      nebulift evaluate new.onnx --against default --on simulated/ --workers 2
    """
    from nebulift.training.evaluation_report import as_pages
    from nebulift.training.evaluation_sets import truth_sets
    from nebulift.training.truth_files import read_truth

    classifier = None if no_model else _loaded(model)
    rival = None if against is None else _loaded(against)
    sets = [one for place in places for one in truth_sets(place, read_truth(place))]
    figures, pictures, rivalries = [], [], []
    for number, truth in enumerate(sets, start=1):
        found = _judged(truth, classifier, workers)
        figures.append(_figures(truth, found, classifier))
        if plots is not None and truth.source != "cv":
            folder = plots if len(sets) == 1 else plots / f"{number}-{re.sub(r'[^A-Za-z0-9]+', '-', truth.name)}"
            pictures += _plots()(found.rows, folder)
        if rival is not None and truth.source != "cv":
            rivalries.append(_rivalry(truth, found, rival, workers))
    name = classifier.card.name if classifier else "the CV filter alone"
    remarks = [f"model: {name}", *_told(rivalries, rival)]
    page = as_pages(figures, "Evaluation", remarks)
    click.echo(page)
    if output is not None:
        record: dict[str, Any] = {"model": name, "model_sha256": _hash(model, classifier), "sets": figures}
        if rival is not None:
            record["against"] = {"model": rival.card.name, "sets": [asdict(one) for one in rivalries]}
        _write(output, page, pictures, record)
    for path in pictures:
        click.echo(f"written to {path}", err=True)


def _loaded(model: str) -> Classifier:
    from nebulift.classifier import load_classifier

    if model.endswith((".pth", ".pt")):
        raise WrongUsage(f"{model}: a checkpoint; measure the .onnx that nebulift export makes of it")
    return load_classifier(model)


def _figures(truth: TruthSet, found: Evaluated, classifier: Classifier | None) -> dict[str, Any]:
    from nebulift.training.evaluation_sets import figures_of

    try:
        return figures_of(truth, found, classifier.card if classifier else None)
    except ValueError as error:
        raise NebuliftError(
            f"{truth.name}: none of its {len(truth.rows)} frames could be judged; first: {error}"
        ) from error


def _rivalry(truth: TruthSet, found: Evaluated, rival: Classifier, workers: int) -> Rivalry:
    from nebulift.training.rivalry import rivalry

    other = _judged(truth, rival, workers)
    try:
        return rivalry([asdict(row) for row in found.rows], [asdict(row) for row in other.rows], truth.name)
    except ValueError as error:
        raise NebuliftError(f"{error}; name frames whose labels are clean and contaminated") from error


def _told(rivalries: list[Rivalry], rival: Classifier | None) -> list[str]:
    """What the comparison came to, a line each."""
    from nebulift.training.rivalry import decision

    if rival is None or not rivalries:
        return []
    said = [f"against {rival.card.name}, {one.words}" for one in rivalries]
    return [*said, decision([one.outcome for one in rivalries])]


def _judged(truth: TruthSet, classifier: Classifier | None, workers: int) -> Evaluated:
    from rich.console import Console
    from rich.progress import Progress

    from nebulift.training.evaluation_run import evaluate_frames

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"judging {truth.name}", total=len(truth.rows))
        return evaluate_frames(
            truth.rows, classifier, workers=workers, progress=lambda done: progress.update(task, completed=done)
        )


def _hash(model: str, classifier: Classifier | None) -> str | None:
    """SHA-256 of the model's file, so that a report says of which model it is."""
    from nebulift.model_card import default_model_path
    from nebulift.training.input_cache import content_hash

    if classifier is None:
        return None
    return content_hash(default_model_path() if model == "default" else Path(model))


def _write(folder: Path, page: str, pictures: list[Path], figures: dict[str, Any]) -> None:
    from nebulift.training.evaluation_page import as_html

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.md").write_text(page, encoding="utf-8")
        (folder / "report.html").write_text(as_html(page, "Evaluation", pictures), encoding="utf-8")
        (folder / "report.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise NebuliftError(f"{folder}: cannot be written ({error.strerror}); name another folder") from error


def _plots() -> Any:
    try:
        from nebulift.training.plots import write_plots
    except ModuleNotFoundError as error:
        raise MissingExtra("drawing curves", "train") from error
    return write_plots
