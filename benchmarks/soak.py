"""Thousands of small simulated frames through one daemon: do memory, descriptors and threads stay flat?

python benchmarks/soak.py --frames 10000
python benchmarks/soak.py --frames 10000 --folder-of 10000           all in one folder
python benchmarks/soak.py --frames 10000 --judge fake_judge:judge    a stand-in of tests/ that costs no time
"""

import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from nebulift.simulate import star_field

LINES = 10  # of the table
AT_ONCE = 50  # frames on their way at a time: a burst, never a backlog
SHAPE = (360, 480)  # pixels: what takes time is then the daemon and not the sky
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What a process holds and has spent at one moment."""

    resident_mb: float
    descriptors: int
    threads: int
    cpu_s: float
    written_mb: float


def load_of(pid):
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    spent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    written = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())["write_bytes"]
    return Load(
        int(status["VmRSS"].split()[0]) / 1024,
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        int(status["Threads"]),
        (int(spent[11]) + int(spent[12])) / TICK,
        int(written) / 1e6,
    )


def skies():
    """The frames of a night, each with noise of its own, in files as a camera writes them."""
    stars = star_field(SHAPE[1], SHAPE[0], density_per_mpx=800).pixels.astype(np.int32)
    for number in itertools.count():
        noise = np.random.default_rng(number).normal(0.0, 6.0, SHAPE)
        header = fits.Header({"IMAGETYP": "Light Frame", "EXPTIME": 30.0, "FILTER": "L"})
        header["DATE-OBS"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1.7e9 + 30 * number))
        yield number, fits.PrimaryHDU(np.clip(stars + noise, 0, 65535).astype(np.uint16), header)


def line(done, pids, started):
    loads = [load_of(pid) for pid in pids]
    cells = [f"{one.resident_mb:.1f} MB, {one.descriptors} fd, {one.threads} thr" for one in loads]
    print(f"| {done} | {time.monotonic() - started:.0f} s | {' | '.join(cells)} |", flush=True)
    return loads


def sorted_frames(output):
    return sum(len(files) for _, _, files in os.walk(output / "clean")) + sum(
        len(files) for label in ("contaminated", "review") for _, _, files in os.walk(output / label)
    )


def soak(capture, output, daemon, frames, folder_of):
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    pids = [daemon.pid, *map(int, children)]
    print(f"| frames | after | watching | {' | '.join(['judge', 'other', 'other'][: len(children)])} |")
    print("|---" * (len(children) + 3) + "|")
    started, first, every = time.monotonic(), None, max(1, frames // LINES)
    before = [load_of(pid) for pid in pids]
    for number, image in skies():
        if number >= frames:
            break
        night = capture / f"night_{number // folder_of:03d}"
        night.mkdir(exist_ok=True)
        image.writeto(night / f"light_{number:05d}.fits")
        while number % AT_ONCE == 0 and number - sorted_frames(output) >= AT_ONCE:
            time.sleep(0.2)
        if number and number % every == 0:
            loads = line(number, pids, started)
            first = first or loads
    while sorted_frames(output) < frames:
        time.sleep(0.5)
    last = line(frames, pids, started)
    grown = [now.resident_mb - then.resident_mb for now, then in zip(last, first or before, strict=True)]
    spent = [1000 * (now.cpu_s - then.cpu_s) / frames for now, then in zip(last, before, strict=True)]
    wrote = sum(now.written_mb - then.written_mb for now, then in zip(last, before, strict=True))
    print(f"\ngrown after the first tenth: {', '.join(f'{mb:+.1f} MB' for mb in grown)}")
    print(f"CPU a frame: {', '.join(f'{ms:.0f} ms' for ms in spent)}; written a frame {1000 * wrote / frames:.0f} kB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--folder-of", type=int, default=500, help="so many frames in one folder")
    parser.add_argument("--judge", help="module:function in the place of the real judge")
    asked = parser.parse_args()
    frames = asked.frames
    folder = Path(tempfile.mkdtemp(prefix="nebulift-soak-"))
    capture, output, log = folder / "capture", folder / "sorted", folder / "log"
    capture.mkdir()
    command = [sys.executable, "-m", "nebulift", "watch", str(capture), "--output", str(output)]
    command += ["--judge", asked.judge] if asked.judge else []
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent / "tests")}
    with log.open("wb") as lines:
        daemon = subprocess.Popen(command, stdout=lines, stderr=lines, env=environment)
    try:
        while b"watching" not in log.read_bytes():
            time.sleep(0.2)
        soak(capture, output, daemon, frames, asked.folder_of)
        status = json.loads((output / ".nebulift" / "status.json").read_text())
        print(f"problems: {status['problems'] or 'none'}; log {log.stat().st_size / frames:.0f} bytes a frame")
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)
    print(f"exit status {daemon.returncode}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
