"""``nebulift serve``: the review page."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulift.cli.places import config_option, find_place, find_settings, output_option

if TYPE_CHECKING:
    from nebulift_daemon.web.access import Access


@click.command()
@output_option
@config_option
@click.option(
    "--listen", metavar="ADDRESS:PORT", help="Where to listen.  [default: of the configuration, 127.0.0.1:8321]"
)
def serve(output: Path | None, config: Path | None, listen: str | None) -> int:
    """Open the review page: look through the queue in a browser, accept, reject, correct verdicts.

    The page runs beside the daemon or without it. It listens on this machine only, unless told otherwise; then a token
    is demanded, which is in the file web-token of the state folder.

    \b
    Examples:
      nebulift serve
      nebulift serve --output ~/sorted
      nebulift serve --listen 0.0.0.0:8321
    """
    from nebulift.cli.undo import require_ledger
    from nebulift.config_keys import an_address
    from nebulift.settings import Web

    place = find_place(output, config)
    if output is not None:
        require_ledger(place.state)
    try:
        address = an_address(listen) if listen else Web().listen if output else find_settings(config).web.listen
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from error
    _require_extra()
    from nebulift_daemon.web.server import serve as serve_page

    serve_page(place.output, place.state, address, _announce)
    return 0


def _announce(address: str, access: "Access") -> None:
    """Tell where the page is. The token goes to a terminal only: a log is read by others."""
    if not access.is_demanded:
        click.echo(f"review page: {address}", err=True)
    elif sys.stderr.isatty():
        click.echo(f"review page, once on each device: {address}?token={access.token}", err=True)
    else:
        click.echo(f"review page: {address} (the token is in the file web-token of the state folder)", err=True)


def _require_extra() -> None:
    from importlib.util import find_spec

    from nebulift.errors import MissingExtra

    if not all(find_spec(name) for name in ("jinja2", "starlette", "uvicorn")):
        raise MissingExtra("the review page", "web")
