"""Is the ledger sound, and does the daemon do well?"""

from collections.abc import Iterator
from pathlib import Path

from nebulift.doctor.check import Check, fail, ok, warn
from nebulift_daemon.ledger import LEDGER_NAME, has_ledger
from nebulift_daemon.ledger.database import read_without_touching
from nebulift_daemon.printing import one_line
from nebulift_daemon.state_folder import read_status, running_process

TOPIC = "ledger"


def ledger_checks(state_folder: Path) -> Iterator[Check]:
    """The ledger, read only, and what the daemon says of itself."""
    if not has_ledger(state_folder):
        yield ok(TOPIC, f"{state_folder}: no ledger yet; the first start makes one")
        return
    ledger = state_folder / LEDGER_NAME
    if read_without_touching(ledger, "PRAGMA quick_check(1)") == [("ok",)]:
        ((frames,),) = read_without_touching(ledger, "SELECT count(*) FROM frames") or [(0,)]
        yield ok(TOPIC, f"{ledger}: sound, {frames} frames in {ledger.stat().st_size / 1e6:.1f} MB")
    else:
        yield fail(
            TOPIC,
            f"{ledger}: cannot be read or is damaged",
            "check its disk and permissions; a damaged ledger is set aside and built anew at the next start",
        )
    yield from _daemon(state_folder)


def _daemon(state_folder: Path) -> Iterator[Check]:
    process = running_process(state_folder)
    if process is None:
        yield warn(TOPIC, "no daemon is running with this state folder", "sudo systemctl start nebulift")
        return
    problems = (read_status(state_folder) or {}).get("problems") or []
    yield ok(TOPIC, f"the daemon is running (process {process})")
    for problem in problems:
        yield warn(TOPIC, f"the daemon says: {one_line(problem)}")
