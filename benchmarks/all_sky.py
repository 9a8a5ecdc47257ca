"""Trails in the frames of all-sky cameras, large and small, and what is told where there is none.

    python benchmarks/all_sky.py --frames 12

Simulated all-sky cameras, skyline and horizon glow included (``nebulift/simulate/rig_kinds.py``; the largest reduced to
3 megapixels), and the frames of ``strange_skies.py``. Into each clear frame a plain trail is laid that crosses its disc
at a random angle, as sharp as its stars, of each height over the noise of a pixel. Intervals are Clopper and Pearson's,
95 %. Prints Markdown. Seeds from 74 000 on.
"""

import argparse
import math
from collections import Counter

import cv2
import numpy as np
from sky_and_sensor import interval
from strange_skies import all_sky
from trails import is_this

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.simulate import inject, rendered
from nebulift.simulate.night import plan_session
from nebulift.simulate.rig_kinds import KINDS, school_rig
from nebulift.simulate.trails import Trail

FIRST_SEED = 74_000
CAMERAS = tuple(kind.camera for kind in KINDS if kind.sort == "all-sky")
LARGEST_MPX = 3.0
HEIGHTS = (1.0, 2.0, 4.0)
STRANGE_CIRCLE = 0.88  # the smallest disc of ``strange_skies.all_sky`` over the frame's height
FARTHEST, WITHIN = 0.6, 0.95  # of the radius: the trail from the middle, its ends
SEEN, PLAIN = 0.3, 0.7


def frame_of(camera, seed):
    """(pixels, exposure, radius of the disc)"""
    if camera is None:
        pixels, exposure = all_sky(seed)
        return pixels, exposure, 0.5 * STRANGE_CIRCLE * pixels.shape[0]
    rng = np.random.default_rng([seed, 74])
    megapixels = LARGEST_MPX if camera.megapixels > LARGEST_MPX else None
    rig = school_rig(rng, camera.name, megapixels)
    frame = rendered(plan_session(np.random.SeedSequence([seed, 75]), 1, "clear", rig=rig)[0])
    return frame.pixels, frame.exposure, 0.5 * rig.camera.image_circle * min(frame.pixels.shape)


def chord(rng, shape, radius):
    """End points of a line through the disc."""
    angle, offset = rng.uniform(0.0, math.pi), rng.uniform(-FARTHEST, FARTHEST) * radius
    c, s = math.cos(angle), math.sin(angle)
    half = WITHIN * math.sqrt(radius**2 - offset**2)
    x, y = shape[1] / 2.0 - offset * s, shape[0] / 2.0 + offset * c
    return x - half * c, y - half * s, x + half * c, y + half * s


def looked_at(camera, seeds):
    """Counts of one kind of camera."""
    counts = Counter()
    for seed in seeds:
        pixels, exposure, radius = frame_of(camera, seed)
        analysis = ArtifactDetector().analyse(frame_from_array(pixels, exposure))
        worst = max((finding.severity for finding in analysis.findings), default=0.0)
        counts["false trails"] += any(finding.kind is Kind.STREAK for finding in analysis.findings)
        counts["seen"] += worst >= SEEN
        counts["plain"] += worst >= PLAIN
        counts["known"] += analysis.measurements.sky.is_all_sky
        inside = analysis.views.background.inside
        counts["kept"] += 0.0 if inside is None else inside.mean() * pixels.size / (math.pi * radius**2)
        rng = np.random.default_rng([seed, 76])
        for height in HEIGHTS:
            ends = chord(rng, pixels.shape, radius)
            fwhm = analysis.measurements.stars.fwhm_px or 2.5
            spoilt, _ = inject(
                pixels, [Trail("satellite", *ends, height)], seed, fwhm_px=fwhm, bayer=exposure.bayer is not None
            )
            found = ArtifactDetector().analyse(frame_from_array(spoilt, exposure)).measurements.streaks
            counts[height] += any(is_this(streak, ends) for streak in found)
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=12, help="of each camera")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="first seed")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    names = "".join(f" trail of {height:g} sigma |" for height in HEIGHTS)
    print(f"| camera | n | known as all-sky | part of the disc looked at |{names} false trails | told from 0.3 | 0.7 |")
    print("|---" * (7 + len(HEIGHTS)) + "|")
    total = Counter()
    seeds = range(asked.first, asked.first + asked.frames)
    for camera in (*CAMERAS, None):
        counts = looked_at(camera, seeds)
        total.update(counts)
        print_line("strange_skies.py" if camera is None else camera.name, counts, asked.frames)
    print_line("all", total, asked.frames * (len(CAMERAS) + 1))


def print_line(name, counts, n):
    kept = counts["kept"] / max(counts["known"], 1)
    rates = (interval(counts[key], n) for key in (*HEIGHTS, "false trails", "seen", "plain"))
    print(f"| {name} | {n} | {counts['known']} | {kept:.2f} | {' | '.join(rates)} |", flush=True)


if __name__ == "__main__":
    main()
