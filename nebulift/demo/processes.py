"""Camera and daemon as processes of their own, what they say as one stream of events, and none of them left behind."""

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Any

from nebulift.config_sample import sample_toml
from nebulift.demo.place import DemoFolder

STOP_WITHIN_S = 10.0
IN_A_HURRY = {"watch.settle_s": 0.5, "watch.rescan_s": 5.0, "watch.give_up_s": 2.0}  # nobody waits through a demo


@dataclass(frozen=True, slots=True)
class Heard:
    """One line of a process as the JSON object that it is, or ``None``: the process has closed its end."""

    source: str  # "camera" or "daemon"
    said: dict[str, Any] | None


class Ears:
    """The lines of several processes in the order in which they come."""

    def __init__(self) -> None:
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()

    def listen(self, source: str, stream: IO[str], log: Path) -> None:
        """Hear this stream from now on, and keep a copy of its lines in ``log``."""
        Thread(target=self._read, args=(source, stream, log), daemon=True).start()

    def next(self, timeout_s: float) -> Heard | None:
        """What was heard next; ``None`` when nothing was for so long."""
        try:
            return self._heard.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _read(self, source: str, stream: IO[str], log: Path) -> None:
        with log.open("a", encoding="utf-8") as copy:
            for line in stream:
                copy.write(line)
                copy.flush()
                try:
                    said = json.loads(line)
                except ValueError:
                    continue  # a library's own words; they are in the log
                if isinstance(said, dict):
                    self._heard.put(Heard(source, said))
        self._heard.put(Heard(source, None))


def write_config(place: DemoFolder) -> None:
    """The configuration of the demonstration's daemon: ordinary, but in a hurry."""
    chosen = {
        "watch.folders": [str(place.capture)],
        "output.root": str(place.sorted),
        "output.state": str(place.state),
        "log.format": "json",
        **IN_A_HURRY,
    }
    place.config.write_text(sample_toml(chosen), encoding="utf-8")


def daemon_command(place: DemoFolder) -> list[str]:
    """Exactly what the service runs."""
    return [sys.executable, "-P", "-m", "nebulift", "watch", "--config", str(place.config)]


def camera_command(place: DemoFolder, seed: int, frames: int, pace_s: float) -> list[str]:
    """The capture program: so many frames, one every ``pace_s``."""
    arguments = (place.capture, seed, frames, pace_s)
    return [sys.executable, "-P", "-m", "nebulift.demo.camera", *map(str, arguments)]


@contextmanager
def running(command: Sequence[str], *, source: str, ears: Ears, log: Path) -> Iterator[subprocess.Popen[str]]:
    """The process, all it says heard by ``ears``. Ended when the block ends.

    It has a session of its own: Ctrl-C reaches us alone, and we end it in order. If we are killed, the kernel ends it.
    """
    with subprocess.Popen(  # noqa: S603 - our own commands
        [sys.executable, "-P", "-m", "nebulift.demo.outlive_nobody", str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            ears.listen(source, process.stdout, log)
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Ask the process to stop; when it does not, end it and all its children."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
