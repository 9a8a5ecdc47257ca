"""The daemon as a real process, for tests: ``with Daemon(tmp_path) as daemon: ...``."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from trees import names

TESTS = Path(__file__).parent
REAL_JUDGE = "nebulift.pipeline:judge"
FAST = {
    "watch": {"settle_s": 0.2, "rescan_s": 1.0, "give_up_s": 1.0},
    "judge": {"timeout_s": 1.0, "memory_mb": 600},
}


def wait_until(condition, timeout_s=20.0, every_s=0.03):
    """Wait for something that must happen; what it gave. Fails the test when it does not happen in time."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(every_s)
    return result


def toml(sections):
    lines = []
    for section, keys in sections.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"


class Daemon:
    """``nebulift watch`` over ``base/cap`` and ``base/out``, with short times and the judge of tests/fake_judge.py."""

    def __init__(self, base, *, judge="fake_judge:judge", limits=None, environment=None, within=(), **sections):
        self.base = Path(base)
        self.capture = self.base / "cap"
        self.output = self.base / "out"
        self.state = self.base / "state"
        self.config = self.base / "nebulift.toml"
        self.log = self.base / "log"
        self._judge = judge
        self._environment = environment or {}
        self._within = list(within)  # a command that runs it in a world of its own
        self.capture.mkdir(exist_ok=True)
        merged = {
            "watch": {"folders": [str(self.capture)]},
            "output": {"root": str(self.output), "state": str(self.state)},
        }
        for given in (FAST, sections, {"judge": limits or {}}):
            for section, keys in given.items():
                merged.setdefault(section, {}).update(keys)
        self.config.write_text(toml(merged))
        self.process = None
        self._log_start = 0  # where the log of the present process begins

    def start(self):
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, "-m", "nebulift", "watch", "--config", str(self.config), "--judge", self._judge]
        command = [*self._within, *command]
        environment = os.environ | {"PYTHONPATH": str(TESTS)} | self._environment
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        return self

    def started(self):
        """Wait until it has looked through the folders."""
        wait_until(lambda: b"watching" in self.log.read_bytes()[self._log_start :] or self.process.poll() is not None)
        assert self.process.poll() is None, self.text()
        return self

    def stop(self, timeout_s=15):
        """Ask it to stop; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def judge_pid(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def processes(self):
        """The main process and its judge."""
        return [self.process.pid, *filter(None, [self.judge_pid()])]

    def mode(self):
        return self.status().get("mode", "")

    def text(self):
        return self.log.read_text(errors="replace")

    def status(self):
        try:
            return json.loads((self.state / "status.json").read_text())
        except (OSError, ValueError):
            return {}

    def filed(self, label=None):
        """The names of the filed frames, as ``label/path``."""
        return (
            [name for name in names(self.output) if label is None or name.startswith(f"{label}/")]
            if (self.output.exists())
            else []
        )

    def has_filed(self, *expected, timeout_s=20):
        """Wait until these and no others are filed."""
        wait_until(lambda: sorted(expected) == self.filed(), timeout_s)

    def __enter__(self):
        return self.start().started() if self.process is None or self.process.poll() is not None else self

    def __exit__(self, kind, error, traceback):
        self.process.kill()
        self.process.wait()
        if kind is not None:
            sys.stderr.write(self.text())
