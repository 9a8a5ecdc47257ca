"""The ledger is damaged, locked, deleted under the daemon: the disk is the truth, and sorting goes on."""

import shutil
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager

import pytest
from daemon_process import Daemon, wait_until
from disks import card, needs_root
from fault_lines import seconds_since
from trees import census, frame, make_files

from nebulift_daemon.ledger.bell import ring

NIGHT = {f"{number}.fits": frame(word + b" %d" % number) for number, word in enumerate((b"CLEAN", b"TRAIL", b"DOUBT"))}
SORTED = ["clean/0.fits", "contaminated/1.fits", "review/2.fits"]


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    make_files(daemon.capture, NIGHT)
    with daemon:
        daemon.has_filed(*SORTED)
        yield daemon


def goes_on(daemon):
    """A new frame is sorted, and nothing that was sorted before appears a second time."""
    make_files(daemon.capture, {"new.fits": frame(b"CLEAN new")})
    daemon.has_filed("clean/new.fits", *SORTED)
    assert set(census(daemon.capture, daemon.output).values()) == {1}
    assert "Traceback" not in daemon.text()


def deleted(state):
    for path in state.iterdir():
        path.unlink()


def garbage(state):
    (state / "ledger.sqlite3").write_bytes(b"no database " * 1000)


@contextmanager
def locked(state):
    """A foreign program that holds the ledger's lock, once the daemon has given it up."""
    assert ring(state / "ledger.sqlite3-bell")
    with closing(sqlite3.connect(state / "ledger.sqlite3", isolation_level=None, timeout=10)) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        yield blocker


def half(state):
    content = (state / "ledger.sqlite3").read_bytes()
    (state / "ledger.sqlite3").write_bytes(content[: len(content) // 2])


@pytest.mark.fault(34)
@pytest.mark.parametrize("damage", [deleted, half])
def test_a_ledger_lost_while_we_are_stopped_is_rebuilt(daemon, damage):
    daemon.stop()
    damage(daemon.state)
    with daemon:
        goes_on(daemon)


@pytest.mark.fault(34)
@pytest.mark.parametrize("damage", [deleted, garbage])
def test_a_ledger_lost_while_we_run_is_rebuilt(daemon, damage):
    damage(daemon.state)
    goes_on(daemon)


@pytest.mark.fault(34)
@pytest.mark.parametrize("act", ["link", pytest.param("move", marks=pytest.mark.slow)])
def test_a_ledger_that_was_rolled_back_doubles_and_forgets_nothing(tmp_path, figures, act):
    """The state folder's disk shows an older day, as after a restored backup or a card that lied about its flushes."""
    daemon, backup = Daemon(tmp_path, filing=dict.fromkeys(("clean", "contaminated", "review"), act)), tmp_path / "old"
    make_files(daemon.capture, NIGHT)
    with daemon:
        daemon.has_filed(*SORTED)
        daemon.stop()
        shutil.copytree(daemon.state, backup)
    with daemon:
        make_files(daemon.capture, {f"late{number}.fits": frame(b"TRAIL late %d" % number) for number in range(5)})
        daemon.has_filed(*SORTED, *(late := [f"contaminated/late{number}.fits" for number in range(5)]))
        daemon.stop()
    shutil.rmtree(daemon.state)
    shutil.copytree(backup, daemon.state)
    with daemon:
        make_files(daemon.capture, {"new.fits": frame(b"CLEAN new")})
        daemon.has_filed(*SORTED, *late, "clean/new.fits")
        daemon.stop()
    seen = census(daemon.capture, daemon.output)
    figures(frames=9, lost=9 - len(seen), doubled=sum(seen.values()) - len(seen))
    assert len(seen) == sum(seen.values()) == 9


@needs_root
@pytest.mark.slow
@pytest.mark.fault(34)
def test_a_ledger_that_cannot_be_written_is_told_of_and_waited_for(tmp_path, figures):
    with card(tmp_path / "card.img", tmp_path / "card"), Daemon(tmp_path / "card") as daemon:
        daemon.stop()
        files = [path for path in daemon.state.iterdir() if path.name.startswith("ledger")]
        if subprocess.run(["chattr", "+i", *files], check=False, capture_output=True).returncode:
            pytest.skip("this kernel knows no immutable files")
        try:
            daemon.start()
            make_files(daemon.capture, {"a.fits": frame()})
            wait_until(lambda: "the ledger cannot be" in daemon.text())
            assert daemon.process.poll() is None
        finally:
            subprocess.run(["chattr", "-i", *files], check=True)
        started = time.monotonic()
        daemon.has_filed("clean/a.fits")
        figures(lost=0, resumed_after_s=seconds_since(started))
        daemon.stop()


@pytest.mark.fault(35)
def test_a_locked_ledger_is_waited_for_and_no_frame_is_judged_twice(daemon):
    with locked(daemon.state) as blocker:
        make_files(daemon.capture, {"new.fits": frame(b"CLEAN new")})
        wait_until(lambda: "the ledger cannot be used (database is locked)" in daemon.text())
        assert daemon.filed() == SORTED
        blocker.execute("COMMIT")
    goes_on(daemon)
    daemon.stop()
    assert daemon.text().count("new.fits  ") == 1


@pytest.mark.fault(35)
@pytest.mark.slow
def test_a_locked_ledger_does_not_keep_us_from_stopping(daemon):
    with locked(daemon.state):
        make_files(daemon.capture, {"new.fits": frame(b"CLEAN new")})
        wait_until(lambda: "database is locked" in daemon.text())
        assert daemon.stop(15) == 0
