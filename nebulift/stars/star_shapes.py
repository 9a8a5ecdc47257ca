"""Shapes of the brightest unsaturated stars of a frame, from raw cut-outs where they are small, else from the map."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.scan import UNITS_PER_SIGMA, Scan
from nebulift.sky.background import Background, noise_at
from nebulift.stars.fluxes import circle_flux, core_flux, half_flux_radius
from nebulift.stars.glare import SATURATED_SHARE, Glare, free_of_glare
from nebulift.stars.moments import FWHM_PER_SIGMA, Shapes, half_maximum_masks, moments
from nebulift.stars.peaks import Peaks
from nebulift.stars.profile_fit import fit_profiles, weighted_median
from nebulift.stars.rings import alike, donuts, pooled_rings
from nebulift.stars.stamps import (
    BORDER_PX,
    Places,
    colours_at,
    green_filled,
    less_sky,
    map_stamps,
    raw_position,
    raw_stamps,
)

MEASURED_STARS = 250  # so many bright stars give the median FWHM to 1 %
FIRST_LOOK_STARS = 80  # tell how large the cut-outs must be
SHAPE_SNR = 15.0  # below, noise makes round stars elongated by more than 10 %
CUTOUT_FWHM = 2.5  # radius: what lies beyond is sky for all but 1 to 5 % of a star's light
REACH_FWHM, REACH_PX = 1.0, 2.0  # of the pixels of a fit: peaks of the map lie up to a pixel and a half off
RAW_FWHM_PX = 8.0  # as the map shows them: wider images are measured on the map: they lose nothing there
RAW_ELONGATION = 2.6  # beyond, an image is a trail without a core: second moments instead of a core fit
SURELY_RESOLVED = 0.9  # of what the map can hold: the sky has been taken from it
CORE_HALF = 3  # pixels about the peak in which a saturated one is of this star
MANY_DONUTS = 0.2  # of the images: of fewer holes noise made some, and the images have cores
MOST_DONUTS = 0.8  # of the images: of fewer the median of all is asked, too
GROWTH_STARS, MIN_GROWTH_STARS = 10, 3
GROWTH_FWHM = 1.5  # within: nine tenths of the light and more
GROWTH_QUANTILE = 0.3  # neighbours, galaxies, nebulae and flattened cores all add to what lies beyond a core
GROWTH_LIMITS = (0.7, 3.0)  # beyond, the bright ones are no stars
NARROWEST_PX = 2.0  # a profile that falls between pixels has no width of its own
NOISE_MEDIAN = 2.0 * np.log(2.0)  # of the square of a vector with two normal components of variance 1
NARROWEST_STAR_PX = 1.1  # pixels make 1.3 of a FWHM of 1, and 1 of a point: that is a hot pixel
MASK_BLUR_PX = 2.4  # what the masks at half maximum are wider in quadrature: filter, map pixel, peaks between pixels
NARROWEST_MAP_PX = 0.8
MOST_WEIGHT = 5.0  # of the median star's
OUTLIER_FACTOR = 2.0  # galaxies, blends and cosmic rays are wider or narrower than the frame's median by more


@dataclass(frozen=True, slots=True, eq=False)
class StarShapes:
    """One row a measured star, in raw pixels; no NaN but in ``hfr_px`` and ``flux_adu``."""

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    fwhm_px: NDArray[np.float64]
    hfr_px: NDArray[np.float64]
    elongation: NDArray[np.float64]  # as it shows: noise lengthens round stars
    angle_deg: NDArray[np.float64]
    is_donut: NDArray[np.bool_]
    flux_adu: NDArray[np.float64]  # total, whatever the seeing
    ellipticity_variance: NDArray[np.float64]  # noise's share in the square of either component of ``ellipticity``

    def ellipticity(self) -> NDArray[np.complex128]:
        """(a^2 - b^2) / (a^2 + b^2) as the length of a vector at twice the angle of the major axis."""
        square = self.elongation**2
        return np.asarray((square - 1.0) / (square + 1.0) * np.exp(2j * np.radians(self.angle_deg)))

    def mean_ellipticity(self) -> complex:
        """Mean vector: long when all stars are drawn out the same way, short when each goes its own."""
        return complex(self.ellipticity().mean())

    def scatter(self) -> float:
        """Median distance of the ellipticity vectors from their median: 0 when all images are alike."""
        vectors = self.ellipticity()
        middle = np.median(vectors.real) + 1j * np.median(vectors.imag)
        return float(np.median(np.abs(vectors - middle)))

    def typical_elongation(self) -> float:
        """Median elongation less what noise makes of it; 1 when all of it is noise. ``ValueError`` without a star.

        Noise turns the ellipticity of a round star into a vector of two normal components; half of such vectors are
        shorter than sqrt(2 ln 2) of their standard deviation.
        """
        if len(self.elongation) == 0:
            raise ValueError("no star, no elongation")
        noise = NOISE_MEDIAN * self.ellipticity_variance
        square = max(float(np.median(np.abs(self.ellipticity()) ** 2 - noise)), 0.0)
        return float(np.sqrt((1.0 + square**0.5) / (1.0 - square**0.5)))


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """Stars as found: peaks on one map of the pyramid, brightest first."""

    peaks: Peaks
    level: int
    large: NDArray[np.float32]  # raw cut-outs of the first of them, as far as they are at hand


def measure_shapes(
    frame: Frame,
    scan: Scan,
    background: Background,
    glare: Glare,
    stars: Detected,
    ceiling_adu: float | None,
) -> StarShapes:
    """Shapes of up to 250 stars."""
    maps, level, peaks = glare.maps, stars.level, stars.peaks
    scale = scan.bin_px * 2**level
    height = maps[level][peaks.y.astype(int), peaks.x.astype(int)]
    resolved = peaks.snr >= SHAPE_SNR
    below = resolved & (height < glare.top_units)
    known = glare
    if level == 0 or below.any():
        resolved = below
    else:  # a coarse map holds no more than a fine one: there, where they are measured, they may be whole
        known = replace(glare, top_units=np.inf)
    chosen, look = free_of_glare(
        known, level, peaks, np.flatnonzero(resolved), most=MEASURED_STARS, first=FIRST_LOOK_STARS
    )
    if len(chosen) == 0:
        nothing = np.empty(0)
        return StarShapes(*(nothing,) * 6, np.empty(0, dtype=bool), nothing, nothing)
    x, y = peaks.x[chosen], peaks.y[chosen]
    seen, is_trail = _width_and_trail(look, peaks.snr[chosen])
    x_px, y_px = raw_position(x, scale).astype(np.float64), raw_position(y, scale).astype(np.float64)
    if scale * seen > RAW_FWHM_PX or is_trail:
        x_map, y_map = (x_px + 0.5) / scan.bin_px - 0.5, (y_px + 0.5) / scan.bin_px - 0.5
        local = noise_at(background, x_map, y_map)
        whole = _unclipped(maps[0], x_map, y_map, SURELY_RESOLVED * glare.top_units / local)
        x_px, y_px, chosen, local = x_px[whole], y_px[whole], chosen[whole], local[whole]
        fine = _from_map(maps, scan, x_px, y_px, scale * seen, is_trail)
        fine = replace(fine, flux_adu=fine.flux_adu * local)  # the map is in the noise of each place
    else:
        typical = scale * float(np.sqrt(max(seen**2 - MASK_BLUR_PX**2, NARROWEST_MAP_PX**2)))
        half = int(np.ceil(CUTOUT_FWHM * typical)) + BORDER_PX + 1
        stamps = _cropped(stars.large, chosen, half)
        if stamps is None:
            (stamps,) = raw_stamps(frame, Places(x_px, y_px, half))
        whole = _unsaturated(stamps, ceiling_adu)
        stamps, x_px, y_px, chosen = stamps[whole], x_px[whole], y_px[whole], chosen[whole]
        fine = _from_raw(stamps, scan.raw_noise_adu, (x_px, y_px), typical, frame.exposure.bayer)
    return _without_outliers(fine, peaks.snr[chosen])


def _cropped(large: NDArray[np.float32], chosen: NDArray[np.intp], half: int) -> NDArray[np.float32] | None:
    """Of the cut-outs at hand the inner ``half`` of those chosen; ``None`` where some are missing or too small."""
    spare = large.shape[1] // 2 - half
    if spare < 0 or chosen[-1] >= len(large):
        return None
    inner = slice(spare, large.shape[1] - spare)
    return large[chosen, inner, inner]


def _unsaturated(stamps: NDArray[np.float32], ceiling_adu: float | None) -> NDArray[np.bool_]:
    """Which raw cut-outs have no pixel near the ceiling about their middle: a mean of four pixels hides a single one,
    and the clipped light of undersampled stars changes with every shift by half a pixel.
    """
    if ceiling_adu is None:
        return np.ones(len(stamps), dtype=bool)
    middle = stamps.shape[1] // 2
    core = slice(middle - CORE_HALF, middle + CORE_HALF + 1)
    return np.asarray(np.fmax.reduce(stamps[:, core, core], axis=(1, 2)) < SATURATED_SHARE * ceiling_adu)


def _unclipped(
    finest: NDArray[np.int16], x: NDArray[np.float64], y: NDArray[np.float64], top_units: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which stars stay below the height that the finest map can hold: means of its pixels hide that one was clipped.

    All, where none does.
    """
    tops = np.fmax.reduce(map_stamps(finest, x, y, CORE_HALF), axis=(1, 2))
    below = np.asarray(tops < top_units)
    return below if below.any() else ~below


def _width_and_trail(look: Shapes, snr: NDArray[np.float32]) -> tuple[float, bool]:
    """(FWHM of the brightest; whether they are trails)."""
    known = look.elongation[np.isfinite(look.elongation)]
    width = weighted_median(look.fwhm, _weights(snr[: len(look.fwhm)]))
    return width, len(known) > 0 and float(np.median(known)) > RAW_ELONGATION


def _weights(snr: NDArray[np.float32]) -> NDArray[np.float32]:
    """The S/N, within bounds: a single burnt-out star must not speak for the frame."""
    return np.minimum(snr, MOST_WEIGHT * np.median(snr)).astype(np.float32)


def _from_raw(
    stamps: NDArray[np.float32],
    noise_adu: float,
    at_px: tuple[NDArray[np.float64], NDArray[np.float64]],
    fwhm_px: float,
    bayer: str | None,
) -> StarShapes:
    colours = colours_at(bayer, *at_px, stamps.shape[1] // 2)
    above = less_sky(stamps, colours)
    shapes = fit_profiles(above, REACH_FWHM * fwhm_px + REACH_PX, noise_adu, colours)
    whole = above if colours is None else green_filled(above, colours == 0)
    hfr = half_flux_radius(whole, shapes.x, shapes.y)
    no_donut = np.zeros(len(above), dtype=bool)
    flux = _fluxes(above, shapes)  # of all colours, as on the map: its cells hold a mean of them
    return _star_shapes(shapes, hfr, no_donut, flux, (np.rint(at_px[0]), np.rint(at_px[1])), 1.0)


def _from_map(
    maps: list[NDArray[np.int16]],
    scan: Scan,
    x_px: NDArray[np.float64],
    y_px: NDArray[np.float64],
    fwhm_px: float,
    is_trail: bool,
) -> StarShapes:
    """Shapes on the finest map where images are at most 14 pixels wide: holes of rings still show, noise is less."""
    level = int(np.clip(np.ceil(np.log2(max(fwhm_px / scan.bin_px / 14.0, 1.0))), 0, len(maps) - 1))
    scale = scan.bin_px * 2**level
    half = int(np.clip(np.ceil(2.2 * fwhm_px / scale), 8, 32)) * (2 if is_trail else 1)
    x, y = (x_px + 0.5) / scale - 0.5, (y_px + 0.5) / scale - 0.5
    stamps = np.nan_to_num(less_sky(map_stamps(maps[level], x, y, half)))
    is_donut, width = donuts(stamps, fwhm_px / scale)
    is_donut &= alike(width, is_donut)
    if is_donut.mean() < MOST_DONUTS:
        like, pooled_width = pooled_rings(stamps, fwhm_px / scale)
        width = np.where(like & ~is_donut, pooled_width, width)
        is_donut |= like
    masks = half_maximum_masks(stamps)
    shapes = moments(stamps, masks)
    if not is_trail and is_donut.mean() < MANY_DONUTS:
        shapes = fit_profiles(stamps, 1.4 * fwhm_px / scale, UNITS_PER_SIGMA)
        wider = FWHM_PER_SIGMA**2 * (1.0 - 1.0 / scale**2) / 12.0  # by gathering over a map pixel, not over a raw one
        shapes = replace(shapes, fwhm=np.sqrt(np.maximum(shapes.fwhm**2 - wider, 0.0)))
    else:
        # a ring or a trail has no core: the width is that of the area above half maximum, holes filled
        area = np.maximum(masks.sum(axis=(1, 2)), 1)
        fwhm = np.where(is_donut, width, 2.0 * np.sqrt(area / np.pi))
        shapes = replace(shapes, fwhm=fwhm)
    hfr = half_flux_radius(stamps, shapes.x, shapes.y)
    adu = scan.sigma_adu / UNITS_PER_SIGMA / 2**level * scale**2  # of one unit of one map pixel
    flux = _fluxes(stamps, shapes) * adu
    return _star_shapes(shapes, hfr, is_donut, flux, (np.rint(x), np.rint(y)), float(scale))


def _fluxes(stamps: NDArray[np.float32], shapes: Shapes) -> NDArray[np.float64]:
    """Total light of each star: of its core, times what the bright stars of the frame have beyond theirs.

    The wings are the same for all stars of a frame and too noisy in the faint ones (aperture correction; Stetson 1990,
    PASP 102, 932).
    """
    known = shapes.fwhm[np.isfinite(shapes.fwhm) & (shapes.fwhm > 0.0)]
    fwhm = max(float(np.median(known)), NARROWEST_PX) if len(known) else NARROWEST_PX
    core = core_flux(stamps, shapes.x, shapes.y, fwhm)
    bright = np.argsort(-np.nan_to_num(core))[:GROWTH_STARS]
    bright = bright[np.nan_to_num(core[bright]) > 0.0]
    if len(bright) < MIN_GROWTH_STARS:
        return core
    reach = min(GROWTH_FWHM * fwhm, stamps.shape[1] // 2)
    whole = circle_flux(stamps[bright], shapes.x[bright], shapes.y[bright], reach)
    # one star far brighter than all others must not decide: near full wells its core is flattened
    weight = np.minimum(core[bright], core[bright[MIN_GROWTH_STARS - 1]])
    growth = weighted_median(whole / core[bright], weight, GROWTH_QUANTILE)
    return np.asarray(core * np.clip(growth, *GROWTH_LIMITS))


def _star_shapes(
    shapes: Shapes,
    hfr: NDArray[np.float64],
    is_donut: NDArray[np.bool_],
    flux: NDArray[np.float64],
    middle: tuple[NDArray[np.float64], NDArray[np.float64]],
    scale: float,
) -> StarShapes:
    x, y = middle
    offset = (scale - 1) / 2.0
    return StarShapes(
        (x + shapes.x) * scale + offset,
        (y + shapes.y) * scale + offset,
        shapes.fwhm * scale,
        hfr * scale,
        shapes.elongation,
        shapes.angle_deg,
        is_donut,
        flux,
        shapes.ellipticity_variance,
    )


def _without_outliers(shapes: StarShapes, snr: NDArray[np.float32]) -> StarShapes:
    good = np.isfinite(shapes.fwhm_px) & np.isfinite(shapes.elongation) & np.isfinite(shapes.angle_deg)
    good &= np.nan_to_num(shapes.fwhm_px) > NARROWEST_STAR_PX
    if good.any():
        middle = weighted_median(shapes.fwhm_px[good], _weights(snr[good]))
        good &= (shapes.fwhm_px < OUTLIER_FACTOR * middle) & (shapes.fwhm_px > middle / OUTLIER_FACTOR)
    return StarShapes(*(getattr(shapes, name)[good] for name in StarShapes.__slots__))
