"""Where messages arrive in tests: an HTTP receiver and an MQTT broker, both real, on loopback ports."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import threading

import pytest
from daemon_process import wait_until

mqtt = pytest.importorskip("paho.mqtt.client", reason="needs the [notify] extra")
pytest.importorskip("apprise", reason="needs the [notify] extra")
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")


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
