"""The only place that stretches: from measured maps to what the network sees. Versioned; trainer and daemon share it.

Planes keep what a plain resize destroys: the maximum and minimum of each block show trails and hot pixels, line sums
show trails below the noise, the star list shows shapes and gaps that no reduced picture holds.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.cv_prefilter import Views
from nebulift.judgement import SessionContext
from nebulift.measurements import Measurements
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.streaks.local_lines import local_line_response

PREPROCESS_VERSION = 2  # raised with every change below; a model made for another version is refused
GRID = 128  # side of a plane: at 26 MP a block is 49 x 33 raw pixels
PLANES = (
    "background",  # asinh of sigma, median taken off
    "mean",  # of the clipped residual of a block, in its own standard error
    "maximum",  # of the residual, asinh of sigma
    "minimum",
    "lines",  # strongest short line through the block, in sigma
    "ellipticity_cos",  # mean of the stars nearby
    "ellipticity_sin",
    "density",  # of stars, logarithm over the frame's mean
)
CLIP_UNITS = 3 * UNITS_PER_SIGMA
STAR_CELLS = 16  # star shapes and density are drawn on so many cells a side, then smoothed


@dataclass(frozen=True, slots=True, eq=False)
class ModelInput:
    """``planes``: float32 (8, 128, 128) within about +-5; ``features``: float32 (len(FEATURES),); neither has NaN."""

    planes: NDArray[np.float32]
    features: NDArray[np.float32]


def model_input(views: Views, measured: Measurements, context: SessionContext | None) -> ModelInput:
    """What the network sees of a frame."""
    return ModelInput(planes_of(views), features_of(measured, context))


def planes_of(views: Views) -> NDArray[np.float32]:
    """The planes alone: they need no session, so they can be made before it is known."""
    flat = views.maps[0]
    level = cv2.resize(views.background.level, (GRID, GRID), interpolation=cv2.INTER_LINEAR)
    cos, sin, density = _star_planes(views)
    planes = np.stack(
        [
            np.arcsinh(level - np.median(level)) / 2.0,
            _block_mean(flat),
            np.arcsinh(_block_extreme(flat, np.maximum) / UNITS_PER_SIGMA) / 2.0,
            np.arcsinh(_block_extreme(flat, np.minimum) / UNITS_PER_SIGMA) / 2.0,
            np.arcsinh(local_line_response(views.maps, GRID) / 4.0),
            cos,
            sin,
            density,
        ]
    )
    return planes.astype(np.float32)


def _block_mean(flat: NDArray[np.int16]) -> NDArray[np.float32]:
    pixels = flat.size / GRID**2
    by_rows = _mean_rows(flat) if len(flat) > 2 * GRID else np.clip(flat, -CLIP_UNITS, CLIP_UNITS).astype(np.float32)
    mean = cv2.resize(by_rows, (GRID, GRID), interpolation=cv2.INTER_AREA) / UNITS_PER_SIGMA
    return np.asarray(np.arcsinh(mean * math.sqrt(pixels) / 4.0) / 2.0, dtype=np.float32)


def _mean_rows(flat: NDArray[np.int16]) -> NDArray[np.float32]:
    """Clipped area means of blocks of rows, shape (GRID, columns): what a resize does, in a fifth of its time.

    Sums of less than 680 clipped rows fit into int16; a row that two blocks share counts by its parts.
    """
    height, width = flat.shape
    edges = np.linspace(0.0, height, GRID + 1)
    lowest, highest = np.int16(-CLIP_UNITS), np.int16(CLIP_UNITS)  # of a type: numpy thinks long about Python's numbers
    means = np.empty((GRID, width), dtype=np.float32)
    for number, (top, bottom) in enumerate(pairwise(edges)):
        first, last = math.floor(top), min(math.ceil(bottom), height)
        rows = flat[first:last].clip(lowest, highest)
        means[number] = np.add.reduce(rows, axis=0, dtype=np.int16)
        means[number] -= np.float32(top - first) * rows[0] + np.float32(last - bottom) * rows[-1]
    return means * np.float32(GRID / height)


def _block_extreme(flat: NDArray[np.int16], extreme: np.ufunc) -> NDArray[np.float32]:
    """Greatest or smallest value of each block; frames smaller than the grid repeat pixels."""
    rows = np.linspace(0, flat.shape[0], GRID + 1).astype(np.intp)[:-1]
    columns = np.linspace(0, flat.shape[1], GRID + 1).astype(np.intp)[:-1]
    ends = np.maximum([*rows[1:], len(flat)], rows + 1)
    # row blocks one by one: ``reduceat`` along the first axis takes six times as long
    by_rows = np.stack([extreme.reduce(flat[top:end], axis=0) for top, end in zip(rows, ends, strict=True)])
    return np.asarray(extreme.reduceat(by_rows, columns, axis=1), dtype=np.float32)


def _star_planes(views: Views) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """(mean ellipticity cos, sin, logarithm of the relative density), each (GRID, GRID)."""
    height, width = views.shape_px
    shapes = views.stars.shapes
    ellipticity = shapes.ellipticity()
    weight = _on_cells(shapes.x_px / width, shapes.y_px / height, np.ones(len(shapes.x_px)))
    cos = _on_cells(shapes.x_px / width, shapes.y_px / height, ellipticity.real)
    sin = _on_cells(shapes.x_px / width, shapes.y_px / height, ellipticity.imag)
    count = _on_cells(views.stars.x_px / width, views.stars.y_px / height, np.ones(len(views.stars.x_px)))
    mean = max(float(count.mean()), 1e-3)
    density = np.log2((count + 0.5 * mean) / (1.5 * mean)) if count.any() else np.full_like(count, -1.5)
    weight = np.maximum(weight, 0.2)
    return _enlarged(cos / weight), _enlarged(sin / weight), _enlarged(density)


def _enlarged(cells: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(cells.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_LINEAR), np.float32)


def _on_cells(x: NDArray[np.floating], y: NDArray[np.floating], weight: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sums of ``weight`` on STAR_CELLS x STAR_CELLS cells, smoothed over neighbours; x and y within 0..1."""
    column = (x * STAR_CELLS).astype(np.intp).clip(0, STAR_CELLS - 1)
    row = (y * STAR_CELLS).astype(np.intp).clip(0, STAR_CELLS - 1)
    cells = np.bincount(row * STAR_CELLS + column, weight, STAR_CELLS**2).reshape(STAR_CELLS, STAR_CELLS)
    return np.asarray(cv2.GaussianBlur(cells.astype(np.float64), (5, 5), 1.0))


FEATURES = (
    "log_density",
    "has_shapes",
    "log_fwhm_px",
    "log_hfr_px",
    "elongation",
    "coherence",
    "donuts",
    "log_hot",
    "log_gradient",
    "log_patchiness",
    "log_vignetting",
    "streaks",
    "log_streak_snr",
    "log_streak_peak",
    "log_saturated",
    "dead",
    "row_banding",
    "column_banding",
    "missing",
    "missing_step",
    "is_all_sky",  # a model that never saw such a lens knows by this that it has nothing to say
    "has_session",
    "log_reference",
    "log_star_ratio",
    "log_fwhm_ratio",
    "log_elongation_ratio",
    "log_noise_ratio",
    "has_transparency",
    "log_transparency",
    "transparency_error",
    "has_extinction",
    "extinct_fraction",
    "absent_fraction",
    "has_sky_map",
    "brighter_fraction",
    "darker_fraction",
    "log_tilt",
    "shift_fraction",
    "lost_field",
)
ENOUGH_REFERENCE = 20  # clean frames: more make the comparison no surer
FIRST_OF_SESSION = FEATURES.index("has_session")  # from here on, features compare with the session


def features_of(measured: Measurements, context: SessionContext | None) -> NDArray[np.float32]:
    """The numbers of ``FEATURES``: logarithms where factors count; 0 and a flag where something was not measurable."""
    values = (*_of_frame(measured, context), *_of_session(context))
    return np.clip(np.array(values, dtype=np.float32), -10.0, 10.0)


def _of_frame(measured: Measurements, context: SessionContext | None) -> tuple[float, ...]:
    sky, stars, sensor, coverage = measured.sky, measured.stars, measured.sensor, measured.coverage
    static = context.static_trails if context else ()
    streaks = [streak for index, streak in enumerate(measured.streaks) if index not in static]
    best = max(streaks, key=lambda streak: streak.snr, default=None)
    # stars beside a row of flashes may take more from its sum than it holds: what is below nothing has no logarithm
    snr, peak_sigma = (max(best.snr, 0.0), max(best.peak_sigma, 0.0)) if best else (0.0, 0.0)
    return (
        math.log1p(stars.density_per_mpx),
        float(stars.fwhm_px is not None),
        _log(stars.fwhm_px),
        _log(stars.hfr_px),
        (stars.elongation or 1.0) - 1.0,
        stars.angle_coherence or 0.0,
        stars.donut_fraction or 0.0,
        math.log1p(stars.hot_pixels / max(measured.width_px * measured.height_px / 1e6, 1e-3)),
        math.log1p(sky.gradient_sigma),
        math.log1p(sky.patchiness_sigma),
        math.copysign(math.log1p(abs(sky.vignetting_sigma)), sky.vignetting_sigma),
        float(min(len(streaks), 4)),
        math.log1p(snr),
        math.log1p(peak_sigma),
        math.log1p(1e4 * measured.saturation.saturated_fraction),
        sensor.dead_fraction,
        sensor.row_banding_sigma,
        sensor.column_banding_sigma,
        coverage.missing_fraction if coverage else 0.0,
        math.copysign(math.log1p(abs(coverage.step_sigma)), coverage.step_sigma) if coverage else 0.0,
        float(sky.is_all_sky),
    )


def _of_session(context: SessionContext | None) -> tuple[float, ...]:
    if context is None:
        return (0.0,) * (len(FEATURES) - FIRST_OF_SESSION)
    return (
        float(context.noise_ratio is not None),  # it can be compared as soon as there is a reference
        math.log1p(min(context.reference_frames, ENOUGH_REFERENCE)),
        _log(context.star_ratio),
        _log(context.fwhm_ratio),
        _log(context.elongation_ratio),
        _log(context.noise_ratio),
        float(context.transparency is not None),
        _log(context.transparency),
        min(context.transparency_error or 0.0, 1.0),
        float(context.extinct_fraction is not None),
        context.extinct_fraction or 0.0,
        context.absent_fraction or 0.0,
        float(context.brighter_fraction is not None),
        context.brighter_fraction or 0.0,
        context.darker_fraction or 0.0,
        math.copysign(math.log1p(abs(context.tilt_sigma or 0.0)), context.tilt_sigma or 0.0),
        min(context.shift_fraction or 0.0, 2.0),
        float(context.lost_field),
    )


def _log(value: float | None) -> float:
    """Natural logarithm; 0 (= ratio 1) for what is unknown, at least -5."""
    return 0.0 if value is None else math.log(max(value, 0.0067))
