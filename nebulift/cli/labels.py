"""``nebulift labels``: labels of an archive in slices, what they cover, and data sets of decided frames."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulift.cli.train import SHARE, label_limits, reviews_at
from nebulift.errors import NebuliftError, WrongUsage, printable

if TYPE_CHECKING:
    from nebulift.parallel import Hands
    from nebulift.training.labels import CvLabels
    from nebulift.training.reviews import Review
    from nebulift.verdict import Thresholds

INJECTION_SEED = 1


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Manifest, coverage and inputs.")
@label_limits
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0), help="Processes; 0: one a core.")
@click.option("--cluster", metavar="ADDRESS", help="Measure on the machines of a dask scheduler: tcp://host:8786.")
@click.option("--max-time", "max_time_s", type=click.FloatRange(1.0), metavar="SECONDS", help="Stop after so long.")
@click.option("--max-frames", type=click.IntRange(1), help="Measure at most so many frames in this call.")
@click.option("--reviews", type=click.Path(path_type=Path, exists=True), help="CSV path,label; or the state folder.")
@click.option("--inject", default=0.0, type=SHARE, help="Share of clean frames that get a twin with a known artefact.")
@click.option("--export", "export_dir", type=click.Path(path_type=Path), metavar="DIR", help="Data set of --reviews.")
@click.option("--export-by", default="link", show_default=True, type=click.Choice(["link", "copy", "list"]))
def labels(
    folder: Path | None,
    output: Path | None,
    clean_threshold: float,
    contaminated_threshold: float,
    workers: int,
    cluster: str | None,
    max_time_s: float | None,
    max_frames: int | None,
    reviews: Path | None,
    inject: float,
    export_dir: Path | None,
    export_by: str,
) -> None:
    """Label the frames in FOLDER: DIR/manifest.csv, what it covers (coverage.md), and the network's inputs.

    What people decided (--reviews) counts more than a known artefact (--inject), and that more than the filter. Frames
    that were measured before are not measured again, so it can be stopped and called again; unseen cameras and nights
    come first, then those nearest the limits. --export writes the reviewed frames as a data set of its own, which
    train-from-fits --labels takes.

    \b
    Examples:
      nebulift labels ~/nights --output school --workers 0
      nebulift labels ~/nights --output school --max-time 3600 --reviews /var/lib/nebulift
      nebulift labels /archive --output /archive/school --cluster tcp://10.0.0.5:8786
      nebulift labels --reviews /var/lib/nebulift --export dataset --export-by copy
    """
    from nebulift.parallel import Hands
    from nebulift.training.labels import thresholds_of

    decided = reviews_at(reviews)
    if export_dir is not None:
        _export(decided, export_dir, export_by)
    if folder is None or output is None:
        if export_dir is None or folder is not None or output is not None:
            raise WrongUsage("name a FOLDER of frames and --output DIR, or --reviews and --export DIR, or all of them")
        return
    limits = thresholds_of(clean_threshold, contaminated_threshold)
    ends = None if max_time_s is None else time.monotonic() + max_time_s
    found, waiting = _labelled(folder, output, limits, Hands(workers, cluster), max_frames, ends)
    _report(_with_sources(found, decided, output, inject, workers), output)
    if waiting:
        click.echo(f"{waiting} frames are not measured yet; call it again to go on")


def _labelled(
    folder: Path, output: Path, limits: Thresholds, hands: Hands, max_frames: int | None, ends: float | None
) -> tuple[CvLabels, int]:
    """The filter's labels so far, and how many files wait for another call."""
    from nebulift.batch import find_frames
    from nebulift.cli.training_progress import TrainingProgress
    from nebulift.training.dataset_folders import INPUTS
    from nebulift.training.input_cache import InputCache
    from nebulift.training.label_slices import label_slice

    inside = output.resolve()
    frames = [path for path in find_frames([folder]) if not path.resolve().is_relative_to(inside)]
    if not frames:
        raise WrongUsage(f"{folder}: no frames in there; frames end in .fits, .fit, .xisf ...")
    with TrainingProgress() as listener:
        listener.stage("measuring", len(frames))
        found = label_slice(
            frames,
            InputCache(output / INPUTS),
            limits,
            hands=hands,
            max_frames=max_frames,
            is_over=lambda: ends is not None and time.monotonic() > ends,
            progress=listener.step,
        )
    return found.labels, found.waiting


def _with_sources(found: CvLabels, decided: tuple[Review, ...], output: Path, inject: float, workers: int) -> CvLabels:
    """The filter's labels below those of people, and with injected twins beside."""
    from nebulift.cli.training_progress import TrainingProgress
    from nebulift.training.dataset_folders import INPUTS
    from nebulift.training.injection import chosen_for_twins, injected_twins
    from nebulift.training.input_cache import InputCache
    from nebulift.training.reviews import with_reviews

    found = with_reviews(found, decided)
    if inject == 0.0:
        return found
    chosen = chosen_for_twins(found, inject, INJECTION_SEED)
    with TrainingProgress() as listener:
        listener.stage("injecting", len(chosen))
        cache = InputCache(output / INPUTS)
        twins = injected_twins(found, cache, chosen, seed=INJECTION_SEED, workers=workers, progress=listener.step)
    return replace(found, labelled=(*found.labelled, *twins))


def _report(found: CvLabels, output: Path) -> None:
    from nebulift.training.label_coverage import SHOWN_WARNINGS, as_markdown, coverage_of
    from nebulift.training.manifest import FILE_NAME, write_manifest

    write_manifest(output / FILE_NAME, [*found.labelled, *found.review])
    coverage = coverage_of(found.labelled, found.review)
    try:
        (output / "coverage.md").write_text(as_markdown(coverage), encoding="utf-8")
    except OSError as error:
        raise NebuliftError(f"{output}: cannot be written ({error.strerror}); name another folder") from error
    for one in found.left_out:
        click.echo(printable(f"left out: {one.reason}"), err=True)
    for warning in coverage.warnings[:SHOWN_WARNINGS]:
        click.echo(printable(f"note: {warning}"), err=True)
    click.echo(
        f"{len(found.labelled)} labelled, {len(found.review)} for review, {len(found.left_out)} left out: "
        f"{output / FILE_NAME}"
    )
    click.echo(f"next: {printable(coverage.recommendation)}")


def _export(decided: tuple[Review, ...], folder: Path, way: str) -> None:
    from nebulift.training.curated import export_curated

    if not decided:
        raise WrongUsage("--export writes frames that people decided: name them with --reviews, there are none so far")
    curated = export_curated(decided, folder, way)
    for one in curated.left_out:
        click.echo(printable(f"left out: {one.reason}"), err=True)
    clean = sum(one.label == 1 for one in curated.frames)
    click.echo(
        f"{len(curated.frames)} decided frames ({clean} clean, {len(curated.frames) - clean} contaminated): "
        f"{folder / 'manifest.csv'}"
    )
