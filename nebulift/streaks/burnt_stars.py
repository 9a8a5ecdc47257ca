"""Stars so bright that the star list may have lost them, found on their own as compact blobs: spikes begin there."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.components import components
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.streaks.star_cover import second_moments

SCALE_PX = 8  # raw pixels a side of the map on which blobs are sought
BLOB_SIGMA = (
    400.0  # of that map: a star of so much light has 500 sigma in its middle pixel; fainter ones show no spikes
)
SPLIT_SIGMA, SPLIT_SUM = 160.0, 2.0  # a star at the corner of four cells has a quarter of its light in each
MAX_ASPECT = 4.0  # longer blobs are trails, unless they stand along a column: stars that bleed
UPRIGHT_COSINE = 0.05
THICK_CELLS = 3.0  # nor are those that are thick somewhere: stars with spikes so bright that they belong to the blob
REACH_PX, REACH_SHARE = 6.0, 0.3  # the middle of a blob is known to a share of its size,
CUT_REACH_SHARE = 1.2  # that of one which the border cuts hardly
MAX_STARS = 60  # the largest; a frame with more bright blobs is a nebula or a globular cluster


@dataclass(frozen=True, slots=True, eq=False)
class BurntStars:
    """Centres and radii of the blobs, in raw pixels, largest first."""

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    radius_px: NDArray[np.float64]  # of a disc of the same area; that of the thickest part where charge bleeds
    reach_px: NDArray[np.float64]  # how far from the centre the middle of the star may lie


def find_burnt_stars(maps: list[NDArray[np.int16]], bin_px: int) -> BurntStars:
    """Compact regions far above the sky. ``maps``: pyramid of the flattened scan."""
    level = min(max((SCALE_PX // bin_px).bit_length() - 1, 0), len(maps) - 1)
    scale = bin_px * 2**level
    bright = _bright(maps[level])
    if not bright.any():
        nothing = np.empty(0)
        return BurntStars(nothing, nothing, nothing, nothing)
    labels, stats, centres = components(bright)
    area = stats[1:, cv2.CC_STAT_AREA]
    chosen = np.argsort(-area, kind="stable")[:MAX_STARS] + 1
    moments = second_moments(labels, len(stats))
    found = []
    for label in chosen:
        x, y = centres[label]
        radius = np.sqrt(stats[label, cv2.CC_STAT_AREA] / np.pi)
        if moments.aspect[label] > MAX_ASPECT / 2:
            x, y, radius = _thickest(labels, stats[label], label)
            leans = abs(np.cos(moments.angle[label])) > UPRIGHT_COSINE
            if moments.aspect[label] > MAX_ASPECT and leans and radius < THICK_CELLS:
                continue
        share = CUT_REACH_SHARE if _is_cut(stats[label], bright.shape) else REACH_SHARE
        found.append((x, y, radius, share * radius))
    x, y, radius, reach = np.array(found).reshape(-1, 4).T
    return BurntStars((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5, radius * scale, REACH_PX + reach * scale)


def _bright(level_map: NDArray[np.int16]) -> NDArray[np.uint8]:
    """1 on cells of so much light, alone or in four that meet in a corner."""
    limit = BLOB_SIGMA * UNITS_PER_SIGMA
    bright = (level_map > limit).astype(np.uint8)
    split = level_map > SPLIT_SIGMA * UNITS_PER_SIGMA
    if split.any():
        four = cv2.boxFilter(level_map, cv2.CV_32F, (2, 2), anchor=(0, 0), normalize=False)
        four = cv2.dilate(four, np.ones((2, 2), np.uint8), anchor=(1, 1))
        bright |= (split & (np.asarray(four) > SPLIT_SUM * limit)).view(np.uint8)
    return bright


def _is_cut(box: NDArray[Any], shape: tuple[int, int]) -> bool:
    """True when a region lies at the border: part of it, perhaps the star's middle, is outside."""
    left, top, width, height = (int(value) for value in box[:4])
    return min(left, top, shape[1] - left - width, shape[0] - top - height) <= 0


def _thickest(labels: NDArray[Any], box: NDArray[Any], label: int) -> tuple[float, float, float]:
    """(column, row, radius) of the greatest disc within a region."""
    left, top, width, height = (int(value) for value in box[:4])
    first, above = max(left - 1, 0), max(top - 1, 0)  # a rim of what is outside, where there is any
    part = labels[above : top + height + 1, first : left + width + 1] == label
    inside = np.asarray(cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 3))
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    return float(first + column), float(above + row), float(inside.max())
