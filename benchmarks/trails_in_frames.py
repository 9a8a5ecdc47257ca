"""How faint a trail may be in your own frames and still be found.

    python benchmarks/trails_in_frames.py FOLDER --heights 0.5 1 2 4 --trails 1

Frames without a trail, of any camera (every file below FOLDER that can be read): into each a plain trail is laid, from
border to border at a random angle and place, as sharp as its stars, of each height over the noise of a pixel, with the
photon noise of its light. Prints how many are found by height, what is found where no trail was laid, and with
``--missed`` which were not found. Writes nothing.
"""

import argparse
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from sky_and_sensor import interval
from trails import crossing_of, is_this

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import NebuliftError
from nebulift.frame import frame_from_array
from nebulift.readers import open_frame
from nebulift.simulate import inject
from nebulift.simulate.trails import Trail

UNKNOWN_FWHM_PX = 3.0
HEIGHTS = (0.5, 1.0, 2.0, 4.0)


def frames_in(folder, most):
    """(name, pixels, exposure) of the files that are frames."""
    count = 0
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        if count == most:
            return
        try:
            with open_frame(path) as frame:
                pixels = np.array(frame.pixels.rows(0, frame.shape[0]))
                exposure = frame.exposure
        except NebuliftError:
            continue
        count += 1
        yield path.name, pixels, exposure


def streaks_and_fwhm(pixels, exposure):
    measured = ArtifactDetector().analyse(frame_from_array(pixels, exposure)).measurements
    return measured.streaks, measured.stars.fwhm_px or UNKNOWN_FWHM_PX


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--heights", nargs="+", type=float, default=HEIGHTS, help="of the ridge over a pixel's noise")
    parser.add_argument("--trails", type=int, default=1, help="of each height a frame")
    parser.add_argument("--most", type=int, default=-1, help="frames that are looked at")
    parser.add_argument("--missed", action="store_true", help="name the frames and the trails that were not found")
    asked = parser.parse_args()
    found, laid, false, frames = Counter(), Counter(), 0, 0
    for name, pixels, exposure in frames_in(asked.folder, asked.most):
        before, fwhm_px = streaks_and_fwhm(pixels, exposure)
        frames, false = frames + 1, false + bool(before)
        bayer = exposure.bayer is not None
        for number, height in [(number, height) for number in range(asked.trails) for height in asked.heights]:
            ends = crossing_of(np.random.default_rng([zlib.crc32(name.encode()), number]), *pixels.shape)
            trail = Trail("satellite", *ends, height)
            laid[height] += 1
            spoilt, _ = inject(pixels, [trail], number, fwhm_px=fwhm_px, bayer=bayer)
            if any(is_this(streak, ends) for streak in streaks_and_fwhm(spoilt, exposure)[0]):
                found[height] += 1
            elif asked.missed:
                print(f"missed at {height}: {name}, {[round(one) for one in ends]}, FWHM {fwhm_px:.1f} px", flush=True)
    print(f"{frames} frames, {false} with a trail before one was laid\n")
    print("| height | found | rate (95 %) |\n|---|---|---|")
    for height in asked.heights:
        print(f"| {height:g} | {found[height]}/{laid[height]} | {interval(found[height], laid[height])} |")


if __name__ == "__main__":
    main()
