"""Messages get where they are wanted: a real broker, a real HTTP receiver, real commands, files; and faults of each."""

import json
import logging
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
from daemon_process import wait_until
from message_receivers import Broker, Receiver, free_port, needs_broker

from nebulift_daemon.notify.deliveries import Delivery, NotDelivered, Refused
from nebulift_daemon.notify.events import Event, EventKind
from nebulift_daemon.notify.home_assistant import discovery
from nebulift_daemon.notify.hook import Hook
from nebulift_daemon.notify.options import NotifyOptions
from nebulift_daemon.notify.safety_file import SafetyFile, safety_text
from nebulift_daemon.notify.standing import Sky, Standing
from nebulift_daemon.notify.ways import ways_of

EVENT = Event(
    EventKind.BAD, "4 of the last 6 frames bad: clouds", "a.fits: \N{BLACK STAR}", datetime.now(UTC), {"of": 6}
)


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


def test_home_assistant_reads_what_the_standing_has():
    record = Standing(Sky.BAD, "cloud", problems=("x",)).as_record()
    for topic, payload in discovery("pi", "nebulift/pi"):
        assert topic.startswith(("homeassistant/sensor/nebulift_pi/", "homeassistant/binary_sensor/nebulift_pi/"))
        keys = [word.split("}")[0].split(" ")[0] for word in payload["value_template"].split("value_json.")[1:]]
        assert {key.strip(",)[]:0123456789").split("[")[0] for key in keys} <= set(record), payload
