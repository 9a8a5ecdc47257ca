"""How faint a trail may be and still be found, and how often there is none where one is found.

    python benchmarks/trails.py --frames 40 --side 2000 --scenes 150

Crossing trails of known total S/N (matched filter over the whole trail; Nir et al. 2018, AJ 156, 229) in simulated star
fields; the same and crowded fields without any; and whole random scenes without any (galaxies, nebulae, spikes, glow of
the amplifier, clouds ...). Prints Markdown.
"""

import argparse
import math

import numpy as np

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.simulate import add_streak, random_frame, star_field
from nebulift.training.metrics import binomial_upper_bound

WIDTH_PX = 3.0
FIRST_SCENE = 5000
SNRS = (5.0, 6.0, 7.0, 8.0, 10.0, 14.0)
DENSITIES = {"sparse": 60.0, "usual": 300.0, "crowded": 3000.0}


def crossing(rng, side):
    """End points of a line through the frame, from border to border, at a random angle and offset."""
    angle, offset = rng.uniform(0.0, math.pi), rng.uniform(-0.3, 0.3) * side
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = side / 2 - offset * sin, side / 2 + offset * cos
    reach = [(0 - x) / cos, (side - 1 - x) / cos, (0 - y) / sin, (side - 1 - y) / sin]
    before, after = max(t for t in reach if t < 0), min(t for t in reach if t > 0)
    return (x + before * cos, y + before * sin, x + after * cos, y + after * sin)


def peak_for(snr, length):
    """Height over the pixel noise of a Gaussian ridge whose matched filter sums to ``snr`` over ``length`` pixels."""
    sigma = WIDTH_PX / 2.3548
    return snr / math.sqrt(length * sigma * math.sqrt(math.pi))


def is_this(streak, ends):
    """Whether both ends of the found trail lie within six pixels of the true line."""
    run, rise = ends[2] - ends[0], ends[3] - ends[1]
    length = math.hypot(run, rise)
    apart = [abs((x - ends[0]) * rise - (y - ends[1]) * run) / length
             for x, y in ((streak.x0_px, streak.y0_px), (streak.x1_px, streak.y1_px))]  # fmt: skip
    return max(apart) < 6.0


def streaks_of(pixels):
    return ArtifactDetector().analyse(frame_from_array(pixels, Exposure())).measurements.streaks


def completeness(side, frames, snr):
    """(found, of how many, median of measured over true S/N, false trails beside them)."""
    rng, hits, ratios, false = np.random.default_rng(int(10 * snr)), 0, [], 0
    for seed in range(frames):
        field = star_field(side, side, fwhm_px=WIDTH_PX, density_per_mpx=300.0, seed=seed)
        ends = crossing(rng, side)
        length = math.hypot(ends[2] - ends[0], ends[3] - ends[1])
        pixels, _ = add_streak(field, ends, peak_sigma=peak_for(snr, length))
        seen = streaks_of(pixels)
        own = [streak for streak in seen if is_this(streak, ends)]
        hits += bool(own)
        false += len(seen) - len(own)
        ratios += [streak.snr / snr for streak in own[:1]]
    return hits, frames, float(np.median(ratios)) if ratios else float("nan"), false


def false_in_scenes(frames):
    """(frames without a trail on which one is found, of how many): skies, optics and cameras drawn at random."""
    wrong = clear = 0
    for seed in range(FIRST_SCENE, FIRST_SCENE + frames):
        scene = random_frame(seed)
        if Kind.STREAK in scene.truth.kinds:
            continue
        clear += 1
        seen = ArtifactDetector().analyse(frame_from_array(scene.pixels, scene.exposure))
        wrong += bool(seen.measurements.streaks)
    return wrong, clear


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--side", type=int, default=2000)
    parser.add_argument("--scenes", type=int, default=150)
    asked = parser.parse_args()
    print(f"Crossing trails, {asked.side} x {asked.side} pixels, FWHM {WIDTH_PX} px, {asked.frames} frames a line:\n")
    print("| total S/N | height over pixel noise | found | S/N found over true | false beside |\n|---|---|---|---|---|")
    for snr in SNRS:
        hits, of, ratio, false = completeness(asked.side, asked.frames, snr)
        print(f"| {snr:.0f} | {peak_for(snr, asked.side):.3f} | {hits}/{of} | {ratio:.2f} | {false} |", flush=True)
    print("\nThe same without a trail:\n\n| stars | frames | false trails | rate below (95 %) |\n|---|---|---|---|")
    for name, density in DENSITIES.items():
        false = sum(
            bool(streaks_of(star_field(asked.side, asked.side, density_per_mpx=density, seed=1000 + seed).pixels))
            for seed in range(asked.frames)
        )
        bound = binomial_upper_bound(false, asked.frames)
        print(f"| {name} ({density:.0f}/Mpx) | {asked.frames} | {false} | {bound:.3f} |", flush=True)
    wrong, clear = false_in_scenes(asked.scenes)
    print(f"| whole scenes | {clear} | {wrong} | {binomial_upper_bound(wrong, clear):.3f} |")


if __name__ == "__main__":
    main()
