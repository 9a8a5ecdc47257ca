"""What the daemon costs while nothing happens: CPU time, memory and bytes written over a minute; and what it writes
when a frame comes every so often.

python benchmarks/idle_daemon.py --seconds 60 --frames 3 --every 65
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from astropy.io import fits

from nebulift.simulate import random_session

TICK = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mb(pid):
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def written_bytes(pid):
    line = next(one for one in Path(f"/proc/{pid}/io").read_text().splitlines() if one.startswith("write_bytes"))
    return int(line.split()[1])


def family(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


def written_for_frames(capture, pids, frames, every_s):
    """Bytes that the daemon writes for simulated frames put into ``capture``, each linked where it is sorted."""
    before = sum(map(written_bytes, pids))
    with tempfile.TemporaryDirectory() as folder:
        for number, frame in enumerate(random_session(1, frames)):
            path = Path(folder, f"light_{number:03d}.fits")
            fits.PrimaryHDU(frame.pixels, fits.Header({"IMAGETYP": "Light Frame"})).writeto(path)
            shutil.copy(path, capture)
            time.sleep(every_s)
    return sum(map(written_bytes, pids)) - before


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--frames", type=int, default=0, help="then so many frames")
    parser.add_argument("--every", type=float, default=65.0, help="seconds between them")
    asked = parser.parse_args()
    seconds = asked.seconds
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder, "capture")
        capture.mkdir()
        command = [sys.executable, "-m", "nebulift", "watch", str(capture), "--output", str(Path(folder, "sorted"))]
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(8.0)  # until it has started its judge
            pids = family(daemon.pid)
            before = {pid: (cpu_s(pid), written_bytes(pid)) for pid in pids}
            time.sleep(seconds)
            print(f"| process | CPU over {seconds:.0f} s | memory | written |\n|---|---|---|---|")
            for name, pid in zip(("watching", "judge"), pids, strict=False):
                spent, wrote = cpu_s(pid) - before[pid][0], written_bytes(pid) - before[pid][1]
                share = f"{1000 * spent:.0f} ms ({100 * spent / seconds:.2f} %)"
                print(f"| {name} | {share} | {resident_mb(pid):.0f} MB | {wrote} B |")
            if asked.frames:
                wrote = written_for_frames(capture, pids, asked.frames, asked.every)
                print(f"\n{wrote / asked.frames / 1000:.0f} kB written beside each of {asked.frames} frames")
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)


if __name__ == "__main__":
    main()
