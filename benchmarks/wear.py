"""What does a card have to write for each frame, beside the frame? Counted where it is written: at the disk.

python benchmarks/wear.py --frames 30                needs root: two file systems of its own in loop devices
python benchmarks/wear.py --frames 30 --in-memory    as under systemd, which gives the status a folder in memory

Frames come one at a time, and everything is written out after each, as it is where they come a minute apart: nothing
that two frames change is written once for both.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from astropy.io import fits

from nebulift.simulate import star_field

SHAPE = (480, 640)
WARM_UP = 3  # frames that are not counted
QUIET_S = 2.6  # the status waits for two seconds at most
SECTOR_BYTES = 512
LABELS = ("clean", "contaminated", "review")


class Disk:
    """An ext4 file system in a file, and how much was written to it."""

    def __init__(self, stack, folder, name, size_mb):
        image, self.place = folder / f"{name}.img", folder / name
        self.place.mkdir()
        with image.open("wb") as file:
            file.truncate(size_mb << 20)
        now = "lazy_itable_init=0,lazy_journal_init=0"  # or the kernel writes them while we count
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", now, image], check=True)
        found = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True)
        device = found.stdout.strip()
        stack.callback(subprocess.run, ["losetup", "--detach", device], check=True)
        subprocess.run(["mount", device, self.place], check=True)
        stack.callback(subprocess.run, ["umount", self.place], check=True)
        self._counts = Path("/sys/block") / Path(device).name / "stat"

    def sync(self):
        subprocess.run(["sync", "--file-system", self.place], check=True)

    def written_kb(self):
        self.sync()
        return int(self._counts.read_text().split()[6]) * SECTOR_BYTES / 1000


def processes_kb(daemon):
    """What the kernel says that the daemon and its judge have had written."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    total = 0
    for pid in (daemon.pid, *children):
        lines = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        total += int(lines["write_bytes"])
    return total / 1000


def take(folder, number):
    """One frame, as a camera writes it."""
    stars = star_field(SHAPE[1], SHAPE[0], density_per_mpx=800).pixels.astype(np.int32)
    noise = np.random.default_rng(number).normal(0.0, 6.0, SHAPE)
    header = fits.Header({"IMAGETYP": "Light Frame", "EXPTIME": 60.0, "FILTER": "L", "OBJECT": "M 31", "GAIN": 100})
    header["DATE-OBS"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1.7e9 + 60 * number))
    image = fits.PrimaryHDU(np.clip(stars + noise, 0, 65535).astype(np.uint16), header)
    image.writeto(folder / f"Light_M31_60s_L_{number:04d}.fits")


def sort_one(capture, output, number):
    take(capture, number)
    while sum(len(list((output / label).rglob("*.fits"))) for label in LABELS) <= number:
        time.sleep(0.05)
    time.sleep(QUIET_S)


def frame_alone_kb(disk, capture):
    """What a frame costs without us."""
    take(capture, 9000)
    before = disk.written_kb()
    for number in range(9001, 9006):
        take(capture, number)
        disk.sync()
    each = (disk.written_kb() - before) / 5
    for path in capture.iterdir():
        path.unlink()
    return each


@contextlib.contextmanager
def watching(folder, settings, *, in_memory):
    """The daemon, once it watches."""
    config, log = folder / "nebulift.toml", folder / "log"
    config.write_text(settings)
    environment = os.environ | ({"RUNTIME_DIRECTORY": str(folder)} if in_memory else {})
    command = [sys.executable, "-m", "nebulift", "watch", "--config", config]
    with log.open("wb") as lines, subprocess.Popen(command, stdout=lines, stderr=lines, env=environment) as daemon:
        try:
            while b"watching" not in log.read_bytes():
                time.sleep(0.2)
            yield daemon
        finally:
            daemon.send_signal(signal.SIGTERM)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--in-memory", action="store_true", help="the status in memory, as under systemd")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nebulift-wear-", dir="/dev/shm")))
        frames, state = Disk(stack, folder, "frames", 600), Disk(stack, folder, "state", 100)
        capture, output = frames.place / "capture", frames.place / "sorted"
        capture.mkdir()
        alone_kb = frame_alone_kb(frames, capture)
        settings = f'[watch]\nfolders = ["{capture}"]\nsettle_s = 0.5\nrescan_s = 600\n'
        settings += f'[output]\nroot = "{output}"\nstate = "{state.place / "state"}"\n'
        daemon = stack.enter_context(watching(folder, settings, in_memory=asked.in_memory))
        for number in range(WARM_UP + asked.frames):
            if number == WARM_UP:
                before = frames.written_kb(), state.written_kb(), processes_kb(daemon)
            sort_one(capture, output, number)
            frames.sync()
            state.sync()
        after = frames.written_kb(), state.written_kb(), processes_kb(daemon)
        each = [(now - then) / asked.frames for now, then in zip(after, before, strict=True)]
    print(f"kB for each of {asked.frames} frames: frame alone {alone_kb:.0f}; beside it, to the frames' disk")
    print(f"{each[0] - alone_kb:.0f}, to the state's disk {each[1]:.0f}; counted by process {each[2]:.0f}")


if __name__ == "__main__":
    main()
