"""``nebulift watch``: the daemon in the foreground; systemd runs exactly this."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nebulift.cli.places import FILE, FOLDER, find_settings


@click.command()
@click.argument("folder", required=False, type=FOLDER)
@click.option("--output", type=FOLDER, metavar="DIR", help="Where frames are filed: clean/, contaminated/, review/.")
@click.option("--config", type=FILE, metavar="FILE", help="Configuration file.")
@click.option("--once", is_flag=True, help="Stop as soon as nothing is left to do.")
@click.option("--judge", hidden=True, help="module:function in place of the judge, for tests.")
def watch(folder: Path | None, output: Path | None, config: Path | None, once: bool, judge: str | None) -> int:
    """Watch capture folders and sort every new frame, until stopped.

    Frames are linked into the output folder; the capture folder stays as it is. Without FOLDER the configuration
    decides: --config, else the file named by NEBULIFT_CONFIG, else /etc/nebulift/nebulift.toml, else nebulift.toml in
    your configuration folder.

    \b
    Examples:
      nebulift watch ~/Pictures --output ~/sorted
      nebulift watch --config nebulift.toml
    """
    from nebulift_daemon.judge_messages import DEFAULT_JUDGE
    from nebulift_daemon.logs import set_up_logging
    from nebulift_daemon.service import run_service

    settings = find_settings(config, folder, output)
    set_up_logging(settings.log.format, settings.log.level)
    announce = _announce_to_log if settings.log.format == "json" else _announcer_to_terminal()
    return run_service(settings, announce=announce, judge=judge or DEFAULT_JUDGE, once=once)


def _announce_to_log(row: Any) -> None:
    from nebulift_daemon.verdict_line import verdict_fields, verdict_line

    logging.getLogger("nebulift.verdict").info(
        "%s", verdict_line(row, with_time=False), extra={"fields": verdict_fields(row)}
    )


def _announcer_to_terminal() -> Callable[[Any], None]:
    """A function that prints one line a verdict; coloured on a terminal, with the time unless the journal adds it."""
    from nebulift_daemon.verdict_line import verdict_line

    with_time = "JOURNAL_STREAM" not in os.environ
    listening = True

    def announce(row: Any) -> None:
        nonlocal listening
        if not listening:
            return
        try:
            click.echo(verdict_line(row, colour=True, with_time=with_time))
        except OSError:  # whoever read our output has gone; the frames are sorted all the same
            listening = False

    return announce
