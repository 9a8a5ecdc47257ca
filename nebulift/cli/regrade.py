"""``nebulift regrade``: a night judged again, now that all of it is known."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nebulift.cli.places import Place, config_option, find_place, find_settings, output_option

if TYPE_CHECKING:
    from nebulift.settings import Settings
    from nebulift_daemon.ledger import Ledger
    from nebulift_daemon.nights import Night
    from nebulift_daemon.regrade import Found, Wanted

NIGHT = click.DateTime(formats=["%Y-%m-%d"])
PATHS = click.Path(path_type=Path, exists=True, file_okay=False)
BUSY = "is looking back with this state folder already; call again when it has finished"


@click.command()
@click.argument("folders", nargs=-1, type=PATHS, metavar="[FOLDER]...")
@click.option("--night", type=NIGHT, metavar="DATE", help="The evening it began on. Default: the newest night.")
@click.option("--apply", is_flag=True, help="File the frames anew; without it nothing is changed.")
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object.")
@output_option
@config_option
def regrade(
    folders: tuple[Path, ...],
    night: datetime | None,
    *,
    apply: bool,
    as_json: bool,
    output: Path | None,
    config: Path | None,
) -> int:
    """Judge the frames of a night again, each against those before and after it, and say what would change.

    FOLDER names frames of any night, where they appeared or where they were filed. What a person has decided stays.
    With --apply the frames go to the folder of their new label; `nebulift undo` takes that back. It works beside the
    daemon, and may be stopped and called again. Frames that were sorted with a configuration need its --config.

    \b
    Examples:
      nebulift regrade
      nebulift regrade --night 2026-11-20 --apply
      nebulift regrade ~/Pictures/M31 --output ~/sorted
    """
    from nebulift.cli.undo import require_ledger

    if folders and night is not None:
        raise click.UsageError("name either FOLDER or --night DATE")
    place, settings = _place_and_settings(output, config)
    require_ledger(place.state)
    asked = _Asked(tuple(folder.absolute() for folder in folders), night.date() if night else None, apply)
    wanted, found = _looked_back(place, settings, asked, quiet=as_json)
    if as_json:
        click.echo(json.dumps(_as_document(wanted, found)))
    else:
        _print(wanted, found)
    return 1 if any(change.trouble for change in found.changes) else 0


@dataclass(frozen=True, slots=True)
class _Asked:
    folders: tuple[Path, ...]
    evening: date | None
    apply: bool


def _place_and_settings(output: Path | None, config: Path | None) -> "tuple[Place, Settings]":
    """Where frames are, and how they are judged and filed; ``--output`` alone leaves that to the defaults."""
    from nebulift.config import load_settings
    from nebulift.settings import Output, Settings, Watch

    place = find_place(output, config)
    if output is None:
        return place, find_settings(config)
    if config is not None:
        return place, load_settings(config, any_folders=True)
    return place, Settings(watch=Watch(folders=(place.output,)), output=Output(root=place.output, state=place.state))


def _looked_back(place: Place, settings: "Settings", asked: _Asked, *, quiet: bool) -> "tuple[Wanted, Found]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from nebulift_daemon.assembly import filing_acts, judge_options
    from nebulift_daemon.ledger import Ledger
    from nebulift_daemon.naming import subfolder_names
    from nebulift_daemon.output_root import OutputRoot
    from nebulift_daemon.regrade import look_back
    from nebulift_daemon.regrade_filing import finish_interrupted, places_of
    from nebulift_daemon.reviews import OutputTree
    from nebulift_daemon.state_folder import REGRADE_LOCK_NAME, StateLock

    root = OutputRoot(place.output, place.state)
    console = Console(stderr=True)
    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with StateLock(place.state, REGRADE_LOCK_NAME, BUSY):
        places = places_of(root, filing_acts(settings), subfolder_names(settings.watch.folders))
        ledger = Ledger.open(place.state)
        try:
            finish_interrupted(ledger, places)
            OutputTree(ledger, root).notice()
            wanted = _wanted(ledger, asked)
            with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:
                task = progress.add_task("judging", total=None)
                found = look_back(
                    ledger,
                    wanted,
                    judge_options(settings),
                    places,
                    lambda done, total: progress.update(task, completed=done, total=total),
                )
        finally:
            ledger.close()
    return wanted, found


def _wanted(ledger: "Ledger", asked: _Asked) -> "Wanted":
    """Which nights are meant. Raises ``WrongUsage`` where the ledger knows none."""
    from nebulift.errors import WrongUsage
    from nebulift_daemon.nights import last_night, night_on, zone_of_site
    from nebulift_daemon.regrade import Wanted

    zone = zone_of_site(ledger)
    if asked.folders:
        return Wanted(_nights_of(ledger, asked.folders), asked.folders, asked.apply)
    night = night_on(asked.evening, zone) if asked.evening else last_night(ledger, zone)
    if night is None:
        raise WrongUsage("no frame was judged yet; sort or watch a folder first")
    return Wanted((night,), apply=asked.apply)


def _nights_of(ledger: "Ledger", folders: "tuple[Path, ...]") -> "tuple[Night, ...]":
    from nebulift.errors import WrongUsage, printable
    from nebulift_daemon.nights import night_of, zone_of_site

    zone = zone_of_site(ledger)
    rows = [row for folder in folders for row in ledger.frames.named(folder)]
    moments = [datetime.fromisoformat(row.taken_at) for row in rows if row.taken_at is not None and row.label]
    nights = {night.evening: night for night in (night_of(moment.astimezone(UTC), zone) for moment in moments)}
    if not nights:
        named = ", ".join(printable(folder) for folder in folders)
        raise WrongUsage(f"{named}: no frame of the ledger lies there or came from there; sort or watch it first")
    return tuple(nights[evening] for evening in sorted(nights))


def _print(wanted: "Wanted", found: "Found") -> None:
    from nebulift_daemon.printing import one_line

    for change in found.changes:
        if change.trouble:
            click.echo(one_line(change.trouble, 4096), err=True)
            continue
        labels = f"{change.regrade.before} -> {change.regrade.after}"
        click.echo(f"{labels:<26}  {one_line(change.file, 4096)}  {one_line(change.regrade.reason or '')}")
    for trouble in found.troubles:
        click.echo(one_line(trouble, 4096), err=True)
    click.echo(_sum(wanted, found))


def _sum(wanted: "Wanted", found: "Found") -> str:
    nights = ", ".join(night.evening.isoformat() for night in wanted.nights)
    done, failed = sum(change.is_done for change in found.changes), sum(bool(c.trouble) for c in found.changes)
    among = f"{found.frames} frames of the night of {nights}"
    if not found.changes:
        return f"none of {among} is graded otherwise"
    if not wanted.apply:
        return f"{len(found.changes)} of {among} would be graded otherwise; nothing was changed, --apply does it"
    return f"{done} of {among} graded otherwise" + (f", {failed} could not be" if failed else "")


def _as_document(wanted: "Wanted", found: "Found") -> dict[str, Any]:
    from nebulift.errors import printable

    return {
        "nights": [night.evening.isoformat() for night in wanted.nights],
        "frames": found.frames,
        "applied": sum(change.is_done for change in found.changes),
        "changes": [
            {
                "path": printable(change.frame.path),
                "file": printable(change.file),
                "before": change.regrade.before,
                "after": change.regrade.after,
                "score_before": change.frame.score,
                "score_after": change.regrade.score,
                "reason": change.regrade.reason,
                "applied": change.is_done,
                "trouble": change.trouble,
            }
            for change in found.changes
        ],
        "left_alone": [printable(trouble) for trouble in found.troubles],
    }
