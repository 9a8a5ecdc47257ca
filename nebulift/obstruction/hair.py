"""A dark line through the frame: a hair or fibre on the glass before the sensor.

Sought on a coarse map of the sky, stars cut off: each cell against both sides of it, in eight directions, whichever
side is the darker one; so an edge is no line. A hair stands alone: dark lanes and gaps between filaments come in
company, of dark and of bright ones. It is narrow, about as deep along all of its length, and bends: what runs exactly
along the columns or rows is the sensor's own.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.components import components
from nebulift.measurements import DarkLine
from nebulift.scan import UNITS_PER_SIGMA, Scan
from nebulift.sky.background import Background, interpolated

MIN_CELLS = 40  # a side
MOST_LINES = 5  # of each width, the largest
MAX_CELLS = 300  # along the longer side of the map that is looked at
BRIGHTEST = 2.5  # of a cell's own noise: what is more is light of stars
WIDTHS = (1, 2, 4)  # of the line looked for, in cells
APART = 2.2  # widths from the middle of the line to either side
MARGIN = round(APART * max(WIDTHS))
COMMON = 0.97  # quantile of how far cells stand out above both sides: noise, stars and what else the field is full of
FOLLOWED, STANDS_OUT = 1.6, 2.5  # times that: along a hair, and its typical cell
STEPS = (1.0, 3.0, 9.0)
COMPANY, ALONE = 0.98, 2.0  # quantile, dark and bright lines elsewhere; times it
BESIDE, NEIGHBOURS = 14, 0.9  # widths around it, and the quantile there: rays and filaments lie side by side
SHORTEST = 0.2  # of the shorter side
SLENDER = 6.0  # times as long as wide
RING = 1.3  # area within its outline over its own: a dust ring is closed
# More than the width, and of the length: what keeps to rows or columns so closely is the sensor's.
STRAIGHT_CELLS, STRAIGHT_SLOPE = 1.5, 0.04
DIRECTIONS = ((1, 0), (0, 1), (0.7, 0.7), (0.7, -0.7), (0.92, 0.38), (0.38, 0.92), (0.92, -0.38), (0.38, -0.92))


def find_hair(scan: Scan, background: Background, maps: list[NDArray[np.int16]]) -> DarkLine | None:
    """The plainest dark line; ``None`` without one. ``maps``: pyramid of the flattened map, stripes taken off."""
    if background.inside is not None:
        return None  # wires, masts and branches stand before an all-sky camera
    if min(maps[0].shape) < MIN_CELLS:
        return None
    sky, cell = _coarse_sky(background, maps)
    if min(sky.shape) < MIN_CELLS:
        return None
    found = list(_dark_lines(sky))
    best = max(found, key=lambda line: line.depth * line.length, default=None)
    if best is None:
        return None
    left, top, wide, tall = best.box
    scale = cell * scan.bin_px
    to_raw = scan.sigma_adu / scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else 1.0
    box = (left * scale, top * scale, (left + wide) * scale, (top + tall) * scale)
    return DarkLine(box, best.length * scale, best.width * scale, best.depth * to_raw)


@dataclass(frozen=True, slots=True)
class _Line:
    """In cells; ``box``: left, top, width, height."""

    box: tuple[int, int, int, int]
    length: float
    width: float
    depth: float


def _dark_lines(sky: NDArray[np.float32]) -> Iterator[_Line]:
    """What is dark against both sides, long, slender, open and alone."""
    dark, bright = zip(*(_beyond_both_sides(sky, width) for width in WIDTHS), strict=True)
    for number, width in enumerate(WIDTHS):
        wider = bright[min(number + 1, len(WIDTHS) - 1)]  # between arms of a galaxy the gap is narrower than they
        some = bright[number][::2, ::2].ravel()
        common = max(float(np.partition(some, int(COMMON * some.size))[int(COMMON * some.size)]), 1e-3)
        plainest = float(dark[number].max())
        for limit in (FOLLOWED * common * step for step in STEPS):  # a deep line stands in a wide shade of its own
            if limit > plainest:
                break
            for line, region in _slender(dark[number], limit, SHORTEST * min(sky.shape)):
                company = _company(region, np.maximum(dark[number], bright[number]), wider, width)
                if line.depth >= max(STANDS_OUT * common, ALONE * company):
                    left, top, wide, tall = line.box
                    yield replace(line, box=(left + MARGIN, top + MARGIN, wide, tall))


def _slender(dark: NDArray[np.float32], limit: float, shortest: float) -> Iterator[tuple[_Line, NDArray[np.bool_]]]:
    """Regions above ``limit`` that are lines of that length, in cells."""
    labels, stats, _ = components(np.asarray(dark > limit))
    long = 1 + np.flatnonzero(np.hypot(stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT]) >= shortest)
    for label in long[np.argsort(-stats[long, cv2.CC_STAT_AREA], kind="stable")][:MOST_LINES]:
        region = labels == label
        line = _line_of(region, dark, stats[label])
        if line is not None:
            yield line, region


def _line_of(region: NDArray[np.bool_], dark: NDArray[np.float32], stats: NDArray[np.int32]) -> _Line | None:
    """The region as a line, if it is slender and open, and no row or column."""
    left, top, wide, tall, area = (int(number) for number in stats)
    length = math.hypot(wide, tall)
    if length * length < SLENDER * area or min(wide, tall) < area / length + STRAIGHT_CELLS + STRAIGHT_SLOPE * length:
        return None
    part = (slice(top, top + tall), slice(left, left + wide))
    own = region[part]
    if _within_outline(own) > RING * area:
        return None
    return _Line((left, top, wide, tall), length, area / length, float(np.median(dark[part][own])))


def _company(
    region: NDArray[np.bool_], stands_out: NDArray[np.float32], wider: NDArray[np.float32], width: int
) -> float:
    """How far dark and bright lines stand out elsewhere, and just beside this one, whichever is more."""
    line = region.astype(np.uint8)
    itself = cv2.dilate(line, np.ones((4 * width + 1, 4 * width + 1), np.uint8)) > 0
    near = cv2.dilate(line, np.ones((BESIDE * width + 1, BESIDE * width + 1), np.uint8)) > 0
    beside = near & (cv2.dilate(line, np.ones((width + 2, width + 2), np.uint8)) == 0)
    elsewhere = stands_out[~itself]
    if not elsewhere.size or not beside.any():
        return math.inf
    return max(
        float(np.quantile(elsewhere, COMPANY)), float(np.quantile(np.maximum(stands_out, wider)[beside], NEIGHBOURS))
    )


def _coarse_sky(background: Background, maps: list[NDArray[np.int16]]) -> tuple[NDArray[np.float32], int]:
    """(level of the sky in noise of a map pixel, without stars; map pixels along one of its cells)."""
    level, cell = maps[-1], 2 ** (len(maps) - 1)
    for number, candidate in enumerate(maps):
        if max(candidate.shape) <= MAX_CELLS:
            level, cell = candidate, 2**number
            break
    own = np.minimum(level.astype(np.float32) / UNITS_PER_SIGMA, BRIGHTEST) / cell
    while max(own.shape) > MAX_CELLS:
        own, cell = cv2.resize(own, (own.shape[1] // 2, own.shape[0] // 2), interpolation=cv2.INTER_AREA), cell * 2
    rows, columns = own.shape
    noise = cv2.resize(background.noise, (columns, rows), interpolation=cv2.INTER_LINEAR)
    smooth = interpolated(background.level, own.shape, 0, rows)
    return own * noise + smooth, cell


def _beyond_both_sides(sky: NDArray[np.float32], width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """By how much each cell lies below the darker of its two sides, and above the brighter, in the direction in which
    that is most; ``MARGIN`` cells along the borders, beyond which nothing is known, are left out.
    """
    smooth = cv2.GaussianBlur(sky, (0, 0), 0.5 * width + 0.3)
    rows, columns = sky.shape[0] - 2 * MARGIN, sky.shape[1] - 2 * MARGIN
    dark, bright = np.full((2, rows, columns), -np.inf, dtype=np.float32)
    for across, down in DIRECTIONS:
        dx, dy = round(across * APART * width), round(down * APART * width)
        one = smooth[MARGIN + dy : MARGIN + dy + rows, MARGIN + dx : MARGIN + dx + columns]
        other = smooth[MARGIN - dy : MARGIN - dy + rows, MARGIN - dx : MARGIN - dx + columns]
        cv2.max(dark, cv2.min(one, other), dst=dark)
        cv2.max(bright, cv2.max(one, other) * np.float32(-1.0), dst=bright)
    middle = smooth[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return dark - middle, bright + middle


def _within_outline(own: NDArray[np.bool_]) -> float:
    """Cells within the outer outlines of a region."""
    outlines, _ = cv2.findContours(np.pad(own, 1).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros((own.shape[0] + 2, own.shape[1] + 2), dtype=np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return float(filled.sum())
