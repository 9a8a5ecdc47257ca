"""What the ledger writes for a frame, for a session's state, and so in an hour: pages, as the kernel counts them.

python benchmarks/ledger_wear.py --frames 240          needs root: a file system of its own in a loop device

Everything is written out after each frame, as it is where frames come more than half a minute apart; the WAL is taken
over into the file several times. Judgements and session are real ones, of simulated frames.
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from astropy.io import fits
from wear import Disk

from nebulift.judgement import as_record
from nebulift.pipeline import judge
from nebulift.simulate import random_session
from nebulift_daemon.ledger import Judged, Ledger
from nebulift_daemon.loop import SESSIONS_EVERY_S
from nebulift_daemon.sighting import Sighting

CAPTURE, OUTPUT = Path("/home/pi/Pictures/M31/Light"), Path("/home/pi/nebulift/clean/M31/Light")
CADENCES_S = (30, 60, 120, 240, 300)
JUDGED = 44  # frames: a session's state no longer grows then
WARM_UP = 5
SAVES = 20


def judged_session(folder):
    """The records of a simulated session, and its state in the end."""
    sessions, records = {}, []
    for number, frame in enumerate(random_session(1, JUDGED)):
        path = folder / "light.fits"
        header = fits.Header({"IMAGETYP": "Light Frame", "EXPTIME": 60.0, "FILTER": "L", "OBJECT": "M 31"})
        header["DATE-OBS"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1.7e9 + 60 * number))
        fits.PrimaryHDU(frame.pixels, header).writeto(path, overwrite=True)
        records.append(as_record(judge(path, sessions=sessions)))
    ((group, state),) = sessions.items()
    return records, group, state.to_json()


def walk(ledger, number, record, group):
    """One frame's way through the ledger: claimed, judged, filed by a link."""
    name = f"Light_M31_60s_L_{number:04d}.fits"
    seen = Sighting(CAPTURE / name, 64768, 1_000_000 + number, 52_000_000, (1_700_000_000 + 60 * number) * 10**9)
    claim = ledger.progress.claim(seen, CAPTURE.parent)
    record = record | {"path": str(seen.path)}
    ledger.progress.judged(claim.frame_id, Judged(f"{number:064x}", record, "clean", group), "link", OUTPUT / name)
    there = Sighting(OUTPUT / name, seen.device, seen.inode, seen.size_bytes, seen.mtime_ns)
    ledger.progress.filed(claim.frame_id, there, "link")


def pages_kb():
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["write_bytes"]) / 1000


def cost_kb(disk, deeds):
    """What each of ``deeds`` writes on average, everything written out after each."""
    disk.sync()
    before = pages_kb()
    number = 0
    for deed in deeds:
        deed()
        disk.sync()
        number += 1
    return (pages_kb() - before) / number


def measure(frames):
    """kB for a frame, and for a session's state."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nebulift-wear-", dir="/dev/shm")))
        records, group, state = judged_session(folder)
        disk = Disk(stack, folder, "state", 200)
        ledger = Ledger.open(disk.place / "state")
        stack.callback(ledger.close)
        for number in range(WARM_UP):
            walk(ledger, number, records[number], group)
        numbers = range(WARM_UP, WARM_UP + frames)
        deeds = (lambda n=number: walk(ledger, n, records[n % JUDGED], group) for number in numbers)
        frame_kb = cost_kb(disk, deeds)
        save_kb = cost_kb(disk, (lambda: ledger.memory.keep_sessions({group: state}, 8) for _ in range(SAVES)))
    return frame_kb, save_kb


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--beside-kb", type=float, default=0.0, help="what is written for a frame beside the ledger")
    asked = parser.parse_args()
    frame_kb, save_kb = measure(asked.frames)
    print(f"{frame_kb:.1f} kB a frame (n = {asked.frames}), {save_kb:.1f} kB a session's state (n = {SAVES})")
    for cadence_s in CADENCES_S:
        each_kb = 3600 / cadence_s * (frame_kb + asked.beside_kb) + 3600 / SESSIONS_EVERY_S * save_kb
        print(f"a frame in {cadence_s} s: {each_kb / 1000:.2f} MB an hour")


if __name__ == "__main__":
    main()
