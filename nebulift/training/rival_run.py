"""Two models asked about the same labelled frames now, every set of truth by itself. Needs no torch."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from nebulift.classifier import Classifier
from nebulift.errors import WrongUsage, printable
from nebulift.training.evaluation_run import evaluate_frames
from nebulift.training.evaluation_sets import OPINION, truth_sets
from nebulift.training.rivalry import Rivalry, rivalry
from nebulift.training.truth_files import read_truth


def rivals_on(
    places: Sequence[Path],
    newcomer: Classifier,
    other: Classifier,
    *,
    workers: int = 1,
    say: Callable[[str], None] | None = None,
) -> list[Rivalry]:
    """Who is better on each set of the labels files (or folders with one) ``places``; the filter's labels are no truth.

    ``say`` is told each set's name before its frames are judged. Raises ``WrongUsage`` where nothing can be compared.
    """
    found = []
    for place in places:
        for truth in truth_sets(place, read_truth(place)):
            if truth.source == OPINION:
                continue
            if say is not None:
                say(f"asking both models about {printable(truth.name)}, {len(truth.rows)} frames")
            mine, theirs = (evaluate_frames(truth.rows, model, workers=workers).rows for model in (newcomer, other))
            try:
                found.append(rivalry([asdict(row) for row in mine], [asdict(row) for row in theirs], truth.name))
            except ValueError as error:
                raise WrongUsage(f"{printable(place)}: {error}; name frames that are clean or contaminated") from error
    if places and not found:
        raise WrongUsage(f"{printable(places[0])}: labels of the filter only, which are no truth; name decided frames")
    return found
