"""How dark a hair before the sensor must be to be told, by what it takes of the sky in noise of one pixel.

    python benchmarks/hairs.py --frames 60

Every hair lies in a simulated frame of its own (random camera, optics, field, night): a quarter of the frame long or
more, curved, 10 to 100 pixels wide, 3 to 60 % deep. Intervals are Clopper and Pearson's, 95 %. Prints Markdown. Seeds
from 170 000 on; limits were set with lower ones.
"""

import argparse
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from sky_and_sensor import interval, plan

from nebulift.assessment import DARK_LINE_SEVERITY, severity
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.simulate import rendered
from nebulift.simulate.night import setting_of
from nebulift.simulate.obstacles import random_obstacle

FIRST_SEED = 170_000
EDGES = (0.0, 0.5, 1.0, 2.0, 5.0, 1e9)  # of what the hair takes of the sky, in noise of one pixel


def frame_with_hair(seed):
    """(light that the hair takes in noise of a pixel, the dark line that is told)."""
    rng = np.random.default_rng([seed, 51])
    one = plan(seed)[0]
    setting = setting_of(one.scene, one.rig)
    hair = random_obstacle(rng, float(rng.uniform(0.25, 0.98)), setting.size, "hair")
    frame = rendered(replace(one, scene=replace(one.scene, causes=(hair,))))
    seen = ArtifactDetector().analyse(frame_from_array(frame.pixels, frame.exposure))
    return hair.depth * setting.sky_sigma, seen.measurements.dark_line


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="first seed")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    found = [frame_with_hair(seed) for seed in range(asked.first, asked.first + asked.frames)]
    print("| taken of the sky, noise of a pixel | n | told | asked about (from 0.3) |\n|---|---|---|---|")
    for low, high in pairwise(EDGES):
        lines = [line for dark, line in found if low <= dark < high]
        told = [line for line in lines if line is not None]
        loud = sum(severity(DARK_LINE_SEVERITY, line.depth_sigma) >= 0.3 for line in told)
        if lines:
            name = f"{low:g} to {high:g}" if high < 1e9 else f"from {low:g}"
            print(f"| {name} | {len(lines)} | {interval(len(told), len(lines))} | {interval(loud, len(lines))} |")


if __name__ == "__main__":
    main()
