"""FWHM, HFR and elongation against known truth, and against sep on the same pixels.

    python benchmarks/stars.py --fields 6

Prints Markdown. sep: ``sep.extract`` at 5 sigma, ``sep.flux_radius`` at half the light within six semi-major axes.
"""

import argparse

import numpy as np
import sep

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.frame import frame_from_array
from nebulift.simulate import star_field

SIDE = 1600
WIDTHS_PX = (1.5, 2.0, 3.0, 4.5, 6.0, 9.0, 12.0)


def by_sep(pixels):
    """Median half-flux radius of the stars whose peak is above 30 sigma."""
    image = np.ascontiguousarray(pixels, dtype=np.float32)
    background = sep.Background(image)
    background.subfrom(image)
    found = sep.extract(image, 5.0, err=background.globalrms)
    bright = found[(found["flag"] == 0) & (found["peak"] > 30.0 * background.globalrms)]
    radius, _ = sep.flux_radius(image, bright["x"], bright["y"], 6.0 * bright["a"], 0.5)
    return float(np.median(radius))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=6)
    fields = parser.parse_args().fields
    print(f"Star fields of {SIDE} x {SIDE} pixels, 150 stars/Mpx, {fields} fields a line; median +- scatter:\n")
    print("| FWHM before the pixels, px | FWHM, px | HFR, px | elongation (true 1) | flux radius by sep, px |")
    print("|---|---|---|---|---|")
    for width in WIDTHS_PX:
        rows = []
        for seed in range(fields):
            field = star_field(SIDE, SIDE, fwhm_px=width, density_per_mpx=150.0, seed=seed)
            seen = ArtifactDetector().analyse(frame_from_array(field.pixels, Exposure())).measurements.stars
            rows.append((seen.fwhm_px, seen.hfr_px, seen.elongation, by_sep(field.pixels)))
        middle, scatter = np.median(rows, axis=0), np.std(rows, axis=0)
        cells = " | ".join(f"{value:.2f} +- {spread:.2f}" for value, spread in zip(middle, scatter, strict=True))
        print(f"| {width} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
