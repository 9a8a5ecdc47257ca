"""``nebulift review``: the review queue in the terminal."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulift.cli.places import config_option, find_place, output_option
from nebulift.errors import printable
from nebulift.findings import Kind

if TYPE_CHECKING:
    from nebulift_daemon.ledger import FrameRow, Ledger

PATHS = click.Path(path_type=Path)
KINDS = [kind.value for kind in Kind if kind is not Kind.UNREADABLE]


@click.command()
@click.option("--list", "list_queue", is_flag=True, help="List the queue (the default).")
@click.option(
    "--accept", multiple=True, type=PATHS, metavar="P", help="This frame is clean. May be given again and again."
)
@click.option("--reject", multiple=True, type=PATHS, metavar="P", help="This frame is contaminated.")
@click.option("--kind", type=click.Choice(KINDS), help="What is wrong with the rejected frames.")
@output_option
@config_option
def review(
    list_queue: bool,
    accept: tuple[Path, ...],
    reject: tuple[Path, ...],
    kind: str | None,
    output: Path | None,
    config: Path | None,
) -> int:
    """List the frames that wait for a person, accept or reject them.

    P is the file in the review folder, the frame in the capture folder, or just its name. Moving files from review to
    clean or contaminated with a file manager does the same.

    \b
    Examples:
      nebulift review
      nebulift review --accept M31_017.fits
      nebulift review --reject M31_018.fits --kind cloud
    """
    from nebulift.cli.undo import require_ledger
    from nebulift.verdict import Label
    from nebulift_daemon.ledger import Ledger
    from nebulift_daemon.output_root import OutputRoot
    from nebulift_daemon.printing import one_line
    from nebulift_daemon.reviews import OutputTree, decide

    if list_queue and (accept or reject):
        raise click.UsageError("--list goes alone")
    if kind is not None and not reject:
        raise click.UsageError("--kind says why a frame is rejected: name it with --reject P")
    place = find_place(output, config)
    require_ledger(place.state)
    root = OutputRoot(place.output, place.state)
    ledger = Ledger.open(place.state)
    try:
        OutputTree(ledger, root).notice()
        if not accept and not reject:
            _print_queue(ledger)
            return 0
        wanted: list[tuple[Path, Label, str | None]] = [(name, Label.CLEAN, None) for name in accept]
        wanted += [(name, Label.CONTAMINATED, kind) for name in reject]
        # all names are right, or none counts
        found = [(_frame(ledger, name), label, cause) for name, label, cause in wanted]
        for frame, label, cause in found:
            now_at = decide(ledger, root, frame, label, cause, "terminal")
            click.echo(f"{label:<12}  {one_line(now_at or frame.path, 4096)}")
    finally:
        ledger.close()
    return 0


def _print_queue(ledger: "Ledger") -> None:
    from nebulift_daemon.printing import one_line

    queue = ledger.frames.in_review()
    for frame in queue:
        score = "    " if frame.score is None else f"{frame.score:4.2f}"
        click.echo(f"{score}  {_shown(frame)}  {one_line(frame.reason or '')}")
    click.echo(f"{len(queue)} to review" if queue else "nothing to review", err=True)


def _frame(ledger: "Ledger", name: Path) -> "FrameRow":
    """The one frame that a person means. Raises ``click.BadParameter`` when there is none or more than one."""
    frames = [row for row in ledger.frames.named(name.absolute()) if row.label is not None]
    if not frames and len(name.parts) == 1:
        frames = _named(ledger.frames.in_review(), name.name)
    if not frames:
        raise click.BadParameter(f"{printable(name)}: no frame of the ledger; `nebulift review --list` lists the queue")
    if len({row.path for row in frames}) > 1:
        raise click.BadParameter(f"{printable(name)}: {len(frames)} frames have this name; write the whole path")
    return frames[0]


def _named(queue: "Iterable[FrameRow]", name: str) -> "list[FrameRow]":
    return [row for row in queue if name in {row.path.name, row.destination.name if row.destination else ""}]


def _shown(frame: "FrameRow") -> str:
    from nebulift_daemon.printing import one_line

    return one_line(frame.destination or frame.path, 4096)
