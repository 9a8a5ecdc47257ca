"""``nebulift notify``: a test message by every way of the configuration."""

from pathlib import Path

import click

from nebulift.cli.places import config_option, find_settings


@click.command()
@click.option("--test", "test", is_flag=True, help="Send a test message by every way and say what became of it.")
@config_option
def notify(test: bool, config: Path | None) -> int:
    """Show by which ways messages go; with --test, send one by each. Exit status 1: one did not get there.

    The ways stand below [notify] of the configuration. The safety file is not touched: it shows a state.

    \b
    Examples:
      nebulift notify
      nebulift notify --test
    """
    from datetime import UTC, datetime

    from nebulift_daemon.company import notify_options
    from nebulift_daemon.notify.deliveries import NotDelivered, Refused
    from nebulift_daemon.notify.events import Event, EventKind
    from nebulift_daemon.notify.ways import ways_of

    options = notify_options(find_settings(config))
    ways = list(ways_of(options))
    if not options.has_ways:
        click.echo("no way is named below [notify]: nothing is sent")
        return 0
    event = Event(EventKind.TEST, "this is a test", "Messages of your observatory come this way.", datetime.now(UTC))
    failed = len(ways) < options.number_of_ways
    for way in ways:
        outcome = "is in use"
        if test:
            try:
                way.deliver(event)
                outcome = "sent"
            except (NotDelivered, Refused) as error:
                failed, outcome = True, f"NOT sent: {error}"
        way.close()
        click.echo(f"{way.name}: {outcome}")
    return 1 if failed else 0
