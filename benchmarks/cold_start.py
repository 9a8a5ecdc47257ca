"""Nights that begin spoilt: what the first frames are called with and without an earlier night, live and looking back.

    python benchmarks/cold_start.py --seed 60

Up to eight cameras, each on one field: eight clear frames, then on the next evening four frames spoilt by one cause
(thin even cloud that takes 50 to 75 % of the light, drift of 2.5 widths, defocus to 2.5 widths), then eight clear ones.
Measurements alone. Intervals are 95 % by bootstrap over nights. Prints Markdown.
"""

import argparse
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
from nights import CAMERAS, MEGAPIXELS

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.pipeline import as_measured, conclude
from nebulift.session import hindsight, next_session, witness_of
from nebulift.simulate import rendered
from nebulift.simulate.causes import Blur, Motion, random_clouds
from nebulift.simulate.night import plan_session, setting_of
from nebulift.simulate.tracking import drift
from nebulift.training.metrics import with_interval

EARLIER, SPOILT, LATER = 8, 4, 8


def causes_of(name, plan, rng):
    """One cause of this name, plainly visible in a frame of ``plan``."""
    width = plan.scene.air.fwhm_px
    if name == "cloud":
        layer = random_clouds(rng, 0.9, setting_of(plan.scene, plan.rig))
        return (replace(layer, depth=float(rng.uniform(0.7, 1.4)), contrast=0.1),)
    if name == "drift":
        return (Motion(drift(2.5 * width, float(rng.uniform(0.0, 180.0)))),)
    return (Blur(2.7 * width),)


def measured(plan):
    frame = rendered(plan)
    seen = frame_from_array(frame.pixels, frame.exposure, Path(str(plan.number)))
    return as_measured(seen, ArtifactDetector().analyse(seen))


def labels_of(night, sessions):
    """Of the spoilt frames and of the clear ones: labels live, and looking back."""
    live, witnesses = [], []
    for one in night:
        live.append(conclude(one, sessions=sessions))
        witnesses.append(witness_of(sessions[live[-1].session.group], 1))
    final = sessions[live[-1].session.group]
    back = [
        conclude(one, sessions={final.group: hindsight(witnesses, place, final)}) for place, one in enumerate(night)
    ]
    return [[str(one.verdict.label) for one in way] for way in (live, back)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=60)
    parser.add_argument("--cameras", type=int, default=len(CAMERAS), help="so many, from the first")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rows = []  # (night, cause, column of the table, label of a spoilt frame), and the same of clear ones
    clear = []
    for number, camera in enumerate(CAMERAS[: asked.cameras]):
        seeds = np.random.SeedSequence([asked.seed, number])
        plans = plan_session(seeds, EARLIER + SPOILT + LATER, "clear", camera=camera, megapixels=MEGAPIXELS)
        next_day = [replace(plan, taken_at=plan.taken_at + timedelta(days=1)) for plan in plans[EARLIER:]]
        sessions = {}
        for plan in plans[:EARLIER]:
            conclude(measured(plan), sessions=sessions)
        known = {group: next_session(state) for group, state in sessions.items()}
        good = [measured(plan) for plan in next_day[SPOILT:]]
        for cause in ("cloud", "drift", "defocus"):
            rng = np.random.default_rng([asked.seed, number, len(cause)])
            bad = [
                measured(replace(plan, scene=replace(plan.scene, causes=causes_of(cause, plan, rng))))
                for plan in next_day[:SPOILT]
            ]
            for column, state in (("first night", {}), ("field known", dict(known))):
                live, back = labels_of([*bad, *good], state)
                for way, labels in ((f"{column}, live", live), (f"{column}, looking back", back)):
                    rows += [(f"{number} {cause}", cause, way, label) for label in labels[:SPOILT]]
                    clear += [(f"{number} {cause}", way, label) for label in labels[SPOILT:]]
    print("| spoilt from the first frame | | contaminated | review | clean |\n|---|---|---|---|---|")
    for cause in ("cloud", "drift", "defocus"):
        for way in dict.fromkeys(row[2] for row in rows):
            print_line(f"{cause} | {way}", [(row[0], row[3]) for row in rows if row[1:3] == (cause, way)])
    for way in dict.fromkeys(row[1] for row in clear):
        print_line(f"the clear frames after them | {way}", [(row[0], row[2]) for row in clear if row[1] == way])


def print_line(name, rows):
    """Shares of the three labels among ``rows``: (night, label)."""
    cells = []
    for label in ("contaminated", "review", "clean"):
        hits = np.array([found == label for _, found in rows])
        cells.append(with_interval(lambda i, hits=hits: float(hits[i].mean()), [night for night, _ in rows]))
    print(f"| {name} | " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
