"""systemd's notification protocol (sd_notify(3)): a few lines of text over a datagram socket."""

import os
import socket
from collections.abc import Mapping


class Systemd:
    """Tells systemd how we are; does nothing when we were not started by it."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.ping_every_s: float | None = None  # half of what the unit's WatchdogSec= allows
        if environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()) and environ.get("WATCHDOG_USEC"):
            self.ping_every_s = int(environ["WATCHDOG_USEC"]) / 2e6

    def ready(self) -> None:
        self._send("READY=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={text}")

    def ping(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.setblocking(False)
            try:
                speaker.sendto(message.encode("utf-8", "replace"), self._address)
            except OSError:
                return  # systemd is being restarted, or its queue is full: the next message will do
