"""Health is measured at the output: a daemon that looks alive and sorts nothing is red."""

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import Daemon, wait_until
from trees import frame, make_files
from workbench import Workbench

from nebulift_daemon.health import Health
from nebulift_daemon.standstill import STANDSTILL_S, standstill
from nebulift_daemon.vital_signs import health_in_short

LONG_S = 2 * STANDSTILL_S


@pytest.fixture
def bench(tmp_path):
    bench = Workbench(tmp_path)
    yield bench
    bench.ledger.close()


def later(seconds=LONG_S):
    return datetime.now(UTC) + timedelta(seconds=seconds)


def put_long_ago(path):
    os.utime(path, (time.time() - LONG_S, time.time() - LONG_S))


def test_a_frame_that_nobody_takes_is_a_standstill_once_it_is_old(bench):
    path = bench.put("a.fits", "clean")
    assert standstill(bench.ledger, [bench.capture], datetime.now(UTC)) is None
    found = standstill(bench.ledger, [bench.capture], later())
    assert (found.frame, found.last) == (path, None)
    assert "a.fits waits since" in str(found)
    assert "no frame has ever come out" in str(found)


def test_a_backlog_that_is_being_worked_off_is_none(bench):
    bench.put("a.fits", "clean")
    bench.sort()
    put_long_ago(bench.put("old.fits", "contaminated"))
    assert standstill(bench.ledger, [bench.capture], datetime.now(UTC)) is None
    assert standstill(bench.ledger, [bench.capture], later()).last is not None


def test_when_everything_is_sorted_silence_is_no_standstill(bench):
    bench.put("a.fits", "clean")
    bench.sort()
    assert standstill(bench.ledger, [bench.capture], later(1e6)) is None


def test_a_frame_that_cannot_be_filed_for_long_is_one(bench):
    bench.put("a.fits", "clean")
    bench.root.joinpath(".nebulift-root").unlink()
    assert bench.sort() == {"a.fits": "WAITING"}
    assert standstill(bench.ledger, [bench.capture], later()).frame.name == "a.fits"


def test_a_frame_of_no_calendar_s_time_and_a_folder_that_is_gone_do_no_harm(bench):
    path = bench.put("a.fits", "clean")
    os.utime(path, (2**33, 2**33))
    assert standstill(bench.ledger, [bench.capture, bench.base / "gone"], later()) is None


class Spoken:
    """systemd's ear."""

    ping_every_s = 1.0

    def __init__(self):
        self.pings = 0

    def ping(self):
        self.pings += 1


def test_systemd_hears_nothing_while_frames_wait_and_none_has_its_turn():
    now, spoken, waiting = [0.0], Spoken(), [True]
    health = Health(None, None, None, spoken, {}, clock=lambda: now[0])
    health.expect_progress(lambda: waiting[0])

    def pings_after(seconds):
        before, now[0] = spoken.pings, now[0] + seconds
        health.ping()
        return spoken.pings - before

    assert pings_after(STANDSTILL_S - 1) == 1
    assert pings_after(2) == 0  # frames wait, and none has had its turn
    health.progress()
    assert pings_after(10) == 1
    waiting[0] = False
    assert pings_after(LONG_S) == 1  # a quiet day is no standstill
    waiting[0] = True
    assert pings_after(10) == 1


@pytest.mark.fault(40)
def test_a_daemon_that_hangs_is_red_in_status_and_green_again(tmp_path, nebulift, figures):  # noqa: F811
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, {"a.fits": frame(b"CLEAN")})
        wait_until(lambda: (daemon.status().get("last") or {}).get("judged_at"))
        assert nebulift("status", "--config", daemon.config).status == 0
        os.kill(daemon.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED)
        called = nebulift("status", "--json", "--config", daemon.config)
        facts = json.loads(called.out)
        assert (called.status, facts["stalled"], facts["running"]) == (1, True, True)
        assert "is stopped by a signal" in facts["problems"][0]
        assert not health_in_short(facts)["ok"]
        assert str(tmp_path) not in json.dumps(health_in_short(facts))  # told to anybody who asks
        os.kill(daemon.process.pid, signal.SIGCONT)
        assert nebulift("status", "--config", daemon.config).status == 0
        text = nebulift("status", "--config", daemon.config).out
        assert "GB left" in text
        assert "to come     0 waiting, 0 not whole yet" in text
        figures(red="at once", green="at once")
