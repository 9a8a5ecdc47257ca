"""Messages get where they are wanted: a real broker, a real HTTP receiver, real commands, files; and faults of each."""

import contextlib
import http.server
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import Daemon, wait_until
from trees import frame, make_files

from nebulift_daemon.notify.deliveries import Delivery, NotDelivered, Refused
from nebulift_daemon.notify.events import Event, EventKind
from nebulift_daemon.notify.home_assistant import discovery
from nebulift_daemon.notify.hook import Hook
from nebulift_daemon.notify.news import Farewell, FrameNews, StatusNews, line_of
from nebulift_daemon.notify.options import Limits, NotifyOptions, options_line
from nebulift_daemon.notify.safety_file import SafetyFile, safety_text
from nebulift_daemon.notify.standing import Sky, Standing
from nebulift_daemon.notify.ways import ways_of

mqtt = pytest.importorskip("paho.mqtt.client", reason="needs the [notify] extra")
pytest.importorskip("apprise", reason="needs the [notify] extra")
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")
EVENT = Event(
    EventKind.BAD, "4 of the last 6 frames bad: clouds", "a.fits: \N{BLACK STAR}", datetime.now(UTC), {"of": 6}
)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Receiver:
    """An HTTP receiver; ``status`` is what it answers."""

    def __init__(self):
        self.status, self.received = 200, []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(json.loads(content))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    @property
    def url(self):
        return f"json://127.0.0.1:{self.server.server_port}/"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Broker:
    """mosquitto on a port of its own, and all that was said there."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.heard = []

    def __enter__(self):
        self.process = subprocess.Popen([MOSQUITTO, "-p", str(self.port)], stderr=subprocess.DEVNULL)
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda _c, _d, message: self.heard.append((message.topic, message.payload.decode()))
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        wait_until(self._connects)
        self.client.loop_start()
        return self

    def _connects(self):
        try:
            return self.client.connect("127.0.0.1", self.port) == 0
        except OSError:
            return False

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()
        self.process.terminate()
        self.process.wait()

    def last(self, topic):
        return next((text for name, text in reversed(self.heard) if name == topic), None)

    @property
    def address(self):
        return f"mqtt://127.0.0.1:{self.port}/observatory"


# -- a command ---------------------------------------------------------------------------------------------------------


def test_a_hook_gets_the_kind_as_argument_and_everything_as_json_without_any_shell(tmp_path):
    script = tmp_path / "hook.py"
    script.write_text(
        "import json, os, sys\n"
        "json.dump([sys.argv[1:], json.load(sys.stdin), os.environ['NEBULIFT_TITLE']], open(sys.argv[1], 'w'))\n"
    )
    Hook([sys.executable, str(script), str(tmp_path / "said"), "$(touch oops); `id`"]).deliver(EVENT)
    arguments, told, title = json.loads((tmp_path / "said").read_text())
    assert arguments[1:] == ["$(touch oops); `id`", "bad"]
    assert (told["event"], told["facts"], told["text"], title) == ("bad", {"of": 6}, EVENT.text, EVENT.title)


def test_a_hook_that_fails_hangs_or_is_not_there_is_told_with_the_reason(tmp_path):
    with pytest.raises(Refused, match="exit status 3: no siren"):
        Hook(["sh", "-c", "echo no siren >&2; exit 3"]).deliver(EVENT)
    with pytest.raises(Refused, match="cannot be started: No such file"):
        Hook([str(tmp_path / "none")]).deliver(EVENT)
    marker = f"{time.time()}"
    with pytest.raises(Refused, match=r"ended after 0\.2 s"):
        Hook(["sh", "-c", f"sleep 300 # {marker}\nsleep 300"], most_time_s=0.2).deliver(EVENT)
    assert subprocess.run(["pgrep", "-f", marker], capture_output=True, check=False).stdout == b""


# -- the safety file ---------------------------------------------------------------------------------------------------


def read_by_generic_file_driver(text, preamble, trigger):
    """How the driver's documentation says it reads: find the preamble anywhere, then look for the trigger after it."""
    _, found, rest = text.partition(preamble)
    return bool(found) and trigger in rest


@pytest.mark.parametrize("sky", Sky)
def test_each_state_triggers_its_own_rule_only(sky):
    text = safety_text(sky, datetime(2026, 11, 20, 1, 12))  # noqa: DTZ001 - local, as a person writes it
    assert text.startswith("2026-11-20 01:12:00 Sky Status: ")
    assert text.isascii()
    seen = [word for word in ("GOOD", "BAD", "UNKNOWN") if read_by_generic_file_driver(text, "Sky Status:", word)]
    assert seen == [sky.upper()]


def test_the_safety_file_is_replaced_as_a_whole_and_only_when_the_sky_changes(tmp_path):
    way = SafetyFile(tmp_path / "sky.txt")
    way.show(Standing(Sky.GOOD))
    first = (tmp_path / "sky.txt").stat().st_ino
    way.show(Standing(Sky.GOOD, verdict="clean"))
    assert (tmp_path / "sky.txt").stat().st_ino == first
    way.show(Standing(Sky.BAD))
    assert (tmp_path / "sky.txt").read_text().strip().endswith("BAD")
    assert [path.name for path in tmp_path.iterdir()] == ["sky.txt"]
    with pytest.raises(NotDelivered, match="cannot be written"):
        SafetyFile(tmp_path / "none" / "sky.txt").show(Standing())


# -- people ------------------------------------------------------------------------------------------------------------


def test_a_message_to_people_arrives_with_title_and_text_and_a_refusal_is_told():
    with Receiver() as receiver:
        (way,) = ways_of(NotifyOptions(urls=(receiver.url,)))
        way.deliver(EVENT)
        assert receiver.received[0]["title"] == f"Nebulift: {EVENT.title}"
        assert receiver.received[0]["message"] == EVENT.text
        assert receiver.received[0]["type"] == "warning"
        receiver.status = 500
        with pytest.raises(NotDelivered, match="500"):
            way.deliver(EVENT)


def test_an_address_nobody_understands_is_told_without_its_secrets_and_the_others_go_on(caplog):
    options = NotifyOptions(urls=("nosuch://secret@host", "json://127.0.0.1:1/?x=secret2"))
    (way,) = ways_of(options)
    assert "begins with nosuch://" in caplog.text
    assert "secret" not in caplog.text + way.name


# -- patience ----------------------------------------------------------------------------------------------------------


class Flaky:
    """A way that fails so many times before it works."""

    name = "flaky"

    def __init__(self, failures):
        self.failures, self.got, self.shown = failures, [], []

    def deliver(self, event):
        if self.failures:
            self.failures -= 1
            raise NotDelivered("no route")
        self.got.append(event)

    def show(self, standing):
        self.shown.append(standing)

    def close(self):
        self.got.append("closed")


def test_a_way_that_fails_is_logged_once_and_gets_everything_in_order_in_the_end(caplog):
    caplog.set_level(logging.INFO)
    way = Flaky(4)
    delivery = Delivery(way, first_pause_s=0.005)
    events = [Event(EventKind.TEST, str(number), "", datetime.now(UTC)) for number in range(3)]
    for event in events:
        delivery.put(event)
    wait_until(lambda: len(way.got) == 3)
    delivery.close(5)
    assert way.got == [*events, "closed"]
    assert caplog.text.count("could not be delivered (no route)") == 1
    assert caplog.text.count("works again") == 1


def test_the_end_waits_for_no_way_that_does_not_work():
    way = Flaky(10**6)
    delivery = Delivery(way)
    delivery.put(EVENT)
    started = time.monotonic()
    delivery.close(10)
    assert time.monotonic() - started < 5
    assert way.got == ["closed"]


def test_too_many_waiting_messages_lose_the_oldest_and_an_error_of_a_library_ends_nothing(caplog):
    class Broken(Flaky):
        def deliver(self, event):
            if event.title == "0":
                raise ZeroDivisionError
            super().deliver(event)

    way = Broken(0)
    delivery = Delivery(way)
    delivery.put(Event(EventKind.TEST, "0", "", datetime.now(UTC)))
    delivery.put(EVENT)
    wait_until(lambda: EVENT in way.got)
    delivery.close(5)
    assert "ZeroDivisionError" in caplog.text


# -- MQTT --------------------------------------------------------------------------------------------------------------


@needs_broker
def test_a_broker_gets_events_the_standing_availability_and_what_home_assistant_needs():
    with Broker() as broker:
        (way,) = ways_of(NotifyOptions(mqtt=broker.address))
        way.show(Standing(Sky.BAD, "cloud"))
        way.deliver(EVENT)
        wait_until(lambda: broker.last("observatory/event"))
        assert json.loads(broker.last("observatory/event"))["title"] == EVENT.title
        assert json.loads(broker.last("observatory/state"))["sky"] == "bad"
        assert broker.last("observatory/availability") == "online"
        configs = [json.loads(text) for topic, text in broker.heard if topic.startswith("homeassistant/")]
        assert {config["state_topic"] for config in configs} == {"observatory/state"}
        assert len({config["unique_id"] for config in configs}) == len(configs) >= 8
        way.close()
        wait_until(lambda: broker.last("observatory/availability") == "offline")


@needs_broker
def test_without_a_broker_messages_wait_and_arrive_when_it_comes():
    port = free_port()
    (way,) = ways_of(NotifyOptions(mqtt=f"mqtt://127.0.0.1:{port}/observatory", home_assistant=False))
    delivery = Delivery(way, first_pause_s=0.1)
    delivery.put(EVENT)
    time.sleep(0.3)
    with Broker(port) as broker:
        wait_until(lambda: broker.last("observatory/event"), 40)
        delivery.close(10)


def test_a_broker_that_takes_the_call_and_says_nothing_is_told_in_seconds():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        (way,) = ways_of(NotifyOptions(mqtt=f"mqtt://127.0.0.1:{deaf.getsockname()[1]}"))
        with pytest.raises(NotDelivered, match="not connected yet"):
            way.deliver(EVENT)
        way.close()


@needs_broker
def test_a_broker_that_was_started_anew_is_told_the_standing_again():
    with Broker() as first:
        (way,) = ways_of(NotifyOptions(mqtt=first.address, home_assistant=False))
        way.show(Standing(Sky.BAD))
    with Broker(first.port) as second:
        wait_until(lambda: second.last("observatory/state"), 30)
        assert json.loads(second.last("observatory/state"))["sky"] == "bad"
        way.close()


@needs_broker
def test_a_messenger_that_is_killed_is_offline_by_its_last_will():
    with Broker() as broker:
        messenger = Messenger(NotifyOptions(mqtt=broker.address))
        wait_until(lambda: broker.last("observatory/availability") == "online")
        messenger.process.kill()
        wait_until(lambda: broker.last("observatory/availability") == "offline")
        messenger.end()


def test_home_assistant_reads_what_the_standing_has():
    record = Standing(Sky.BAD, "cloud", problems=("x",)).as_record()
    for topic, payload in discovery("pi", "nebulift/pi"):
        assert topic.startswith(("homeassistant/sensor/nebulift_pi/", "homeassistant/binary_sensor/nebulift_pi/"))
        keys = [word.split("}")[0].split(" ")[0] for word in payload["value_template"].split("value_json.")[1:]]
        assert {key.strip(",)[]:0123456789").split("[")[0] for key in keys} <= set(record), payload


# -- the process -------------------------------------------------------------------------------------------------------


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
