"""Stars against known truth, and against sep on the same pixels.

    python benchmarks/stars.py                                    all tables of simulated frames
    python benchmarks/stars.py --tables widths false --fields 3   some of them, from fewer fields

Prints Markdown. FWHM is that of the image in the file: the diameter of the area above half of the peak of what the
pixels gathered; truth is taken from the painted profile in that way. sep: ``sep.extract`` at 5 sigma,
``sep.flux_radius`` at half the light within six semi-major axes. Real frames: ``benchmarks/stars_of_real_frames.py``.
"""

import argparse
import math
import time
from dataclasses import replace

import numpy as np
import sep

from nebulift.binomial import binomial_upper_bound
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.frame import frame_from_array
from nebulift.simulate.evidence import star_widths
from nebulift.simulate.psf import StarShape
from nebulift.simulate.sensor import FixedPattern, digitised
from nebulift.simulate.star_field import PERFECT, PERFECT_OPTICS, star_field
from nebulift.simulate.star_painting import Stars, paint_stars
from nebulift.simulate.tracking import drift
from nebulift.simulate.turbulence import turbulence

SIDE = 1600
SKY_ADU = 1000.0
NOISE_ADU = math.sqrt(SKY_ADU + PERFECT.read_noise_e**2)
WIDTHS_PX = (1.5, 2.0, 3.0, 4.5, 6.0, 9.0, 12.0)
PROFILES = {"normal": 20.0, "beta 4": 4.0, "beta 3": 3.0, "beta 2.5": 2.5}
SNRS = (5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 30.0)
FIRST_SEED = 6000
MATCH_SNR = 20.0
UNSATURATED = 0.85
CELL = 201


def shape_of(fwhm_px, **changed):
    """A star's image; fields of ``Telescope`` and of ``StarShape`` may be given."""
    optics = {key: changed.pop(key) for key in list(changed) if key in type(PERFECT_OPTICS).__slots__}
    # an aureole too weak to be seen: the painter asks how far a star reaches, and a normal one reaches nowhere
    return StarShape(fwhm_px, replace(PERFECT_OPTICS, scatter_share=1e-6, **optics), **changed)


def painted(shape, *, count, seed, snr=40.0, snr_to=3000.0, side=SIDE, glow=None):
    """(pixels, x, y): ``count`` stars of S/N ``snr`` and more, by the filter that matches their images."""
    rng = np.random.default_rng([seed, 77])
    x, y = rng.uniform(0.0, side, (2, count)).astype(np.float32)
    lowest = (snr_to / snr) ** -0.8
    flux = snr * NOISE_ADU / matched_share(shape)
    flux = flux * (lowest + rng.random(count) * (1.0 - lowest)) ** -1.25
    light = np.full((side, side), SKY_ADU, np.float32) if glow is None else (SKY_ADU + glow).astype(np.float32)
    stars = Stars(x, y, flux.astype(np.float32), np.ones((count, 3), np.float32))
    paint_stars(light, stars, shape, NOISE_ADU)
    nothing = np.zeros(0, np.float32)
    flat = FixedPattern(np.ones((1, 1), np.float32), None, np.zeros(0, np.int64), nothing, np.zeros(side), ())
    return digitised(light, replace(PERFECT, width_px=side, height_px=side), flat, rng), x, y


def matched_share(shape):
    """Root of the sum of squares of a star's pixels over its flux; times flux over noise: S/N of the matched filter."""
    far, flux = CELL // 2 + 0.25, 1e4 * NOISE_ADU
    cell = np.zeros((CELL, CELL), np.float32)
    one = Stars(*(np.float32([value]) for value in (far, far, flux)), np.ones((1, 3), np.float32))
    paint_stars(cell, one, shape, NOISE_ADU)
    return float(np.sqrt(np.square(cell, dtype=np.float64).sum())) / flux


def seen(pixels):
    return ArtifactDetector().analyse(frame_from_array(pixels, Exposure()))


def by_sep(image, ceiling=np.inf):
    """(x, y, half-flux radius) of the stars above 20 sigma that are neither blended nor saturated."""
    image = np.ascontiguousarray(image, dtype=np.float32)
    background = sep.Background(image)
    above = image - background.back()
    found = sep.extract(above, 5.0, err=background.globalrms)
    peak = found["peak"]
    good = (found["flag"] == 0) & (peak > MATCH_SNR * background.globalrms)
    found = found[good & (peak + background.globalback < UNSATURATED * ceiling)]
    radius, _ = sep.flux_radius(above, found["x"], found["y"], 6.0 * found["a"], 0.5)
    return found["x"], found["y"], radius


def matched(x, y, others_x, others_y, within=2.0):
    """Pairs of indices of positions that lie within so many pixels of each other."""
    if len(x) == 0 or len(others_x) == 0:
        return np.empty(0, int), np.empty(0, int)
    distance = np.hypot(np.subtract.outer(x, others_x), np.subtract.outer(y, others_y))
    nearest = distance.argmin(axis=1)
    near = np.flatnonzero(distance[np.arange(len(x)), nearest] < within)
    return near, nearest[near]


# simulated frames -----------------------------------------------------------------------------------------------------


def widths(fields):
    print(f"Widths: {SIDE} x {SIDE} pixels, 200 stars of S/N 40 and more, {fields} fields a line; medians.\n")
    print("| profile | FWHM before the pixels | in the file | measured over true | HFR over sep's | elongation (1) |")
    print("|---|---|---|---|---|---|")
    for name, beta in PROFILES.items():
        for width in WIDTHS_PX:
            shape = shape_of(width, beta=beta)
            true, rows = star_widths(shape).fwhm_px, []
            for seed in range(fields):
                pixels, _, _ = painted(shape, count=200, seed=FIRST_SEED + seed)
                analysis = seen(pixels)
                shapes = analysis.views.stars.shapes
                x, y, radius = by_sep(pixels)
                ours, theirs = matched(shapes.x_px, shapes.y_px, x, y)
                ratio = np.nanmedian(shapes.hfr_px[ours] / radius[theirs])
                rows.append((analysis.measurements.stars.fwhm_px / true, ratio, analysis.measurements.stars.elongation))
            fwhm, hfr, elongation = np.median(rows, axis=0)
            print(f"| {name} | {width} | {true:.2f} | {fwhm:.3f} | {hfr:.3f} | {elongation:.3f} |", flush=True)


def elongations(fields):
    print(f"\nElongation: 200 stars, {fields} fields a line; median +- scatter. Truth: its moments in the file.\n")
    print("| FWHM px | S/N | true | measured | coherence |\n|---|---|---|---|---|")
    for width in (2.0, 3.0, 6.0):
        for snr in (20.0, 100.0):
            for true in (1.0, 1.2, 1.5, 2.0):
                shape = shape_of(width, elongation=true, elongation_angle_deg=30.0)
                fields_seen = [painted(shape, count=200, seed=FIRST_SEED + seed, snr=snr)[0] for seed in range(fields)]
                stars = [seen(pixels).measurements.stars for pixels in fields_seen]
                found = [one.elongation for one in stars]
                coherence = np.median([one.angle_coherence for one in stars])
                print(
                    f"| {width} | {snr:.0f} | {star_widths(shape).elongation:.2f} "
                    f"| {np.median(found):.3f} +- {np.std(found):.3f} | {coherence:.2f} |",
                    flush=True,
                )


SCENES = {
    "round": {},
    "trailed 5 px towards 30 deg": {"track": drift(5.0, 30.0)},
    "tilt, 40 % wider towards 30 deg": {"tilt": 0.4, "tilt_angle_deg": 30.0},
    "coma, twice as long in the corners": {"coma": 1.0},
    "seeing, 5.9 px more": {"blur_sigma_px": 2.5},
    "defocus 8 px, no obstruction": {"defocus_px": 8.0},
    "defocus 15 px, obstruction 0.35": {"defocus_px": 15.0, "obstruction": 0.35},
}


def forms(fields):
    print(f"\nForm over the field: FWHM 3 px, {fields} fields a line; medians.\n")
    heads = ("scene", "stars", "FWHM", "FWHM / 2 HFR", "elongation", "coherence", "rings", "tilt", "corners", "radial")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, changed in SCENES.items():
        for count in (40, 5000):
            shape = shape_of(3.0, **changed)
            rows = []
            for seed in range(fields):
                found = seen(painted(shape, count=count, seed=FIRST_SEED + seed)[0]).measurements.stars
                numbers = (found.fwhm_px, found.fwhm_px / found.hfr_px / 2.0, found.elongation, found.angle_coherence)
                form = (found.donut_fraction, found.fwhm_tilt, found.fwhm_curvature, found.radial_coherence)
                rows.append([np.nan if number is None else number for number in (*numbers, *form)])
            print(
                f"| {name} | {count} | {' | '.join(f'{one:.2f}' for one in np.nanmedian(rows, axis=0))} |", flush=True
            )


IMAGES = {
    **{f"{width}": (width, {}) for width in WIDTHS_PX},
    "disc with a hole, 12 px": (12.0, {"defocus_px": 12.0, "obstruction": 0.35}),
    "disc with a hole, 24 px": (24.0, {"defocus_px": 24.0, "obstruction": 0.35}),
}
SPARSE = 12
CROWD_SIDE, CROWDS, CROWD_FWHM_PX = 1200, (100.0, 1000.0, 4000.0), (3.0, 6.0, 8.0, 11.0, 15.0)


def completeness(fields):
    """Shares found, in fields of many stars and of few."""
    for count, many in ((150, fields), (SPARSE, 4 * fields)):
        print(f"\nFound of {count} stars of one S/N (matched filter) in each of {many} fields a line.\n")
        print(f"| FWHM px | {' | '.join(f'S/N {snr:.0f}' for snr in SNRS)} | false per Mpx |")
        print("|---" * (len(SNRS) + 2) + "|")
        for name, (width, changed) in IMAGES.items():
            shape = shape_of(2.5 if changed else width, **changed)
            cells, false = [], 0
            for snr in SNRS:
                rows = np.array([found_share(shape, width, count, seed, snr) for seed in range(many)])
                cells.append(f"{rows[:, 0].mean():.2f}")
                false += rows[:, 1].sum()
            print(f"| {name} | {' | '.join(cells)} | {false / (SIDE**2 / 1e6 * many * len(SNRS)):.2f} |", flush=True)


def found_share(shape, width, count, seed, snr):
    """(share of the painted stars that are found, number of false ones)."""
    pixels, x, y = painted(shape, count=count, seed=FIRST_SEED + seed, snr=snr, snr_to=1.001 * snr)
    stars, near = seen(pixels).views.stars, width / 2.0 + 2.0
    hits = len(matched(x, y, stars.x_px, stars.y_px, near)[0])
    return hits / count, len(stars.x_px) - len(matched(stars.x_px, stars.y_px, x, y, near)[0])


def crowds(fields):
    """How many stars are found where they are dense, by their width: of the simulator's, one in three is above it."""
    print(f"\nStars found a megapixel in {fields} fields of {CROWD_SIDE} px; in brackets, false ones a megapixel.\n")
    print(f"| FWHM px | {' | '.join(f'{one:g} painted' for one in CROWDS)} |\n" + "|---" * (len(CROWDS) + 1) + "|")
    for fwhm in CROWD_FWHM_PX:
        cells = []
        for density in CROWDS:
            found = false = 0
            for seed in range(fields):
                field = star_field(
                    CROWD_SIDE, CROWD_SIDE, density_per_mpx=density, fwhm_px=fwhm, seed=FIRST_SEED + seed
                )
                stars = seen(field.pixels).views.stars
                found += len(stars.x_px)
                near = matched(stars.x_px, stars.y_px, field.x_px, field.y_px, fwhm / 2.0 + 2.0)[0]
                false += len(stars.x_px) - len(near)
            area = CROWD_SIDE**2 / 1e6 * fields
            cells.append(f"{found / area:.0f} ({false / area:.1f})")
        print(f"| {fwhm:g} | {' | '.join(cells)} |", flush=True)


def starless(kind, seed):
    """A frame without a star."""
    rng = np.random.default_rng([seed, 5])
    light = np.full((SIDE, SIDE), SKY_ADU)
    if kind.startswith("nebula"):
        glow = np.exp(turbulence(rng, (SIDE, SIDE), 11 / 3))
        light += float(kind.split()[-2]) * NOISE_ADU * glow / glow.mean()
    pixels = light + rng.normal(0.0, 1.0, light.shape) * np.sqrt(light + PERFECT.read_noise_e**2)
    if kind.startswith("hot"):
        number = int(float(kind.split()[2]) * SIDE**2 / 1e6)
        pixels[rng.integers(0, SIDE, number), rng.integers(0, SIDE, number)] += (
            rng.exponential(30.0, number) * NOISE_ADU
        )
    if kind.startswith("cosmic"):
        for _ in range(int(float(kind.split()[2]) * SIDE**2 / 1e6)):
            x, y, angle = *rng.uniform(10, SIDE - 10, 2), rng.uniform(0.0, math.pi)
            steps = np.arange(rng.integers(1, 9))
            rows, columns = np.rint(y + steps * math.sin(angle)), np.rint(x + steps * math.cos(angle))
            pixels[rows.astype(int), columns.astype(int)] += rng.uniform(20.0, 200.0) * NOISE_ADU
    return np.rint(pixels).clip(0, 65535).astype(np.uint16)


STARLESS = ("noise", "hot pixels: 100 /Mpx", "hot pixels: 1000 /Mpx", "cosmic rays: 20 /Mpx", "nebula of 5 sigma",
            "nebula of 30 sigma")  # fmt: skip


def false_stars(fields):
    area = SIDE**2 / 1e6 * fields
    print(f"\nFrames without a star, {fields} of {SIDE} x {SIDE} pixels a line:\n")
    print("| what | taken for stars | per Mpx | below (95 %) | with a shape | sep per Mpx |\n|---|---|---|---|---|---|")
    for kind in STARLESS:
        count = measured = theirs = 0
        for seed in range(fields):
            pixels = starless(kind, FIRST_SEED + seed)
            stars = seen(pixels).measurements.stars
            count, measured = count + stars.count, measured + stars.measured
            image = pixels.astype(np.float32)
            background = sep.Background(image)
            theirs += len(sep.extract(image - background.back(), 5.0, err=background.globalrms))
        bound = binomial_upper_bound(count, 10**6) * 10**6 / area
        print(f"| {kind} | {count} | {count / area:.2f} | {bound:.2f} | {measured} | {theirs / area:.1f} |", flush=True)


def speed(fields):
    """CPU time of the stage ``stars`` over that of sep on the same pixels, interleaved."""
    print(f"\nCPU time of the stage over that of sep (Background, extract, flux_radius), {fields} rounds, median:\n")
    print("| stars/Mpx of 6.8 Mpx | stars | ours ms | of sep |\n|---|---|---|---|")
    for density in (0, 60, 600, 7500):
        pixels, _, _ = painted(shape_of(3.2), count=int(density * 6.76), seed=1, snr=5.0, side=2600)
        frame, rows = frame_from_array(pixels, Exposure()), []
        for _ in range(fields + 1):
            marks = {}
            analysis = ArtifactDetector().analyse(frame, lambda stage, m=marks: m.update({stage: time.process_time()}))
            start = time.process_time()
            image = pixels.astype(np.float32)
            background = sep.Background(image)
            background.subfrom(image)
            found = sep.extract(image, 5.0, err=background.globalrms)
            sep.flux_radius(image, found["x"], found["y"], 6.0 * found["a"], 0.5)
            rows.append((1e3 * (marks["stars"] - marks["sensor"]), 1e3 * (time.process_time() - start)))
        ours, theirs = np.median(rows[1:], axis=0)
        print(f"| {density} | {analysis.measurements.stars.count} | {ours:.0f} | {ours / theirs:.2f} |", flush=True)


TABLES = {"widths": widths, "elongations": elongations, "forms": forms, "completeness": completeness,
          "crowds": crowds, "false": false_stars, "speed": speed}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=6)
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    asked = parser.parse_args()
    for name in asked.tables:
        TABLES[name](asked.fields)


if __name__ == "__main__":
    main()
