"""Where the camera's ceiling lies and how much of the frame is at it. Raw ADU only: a stretch saturates noise."""

from dataclasses import dataclass

import cv2
import numpy as np

from nebulift.frame import STRIP_ROWS, Frame
from nebulift.measurements import Saturation
from nebulift.scan import UNITS_PER_SIGMA, Scan

BRIGHT_SHARE = 0.9  # of the brightest pixel: what lies above is looked at one by one
TOP_SHARE = 0.004  # pixels so near the brightest are at the same height: converters clip within their own noise
PILED_UP = 0.5  # stars' cores thin out towards the top; a ceiling heaps up at least half of what lies below it
MIN_PILE = 4
FULL_SCALES_ADU = (255, 1023, 4095, 16383, 65535, 65520, 65532)  # 8 to 16 bits, and 12 or 14 bits shifted to 16
FULL_SCALE_SHARE = 0.985
BLOB_REDUCTION = 4


@dataclass(frozen=True, slots=True)
class _Top:
    """Raw pixels near the brightest one of the frame."""

    at_top: int
    below: int


def measure_saturation(frame: Frame, scan: Scan) -> Saturation:
    """The ceiling, if pixels reach it, and the share of the frame that does. Call before the map is flattened.

    A ceiling shows as a heap of equal highest pixels, or as a highest pixel at a converter's full scale. A frame whose
    brightest pixel stands alone reaches no ceiling.
    """
    height, width = frame.shape
    if not np.isfinite(scan.peak_adu) or scan.peak_adu <= scan.floor_adu:
        return Saturation(None, 0.0, 0.0)
    top = _count_top(frame, scan)
    piled = top.at_top >= MIN_PILE and top.at_top > PILED_UP * top.below
    full = frame.pixels.dtype.kind == "u" and any(
        FULL_SCALE_SHARE * scale <= scan.peak_adu <= scale for scale in FULL_SCALES_ADU
    )
    if not piled and not full:
        return Saturation(None, 0.0, 0.0)
    ceiling = scan.peak_adu * (1.0 - TOP_SHARE)
    return Saturation(ceiling, top.at_top / (height * width), _largest_blob(scan, ceiling))


def _count_top(frame: Frame, scan: Scan) -> _Top:
    """Counts over the strips whose map says that they hold bright pixels at all."""
    bright = scan.floor_adu + BRIGHT_SHARE * (scan.peak_adu - scan.floor_adu)
    top = scan.peak_adu - TOP_SHARE * (scan.peak_adu - scan.floor_adu)
    # the mean of four pixels of which one is at the top
    share = 1.0 / scan.bin_px**2
    units = (share * bright + (1 - share) * scan.zero_adu - scan.zero_adu) / scan.sigma_adu * UNITS_PER_SIGMA
    row_is_bright = scan.units.max(axis=1) >= min(units * 0.9, np.iinfo(np.int16).max - 1)
    at_top = below = 0
    rows = STRIP_ROWS // scan.bin_px
    for first in range(0, len(row_is_bright), rows):
        if not row_is_bright[first : first + rows].any():
            continue
        strip = frame.pixels.rows(first * scan.bin_px, min((first + rows) * scan.bin_px, frame.shape[0]))
        high = strip[strip >= bright]
        at_top += int((high >= top).sum())
        below += int((high < top).sum())
    return _Top(at_top, below)


def _largest_blob(scan: Scan, ceiling_adu: float) -> float:
    """Share of the frame in the largest connected region at the ceiling."""
    units = (ceiling_adu * 0.98 - scan.zero_adu) / scan.sigma_adu * UNITS_PER_SIGMA
    bright = (scan.units >= min(units, np.iinfo(np.int16).max - 1)).astype(np.uint8) * np.uint8(255)
    # blobs that matter are large: a map reduced by four shows them at a sixteenth of the cost
    size = (max(bright.shape[1] // BLOB_REDUCTION, 1), max(bright.shape[0] // BLOB_REDUCTION, 1))
    mask = (cv2.resize(bright, size, interpolation=cv2.INTER_AREA) > 127).astype(np.uint8)
    if not mask.any():
        return 0.0
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = np.asarray(stats[1:, cv2.CC_STAT_AREA])
    return float(areas.max() / mask.size) if len(areas) else 0.0
