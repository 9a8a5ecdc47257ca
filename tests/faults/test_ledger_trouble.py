"""The ledger is damaged, locked, deleted under the daemon: the disk is the truth, and sorting goes on."""

import sqlite3

import pytest
from daemon_process import Daemon, wait_until
from trees import census, frame, make_files

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


@pytest.mark.fault(35)
def test_a_locked_ledger_is_waited_for_and_no_frame_is_judged_twice(daemon):
    with sqlite3.connect(daemon.state / "ledger.sqlite3", isolation_level=None) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        make_files(daemon.capture, {"new.fits": frame(b"CLEAN new")})
        wait_until(lambda: "the ledger cannot be used (database is locked)" in daemon.text())
        assert daemon.filed() == SORTED
        blocker.execute("COMMIT")
    blocker.close()
    goes_on(daemon)
    daemon.stop()
    assert daemon.text().count("new.fits  ") == 1


@pytest.mark.fault(35)
@pytest.mark.slow
def test_a_locked_ledger_does_not_keep_us_from_stopping(daemon):
    with sqlite3.connect(daemon.state / "ledger.sqlite3", isolation_level=None) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        make_files(daemon.capture, {"new.fits": frame(b"CLEAN new")})
        wait_until(lambda: "database is locked" in daemon.text())
        assert daemon.stop(15) == 0
        blocker.execute("COMMIT")
    blocker.close()
