"""Writes the newest night's report as a process of the daemon's, and says in one JSON line what was written."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from nebulift.errors import NebuliftError
from nebulift_daemon.judging_process import live_and_die_with_parent
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.nights import last_night, zone_of_site
from nebulift_daemon.report.night_report import NightReport, gather
from nebulift_daemon.report.page import as_html
from nebulift_daemon.report.summary import summary
from nebulift_daemon.report.writing import write_report

NICENESS = 10  # the judge comes first


def main() -> None:
    """Arguments: state folder, folder of the reports."""
    live_and_die_with_parent(NICENESS)
    state, reports = map(Path, sys.argv[1:3])
    try:
        report = _newest(state)
        path = reports / f"{report.night.evening}.html"
        write_report(path, as_html(report))
    except NebuliftError as error:
        sys.exit(str(error))
    night = report.night.evening.isoformat()
    sys.stdout.write(json.dumps({"night": night, "text": summary(report), "report": str(path)}) + "\n")


def _newest(state: Path) -> NightReport:
    ledger = Ledger.open(state)
    try:
        zone = zone_of_site(ledger)
        night = last_night(ledger, zone)
        if night is None:
            raise NebuliftError(f"{state}: no frame was judged yet; there is nothing to report")
        return gather(ledger, night, zone, datetime.now(UTC))
    finally:
        ledger.close()


if __name__ == "__main__":
    main()
