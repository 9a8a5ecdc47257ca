"""What looking back on a night mends: thin cloud over the first five frames, as the frames came and afterwards.

    python benchmarks/regrade.py --nights 12 [--no-model]

Each camera of the catalogue has two clear nights of 18 frames; over the first five of one lies a thin, even cloud.
Clean frames that do not stay clean are the price. Intervals are 95 % by bootstrap over nights. Prints Markdown.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from nebulift.batch import Rules, judge_all, judge_retrospectively
from nebulift.classifier import load_classifier
from nebulift.simulate.camera_catalogue import CATALOGUE
from nebulift.simulate.causes import random_clouds
from nebulift.simulate.file_names import frame_path
from nebulift.simulate.night import plan_night, setting_of
from nebulift.simulate.night_files import write_night
from nebulift.training.metrics import with_interval

FRAMES, CLOUDED = 18, 5
FIRST_SEED = 500


def planned(number, *, clouded):
    """The frames of one night, the first under an even cloud when ``clouded``."""
    camera = CATALOGUE[number % len(CATALOGUE)]
    plans = plan_night(FIRST_SEED + number, FRAMES, scenario="clear", camera=camera, size=(800, 600))
    if not clouded:
        return plans
    rng = np.random.default_rng(number)
    layer = random_clouds(rng, 0.9, setting_of(plans[0].scene, plans[0].rig))
    cloud = replace(layer, depth=float(rng.uniform(0.35, 1.0)), contrast=0.15)
    early = [replace(plan, scene=replace(plan.scene, causes=(cloud,))) for plan in plans[:CLOUDED]]
    return [*early, *plans[CLOUDED:]]


def judged(number, rules, *, clouded):
    """[(night, truth, label as it came, label looking back)] of one night."""
    plans = planned(number, clouded=clouded)
    with TemporaryDirectory() as folder:
        truths = write_night(Path(folder), plans)
        files = [Path(folder) / frame_path(plan, "none") for plan in plans]
        live = [str(one.verdict.label) for one in judge_all(files, rules, sessions={})]
        back = [str(one.verdict.label) for one in judge_retrospectively(files, rules)]
    name = f"{number} {clouded}"
    return [(name, truth.label.value, *labels) for truth, *labels in zip(truths, live, back, strict=True)]


def share(rows, truth, found, column):
    """Share of frames of ``truth`` whose label is (or, with a leading "not ", is not) ``found``."""
    rows = [row for row in rows if row[1] == truth]
    hits = np.array([(row[column] == found.removeprefix("not ")) != found.startswith("not ") for row in rows])
    return with_interval(lambda index: float(hits[index].mean()) if len(index) else None, [row[0] for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=12)
    parser.add_argument("--no-model", action="store_true")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rules = Rules(None if asked.no_model else load_classifier())
    rows = [
        row for number in range(asked.nights) for cloud in (True, False) for row in judged(number, rules, clouded=cloud)
    ]
    print("| | as the frames came | after looking back |\n|---|---|---|")
    for text, truth, found in (
        ("clouded early frames found contaminated", "contaminated", "contaminated"),
        ("clouded early frames taken for clean", "contaminated", "clean"),
        ("clean frames not called clean", "clean", "not clean"),
        ("clean frames rejected", "clean", "contaminated"),
    ):
        print(f"| {text} | {share(rows, truth, found, 2)} | {share(rows, truth, found, 3)} |")


if __name__ == "__main__":
    main()
