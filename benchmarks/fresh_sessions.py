"""A model beside the filter, and beside another model, on simulated sessions that nobody trained on.

    python benchmarks/fresh_sessions.py --seed 77 --frames 600 --folder /tmp/fresh --workers 2
    python benchmarks/fresh_sessions.py new.onnx --against default --seed 77 --frames 600 --folder /tmp/fresh

``--course``: whose cameras of the recipe, ``test`` (no model has seen them), ``calibrate`` or ``train``. Sessions are
made once and kept in ``--folder``. Prints the figures of ``nebulift evaluate``; the seed must not be the recipe's own.
"""

from dataclasses import asdict
from pathlib import Path

import click

from nebulift.classifier import load_classifier
from nebulift.training.comparison import paired_differences
from nebulift.training.evaluation import summarise
from nebulift.training.evaluation_report import as_markdown
from nebulift.training.recipe_courses import SHARES, courses
from nebulift.training.rivalry import decision, rivalry
from nebulift.training.simulated_lessons import judged_rows
from nebulift.training.simulated_sessions import Course, make_sessions, read_sessions


@click.command()
@click.argument("model", default="default")
@click.option("--against", metavar="MODEL", help="Another model on the same frames.")
@click.option("--course", default="test", show_default=True, type=click.Choice(list(SHARES)))
@click.option("--seed", default=77, show_default=True, type=click.IntRange(1))
@click.option("--frames", default=600, show_default=True, type=click.IntRange(1))
@click.option("--folder", required=True, type=click.Path(path_type=Path))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0))
def main(model: str, against: str | None, course: str, seed: int, frames: int, folder: Path, workers: int) -> None:
    """Judge fresh sessions by MODEL, and compare."""
    planned = courses(1, seed)[course]
    chunks = make_sessions(Course(course, planned.cameras, planned.seed, frames), folder, workers=workers)
    lessons = read_sessions(chunks)
    classifier = load_classifier(model)
    rows = judged_rows(lessons, classifier)
    figures = summarise(rows)
    figures["paired"] = paired_differences(rows)
    remarks = [f"model: {classifier.card.name}"]
    if against is not None:
        other = load_classifier(against)
        found = rivalry([asdict(row) for row in rows], [asdict(row) for row in judged_rows(lessons, other)], course)
        remarks += [f"against {other.card.name}, {found.words}", decision([found.outcome])]
    click.echo(as_markdown(figures, f"Fresh sessions, {course} cameras, seed {seed}", remarks))


if __name__ == "__main__":
    main()
