"""Pictures that show the stars and where the findings are: one PNG a judged frame, never over an existing file."""

from pathlib import Path

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.judgement import Judgement
from nebulift.pictures import annotated, as_png, stretched, with_stars
from nebulift.readers import open_frame
from nebulift.readers.names import stem

MAX_SIDE_PX = 1400


def explain(judgement: Judgement, folder: Path) -> Path | None:
    """Writes ``<frame>.png`` into ``folder`` and returns its path; ``None`` for a file that was not judged.

    A name that is taken gets a number. Raises ``OSError`` when the folder cannot be written, ``UnreadableFrame`` when
    the frame has gone meanwhile.
    """
    if judgement.verdict is None or judgement.error is not None:
        return None
    with open_frame(judgement.path) as frame:
        shape = frame.shape
        stars = ArtifactDetector().analyse(frame).views.stars  # a judgement has their number, not their places
        picture = with_stars(stretched(frame, MAX_SIDE_PX), stars.shapes, shape)
    verdict = judgement.verdict
    score = "" if verdict.score is None else f" ({verdict.score:.2f})"
    title = f"{judgement.path.name}: {verdict.label}{score}: {verdict.reason}"
    folder.mkdir(parents=True, exist_ok=True)
    return write_new(
        folder, stem(judgement.path.name), "png", as_png(annotated(picture, verdict.findings, shape, title))
    )


def write_new(folder: Path, name: str, ending: str, content: bytes) -> Path:
    """Writes ``<name>.<ending>``, or ``<name>~2.<ending>`` and so on where that is taken; returns the path."""
    number = 1
    while True:
        path = folder / (f"{name}.{ending}" if number == 1 else f"{name}~{number}.{ending}")
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            number += 1
            continue
        return path
