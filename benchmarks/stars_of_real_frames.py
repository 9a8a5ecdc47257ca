"""Stars of real frames, star by star, against sep and SExtractor on the same pixels.

    python benchmarks/stars_of_real_frames.py ~/frames

Prints Markdown. SExtractor's FWHM_IMAGE, where ``source-extractor`` is installed, is a line through logarithms of
isophotal areas and grows with the wings and the brightness of a star; the model-free width is that of the pooled radial
profile of the matched stars.
"""

import argparse
import math
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import sep
from astropy.io import fits
from stars import by_sep, matched

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import NebuliftError
from nebulift.readers import open_frame
from nebulift.stars.stamps import green_filled

MIN_MATCHES = 5


def in_one_colour(frame):
    """The whole frame as float32, of a mosaic its green with the gaps filled."""
    image = np.nan_to_num(frame.array().astype(np.float32))
    if frame.exposure.bayer is None:
        return image
    sites = np.zeros(image.shape, dtype=bool)
    for place, letter in enumerate(frame.exposure.bayer):
        sites[place // 2 :: 2, place % 2 :: 2] = letter == "G"
    return green_filled(image[None], sites[None])[0]


def pooled_fwhm(image, x, y, radius):
    """FWHM of the radial profile of all these stars together, each over its own light; no model."""
    reach = math.ceil(4.0 * radius)
    away = np.arange(-reach, reach + 1)
    distances, lights = [], []
    for cx, cy in zip(x, y, strict=True):
        column, row = round(cx), round(cy)
        if min(row, column) < reach or row + reach >= image.shape[0] or column + reach >= image.shape[1]:
            continue
        cut = image[row - reach : row + reach + 1, column - reach : column + reach + 1]
        distance = np.hypot(away - (cx - column), (away - (cy - row))[:, None])
        distances.append(distance.ravel())
        lights.append((cut / max(cut[distance < 2.0 * radius].sum(), 1e-9)).ravel())
    if not distances:
        return None
    distance, light = np.concatenate(distances), np.concatenate(lights)
    bins = (distance / max(0.25, radius / 12.0)).astype(int)
    rings = [bins == number for number in range(bins.max() + 1)]
    profile = [(distance[ring].mean(), np.median(light[ring])) for ring in rings if ring.sum() >= MIN_MATCHES]
    at, height = np.array(profile).T
    core = max(3, int((at < 0.5 * radius).sum()))
    peak = max(float(np.polyfit(at[:core] ** 2, height[:core], 1)[1]), height.max())
    below = np.flatnonzero(height < 0.5 * peak)
    if len(below) == 0 or below[0] == 0:
        return None
    first = below[0]
    share = (height[first - 1] - 0.5 * peak) / (height[first - 1] - height[first])
    return 2.0 * (at[first - 1] + share * (at[first] - at[first - 1]))


def by_source_extractor(image):
    """(x, y, FWHM_IMAGE) of its unflagged detections; ``None`` where it is not installed."""
    tool = shutil.which("source-extractor") or shutil.which("sex")
    if tool is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        fits.PrimaryHDU(image).writeto(place / "image.fits")
        (place / "wanted").write_text("X_IMAGE\nY_IMAGE\nFWHM_IMAGE\nFLAGS\n", encoding="ascii")
        (place / "config").write_text("", encoding="ascii")
        options = {"-c": "config", "-PARAMETERS_NAME": "wanted", "-CATALOG_NAME": "found", "-CATALOG_TYPE": "ASCII"}
        options |= {"-FILTER": "N", "-DETECT_THRESH": "3", "-VERBOSE_TYPE": "QUIET"}
        subprocess.run(
            [tool, "image.fits", *(word for pair in options.items() for word in pair)], cwd=place, check=True
        )
        rows = np.loadtxt(place / "found", ndmin=2).reshape(-1, 4)
    rows = rows[rows[:, 3] == 0]
    return rows[:, 0] - 1.0, rows[:, 1] - 1.0, rows[:, 2]


def compared(path):
    """One row of the table of real frames, or ``None`` with fewer than five matched stars."""
    with open_frame(path) as frame:
        analysis = ArtifactDetector().analyse(frame)
        image = in_one_colour(frame)
        mosaic = frame.exposure.bayer is not None
    shapes, ceiling = analysis.views.stars.shapes, analysis.measurements.saturation.ceiling_adu
    x, y, radius = by_sep(image, ceiling or np.inf)
    ours, theirs = matched(shapes.x_px, shapes.y_px, x, y)
    if len(ours) < MIN_MATCHES:
        return None
    hfr = float(np.nanmedian(shapes.hfr_px[ours] / np.where(radius[theirs] > 0.0, radius[theirs], np.nan)))
    above = image - sep.Background(image).back()
    pooled = pooled_fwhm(above, shapes.x_px[ours], shapes.y_px[ours], float(np.nanmedian(radius[theirs])))
    fwhm = float(np.median(shapes.fwhm_px[ours]))
    other = by_source_extractor(image)
    extractor = None
    if other is not None:
        mine, its = matched(shapes.x_px[ours], shapes.y_px[ours], other[0], other[1])
        extractor = float(np.median(shapes.fwhm_px[ours][mine] / other[2][its])) if len(mine) >= MIN_MATCHES else None
    return mosaic, len(ours), fwhm, hfr, None if pooled is None else fwhm / pooled, extractor


def real_frames(folder):
    rows, refused = [], 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            row = compared(path)
        except NebuliftError:
            refused += 1
            continue
        rows += [row] if row is not None else []
    print(f"\nReal frames, {len(rows)} with {MIN_MATCHES} matched stars and more ({refused} files are no images).")
    print("Medians of the per-frame medians, with 5 and 95 %; model-free width: mono frames of FWHM 2 px and more.\n")
    print("| sensor | frames | stars | FWHM px | HFR over sep's | FWHM over model-free | over SExtractor's |")
    print("|---|---|---|---|---|---|---|")
    for mosaic, name in ((False, "mono"), (True, "mosaic")):
        chosen = [row for row in rows if row[0] is mosaic]
        if chosen:
            widths_px = [row[2] for row in chosen]
            pooled = [None if mosaic or row[2] < 2.0 else row[4] for row in chosen]
            parts = [quantiles([row[3] for row in chosen]), quantiles(pooled), quantiles([row[5] for row in chosen])]
            print(
                f"| {name} | {len(chosen)} | {sum(row[1] for row in chosen)} "
                f"| {min(widths_px):.1f} .. {max(widths_px):.1f} | {' | '.join(parts)} |"
            )


def quantiles(values):
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return "-"
    low, middle, high = np.quantile(known, (0.05, 0.5, 0.95))
    return f"{middle:.3f} ({low:.2f} .. {high:.2f}, n {len(known)})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    real_frames(parser.parse_args().folder)


if __name__ == "__main__":
    main()
