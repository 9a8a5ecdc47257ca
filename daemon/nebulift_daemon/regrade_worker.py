"""Looks back on one night: ``python -m nebulift_daemon.regrade_worker``, started by ``lookback``.

It alone measures and judges, with the lowest priority and within a memory limit, and may be killed at any moment.
"""

import os
import sys
from datetime import date

from nebulift.errors import NebuliftError
from nebulift.freed_memory import keep_freed_memory
from nebulift_daemon.judge_messages import JudgeOptions, read_first_line
from nebulift_daemon.judging_process import limit_memory, live_and_die_with_parent
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.nights import night_on, zone_of_site
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.regrade import Wanted, look_back
from nebulift_daemon.regrade_filing import finish_interrupted, places_of
from nebulift_daemon.regrade_order import Order, Report, read_order, report_line
from nebulift_daemon.state_folder import REGRADE_LOCK_NAME, StateLock

NICENESS = 19  # everything else comes first
BUSY = "is looking back on a night; the daemon tries again later"


def work(order: Order, night: str, options: JudgeOptions) -> Report:
    """Look back on the night. Raises ``NebuliftError`` when that cannot be done now."""
    with StateLock(order.state, REGRADE_LOCK_NAME, BUSY):
        ledger = Ledger.open(order.state)
        try:
            places = places_of(OutputRoot(order.output, order.state), order.acts, order.subfolders)
            finish_interrupted(ledger, places)
            nights = (night_on(date.fromisoformat(night), zone_of_site(ledger)),)
            found = look_back(ledger, Wanted(nights, apply=order.apply, undone_too=False), options, places)
        finally:
            ledger.close()
    done = sum(change.is_done for change in found.changes)
    failed = sum(change.trouble is not None for change in found.changes)
    return Report(found.frames, len(found.changes) - done, done, len(found.troubles) + failed)


def main() -> None:
    """Read the order from stdin, say on stdout what came of it."""
    live_and_die_with_parent(NICENESS)
    keep_freed_memory()
    with os.fdopen(os.dup(1), "w", encoding="ascii") as answers:
        os.dup2(2, 1)  # what a library prints goes to stderr
        options, _ = read_first_line(sys.stdin.readline())
        order, night = read_order(sys.stdin.readline())
        limit_memory(options.memory_mb)
        try:
            report = work(order, night, options)
        except NebuliftError as error:
            report = Report(trouble=str(error))
        except MemoryError:
            report = Report(trouble=f"looking back takes more than {options.memory_mb} MB; raise [judge] memory_mb")
        answers.write(report_line(report) + "\n")


if __name__ == "__main__":
    main()
