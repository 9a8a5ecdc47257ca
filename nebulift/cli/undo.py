"""``nebulift undo``: takes filing back."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulift.cli.places import config_option, find_place, output_option

if TYPE_CHECKING:
    from nebulift_daemon.ledger import Action, Ledger

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--since", metavar="T", help='Everything since then: "2h", "30m", "3d", "today", or 2026-11-20T18:00.')
@output_option
@config_option
def undo(paths: tuple[Path, ...], since: str | None, output: Path | None, config: Path | None) -> int:
    """Take filing back: links and copies go, moved frames return to where they appeared.

    Nothing is ever replaced: a frame whose place is taken stays where it is, and you are told. Frames whose filing was
    taken back are left alone by the daemon; `nebulift sort` files them again.

    \b
    Examples:
      nebulift undo --since today
      nebulift undo ~/sorted/review/M31_017.fits --output ~/sorted
    """
    from nebulift_daemon.ledger import Ledger
    from nebulift_daemon.output_root import OutputRoot
    from nebulift_daemon.printing import one_line
    from nebulift_daemon.reviews import OutputTree
    from nebulift_daemon.undo import undo_all

    if bool(paths) == (since is not None):
        raise click.UsageError("name either PATHS or --since T")
    moment = None if since is None else parse_moment(since, datetime.now().astimezone())
    place = find_place(output, config)
    require_ledger(place.state)
    ledger = Ledger.open(place.state)
    try:
        OutputTree(ledger, OutputRoot(place.output, place.state)).notice()
        actions = _actions(ledger, paths, moment)
        owner = ledger.memory.identity()
        results = list(undo_all(ledger, actions, place.output, owner))
    finally:
        ledger.close()
    troubles = [result.trouble for result in results if result.trouble is not None]
    for trouble in troubles:
        click.echo(one_line(trouble, 4096), err=True)
    click.echo(f"{len(results) - len(troubles)} taken back" + (f", {len(troubles)} not" if troubles else ""))
    return 1 if troubles else 0


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment that ``text`` names, in local time unless it says otherwise. Raises ``click.BadParameter``."""
    if match := re.fullmatch(r"(\d{1,6})\s*([mhd])", text):
        return now - int(match[1]) * UNITS[match[2]]
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if text in {"today", "yesterday"}:
        return midnight - (timedelta(0) if text == "today" else timedelta(days=1))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f'"{text}" is no time; write 2h, today or 2026-11-20T18:00', param_hint="--since"
        ) from error
    return (moment if moment.tzinfo else moment.astimezone()).astimezone(UTC)


def require_ledger(state: Path) -> None:
    """Refuse, in one sentence, to work where nothing was ever sorted."""
    from nebulift.errors import ConfigError
    from nebulift_daemon.ledger import has_ledger

    if not has_ledger(state):
        raise ConfigError(
            str(state), ["there is no ledger here: nothing was sorted yet, or name the folder with --output"]
        )


def _actions(ledger: "Ledger", paths: tuple[Path, ...], moment: datetime | None) -> "list[Action]":
    from nebulift_daemon.ledger import as_text

    if moment is not None:
        return ledger.history.actions_since(as_text(moment))
    frames = {row.id for path in paths for row in ledger.frames.named(path.absolute())}
    if not frames:
        raise click.BadParameter("the ledger knows none of these files", param_hint="PATHS")
    actions = [action for frame_id in frames for action in ledger.history.actions_of(frame_id)]
    return sorted(actions, key=lambda action: -action.id)
