"""Events and the standing over MQTT: ``.../event``, ``.../state`` (retained), ``.../availability`` (retained, and the
broker's last will: it says offline when we die).
"""

import json
import logging
import re
import socket
import threading
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from nebulift_daemon.notify.deliveries import NotDelivered
from nebulift_daemon.notify.events import Event
from nebulift_daemon.notify.home_assistant import discovery
from nebulift_daemon.notify.standing import Standing

PORTS = {"mqtt": 1883, "mqtts": 8883}
PATIENCE_S = 5.0  # for the broker to have taken a message
LONGEST_PAUSE_S = 300

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect; ``topic`` is what everything of ours is published below."""

    host: str
    port: int
    is_encrypted: bool
    user: str | None
    password: str | None
    topic: str


def broker_in(address: str, node: str) -> Broker:
    """``mqtt://user:password@host:port/topic``; without a topic ``nebulift/<node>``. Raises ``ValueError``."""
    parts = urlsplit(address)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError('should be "mqtt://host" or "mqtts://user:password@host:port/topic"')
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    topic = parts.path.strip("/") or f"nebulift/{node}"
    return Broker(parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "mqtts", user, password, topic)


def node_name() -> str:
    """The machine's name as it may stand in a topic."""
    return re.sub(r"[^a-z0-9_-]", "_", socket.gethostname().split(".")[0].casefold()) or "here"


class MqttWay:
    """A connection that comes back by itself, with growing pauses."""

    def __init__(self, broker: Broker, node: str, *, home_assistant: bool) -> None:
        self._broker = broker
        self._node = node
        self._home_assistant = home_assistant
        self._connected = threading.Event()
        self._why = "not connected yet"
        self._state: str | None = None  # shown last
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"nebulift-{node}")
        client.enable_logger(_silent())
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.is_encrypted:
            client.tls_set()
        client.will_set(self._topic("availability"), "offline", qos=1, retain=True)
        client.reconnect_delay_set(1, LONGEST_PAUSE_S)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        self._client = client
        client.connect_async(broker.host, broker.port)
        client.loop_start()

    @property
    def name(self) -> str:
        return f"MQTT broker {self._broker.host}:{self._broker.port}"

    def deliver(self, event: Event) -> None:
        self._publish("event", json.dumps(event.as_record()), retain=False)

    def show(self, standing: Standing) -> None:
        self._state = json.dumps(standing.as_record())
        self._publish("state", self._state, retain=True)

    def close(self) -> None:
        """Say that we are going, so that the last will is not needed."""
        if self._connected.is_set():
            told = self._client.publish(self._topic("availability"), "offline", qos=1, retain=True)
            told.wait_for_publish(PATIENCE_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, leaf: str, text: str, *, retain: bool) -> None:
        if not self._connected.wait(PATIENCE_S):
            raise NotDelivered(self._why)
        sent = self._client.publish(self._topic(leaf), text, qos=1, retain=retain)
        try:
            sent.wait_for_publish(PATIENCE_S)
        except (RuntimeError, ValueError) as error:
            raise NotDelivered(str(error)) from error
        if not sent.is_published():
            raise NotDelivered("the broker does not answer")

    def _topic(self, leaf: str) -> str:
        return f"{self._broker.topic}/{leaf}"

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: object, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._why = f"the broker refuses: {code}"
            return
        client.publish(self._topic("availability"), "online", qos=1, retain=True)
        if self._home_assistant:
            for topic, payload in discovery(self._node, self._broker.topic):
                client.publish(topic, json.dumps(payload), qos=1, retain=True)
        if self._state is not None:  # a broker that was started anew has forgotten it
            client.publish(self._topic("state"), self._state, qos=1, retain=True)
        self._connected.set()

    def _on_disconnect(
        self, _client: mqtt.Client, _data: object, _flags: object, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._connected.clear()
        self._why = f"the connection is lost: {code}"


def _silent() -> logging.Logger:
    """Where paho's own words go: what matters we say ourselves, once."""
    quiet = logging.getLogger("paho")
    quiet.setLevel(logging.CRITICAL)
    return quiet
