"""kill -9 at any moment, in the middle of anything: no frame is lost, doubled, torn or forgotten."""

import os
import random
import sqlite3
import time

import pytest
from daemon_process import Daemon, wait_until
from disks import needs_root, tmpfs
from trees import census, frame, make_files, names

MOVE = {"clean": "move", "contaminated": "move", "review": "move"}


def storm(daemon, kills, seed):
    """Frames come in while the daemon is killed again and again; what was put in, by number."""
    dice = random.Random(seed)
    words = [b"CLEAN", b"TRAIL", b"DOUBT"]
    number = 0
    for _ in range(kills):
        for _ in range(6):
            make_files(
                daemon.capture, {f"M{number % 3}": {f"{number:04}.fits": frame(words[number % 3] + b" %d" % number)}}
            )
            number += 1
        daemon.start()
        before = len(daemon.filed())
        deadline = time.monotonic() + 5
        if dice.random() < 0.7:  # the moment a name appears is the most interesting one
            while len(daemon.filed()) <= before and time.monotonic() < deadline:
                time.sleep(0.001)
        time.sleep(dice.random() * 0.05)
        daemon.kill()
        assert not torn_files(daemon)
    return number


def torn_files(daemon):
    """Final names below which no whole frame lies."""
    return [name for name in daemon.filed() if (daemon.output / name).stat().st_size != len(frame())]


def survives(daemon, kills, seed, figures):
    number = storm(daemon, kills, seed)
    with daemon:
        wait_until(lambda: len(daemon.filed()) == number, 60 + number / 4)
        assert names(daemon.capture) == []
        found = census(daemon.output)
        assert len(found) == number
        assert set(found.values()) == {1}
        wait_until(lambda: not list(daemon.output.rglob(".nebulift-*.part")))
        assert daemon.stop() == 0
    with sqlite3.connect(daemon.state / "ledger.sqlite3") as ledger:
        assert ledger.execute("SELECT count(*) FROM frames WHERE state = 'filed'").fetchone() == (number,)
    ledger.close()
    assert not list(daemon.state.glob("*.damaged-*"))
    figures(kills=kills, frames=number, lost=number - len(found), doubled=sum(found.values()) - len(found), torn=0)


@pytest.mark.fault(20)
def test_a_storm_of_kills_loses_and_doubles_nothing(tmp_path, figures):
    survives(Daemon(tmp_path, filing=MOVE), 8, 1, figures)


@pytest.mark.fault(21)
@needs_root
def test_a_storm_of_kills_across_disks_loses_and_doubles_nothing(tmp_path, figures):
    with tmpfs(tmp_path / "out", "size=64m"):
        survives(Daemon(tmp_path, filing=MOVE), 7, 2, figures)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.fault(20)
def test_a_long_storm_of_kills_loses_and_doubles_nothing(tmp_path, figures):
    survives(Daemon(tmp_path, filing=MOVE), 200, 3, figures)


@needs_root
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.fault(21)
def test_a_long_storm_of_kills_across_disks_loses_and_doubles_nothing(tmp_path, figures):
    with tmpfs(tmp_path / "out", "size=64m"):
        survives(Daemon(tmp_path, filing=MOVE), 200, 4, figures)


def test_a_copy_that_a_crash_left_unfinished_is_swept_away(tmp_path):
    daemon = Daemon(tmp_path)
    with daemon:
        make_files(daemon.capture, {"a.fits": frame()})
        daemon.has_filed("clean/a.fits")
        daemon.stop()
    with sqlite3.connect(daemon.state / "ledger.sqlite3") as ledger:
        ((owner,),) = ledger.execute("SELECT value FROM facts WHERE name = 'identity'").fetchall()
    ledger.close()
    dead = 4_194_303
    make_files(
        daemon.output / "clean",
        {
            f".nebulift-{owner[:12]}-{dead}-1.part": b"half",
            f".nebulift-{'0' * 12}-{dead}-1.part": b"another daemon's",
            f".nebulift-{owner[:12]}-{os.getpid()}-1.part": b"of a process at work",
        },
    )
    with daemon:
        assert sorted(path.read_bytes() for path in daemon.output.rglob("*.part")) == [
            b"another daemon's",
            b"of a process at work",
        ]
