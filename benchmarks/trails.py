"""How faint a trail may be and still be found, and how often there is none where one is found.

    python benchmarks/trails.py --frames 40 --side 2000 --scenes 150
    python benchmarks/trails.py --tables shapes lookalikes kinds --frames 20

Crossing trails of known total S/N (matched filter over the whole trail; Nir et al. 2018, AJ 156, 229) in simulated star
fields; the same and crowded fields without any; and whole random scenes without any (galaxies, nebulae, spikes, glow of
the amplifier, clouds ...); trails of every shape by height; what trails are mistaken for, one by one; kinds told
against kinds simulated. Prints Markdown.
"""

import argparse
import math
from collections import Counter

import numpy as np
from lookalikes import LOOKALIKES

from nebulift.binomial import binomial_upper_bound
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.simulate import add_streak, inject, random_frame, star_field
from nebulift.simulate.optics import Telescope
from nebulift.simulate.psf import StarShape, line_profile
from nebulift.simulate.trails import Trail, clipped_to_frame, random_trail, trail_light
from nebulift.streaks import streak_mask

WIDTH_PX = 3.0
UNSEEN_SIGMA = 0.05  # light that is less than this share of the noise is none
PLAIN_SNR = 12.0  # of the trails that are counted in whole scenes
FIRST_SCENE = 5000
SNRS = (5.0, 6.0, 7.0, 8.0, 10.0, 14.0)
HEIGHTS = (0.3, 0.6, 1.0, 3.0, 10.0)
SHAPES = {
    "plain": {},
    "partial, 20 to 50 %": {"part": True},
    "out of focus by 8 to 20 px": {"widening": (8.0, 20.0)},
    "two side by side": {"twin": True},
    "flaring": {"pattern": "flare"},
    "tumbling": {"pattern": "tumbling"},
    "strobes": {"pattern": "strobes", "widening": (0.0, 6.0)},
    "strobes, two side by side": {"pattern": "strobes", "widening": (0.0, 6.0), "twin": True},
    "meteor, 20 to 50 %": {"pattern": "spindle", "part": True},
}
FORMS = {"strobes": "aircraft", "spindle": "meteor"}
DENSITIES = {"sparse": 60.0, "usual": 300.0, "crowded": 3000.0}


def crossing(rng, side):
    """End points of a line through a square frame, from border to border, at a random angle and offset."""
    return crossing_of(rng, side, side)


def crossing_of(rng, height, width):
    """The same through a frame of any shape."""
    angle, offset = rng.uniform(0.0, math.pi), rng.uniform(-0.3, 0.3) * min(height, width)
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = width / 2 - offset * sin, height / 2 + offset * cos
    reach = [(0 - x) / cos, (width - 1 - x) / cos, (0 - y) / sin, (height - 1 - y) / sin]
    before, after = max(t for t in reach if t < 0), min(t for t in reach if t > 0)
    return (x + before * cos, y + before * sin, x + after * cos, y + after * sin)


def peak_for(snr, length):
    """Height over the pixel noise of a Gaussian ridge whose matched filter sums to ``snr`` over ``length`` pixels."""
    sigma = WIDTH_PX / 2.3548
    return snr / math.sqrt(length * sigma * math.sqrt(math.pi))


def is_this(streak, ends):
    """Whether both ends of the found trail lie within six pixels of the true line."""
    return distance(streak, ends) < 6.0


def distance(streak, ends):
    """Of the farther end of the found trail from the true line, in pixels."""
    run, rise = ends[2] - ends[0], ends[3] - ends[1]
    return max(abs((x - ends[0]) * rise - (y - ends[1]) * run) / math.hypot(run, rise)
               for x, y in ((streak.x0_px, streak.y0_px), (streak.x1_px, streak.y1_px)))  # fmt: skip


def streaks_of(pixels, bayer=None):
    return ArtifactDetector().analyse(frame_from_array(pixels, Exposure(bayer=bayer))).measurements.streaks


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


def false_in_scenes(frames, first):
    """(frames without a trail on which one is found, of how many): skies, optics and cameras drawn at random."""
    wrong = clear = 0
    for seed in range(first, first + frames):
        scene = random_frame(seed)
        if any(artefact.kind == Kind.STREAK for artefact in scene.truth.artefacts):
            continue
        clear += 1
        seen = ArtifactDetector().analyse(frame_from_array(scene.pixels, scene.exposure))
        wrong += bool(seen.measurements.streaks)
    return wrong, clear


def scenes_table(frames, first):
    """Whole random scenes: those without a trail, and what is found of the trails in the others."""
    false = clear = 0
    found = Counter()
    for seed in range(first, first + frames):
        scene = random_frame(seed)
        trails = [one for one in scene.truth.artefacts if one.kind == Kind.STREAK]
        seen = ArtifactDetector().analyse(frame_from_array(scene.pixels, scene.exposure)).measurements.streaks
        clear += not trails
        false += not trails and bool(seen)
        for trail in trails:
            if trail.evidence["total_snr"] < PLAIN_SNR or trail.geometry is None:
                continue
            line = trail.geometry
            ends = (line.x0_px, line.y0_px, line.x1_px, line.y1_px)
            hit = any(distance(streak, ends) < 10.0 + trail.evidence["twin_px"] / 2.0 for streak in seen)
            for group in (trail.form, "S/N from 12", *(("severity from 0.7",) if trail.severity >= 0.7 else ())):
                found[group, hit] += 1
    print(f"\n{clear} scenes without a trail (seeds {first} to {first + frames - 1}): {false} with a false one, "
          f"rate below {binomial_upper_bound(false, clear):.3f}\n\n| trails | found |\n|---|---|")  # fmt: skip
    for group in sorted({group for group, _ in found}):
        print(f"| {group} | {found[group, True]}/{found[group, True] + found[group, False]} |", flush=True)


def shaped(rng, side, height, *, part=False, widening=(0.0, 0.0), twin=False, pattern="steady"):
    """A trail of a shape, whose ridge is on average ``height`` noise of a pixel high."""
    ends = crossing(rng, side)
    if part:
        share = rng.uniform(0.2, 0.5)
        start = rng.uniform(0.0, 1.0 - share)
        run, rise = ends[2] - ends[0], ends[3] - ends[1]
        ends = (ends[0] + start * run, ends[1] + start * rise,
                ends[0] + (start + share) * run, ends[1] + (start + share) * rise)  # fmt: skip
    apart = float(rng.uniform(8.0, 60.0)) if twin else 0.0
    form = FORMS.get(pattern, "satellite")
    return Trail(form, *ends, height, float(rng.uniform(*widening)), apart, pattern, int(rng.integers(2**31)))


def lies_on(streak, trail):
    """Whether the found trail is the simulated one, or one of its two lines."""
    ends = (trail.x0_px, trail.y0_px, trail.x1_px, trail.y1_px)
    return distance(streak, ends) < 10.0 + trail.twin_px / 2.0


def shapes_table(side, frames, first, heights):
    print(f"\nFound by shape and mean height over the pixel noise, {frames} frames each, {side} x {side} pixels:\n")
    print("| shape |" + "".join(f" {height} |" for height in heights) + "\n|---|" + "---|" * len(heights))
    for number, (name, shape) in enumerate(SHAPES.items()):
        row = []
        for height in heights:
            hits = 0
            for seed in range(first, first + frames):
                field = star_field(side, side, fwhm_px=WIDTH_PX, density_per_mpx=300.0, seed=seed)
                trail = shaped(np.random.default_rng([seed, number, int(10 * height)]), side, height, **shape)
                pixels, _ = inject(field.pixels, [trail], seed, noise=field.noise, fwhm_px=WIDTH_PX)
                hits += any(lies_on(streak, trail) for streak in streaks_of(pixels))
            row.append(f"{hits}/{frames}")
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)


def lookalikes_table(frames, first):
    print("\n| no trail, but | frames | false trails | rate below (95 %) |\n|---|---|---|---|")
    for name, made in LOOKALIKES.items():
        wrong = sum(bool(streaks_of(*made(seed))) for seed in range(first, first + frames))
        print(f"| {name} | {frames} | {wrong} | {binomial_upper_bound(wrong, frames):.3f} |", flush=True)


def kinds_table(side, frames, first):
    print("\n| simulated | satellite | aircraft | meteor | unknown | not found |\n|---|---|---|---|---|---|")
    for form in ("satellite", "aircraft", "meteor"):
        told = Counter()
        for seed in range(first, first + frames):
            field = star_field(side, side, fwhm_px=WIDTH_PX, density_per_mpx=200.0, seed=seed)
            rng = np.random.default_rng([seed, 3])
            trail = random_trail(rng, (side, side), WIDTH_PX, float(rng.uniform(0.55, 0.95)), form)
            if clipped_to_frame(trail, (side, side)) is None:
                continue
            pixels, _ = inject(field.pixels, [trail], seed, noise=field.noise, fwhm_px=WIDTH_PX)
            own = [streak for streak in streaks_of(pixels) if lies_on(streak, trail)]
            told[max(own, key=lambda streak: streak.snr).object_kind if own else "not found"] += 1
        columns = ("satellite", "aircraft", "meteor", "unknown", "not found")
        print(f"| {form} | " + " | ".join(str(told[name]) for name in columns) + " |", flush=True)


def masks_table(side, frames, first):
    print("\n| mask of | frames | light covered | tenth percentile | masked without light |\n|---|---|---|---|---|")
    for form in ("satellite", "aircraft", "meteor"):
        covered, idle = [], []
        for seed in range(first, first + frames):
            field = star_field(side, side, fwhm_px=WIDTH_PX, density_per_mpx=200.0, seed=seed)
            rng = np.random.default_rng([seed, 3])
            trail = random_trail(rng, (side, side), WIDTH_PX, float(rng.uniform(0.7, 0.95)), form)
            shape = StarShape(WIDTH_PX, Telescope("unknown", 100.0, 500.0))
            light = trail_light(trail, line_profile(shape, trail.widening_px), 1.0, (side, side))
            pixels, _ = inject(field.pixels, [trail], seed, noise=field.noise, fwhm_px=WIDTH_PX)
            own = [streak for streak in streaks_of(pixels) if lies_on(streak, trail)]
            if own:
                mask = streak_mask(own, light.shape)
                covered.append(float(light[mask].sum() / light.sum()))
                idle.append(float((light[mask] < UNSEEN_SIGMA).mean()))
        cells = np.median(covered), np.quantile(covered, 0.1), np.median(idle)
        print(f"| {form} | {len(covered)} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |", flush=True)


def completeness_table(side, frames, snrs):
    print(f"Crossing trails, {side} x {side} pixels, FWHM {WIDTH_PX} px, {frames} frames a line:\n")
    print("| total S/N | height over pixel noise | found | S/N found over true | false beside |\n|---|---|---|---|---|")
    for snr in snrs:
        hits, of, ratio, false = completeness(side, frames, snr)
        print(f"| {snr:.0f} | {peak_for(snr, side):.3f} | {hits}/{of} | {ratio:.2f} | {false} |", flush=True)


def false_table(side, frames, scenes, first):
    print("\nThe same without a trail:\n\n| stars | frames | false trails | rate below (95 %) |\n|---|---|---|---|")
    for name, density in DENSITIES.items():
        false = sum(
            bool(streaks_of(star_field(side, side, density_per_mpx=density, seed=1000 + seed).pixels))
            for seed in range(frames)
        )
        bound = binomial_upper_bound(false, frames)
        print(f"| {name} ({density:.0f}/Mpx) | {frames} | {false} | {bound:.3f} |", flush=True)
    wrong, clear = false_in_scenes(scenes, first)
    print(f"| whole scenes | {clear} | {wrong} | {binomial_upper_bound(wrong, clear):.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--side", type=int, default=2000)
    parser.add_argument("--scenes", type=int, default=150)
    parser.add_argument(
        "--first", type=int, default=FIRST_SCENE, help="first seed of scenes, shapes, lookalikes and kinds"
    )
    parser.add_argument("--heights", nargs="+", type=float, default=HEIGHTS, help="of the table of shapes")
    parser.add_argument("--snrs", nargs="+", type=float, default=SNRS, help="of the table of completeness")
    parser.add_argument("--tables", nargs="+", default=["completeness", "false", "shapes", "lookalikes", "kinds"])
    asked = parser.parse_args()
    tables = {
        "completeness": lambda: completeness_table(asked.side, asked.frames, asked.snrs),
        "false": lambda: false_table(asked.side, asked.frames, asked.scenes, asked.first),
        "masks": lambda: masks_table(asked.side, asked.frames, asked.first),
        "scenes": lambda: scenes_table(asked.scenes, asked.first),
        "shapes": lambda: shapes_table(asked.side, asked.frames, asked.first, asked.heights),
        "lookalikes": lambda: lookalikes_table(asked.frames, asked.first),
        "kinds": lambda: kinds_table(asked.side, asked.frames, asked.first),
    }
    for name in asked.tables:
        tables[name]()


if __name__ == "__main__":
    main()
