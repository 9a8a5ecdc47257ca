"""Where the camera's ceiling lies, inferred from one frame alone, for the ways in which files are made.

    python benchmarks/ceilings.py --fields 12

The same fields (1000 x 1000 pixels, stars from faint to burnt out) through each camera, and once more with stars of
which none fills a pixel: there no ceiling may be named. Where the full well lies below the converter's end, and where
the flat field differs from place to place, the ceiling is not one number. Prints Markdown. Seeds from 95 000 on.
"""

import argparse
import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from sky_and_sensor import interval

from nebulift.frame import frame_from_array
from nebulift.scan import scan_frame
from nebulift.sensor import measure_saturation
from nebulift.simulate.psf import StarShape
from nebulift.simulate.sensor import FixedPattern, digitised
from nebulift.simulate.star_field import PERFECT, PERFECT_OPTICS
from nebulift.simulate.star_painting import Stars, paint_stars

FIRST_SEED = 95_000
SIDE_PX = 1000
SKY_SHARE = 0.02  # of saturation
GOOD = 0.01  # of the true ceiling: what shapes are measured from needs no better
CLOSE = 0.02  # pixels within so much of the ceiling are at it


@dataclass(frozen=True)
class Way:
    """One way from electrons to a file: ``change(rng, pixels)`` after the converter, ``ceiling`` of the file then."""

    bits: int
    shift: int = 0
    bias: float = 200.0
    read_noise_e: float = 2.0
    full_well_share: float = 10.0  # over what the converter holds
    gain: float = 1.0
    change: object = None
    ceiling: object = None


def twice_binned(_rng, pixels):
    """Sums of 2 x 2, cut off at 16 bits."""
    cells = pixels.astype(np.float64).reshape(SIDE_PX // 2, 2, SIDE_PX // 2, 2).sum(axis=(1, 3))
    return cells.clip(0, 65535).astype(np.uint16)


def flat_divided(rng, pixels):
    """Bias off, a flat field of 25 % vignetting divided out, numbers of 32-bit floats."""
    middle = SIDE_PX * rng.uniform(0.4, 0.6, 2)
    away = np.hypot(np.arange(SIDE_PX)[None, :] - middle[0], np.arange(SIDE_PX)[:, None] - middle[1])
    return ((pixels - 200.0) / (1.0 - 0.25 * (away / SIDE_PX / 0.7) ** 2)).astype(np.float32)


WAYS = {
    "16 bits": Way(16, gain=0.5),
    "16 bits, full well at 0.77 of it": Way(16, full_well_share=0.77),
    "CCD, full well at 0.85, read noise 9 e-": Way(16, full_well_share=0.85, gain=0.6, read_noise_e=9.0, bias=1000.0),
    "15 bits": Way(15),
    "14 bits": Way(14),
    "14 bits, times 4": Way(14, 2),
    "12 bits": Way(12),
    "12 bits, times 16": Way(12, 4),
    "12 bits, full well at 0.9": Way(12, full_well_share=0.9),
    "10 bits": Way(10, bias=20.0),
    "8 bits": Way(8, bias=8.0, gain=20.0, read_noise_e=8.0),
    "12 bits, sums of 2 x 2": Way(12, change=twice_binned, ceiling=4 * 4095),
    "16 bits, sums of 2 x 2": Way(16, gain=0.5, change=twice_binned, ceiling=65535),
    "16 bits, bias taken off": Way(
        16, gain=0.5, change=lambda _r, p: (p.astype(np.int32) - 200).clip(0).astype(np.uint16), ceiling=65535 - 200
    ),
    "14 bits, bias off, times 4": Way(
        14, change=lambda _r, p: ((p.astype(np.int32) - 200).clip(0) * 4).astype(np.uint16), ceiling=(16383 - 200) * 4
    ),
    "float, 0 to 1": Way(16, gain=0.5, change=lambda _r, p: (p / 65535.0).astype(np.float32), ceiling=1.0),
    "float, flat divided (up to 1.33)": Way(16, gain=0.5, change=flat_divided, ceiling=65335.0),  # of the middle
}


def frame_of(way, seed, *, burnt):
    """(pixels as in the file, true ceiling there, pixels at it)."""
    rng = np.random.default_rng([seed, 71])
    top = (1 << way.bits) - 1
    converter_e = (top - way.bias) * way.gain
    full_e = min(way.full_well_share, 1.0) * converter_e
    count = 400
    share = rng.random(count) ** -1.2 * 0.002
    share = share.clip(max=30.0) if burnt else share.clip(max=0.85)
    light = np.full((SIDE_PX, SIDE_PX), SKY_SHARE * full_e, np.float32)
    fwhm = float(rng.uniform(2.5, 5.0))
    flux = (share * full_e * 1.5 * fwhm**2).astype(np.float32)  # a peak of ``share`` of the ceiling, or a little more
    if not burnt:
        flux *= np.float32(0.55)
    place = rng.uniform(0.0, SIDE_PX, (count, 2)).astype(np.float32)
    stars = Stars(place[:, 0], place[:, 1], flux, np.ones((count, 3), np.float32))
    paint_stars(light, stars, StarShape(fwhm, PERFECT_OPTICS), math.sqrt(SKY_SHARE * full_e))
    camera = replace(
        PERFECT, width_px=SIDE_PX, height_px=SIDE_PX, bits=way.bits, shift=way.shift, gain_e_per_adu=way.gain,
        bias_adu=way.bias, read_noise_e=way.read_noise_e, full_well_e=way.full_well_share * converter_e,
    )  # fmt: skip
    nothing = np.zeros(0, np.float32)
    plain = FixedPattern(np.ones((1, 1), np.float32), None, np.zeros(0, np.int64), nothing, np.zeros(SIDE_PX), ())
    pixels = digitised(light, camera, plain, rng)
    stored = (min(full_e / way.gain + way.bias, top)) * (1 << way.shift)
    full = pixels >= (1.0 - CLOSE) * stored
    if way.change is None:
        return pixels, float(stored), int(full.sum())
    changed = way.change(rng, pixels)
    if way.change is flat_divided and full.any():  # the flat tilts it: the lowest number that a full pixel has
        return changed, float(changed[full].min()), int(full.sum())
    return changed, float(way.ceiling), int((changed >= (1.0 - CLOSE) * way.ceiling).sum())


def print_way(name, fields):
    """One row: how often the ceiling is named where it is reached, how well, and how often where it is not."""
    errors, reached, named, free, false = [], 0, 0, 0, 0
    for seed in range(FIRST_SEED, FIRST_SEED + fields):
        for burnt in (True, False):
            pixels, ceiling, at_top = frame_of(WAYS[name], seed, burnt=burnt)
            frame = frame_from_array(pixels)
            found = measure_saturation(frame, scan_frame(frame)).ceiling_adu
            if burnt and at_top >= 4:
                reached += 1
                named += found is not None
                errors += [] if found is None else [found / ceiling - 1.0]
            elif not burnt and at_top == 0:
                free += 1
                false += found is not None
    good = int((np.abs(errors) <= GOOD).sum()) if errors else 0
    worst = f"{np.median(errors):+.3f} ({min(errors):+.3f} to {max(errors):+.3f})" if errors else "-"
    cells = [interval(named, reached) if reached else "-", interval(good, reached) if reached else "-", worst]
    print(f"| {name} | {reached} | " + " | ".join(cells) + f" | {free} | {interval(false, free) if free else '-'} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=12)
    parser.add_argument("--only", nargs="*", choices=list(WAYS), default=list(WAYS))
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    print("| file | burnt-out fields | named | within 1 % | off by, median (range) | others | named falsely |")
    print("|---|---|---|---|---|---|---|")
    for name in asked.only:
        print_way(name, asked.fields)


if __name__ == "__main__":
    main()
