"""Shapes of the brightest unsaturated stars of a frame, from raw cut-outs where they are small, else from the map."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.scan import UNITS_PER_SIGMA, Scan
from nebulift.stars.cores import FWHM_PER_SIGMA, Shapes, circle_flux, core_flux, fit_cores, half_flux_radius, moments
from nebulift.stars.peaks import Peaks
from nebulift.stars.stamps import map_stamps, raw_stamps

MEASURED_STARS = 250  # so many bright stars give the median FWHM to 1 %
SHAPE_SNR = 15.0  # below, noise makes round stars elongated by more than 10 %
COARSE_HALF = 12  # half side of the first cut-out, in pixels of the scale of detection
RAW_FWHM_PX = 8.0  # wider images are measured on the map: they lose nothing there
RAW_ELONGATION = 2.2  # beyond, an image is a trail without a core: second moments instead of a core fit
SATURATED_SHARE = 0.85  # of the ceiling: above, converters are no longer linear
DONUT_MIN_FWHM_PX = 6.0  # smaller images do not show their middle
DONUT_DIP = 0.15  # the middle is darker than the ring by this share; seeing fills holes that are smaller
DONUT_REACH = 1.2  # of the width: from a peak on the ring its far side is one width away
MANY_DONUTS = 0.2  # of the images: of fewer holes noise made some, and the images have cores
DONUT_SPREAD = 0.3  # rings of one frame differ by so little in width
GROWTH_STARS, MIN_GROWTH_STARS = 10, 3
GROWTH_FWHM = 1.5  # within: nine tenths of the light and more
GROWTH_LIMITS = (0.7, 3.0)  # beyond, the bright ones are no stars
NARROWEST_PX = 2.0  # a profile that falls between pixels has no width of its own
OUTLIER_FACTOR = 2.0  # galaxies, blends and cosmic rays are wider or narrower than the frame's median by more


@dataclass(frozen=True, slots=True, eq=False)
class StarShapes:
    """One row a measured star, in raw pixels; no NaN but in ``hfr_px`` and ``flux_adu``."""

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    fwhm_px: NDArray[np.float64]
    hfr_px: NDArray[np.float64]
    elongation: NDArray[np.float64]
    angle_deg: NDArray[np.float64]
    is_donut: NDArray[np.bool_]
    flux_adu: NDArray[np.float64]  # total, whatever the seeing

    def ellipticity(self) -> NDArray[np.complex128]:
        """(a^2 - b^2) / (a^2 + b^2) as the length of a vector at twice the angle of the major axis."""
        square = self.elongation**2
        return np.asarray((square - 1.0) / (square + 1.0) * np.exp(2j * np.radians(self.angle_deg)))

    def mean_ellipticity(self) -> complex:
        """Mean vector: long when all stars are drawn out the same way, short when each goes its own."""
        return complex(self.ellipticity().mean())


def measure_shapes(
    frame: Frame,
    scan: Scan,
    maps: list[NDArray[np.int16]],
    stars: Peaks,
    level: int,
    ceiling_adu: float | None,
) -> StarShapes:
    """Shapes of up to 250 stars. ``stars`` are peaks on ``maps[level]``."""
    level_map, scale = maps[level], scan.bin_px * 2**level
    height = level_map[stars.y.astype(int), stars.x.astype(int)]
    chosen = np.flatnonzero((stars.snr >= SHAPE_SNR) & (height < _top_units(scan, ceiling_adu)))[:MEASURED_STARS]
    if len(chosen) == 0:
        nothing = np.empty(0)
        return StarShapes(nothing, nothing, nothing, nothing, nothing, nothing, np.empty(0, dtype=bool), nothing)
    x, y = stars.x[chosen], stars.y[chosen]
    stamps = _above_border(map_stamps(level_map, x, y, COARSE_HALF))
    masks = half_maximum_masks(stamps)
    coarse = moments(stamps, masks)
    fwhm_px = 2.0 * np.sqrt(masks.sum(axis=(1, 2)) / np.pi) * scale
    typical = weighted_median(fwhm_px, stars.snr[chosen])
    is_trail = float(np.nanmedian(coarse.elongation)) > RAW_ELONGATION
    x_px, y_px = (x * scale + (scale - 1) / 2.0).astype(np.float64), (y * scale + (scale - 1) / 2.0).astype(np.float64)
    if typical > RAW_FWHM_PX or is_trail:
        fine = _from_map(maps, scan, x_px, y_px, typical, is_trail)
    else:
        fine = _from_raw(frame, scan.raw_noise_adu, x_px, y_px, typical)
    return _without_outliers(fine, stars.snr[chosen])


def _above_border(stamps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut-outs less the median of their border: a star on a nebula must not be measured with the nebula."""
    border = np.ones(stamps.shape[1:], dtype=bool)
    border[2:-2, 2:-2] = False
    sky = np.nan_to_num(np.nanmedian(stamps[:, border], axis=1))
    return np.asarray(np.nan_to_num(stamps - sky[:, None, None]), dtype=np.float32)


def _top_units(scan: Scan, ceiling_adu: float | None) -> float:
    """Height in map units above which a star's core cannot be trusted."""
    resolved = float(np.iinfo(np.int16).max - 256)
    if ceiling_adu is None:
        return resolved
    return min((SATURATED_SHARE * ceiling_adu - scan.zero_adu) / scan.sigma_adu * UNITS_PER_SIGMA, resolved)


def half_maximum_masks(stamps: NDArray[np.float32]) -> NDArray[np.bool_]:
    """For each cut-out the pixels above half of its middle's height that hang together with the middle."""
    half = stamps.shape[1] // 2
    smooth = np.stack([cv2.GaussianBlur(stamp, (3, 3), 0.85) for stamp in stamps]) if len(stamps) else stamps
    middle = smooth[:, half - 1 : half + 2, half - 1 : half + 2].max(axis=(1, 2))
    above = (smooth > 0.5 * middle[:, None, None]).astype(np.uint8)
    masks = np.zeros(stamps.shape, dtype=bool)
    for mask, binary in zip(masks, above, strict=True):
        _, labels = cv2.connectedComponents(binary, connectivity=4)
        own = labels[half, half]
        mask[:] = labels == own if own else False
    return masks


def _from_raw(
    frame: Frame, noise_adu: float, x_px: NDArray[np.float64], y_px: NDArray[np.float64], fwhm_px: float
) -> StarShapes:
    half = int(np.clip(np.ceil(2.2 * fwhm_px), 7, 20))
    stamps = raw_stamps(frame, x_px, y_px, half)
    colours = _colours(frame.exposure.bayer, x_px, y_px, half)
    above = _less_sky(stamps, colours)
    shapes = fit_cores(above, max(1.4 * fwhm_px, 2.9), noise_adu, colours)
    whole = above if colours is None else _green_filled(above, colours == 0)
    hfr = half_flux_radius(whole, shapes.x, shapes.y)
    no_donut = np.zeros(len(stamps), dtype=bool)
    flux = _fluxes(whole, shapes)
    return _star_shapes(shapes, hfr, no_donut, flux, (np.rint(x_px), np.rint(y_px)), 1.0)


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
    stamps = _above_border(map_stamps(maps[level], x, y, half))
    is_donut, width = donuts(stamps, fwhm_px / scale)
    is_donut &= _alike(width, is_donut)
    masks = half_maximum_masks(stamps)
    shapes = moments(stamps, masks)
    if not is_trail and is_donut.mean() < MANY_DONUTS:
        shapes = fit_cores(stamps, 1.4 * fwhm_px / scale, UNITS_PER_SIGMA)
        wider = FWHM_PER_SIGMA**2 * (1.0 - 1.0 / scale**2) / 12.0  # by gathering over a map pixel, not over a raw one
        shapes = replace(shapes, fwhm=np.sqrt(np.maximum(shapes.fwhm**2 - wider, 0.0)))
    else:
        # a ring or a trail has no core: the width is that of the area above half maximum, holes filled
        area = np.maximum(masks.sum(axis=(1, 2)), 1)
        fwhm = np.where(is_donut, width, 2.0 * np.sqrt(area / np.pi))
        shapes = Shapes(shapes.x, shapes.y, fwhm, shapes.elongation, shapes.angle_deg)
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
    growth = weighted_median(whole / core[bright], core[bright])
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
    )


def donuts(stamps: NDArray[np.float32], fwhm: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """(which images are darker in the middle than in a ring around it, outer width at half of the ring's height)."""
    n, side, _ = stamps.shape
    half = side // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    # the middle of a ring is the centroid of all its light, not its brightest pixel; what lies farther is a neighbour
    own = np.where(np.hypot(x, y) <= DONUT_REACH * fwhm, stamps, 0.0)
    flux = np.where(own > 0.3 * np.quantile(own.reshape(n, -1), 0.98, axis=1)[:, None, None], own, 0.0)
    total = np.maximum(flux.sum(axis=(1, 2)), 1e-9)
    x0, y0 = (flux * x).sum(axis=(1, 2)) / total, (flux * y).sum(axis=(1, 2)) / total
    radius = np.hypot(x - x0[:, None, None], y - y0[:, None, None])
    profile = np.stack([_ring_mean(stamps, radius, r) for r in np.arange(half)], axis=1)
    ring = profile.max(axis=1)
    middle = profile[:, 0]
    outside = profile < 0.5 * ring[:, None]
    outside[np.arange(half) <= profile.argmax(axis=1)[:, None]] = False
    width = 2.0 * np.where(outside.any(axis=1), _crossing(profile, 0.5 * ring, outside.argmax(axis=1)), half)
    dark = (ring - middle) > DONUT_DIP * ring
    return dark & (ring > 3 * UNITS_PER_SIGMA) & (width > 4.0) & (fwhm > 2.0), width


def _crossing(profile: NDArray[np.float64], level: NDArray[np.float64], after: NDArray[np.intp]) -> NDArray[np.float64]:
    """Radius at which each profile falls to ``level``, linear between its first point ``after`` and the one before."""
    rows = np.arange(len(profile))
    before = np.maximum(after - 1, 0)
    high, low = profile[rows, before], profile[rows, after]
    share = (high - level) / np.where(high > low, high - low, 1.0)
    return np.asarray(before + np.clip(share, 0.0, 1.0))


def _alike(width: NDArray[np.float64], is_donut: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True where a ring is as wide as the frame's other rings: defocus makes all alike, clouds and nebulae do not."""
    typical = float(np.median(width[is_donut])) if is_donut.any() else 0.0
    near = np.abs(width - typical) <= DONUT_SPREAD * typical
    return near if (near & is_donut).sum() >= 0.6 * is_donut.sum() else np.zeros_like(near)


def _ring_mean(stamps: NDArray[np.float32], radius: NDArray[np.float64], r: float) -> NDArray[np.float64]:
    inside = np.abs(radius - r) <= 0.75
    return np.asarray((stamps * inside).sum(axis=(1, 2)) / np.maximum(inside.sum(axis=(1, 2)), 1))


def weighted_median(values: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]]) -> float:
    """The value at which half of the weight lies below. Weighted with brightness, stars outvote knots of nebulae."""
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, passed[-1] / 2.0)])


def _without_outliers(shapes: StarShapes, snr: NDArray[np.float32]) -> StarShapes:
    good = np.isfinite(shapes.fwhm_px) & np.isfinite(shapes.elongation) & np.isfinite(shapes.angle_deg)
    if good.any():
        middle = weighted_median(shapes.fwhm_px[good], snr[good])
        good &= (shapes.fwhm_px < OUTLIER_FACTOR * middle) & (shapes.fwhm_px > middle / OUTLIER_FACTOR)
    return StarShapes(*(getattr(shapes, name)[good] for name in StarShapes.__slots__))


def _colours(
    bayer: str | None, x_px: NDArray[np.float64], y_px: NDArray[np.float64], half: int
) -> NDArray[np.intp] | None:
    """Colour of each pixel of each cut-out, 0 green, 1 red, 2 blue; ``None`` for a mono sensor."""
    if bayer is None:
        return None
    cell = np.array(["GRB".index(letter) for letter in bayer]).reshape(2, 2)
    reach = np.arange(-half, half + 1)
    rows, columns = np.rint(y_px).astype(int)[:, None] + reach, np.rint(x_px).astype(int)[:, None] + reach
    return np.asarray(cell[rows[:, :, None] % 2, columns[:, None, :] % 2])


def _less_sky(stamps: NDArray[np.float32], colours: NDArray[np.intp] | None) -> NDArray[np.float32]:
    """Cut-outs less the median of their two outermost pixels, for each colour by itself."""
    border = np.ones(stamps.shape[1:], dtype=bool)
    border[2:-2, 2:-2] = False
    if colours is None:
        return stamps - np.nanmedian(stamps[:, border], axis=1)[:, None, None]
    above = stamps.copy()
    for colour in range(3):
        ring = np.where(colours == colour, stamps, np.nan)[:, border]
        sky = np.nanmedian(ring, axis=1)[:, None, None]
        above -= np.where(colours == colour, sky, 0.0)
    return above


def _green_filled(stamps: NDArray[np.float32], sites: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Red and blue pixels replaced by the mean of their green neighbours."""
    green = np.where(sites, np.nan_to_num(stamps), 0.0)
    padded = np.pad(green, ((0, 0), (1, 1), (1, 1)))
    known = np.pad(sites.astype(np.float32), ((0, 0), (1, 1), (1, 1)))
    total = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    count = known[:, :-2, 1:-1] + known[:, 2:, 1:-1] + known[:, 1:-1, :-2] + known[:, 1:-1, 2:]
    return np.where(sites, green, total / np.maximum(count, 1.0)).astype(np.float32)
