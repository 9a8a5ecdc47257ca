"""The daemon as a whole, as a real process: what it sorts, how it starts and stops, what it says about itself."""

import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from daemon_process import Daemon, wait_until
from trees import census, frame, make_files, names, read_files

from nebulift_daemon.ledger import Ledger
from nebulift_daemon.logs import ConsoleFormatter, JsonFormatter, RepeatFilter, logging
from nebulift_daemon.printing import one_line
from nebulift_daemon.systemd import Systemd

NIGHT = {"M31": {"Light": {"a.fits": frame(b"CLEAN"), "b.fits": frame(b"TRAIL"), "c.fits": frame(b"DOUBT")}}}
SORTED = ["clean/M31/Light/a.fits", "contaminated/M31/Light/b.fits", "review/M31/Light/c.fits"]


def test_frames_are_sorted_and_the_capture_folder_stays_as_it_was(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, NIGHT)
        daemon.has_filed(*SORTED)
        assert read_files(daemon.capture, hidden=True) == NIGHT
        assert daemon.stop() == 0
    assert "contaminated  0.10  b.fits  a trail, 900 px long" in daemon.text()


def test_frames_that_were_there_before_are_sorted_too(tmp_path):
    daemon = Daemon(tmp_path)
    make_files(daemon.capture, NIGHT)
    with daemon:
        daemon.has_filed(*SORTED)


def test_what_is_no_light_frame_is_left_alone(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(
            daemon.capture, {"dark.fits": frame(b"DARK"), "x.txt": "x", ".a.fits": frame(), "good.fits": frame()}
        )
        daemon.has_filed("clean/good.fits")
        wait_until(lambda: "dark.fits" in daemon.text())
        daemon.stop()
    assert daemon.filed() == ["clean/good.fits"]
    assert sorted(read_files(daemon.capture, hidden=True)) == [".a.fits", "dark.fits", "good.fits", "x.txt"]


def test_an_unreadable_file_goes_to_review_with_its_reason(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, {"bad.fits": frame(b"GARBAGE"), "empty.fits": b"", "cut.fits": frame()[:3000]})
        daemon.has_filed("review/bad.fits", "review/cut.fits", "review/empty.fits")
        daemon.stop()
        assert "no frame in it" in daemon.text()


def test_each_label_is_filed_as_the_configuration_says(tmp_path):
    filing = {"clean": "leave", "contaminated": "move", "review": "copy"}
    with Daemon(tmp_path, filing=filing) as daemon:
        make_files(daemon.capture, NIGHT)
        daemon.has_filed(*SORTED[1:])
        wait_until(lambda: names(daemon.capture) == ["M31/Light/a.fits", "M31/Light/c.fits"])
        wait_until(lambda: "clean         0.95  a.fits" in daemon.text())


def test_two_capture_folders_get_a_folder_each(tmp_path):
    make_files(tmp_path, {"one": {"a.fits": frame(b"CLEAN 1")}, "two": {"a.fits": frame(b"CLEAN 2")}})
    with Daemon(tmp_path, watch={"folders": [str(tmp_path / "one"), str(tmp_path / "two")]}) as daemon:
        daemon.has_filed("clean/one/a.fits", "clean/two/a.fits")


def test_nothing_is_judged_twice_over_restarts(tmp_path):
    daemon = Daemon(tmp_path)
    make_files(daemon.capture, NIGHT)
    with daemon:
        daemon.has_filed(*SORTED)
        daemon.stop()
    with daemon:
        make_files(daemon.capture, {"new.fits": frame(b"CLEAN new")})
        daemon.has_filed("clean/new.fits", *SORTED)
        daemon.stop()
    assert daemon.text().count("a.fits  ") == 1


def test_the_session_goes_on_after_a_restart(tmp_path):
    daemon = Daemon(tmp_path)
    for number in range(2):
        with daemon:
            make_files(daemon.capture, {f"{number}.fits": frame(f"CLEAN {number}".encode())})
            wait_until(lambda: len(daemon.filed()) == number + 1)  # noqa: B023
            assert daemon.stop() == 0
    ledger = Ledger.open(daemon.state)
    assert ledger.memory.sessions(16) == {"group": {"frames": 2}}
    ledger.close()


def test_new_frames_come_before_an_old_backlog_and_that_in_order_of_time(tmp_path):
    daemon = Daemon(tmp_path)
    for number in range(6):
        make_files(daemon.capture, {f"old{number}.fits": frame(f"SLOW {number}".encode())})
        os.utime(daemon.capture / f"old{number}.fits", (1_000_000 - number, 1_000_000 - number))
    with daemon:
        wait_until(daemon.filed)
        make_files(daemon.capture, {"new.fits": frame(b"CLEAN new")})
        order = wait_until(lambda: (o := re.findall(r"(old\d|new)\.fits  ", daemon.text())) and len(o) == 7 and o)
    assert order.index("new") < 5
    assert [name for name in order if name != "new"] == [f"old{number}" for number in reversed(range(6))]


@pytest.mark.fault(45, 46)
def test_frames_the_judge_cannot_stand_go_to_review_and_delay_nobody(tmp_path):
    bad = {f"{word}.fits": frame(word.encode()) for word in ("HANG", "CRASH", "BUG", "GREEDY")}
    daemon = Daemon(tmp_path)
    make_files(daemon.capture, bad | {"good.fits": frame(b"CLEAN")})
    with daemon:
        daemon.has_filed("clean/good.fits", *(f"review/{name}" for name in bad))
        daemon.stop()
        verdicts = [line for line in daemon.text().splitlines() if "no artefact found" in line or "in 2 tries" in line]
        assert [" clean " in line for line in verdicts] == [True] + [False] * len(bad)  # the bad ones come last


@pytest.mark.fault(24)
def test_sigterm_in_the_middle_of_a_frame_stops_in_time_and_loses_nothing(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, {f"{number}.fits": frame(f"SLOW {number}".encode()) for number in range(6)})
        before = census(daemon.capture)
        wait_until(daemon.filed)
        started = time.monotonic()
        assert daemon.stop(10) == 0
        assert time.monotonic() - started < 10
    assert set(census(daemon.capture, daemon.output)) == set(before)
    with daemon:
        wait_until(lambda: len(daemon.filed()) == 6)
    assert "try 1 of 2" not in daemon.text()  # being stopped is no failed try


@pytest.mark.slow
@pytest.mark.fault(24)
def test_asked_to_stop_five_times_in_the_middle_of_work_it_loses_nothing(tmp_path, figures):
    daemon, slowest_s = Daemon(tmp_path, filing={"clean": "move"}), 0.0
    make_files(daemon.capture, {f"{number}.fits": frame(f"SLOW CLEAN {number}".encode()) for number in range(20)})
    before = census(daemon.capture)
    for _ in range(5):
        with daemon:
            done = len(daemon.filed())
            wait_until(lambda: len(daemon.filed()) > done)  # noqa: B023
            started = time.monotonic()
            assert daemon.stop(10) == 0
            slowest_s = max(slowest_s, time.monotonic() - started)
        assert census(daemon.capture, daemon.output) == before
    figures(stops=5, lost=0, slowest_s=slowest_s)


def test_ctrl_c_stops_it_too(tmp_path):
    with Daemon(tmp_path) as daemon:
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.process.wait(10) == 0


@pytest.mark.fault(36)
def test_a_second_daemon_is_refused_in_one_sentence(tmp_path):
    with Daemon(tmp_path) as daemon:
        second = Daemon(tmp_path)
        second.log = tmp_path / "second.log"
        second.start()
        assert second.process.wait(10) == 1
        (line,) = second.text().splitlines()
        assert f"process {daemon.process.pid} is sorting with this state folder already" in line
        make_files(daemon.capture, {"a.fits": frame()})
        daemon.has_filed("clean/a.fits")


@pytest.mark.fault(37)
def test_a_wrong_configuration_is_exit_status_2_and_no_traceback(tmp_path):
    daemon = Daemon(tmp_path, watch={"folders": ["/no/such/folder"], "settle": 2}, filing={"clean": "destroy"}).start()
    assert daemon.process.wait(10) == 2
    assert "3 problems" in daemon.text()
    assert "Traceback" not in daemon.text()


WRONG = {
    "not TOML": "[watch\nfolders = ",
    "unknown key": '[watch]\nfolders = ["{cap}"]\nsettle = 2\n[output]\nroot = "{out}"\n',
    "unknown section": '[watch]\nfolders = ["{cap}"]\n[output]\nroot = "{out}"\n[cloud]\n',
    "no folders": '[watch]\nfolders = []\n[output]\nroot = "{out}"\n',
    "no such folder": '[watch]\nfolders = ["{cap}/no/such"]\n[output]\nroot = "{out}"\n',
    "output inside": '[watch]\nfolders = ["{cap}"]\n[output]\nroot = "{cap}"\n',
    "wrong type": '[watch]\nfolders = ["{cap}"]\nsettle_s = "long"\n[output]\nroot = "{out}"\n',
    "wrong act": '[watch]\nfolders = ["{cap}"]\n[output]\nroot = "{out}"\n[filing]\nclean = "destroy"\n',
    "thresholds": '[watch]\nfolders = ["{cap}"]\n[output]\nroot = "{out}"\n[thresholds]\nclean = 0.2\n',
    "a file for a folder": '[watch]\nfolders = ["{cap}"]\n[output]\nroot = "{cfg}"\n',
}


@pytest.mark.slow
@pytest.mark.fault(37)
@pytest.mark.parametrize("wrong", WRONG)
def test_every_wrong_configuration_ends_at_once_with_a_plain_line(tmp_path, wrong):
    daemon = Daemon(tmp_path)
    text = WRONG[wrong].replace("{cap}", str(daemon.capture)).replace("{out}", str(daemon.output))
    daemon.config.write_text(text.replace("{cfg}", str(daemon.config)))
    daemon.start()
    assert daemon.process.wait(20) == 2
    assert "Traceback" not in daemon.text()
    assert 1 <= len(daemon.text().strip().splitlines()) <= 6


def test_an_output_folder_with_other_things_in_it_is_not_taken(tmp_path):
    make_files(tmp_path / "out", {"thesis.odt": "x"})
    daemon = Daemon(tmp_path).start()
    assert daemon.process.wait(10) == 2
    assert "holds other things" in daemon.text()
    (tmp_path / "out/.nebulift-root").touch()
    with daemon:
        make_files(daemon.capture, {"a.fits": frame()})
        daemon.has_filed("clean/a.fits", "thesis.odt")


def test_status_tells_what_is_going_on(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, NIGHT)
        status = wait_until(lambda: (s := daemon.status()).get("last_24h", {}).get("review") and s)
        assert status["pid"] == daemon.process.pid
        assert status["mode"] == "events"
        assert status["problems"] == []
        assert status["last"]["path"].startswith(str(daemon.capture))
        assert status["disk_free_bytes"] > 0
        daemon.stop()
    assert "stopped_at" in daemon.status()


def test_a_judge_that_does_not_start_is_a_problem_and_no_verdict(tmp_path):
    with Daemon(tmp_path, judge="no_such:judge") as daemon:
        make_files(daemon.capture, NIGHT)
        wait_until(lambda: any("judge process does not start" in text for text in daemon.status().get("problems", [])))
        assert daemon.filed() == []
        daemon.stop()
    daemon._judge = "fake_judge:judge"
    with daemon:
        daemon.has_filed(*SORTED)


def test_log_lines_for_programs_are_one_json_object_each(tmp_path):
    with Daemon(tmp_path, log={"format": "json"}) as daemon:
        make_files(daemon.capture, {"a\x1b[31m\nb.fits": frame(b"TRAIL")})
        wait_until(daemon.filed)
        wait_until(lambda: '"verdict"' in daemon.text())
        daemon.stop()
    entries = [json.loads(line) for line in daemon.text().splitlines()]
    (verdict,) = [entry for entry in entries if entry.get("event") == "verdict"]
    assert (verdict["verdict"], verdict["kinds"], verdict["level"]) == ("contaminated", ["streak"], "info")


def test_no_name_can_forge_a_log_line_or_colour_a_terminal(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, {"a\n12:00:00 forged\x1b[2J\u202e.fits": frame(b"HANG")})
        daemon.has_filed("review/a\n12:00:00 forged\x1b[2J\u202e.fits")
        daemon.stop()
    text = daemon.log.read_bytes()
    assert b"\x1b[2J" not in text
    assert not [line for line in text.splitlines() if line.startswith(b"12:00:00 forged")]


# -- systemd ----------------------------------------------------------------------------------------------------------


class Listener:
    """systemd's end of the notification socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(0.1)
        self.heard = []

    def listen(self):
        try:
            while True:
                self.heard.append((time.monotonic(), self.socket.recv(4096).decode()))
        except TimeoutError:
            return self.heard

    def has_heard(self, message):
        return any(text.startswith(message) for _, text in self.listen())


@pytest.mark.fault(40)
def test_systemd_is_told_ready_alive_and_stopping(tmp_path):
    listener = Listener(str(tmp_path / "notify"))
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
    with Daemon(tmp_path, environment=environment) as daemon:
        wait_until(lambda: listener.has_heard("READY=1"))
        make_files(daemon.capture, {"a.fits": frame()})
        wait_until(lambda: listener.has_heard("STATUS=1 clean"))
        wait_until(lambda: sum(text == "WATCHDOG=1" for _, text in listener.listen()) >= 4)
        daemon.stop()
        assert listener.has_heard("STOPPING=1")
    listener.socket.close()


def test_an_abstract_socket_is_spoken_to_as_well():
    listener = Listener(f"\0nebulift-test-{os.getpid()}")
    Systemd({"NOTIFY_SOCKET": f"@nebulift-test-{os.getpid()}"}).ready()
    assert listener.has_heard("READY=1")
    listener.socket.close()


@pytest.mark.fault(40)
def test_a_frozen_daemon_does_not_call_itself_alive(tmp_path):
    listener = Listener(str(tmp_path / "notify"))
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
    with Daemon(tmp_path, environment=environment) as daemon:
        wait_until(lambda: listener.has_heard("WATCHDOG=1"))
        os.kill(daemon.process.pid, signal.SIGSTOP)
        listener.listen()
        listener.heard.clear()
        time.sleep(1.2)
        assert listener.listen() == []
        os.kill(daemon.process.pid, signal.SIGCONT)
    listener.socket.close()


def test_without_systemd_nobody_is_told():
    silent = Systemd({})
    silent.ready()
    silent.ping()
    assert silent.ping_every_s is None
    assert Systemd({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}).ping_every_s is None
    assert Systemd({"WATCHDOG_USEC": "60000000"}).ping_every_s == 30
    Systemd({"NOTIFY_SOCKET": "/nowhere/at/all"}).ready()


# -- the log ----------------------------------------------------------------------------------------------------------


def log_record(message, level=logging.WARNING):
    return logging.LogRecord("x", level, "x", 1, message, None, None)


def test_a_message_that_repeats_is_written_seldom_and_counted():
    now = 0.0
    repeats = RepeatFilter(clock=lambda: now)
    assert repeats.filter(log_record("disk full"))
    assert not any(repeats.filter(log_record("disk full")) for _ in range(100))
    assert repeats.filter(log_record("another"))
    now = 301
    again = log_record("disk full")
    assert repeats.filter(again)
    assert again.getMessage() == "disk full (100 times since)"
    assert all(repeats.filter(log_record("a verdict", logging.INFO)) for _ in range(3))


def test_what_the_filter_remembers_is_bounded():
    repeats = RepeatFilter()
    for number in range(2000):
        repeats.filter(log_record(f"frame {number}"))
    assert len(repeats._seen) <= 500


def test_formats():
    assert ConsoleFormatter(with_time=False).format(log_record("a\nb")) == "warning: a\\nb"
    assert json.loads(JsonFormatter().format(log_record("a\nb")))["message"] == "a\\nb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("M31 \u2605 \u00e9.fits", "M31 \u2605 \u00e9.fits"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        (os.fsdecode(b"\xff.fits"), "\\udcff.fits"),
        ("x" * 500, "x" * 198 + "..." + "x" * 198),
    ],
)
def test_text_from_outside_is_fit_to_print(text, shown):
    assert one_line(text) == shown
    assert one_line(text).isprintable()


def test_the_main_process_never_loads_the_heavy_libraries(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, NIGHT)
        daemon.has_filed(*SORTED)
        maps = Path(f"/proc/{daemon.process.pid}/maps").read_text()
    for library in ("numpy", "cv2", "onnxruntime", "astropy", "torch"):
        assert library not in maps
