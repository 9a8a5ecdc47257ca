"""One line a verdict, for the log and for the terminal."""

import time
from typing import Any

from nebulift_daemon.ledger import FrameRow
from nebulift_daemon.printing import one_line

COLOURS = {"clean": "\x1b[32m", "contaminated": "\x1b[31m", "review": "\x1b[33m", "skipped": "\x1b[2m"}
PLAIN = "\x1b[0m"
LABEL_WIDTH = len("contaminated")


def verdict_line(row: FrameRow, *, colour: bool = False, with_time: bool = True) -> str:
    """``22:14:03  contaminated  0.04  M31_001.fits  a trail, 1840 px long``; nothing unprintable, one line."""
    label = label_of(row)
    shown = f"{label:<{LABEL_WIDTH}}"
    if colour:
        shown = f"{COLOURS.get(label, '')}{shown}{PLAIN}"
    score = "    " if row.score is None else f"{row.score:4.2f}"
    when = time.strftime("%H:%M:%S  ") if with_time else ""
    waits = "  (filing waits)" if row.state == "judged" else ""
    return f"{when}{shown}  {score}  {one_line(row.path.name)}  {one_line(row.reason or '')}{waits}"


def verdict_fields(row: FrameRow) -> dict[str, Any]:
    """The same for programs."""
    return {
        "event": "verdict",
        "path": one_line(row.path, 4096),
        "verdict": label_of(row),
        "score": row.score,
        "kinds": list(row.kinds),
        "reason": one_line(row.reason or ""),
        "destination": None if row.destination is None else one_line(row.destination, 4096),
        "state": row.state,
        "judged_at": row.judged_at,
    }


def label_of(row: FrameRow) -> str:
    """Clean, contaminated, review; or skipped, for what is no light frame."""
    return "skipped" if row.state == "skipped" or row.label is None else row.label
