"""Stars that are there twice, as after a knock at the mount: which are told, and of how many stars.

    python benchmarks/double_images.py --seeds 6 --first 3000

Fields of a megapixel with a second image of every star, at each distance in a random direction and with each share of
the light; and without one. Intervals are Clopper and Pearson's, 95 %. Prints Markdown.
"""

import argparse
from collections import Counter

import numpy as np
from sky_and_sensor import interval
from spoiling import doubled

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.simulate import star_field

SIDE_PX = 1000
STARS_PER_MPX, FWHM_PX = (100.0, 300.0, 1000.0, 4000.0), (2.5, 5.0)
APART_FWHM, SHARES = (2.0, 4.0, 12.0), (0.05, 0.15, 0.4)
TOLERANCE_PX = 2.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6, help="of each kind of field")
    parser.add_argument("--first", type=int, default=3000, help="the first seed")
    asked = parser.parse_args()
    detector, told, false = ArtifactDetector(), Counter(), 0
    fields = [(density, fwhm) for density in STARS_PER_MPX for fwhm in FWHM_PX]
    cases = [(apart, share) for apart in APART_FWHM for share in SHARES]
    for density, fwhm in fields:
        for seed in range(asked.first, asked.first + asked.seeds):
            pixels = star_field(SIDE_PX, SIDE_PX, density_per_mpx=density, fwhm_px=fwhm, seed=seed).pixels
            false += detector.analyse_array(pixels).measurements.doubles is not None
            for apart, share in cases:
                angle_deg = np.random.default_rng([seed, round(100 * apart * share)]).uniform(0.0, 180.0)
                spoilt, apart_px = doubled(pixels, apart * fwhm, angle_deg, share, seed)
                found = detector.analyse_array(spoilt).measurements.doubles
                told[density, apart, share] += found is not None and abs(found.apart_px - apart_px) < TOLERANCE_PX
    n = asked.seeds * len(FWHM_PX)
    print("| apart, FWHM | share of the light | " + " | ".join(f"{one:g} stars" for one in STARS_PER_MPX) + " |")
    print("|---" * (len(STARS_PER_MPX) + 2) + "|")
    for apart, share in cases:
        cells = [f"{told[density, apart, share]}/{n}" for density in STARS_PER_MPX]
        print(f"| {apart:g} | {share:g} | " + " | ".join(cells) + " |")
    clean = n * len(STARS_PER_MPX)
    print(f"\nwithout second images: {false} of {clean} told {interval(false, clean)}")


if __name__ == "__main__":
    main()
