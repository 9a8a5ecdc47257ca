"""Where the camera's ceiling lies and how much of the frame is at it. Raw ADU only: a stretch saturates noise.

The map tells which rows can hold a pixel at the ceiling at all; only those are read again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.frame import STRIP_ROWS, Frame
from nebulift.measurements import Saturation
from nebulift.scan import UNITS_PER_SIGMA, Scan
from nebulift.sensor.bleeding import longest_bleed_px

BRIGHT_SHARE = 0.9  # of the brightest pixel: what lies above is looked at one by one
TOP_SHARE = 0.004  # pixels so near the brightest are at the same height: converters clip within their own noise
PILED_UP = 0.5  # stars' cores thin out towards the top; a ceiling heaps up at least half of what lies below it
MIN_PILE = 4
FULL_SCALES_ADU = (255, 1023, 4095, 16383, 65535, 65520, 65532)  # 8 to 16 bits, and 12 or 14 bits shifted to 16
FULL_SCALE_SHARE = 0.985
LOWEST_CEILING = 0.05  # of the numbers of the file: 12 bits end at a sixteenth of 16
BLOB_REDUCTION = 4
MIN_BLOB = 16  # pixels of the reduced map: 64 x 64 raw ones
GAP_ROWS = 8  # of the map, that are read along with the rows on both sides: a call costs as much
LARGEST = np.iinfo(np.int16).max
# Numbers that are not whole were divided by a flat field, which tilts the ceiling: then neighbours that are burnt out
# differ by next to nothing, while photon noise alone makes those of a star's core differ by half a per cent
# (40 000 electrons) and its slope by far more.
PLATEAU_LOWEST = 0.6  # of the brightest: no flat field tilts it further within the field of one telescope
PLATEAU_STEP = 0.0005  # between neighbours of a plateau, of their height
PLATEAU_SHARE = 0.5  # of all neighbours so high that are so alike
DARKEST_SIGMA = 10.0  # below no light and below the sky: what is less is not light but a division by a dead pixel


@dataclass(frozen=True, slots=True)
class _Top:
    """Raw pixels near the brightest one of the frame, and neighbours high up that are alike."""

    at_top: int
    below: int
    alike: int = 0
    pairs: int = 0
    plateau_adu: float = np.inf  # the lowest of those that are alike
    on_plateau: int = 0


def measure_saturation(frame: Frame, scan: Scan) -> Saturation:
    """The ceiling, if pixels reach it, and the share of the frame that does. Call before the map is flattened.

    A ceiling shows as a heap of equal highest pixels, as a highest pixel at a converter's full scale, or, where a flat
    field was divided out, as plateaus. A frame whose brightest pixel stands alone reaches no ceiling.
    """
    height, width = frame.shape
    full = frame.pixels.dtype.kind == "u" and any(
        FULL_SCALE_SHARE * scale <= scan.peak_adu <= scale for scale in FULL_SCALES_ADU
    )
    if not np.isfinite(scan.peak_adu) or scan.peak_adu <= _darkest_adu(scan):
        # one number all over the frame: burnt out as a whole where it is the last number of a converter
        return Saturation(scan.peak_adu, 1.0, 1.0) if full else Saturation(None, 0.0, 0.0)
    top = _count_top(frame, scan)
    piled = top.at_top >= MIN_PILE and top.at_top > PILED_UP * top.below and not _is_dark_and_coarse(frame, scan)
    burnt, ceiling = top.at_top, scan.peak_adu * (1.0 - TOP_SHARE)
    if not piled and not full:
        if top.alike < MIN_PILE or top.alike < PLATEAU_SHARE * top.pairs:
            return Saturation(None, 0.0, 0.0)
        burnt, ceiling = top.on_plateau, top.plateau_adu * (1.0 - PLATEAU_STEP)
    blob = _largest_blob(scan.units[::BLOB_REDUCTION, ::BLOB_REDUCTION] >= _in_units(scan, 0.98 * ceiling))
    return Saturation(ceiling, burnt / (height * width), blob, longest_bleed_px(frame, scan, ceiling) / height)


def _is_dark_and_coarse(frame: Frame, scan: Scan) -> bool:
    """Whether the highest number may be that of noise in few steps over next to no light."""
    if not scan.is_coarse or frame.pixels.dtype.kind != "u":
        return False
    largest = float(256**frame.pixels.dtype.itemsize - 1)
    return bool(scan.peak_adu < LOWEST_CEILING * largest)


def _count_top(frame: Frame, scan: Scan) -> _Top:
    """Counts over the rows whose map says that they hold bright pixels at all."""
    darkest = _darkest_adu(scan)
    span = scan.peak_adu - darkest
    is_float = frame.pixels.dtype.kind == "f"
    lowest = darkest + (PLATEAU_LOWEST if is_float else BRIGHT_SHARE) * span
    counts = [_top_of(strip, scan, is_float) for strip in _bright_strips(frame, scan, lowest)]
    return _Top(
        sum(one.at_top for one in counts),
        sum(one.below for one in counts),
        sum(one.alike for one in counts),
        sum(one.pairs for one in counts),
        min((one.plateau_adu for one in counts), default=np.inf),
        sum(one.on_plateau for one in counts),
    )


def _top_of(strip: NDArray[Any], scan: Scan, is_float: bool) -> _Top:
    darkest = _darkest_adu(scan)
    span = scan.peak_adu - darkest
    high = strip[strip >= darkest + BRIGHT_SHARE * span]
    at_top = int(np.count_nonzero(high >= scan.peak_adu - TOP_SHARE * span))
    if not is_float:
        return _Top(at_top, len(high) - at_top)
    left, right = strip[:, :-1], strip[:, 1:]
    with np.errstate(invalid="ignore"):
        pairs = np.minimum(left, right) >= darkest + PLATEAU_LOWEST * span
        alike = pairs & (np.abs(left - right) <= PLATEAU_STEP * np.abs(left))
    plateau = float(np.minimum(left, right)[alike].min()) if alike.any() else np.inf
    on_plateau = np.zeros(strip.shape, dtype=bool)
    on_plateau[:, :-1] |= alike
    on_plateau[:, 1:] |= alike
    return _Top(at_top, len(high) - at_top, int(alike.sum()), int(pairs.sum()), plateau, int(on_plateau.sum()))


def _darkest_adu(scan: Scan) -> float:
    """The smallest pixel that can be light: one wild number of a calibrated frame must not stretch the scale of all."""
    return max(scan.floor_adu, min(0.0, scan.zero_adu - DARKEST_SIGMA * scan.raw_noise_adu))


def _bright_strips(frame: Frame, scan: Scan, bright_adu: float) -> Iterator[NDArray[Any]]:
    """The raw rows that may hold a pixel of ``bright_adu``: a quarter of it is in the mean of four."""
    share = 1.0 / scan.bin_px**2
    limit = _in_units(scan, scan.zero_adu + 0.9 * share * (bright_adu - scan.zero_adu))
    rows = np.flatnonzero(scan.units.max(axis=1) >= limit)
    at_most = STRIP_ROWS // scan.bin_px
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > GAP_ROWS) + 1):
        if not len(run):
            continue
        for first in range(int(run[0]), int(run[-1]) + 1, at_most):
            last = min(first + at_most, int(run[-1]) + 1)
            yield frame.pixels.rows(first * scan.bin_px, min(last * scan.bin_px, frame.shape[0]))


def _in_units(scan: Scan, adu: float) -> int:
    """``adu`` as a number of the map, never above what it holds."""
    return int(np.clip(np.ceil((adu - scan.zero_adu) / scan.sigma_adu * UNITS_PER_SIGMA), 1 - LARGEST, LARGEST - 1))


def _largest_blob(mask: NDArray[np.bool_]) -> float:
    """Share of the frame in the largest connected region at the ceiling; 0 where there are only stars.

    Blobs that matter are large: ``mask`` is of every fourth pixel of every fourth row.
    """
    if np.count_nonzero(mask) < MIN_BLOB:
        return 0.0
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    return float(np.asarray(stats[1:, cv2.CC_STAT_AREA]).max() / mask.size)
