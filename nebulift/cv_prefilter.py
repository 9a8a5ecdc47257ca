"""``ArtifactDetector``: all eyes on one frame, and what they add up to; ``batch_analyze_images`` for many."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nebulift import sky, stars
from nebulift.assessment import findings_of
from nebulift.errors import NebuliftError
from nebulift.findings import Finding
from nebulift.frame import Frame, frame_from_array
from nebulift.measurements import Measurements
from nebulift.obstruction import find_hair, halo_share, measure_coverage
from nebulift.parallel import end_with_owner
from nebulift.readers import open_frame
from nebulift.scan import Scan, scan_frame
from nebulift.sensor import first_look, measure_saturation, measure_sensor, remove_stripes
from nebulift.sky import Background
from nebulift.stars import StarList
from nebulift.streaks import find_streaks
from nebulift.verdict import cv_score


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """What the model and the session look at: maps and lists that outlive the pixels of the frame."""

    scan: Scan
    background: Background
    maps: list[NDArray[np.int16]]  # pyramid of the flattened map, in sixteenths of sigma
    stars: StarList
    shape_px: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """One frame as the pre-filter sees it. ``score`` is P(clean) by the findings alone."""

    measurements: Measurements
    findings: tuple[Finding, ...]
    score: float
    views: Views


def _ignore(stage: str) -> None:
    """Nobody listens."""


class ArtifactDetector:
    """Runs the eyes over frames. It has no state: one detector may serve many threads and processes."""

    def analyse(self, frame: Frame, on_stage: Callable[[str], None] = _ignore) -> Analysis:
        """Everything the eyes see in an open frame; ``on_stage`` hears the name of each stage when it is done.

        Raises ``UnreadableFrame`` when the frame's file ends early.
        """
        scan = scan_frame(frame)
        on_stage("read and bin")
        saturation = measure_saturation(frame, scan)
        look = first_look(scan)
        on_stage("saturation")
        background = sky.measure_background(scan)
        sky_summary = sky.summarise(scan, background)
        level = sky.level_fraction(sky_summary.level_adu, scan.peak_adu, frame.pixels.dtype)
        flat = sky.subtract_background(scan, background)
        on_stage("sky")
        sensor = measure_sensor(frame, scan, flat, look)
        remove_stripes(flat)
        on_stage("sensor")
        maps = stars.pyramid(flat, stars.PYRAMID_LEVELS)
        star_list = stars.find_stars(frame, scan, background, maps, saturation.ceiling_adu)
        on_stage("stars")
        streaks = find_streaks(frame, scan, maps, star_list)
        on_stage("streaks")
        height, width = frame.shape
        measured = Measurements(
            width_px=width,
            height_px=height,
            sky=replace(sky_summary, level_fraction=level),
            stars=stars.summarise(star_list, frame.megapixels, frame.exposure.pixel_scale_arcsec),
            streaks=streaks,
            saturation=saturation,
            sensor=sensor,
            coverage=measure_coverage(scan, background, star_list, frame.shape),
            dark_line=find_hair(scan, background, maps),
            doubles=stars.find_doubles(star_list),
            halo_share=None if sky_summary.is_all_sky else halo_share(maps, star_list, scan.bin_px),
        )
        found = findings_of(measured, frame.exposure)
        on_stage("findings")
        return Analysis(measured, found, cv_score(found), Views(scan, background, maps, star_list, frame.shape))

    def analyse_file(self, path: Path) -> Analysis:
        """The same for a file. Raises ``UnreadableFrame`` when it cannot be read."""
        with open_frame(path) as frame:
            return self.analyse(frame)

    def analyse_array(self, image: NDArray[np.generic]) -> Analysis:
        """The same for a 2-D array in raw ADU (never stretched: a stretch saturates noise)."""
        return self.analyse(frame_from_array(image))


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one file of a batch: numbers and findings, or the reason why there are none."""

    path: Path
    measurements: Measurements | None
    findings: tuple[Finding, ...]
    score: float | None
    error: str | None


def batch_analyze_images(
    image_paths: Iterable[Path | str],
    detector: ArtifactDetector | None = None,
    *,
    workers: int = 1,
    progress: Callable[[BatchResult], None] | None = None,
) -> dict[Path, BatchResult]:
    """Results of FITS files and pictures of all kinds, in the order given; every path appears, readable or not.

    ``workers`` processes share the work (0: one a core); ``progress`` is called in this process after each file.
    """
    paths = [Path(path) for path in image_paths]
    detector = detector or ArtifactDetector()
    results: dict[Path, BatchResult] = {}
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        found: Iterable[BatchResult] = (analyse_one(path, detector) for path in paths)
        return _collected(found, results, progress)
    with ProcessPoolExecutor(workers, initializer=end_with_owner) as pool:
        return _collected(pool.map(analyse_one, paths, [detector] * len(paths), chunksize=1), results, progress)


def _collected(
    found: Iterable[BatchResult], results: dict[Path, BatchResult], progress: Callable[[BatchResult], None] | None
) -> dict[Path, BatchResult]:
    for result in found:
        results[result.path] = result
        if progress is not None:
            progress(result)
    return results


def analyse_one(path: Path, detector: ArtifactDetector) -> BatchResult:
    """The batch result of one file; foreseeable trouble becomes its ``error``."""
    try:
        analysis = detector.analyse_file(path)
    except NebuliftError as error:
        return BatchResult(path, None, (), None, str(error))
    return BatchResult(path, analysis.measurements, analysis.findings, analysis.score, None)
