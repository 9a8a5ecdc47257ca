"""Whether a burnt-out star and its spikes leave the width of a frame's stars as it is.

    python benchmarks/burnt_stars.py --fields 2

A dark sky, few stars, and one star near the middle whose peak is so many full wells. Prints Markdown: the measured over
the true FWHM and the elongation (truth 1), median and range over the measured frames of a line.
"""

import argparse
from dataclasses import replace

import numpy as np
from stars import FIRST_SEED, SIDE, SKY_ADU, painted, seen, shape_of

from nebulift.simulate.evidence import star_widths
from nebulift.simulate.star_painting import Stars, paint_stars

WIDTHS_PX = (2.0, 3.0, 5.0, 7.0, 10.0)
SPIKES = ((0, 0.0), (4, 0.0), (4, 27.0), (6, 13.0))  # how many, turned by
FULL_WELLS = (100.0, 1000.0)
DENSITIES = (12, 60)  # stars a megapixel
DARK_ADU, DARK_NOISE_ADU, FULL_ADU = 60.0, 8.0, 65535


def with_burnt_star(shape, spikes, angle_deg, full_wells, density, seed):
    count = round(density * SIDE**2 / 1e6)
    glow = np.full((SIDE, SIDE), DARK_ADU - SKY_ADU)
    field, _, _ = painted(shape, count=count, seed=seed, snr=6.0, snr_to=600.0, glow=glow)
    rng = np.random.default_rng([seed, 78])
    optics = replace(shape.telescope, spikes=spikes, spike_angle_deg=angle_deg, spike_share=0.02, scatter_share=0.01)
    at, flux = rng.uniform(0.3, 0.7, (2, 1)) * SIDE, full_wells * FULL_ADU * 1.3 * star_widths(shape).fwhm_px ** 2
    light = np.zeros((SIDE, SIDE), np.float32)
    one = Stars(*at.astype(np.float32), np.float32([flux]), np.ones((1, 3), np.float32))
    paint_stars(light, one, replace(shape, telescope=optics), DARK_NOISE_ADU)
    return np.clip(field + rng.poisson(light), 0, FULL_ADU).astype(np.uint16)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=2)
    asked = parser.parse_args()
    print("| full wells | stars a Mpx | n | measured | FWHM over truth | within 3 % | elongation |")
    print("|---|---|---|---|---|---|---|")
    for full_wells in FULL_WELLS:
        for density in DENSITIES:
            rows = []
            for width in WIDTHS_PX:
                shape = shape_of(width, beta=3.0)
                true = star_widths(shape).fwhm_px
                for spikes, angle_deg in SPIKES:
                    for seed in range(asked.fields):
                        frame = with_burnt_star(shape, spikes, angle_deg, full_wells, density, FIRST_SEED + seed)
                        stars = seen(frame).measurements.stars
                        rows.append((stars.fwhm_px, stars.elongation, true))
            measured = np.array([(fwhm / true, long) for fwhm, long, true in rows if fwhm is not None])
            fwhm, elongation = measured.T
            ranges = " | ".join(f"{np.median(one):.3f} ({one.min():.3f}-{one.max():.3f})" for one in (fwhm, elongation))
            width, long = ranges.split(" | ")
            near = int((np.abs(fwhm - 1.0) < 0.03).sum())
            counts = f"{len(rows)} | {len(measured)}"
            print(f"| {full_wells:.0f} | {density} | {counts} | {width} | {near} | {long} |", flush=True)


if __name__ == "__main__":
    main()
