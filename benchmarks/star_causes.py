"""Which cause star images show, against the painted one: a table of confusions.

    python benchmarks/star_causes.py --frames 8

Every cause with 40 and with 5000 stars through every rig, its strength drawn at random. What is told are the limits of
the words of findings (``nebulift/assessment.py``), on one frame: wide is what is half as wide again as the rig's own
stars, which the session knows. Intervals are Clopper and Pearson's, 95 %. Prints Markdown.
"""

import argparse
import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from sky_and_sensor import interval
from stars import shape_of

from nebulift.assessment import (
    DONUT_SHARE,
    FAN_COHERENCE,
    FAN_ELONGATION,
    FLAT_TOPPED,
    MIN_SHAPES,
    TILT_SEEN,
    TRAILED_COHERENCE,
)
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.frame import frame_from_array
from nebulift.simulate.evidence import star_widths
from nebulift.simulate.sensor import FixedPattern, digitised
from nebulift.simulate.star_field import PERFECT
from nebulift.simulate.star_painting import Stars, paint_stars
from nebulift.simulate.tracking import drift

FIRST_SEED = 190_000
SIDE = 1600
WIDER = 1.5


@dataclass(frozen=True)
class Rig:
    fwhm_px: float
    bayer: str | None
    sky_e: float
    gain_e_per_adu: float
    beta: float


RIGS = {
    "mono, 3 px": Rig(3.0, None, 1000.0, 1.0, 3.0),
    "mosaic, 3.5 px": Rig(3.5, "RGGB", 300.0, 0.8, 3.0),
    "mono, 1.7 px, wide lens": Rig(1.7, None, 200.0, 1.0, 4.0),
    "mono, 5.5 px, long focus": Rig(5.5, None, 400.0, 0.5, 2.6),
}
CAUSES = ("round", "trailed", "tilted", "donuts", "coma", "wide")


def drawn(cause, rig, rng):
    """The image of a star, of random strength."""
    own, angle = rig.fwhm_px, float(rng.uniform(0.0, 180.0))
    changed = {
        "round": {},
        "trailed": {"track": drift(own * rng.uniform(1.2, 3.0), angle)},
        "tilted": {"tilt": float(rng.uniform(0.35, 0.7)), "tilt_angle_deg": 2.0 * angle},
        "donuts": {"defocus_px": max(own * rng.uniform(3.0, 8.0), 9.0), "obstruction": float(rng.uniform(0.3, 0.45))},
        "coma": {"coma": float(rng.uniform(0.8, 1.6))},
        "wide": {"blur_sigma_px": own / 2.355 * float(rng.uniform(1.6, 2.8))},
    }
    return shape_of(own, beta=rig.beta, **changed[cause])


def frame_of(rig, shape, count, rng):
    noise_e = math.sqrt(rig.sky_e + PERFECT.read_noise_e**2)
    x, y = rng.uniform(0.0, SIDE, (2, count)).astype(np.float32)
    wide = math.hypot(rig.fwhm_px, max(shape.defocus_px, 2.355 * shape.blur_sigma_px))
    flux = 30.0 * noise_e * math.sqrt(4.0 * math.pi) * wide / 2.355
    flux = flux * (300.0**-0.8 + rng.random(count) * (1.0 - 300.0**-0.8)) ** -1.25
    light = np.full((SIDE, SIDE), rig.sky_e, np.float32)
    colour = np.where(rng.random((count, 1)) < 0.5, [[1.3, 1.0, 0.6]], [[0.7, 1.0, 1.1]]).astype(np.float32)
    colour = colour if rig.bayer else np.ones((count, 3), np.float32)
    paint_stars(light, Stars(x, y, flux.astype(np.float32), colour), shape, noise_e, rig.bayer)
    body = replace(PERFECT, width_px=SIDE, height_px=SIDE, bayer=rig.bayer, gain_e_per_adu=rig.gain_e_per_adu)
    nothing = np.zeros(0, np.float32)
    flat = FixedPattern(np.ones((1, 1), np.float32), None, np.zeros(0, np.int64), nothing, np.zeros(SIDE), ())
    return frame_from_array(digitised(light, body, flat, rng), Exposure(bayer=rig.bayer))


def told(stars, own_fwhm_px):
    """The cause that the numbers of one frame name."""
    if stars.measured < MIN_SHAPES:
        return "not measurable"
    is_long = stars.elongation > FAN_ELONGATION
    is_wide = stars.fwhm_px > WIDER * own_fwhm_px
    signs = {
        "donuts": stars.donut_fraction > DONUT_SHARE,
        "trailed": is_long and stars.angle_coherence >= TRAILED_COHERENCE,
        "coma": is_long and (stars.radial_coherence or 0.0) > FAN_COHERENCE,
        "tilted": (stars.fwhm_tilt or 0.0) > TILT_SEEN,
        "flat on top": is_wide and stars.fwhm_px > FLAT_TOPPED * 2.0 * stars.hfr_px,
        "wide": is_wide,
    }
    return next((cause for cause, shown in signs.items() if shown), "round")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=8, help="of each cause, number of stars and rig")
    parser.add_argument("--only", nargs="*", choices=CAUSES, default=CAUSES, help="these causes alone")
    asked = parser.parse_args()
    names = (*CAUSES, "flat on top", "not measurable")
    print(f"| painted | stars | n | {' | '.join(names)} | right (95 %) |\n|{'---|' * (len(names) + 4)}")
    wrong = Counter()
    for number, cause in enumerate(CAUSES):
        for count in (40, 5000) if cause in asked.only else ():
            found = Counter()
            for place, (name, rig) in enumerate(RIGS.items()):
                own = star_widths(shape_of(rig.fwhm_px, beta=rig.beta)).fwhm_px
                for seed in range(asked.frames):
                    rng = np.random.default_rng([FIRST_SEED + seed, number, count, place])
                    frame = frame_of(rig, drawn(cause, rig, rng), count, rng)
                    word = told(ArtifactDetector().analyse(frame).measurements.stars, own)
                    found[word] += 1
                    wrong[name, cause, word] += word != cause
            n = sum(found.values())
            cells = " | ".join(str(found[word]) for word in names)
            print(f"| {cause} | {count} | {n} | {cells} | {interval(found[cause], n)} |", flush=True)
    print("\nNot so by rig:", ", ".join(f"{'; '.join(key)}: {many}" for key, many in wrong.items() if many))


if __name__ == "__main__":
    main()
