"""The star list of a frame: which peaks are stars, how many, how wide, how round, which way they point.

Peaks are sought on a pyramid of means, at the scale where the frame's own stars stand out best, so that a donut of
60 pixels is one star and not a ring of noise peaks. Single raw pixels that stand out alone are hot pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.measurements import Stars
from nebulift.scan import UNITS_PER_SIGMA, Scan
from nebulift.sky import Background
from nebulift.stars.detection_scale import best_level, level_of_most_light, without_pixels
from nebulift.stars.field_form import UNKNOWN, FieldForm, field_form
from nebulift.stars.glare import free_of_glare, glare_of
from nebulift.stars.lines import lines_among
from nebulift.stars.moments import FWHM_PER_SIGMA
from nebulift.stars.one_image import further_peaks
from nebulift.stars.peak_test import TESTED_PEAKS, border_level, sort_peaks
from nebulift.stars.peaks import Peaks, find_peaks, pyramid, smoothed_noise
from nebulift.stars.stamps import map_stamps, raw_position
from nebulift.stars.standing import standing
from nebulift.stars.star_shapes import SHAPE_SNR, Detected, StarShapes, measure_shapes
from nebulift.stars.steps import ASKED_SNR, on_step

LIMIT_SIGMA = 5.0
SCALE_VOTERS = 24  # peaks that belong to no burnt-out star, of which the scale is asked
TOO_FINE_PX, FITTING_PX = 8.0, 3.0  # widths of images on the map they are sought on
BROAD_PX = 3.8  # FWHM on the map: standing.STAR_WIDTHS end at 3.4, pixels included; wider ones are taken for knots
FEW_SHAPES = 0.3  # of the stars
MIN_IMAGES = 5  # of fewer the number says nothing
PYRAMID_LEVELS = 4  # the coarsest pixel is 16 raw pixels: a donut of 100 pixels is then 6 wide


@dataclass(frozen=True, slots=True, eq=False)
class StarList:
    """All stars, brightest first, in raw pixels; ``shapes`` of the brightest unsaturated ones."""

    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]
    snr: NDArray[np.float32]  # of the peak, at the scale of detection
    scale_px: int  # raw pixels along one map pixel at that scale
    hot_pixels: int
    line_like: NDArray[np.bool_]  # drawn out to a line that leaves the neighbourhood: perhaps a piece of a trail
    shapes: StarShapes
    form: FieldForm = UNKNOWN
    limiting_flux_adu: float | None = None  # of a star at five times the noise within its matched area


def find_stars(
    frame: Frame, scan: Scan, background: Background, maps: list[NDArray[np.int16]], ceiling_adu: float | None
) -> StarList:
    """The star list. ``maps``: ``peaks.pyramid`` of the scan less its background; ``ceiling_adu``: where pixels
    saturate.
    """
    noise = smoothed_noise(maps[0])
    fine = find_peaks(maps[0], noise=noise)
    test = sort_peaks(frame, scan, fine, ceiling_adu)
    hot = fine.x[test.hot], fine.y[test.hot]
    stand = test.star & ~test.on_trail
    with without_pixels(maps[0], *hot) as calm:
        stand[:TESTED_PEAKS] &= standing(calm, fine, TESTED_PEAKS)
        doubtful = np.flatnonzero(stand & ~test.firm & (fine.snr >= ASKED_SNR))[:TESTED_PEAKS]
        stand[doubtful] &= ~on_step(calm, fine.x[doubtful], fine.y[doubtful])
    glare = glare_of(scan, background, maps, ceiling_adu)
    firm = np.flatnonzero(test.firm & ~test.on_trail)
    free, _ = free_of_glare(glare, 0, fine, firm, most=SCALE_VOTERS, first=SCALE_VOTERS)
    level = best_level(maps, Peaks(fine.x[free], fine.y[free], fine.snr[free]), noise)
    if level != 0:
        with without_pixels(maps[0], *hot) as calm:
            clean = pyramid(calm, len(maps))
            level = level_of_most_light(clean) if level is None else level
    if level > 0:
        found = _coarse_stars(clean, level)
    else:
        stars = Peaks(fine.x[stand], fine.y[stand], fine.snr[stand])
        found = _own_peaks(maps[0], stars, test.line_like[stand], test.large[stand[: len(test.large)]])
    shapes_of = partial(measure_shapes, frame, scan, background, glare, ceiling_adu=ceiling_adu)
    found, shapes = _with_shapes(found, maps, hot, scan.bin_px, shapes_of)
    peaks, scale = found.stars.peaks, scan.bin_px * 2**found.stars.level
    return StarList(
        raw_position(peaks.x, scale),
        raw_position(peaks.y, scale),
        peaks.snr,
        scale,
        int(test.hot.sum()),
        found.line_like,
        shapes,
        field_form(shapes, frame.shape),
        limiting_flux(shapes, scan.raw_noise_adu),
    )


def limiting_flux(shapes: StarShapes, raw_noise_adu: float) -> float | None:
    """Total ADU of a star that stands 5 sigma above the noise in its matched area of 4 pi (FWHM / 2.355)^2 pixels.

    That is the noise-equivalent area of a normal profile (King 1983, PASP 95, 163); ``None`` without a width.
    """
    if len(shapes.fwhm_px) == 0:
        return None
    sigma_px = float(np.median(shapes.fwhm_px)) / FWHM_PER_SIGMA
    return float(LIMIT_SIGMA * raw_noise_adu * (4.0 * np.pi) ** 0.5 * sigma_px)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Stars, and which of them look like lines."""

    stars: Detected
    line_like: NDArray[np.bool_]


def _own_peaks(
    level_map: NDArray[np.int16], stars: Peaks, line_like: NDArray[np.bool_], large: NDArray[np.float32], level: int = 0
) -> _Found:
    """One peak for each image, where other stars speak for the frame: not on a planet, or one star out of focus."""
    own = ~further_peaks(level_map, stars.x, stars.y)
    if np.count_nonzero(own & (stars.snr >= SHAPE_SNR)) < MIN_IMAGES:
        own[:] = True
    peaks = Peaks(stars.x[own], stars.y[own], stars.snr[own])
    return _Found(Detected(peaks, level, large[own[: len(large)]]), line_like[own])


def _with_shapes(
    found: _Found,
    maps: list[NDArray[np.int16]],
    hot: tuple[NDArray[np.float32], NDArray[np.float32]],
    bin_px: int,
    shapes_of: Callable[..., StarShapes],
) -> tuple[_Found, StarShapes]:
    """The stars and their shapes, by a coarser map than they were found on where few have any and it fits them."""

    def coarse(level: int) -> _Found:
        with without_pixels(maps[0], *hot) as calm:
            return _coarse_stars(pyramid(calm, len(maps)), level)

    level, shapes = found.stars.level, shapes_of(stars=found.stars)
    if len(shapes.fwhm_px) == 0:
        return found, shapes
    width_px = float(np.median(shapes.fwhm_px)) / (bin_px * 2**level)
    more = _coarser_if_more(found, width_px, coarse) if level + 1 < len(maps) else None
    if more is not None:
        return more, shapes_of(stars=more.stars)
    fitting = _fitting_level(width_px, level, len(maps))
    if fitting == level or len(shapes.fwhm_px) > FEW_SHAPES * len(found.line_like):
        return found, shapes
    coarser = coarse(fitting)
    again = shapes_of(stars=coarser.stars)
    is_better = len(again.fwhm_px) >= max(len(shapes.fwhm_px) + 1, MIN_IMAGES)
    return (coarser, again) if is_better else (found, shapes)


def _coarser_if_more(found: _Found, width_px: float, coarse: Callable[[int], _Found]) -> _Found | None:
    """The stars of the next coarser map, where images of ``width_px`` on their own are nearly too wide for it and more
    are found there: in a crowd the finest map that separates the bright ones does not find the faint.
    """
    if not BROAD_PX <= width_px <= TOO_FINE_PX:
        return None
    coarser = coarse(found.stars.level + 1)
    return coarser if len(coarser.line_like) > len(found.line_like) else None


def _fitting_level(width_px: float, level: int, levels: int) -> int:
    """The level on which images of the measured width are as wide as those of stars should be, where ``level`` is much
    too fine: in a crowd what lies between rings is as bright as they are on coarse maps, and fine ones stand out.
    """
    return min(level + round(float(np.log2(width_px / FITTING_PX))), levels - 1) if width_px > TOO_FINE_PX else level


def _coarse_stars(clean: list[NDArray[np.int16]], level: int) -> _Found:
    """The peaks of a coarse map but for pieces of bright trails."""
    level_map = clean[level]
    peaks = find_peaks(level_map)
    nothing = np.empty((0, 1, 1), dtype=np.float32)
    n = min(len(peaks.x), TESTED_PEAKS)
    if n == 0:
        return _Found(Detected(peaks, level, nothing), np.zeros(0, dtype=bool))
    stamps = map_stamps(level_map, peaks.x[:n], peaks.y[:n], 4)
    above = np.nan_to_num(stamps - border_level(stamps, UNITS_PER_SIGMA))
    line_like, star = np.zeros(len(peaks.x), dtype=bool), np.ones(len(peaks.x), dtype=bool)
    line_like[:n], on_trail = lines_among(above, above[:, 3:6, 3:6].max(axis=(1, 2)), UNITS_PER_SIGMA, peaks)
    star[:n] = standing(level_map, peaks, TESTED_PEAKS) & ~on_trail
    return _own_peaks(level_map, Peaks(peaks.x[star], peaks.y[star], peaks.snr[star]), line_like[star], nothing, level)


def summarise(stars: StarList, megapixels: float, pixel_scale_arcsec: float | None) -> Stars:
    """The numbers of the star list; shapes are medians over the measured stars, ``None`` without any."""
    shapes = stars.shapes
    count = len(stars.x_px)
    box = float(np.ptp(stars.x_px) * np.ptp(stars.y_px)) / (megapixels * 1e6) if count else None
    brightest = float(stars.snr.max()) if count else None
    if len(shapes.fwhm_px) == 0:
        nothing = Stars(count, count / megapixels, 0, *(None,) * 7, stars.hot_pixels)
        return replace(nothing, field_fraction=box, brightest_snr=brightest)
    fwhm = float(np.median(shapes.fwhm_px))
    hfr = shapes.hfr_px[np.isfinite(shapes.hfr_px)]
    mean = shapes.mean_ellipticity()
    return Stars(
        count=count,
        density_per_mpx=count / megapixels,
        measured=len(shapes.fwhm_px),
        fwhm_px=fwhm,
        fwhm_arcsec=fwhm * pixel_scale_arcsec if pixel_scale_arcsec else None,
        hfr_px=float(np.median(hfr)) if len(hfr) else None,
        elongation=shapes.typical_elongation(),
        angle_deg=float(np.degrees(np.angle(mean)) / 2.0 % 180.0),
        angle_coherence=float(abs(mean) / max(np.abs(shapes.ellipticity()).mean(), 1e-9)),
        donut_fraction=float(shapes.is_donut.mean()),
        hot_pixels=stars.hot_pixels,
        fwhm_tilt=stars.form.fwhm_tilt,
        fwhm_tilt_angle_deg=stars.form.fwhm_tilt_angle_deg,
        fwhm_curvature=stars.form.fwhm_curvature,
        radial_coherence=stars.form.radial_coherence,
        limiting_flux_adu=stars.limiting_flux_adu,
        shape_scatter=shapes.scatter(),
        spread_fwhm=float(max(np.ptp(shapes.x_px), np.ptp(shapes.y_px))) / fwhm,
        field_fraction=box,
        brightest_snr=brightest,
    )
