"""Which peaks are stars, by their raw pixels: hot pixels, particles, knots of nebulae and pieces of trails are not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.median import medians_of_rows
from nebulift.scan import MAD_TO_SIGMA, Scan
from nebulift.stars.glare import SATURATED_SHARE
from nebulift.stars.lines import lines_among
from nebulift.stars.peaks import Peaks
from nebulift.stars.single_pixels import are_single_pixels, are_smeared_pixels, with_stars
from nebulift.stars.stamps import Places, known_median, raw_position, raw_stamps

HOT_NEIGHBOURS = (
    0.45  # eight neighbours of a star of FWHM 1 px still hold 0.7 of its peak, those of a hot pixel nothing
)
THIN_NEIGHBOURS = 0.25  # two opposite neighbours of a star of FWHM 1 px, gathered by pixels, hold 0.3 of its peak
THIN_IN_MOSAIC = 0.1  # of another colour, of a red star: a third of that
COARSE_NOISE = (
    0.6  # steps of the converter, where the noise is less: so few numbers have longer tails than a normal one
)
NEIGHBOUR_SIGMA = 6.0  # in noise of one pixel: two standard deviations of the sum of eight
SINGLE_SIGMA = 5.0  # of the brightest pixel: a single one of 16 makes a peak of 5 on the map
COMPACT_SNR = 10.0  # below, noise hides how compact an image is
MIN_BRIGHT = 5
BRIGHT_SIGMA = 20.0  # stars so high show the share of their neighbours to 15 %
SHOWN_SIGMA = 10.0  # enough to tell four pixels from a star
DOUBT_SIGMA = 1.5
STAR_SIGMA = 4.0
BORDER_QUANTILE = 0.8
BORDER_NOISE = 0.84  # of the pixel noise: where that quantile of a normal distribution lies
COMPACT_VOTERS = 20
MIN_COMPACT_VOTERS = 10  # of fewer, the sharpest quarter may be particles; narrow profiles are asked for anyway
COMPACT_QUANTILE = 0.25  # of the brightest peaks three in four may be knots
COMPACT_FACTOR = 2.0
SURE_SHARE = 0.8  # of the noise of so few pixels, which is itself uncertain by a fifth
CLIPPED_MEAN, CLIPPED_SCATTER = 0.40, 0.58  # of normal noise without its lower half
NO_LIGHT = 1e-6  # of the noise: numbers may be in any unit
TESTED_PEAKS = 4000  # beyond the brightest so many, peaks are taken for stars
TEST_HALF_PX = 4
# Of the brightest, cut-outs are made large enough at once for the shapes of stars of up to 4 pixels FWHM: reading the
# file twice costs as much as the test itself.
LARGE_PEAKS, LARGE_HALF_PX = 400, 13


@dataclass(frozen=True, slots=True, eq=False)
class PeakTest:
    """Masks over the peaks; what is neither hot nor a star is noise on something wider."""

    hot: NDArray[np.bool_]  # hot pixels and cosmic rays
    star: NDArray[np.bool_]  # as far as raw pixels tell; whether it stands out of a nebula the map says
    firm: NDArray[np.bool_]  # beyond doubt already in raw pixels, whatever the width: these choose the scale
    line_like: NDArray[np.bool_]
    on_trail: NDArray[np.bool_]  # pieces of a bright trail: line-like, and in one line
    large: NDArray[np.float32]  # raw cut-outs of the brightest, (m, 27, 27)


def sort_peaks(frame: Frame, scan: Scan, peaks: Peaks, ceiling_adu: float | None) -> PeakTest:
    """Which peaks are stars, by their raw pixels.

    A hot pixel stands out alone: its eight neighbours hold next to nothing. Where the frame has bright stars, half of
    *their* neighbours' share is asked for, which also refuses pairs of hot pixels and tracks of particles. A star
    stands out of its own surroundings, not only out of the sky: noise peaks on a galaxy do not.
    """
    n = min(len(peaks.x), TESTED_PEAKS)
    stamps, large = _raw_pixels(frame, scan, peaks, n)
    false = np.zeros(len(peaks.x), dtype=bool)
    test = PeakTest(false, ~false, ~false, false.copy(), false.copy(), large)
    if n == 0:
        return test
    of_one_colour = 1 if frame.exposure.bayer is None else 2
    above = _above_surroundings(stamps, scan, is_mosaic=of_one_colour == 2)
    row, column = np.divmod(above[:, 2:7, 2:7].reshape(n, -1).argmax(axis=1), 5)
    reach = np.arange(5)
    ys, xs = (row[:, None] + reach)[:, :, None], (column[:, None] + reach)[:, None, :]
    wider = above[np.arange(n)[:, None, None], ys, xs]
    around = wider[:, 1:4, 1:4]
    top, total = around[:, 1, 1], around.sum(axis=(1, 2))
    noise = local_noise(above, _frame_noise(scan), of_one_colour)
    burnt = top > (np.inf if ceiling_adu is None else SATURATED_SHARE * (ceiling_adu - scan.zero_adu))
    solid = total - top > NEIGHBOUR_SIGMA * noise
    fits = _has_neighbours(around, noise, solid)
    # next to a red pixel of a mosaic are green ones: a red star is nearly as dark there as a hot pixel
    single = ~fits | _is_thin(around, noise, THIN_NEIGHBOURS if of_one_colour == 1 else THIN_IN_MOSAIC)
    if of_one_colour == 1:
        compared = with_stars(wider, noise)
        single |= are_single_pixels(compared) & ~burnt
        single |= are_smeared_pixels(compared, ~single & solid & (top > SHOWN_SIGMA * noise)) & ~burnt
    # pixels that do not stand out themselves cannot make the peak of a map that gathers many
    single &= top > SINGLE_SIGMA * noise
    test.firm[:n] = ~single & solid & (total > STAR_SIGMA * 3.0 * noise)
    is_compact = burnt | compact(above, total, test.firm[:n], noise)
    test.firm[:n] &= is_compact
    test.star[:n] = ~single & (is_compact | (peaks.snr[:n] < COMPACT_SNR))
    test.hot[:n] = single | (~fits & (top > STAR_SIGMA * noise))
    stars = np.flatnonzero(test.firm[:n])  # of the faint, noise draws the form
    shown = Peaks(peaks.x[stars], peaks.y[stars], peaks.snr[stars])
    lines = lines_among(above[stars], top[stars], scan.raw_noise_adu, shown)
    test.line_like[stars], test.on_trail[stars] = lines
    return test


def _has_neighbours(
    around: NDArray[np.float32], noise: NDArray[np.float64], solid: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which of 3 x 3 pixels hold enough beside their middle: half of the share that the frame's bright stars have.

    The share of a faint star is as uncertain as its nine pixels are: it is refused only where it is surely too small.
    """
    top = around[:, 1, 1]
    share = (around.sum(axis=(1, 2)) - top) / np.maximum(top, NO_LIGHT * noise)
    asked = HOT_NEIGHBOURS
    sure = (share > HOT_NEIGHBOURS) & solid & (top > BRIGHT_SIGMA * noise)
    if sure.sum() >= MIN_BRIGHT:
        asked = max(HOT_NEIGHBOURS, 0.5 * float(np.median(share[sure])))
    doubt = DOUBT_SIGMA * noise * np.sqrt(8.0 + asked**2) / np.maximum(top, NO_LIGHT * noise)
    return np.asarray(share >= np.maximum(asked - doubt, min(asked, HOT_NEIGHBOURS)))


def _frame_noise(scan: Scan) -> float:
    """Noise of one raw pixel in ADU, more where it hardly moves the converter."""
    return max(scan.raw_noise_adu, COARSE_NOISE * scan.step_adu if scan.is_coarse else 0.0) or scan.sigma_adu


def _is_thin(around: NDArray[np.float32], noise: NDArray[np.float64], asked: float) -> NDArray[np.bool_]:
    """Which of 3 x 3 pixels hold next to nothing above and below their middle, or left and right of it.

    Pairs of hot pixels and tracks of particles are one pixel wide; a star is wide in both directions.
    """
    top, columns, rows = around[:, 1, 1], around.sum(axis=1), around.sum(axis=2)
    beside = np.minimum(around[:, 0, 1] + around[:, 2, 1], around[:, 1, 0] + around[:, 1, 2])
    thin = beside + DOUBT_SIGMA * noise * 2.0**0.5 < asked * top
    # of a bad column there are many peaks, and one pixel beside them may be high: three by three tell more
    for lines in (columns, rows):
        thin |= lines[:, 0] + lines[:, 2] + DOUBT_SIGMA * noise * 6.0**0.5 < asked * lines[:, 1]
    return np.asarray(thin)


def local_noise(above: NDArray[np.float32], noise_adu: float, step: int) -> NDArray[np.float64]:
    """Noise of one pixel around each peak, shape (n,), at least that of the frame: bright nebulae bring their own.

    From differences of pixels ``step`` apart along the border of each cut-out: the slope of a wide star is no noise.
    """
    edges = np.stack([above[:, 0], above[:, -1], above[:, :, 0], above[:, :, -1]], axis=1)
    apart = np.abs(edges[:, :, step:] - edges[:, :, :-step]).reshape(len(above), -1)
    own = medians_of_rows(apart) * MAD_TO_SIGMA / 2**0.5
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
    spread = light / np.maximum(total, NO_LIGHT * noise)
    brightest = np.flatnonzero(star)
    brightest = brightest[np.argsort(-total[brightest], kind="stable")][:COMPACT_VOTERS]
    if len(brightest) < MIN_COMPACT_VOTERS:
        return np.ones_like(star)
    return np.asarray(spread <= COMPACT_FACTOR * np.quantile(spread[brightest], COMPACT_QUANTILE))


def _raw_pixels(frame: Frame, scan: Scan, peaks: Peaks, n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Raw cut-outs around the first ``n`` peaks, (9 x 9 pixels of all of them, 27 x 27 of the brightest)."""
    x_px, y_px = raw_position(peaks.x[:n], scan.bin_px), raw_position(peaks.y[:n], scan.bin_px)
    large, small = raw_stamps(
        frame,
        Places(x_px[:LARGE_PEAKS], y_px[:LARGE_PEAKS], LARGE_HALF_PX),
        Places(x_px[LARGE_PEAKS:], y_px[LARGE_PEAKS:], TEST_HALF_PX),
    )
    middle = slice(LARGE_HALF_PX - TEST_HALF_PX, LARGE_HALF_PX + TEST_HALF_PX + 1)
    return np.concatenate([large[:, middle, middle], small]), large


def _above_surroundings(stamps: NDArray[np.float32], scan: Scan, *, is_mosaic: bool) -> NDArray[np.float32]:
    """Cut-outs of 9 x 9 raw pixels less the level of their border.

    The level is what four fifths of the border stay below, less what noise alone adds to that: a peak on the slope of a
    shadow has half of its border as bright as itself, a star or a piece of a trail has not.
    """
    if scan.is_coarse:
        return np.asarray(np.nan_to_num(stamps - _coarse_border(stamps, scan.step_adu)), dtype=np.float32)
    if not is_mosaic:
        return np.asarray(
            np.nan_to_num(stamps - border_level(stamps, scan.raw_noise_adu), posinf=0.0, neginf=0.0), dtype=np.float32
        )
    above = np.empty_like(stamps)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):  # each site of the mosaic's cell has a sky of its own
        site = stamps[:, row::2, column::2]
        above[:, row::2, column::2] = site - border_level(site, scan.raw_noise_adu)
    return np.asarray(np.nan_to_num(above, posinf=0.0, neginf=0.0), dtype=np.float32)


def _coarse_border(stamps: NDArray[np.float32], step_adu: float) -> NDArray[np.float32]:
    """Mean of the border of each cut-out within three steps of its median: no quantile tells two numbers apart."""
    ring = np.concatenate([stamps[:, 0], stamps[:, -1], stamps[:, 1:-1, 0], stamps[:, 1:-1, -1]], axis=1)
    middle = known_median(ring)[:, None]
    near = np.where(np.isfinite(ring), ring, middle).clip(middle - 3.0 * step_adu, middle + 3.0 * step_adu)
    return np.asarray(near.mean(axis=1)[:, None, None], dtype=np.float32)


def border_level(stamps: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """Level of the sky at the border of each cut-out, shape (n, 1, 1)."""
    border = np.ones(stamps.shape[1:], dtype=bool)
    border[1:-1, 1:-1] = False
    ring = np.nan_to_num(stamps[:, border], nan=-np.inf)
    rank = int(BORDER_QUANTILE * ring.shape[1])
    level = np.partition(ring, rank, axis=1)[:, rank] - BORDER_NOISE * noise
    return np.asarray(level[:, None, None], dtype=np.float32)
