"""One reading of a frame: the binned map on which the eyes work, in units of its own noise.

The map is the mean of 2 x 2 raw pixels (of one Bayer cell: the colours average out), stored as int16 in sixteenths of
its noise above a zero level, so that a 26-megapixel frame costs 13 MB and integer arithmetic serves every later step.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.blank_border import blank_border
from nebulift.frame import STRIP_ROWS, Frame
from nebulift.median import median, ranked_by_counting

UNITS_PER_SIGMA = 16  # int16 then reaches 2047 sigma: brighter pixels are star cores, whose height nobody asks here
SMALL_FRAME_PX = 1_500_000  # mono frames below are not binned: a 640 x 480 all-sky frame has no pixels to give away
SAMPLE_STRIPS = 24  # strips looked at before the pass, to find level and noise
SAMPLE_ROWS = 2  # of each: the noise is then known to half a per cent
LARGEST_ADU = 1e30  # what is more comes from damaged files, and its sums would be infinite
MAD_TO_SIGMA = 1.4826  # of a normal distribution
COARSE_STEPS = 0.7  # of the converter: noise below it shows as few numbers, of which quantiles tell nothing
CLIP_STEPS = 3.0  # differences of such noise: more are stars and hot pixels
SMALLEST_STEP = 1e-30  # of a float: a sixteenth of less leaves the range of 32 bits
LOOKS = 6  # strips that tell whether the noise of neighbours is alike
FAR_PX = 6  # beyond the reach of any interpolation or drizzle that people use
SMOOTH_SHARE = 0.6  # of the noise between neighbours, in the finest checkerboard: white noise has 1 of it
ALIKE_FACTOR = 1.2  # between pixels far apart over that between neighbours


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """``units``: int16, shape (H // bin_px, W // bin_px); ``units / 16`` is the height above ``zero_adu`` in sigma."""

    units: NDArray[np.int16]
    bin_px: int
    zero_adu: float
    sigma_adu: float  # noise of one map pixel
    raw_noise_adu: float  # noise of one raw pixel
    peak_adu: float  # greatest raw value
    floor_adu: float  # smallest raw value
    valid: NDArray[np.bool_] | None  # False where all raw pixels were NaN, BLANK or a blank border's; None: all valid
    step_adu: float = 0.0  # smallest difference of neighbouring raw pixels: the converter's step; 0: they are all alike

    @property
    def is_coarse(self) -> bool:
        """Whether the noise hardly moves the converter, so that whole areas of sky hold one number."""
        return self.raw_noise_adu < COARSE_STEPS * self.step_adu and self.peak_adu > self.floor_adu


def scan_frame(frame: Frame) -> Scan:
    """The map of a frame, read strip by strip in one pass. Invalid raw pixels (NaN, inf) are left out of the means.

    Raises ``UnreadableFrame`` when the file ends early.
    """
    height, width = frame.shape
    bayer = frame.exposure.bayer is not None
    bin_px = 1 if not bayer and height * width < SMALL_FRAME_PX else 2
    level = _sample_level(frame, bin_px)
    map_height, map_width = height // bin_px, width // bin_px
    units = np.empty((map_height, map_width), dtype=np.int16)
    valid = np.ones((map_height, map_width), dtype=bool) if frame.pixels.dtype.kind == "f" else None
    scale = UNITS_PER_SIGMA / level.sigma_adu
    most = np.float32(np.iinfo(np.int16).max / scale)
    peak, floor = -np.inf, np.inf
    for top, strip in frame.strips():
        low, high = _extremes(strip)
        peak, floor = max(peak, high), min(floor, low)
        rows = slice(top // bin_px, top // bin_px + strip.shape[0] // bin_px)
        means, ok = binned(strip, bin_px)
        if means.size == 0:
            continue  # half a row of the map
        if valid is not None and ok is not None:
            valid[rows] = ok
            means[~ok] = level.zero_adu
        if valid is not None:  # whole numbers never exceed what OpenCV rounds to
            np.clip(means, level.zero_adu - most, level.zero_adu + most, out=means)
        # in one pass; what int16 does not hold becomes its limits: numpy would wrap around
        cv2.addWeighted(means, scale, means, 0.0, -level.zero_adu * scale, dst=units[rows], dtype=cv2.CV_16S)
    if floor <= 0.0:
        blank = blank_border(units, int(np.ceil(-level.zero_adu * scale)))
        valid = valid if blank is None else ~blank if valid is None else valid & ~blank
    if valid is not None and valid.all():
        valid = None
    noises = level.sigma_adu, level.raw_noise_adu
    return Scan(units, bin_px, level.zero_adu, *noises, float(peak), float(floor), valid, level.step_adu)


def binned(strip: NDArray[Any], bin_px: int) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """(means of bin_px x bin_px pixels, mask of means with at least one finite pixel or ``None`` when all are).

    Odd last rows and columns are dropped, as a Bayer cell that is cut has no colour.
    """
    height, width = strip.shape[0] // bin_px * bin_px, strip.shape[1] // bin_px * bin_px
    strip = strip[:height, :width]
    size = (width // bin_px, height // bin_px)
    if strip.dtype.kind != "f":
        # area means of integers are rounded to integers by OpenCV: go through float for the half steps
        return _area(strip.astype(np.float32), size, bin_px), None
    finite = is_number(strip)
    if finite.all():
        return _area(strip.astype(np.float32, copy=False), size, bin_px), None
    share = _area(finite.astype(np.float32), size, bin_px)
    total = _area(np.where(finite, strip, 0.0).astype(np.float32), size, bin_px)
    ok = share > 0.0
    return np.divide(total, share, out=np.zeros_like(total), where=ok), ok


def is_number(strip: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where pixels hold a number of which a mean can be taken: not NaN, infinite or near the end of float32."""
    return np.asarray(np.abs(strip) < LARGEST_ADU)


def _area(strip: NDArray[np.float32], size: tuple[int, int], bin_px: int) -> NDArray[np.float32]:
    if bin_px == 1:
        return strip.copy()
    if strip.size == 0:
        return np.empty(size[::-1], dtype=np.float32)
    return np.asarray(cv2.resize(strip, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Level:
    zero_adu: float
    sigma_adu: float
    raw_noise_adu: float
    step_adu: float


def _sample_level(frame: Frame, bin_px: int) -> _Level:
    """Sky level and noise from a few rows spread over the frame: enough to choose the scale of the map."""
    height = frame.shape[0]
    rows = min(SAMPLE_ROWS, height // bin_px * bin_px)
    tops = np.linspace(0, height - rows, min(SAMPLE_STRIPS, max(height // rows, 1))).astype(int) // 2 * 2
    medians: list[float] = []
    noises: list[float] = []
    raw_noises: list[float] = []
    strips: list[NDArray[Any]] = []
    raw_step = 1 if frame.exposure.bayer is None else 2  # neighbours of one colour
    for top in np.unique(tops):
        strip = frame.pixels.rows(int(top), int(top) + rows)
        means, ok = binned(strip, bin_px)
        values = means if ok is None else means[ok]
        if values.size < 16:
            continue
        medians.append(median(values))
        noises.append(difference_noise(means, 1, ok))
        finite = is_number(strip) if strip.dtype.kind == "f" else None
        raw_noises.append(difference_noise(strip, raw_step, finite))
        strip = strip.astype(np.float32)
        if finite is not None:
            strip[~finite] = np.nan
        strips.append(strip)
    if not medians:
        return _Level(0.0, 1.0, 0.0, 0.0)
    few = strips[:: max(len(strips) // LOOKS, 1)]
    level = _Level(median(medians), median(noises), median(raw_noises), 0.0)
    is_whole = frame.pixels.dtype.kind == "u"
    return _floored(_true_noise(level, few, bin_px, raw_step), bin_px, float(np.std(medians)), is_whole=is_whole)


def _true_noise(level: _Level, strips: list[NDArray[np.float32]], bin_px: int, raw_step: int) -> _Level:
    """The level with the noise of a frame whose neighbours do not tell it: coarse steps, or pixels that were resampled
    (debayered, drizzled, registered), so that neighbours are alike.
    """
    stepped = [stepped_noise(strip, raw_step) for strip in strips]
    step = min((step for step, _ in stepped if step > 0.0), default=0.0)
    level = replace(level, step_adu=step)
    if level.raw_noise_adu < COARSE_STEPS * step:
        noise = float(np.median([noise for _, noise in stepped]))
        return replace(level, raw_noise_adu=noise, sigma_adu=max(level.sigma_adu, noise / bin_px))
    if raw_step > 1 or not is_resampled(strips, level.raw_noise_adu):
        return level
    maps = [binned(strip, bin_px)[0] for strip in strips]
    raw_noise, noise = (float(np.median([far_noise(one) for one in some])) for some in (strips, maps))
    return replace(level, raw_noise_adu=max(level.raw_noise_adu, raw_noise), sigma_adu=max(level.sigma_adu, noise))


def _floored(level: _Level, bin_px: int, scatter_adu: float, *, is_whole: bool) -> _Level:
    """A sky quieter than the converter's step still carries the step's own noise (uniform: step / sqrt(12))."""
    step = 1.0 if is_whole else 0.0
    return _Level(
        level.zero_adu,
        max(level.sigma_adu, step / 12**0.5 / bin_px) or scatter_adu or 1.0,
        max(level.raw_noise_adu, step / 12**0.5),
        max(level.step_adu, step),
    )


def difference_noise(
    values: NDArray[np.integer] | NDArray[np.floating], step: int, ok: NDArray[np.bool_] | None = None
) -> float:
    """Standard deviation of the pixel noise, from differences of pixels ``step`` columns apart.

    The median absolute deviation ignores stars; differences ignore gradients and nebulae. NaN where ``ok`` is False.
    For noise that is quantised more coarsely than itself the median is a step function: the mean of the smaller 68.3 %
    of the absolute differences (0.460 sigma of a normal distribution) stands in.
    """
    if ok is not None:
        values = np.where(ok, values, 0.0)  # infinite less infinite would warn
    if not len(values) or values.shape[1] <= step:
        return 0.0
    absolute = np.asarray(cv2.absdiff(values[:, step:], values[:, :-step]))  # whole numbers stay what they are
    absolute = absolute.ravel() if ok is None else absolute[ok[:, step:] & ok[:, :-step]]
    return _smaller_mean(absolute) / 2**0.5


def stepped_noise(values: NDArray[np.float32], apart: int) -> tuple[float, float]:
    """(step of the converter, standard deviation of noise that is less than about a step), from differences of pixels
    ``apart`` columns from each other.

    The step is the smallest difference that is not 0; where the noise is below it, all but a few pixels hold one of two
    numbers, and only the mean square tells how often they change. (0, 0) where all pixels are alike.
    """
    differences = _finite_differences(values[:, apart:], values[:, :-apart])
    moved = differences[differences > SMALLEST_STEP]
    if moved.size == 0:
        return 0.0, 0.0
    step = float(moved.min())
    kept = moved[moved <= CLIP_STEPS * step]
    return step, float(np.sqrt(np.square(kept, dtype=np.float64).sum() / differences.size / 2.0))


def is_resampled(strips: list[NDArray[np.float32]], noise_adu: float) -> bool:
    """Whether pixels were made from their neighbours: then the finest checkerboard holds next to no noise, and pixels
    far apart differ by more than neighbours do (``noise_adu``). Fields full of stars have the second without the first.
    """
    finest = []
    for strip in strips:
        step = strip[:, 1:] - strip[:, :-1]
        finest.append(_smaller_mean(_finite_differences(step[1:], step[:-1])) / 2.0)
    far = float(np.median([far_noise(strip) for strip in strips]))
    return bool(np.median(finest) < SMOOTH_SHARE * noise_adu and far > ALIKE_FACTOR * noise_adu)


def far_noise(values: NDArray[np.float32]) -> float:
    """Standard deviation of the noise from pixels far apart, slopes taken off (the one in the middle of two)."""
    if values.shape[1] <= 2 * FAR_PX:
        return 0.0
    middle = values[:, FAR_PX:-FAR_PX]
    beside = values[:, : -2 * FAR_PX] / 2.0 + values[:, 2 * FAR_PX :] / 2.0
    return _smaller_mean(_finite_differences(middle, beside)) / float(1.5**0.5)


def _finite_differences(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Absolute differences, those left out that are no numbers."""
    with np.errstate(invalid="ignore"):
        differences = np.abs(one - other).ravel()
    return np.asarray(differences[np.isfinite(differences)])


def _smaller_mean(absolute: NDArray[np.integer | np.floating]) -> float:
    """Mean of the smaller 68.3 % over that of a normal distribution of variance 1: its standard deviation."""
    if absolute.size == 0:
        return 0.0
    kept = max(int(0.683 * absolute.size), 1)
    is_counted = absolute.dtype == np.uint16
    ranked = ranked_by_counting(absolute) if is_counted else np.partition(absolute, kept - 1)
    return float(ranked[:kept].mean(dtype=np.float64)) / 0.460


def _extremes(strip: NDArray[Any]) -> tuple[float, float]:
    if strip.dtype.kind == "f":
        finite = strip[is_number(strip)]
        return (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)
    low, high, _, _ = cv2.minMaxLoc(strip)
    return low, high


def strip_rows(bin_px: int) -> int:
    """Raw rows of a strip in map rows."""
    return STRIP_ROWS // bin_px
