"""One reading of a frame: the binned map on which the eyes work, in units of its own noise.

The map is the mean of 2 x 2 raw pixels (of one Bayer cell: the colours average out), stored as int16 in sixteenths of
its noise above a zero level, so that a 26-megapixel frame costs 13 MB and integer arithmetic serves every later step.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.frame import STRIP_ROWS, Frame

UNITS_PER_SIGMA = 16  # int16 then reaches 2047 sigma: brighter pixels are star cores, whose height nobody asks here
SMALL_FRAME_PX = 1_500_000  # mono frames below are not binned: a 640 x 480 all-sky frame has no pixels to give away
SAMPLE_STRIPS = 24  # strips looked at before the pass, to find level and noise
SAMPLE_ROWS = 2  # of each: the noise is then known to half a per cent
MAD_TO_SIGMA = 1.4826  # of a normal distribution


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
    valid: NDArray[np.bool_] | None  # False where all raw pixels of the map pixel were NaN or BLANK; None: all valid


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
        if valid is not None and ok is not None:
            valid[rows] = ok
            means[~ok] = level.zero_adu
        if valid is not None:  # whole numbers never exceed what OpenCV rounds to
            np.clip(means, level.zero_adu - most, level.zero_adu + most, out=means)
        # in one pass; what int16 does not hold becomes its limits: numpy would wrap around
        cv2.addWeighted(means, scale, means, 0.0, -level.zero_adu * scale, dst=units[rows], dtype=cv2.CV_16S)
    if valid is not None and valid.all():
        valid = None
    return Scan(units, bin_px, level.zero_adu, level.sigma_adu, level.raw_noise_adu, float(peak), float(floor), valid)


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
    finite = np.isfinite(strip)
    if finite.all():
        return _area(strip.astype(np.float32, copy=False), size, bin_px), None
    share = _area(finite.astype(np.float32), size, bin_px)
    total = _area(np.where(finite, strip, 0.0).astype(np.float32), size, bin_px)
    ok = share > 0.0
    return np.divide(total, share, out=np.zeros_like(total), where=ok), ok


def _area(strip: NDArray[np.float32], size: tuple[int, int], bin_px: int) -> NDArray[np.float32]:
    if bin_px == 1:
        return strip.copy()
    return np.asarray(cv2.resize(strip, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Level:
    zero_adu: float
    sigma_adu: float
    raw_noise_adu: float


def _sample_level(frame: Frame, bin_px: int) -> _Level:
    """Sky level and noise from a few rows spread over the frame: enough to choose the scale of the map."""
    height = frame.shape[0]
    rows = min(SAMPLE_ROWS, height // bin_px * bin_px)
    tops = np.linspace(0, height - rows, min(SAMPLE_STRIPS, max(height // rows, 1))).astype(int) // 2 * 2
    medians: list[float] = []
    noises: list[float] = []
    raw_noises: list[float] = []
    raw_step = 1 if frame.exposure.bayer is None else 2  # neighbours of one colour
    for top in np.unique(tops):
        strip = frame.pixels.rows(int(top), int(top) + rows)
        means, ok = binned(strip, bin_px)
        values = means if ok is None else means[ok]
        if values.size < 16:
            continue
        medians.append(float(np.median(values)))
        noises.append(difference_noise(means, 1, ok))
        finite = np.isfinite(strip) if strip.dtype.kind == "f" else None
        raw_noises.append(difference_noise(strip, raw_step, finite))
    if not medians:
        return _Level(0.0, 1.0, 0.0)
    sigma = float(np.median(noises))
    raw_noise = float(np.median(raw_noises))
    step = 1.0 if frame.pixels.dtype.kind == "u" else 0.0
    # a sky quieter than the converter's step still carries the step's own noise (uniform: step / sqrt(12))
    sigma = max(sigma, step / 12**0.5 / bin_px)
    if sigma <= 0.0:
        sigma = float(np.std(medians)) or 1.0
    return _Level(float(np.median(medians)), sigma, max(raw_noise, step / 12**0.5))


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
    if absolute.size == 0:
        return 0.0
    kept = max(int(0.683 * absolute.size), 1)
    smaller = np.partition(absolute, kept - 1)[:kept]
    return float(smaller.mean()) / 0.460 / 2**0.5


def _extremes(strip: NDArray[Any]) -> tuple[float, float]:
    if strip.dtype.kind == "f":
        finite = strip[np.isfinite(strip)]
        return (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)
    low, high, _, _ = cv2.minMaxLoc(strip)
    return low, high


def strip_rows(bin_px: int) -> int:
    """Raw rows of a strip in map rows."""
    return STRIP_ROWS // bin_px
