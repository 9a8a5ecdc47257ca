"""``nebulift report``: the night as an HTML page, a table, a JSON document, a selection for stacking."""

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulift.cli.places import FILE, FOLDER, config_option, find_place, find_settings, output_option

if TYPE_CHECKING:
    from nebulift_daemon.report.night_report import NightReport

NIGHT = click.DateTime(formats=["%Y-%m-%d"])
STDOUT = Path("-")
REPORTS = "reports"  # folder of the state folder where reports are written when nobody says another place


@click.command()
@click.argument("night", required=False, type=NIGHT, metavar="[NIGHT]")
@output_option
@config_option
@click.option("--html", type=FILE, metavar="F", help="Write the page to F.")
@click.option("--csv", "table", type=FILE, metavar="F", help="Write a table, one row a frame; - is standard output.")
@click.option("--json", "document", type=FILE, metavar="F", help="Write a JSON document; - is standard output.")
@click.option("--siril", type=FOLDER, metavar="DIR", help="Lay out links to the clean frames for Siril in DIR.")
def report(
    night: datetime | None,
    output: Path | None,
    config: Path | None,
    html: Path | None,
    table: Path | None,
    document: Path | None,
    siril: Path | None,
) -> int:
    """Write the report of a night. It needs no network and changes no frame.

    NIGHT is the date of its evening, as 2026-11-20; without it, the night of the newest frame. A night goes from noon
    to noon. Without --html, --csv, --json and --siril the page goes to the folder reports of the state folder.

    \b
    Examples:
      nebulift report
      nebulift report 2026-11-20 --output ~/sorted --html night.html
      nebulift report --csv - | head
    """
    from nebulift.cli.undo import require_ledger

    place = find_place(output, config)
    require_ledger(place.state)
    found = _gathered(place.output, place.state, night.date() if night else None)
    if not any((html, table, document, siril)):
        html = _reports_folder(config, output, place.state) / f"{found.night.evening}.html"
    _write(found, html, table, document)
    if siril is not None:
        from nebulift_daemon.report.siril import write_siril_folder

        linked = write_siril_folder(found, siril)
        click.echo(f"{linked} clean frames for Siril in {siril}", err=True)
    return 0


def _gathered(output: Path, state: Path, evening: date | None) -> "NightReport":
    """The facts of the night, after what people moved by hand has been noticed. Raises ``WrongUsage``."""
    from nebulift.errors import WrongUsage
    from nebulift_daemon.ledger import Ledger
    from nebulift_daemon.nights import last_night, night_on, zone_of_site
    from nebulift_daemon.output_root import OutputRoot
    from nebulift_daemon.report.night_report import gather
    from nebulift_daemon.reviews import OutputTree

    ledger = Ledger.open(state)
    try:
        OutputTree(ledger, OutputRoot(output, state)).notice()
        zone = zone_of_site(ledger)
        night = night_on(evening, zone) if evening else last_night(ledger, zone)
        if night is None:
            raise WrongUsage(f"{output}: no frame was judged yet; sort or watch a folder first")
        found = gather(ledger, night, zone, datetime.now(UTC))
        if not found.frames:
            nights = [known for known, _, _ in ledger.browsing.nights(0)[:5]]
            raise WrongUsage(f"{night.evening}: no frame of that night; the last nights are {', '.join(nights)}")
    finally:
        ledger.close()
    return found


def _reports_folder(config: Path | None, output: Path | None, state: Path) -> Path:
    """The configured folder for reports, else the one in the state folder."""
    if output is None and (named := find_settings(config).report.folder):
        return named
    return state / REPORTS


def _write(found: "NightReport", html: Path | None, table: Path | None, document: Path | None) -> None:
    """Each form that was asked for; a form that nobody wants is not even made."""
    from nebulift_daemon.report.csv_table import as_csv
    from nebulift_daemon.report.json_document import as_json
    from nebulift_daemon.report.writing import write_report

    forms: list[tuple[Path | None, Callable[[NightReport], str]]] = [(table, as_csv), (document, as_json)]
    if html is not None:
        from nebulift_daemon.report.page import as_html  # draws pictures: loads NumPy and OpenCV

        forms.append((html, as_html))
    for path, form in forms:
        if path == STDOUT:
            sys.stdout.write(form(found))
        elif path is not None:
            write_report(path, form(found))
            click.echo(f"written {path}", err=True)
