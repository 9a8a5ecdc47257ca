"""A text file for safety monitors that read one, such as ASCOM's Generic File SafetyMonitor, which N.I.N.A. uses.

That driver looks for a text (its "preamble") and then for a word (its "trigger"), by rules that the observer enters:
https://www.dehilster.info/astronomy/ascom_generic_file_safetymonitor.php. The words here are chosen so that none is
part of another. A bad sky becomes UNKNOWN when no frame has come for a while: a sequence that was stopped because of
it would wait for ever for the frame that says otherwise.
"""

import os
from datetime import datetime
from pathlib import Path

from nebulift_daemon.notify.deliveries import NotDelivered
from nebulift_daemon.notify.events import Event
from nebulift_daemon.notify.standing import Sky, Standing

PREAMBLE = "Sky Status:"
WORDS = {Sky.GOOD: "GOOD", Sky.BAD: "BAD", Sky.UNKNOWN: "UNKNOWN"}


def safety_text(sky: Sky, now: datetime) -> str:
    """``2026-11-20 01:12:00 Sky Status: BAD`` and a line feed; the time is that of this machine."""
    return f"{now:%Y-%m-%d %H:%M:%S} {PREAMBLE} {WORDS[sky]}\r\n"


class SafetyFile:
    """Keeps the file up to date, replacing it as a whole: a reader never finds half a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shown: Sky | None = None

    @property
    def name(self) -> str:
        return f"safety file {self._path}"

    def deliver(self, event: Event) -> None:
        """Nothing: the file shows a state."""

    def show(self, standing: Standing) -> None:
        if standing.sky is self._shown:
            return
        temporary = self._path.with_name(f".{self._path.name}.part")
        try:
            with temporary.open("w", encoding="ascii", newline="") as file:
                file.write(safety_text(standing.sky, datetime.now().astimezone()))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            raise NotDelivered(f"it cannot be written: {error.strerror}") from error
        self._shown = standing.sky

    def close(self) -> None:
        """Nothing is open."""
