"""Trails in fields so full of stars that their light lies everywhere: how bright one must be, and false ones.

    python benchmarks/rich_fields.py --seeds 8 --first 5000

Fields of 0.7 megapixels: each number of stars a megapixel (the simulator's, faint ones included) and each width of
their images, once without a trail and once with one of each height over the noise of a pixel, from border to border at
a random angle and place. Intervals are Clopper and Pearson's, 95 %. Prints Markdown.
"""

import argparse
from collections import Counter

import numpy as np
from sky_and_sensor import interval
from trails import crossing_of, is_this
from trails_in_frames import streaks_and_fwhm

from nebulift.exposure import Exposure
from nebulift.simulate import add_streak, star_field

HEIGHT_PX, WIDTH_PX = 760, 920
STARS_PER_MPX, FWHM_PX, HEIGHTS = (1000.0, 4000.0, 10_000.0), (3.0, 5.0), (1.0, 2.0, 4.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8, help="of each kind of field")
    parser.add_argument("--first", type=int, default=5000, help="the first seed")
    asked = parser.parse_args()
    found, false = Counter(), Counter()
    kinds = [(density, fwhm) for density in STARS_PER_MPX for fwhm in FWHM_PX]
    for kind in kinds:
        for seed in range(asked.first, asked.first + asked.seeds):
            field = star_field(WIDTH_PX, HEIGHT_PX, density_per_mpx=kind[0], fwhm_px=kind[1], seed=seed)
            false[kind] += bool(streaks_and_fwhm(field.pixels, Exposure())[0])
            for height in HEIGHTS:
                ends = crossing_of(np.random.default_rng([seed, round(height)]), HEIGHT_PX, WIDTH_PX)
                pixels, _ = add_streak(field, ends, peak_sigma=height, seed=seed)
                found[kind, height] += any(is_this(one, ends) for one in streaks_and_fwhm(pixels, Exposure())[0])
    print("| stars a megapixel | FWHM | " + " | ".join(f"ridge {one:g}" for one in HEIGHTS) + " | false |")
    print("|---" * (len(HEIGHTS) + 3) + "|")
    for kind in kinds:
        cells = [f"{found[kind, height]}/{asked.seeds}" for height in HEIGHTS]
        print(f"| {kind[0]:g} | {kind[1]:g} px | " + " | ".join(cells) + f" | {false[kind]}/{asked.seeds} |")
    n = asked.seeds * len(kinds)
    cells = [f"{sum(found[kind, height] for kind in kinds)}/{n}" for height in HEIGHTS]
    rate = interval(sum(found.values()), n * len(HEIGHTS))
    print("| all | | " + " | ".join(cells) + f" | {sum(false.values())}/{n} |\n\nfound: {rate}")


if __name__ == "__main__":
    main()
