"""FWHM of painted stars: ours and SExtractor's FWHM_IMAGE (``source-extractor`` must be installed), over the truth.

    python benchmarks/fwhm_of_sextractor.py --fields 2

Prints Markdown. Truth is the diameter of the area of the image in the file above half its peak. FWHM_IMAGE is what
SExtractor makes of a normal core through isophotes; stars with flags are left out, all others count alike.
"""

import argparse

import numpy as np
from stars import FIRST_SEED, WIDTHS_PX, matched, painted, seen, shape_of
from stars_of_real_frames import by_source_extractor

from nebulift.simulate.evidence import star_widths

PROFILES = {"normal": 20.0, "Moffat 4": 4.0, "Moffat 2.5": 2.5}
BRIGHTNESS = {"S/N 40 to 100": (40.0, 100.0), "S/N 300 to 1000": (300.0, 1000.0)}


def over_truth(shape, brightness, seed):
    """(our widths, SExtractor's) of the stars that both have, over the truth."""
    snr, snr_to = brightness
    pixels, _, _ = painted(shape, count=200, seed=seed, snr=snr, snr_to=snr_to)
    shapes, true = seen(pixels).views.stars.shapes, star_widths(shape).fwhm_px
    x, y, fwhm = by_source_extractor(pixels.astype(np.float32))
    ours, theirs = matched(shapes.x_px, shapes.y_px, x, y)
    return shapes.fwhm_px[ours] / true, fwhm[theirs] / true


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=2)
    asked = parser.parse_args()
    print(f"200 stars in each of {asked.fields} fields a cell: medians over the truth, ours / SExtractor's.\n")
    heads = [f"{profile}, {name}" for profile in PROFILES for name in BRIGHTNESS]
    print(f"| FWHM before pixels | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    for width in WIDTHS_PX:
        cells = []
        for beta in PROFILES.values():
            for brightness in BRIGHTNESS.values():
                shape = shape_of(width, beta=beta)
                fields = [over_truth(shape, brightness, FIRST_SEED + seed) for seed in range(asked.fields)]
                ours, theirs = (np.median(np.concatenate(part)) for part in zip(*fields, strict=True))
                cells.append(f"{ours:.3f} / {theirs:.3f}")
        print(f"| {width} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
