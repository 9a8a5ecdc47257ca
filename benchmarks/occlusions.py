"""How soon an obstacle is noticed that rises through 33 frames, and what an hour of clear frames costs beside it.

    python benchmarks/occlusions.py --nights 3 --seed 40

Eight cameras, each through so many nights: ten clear frames, then 33 in which a dome or a tree of any softness, depth
and brightness takes from 1/33 of 0.9 of the light (or of what it can take) up to all of that. Rendered frames, from the
pixels to the verdict, measurements alone. Intervals are 95 % by bootstrap over nights. Prints Markdown.
"""

import argparse
import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from nights import CAMERAS, MEGAPIXELS, judged

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.pipeline import as_measured
from nebulift.simulate import rendered
from nebulift.simulate.night import plan_session
from nebulift.simulate.obstacles import obstacle_transmission, random_obstacle
from nebulift.training.metrics import with_interval

CLEAR, RISING = 10, 33
MOST = 0.9  # of the light
GOAL = 31


def reach_for(obstacle, size, blocked):
    """How far the obstacle reaches when it takes this share of the light of a frame of ``size``."""
    x = np.linspace(0.0, size[0] - 1.0, 60, dtype=np.float32)[None, :]
    y = np.linspace(0.0, size[1] - 1.0, 40, dtype=np.float32)[:, None]
    low, high = 0.0, 2.5
    for _ in range(30):
        middle = (low + high) / 2.0
        taken = float(1.0 - obstacle_transmission(replace(obstacle, reach=middle), x, y, size).mean())
        low, high = (middle, high) if taken < blocked else (low, middle)
    return middle


def plans(camera, seed):
    """The frames of one night, to be rendered."""
    clear = plan_session(
        np.random.SeedSequence([seed, camera, 77]),
        CLEAR + RISING,
        "clear",
        camera=CAMERAS[camera],
        megapixels=MEGAPIXELS,
    )
    rng = np.random.default_rng([seed, camera, 78])
    size = clear[0].rig.size
    obstacle = random_obstacle(rng, 0.9, size, str(rng.choice(["dome", "tree"])))
    most = min(MOST, 0.97 * obstacle.depth)
    yield from clear[:CLEAR]
    for number, plan in enumerate(clear[CLEAR:], 1):
        risen = replace(obstacle, reach=reach_for(obstacle, size, most * number / RISING))
        yield replace(plan, scene=replace(plan.scene, causes=(*plan.scene.causes, risen)))


def measured_night(camera, seed):
    """[(measured, truth)] of one night."""
    rows = []
    for plan in plans(camera, seed):
        frame = rendered(plan)
        seen = frame_from_array(frame.pixels, frame.exposure, Path(f"{camera} {seed}/{plan.number}"))
        rows.append((as_measured(seen, ArtifactDetector().analyse(seen)), frame.truth))
    return rows


def counts(night, judgements):
    """(frames noticed, contaminated ones noticed of how many, first noticed, clear frames not called clean)."""
    labels = np.array([judgement.verdict.label.value for judgement in judgements])
    rising = labels[CLEAR:] != "clean"
    bad = np.array([truth.label.value == "contaminated" for _, truth in night[CLEAR:]])
    first = int(np.argmax(rising)) + 1 if rising.any() else RISING + 1
    return int(rising.sum()), int((rising & bad).sum()), int(bad.sum()), first, int((labels[:CLEAR] != "clean").sum())


def print_way(way, rows):
    """One line of the table."""
    found, seen, bad, first, false = np.array(rows).T
    nights = [str(number) for number in range(len(rows))]
    cells = [
        with_interval(lambda i: float(found[i].mean()), nights),
        int(found.min()),
        f"{int((found >= GOAL).sum())} of {len(rows)}",
        with_interval(lambda i: float(seen[i].sum() / bad[i].sum()), nights),
        f"{np.median(first):.0f}",
        with_interval(lambda i: float(false[i].sum() / (CLEAR * len(i))), nights),
    ]
    print(f"| {way} | " + " | ".join(map(str, cells)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=3, help="of each camera")
    parser.add_argument("--seed", type=int, default=40)
    parser.add_argument("--keep", type=Path, help="keep the measurements here, or take them from here")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    nights = pickle.loads(asked.keep.read_bytes()) if asked.keep and asked.keep.exists() else {}
    for camera in range(len(CAMERAS)):
        for seed in range(asked.seed, asked.seed + asked.nights):
            if (camera, seed) not in nights:
                nights[camera, seed] = measured_night(camera, seed)
        if asked.keep:
            asked.keep.write_bytes(pickle.dumps(nights))
    ways = {}
    for night in nights.values():
        found, _, _ = judged(night)
        for way in ("live", "looking back"):
            ways.setdefault(way, []).append(counts(night, found[way]))
    print(f"{len(nights)} nights of {len(CAMERAS)} cameras, seeds from {asked.seed}:\n")
    print(
        f"| | noticed of {RISING} | fewest | nights with {GOAL} or more | contaminated ones noticed | first noticed "
        "| clear frames not called clean |\n|---|---|---|---|---|---|---|"
    )
    for way, rows in ways.items():
        print_way(way, rows)


if __name__ == "__main__":
    main()
