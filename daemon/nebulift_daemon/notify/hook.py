"""A command of the observer's, called for each event: an argument list and no shell, with an end to its time."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from nebulift_daemon.notify.deliveries import Refused
from nebulift_daemon.notify.events import Event
from nebulift_daemon.notify.standing import Standing
from nebulift_daemon.printing import one_line

MOST_TIME_S = 30.0
LAST_WORDS = 200  # characters of what it wrote to stderr


class Hook:
    """Calls ``command`` with the event's kind as last argument, the event as JSON on its standard input.

    The same is in the environment: ``NEBULIFT_EVENT``, ``NEBULIFT_TITLE``, ``NEBULIFT_TEXT``. It is called once: a
    command that fails has perhaps done half of its work.
    """

    def __init__(self, command: Sequence[str], most_time_s: float = MOST_TIME_S) -> None:
        self._command = list(command)
        self._most_time_s = most_time_s

    @property
    def name(self) -> str:
        return f"hook {one_line(self._command[0])}"

    def deliver(self, event: Event) -> None:
        told = {"NEBULIFT_EVENT": str(event.kind), "NEBULIFT_TITLE": event.title, "NEBULIFT_TEXT": event.text}
        try:
            process = subprocess.Popen(  # noqa: S603 - the observer's own command, as an argument list
                [*self._command, str(event.kind)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=os.environ | {name: text.replace("\0", "") for name, text in told.items()},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise Refused(f"it cannot be started: {getattr(error, 'strerror', None) or error}") from error
        try:
            _, words = process.communicate(json.dumps(event.as_record()).encode("ascii"), timeout=self._most_time_s)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise Refused(f"it was ended after {self._most_time_s:g} s") from error
        if process.returncode:
            last = one_line(words.decode("utf-8", "replace").strip()[-LAST_WORDS:])
            raise Refused(f"exit status {process.returncode}{': ' + last if last else ''}")

    def show(self, standing: Standing) -> None:
        """Nothing: a command is called for events only."""

    def close(self) -> None:
        """Nothing is open."""


def _end(process: subprocess.Popen[bytes]) -> None:
    """The command and whatever it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
