"""One's own clean frames with artefacts of known size put into them, and with changes that do no harm.

    python benchmarks/spoilt_frames.py ~/frames
    python benchmarks/spoilt_frames.py ~/frames --alike 3 --only "cover on" "binned 2 x 2"

FOLDER holds frames that you call clean. Every one that is called clean as it is gets each artefact by itself, and each
harmless change, and is judged alone, without its session. Which of ``kinds`` is right stands in ``spoiling.py``. What
shows in stars alone goes into frames with ten measured stars. Of frames that are alike (camera, size, filter) the first
few are taken. Intervals are Clopper and Pearson's, 95 %, as if frames were independent. Prints Markdown.
"""

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from sky_and_sensor import interval
from spoiling import ARTEFACTS, HARMLESS, Taken, middle_part

from nebulift.batch import find_frames
from nebulift.classifier import load_classifier
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import NebuliftError
from nebulift.exposure import FrameKind
from nebulift.frame import frame_from_array
from nebulift.pipeline import as_measured, conclude
from nebulift.preprocess import planes_of
from nebulift.readers import open_frame
from nebulift.simulate.frame_noise import measured_noise
from nebulift.verdict import NOTICEABLE_SEVERITY, Label

ENOUGH_STARS = 10
DEFAULT_FWHM_PX = 3.0
LABELS = (Label.CONTAMINATED, Label.REVIEW, Label.CLEAN)


def judged(pixels, exposure, model):
    """(analysis, verdict) of a frame by itself."""
    frame = frame_from_array(pixels, exposure)
    analysis = ArtifactDetector().analyse(frame)
    planes = planes_of(analysis.views) if model is not None else None
    return analysis, conclude(as_measured(frame, analysis, planes), model=model).verdict


def opened(path):
    """(pixels, exposure) of a light frame; ``None`` for what is none or cannot be read."""
    try:
        with open_frame(path) as frame:
            if frame.exposure.kind is not FrameKind.LIGHT:
                return None
            pixels = frame.array()
    except NebuliftError:
        return None
    if not np.issubdtype(pixels.dtype, np.integer):
        pixels = np.where(np.isfinite(pixels), pixels, np.nanmedian(pixels))  # no light can be added to no number
    return pixels, frame.exposure


def taken_frames(folder, alike, model):
    """(path, ``Taken`` or ``None`` where it is not clean as it is) of the frames of a folder."""
    seen = Counter()
    for path in sorted(find_frames([folder])):
        frame = opened(path)
        if frame is None:
            continue
        pixels, exposure = frame
        seen[exposure.camera, pixels.shape, exposure.filter_name] += 1
        if seen[exposure.camera, pixels.shape, exposure.filter_name] > alike:
            continue
        analysis, verdict = judged(pixels, exposure, model)
        if verdict.label is not Label.CLEAN:
            yield path, None
            continue
        stars, is_all_sky = analysis.measurements.stars, analysis.measurements.sky.is_all_sky
        lit = middle_part(middle_part(pixels)) if is_all_sky else pixels  # beyond its disc there is no sky
        noise = measured_noise(lit, bayer=exposure.bayer is not None)
        yield path, Taken(pixels, exposure, noise, stars.fwhm_px or DEFAULT_FWHM_PX, stars.measured, is_all_sky)


def told_of(path, seed, taken, model, wanted):
    """Rows (name, path, label, right kind named, reason) of everything that is done to one frame."""
    for name, artefact in ARTEFACTS.items():
        if name not in wanted or (artefact.in_stars and (taken.stars < ENOUGH_STARS or taken.is_all_sky)):
            continue
        _, verdict = judged(artefact.make(taken, seed), taken.exposure, model)
        named = {one.kind for one in verdict.findings if one.severity >= NOTICEABLE_SEVERITY}
        yield name, path, verdict.label, bool(named & set(artefact.kinds)), verdict.reason
    for name, change in HARMLESS.items():
        made = change(taken, seed) if name in wanted else None
        if made is not None:
            _, verdict = judged(*made, model)
            yield name, path, verdict.label, False, verdict.reason


def print_tables(rows):
    """Two tables: artefacts, and what does no harm."""
    by_name = {}
    for name, _, label, named, _ in rows:
        by_name.setdefault(name, []).append((label, named))
    print("| artefact | n | contaminated | review | clean | right kind named | not accepted as clean |")
    print("|---|---|---|---|---|---|---|")
    for name in filter(by_name.get, ARTEFACTS):
        print_line(name, by_name[name], with_kind=True)
    print_line("all artefacts", [one for name in ARTEFACTS for one in by_name.get(name, ())], with_kind=True)
    print("\n| harmless | n | contaminated | review | clean | clean |\n|---|---|---|---|---|---|")
    for name in filter(by_name.get, HARMLESS):
        print_line(name, by_name[name], with_kind=False)
    print_line("all harmless", [one for name in HARMLESS for one in by_name.get(name, ())], with_kind=False)


def print_line(name, told, *, with_kind):
    if not told:
        return
    counts = Counter(label for label, _ in told)
    n, clean = len(told), counts[Label.CLEAN]
    cells = [n, *(counts[label] for label in LABELS)]
    cells += [sum(named for _, named in told), interval(n - clean, n)] if with_kind else [interval(clean, n)]
    print(f"| {name} | " + " | ".join(map(str, cells)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--alike", type=int, default=5, help="at most so many of one camera, size and filter")
    parser.add_argument("--only", nargs="*", choices=[*ARTEFACTS, *HARMLESS], help="these alone")
    parser.add_argument("--no-model", action="store_true", help="by the measurements alone")
    parser.add_argument("--list", action="store_true", help="name every frame that is judged otherwise than it should")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    model = None if asked.no_model else load_classifier("default")
    wanted = set(asked.only or [*ARTEFACTS, *HARMLESS])
    rows, used, left = [], 0, 0
    for seed, (path, taken) in enumerate(taken_frames(asked.folder, asked.alike, model)):
        if taken is None:
            left += 1
            continue
        used += 1
        for row in told_of(path, seed, taken, model, wanted):
            rows.append(row)
            name, _, label, named, reason = row
            wrong = label is Label.CLEAN or not named if name in ARTEFACTS else label is not Label.CLEAN
            if asked.list and wrong:
                print(f"- {name}: {path.name}: {label}: {reason}", flush=True)
    print(f"{used} frames; {left} more are not called clean as they are, and left out.\n")
    print_tables(rows)


if __name__ == "__main__":
    main()
