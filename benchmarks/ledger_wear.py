"""What the daemon's ledger writes in an hour: pages, as the kernel counts them for our process.

python benchmarks/ledger_wear.py --hours 8          needs root: a file system of its own in a loop device

Everything is written out after each frame, as it is where frames come more than half a minute apart. The session's
state is kept, what was noted committed, and the WAL taken over into the file as often as it happens in the daemon.
Judgements and session are real ones, of simulated frames.
"""

import argparse
import itertools
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
from nebulift_daemon.ledger.batching import COMMIT_EVERY_S
from nebulift_daemon.loop import SESSIONS_EVERY_S
from nebulift_daemon.sighting import Sighting

CAPTURE, OUTPUT = Path("/home/pi/Pictures/M31/Light"), Path("/home/pi/nebulift/clean/M31/Light")
CADENCES_S = (60, 30, 120, 300)
JUDGED = 44  # frames: a session's state no longer grows then


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


def hours_cost_kb(disk, ledger, frames, keep_session, per_hour):
    """What an hour costs, everything written out after each of ``frames``, deeds of which ``per_hour`` are an hour."""
    disk.sync()
    before, done = pages_kb(), 0
    for done, deed in enumerate(frames, 1):
        deed()
        disk.sync()
        for every_s, act in ((SESSIONS_EVERY_S, keep_session), (COMMIT_EVERY_S, ledger.commit)):
            if done % (per_hour * every_s / 3600) == 0:
                act()
                disk.sync()
    return (pages_kb() - before) * per_hour / done


def measure(hours):
    """(seconds between frames, frames, kB an hour) for each of ``CADENCES_S``."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nebulift-wear-", dir="/dev/shm")))
        records, group, state = judged_session(folder)
        disk = Disk(stack, folder, "state", 200)
        ledger = Ledger.open_for_daemon(disk.place / "state")
        stack.callback(ledger.close)
        number = itertools.count()

        def one_frame():
            walk(ledger, now := next(number), records[now % JUDGED], group)

        for cadence_s in CADENCES_S:
            per_hour = 3600 // cadence_s
            frames = [one_frame] * (hours * per_hour)
            cost_kb = hours_cost_kb(
                disk, ledger, frames, lambda: ledger.memory.keep_sessions({group: state}, 8), per_hour
            )
            yield cadence_s, len(frames), cost_kb


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=8)
    for cadence_s, frames, cost_kb in measure(parser.parse_args().hours):
        print(f"a frame in {cadence_s} s: {cost_kb / 1000:.2f} MB an hour (n = {frames})", flush=True)


if __name__ == "__main__":
    main()
