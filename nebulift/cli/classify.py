"""``nebulift classify``: verdicts for files and folders, printed; nothing is moved or written but explanations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulift.errors import ModelMismatch, NebuliftError, WrongUsage, printable

if TYPE_CHECKING:
    from nebulift.batch import Rules
    from nebulift.judgement import Judgement

COLOURS = {"clean": "green", "contaminated": "red", "review": "yellow", "skipped": "dim"}


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of a table.")
@click.option("--model", default="default", show_default=True, help="ONNX model to ask, or 'default'.")
@click.option("--no-model", is_flag=True, help="Let the computer-vision filter decide alone.")
@click.option("--retrospective", is_flag=True, help="Judge each frame against its whole session.")
@click.option("--no-session", is_flag=True, help="Judge each frame by itself.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0), help="Processes; 0: one a core.")
@click.option("--cluster", metavar="ADDRESS", help="Measure on the machines of a dask scheduler: tcp://host:8786.")
@click.option("--policy", "preset", default="strict", show_default=True, type=click.Choice(["strict", "stacking"]))
@click.option("--explain", "explain_dir", type=click.Path(path_type=Path), help="Write annotated pictures here.")
@click.option("--masks", "mask_dir", type=click.Path(path_type=Path), help="Write a mask of each frame's trails here.")
@click.option("--mask-format", default="fits", show_default=True, type=click.Choice(["fits", "png"]))
def classify(
    paths: tuple[Path, ...],
    as_json: bool,
    model: str,
    no_model: bool,
    retrospective: bool,
    no_session: bool,
    workers: int,
    cluster: str | None,
    preset: str,
    explain_dir: Path | None,
    mask_dir: Path | None,
    mask_format: str,
) -> None:
    """Judge files or folders in order of time and print the verdicts. Changes nothing.

    \b
    Examples:
      nebulift classify ~/Pictures/M31
      nebulift classify --json --workers 4 night/ > night.jsonl
      nebulift classify --explain why/ Light_042.fits
      nebulift classify --masks masks/ night/
      nebulift classify --cluster tcp://10.0.0.5:8786 --json /archive > archive.jsonl

    Exit code: 0 all judged, 1 some files could not be read (they are listed), 2 wrong usage.
    """
    if retrospective and no_session:
        raise WrongUsage("--retrospective and --no-session contradict each other: choose one")
    from nebulift.batch import find_frames, in_order_of_time, judge_all, judge_retrospectively
    from nebulift.freed_memory import keep_freed_memory

    frames = find_frames(paths)
    if not frames:
        raise WrongUsage(f"{', '.join(map(str, paths))}: no frames in there; frames end in .fits, .fit, .xisf ...")
    keep_freed_memory()
    rules = _rules(None if no_model else model, preset, given=model != "default")
    if retrospective:
        judgements = judge_retrospectively(in_order_of_time(frames), rules, workers=workers, cluster=cluster)
    elif no_session:
        judgements = judge_all(frames, rules, sessions=None, workers=workers, cluster=cluster)
    else:
        judgements = judge_all(in_order_of_time(frames), rules, sessions={}, workers=workers, cluster=cluster)
    judgements = _with_pictures(judgements, explain_dir, mask_dir, mask_format)
    shown = _as_json(judgements) if as_json else _as_table(judgements, len(frames), paths)
    if shown:
        click.get_current_context().exit(1)


def _rules(model: str | None, preset: str, *, given: bool) -> Rules:
    """The model and policy asked for. A model named on the command line must be good; the bundled may be missing."""
    from nebulift.batch import Rules
    from nebulift.classifier import load_classifier
    from nebulift.verdict import Policy

    classifier = None
    if model is not None:
        try:
            classifier = load_classifier(model)
        except ModelMismatch as error:
            if given:
                raise
            click.echo(str(error), err=True)
    return Rules(classifier, None, Policy(preset))


def _as_json(judgements: Iterator[Judgement]) -> int:
    """Prints one object a line; returns how many files were unreadable."""
    from nebulift.judgement import as_record

    unreadable = 0
    for judgement in judgements:
        click.echo(json.dumps(as_record(judgement), ensure_ascii=True, allow_nan=False))
        unreadable += judgement.error is not None
    return unreadable


def _as_table(judgements: Iterator[Judgement], count: int, paths: Sequence[Path]) -> int:
    """Prints a line a frame as it is judged and a summary; returns how many files were unreadable."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    base = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    console = Console(soft_wrap=True, highlight=False)
    counts: Counter[str] = Counter()
    unreadable = 0
    with Progress(console=Console(stderr=True), transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("judging", total=count)
        for judgement in judgements:
            label, score, text = _columns(judgement)
            counts[label] += 1
            unreadable += judgement.error is not None
            name = printable(judgement.path.relative_to(base) if base else judgement.path)
            style = COLOURS[label]
            progress.console.file.flush()
            console.print(f"[{style}]{label:<12}[/{style}] {score:>5}  {escape(name)}  [dim]{escape(text)}[/dim]")
            progress.advance(task)
    console.print("  ".join(f"{counts[label]} {label}" for label in COLOURS if counts[label]))
    return unreadable


def _columns(judgement: Judgement) -> tuple[str, str, str]:
    verdict = judgement.verdict
    if verdict is None:
        return "skipped", "", judgement.skipped or ""
    score = "" if verdict.score is None else f"{verdict.score:.2f}"
    return str(verdict.label), score, verdict.reason


def _with_pictures(
    judgements: Iterator[Judgement], explain_dir: Path | None, mask_dir: Path | None, mask_format: str
) -> Iterator[Judgement]:
    """The judgements as they come, each after its pictures have been written."""
    for judgement in judgements:
        if explain_dir is not None:
            from nebulift.explain import explain

            with _writing(explain_dir, "pictures"):
                explain(judgement, explain_dir)
        if mask_dir is not None:
            from nebulift.mask_files import write_mask

            with _writing(mask_dir, "masks"):
                write_mask(judgement, mask_dir, mask_format)
        yield judgement


@contextmanager
def _writing(folder: Path, what: str) -> Iterator[None]:
    """Turns what the system says about a folder into a sentence."""
    try:
        yield
    except OSError as error:
        cause = error.strerror or str(error)
        raise NebuliftError(f"{folder}: {what} cannot be written ({cause}); choose another folder") from error
