"""What the daemon costs while nothing happens: CPU time, memory and bytes written over a minute.

python benchmarks/idle_daemon.py --seconds 60
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
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
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)


if __name__ == "__main__":
    main()
