"""The daemon: everything put together in the right order, and taken apart again."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from nebulift import __version__
from nebulift.errors import LedgerError
from nebulift.readers.fits_header import is_complete
from nebulift.settings import Settings
from nebulift_daemon.assembly import Parts, Workplace, filing_acts, judge_options, put_together
from nebulift_daemon.company import Company, company_of, tell_of_crash
from nebulift_daemon.health import Health
from nebulift_daemon.intake import Intake
from nebulift_daemon.judge_client import JudgeUnavailable, tell_of_model
from nebulift_daemon.judge_messages import DEFAULT_JUDGE
from nebulift_daemon.ledger import FrameRow, Ledger, utc_now
from nebulift_daemon.lookback import Lookback
from nebulift_daemon.loop import Chores, Loop
from nebulift_daemon.mounts import mount_of, mount_table
from nebulift_daemon.naming import subfolder_names
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.patience import Alarm, insist
from nebulift_daemon.regrade_filing import finish_interrupted, places_of
from nebulift_daemon.regrade_order import Order
from nebulift_daemon.rejections import Rejections
from nebulift_daemon.reviews import OutputTree
from nebulift_daemon.settler import Settler
from nebulift_daemon.state_folder import REGRADE_LOCK_NAME, AlreadyRunning, StateLock, StatusFile, folder_in_memory
from nebulift_daemon.systemd import Systemd
from nebulift_daemon.watcher import Watcher
from nebulift_daemon.whole import ignore_lease_breaks, writer_test

BUSY_TIMEOUT_S = 2.0  # a locked ledger must not keep us from stopping in time; waiting goes on in `insist`

log = logging.getLogger(__name__)


def run_service(
    settings: Settings, *, announce: Callable[[FrameRow], None], judge: str = DEFAULT_JUDGE, once: bool = False
) -> int:
    """Watch, judge and file until told to stop; the exit status: 1 when ``once`` met frames that cannot be read.

    ``announce`` gets every frame with its verdict; ``once`` ends the work as soon as nothing is left to do; ``judge``
    (module:function) is replaced in tests. Raises ``NebuliftError`` when the work cannot even begin.
    """
    alarm = Alarm()
    began = utc_now()
    with StateLock(settings.output.state_folder):
        alarm.stop_on_signals()
        ignore_lease_breaks()
        try:
            with _open_ledger(settings, alarm) as ledger:
                _work(settings, ledger, alarm, announce, judge, once=once)
                unreadable = ledger.frames.counts(began).get("unreadable", 0) if once else 0
        except LedgerError:
            if not alarm.stopping:
                raise
            unreadable = 0  # it was locked when we were told to stop: frames wait for the next start
    return 1 if unreadable else 0


@contextmanager
def _open_ledger(settings: Settings, alarm: Alarm) -> Iterator[Ledger]:
    folder = settings.output.state_folder
    ledger = insist(lambda: Ledger.open_for_daemon(folder, busy_timeout_s=BUSY_TIMEOUT_S), alarm.pause)
    try:
        yield ledger
    finally:
        ledger.close()


def _work(
    settings: Settings,
    ledger: Ledger,
    alarm: Alarm,
    announce: Callable[[FrameRow], None],
    judge: str,
    *,
    once: bool,
) -> None:
    output = _prepared_output(settings, ledger, alarm)
    systemd = Systemd()
    company = Company() if once else _company(settings, ledger, alarm)
    status = StatusFile(settings.output.state_folder, in_memory=folder_in_memory())
    health = Health(ledger, output, status, systemd, _lasting_facts(settings), listener=company.note_status)
    watch = settings.watch
    watcher = Watcher(watch.folders, rescan_s=watch.rescan_s, polling=watch.polling, wake=alarm.ring)
    is_being_written = writer_test(watcher.is_remote)
    lookback = None if once else insist(partial(_lookback, settings, ledger), alarm.pause)

    def keep_going() -> bool:
        health.ping()  # asked only by work that gets on, or that ends by a deadline of its own
        ledger.hear()
        return not alarm.stopping

    def pause(seconds: float) -> bool:
        health.ping()  # what we wait for, a locked ledger, is not mended by a restart
        return alarm.pause(seconds)

    def noted(row: FrameRow) -> None:
        health.note(row)
        if lookback is not None:
            lookback.note()
        company.note(row)
        announce(row)

    workplace = Workplace(keep_going, pause, noted, is_being_written, judge)
    parts = insist(partial(put_together, settings, ledger, output, workplace), alarm.pause)
    settler = Settler(watch.settle_s, watch.give_up_s, is_being_written, is_complete)
    intake = Intake(ledger, watcher, settler, watch.folders, alive=keep_going)
    chores = Chores(OutputTree(ledger, output), Rejections(ledger, output), lookback, company, ledger)
    loop = Loop(parts, watcher, intake, chores, health, alarm, keep_going, once=once)
    health.expect_progress(lambda: len(intake) > 0)
    try:
        _start_judge(parts)
        _look_first(intake, watcher, watch.folders, alarm)
        systemd.ready()
        loop.run()
    finally:
        systemd.stopping()
        _close(parts, lookback, watcher, company)
        health.tell(lambda: loop.state() | {"stopped_at": utc_now()}, last_words=True)


def _company(settings: Settings, ledger: Ledger, alarm: Alarm) -> Company:
    """The messenger and the page that work beside us; told that we are here, and whether we crashed before."""
    company = insist(partial(company_of, settings, ledger), alarm.pause)
    company.look(is_busy=True)
    tell_of_crash(company, settings)
    return company


def _close(parts: Parts, lookback: Lookback | None, watcher: Watcher, company: Company) -> None:
    with suppress(LedgerError):  # the newest frames of the session are then missing after the restart
        parts.sessions.save()
    if lookback is not None:
        lookback.close()
    parts.judge.close()
    watcher.close()
    company.close()


def _lookback(settings: Settings, ledger: Ledger) -> Lookback | None:
    """What looks back on the night when its session is over; ``None`` when nobody is to."""
    if settings.regrade.at_session_end == "off":
        return None
    order = Order(
        settings.output.root,
        settings.output.state_folder,
        filing_acts(settings),
        subfolder_names(settings.watch.folders),
        apply=settings.regrade.at_session_end == "apply",
    )
    return Lookback(ledger, order, judge_options(settings))


def _finish_regrades(settings: Settings, ledger: Ledger, output: OutputRoot) -> None:
    """What a crash cut short while frames were filed anew; left alone while another process is at that."""
    places = places_of(output, filing_acts(settings), subfolder_names(settings.watch.folders))
    with suppress(AlreadyRunning), StateLock(settings.output.state_folder, REGRADE_LOCK_NAME):
        if finished := finish_interrupted(ledger, places):
            log.info("finished the filing anew of %d frames that a crash had cut short", finished)


def _prepared_output(settings: Settings, ledger: Ledger, alarm: Alarm) -> OutputRoot:
    """Output root, marker and memory of folders; leftovers of a crash swept, hand-made moves noticed."""
    output, memory = OutputRoot(settings.output.root, settings.output.state_folder), ledger.memory
    output.begin(known=insist(lambda: memory.has_folder(output.path), alarm.pause))
    present = [folder for folder in settings.watch.folders if folder.is_dir()]
    insist(lambda: memory.keep_folders([output.path, *present]), alarm.pause)
    owner = insist(memory.identity, alarm.pause)
    _tell_of_copies(settings, present)
    if output.is_there():
        if swept := output.sweep(owner, *present):
            log.info("removed %d unfinished copies that a crash had left", swept)
        insist(partial(_finish_regrades, settings, ledger, output), alarm.pause)
        # before anything is filed: frames whose history was lost are recognised by the names they have there
        insist(lambda: OutputTree(ledger, output).notice(lambda: not alarm.stopping), alarm.pause)
    else:
        log.warning("%s: the output folder is not there; frames are judged and wait for its disk", output.path)
    return output


def _tell_of_copies(settings: Settings, present: Sequence[Path]) -> None:
    """A link cannot leave its disk: say that it will be a copy, which takes room and time."""
    root = settings.output.root
    if "link" not in settings.filing.by_label().values() or not root.is_dir():
        return
    table = mount_table()
    for folder in present:
        if root.stat().st_dev != folder.stat().st_dev:
            log.warning(
                "%s and %s are on different disks: frames are copied, not linked, and take room twice", folder, root
            )
        elif mount_of(root, table) != mount_of(folder, table):
            log.warning(
                "%s and %s are different mounts of one disk (two lines of the service's folders.conf?): frames are "
                "copied, not linked, and take room twice; see `nebulift doctor`",
                folder,
                root,
            )


def _look_first(intake: Intake, watcher: Watcher, folders: Sequence[Path], alarm: Alarm) -> None:
    insist(intake.look, alarm.pause)
    log.info("watching %s by %s", ", ".join(map(str, folders)), watcher.mode)


def _start_judge(parts: Parts) -> None:
    try:
        ready = parts.judge.start()
    except JudgeUnavailable as error:
        log.warning("%s", error)
        return
    if ready is not None:
        tell_of_model(ready)


def _lasting_facts(settings: Settings) -> dict[str, object]:
    return {
        "version": __version__,
        "pid": os.getpid(),
        "started_at": utc_now(),
        "watching": [str(folder) for folder in settings.watch.folders],
        "output": str(settings.output.root),
    }
