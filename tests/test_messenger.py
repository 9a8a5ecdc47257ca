"""The messenger's process, by itself and beside the daemon: what it tells, and that nothing waits for it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import Daemon, wait_until
from message_receivers import Broker, Receiver, needs_broker
from trees import frame, make_files

from nebulift_daemon.notify.news import Farewell, FrameNews, StatusNews, line_of
from nebulift_daemon.notify.options import Limits, NotifyOptions, options_line


class Messenger:
    """The messenger's process, as the daemon starts it."""

    def __init__(self, options):
        command = [sys.executable, "-m", "nebulift_daemon.notify.process", "console", "info"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.process.stdin.write(options_line(options))
        self.process.stdin.flush()

    def __del__(self):
        self.process.kill()  # a test that fails in between leaves nothing behind
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()

    def tell(self, *news):
        for one in news:
            self.process.stdin.write(line_of(one))
        self.process.stdin.flush()

    def end(self):
        """Close its input; what it wrote to its log."""
        return self.process.communicate(timeout=40)[1].decode()


def cloudy(number):
    taken_at = datetime.now(UTC) - timedelta(minutes=10 - number)
    return FrameNews(taken_at.isoformat(), f"{number}.fits", "contaminated", "cloud", "stars are gone")


@needs_broker
def test_a_messenger_that_is_killed_is_offline_by_its_last_will():
    with Broker() as broker:
        messenger = Messenger(NotifyOptions(mqtt=broker.address))
        wait_until(lambda: broker.last("observatory/availability") == "online")
        messenger.process.kill()
        wait_until(lambda: broker.last("observatory/availability") == "offline")
        messenger.end()


def test_the_messenger_tells_of_clouds_keeps_the_file_and_ends_at_a_farewell(tmp_path):
    with Receiver() as receiver:
        file = tmp_path / "sky.txt"
        options = NotifyOptions(Limits(2, 3), urls=(receiver.url,), safety_file=str(file))
        messenger = Messenger(options)
        messenger.tell(StatusNews((), int(1e9)), cloudy(1), cloudy(2))
        wait_until(lambda: len(receiver.received) == 2)
        assert [message["title"].split(":")[1].split()[0] for message in receiver.received] == ["disk", "2"]
        wait_until(lambda: file.read_text().strip().endswith("BAD"))
        messenger.process.send_signal(signal.SIGTERM)  # systemd ends the daemon, which ends us
        messenger.tell(Farewell())
        log = messenger.end()
        assert messenger.process.returncode == 0, log
        assert file.read_text().strip().endswith("UNKNOWN")
        assert len(receiver.received) == 2


def test_the_death_of_the_daemon_is_told(tmp_path):
    with Receiver() as receiver:
        messenger = Messenger(NotifyOptions(urls=(receiver.url,)))
        messenger.tell(StatusNews((), int(90e9)))
        messenger.end()
        assert [message["title"] for message in receiver.received] == [
            "Nebulift: Nebulift has ended without warning; frames are not judged until it runs again"
        ]


def test_an_idle_messenger_costs_nothing(tmp_path):
    messenger = Messenger(NotifyOptions(safety_file=str(tmp_path / "sky.txt")))
    messenger.tell(StatusNews((), int(90e9)))
    wait_until((tmp_path / "sky.txt").exists)
    stat = Path(f"/proc/{messenger.process.pid}/stat")

    def cpu_ticks():
        return sum(map(int, stat.read_text().rsplit(")", 1)[1].split()[11:13]))

    def rests():
        before = cpu_ticks()
        time.sleep(1.0)
        return cpu_ticks() == before

    wait_until(rests)  # it may still be starting
    maps = Path(f"/proc/{messenger.process.pid}/maps").read_text()
    assert "numpy" not in maps
    messenger.tell(Farewell())
    messenger.end()


# -- with the daemon ---------------------------------------------------------------------------------------------------


def test_the_daemon_tells_by_its_configuration_and_filing_waits_for_nobody(tmp_path):
    said = tmp_path / "said"
    said.mkdir()
    notify = {
        "hook": ["sh", "-c", f"cat > {said}/$1; sleep 3", "hook"],
        "urls": ["json://127.0.0.1:1/"],
        "bad_frames": 2, "of_frames": 2, "disk_low_gb": 1e6,
        "safety_file": str(tmp_path / "sky.txt"),
    }  # fmt: skip
    with Daemon(tmp_path, notify=notify) as daemon:
        files = {f"{number}.fits": frame(f"DOUBT {number}".encode()) for number in range(6)}
        make_files(daemon.capture, files)
        daemon.has_filed(*(f"review/{name}" for name in files))
        wait_until(lambda: (said / "disk_low").exists() and (said / "disk_low").read_text())
        assert json.loads((said / "disk_low").read_text())["event"] == "disk_low"
        started = time.monotonic()
        assert daemon.stop(25) == 0
        assert time.monotonic() - started < 25
    assert (tmp_path / "sky.txt").read_text().strip().endswith("UNKNOWN")
    assert daemon.text().count("could not be delivered") == 1


def test_a_killed_messenger_comes_again_and_frames_do_not_notice(tmp_path, monkeypatch):
    with Daemon(tmp_path, notify={"safety_file": str(tmp_path / "sky.txt")}) as daemon:
        wait_until((tmp_path / "sky.txt").exists)
        children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
        (messenger,) = [pid for pid in children if b"notify.process" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(int(messenger), signal.SIGKILL)
        make_files(daemon.capture, {"a.fits": frame(b"CLEAN")})
        daemon.has_filed("clean/a.fits")
        wait_until(lambda: "the messenger: has ended with status -9" in daemon.text())
        assert daemon.stop() == 0


def test_a_daemon_that_was_killed_says_so_when_it_runs_again(tmp_path):
    with Receiver() as receiver:
        daemon = Daemon(tmp_path, notify={"urls": [receiver.url], "disk_low_gb": 0})
        with daemon:
            make_files(daemon.capture, {"a.fits": frame(b"CLEAN")})
            wait_until(lambda: daemon.status().get("last"))
            daemon.kill()
        wait_until(lambda: len(receiver.received) == 1)  # by the messenger that outlived it
        with daemon:
            wait_until(lambda: any("runs again" in message["title"] for message in receiver.received))
            assert daemon.stop() == 0


# -- the command -------------------------------------------------------------------------------------------------------


def test_a_test_message_goes_every_way_and_says_which_did_not_work(nebulift, tmp_path):  # noqa: F811
    with Receiver() as receiver:
        daemon = Daemon(tmp_path, notify={"urls": [receiver.url, "json://127.0.0.1:1/"], "hook": ["true"]})
        shown = nebulift("notify", "--config", daemon.config)
        assert (shown.status, receiver.received) == (0, [])
        tried = nebulift("notify", "--test", "--config", daemon.config)
    assert tried.status == 1
    assert tried.out.count(": sent") == 2
    assert tried.out.count("NOT sent") == 1
    assert [message["title"] for message in receiver.received] == ["Nebulift: this is a test"]


def test_without_any_way_that_is_said(nebulift, tmp_path):  # noqa: F811
    assert "no way is named" in nebulift("notify", "--test", "--config", Daemon(tmp_path).config).out
