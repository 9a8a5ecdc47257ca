"""The daemon looks back when a session is over: once, beside everything else, and never in the way of a new frame."""

import os
import re
import signal
import socket
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from clouded_night import CLEAR, CLOUDED, CloudedNight
from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import Daemon, wait_until
from trees import names, read_files

from nebulift.config import settings_for
from nebulift.session.grouping import GAP
from nebulift.settings import Regrade
from nebulift.verdict import Label
from nebulift_daemon import lookback, service
from nebulift_daemon.filing import Act
from nebulift_daemon.judge_messages import JudgeOptions
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.lookback import AFTER_START_S, LOOK_EVERY_S, MOST_TRIES, QUIET_S, Lookback
from nebulift_daemon.regrade_order import Order, order_line, read_order
from nebulift_daemon.state_folder import REGRADE_LOCK_NAME, StateLock

NO_MODEL = JudgeOptions(model="none", judge="fake_judge:judge")
MODES = ["propose", "apply", "off"]


class Judge:
    """Notes when it makes room and when it comes back; the real one is in test_judge_process.py."""

    def __init__(self):
        self.calls = []

    def close(self):
        self.calls.append("close")

    def start(self):
        self.calls.append("start")


class Watch:
    """A Lookback over a clouded night, its clock in our hands."""

    def __init__(self, base, *, apply=False, options=NO_MODEL, night=None):
        self.night = night or CloudedNight(base)
        self.seconds = 1000.0
        self.judge = Judge()
        self.order = Order(
            self.night.root, self.night.state, dict.fromkeys(Label, Act.LINK), {self.night.capture: ""}, apply
        )
        self.options = options
        self.start()

    def start(self, later=timedelta(0)):
        """As a daemon does that begins so much later."""
        self.lookback = Lookback(
            self.night.ledger,
            self.order,
            self.options,
            clock=lambda: self.seconds,
            now=lambda: datetime.now(UTC) + later,
        )

    def wait(self, seconds):
        self.seconds += seconds
        self.lookback.turn(self.judge)

    def finish(self):
        """Let the process come to its end."""
        process = self.lookback._process
        process.wait(60)
        self.wait(LOOK_EVERY_S)
        assert self.lookback.night is None


@pytest.fixture
def watch(tmp_path):
    watch = Watch(tmp_path)
    yield watch
    watch.lookback.close()
    watch.night.ledger.close()


def test_a_session_is_over_when_the_sessions_say_so():
    assert GAP.total_seconds() == QUIET_S


def test_after_an_hour_without_frames_the_night_is_looked_back_on_and_proposed(watch):
    tree, rows = read_files(watch.night.root), watch.night.rows()
    assert QUIET_S - 60 < watch.lookback.due_in_s() <= QUIET_S
    watch.wait(QUIET_S - 60)
    assert watch.judge.calls == []
    watch.wait(60)
    assert watch.judge.calls == ["close"]  # its memory is free before ours is taken
    assert watch.lookback.due_in_s() == LOOK_EVERY_S
    watch.finish()
    assert watch.judge.calls == ["close", "start"]
    assert watch.night.ledger.regrades.waiting()[0][1] == len(CLOUDED)
    assert (read_files(watch.night.root), watch.night.rows()) == (tree, rows)
    assert watch.lookback.due_in_s() is None  # idle costs nothing


def test_each_frame_begins_the_hour_anew(watch):
    watch.wait(QUIET_S - 10)
    watch.lookback.note()
    assert watch.lookback.due_in_s() == QUIET_S
    watch.wait(QUIET_S - 10)
    assert watch.judge.calls == []


def test_it_is_done_once_and_again_only_when_frames_have_come(watch):
    watch.wait(QUIET_S)
    watch.finish()
    watch.start()
    assert watch.lookback.due_in_s() is None  # a restart does not forget it
    late = watch.night.capture / "M31/late.fits"
    late.write_bytes((watch.night.capture / "M31" / CLEAR[-1]).read_bytes())
    watch.night.sort()
    watch.lookback.note()
    watch.wait(QUIET_S)
    assert watch.lookback.night is not None
    watch.finish()


def next_evening(night):
    """The clear frames once more, taken a day later."""
    for name in CLEAR:
        content = (night.capture / "M31" / name).read_bytes()
        taken = re.search(rb"DATE-OBS= '(\d{4}-\d\d-\d\d)T", content)
        day = (date.fromisoformat(taken[1].decode()) + timedelta(days=1)).isoformat().encode()
        night.put(f"M31/next {name}", content[: taken.start(1)] + day + content[taken.end(1) :])
    night.sort()


def test_a_night_whose_end_was_slept_through_is_looked_back_on_after_the_next_one_and_once(watch):
    next_evening(watch.night)
    watch.wait(QUIET_S)
    nights = [watch.lookback.night]
    watch.finish()
    assert watch.night.ledger.regrades.waiting() == []  # the newest night is clear
    watch.wait(0)
    nights.append(watch.lookback.night)
    watch.finish()
    assert date.fromisoformat(nights[0]) - date.fromisoformat(nights[1]) == timedelta(days=1)
    assert watch.night.ledger.regrades.waiting() == [(nights[1], len(CLOUDED))]
    assert watch.lookback.due_in_s() is None
    watch.start()
    assert watch.lookback.due_in_s() is None  # a restart does not forget it


def test_only_the_newest_nights_are_looked_back_on(watch, monkeypatch):
    monkeypatch.setattr(lookback, "MOST_NIGHTS", 1)
    next_evening(watch.night)
    watch.wait(QUIET_S)
    watch.finish()
    assert watch.lookback.due_in_s() is None
    assert watch.night.ledger.regrades.waiting() == []


def test_a_daemon_that_starts_long_after_does_not_wait_another_hour(watch):
    watch.start(later=timedelta(minutes=50))
    assert QUIET_S / 6 - 60 < watch.lookback.due_in_s() <= QUIET_S / 6
    watch.start(later=timedelta(days=1))
    assert watch.lookback.due_in_s() == AFTER_START_S
    watch.start(later=timedelta(days=-1))  # a clock that jumped back
    assert watch.lookback.due_in_s() == QUIET_S


def test_a_new_frame_ends_it_at_once_and_it_goes_on_later(watch):
    watch.wait(QUIET_S)
    process = watch.lookback._process
    watch.lookback.give_way()
    assert process.returncode == -signal.SIGKILL
    assert watch.lookback.due_in_s() == QUIET_S
    for _ in range(MOST_TRIES + 1):  # that is no failure, however often it happens
        watch.wait(QUIET_S)
        watch.lookback.give_way()
    watch.wait(QUIET_S)
    watch.finish()
    assert watch.night.ledger.regrades.waiting()[0][1] == len(CLOUDED)


def test_a_restart_in_the_middle_begins_it_again(watch):
    watch.wait(QUIET_S)
    os.kill(watch.lookback._process.pid, signal.SIGKILL)
    watch.lookback.close()
    watch.start(later=timedelta(hours=2))
    assert watch.lookback.due_in_s() == AFTER_START_S
    watch.wait(AFTER_START_S)
    watch.finish()
    assert watch.night.ledger.regrades.waiting()[0][1] == len(CLOUDED)


def test_apply_files_them_anew_and_undo_takes_it_back(tmp_path):
    watch = Watch(tmp_path, apply=True)
    tree, rows = read_files(watch.night.root), watch.night.rows()
    watch.wait(QUIET_S)
    watch.finish()
    assert [name for name in names(watch.night.root) if name.startswith("contaminated")] == [
        f"contaminated/M31/{name}" for name in CLOUDED
    ]
    assert watch.night.tree.notice() == []
    assert watch.night.undo(watch.night.regrades()) == []
    assert (read_files(watch.night.root), watch.night.rows()) == (tree, rows)
    watch.lookback.note()
    watch.wait(QUIET_S)
    assert watch.lookback.night is None  # a person took it back: it is not done again
    watch.night.ledger.close()


def test_what_cannot_be_done_is_told_and_not_tried_for_ever(tmp_path):
    watch = Watch(tmp_path, options=JudgeOptions(model="/nowhere.onnx"))
    tries = 0
    watch.wait(QUIET_S)
    while watch.lookback.night is not None:
        tries += 1
        watch.finish()
        assert "/nowhere.onnx: no such file" in watch.lookback.trouble
        watch.wait(lookback.AGAIN_S)
    assert tries == MOST_TRIES
    assert watch.lookback.due_in_s() is None
    watch.night.ledger.close()


def test_a_process_that_dies_is_told_with_its_last_words(watch):
    watch.wait(QUIET_S)
    watch.lookback._process.kill()
    watch.finish()
    assert "the process ended with status -9" in watch.lookback.trouble


def test_it_waits_for_a_person_who_is_at_it(watch):
    with StateLock(watch.night.state, REGRADE_LOCK_NAME):
        watch.wait(QUIET_S)
        watch.finish()
    assert "is looking back on a night" in watch.lookback.trouble
    watch.wait(lookback.AGAIN_S)
    watch.finish()
    assert watch.lookback.trouble is None


def test_an_order_survives_its_journey(tmp_path):
    order = Order(tmp_path / "out\udcff", tmp_path, dict.fromkeys(Label, Act.MOVE), {tmp_path / "cap": "cap"}, True)
    assert read_order(order_line(order, "2026-03-14")) == (order, "2026-03-14")


def test_the_process_looking_back_takes_no_more_memory_than_it_may(tmp_path):
    watch = Watch(tmp_path, options=JudgeOptions(model="none", memory_mb=50))
    watch.wait(QUIET_S)
    watch.finish()
    assert "memory" in watch.lookback.trouble
    watch.night.ledger.close()


def test_without_a_ledger_of_frames_nothing_is_due(tmp_path):
    ledger = Ledger.open(tmp_path)
    order = Order(tmp_path / "out", tmp_path, dict.fromkeys(Label, Act.LINK), {}, False)
    assert Lookback(ledger, order, NO_MODEL).due_in_s() is None
    ledger.close()


# ---- the daemon as a whole


def an_hour_ago(night):
    """The ledger as it is when the last frame was judged more than an hour ago."""
    past = (datetime.now(UTC) - timedelta(minutes=61)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    with night.ledger._database.transaction() as writing:
        writing.change("UPDATE frames SET judged_at = ?", (past,))
    night.ledger.close()


def daemon_of(base, mode, **sections):
    night = CloudedNight(base)
    an_hour_ago(night)
    return night, Daemon(base, model={"path": "none"}, regrade={"at_session_end": mode}, **sections)


@pytest.mark.timeout(120)
def test_the_daemon_proposes_at_the_end_of_the_session_and_a_person_applies(nebulift, tmp_path):  # noqa: F811
    night, daemon = daemon_of(tmp_path, "propose")
    tree = read_files(night.root)
    with daemon:
        wait_until(lambda: "3 would be graded otherwise; see `nebulift regrade`" in daemon.text(), 60)
        assert read_files(night.root) == tree
        assert "3 frames of the night of" in nebulift("status", "--config", daemon.config).out
        called = nebulift("regrade", "--apply", "--config", daemon.config)  # beside the daemon
        assert (called.status, called.out.count("->")) == (0, len(CLOUDED))
        assert daemon.stop() == 0
    night.open()
    assert night.tree.notice() == []
    assert night.ledger.history.labels() == []
    assert {night.labels()[name] for name in CLOUDED} == {"contaminated"}
    night.ledger.close()


def worker_of(daemon):
    """The process that looks back, by its command line; ``None`` while there is none."""
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    mine = [pid for pid in map(int, children) if b"regrade_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return mine[0] if mine else None


@pytest.mark.timeout(120)
def test_the_daemon_makes_up_for_a_night_whose_end_it_did_not_see(tmp_path):
    night = CloudedNight(tmp_path)
    next_evening(night)
    an_hour_ago(night)
    with Daemon(tmp_path, model={"path": "none"}, regrade={"at_session_end": "propose"}) as daemon:
        wait_until(lambda: daemon.text().count("looked back on") == 2, 60)
        assert daemon.stop() == 0
    assert daemon.text().count(f"{len(CLOUDED)} would be graded otherwise") == 1
    with daemon:  # and that once
        daemon.stop()
    assert daemon.text().count("looking back on") == 2


@pytest.mark.timeout(120)
def test_a_frame_that_comes_meanwhile_is_judged_at_once(tmp_path):
    night, daemon = daemon_of(tmp_path, "apply")
    late = (night.capture / "M31" / CLEAR[-1]).read_bytes()
    with daemon:
        worker = wait_until(lambda: worker_of(daemon), 60)
        os.kill(worker, signal.SIGSTOP)  # it would never finish
        (night.capture / "late.fits").write_bytes(late + b" " * 2880)
        wait_until(lambda: "late.fits  " in daemon.text(), 60)
        assert "waits: a new frame is there" in daemon.text()
        assert worker_of(daemon) is None
        assert daemon.stop() == 0


@pytest.mark.timeout(120)
def test_systemd_hears_of_the_daemon_while_it_looks_back(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        heard = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
        _, daemon = daemon_of(tmp_path, "propose", environment=heard)
        with daemon:
            worker = wait_until(lambda: worker_of(daemon), 60)
            os.kill(worker, signal.SIGSTOP)
            systemd.setblocking(False)
            with suppress(BlockingIOError):
                while systemd.recv(4096):
                    pass
            systemd.settimeout(30)
            assert [systemd.recv(4096) for _ in range(3)].count(b"WATCHDOG=1") >= 2
            assert daemon.stop() == 0
    assert not Path(f"/proc/{worker}").exists()  # it outlives nobody


def test_the_configuration_may_forbid_it(tmp_path):
    night = CloudedNight(tmp_path)
    settings = settings_for(night.capture, night.root, state=night.state)
    wanted = {
        mode: service._lookback(replace(settings, regrade=Regrade(at_session_end=mode)), night.ledger) for mode in MODES
    }
    assert [mode for mode, made in wanted.items() if made is None] == ["off"]
    night.ledger.close()
