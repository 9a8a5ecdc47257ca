"""What of bands, discs and shades far below the noise of a pixel the session sees, and what it sees where nothing is.

    python benchmarks/faint_structure.py --nights 2 --seed 300

Eight cameras, each through so many clear nights: eight clear frames are the session, then to each of the two next ones
every structure is added by itself: bands across the field, discs (ghosts) and dark discs (dust), of several sizes and
heights. The same frames without anything are the comparison. Measurements alone. Prints Markdown.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from nights import CAMERAS, MEGAPIXELS

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.pipeline import as_measured, conclude
from nebulift.simulate import rendered
from nebulift.simulate.night import plan_session
from nebulift.training.metrics import with_interval

BEFORE, AFTER = 8, 2


def measured(pixels, exposure):
    seen = frame_from_array(pixels, exposure, Path("frame"))
    return as_measured(seen, ArtifactDetector().analyse(seen))


def with_light(pixels, light_adu, rng):
    """The frame with more light, rounded at random so that less than a step of the converter counts, too."""
    lit = np.floor(pixels + light_adu + rng.random(pixels.shape))
    return np.clip(lit, 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)


def structures(rng, shape, noise_adu):
    """{name: light} of one place and direction for all of them."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    middle_x, middle_y = width * rng.uniform(0.25, 0.75), height * rng.uniform(0.25, 0.75)
    angle = rng.uniform(0.0, np.pi)
    across = (x - middle_x) * np.sin(angle) - (y - middle_y) * np.cos(angle)
    radius = np.hypot(x - middle_x, y - middle_y)
    for fwhm in (20, 60, 200):
        for sigma in (0.3, 0.5, 0.8):
            yield f"band {fwhm} px wide, {sigma} sigma", sigma * noise_adu * np.exp(-0.5 * (across / fwhm * 2.355) ** 2)
    for reach in (50, 150):
        for sigma in (0.3, 0.6, 1.0, -0.6, -1.0):
            name = "disc" if sigma > 0.0 else "shade"
            yield f"{name} of {reach} px radius, {sigma} sigma", sigma * noise_adu * (radius < reach)


def looked_at(camera, seed, rows):
    """Adds (night, name, label, whether the fine residual showed it) of one night to ``rows``."""
    plans = plan_session(
        np.random.SeedSequence([seed, camera]), BEFORE + AFTER, "clear", camera=CAMERAS[camera], megapixels=MEGAPIXELS
    )
    rng = np.random.default_rng([seed, camera, 5])
    sessions = {}
    for plan in plans[:BEFORE]:
        frame = rendered(plan)
        conclude(measured(frame.pixels, frame.exposure), sessions=sessions)
    for plan in plans[BEFORE:]:
        frame = rendered(plan)
        plain = measured(frame.pixels, frame.exposure)
        kinds = [("nothing", None), *structures(rng, frame.pixels.shape, plain.measurements.sky.noise_adu)]
        for name, light in kinds:
            seen = plain if light is None else measured(with_light(frame.pixels, light, rng), frame.exposure)
            found = conclude(seen, sessions=dict(sessions))
            shown = found.session.fine_sigma is not None
            rows.append((f"{camera} {seed}", name, str(found.verdict.label), shown, str(conclude(seen).verdict.label)))


def share(hits, nights):
    found = np.array(hits)
    return with_interval(lambda index: float(found[index].mean()), nights)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=2, help="of each camera")
    parser.add_argument("--seed", type=int, default=300)
    parser.add_argument("--cameras", type=int, default=len(CAMERAS), help="so many, from the first")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rows = []
    for camera in range(asked.cameras):
        for seed in range(asked.seed, asked.seed + asked.nights):
            looked_at(camera, seed, rows)
    print("| added | shown by the residual | not called clean in its session | rejected | not called clean alone |")
    print("|---|---|---|---|---|")
    for name in dict.fromkeys(row[1] for row in rows):
        some = [row for row in rows if row[1] == name]
        nights = [row[0] for row in some]
        hits = (
            [row[3] for row in some],
            [row[2] != "clean" for row in some],
            [row[2] == "contaminated" for row in some],
            [row[4] != "clean" for row in some],
        )
        cells = [share(hit, nights) for hit in hits]
        print(f"| {name} | " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
