"""Is the machine of a kind on which Nebulift runs well?"""

import os
import platform
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nebulift.doctor.check import Check, fail, ok, warn
from nebulift_daemon.mounts import Mount, mount_of

TOPIC = "machine"
LEAST_MEMORY_MB = 480  # a board of 512 MB shows about 475 beside what its firmware keeps
EASY_MEMORY_MB = 900
BEYOND_LIMIT_MB = 150  # libraries and the main process, which the judge's own limit does not count
NEWEST_PYTHON_TO_REFUSE = (3, 10)


def machine_checks(memory_limit_mb: int, state_folder: Path | None, table: Sequence[Mount]) -> Iterator[Check]:
    """Processor, memory, control groups, clock, card. ``memory_limit_mb`` is the judge's."""
    yield from _system()
    yield from _memory(memory_limit_mb)
    yield from memory_cap()
    yield from clock()
    if state_folder is not None:
        yield from card(state_folder, table)


def _system() -> Iterator[Check]:
    bits = struct.calcsize("P") * 8
    model = _read(Path("/proc/device-tree/model")).rstrip("\0")
    name = f"{model or platform.machine()}, {platform.release()}, {os.cpu_count()} cores, {bits} bit"
    if bits < 64:
        yield fail(
            TOPIC,
            f"{name}: there is no onnxruntime, NumPy or OpenCV wheel for 32 bit",
            "install the 64-bit Raspberry Pi OS",
        )
    elif sys.version_info[:2] <= NEWEST_PYTHON_TO_REFUSE:
        yield fail(TOPIC, f"{name}: Python {platform.python_version()} is too old", "Python 3.11 or newer: Bookworm")
    else:
        yield ok(TOPIC, name)


def _memory(limit_mb: int) -> Iterator[Check]:
    total_mb = _memory_mb()
    if total_mb is None:
        return
    if total_mb < LEAST_MEMORY_MB:
        yield fail(TOPIC, f"{total_mb} MB of memory: too little", "use a board with 512 MB at least")
    elif total_mb < limit_mb + BEYOND_LIMIT_MB:
        yield warn(
            TOPIC,
            f"{total_mb} MB of memory, and judging may take {limit_mb} MB of it: large frames could push others out",
            f"memory_mb = {max(200, total_mb // 2)} below [judge]; frames that need more go to review",
        )
    else:
        yield ok(TOPIC, f"{total_mb} MB of memory, of which judging may take {limit_mb} MB")


def memory_cap(groups: Path = Path("/sys/fs/cgroup")) -> Iterator[Check]:
    """Whether the kernel enforces the unit's MemoryMax=: a Raspberry Pi boots with that switched off."""
    unified = _read(groups / "cgroup.controllers")
    if "memory" in unified.split() or (groups / "memory" / "memory.limit_in_bytes").exists():
        yield ok(TOPIC, "the kernel can enforce the service's memory limit")
    elif unified:
        yield warn(
            TOPIC,
            "the kernel does not enforce the service's memory limit (a Raspberry Pi boots so); the judge limits itself",
            "add cgroup_enable=memory to the line in /boot/firmware/cmdline.txt and reboot",
        )


def clock(run: str = "timedatectl", devices: Path = Path("/sys/class/rtc")) -> Iterator[Check]:
    """Whether the time is right. Frames are put in order by the time in their headers, the log by the machine's."""
    has_clock = devices.is_dir() and any(devices.iterdir())
    synchronised = _synchronised(run)
    if synchronised:
        yield ok(TOPIC, "the clock is set by the network")
    elif has_clock:
        yield ok(TOPIC, "the clock is not set by the network, but there is a hardware clock")
    else:
        yield warn(
            TOPIC,
            "the clock is not set by the network and there is no hardware clock: after a power cut the time is wrong. "
            "Frames are judged all the same; log and reports show wrong times",
            "add a clock module or a GPS receiver, or set the time from the capture computer",
        )


def card(state_folder: Path, table: Sequence[Mount]) -> Iterator[Check]:
    """Whether the daemon's papers lie on a memory card."""
    mount = mount_of(state_folder, table)
    if mount is not None and mount.source.startswith("/dev/mmcblk"):
        yield ok(TOPIC, f"{state_folder}: on a memory card; about 45 kB are written to it for each frame")


def _synchronised(run: str) -> bool:
    program = shutil.which(run)
    if program is None:
        return False
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [program, "show"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "NTPSynchronized=yes" in done.stdout


def _memory_mb() -> int | None:
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
