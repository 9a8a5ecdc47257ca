"""Walls around a process, and what it takes: memory groups, busy processors, memory, CPU time, bytes written."""

import contextlib
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

GROUPS = Path("/sys/fs/cgroup")
TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def memory_group(limit_mb):
    """A control group with so much memory: (the command that runs something in it, what it held at most)."""
    unified = "memory" in _words(GROUPS / "cgroup.controllers")
    group = (GROUPS if unified else GROUPS / "memory") / f"nebulift-test-{os.getpid()}"
    limit, peak = ("memory.max", "memory.peak") if unified else ("memory.limit_in_bytes", "memory.max_usage_in_bytes")
    try:
        group.mkdir()
        (group / limit).write_text(str(limit_mb << 20))
    except OSError as error:
        pytest.skip(f"no memory control group can be made here: {error.strerror}")
    try:
        yield (
            ["sh", "-c", f'echo $$ > {group}/cgroup.procs\nexec "$@"', "sh"],
            lambda: int((group / peak).read_text()) / 2**20,
        )
    finally:
        for _ in range(100):
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.05)


@contextmanager
def busy_processors():
    """More work than there are processors, by others who are not nice."""
    count = 2 * (os.cpu_count() or 1)
    others = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield count
    finally:
        for other in others:
            other.kill()
            other.wait()


def resident_mb(pid, what="VmRSS"):
    """Memory of a process; ``VmHWM`` for the most it ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def written_bytes(pid, what="write_bytes"):
    """What the process has had written: whole pages, and a page again after each time that it reached the disk.

    ``wchar``: what it has handed to the kernel, whoever else has everything written out meanwhile.
    """
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def _words(path):
    try:
        return path.read_text().split()
    except OSError:
        return []
