"""A night in a ledger without any judging: small real frames on the disk, records as the judge would have written them.

``make_night(base, ...)`` gives a ``SyntheticNight``; thousands of frames take seconds.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from nebulift_daemon.ledger import Ledger, as_text
from nebulift_daemon.ledger.progress import keep_record
from nebulift_daemon.ledger.rows import packed
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.sighting import look

WIDTH_PX, HEIGHT_PX = 96, 64
EVENING = datetime(2026, 3, 14, 19, 30, tzinfo=UTC)
TRAIL = {
    "kind": "streak",
    "severity": 0.9,
    "text": "trail, 90 px long",
    "evidence": {"snr": 40.0},
    "geometry": {"shape": "line", "x0_px": 5.0, "y0_px": 9.0, "x1_px": 90.0, "y1_px": 50.0, "width_px": 2.0},
    "strong": True,
}
VEIL = {
    "kind": "cloud",
    "severity": 0.5,
    "text": "stars: 60% of the session's best: cloud or dew",
    "evidence": {"star_ratio": 0.6},
    "geometry": {"shape": "cells", "rows": 4, "columns": 6, "cells": [[0, 0], [0, 1], [1, 0]]},
    "strong": False,
}
WIND = {
    "kind": "trailed",
    "severity": 0.45,
    "text": "stars 1.6 times as elongated as the session's best",
    "evidence": {"elongation_ratio": 1.6},
    "geometry": {"shape": "ellipse", "major_px": 4.0, "minor_px": 2.5, "angle_deg": 30.0},
    "strong": False,
}
SCORES = {"clean": 0.97, "contaminated": 0.08, "review": 0.5}


@dataclass
class SyntheticNight:
    capture: Path
    output: Path
    state: Path
    ids: list

    def ledger(self):
        return Ledger.open(self.state)


def fits_file(number=0, *, stars=12, width_px=WIDTH_PX, height_px=HEIGHT_PX, cards=()):
    """A small 16-bit FITS file with a sky, some stars and, for odd numbers, a trail."""
    rng = np.random.default_rng(number)
    image = rng.normal(1000.0, 20.0, (height_px, width_px))
    for x, y in zip(rng.integers(2, width_px - 2, stars), rng.integers(2, height_px - 2, stars), strict=True):
        image[y - 1 : y + 2, x - 1 : x + 2] += 3000.0
    if number % 2:
        for step in np.linspace(0, 1, 4 * width_px):
            image[int(9 + 41 * step), int(5 + 85 * step)] += 400.0
    header = [
        *("SIMPLE  =                    T", "BITPIX  =                   16", "NAXIS   =                    2"),
        *(f"NAXIS1  = {width_px:>20d}", f"NAXIS2  = {height_px:>20d}"),
        *("BZERO   =                32768", "BSCALE  =                    1", "IMAGETYP= 'LIGHT'"),
        *cards,
        "END",
    ]
    stored = (np.clip(image, 0, 65535).astype(np.int32) - 32768).astype(">i2").tobytes()
    head = "".join(f"{card:<80}" for card in header).encode("ascii")
    return head.ljust(-(-len(head) // 2880) * 2880) + stored.ljust(-(-len(stored) // 2880) * 2880, b"\0")


def record_of(path, label, number, taken_at, **exposure):
    """What the judge would have said."""
    findings = {"clean": [], "contaminated": [TRAIL], "review": [VEIL if number % 2 else WIND]}[label]
    return {
        "path": str(path),
        "verdict": label,
        "score": SCORES[label],
        "cv_score": SCORES[label],
        "model_score": None,
        "model": None,
        "reason": findings[0]["text"] if findings else "no artefact found",
        "kinds": {finding["kind"]: finding["severity"] for finding in findings},
        "findings": findings,
        "measurements": {
            "width_px": WIDTH_PX,
            "height_px": HEIGHT_PX,
            "sky": {"level_adu": 1000.0 + number % 50, "noise_adu": 20.0 + number % 3, "gradient_sigma": 1.0},
            "stars": {
                "count": 200 + round(20 * math.sin(number)),
                "measured": 100,
                "fwhm_px": 2.5 + 0.2 * math.sin(number / 9),
                "fwhm_arcsec": 3.5 + 0.3 * math.sin(number / 9),
                "hfr_px": 1.5,
                "elongation": 1.2,
                "angle_deg": 12.0,
            },
            "streaks": [],
        },
        "exposure": {
            "taken_at": taken_at.isoformat(),
            "exposure_s": 60.0,
            "camera": "Camera",
            "target": "M 31",
            "filter_name": "L",
            "gain": 100.0,
            "binning": [1, 1],
            **exposure,
        },
        "session": {"group": "M 31/L/60", "frames_before": number, "reference_frames": number},
        "skipped": None,
        "notes": [],
        "elapsed_ms": 100.0,
        "error": None,
    }


def make_night(
    base, labels, *, begin=EVENING, every_s=61.0, name="M31_Light_{:04d}.fits", content=fits_file, exposure=lambda _: {}
):
    """Frames with these labels, one a minute, in a ledger and on the disk; filed by hard link."""
    base = Path(base)
    capture, output, state = base / "cap", base / "out", base / "state"
    capture.mkdir(parents=True, exist_ok=True)
    root = OutputRoot(output, state)
    ledger = Ledger.open(state)
    root.begin(known=False)
    ledger.memory.keep_folders([output])
    bytes_of = {number: content(number) for number in range(min(len(labels), 40))}
    ids = []
    with ledger._database.transaction() as writing:
        for number, label in enumerate(labels):
            file_name = name.format(number)
            path, filed = capture / file_name, output / label / file_name
            path.write_bytes(bytes_of[number % len(bytes_of)])
            filed.hardlink_to(path)
            ids.append(
                _insert(
                    writing, capture, path, filed, label, number, begin + timedelta(seconds=every_s * number), exposure
                )
            )
    ledger.close()
    return SyntheticNight(capture, output, state, ids)


def _insert(writing, capture, path, filed, label, number, taken_at, exposure):
    seen = look(path)
    signature = f"{seen.inode}:{seen.size_bytes}:{seen.mtime_ns}"
    record = record_of(path, label, number, taken_at, **exposure(number))
    moment = as_text(taken_at + timedelta(seconds=70))
    frame_id = writing.insert(
        "INSERT INTO frames (root, folder, name, signature, size_bytes, sha256, state, label, score, kinds, reason,"
        " model, session_group, file_by, planned, destination_folder, destination_name,"
        " destination_signature, seen_at, judged_at, filed_at, taken_at)"
        " VALUES (?, ?, ?, ?, ?, ?, 'filed', ?, ?, ?, ?, NULL, ?, 'link', ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(capture),
            str(path.parent),
            path.name,
            signature,
            seen.size_bytes,
            f"{number:064x}",
            label,
            record["score"],
            " ".join(record["kinds"]),
            record["reason"],
            record["session"]["group"],
            str(filed),
            str(filed.parent),
            filed.name,
            signature,
            moment,
            moment,
            moment,
            as_text(taken_at),
        ),
    )
    keep_record(writing, frame_id, packed(record))
    return frame_id
