"""What one frame says of the Moon's or the dawn's light: from which side it comes, and whether it is told at all.

    python benchmarks/glows.py --frames 12

One glow in each simulated frame (random camera, optics, field, night), the frame's own slope of the sky beside it. The
truth of the direction is that of the brightest border of the light that was added. Intervals are Clopper and Pearson's,
95 %. Prints Markdown. Seeds from 180 000 on.
"""

import argparse
import math
from dataclasses import replace

import cv2
import numpy as np
from sky_and_sensor import interval, plan

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.simulate import rendered
from nebulift.simulate.atmosphere import coarse_axes
from nebulift.simulate.glows import glow_light, random_glow
from nebulift.simulate.night import setting_of

FIRST_SEED = 180_000
NEAR_DEG = 30.0


def direction_deg(glow, size):
    """In which the added light rises, by its best plane."""
    x, y = coarse_axes(size, 32)
    light = glow_light(glow, x, y, size).astype(np.float64)
    slope_x, slope_y = np.polyfit(x[0], light.mean(axis=0), 1)[0], np.polyfit(y[:, 0], light.mean(axis=1), 1)[0]
    return math.degrees(math.atan2(slope_y, slope_x))


def lit_frame(seed, form, severity):
    """(error of the direction in degrees, severity of the gradient that is told)."""
    rng = np.random.default_rng([seed, 52])
    one = plan(seed)[0]
    glow = random_glow(rng, severity, setting_of(one.scene, one.rig).sky_sigma, form)
    frame = rendered(replace(one, scene=replace(one.scene, causes=(glow,))))
    seen = ArtifactDetector().analyse(frame_from_array(frame.pixels, frame.exposure))
    off = (seen.measurements.sky.gradient_angle_deg - direction_deg(glow, one.rig.size) + 180.0) % 360.0 - 180.0
    return abs(off), max((one.severity for one in seen.findings if one.kind is Kind.GRADIENT), default=0.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=12)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    print("| light | severity | n | direction off by, median | within 30 deg | told (from 0.3) |")
    print("|---|---|---|---|---|---|")
    for form in ("moon", "twilight"):
        for step, severity in enumerate((0.7, 1.0)):
            seeds = range(FIRST_SEED + 1000 * step, FIRST_SEED + 1000 * step + asked.frames)
            off, told = np.array([lit_frame(seed, form, severity) for seed in seeds]).T
            near, loud = int((off <= NEAR_DEG).sum()), int((told >= 0.3).sum())
            cells = [
                asked.frames,
                f"{np.median(off):.0f} deg",
                interval(near, asked.frames),
                interval(loud, asked.frames),
            ]
            print(f"| {form} | {severity} | " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
