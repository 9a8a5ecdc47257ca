"""What the daemon costs while nothing happens: CPU time, memory and bytes written over a minute; and what it writes
when a frame comes every so often.

python benchmarks/idle_daemon.py --seconds 60 --frames 3 --every 65
"""

import argparse
import os
import shutil
import signal
import socket
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


def name_of(pid):
    """What a process of the family does, by the module that it runs."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
    known = {"judge_worker": "judge", "notify.process": "messenger", "web.process": "review page"}
    return next((name for module, name in known.items() if module in command), "watching")


def command_for(base, capture, *, company):
    """``nebulift watch``; with ``company`` also a messenger and the page."""
    output = base / "sorted"
    if not company:
        return [sys.executable, "-m", "nebulift", "watch", str(capture), "--output", str(output)]
    config = base / "nebulift.toml"
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    config.write_text(
        f'[watch]\nfolders = ["{capture}"]\n[output]\nroot = "{output}"\n'
        f'[web]\nserve = true\nlisten = "127.0.0.1:{port}"\n'
        f'[notify]\nurls = ["json://127.0.0.1:{port}/"]\nmqtt = "mqtt://127.0.0.1:1"\n'
        f'safety_file = "{base / "sky.txt"}"\n'
    )
    return [sys.executable, "-m", "nebulift", "watch", "--config", str(config)]


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
    parser.add_argument("--company", action="store_true", help="with a messenger and the review page")
    asked = parser.parse_args()
    seconds = asked.seconds
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder, "capture")
        capture.mkdir()
        command = command_for(Path(folder), capture, company=asked.company)
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(8.0)  # until it has started its judge
            pids = family(daemon.pid)
            before = {pid: (cpu_s(pid), written_bytes(pid)) for pid in pids}
            time.sleep(seconds)
            print(f"| process | CPU over {seconds:.0f} s | memory | written |\n|---|---|---|---|")
            for pid in pids:
                spent, wrote = cpu_s(pid) - before[pid][0], written_bytes(pid) - before[pid][1]
                share = f"{1000 * spent:.0f} ms ({100 * spent / seconds:.2f} %)"
                print(f"| {name_of(pid)} | {share} | {resident_mb(pid):.0f} MB | {wrote} B |")
            if asked.frames:
                wrote = written_for_frames(capture, pids, asked.frames, asked.every)
                print(f"\n{wrote / asked.frames / 1000:.0f} kB written beside each of {asked.frames} frames")
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)


if __name__ == "__main__":
    main()
