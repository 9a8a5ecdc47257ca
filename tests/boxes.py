"""A machine within the machine (tests/systemd_box.sh), for tests of the service under a real systemd."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CHECKOUT = TESTS.parent
SCRIPT = TESTS / "systemd_box.sh"
NEEDED = ("systemd-nspawn", "nsenter", "dbus-daemon")
NOT_COPIED = (".git", ".venv*", "__pycache__", ".mypy_cache", ".ruff_cache", ".hypothesis", "dist", "demo")
needs_box = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(name) is None for name in NEEDED),
    reason="needs root and Debian's systemd, systemd-container and dbus",
)


class Box:
    """``with Box(folder) as box: box.run("systemctl status")``; what is done inside is gone afterwards."""

    def __init__(self, folder):
        self._folder = folder

    def run(self, script, timeout_s=300):
        """The result of a shell script run inside as root, its two outputs together in ``stdout``."""
        return subprocess.run(
            [SCRIPT, "run", self._folder, "sh", "-s"],
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def does(self, script, timeout_s=300):
        """What a script printed that must succeed."""
        done = self.run(f"set -e\n{script}", timeout_s)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def bring_checkout(self, to="/opt/src"):
        """Copy this checkout into the box, without environments and caches; where it is there."""
        excluded = [f"--exclude={name}" for name in NOT_COPIED]
        with subprocess.Popen(["tar", "c", *excluded, "."], cwd=CHECKOUT, stdout=subprocess.PIPE) as sender:
            into = ["sh", "-c", f"mkdir -p {to} && tar x -C {to}"]
            subprocess.run([SCRIPT, "run", self._folder, *into], stdin=sender.stdout, check=True)
        return to

    def __enter__(self):
        started = subprocess.run([SCRIPT, "start", self._folder], capture_output=True, text=True, check=False)
        if started.returncode:
            subprocess.run([SCRIPT, "stop", self._folder], check=False)
            pytest.skip(f"no box can be started here: {started.stderr.strip().splitlines()[-1:]}")
        return self

    def __exit__(self, *_):
        subprocess.run([SCRIPT, "stop", self._folder], check=True)
