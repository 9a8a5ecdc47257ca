"""The star list of a frame: which peaks are stars, how many, how wide, how round, which way they point.

Peaks are sought on a pyramid of means, at the scale where the frame's own stars stand out best, so that a donut of
60 pixels is one star and not a ring of noise peaks. Single raw pixels that stand out alone are hot pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.measurements import Stars
from nebulift.scan import MAD_TO_SIGMA, UNITS_PER_SIGMA, Scan
from nebulift.stars.cores import moments
from nebulift.stars.peaks import Peaks, find_peaks, pyramid, smoothed_noise
from nebulift.stars.stamps import map_stamps, raw_stamps
from nebulift.stars.star_shapes import SATURATED_SHARE, StarShapes, measure_shapes

PYRAMID_LEVELS = 4  # the coarsest pixel is 16 raw pixels: a donut of 100 pixels is then 6 wide
HOT_NEIGHBOURS = (
    0.45  # eight neighbours of a star of FWHM 1 px still hold 0.7 of its peak, those of a hot pixel nothing
)
NEIGHBOUR_SIGMA = 6.0  # in noise of one pixel: two standard deviations of the sum of eight
BRIGHT_SIGMA = 20.0  # stars so high show the share of their neighbours to 15 %
DOUBT_SIGMA = 1.5
STAR_SIGMA = 4.0
LINE_ELONGATION = 2.5  # of what is lit within 9 x 9 pixels: a line through it has 3 or more, a star 1 to 2
BORDER_QUANTILE = 0.8
BORDER_NOISE = 0.84  # of the pixel noise: where that quantile of a normal distribution lies
MIN_LINE_PIECES = 6  # of a trail: chance puts one or two of a hundred trailed stars on one line
LINE_PIECES_SHARE = 0.1
MAX_LINE_PIECES = 400
LINE_ANGLE_SINE = 0.2  # 11 degrees
LINE_REACH_PX = 2.0
MIN_PAIR_PX = 40.0
MAX_PAIRS = 200
UPRIGHT_COSINE = 0.05
COLUMN_REACH_PX = 100.0
MIN_COLUMN_PIECES = 3
COMPACT_VOTERS = 20
MIN_COMPACT_VOTERS = 5
COMPACT_QUANTILE = 0.25  # of the brightest peaks three in four may be knots
COMPACT_FACTOR = 2.0
SURE_SHARE = 0.8  # of the noise of so few pixels, which is itself uncertain by a fifth
CLIPPED_MEAN, CLIPPED_SCATTER = 0.40, 0.58  # of normal noise without its lower half
TESTED_PEAKS = 4000  # beyond the brightest so many, peaks are taken for stars
LEVEL_VOTERS = 20
MIN_LEVEL_VOTERS = 3
FINER_LEVEL_PREFERENCE = 1.2  # a coarser scale must be better by this factor: the finer one separates neighbours


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


def find_stars(frame: Frame, scan: Scan, maps: list[NDArray[np.int16]], ceiling_adu: float | None) -> StarList:
    """The star list. ``maps``: ``peaks.pyramid`` of the flattened scan; ``ceiling_adu``: where pixels saturate."""
    fine = find_peaks(maps[0])
    test = sort_peaks(frame, scan, fine, ceiling_adu)
    star = test.star & ~test.on_trail
    stars = Peaks(fine.x[star], fine.y[star], fine.snr[star])
    line_like = test.line_like[star]
    level = best_level(maps, stars)
    if level > 0:
        clean = without_pixels(maps[0], fine.x[test.hot], fine.y[test.hot])
        stars, line_like = _coarse_stars(pyramid(clean, level + 1)[level])
    scale = scan.bin_px * 2**level
    shapes = measure_shapes(frame, scan, maps, stars, level, ceiling_adu)
    x_px, y_px = raw_position(stars.x, scale), raw_position(stars.y, scale)
    return StarList(x_px, y_px, stars.snr, scale, int(test.hot.sum()), line_like, shapes)


def _coarse_stars(level_map: NDArray[np.int16]) -> tuple[Peaks, NDArray[np.bool_]]:
    """(peaks of a coarse map but for pieces of bright trails, which of them look like lines)."""
    peaks = find_peaks(level_map)
    n = min(len(peaks.x), TESTED_PEAKS)
    if n == 0:
        return peaks, np.zeros(0, dtype=bool)
    stamps = map_stamps(level_map, peaks.x[:n], peaks.y[:n], 4)
    above = np.nan_to_num(stamps - _border_level(stamps, UNITS_PER_SIGMA))
    line_like, on_trail = np.zeros((2, len(peaks.x)), dtype=bool)
    line_like[:n], on_trail[:n] = _lines_among(above, above[:, 3:6, 3:6].max(axis=(1, 2)), UNITS_PER_SIGMA, peaks)
    star = ~on_trail
    return Peaks(peaks.x[star], peaks.y[star], peaks.snr[star]), line_like[star]


def _lines_among(
    above: NDArray[np.float32], top: NDArray[np.float32], noise: float, peaks: Peaks
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(which of the first peaks look like lines in their cut-outs, which of these lie in one line)."""
    lit = (above > 0.3 * top[:, None, None]) & (above > 2.5 * noise)
    shapes = moments(above, lit)
    line_like = np.asarray(shapes.elongation > LINE_ELONGATION)
    on_trail = np.zeros(len(line_like), dtype=bool)
    lines = np.flatnonzero(line_like)
    on_trail[lines] = in_one_line(peaks.x[lines], peaks.y[lines], shapes.angle_deg[lines])
    return line_like, on_trail


def without_pixels(units: NDArray[np.int16], x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.int16]:
    """A copy of the map with the 3 x 3 pixels around each position at the median of the 16 around those: on coarser
    maps a hot pixel is as wide as a star.
    """
    around = map_stamps(units, x, y, 2)
    around[:, 1:-1, 1:-1] = np.nan
    level = np.nan_to_num(np.nanmedian(around.reshape(len(x), 25), axis=1)) if len(x) else np.empty(0)
    clean = units.copy()
    reach = np.arange(-1, 2)
    rows = (y.astype(np.intp)[:, None] + reach).clip(0, units.shape[0] - 1)
    columns = (x.astype(np.intp)[:, None] + reach).clip(0, units.shape[1] - 1)
    clean[rows[:, :, None], columns[:, None, :]] = np.rint(level).astype(np.int16)[:, None, None]
    return clean


def raw_position(position: NDArray[np.floating], scale: int) -> NDArray[np.floating]:
    """Centres of map pixels of ``scale`` raw pixels, in raw pixel coordinates."""
    return position * scale + (scale - 1) / 2.0


@dataclass(frozen=True, slots=True, eq=False)
class PeakTest:
    """Masks over the peaks; what is neither hot nor a star is noise on something wider."""

    hot: NDArray[np.bool_]  # hot pixels and cosmic rays
    star: NDArray[np.bool_]
    line_like: NDArray[np.bool_]
    on_trail: NDArray[np.bool_]  # pieces of a bright trail: line-like, and in one line


def sort_peaks(frame: Frame, scan: Scan, peaks: Peaks, ceiling_adu: float | None) -> PeakTest:
    """Which peaks are stars, by their raw pixels.

    A hot pixel stands out alone: its eight neighbours hold next to nothing. Where the frame has bright stars, half of
    *their* neighbours' share is asked for, which also refuses pairs of hot pixels and tracks of particles. A star
    stands out of its own surroundings, not only out of the sky: noise peaks on a galaxy do not.
    """
    n = min(len(peaks.x), TESTED_PEAKS)
    false = np.zeros(len(peaks.x), dtype=bool)
    test = PeakTest(false, ~false, false.copy(), false.copy())
    if n == 0:
        return test
    above = _above_surroundings(frame, scan, peaks, n)
    row, column = np.divmod(above[:, 2:7, 2:7].reshape(n, -1).argmax(axis=1), 5)
    reach = np.arange(1, 4)
    ys, xs = (row[:, None] + reach)[:, :, None], (column[:, None] + reach)[:, None, :]
    around = above[np.arange(n)[:, None, None], ys, xs]
    top, total = around[:, 1, 1], around.sum(axis=(1, 2))
    share = (total - top) / np.maximum(top, 1e-6)
    of_one_colour = 1 if frame.exposure.bayer is None else 2
    noise = local_noise(above, max(scan.raw_noise_adu, 1e-6), of_one_colour)
    solid = total - top > NEIGHBOUR_SIGMA * noise
    asked = HOT_NEIGHBOURS
    sure = (share > HOT_NEIGHBOURS) & solid & (top > BRIGHT_SIGMA * noise)
    if sure.sum() >= 5:
        asked = max(HOT_NEIGHBOURS, 0.5 * float(np.median(share[sure])))
    # the share of a faint star is as uncertain as its nine pixels are: it is refused only where it is surely too small
    doubt = DOUBT_SIGMA * noise * np.sqrt(8.0 + asked**2) / np.maximum(top, 1e-6)
    fits = share >= np.maximum(asked - doubt, min(asked, HOT_NEIGHBOURS))
    test.star[:n] = fits & solid & (total > STAR_SIGMA * 3.0 * noise)
    burnt = top > (np.inf if ceiling_adu is None else SATURATED_SHARE * (ceiling_adu - scan.zero_adu))
    test.star[:n] &= burnt | compact(above, total, test.star[:n], noise)
    test.hot[:n] = ~fits & (top > STAR_SIGMA * noise)
    stars = np.flatnonzero(test.star[:n])
    standing = Peaks(peaks.x[stars], peaks.y[stars], peaks.snr[stars])
    lines = _lines_among(above[stars], top[stars], scan.raw_noise_adu, standing)
    test.line_like[stars], test.on_trail[stars] = lines
    return test


def local_noise(above: NDArray[np.float32], noise_adu: float, step: int) -> NDArray[np.float64]:
    """Noise of one pixel around each peak, shape (n,), at least that of the frame: bright nebulae bring their own.

    From differences of pixels ``step`` apart along the border of each cut-out: the slope of a wide star is no noise.
    """
    edges = np.stack([above[:, 0], above[:, -1], above[:, :, 0], above[:, :, -1]], axis=1)
    apart = np.abs(edges[:, :, step:] - edges[:, :, :-step]).reshape(len(above), -1)
    own = np.median(apart, axis=1) * MAD_TO_SIGMA / 2**0.5
    return np.asarray(np.maximum(SURE_SHARE * own, noise_adu), dtype=np.float64)


def compact(
    above: NDArray[np.float32], total: NDArray[np.float32], star: NDArray[np.bool_], noise: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which cut-outs are about as compact as the sharpest of the brightest stars: knots of a nebula are not.

    Compared is the light within 9 x 9 pixels with that of the 3 x 3 around the peak (``total``). ``star``: which may be
    stars.
    """
    pixels = above.shape[1] * above.shape[2]
    light = above.clip(min=0.0).sum(axis=(1, 2)) - CLIPPED_MEAN * pixels * noise
    spread = light / np.maximum(total, 1e-6)
    brightest = np.flatnonzero(star)
    brightest = brightest[np.argsort(-total[brightest], kind="stable")][:COMPACT_VOTERS]
    if len(brightest) < MIN_COMPACT_VOTERS:
        return np.ones_like(star)
    return np.asarray(spread <= COMPACT_FACTOR * np.quantile(spread[brightest], COMPACT_QUANTILE))


def _in_one_column(x: NDArray[np.float32], y: NDArray[np.float32], angle_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pieces that stand upright above each other in one column: a defect of the sensor too short to be taken off."""
    upright = np.abs(np.cos(np.radians(angle_deg))) < UPRIGHT_COSINE
    above = (np.abs(x[:, None] - x[None, :]) <= 1.0) & (np.abs(y[:, None] - y[None, :]) < COLUMN_REACH_PX)
    return np.asarray(upright & ((above & upright[None, :]).sum(axis=1) >= MIN_COLUMN_PIECES))


def in_one_line(x: NDArray[np.float32], y: NDArray[np.float32], angle_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of these line-like peaks lie on a line that many others lie on, too, and point along it.

    Stars of a badly tracked frame point the same way as well, but lie beside each other, not behind.
    """
    n = min(len(x), MAX_LINE_PIECES)
    found = _in_one_column(x, y, angle_deg) | _in_one_column(y, x, 90.0 - angle_deg)
    if n < MIN_LINE_PIECES:
        return found
    angle = np.radians(angle_deg[:n])
    dx, dy = x[None, :n] - x[:n, None], y[None, :n] - y[:n, None]
    # the direction of one piece of 9 pixels is good to some degrees: lines are drawn through pairs that agree with it
    direction = np.arctan2(dy, dx)
    own = np.abs(np.sin(direction - angle[:, None])) < LINE_ANGLE_SINE
    other = np.abs(np.sin(direction - angle[None, :])) < LINE_ANGLE_SINE
    pairs = np.argwhere(own & other & (np.hypot(dx, dy) > MIN_PAIR_PX))
    for first, second in pairs[:: max(1, len(pairs) // MAX_PAIRS)]:
        cos, sin = np.cos(direction[first, second]), np.sin(direction[first, second])
        near = np.abs((x[:n] - x[first]) * sin - (y[:n] - y[first]) * cos) < LINE_REACH_PX
        along = np.abs(np.sin(direction[first, second] - angle)) < LINE_ANGLE_SINE
        if (near & along).sum() >= max(MIN_LINE_PIECES, LINE_PIECES_SHARE * n):
            found[:n] |= near & along
    return found


def _above_surroundings(frame: Frame, scan: Scan, peaks: Peaks, n: int) -> NDArray[np.float32]:
    """Raw cut-outs of 9 x 9 pixels around the first ``n`` peaks, less the level of their border.

    The level is what four fifths of the border stay below, less what noise alone adds to that: a peak on the slope of a
    shadow has half of its border as bright as itself, a star or a piece of a trail has not.
    """
    scale = scan.bin_px
    stamps = raw_stamps(frame, raw_position(peaks.x[:n], scale), raw_position(peaks.y[:n], scale), 4)
    if frame.exposure.bayer is None:
        return np.asarray(
            np.nan_to_num(stamps - _border_level(stamps, scan.raw_noise_adu), posinf=0.0, neginf=0.0), dtype=np.float32
        )
    above = np.empty_like(stamps)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):  # each site of the mosaic's cell has a sky of its own
        site = stamps[:, row::2, column::2]
        above[:, row::2, column::2] = site - _border_level(site, scan.raw_noise_adu)
    return np.asarray(np.nan_to_num(above, posinf=0.0, neginf=0.0), dtype=np.float32)


def _border_level(stamps: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """Level of the sky at the border of each cut-out, shape (n, 1, 1)."""
    border = np.ones(stamps.shape[1:], dtype=bool)
    border[1:-1, 1:-1] = False
    ring = np.nan_to_num(stamps[:, border], nan=-np.inf)
    rank = int(BORDER_QUANTILE * ring.shape[1])
    level = np.partition(ring, rank, axis=1)[:, rank] - BORDER_NOISE * noise
    return np.asarray(level[:, None, None], dtype=np.float32)


def best_level(maps: list[NDArray[np.int16]], stars: Peaks) -> int:
    """The pyramid level at which the brightest stars have their highest signal-to-noise ratio.

    Where the finest level shows hardly a star, the level with the single most significant peak.
    """
    if len(stars.x) >= MIN_LEVEL_VOTERS:
        snr = _level_snr(maps, stars.x[:LEVEL_VOTERS], stars.y[:LEVEL_VOTERS])
        # the geometric mean over the brightest: knots of a nebula are many and faint, stars are bright
        scores = np.exp(np.log(np.maximum(snr, 1.0)).mean(axis=1))
        return int((scores * FINER_LEVEL_PREFERENCE >= scores.max()).argmax())
    tops = [find_peaks(level_map, sigma=6.0).snr[:1] for level_map in maps]
    scores = np.array([float(top[0]) if len(top) else 0.0 for top in tops])
    return int((scores * FINER_LEVEL_PREFERENCE >= scores.max()).argmax())


def _level_snr(maps: list[NDArray[np.int16]], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
    """Signal-to-noise ratio above the immediate surroundings of each position and level, shape (levels, n).

    Less the surroundings, a star on a nebula is not taken for something as wide as the nebula.
    """
    kernel = np.zeros((7, 7))
    kernel[2:5, 2:5] = np.outer([0.24, 0.52, 0.24], [0.24, 0.52, 0.24])
    ring = np.ones((7, 7), dtype=bool)
    ring[1:6, 1:6] = False
    kernel[ring] -= 1.0 / ring.sum()
    snr = np.empty((len(maps), len(x)))
    for level, level_map in enumerate(maps):
        stamps = np.nan_to_num(map_stamps(level_map, (x + 0.5) / 2**level - 0.5, (y + 0.5) / 2**level - 0.5, 3))
        snr[level] = (stamps * kernel).sum(axis=(1, 2)) / smoothed_noise(level_map)
    return snr


def summarise(stars: StarList, megapixels: float, pixel_scale_arcsec: float | None) -> Stars:
    """The numbers of the star list; shapes are medians over the measured stars, ``None`` without any."""
    shapes = stars.shapes
    count = len(stars.x_px)
    if len(shapes.fwhm_px) == 0:
        unknown = None
        return Stars(
            count,
            count / megapixels,
            0,
            unknown,
            unknown,
            unknown,
            unknown,
            unknown,
            unknown,
            unknown,
            stars.hot_pixels,
        )
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
        elongation=float(np.median(shapes.elongation)),
        angle_deg=float(np.degrees(np.angle(mean)) / 2.0 % 180.0),
        angle_coherence=float(abs(mean) / max(np.abs(shapes.ellipticity()).mean(), 1e-9)),
        donut_fraction=float(shapes.is_donut.mean()),
        hot_pixels=stars.hot_pixels,
    )
