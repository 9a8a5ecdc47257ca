"""Real small disks for tests, mounted and unmounted; only root can do that."""

import os
import subprocess
from contextlib import contextmanager

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def mount(*arguments):
    result = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"cannot mount here: {result.stderr.strip()}")


@contextmanager
def tmpfs(place, options="size=8m"):
    """A disk of its own at ``place``."""
    place.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", options, "none", place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def remount(place, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)
