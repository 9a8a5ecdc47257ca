"""``python -m nebulift.demo.camera CAPTURE SEED FRAMES PACE_S``: the capture program of the demonstration.

Takes the frames of the story one after the other and writes them as capture programs do: under their final name from
the first byte on. After each frame one line of JSON on standard output: its line of ``labels.csv``.
"""

import json
import os
import sys
import time
from pathlib import Path

from nebulift.demo.story import Shot, plan_shots
from nebulift.simulate.headers import header_cards
from nebulift.simulate.labels import label_row
from nebulift.simulate.night import rendered
from nebulift.simulate.writer import fits_bytes, write_like_capture

CHUNK_BYTES = 1 << 20
CHUNK_PAUSE_S = 0.02  # of a download over USB
CUT_AT = 0.6  # of the file that is never finished
UNFINISHED = {"label": "unreadable", "severity": "1.0000", "kinds": "unreadable:1.0000", "artefacts": "[]"}


def take_frames(capture: Path, shots: list[Shot], pace_s: float) -> None:
    """Write the frames into ``capture``, one every ``pace_s`` seconds where this machine is fast enough."""
    due = time.monotonic()
    for shot in shots:
        row = take(capture, shot, wait_s=due - time.monotonic())
        due = max(due, time.monotonic() - pace_s) + pace_s
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


def take(capture: Path, shot: Shot, wait_s: float = 0.0) -> dict[str, str]:
    """The line of ``labels.csv`` of the frame, which now lies in ``capture``; it is written after ``wait_s``."""
    frame = rendered(shot.plan)
    content = fits_bytes(frame.pixels, header_cards(shot.plan))
    if shot.cut:
        content = content[: int(len(content) * CUT_AT)]
    time.sleep(max(0.0, wait_s))
    path = capture / shot.path
    write_like_capture(path, content, chunk_bytes=CHUNK_BYTES, pause_s=CHUNK_PAUSE_S)
    ended = shot.plan.taken_at.timestamp() + shot.plan.scene.exposure_s  # by the clock of that night
    os.utime(path, (ended, ended))
    row = label_row(shot.path, shot.plan, frame.truth)
    return row | UNFINISHED if shot.cut else row


if __name__ == "__main__":
    folder, seed, frames, pace = sys.argv[1:]
    take_frames(Path(folder), plan_shots(int(seed), int(frames)), float(pace))
