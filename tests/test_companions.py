"""Processes beside the daemon: they come again, they end with it however it ends, and it never waits for them."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from daemon_process import Daemon, wait_until
from synthetic_night import make_night
from trees import frame, make_files

from nebulift_daemon.companions import FIRST_PAUSE_S, LONGEST_PAUSE_S, Companion
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.night_end import QUIET_S, NightEnd


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_one_that_dies_comes_again_after_pauses_that_double_up_to_a_limit():
    clock = Clock()
    companion = Companion("the failing", "no_such_module", clock=clock)
    pauses = []
    for _ in range(8):
        companion.look()
        companion._process.wait()
        companion.look()
        assert companion.pid is None
        assert "the failing has ended with status 1" in companion.trouble
        pauses.append(companion.next_look_s())
        clock.now += pauses[-1]
    assert pauses == [min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S) for number in range(8)]
    companion.close()


def test_one_that_does_not_listen_holds_nobody_up(monkeypatch):
    companion = Companion("the deaf", "nebulift_daemon.web.process", ["x"])  # fails at once: too few arguments
    companion.look()
    started = time.monotonic()
    for _ in range(3000):
        companion.tell(b"x" * 1000 + b"\n")
    assert time.monotonic() - started < 5
    companion.close()
    assert companion.tell(b"late\n") is False


@pytest.fixture
def served(tmp_path):
    port = free_port()
    with Daemon(tmp_path, web={"serve": True, "listen": f"127.0.0.1:{port}"}) as daemon:
        wait_until(lambda: "review page: http://127.0.0.1" in daemon.text())
        yield daemon, f"http://127.0.0.1:{port}"


def is_open(address):
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def page_of(daemon):
    """The process of the review page."""
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    (pid,) = [pid for pid in children if b"web.process" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return int(pid)


def test_the_daemon_serves_the_page_and_it_stops_with_it(served):
    daemon, address = served
    make_files(daemon.capture, {"a.fits": frame(b"DOUBT")})
    daemon.has_filed("review/a.fits")
    assert is_open(address)
    assert daemon.stop() == 0
    assert not is_open(address)


def test_a_page_that_crashes_comes_again_and_filing_goes_on(served):
    daemon, address = served
    os.kill(page_of(daemon), signal.SIGKILL)
    make_files(daemon.capture, {"a.fits": frame(b"CLEAN")})
    daemon.has_filed("clean/a.fits")
    wait_until(lambda: "the review page: has ended with status -9" in daemon.text())
    wait_until(lambda: is_open(address), 30)


def test_a_daemon_that_is_killed_leaves_no_page_behind(served):
    daemon, address = served
    daemon.kill()
    wait_until(lambda: not is_open(address))


def test_a_port_that_is_taken_is_a_problem_and_frames_are_sorted_all_the_same(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as held:
        listen = f"127.0.0.1:{held.getsockname()[1]}"
        with Daemon(tmp_path, web={"serve": True, "listen": listen}) as daemon:
            make_files(daemon.capture, {"a.fits": frame(b"CLEAN")})
            daemon.has_filed("clean/a.fits")
            wait_until(lambda: any("the review page has ended" in text for text in daemon.status().get("problems", [])))
            assert "cannot listen there (Address already in use)" in daemon.text()


# -- the night's report ------------------------------------------------------------------------------------------------


def night_end(night, told, clock, **facts):
    ledger = Ledger.open(night.state)
    return ledger, NightEnd(ledger, night.state, night.state / "reports", told.append, clock=clock, **facts)


def run_through(end, clock, seconds):
    """Turn after turn, as the loop does."""
    until = clock.now + seconds
    while clock.now < until:
        due_s = end.due_in_s()
        if due_s is None:
            return
        if end._process is not None:
            end._process.wait()
        else:
            clock.now += due_s
        if clock.now <= until:
            end.turn()


def test_the_report_is_written_once_when_the_session_is_over_and_again_after_more_frames(tmp_path):
    night = make_night(tmp_path, ["clean", "contaminated", "review"], begin=datetime.now(UTC) - timedelta(minutes=10))
    told, clock = [], Clock()
    ledger, end = night_end(night, told, clock)
    assert end.due_in_s() > QUIET_S / 2
    run_through(end, clock, 2 * QUIET_S)
    (page,) = (night.state / "reports").iterdir()
    assert "<!doctype html>" in page.read_text()[:40]
    (news,) = told
    assert news.report == str(page)
    assert news.text.startswith("60 s usable, 1 clean, 1 contaminated, 1 to review")
    run_through(end, clock, 20 * QUIET_S)
    ledger.close()
    ledger, again = night_end(night, told, clock)
    assert again.due_in_s() is None, "a restart does not report it again"
    assert len(told) == 1
    again.note()
    with ledger._database.transaction() as writing:
        writing.change("UPDATE frames SET judged_at = '2999-01-01T00:00:00.000Z' WHERE id = 1")
    run_through(again, clock, 2 * QUIET_S)
    assert len(told) == 2
    ledger.close()


def test_a_report_that_cannot_be_written_is_a_trouble_and_given_up_after_some_tries(tmp_path):
    night = make_night(tmp_path, ["clean"], begin=datetime.now(UTC))
    (night.state / "reports").write_text("no folder")
    told, clock = [], Clock()
    ledger, end = night_end(night, told, clock)
    run_through(end, clock, 30 * QUIET_S)
    assert "could not be written" in end.trouble
    assert (end.due_in_s(), told) == (None, [])
    ledger.close()


def test_a_night_of_last_week_is_not_reported_at_the_next_start(tmp_path):
    night = make_night(tmp_path, ["clean"], begin=datetime.now(UTC) - timedelta(days=7))
    ledger, end = night_end(night, [], Clock(), now=lambda: datetime.now(UTC) + timedelta(days=2))
    assert end.due_in_s() is None
    ledger.close()


def test_the_process_that_writes_it_says_one_line_when_there_is_nothing(tmp_path):
    command = [sys.executable, "-m", "nebulift_daemon.report.process", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is nothing to report" in done.stderr
