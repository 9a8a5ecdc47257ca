"""How well the session grades: nights of eight cameras and eight courses of events, live and looking back.

    python benchmarks/nights.py --frames 18 --seed 7000

Every camera goes through every course once (a clear night, clouds, focus drift, wind, moonrise, dawn, an obstacle,
dew), measurements alone, no model. The truth is the simulator's: contaminated from severity 0.7, clean up to 0.3; what
lies between is in no figure. Intervals are 95 % by bootstrap over nights. Prints Markdown.
"""

import argparse
import json
import pickle
import time
from pathlib import Path

import cv2
import numpy as np

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.pipeline import as_measured, conclude
from nebulift.session import hindsight, witness_of
from nebulift.simulate import rendered
from nebulift.simulate.camera_catalogue import CATALOGUE
from nebulift.simulate.night import plan_session
from nebulift.training.metrics import roc_auc, with_interval

COURSES = ("clear", "clouds", "focus_drift", "wind", "moonrise", "twilight", "occlusion", "dew")
CAMERAS = CATALOGUE[:8]
MEGAPIXELS = 1.6


def plans(camera, course, seed, frames):
    """The frames of one night, to be rendered."""
    number = [one.name for one in CAMERAS].index(camera)
    seeds = np.random.SeedSequence([seed, number, COURSES.index(course)])
    return plan_session(seeds, frames, course, camera=CAMERAS[number], megapixels=MEGAPIXELS)


def measured_night(camera, course, seed, frames):
    """[(measured, truth)] of one simulated night."""
    rows = []
    for plan in plans(camera, course, seed, frames):
        frame = rendered(plan)
        seen = frame_from_array(frame.pixels, frame.exposure, Path(f"{camera} {course}/{plan.number}"))
        rows.append((as_measured(seen, ArtifactDetector().analyse(seen)), frame.truth))
    return rows


def judged(night):
    """({way of looking: judgements}, bytes of the state at the end, milliseconds of a live conclusion)."""
    states, live, witnesses = {}, [], []
    started = time.process_time()
    for measured, _ in night:
        live.append(conclude(measured, sessions=states))
        witnesses.append(witness_of(states[live[-1].session.group], 1))
    spent_ms = (time.process_time() - started) * 1000.0 / len(night)
    final = states[live[-1].session.group]
    back = [
        conclude(measured, sessions={final.group: hindsight(witnesses, place, final)})
        for place, (measured, _) in enumerate(night)
    ]
    alone = [conclude(measured) for measured, _ in night]
    return {"alone": alone, "live": live, "looking back": back}, len(json.dumps(final.to_json())), spent_ms


def pier_sides(night):
    """Before or after the meridian flip, of each frame; ``None`` in nights without one."""
    sides = [measured.exposure.pier_side for measured, _ in night]
    return [("before" if side == sides[0] else "after") if len(set(sides)) > 1 else None for side in sides]


def figures(rows):
    """Cells of one line; rows: (night, true label, judgement)."""
    rows = [row for row in rows if row[1] != "marginal"]
    clean = np.array([truth == "clean" for _, truth, _ in rows])
    score = np.array([judgement.verdict.score for *_, judgement in rows])
    label = np.array([judgement.verdict.label.value for *_, judgement in rows])
    nights = [night for night, *_ in rows]

    def share(of, found):
        where = np.flatnonzero(of)
        hits = (label == found)[where]
        return with_interval(lambda i: float(hits[i].mean()) if len(i) else None, [nights[n] for n in where])

    def recall(index):
        """Contaminated below the score under which one in a hundred clean frames lies."""
        good, bad = score[index][clean[index]], score[index][~clean[index]]
        if len(good) < 100 or len(bad) == 0:
            return None
        return float((bad < np.sort(good)[len(good) // 100]).mean())

    return [
        with_interval(lambda i: roc_auc(score[i], clean[i]), nights),
        with_interval(recall, nights),
        share(clean, "contaminated"),
        share(clean, "review"),
        share(~clean, "contaminated"),
        share(~clean, "clean"),
    ]


HEAD = (
    "| {} | ROC-AUC | recall at 1 % false rejection | clean rejected | clean to review | contaminated caught "
    "| contaminated accepted |\n|---|---|---|---|---|---|---|"
)


def print_table(title, groups):
    print("\n" + HEAD.format(title))
    for name, rows in groups.items():
        print(f"| {name} | " + " | ".join(map(str, figures(rows))) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=18)
    parser.add_argument("--seed", type=int, default=7000)
    parser.add_argument("--cameras", type=int, default=len(CAMERAS), help="so many, from the first")
    parser.add_argument("--keep", type=Path, help="keep the measurements here, or take them from here")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    nights = {}
    if asked.keep and asked.keep.exists():
        nights = pickle.loads(asked.keep.read_bytes())
    for camera in CAMERAS[: asked.cameras]:
        for course in COURSES:
            if (camera.name, course) not in nights:
                nights[camera.name, course] = measured_night(camera.name, course, asked.seed, asked.frames)
        if asked.keep:
            asked.keep.write_bytes(pickle.dumps(nights))
    ways, cameras, courses, fields, flips, sizes, times = {}, {}, {}, {}, {}, [], []
    for (camera, course), night in nights.items():
        content = plans(camera, course, asked.seed, asked.frames)[0].scene.target.diffuse
        found, size, spent_ms = judged(night)
        sizes.append(size)
        times.append(spent_ms)
        for way, judgements in found.items():
            rows = [
                (f"{camera} {course}", truth.label.value, judgement)
                for (_, truth), judgement in zip(night, judgements, strict=True)
            ]
            ways.setdefault(way, []).extend(rows)
            if way == "live":
                cameras.setdefault(camera, []).extend(rows)
                courses.setdefault(course, []).extend(rows)
                fields.setdefault(content, []).extend(rows)
                for side, row in zip(pier_sides(night), rows, strict=True):
                    flips.setdefault(side, []).append(row)
    print(f"{len(nights)} nights of {asked.frames} frames, {len(cameras)} cameras, seed {asked.seed}:")
    print_table("all nights", ways)
    print_table("live, by camera", cameras)
    print_table("live, by course", courses)
    print_table("live, by what is in the field", fields)
    print_table(
        "live, nights with a meridian flip", {side: flips[side] for side in ("before", "after") if side in flips}
    )
    print(f"\nState of a group: {max(sizes) / 1e3:.0f} kB at most; {np.median(times):.1f} ms to compare and decide.")


if __name__ == "__main__":
    main()
