"""``nebulift sort``: a finished night in one go."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulift.cli.places import FILE, FOLDER, find_settings, with_file_by

if TYPE_CHECKING:
    from nebulift_daemon.batch import Tally
    from nebulift_daemon.ledger import FrameRow

INTERRUPTED = 130


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--output", required=True, type=FOLDER, metavar="DIR", help="Where frames are filed.")
@click.option(
    "--file-by",
    type=click.Choice(["link", "move", "copy", "symlink"]),
    help="How frames get there; without it as the configuration says, else by link.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be filed where, and do nothing.")
@click.option("--config", type=FILE, metavar="FILE", help="Configuration for all but the folders.")
@click.option("--judge", hidden=True, help="module:function in place of the judge, for tests.")
def sort(folder: Path, output: Path, file_by: str | None, dry_run: bool, config: Path | None, judge: str | None) -> int:
    """Sort a finished night in one go: judge every frame in FOLDER and file it below DIR.

    Stop it whenever you like and call it again: it goes on where it was. `nebulift undo` takes everything back.

    \b
    Examples:
      nebulift sort ~/Pictures/2026-11-20 --output ~/sorted
      nebulift sort ~/Pictures --output ~/sorted --file-by move --dry-run
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from nebulift_daemon.batch import Audience, sort_folder
    from nebulift_daemon.judge_messages import DEFAULT_JUDGE
    from nebulift_daemon.logs import set_up_logging
    from nebulift_daemon.patience import Alarm
    from nebulift_daemon.printing import one_line

    settings = with_file_by(find_settings(config, folder, output), file_by)
    set_up_logging(settings.log.format, "warning")
    alarm = Alarm()
    alarm.stop_on_signals()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("settling", total=None)

        def announce(row: "FrameRow") -> None:
            progress.update(task, advance=1, description=f"{row.label or 'skipped':<12}")
            if dry_run:
                place = "stays where it is" if row.destination is None else one_line(row.destination, 4096)
                click.echo(f"{row.label or 'skipped':<12}  {one_line(row.path, 4096)}  ->  {place}")

        def begin(total: int) -> None:
            progress.update(task, total=total, description="judging")

        tally = sort_folder(settings, alarm, Audience(begin, announce), dry_run=dry_run, judge=judge or DEFAULT_JUDGE)
    _print_summary(tally, output, dry_run=dry_run)
    if tally.stopped:
        return INTERRUPTED
    return 1 if tally.unreadable or tally.unreachable or tally.waiting or tally.writing else 0


def _print_summary(tally: "Tally", output: Path, *, dry_run: bool) -> None:
    from nebulift_daemon.printing import one_line

    done = "would be filed" if dry_run else "filed"
    rows = [(label, tally.labels.get(label, 0)) for label in ("clean", "contaminated", "review", "skipped")]
    click.echo(f"{sum(tally.labels.values())} of {tally.found} frames judged, {done} below {output}")
    for label, number in rows:
        click.echo(f"  {label:<14}{number:>6}")
    remarks = [
        (tally.known, "sorted before, left alone"),
        (tally.unreadable, "unreadable, see the folder review"),
        (tally.unreachable, "cannot be read at the moment; sort again when disk and permissions let you"),
        (tally.waiting, f"not filed: {one_line(tally.trouble or 'see above')}"),
        (len(tally.writing), "still being written; sort again when they are finished"),
    ]
    for number, remark in remarks:
        if number:
            click.echo(f"  {number} {remark}")
    if tally.stopped:
        click.echo("stopped; call it again to go on")
