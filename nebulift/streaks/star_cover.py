"""What a search for faint structure must not see: discs over stars, and patches over galaxies and nebula cores."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.components import components
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.stars import StarList

WING_EXPONENT = 2.5  # of a Moffat profile with the wide wings of real optics
COVER_TO_SIGMA = 0.17  # discs reach to where a star's light is so faint: a line of a thousand pixels feels wings
LEAST_SNR = 6.0  # fainter peaks hide no line, and some are pieces of a faint trail
MAX_COVERED = 0.35  # of the frame: in the Milky Way only the brighter stars are covered, the rest is clipped
PATCH_SIGMA = 6.0
PATCH_STEP = 1.5  # by which the limit rises as long as patches cover too much
MAX_PATCHED = 0.25  # of the frame: rich fields merge to patches on the coarse map
PATCH_MAX_ASPECT = 4.0  # longer and thinner patches may be trails: they stay open
MIN_PATCH_PX = 4
FILLED_SHARE = 0.5  # of the mean of a cell: where light is even, half of the pixels reach it; a line is far below
STRAIGHT_CELLS, STRAIGHT_ANGLES = 13, 36  # filaments of nebulae are hardly straight over so many
LEAST_EXTENT_CELLS = 9  # of a box round so many cells, at 45 degrees
RIM_PX = 13  # covers six pixels beyond
SKY_ZEROS = 0.2  # of the pixels: nine at once then happen in a map of a megapixel
LINE_LIKE_SHARE = 0.5  # when more of the stars than this look like lines, the whole frame is trailed


def star_cover(stars: StarList, shape: tuple[int, int], scale_px: int) -> NDArray[np.bool_]:
    """Mask of a map of ``shape`` whose pixels are ``scale_px`` raw pixels wide: True where a star shines."""
    cover = np.zeros(shape, dtype=np.uint8)
    if len(stars.x_px) == 0:
        return cover.astype(bool)
    radius = cover_radius_px(stars) / scale_px
    open_to_lines = stars.line_like if stars.line_like.mean() < LINE_LIKE_SHARE else np.zeros_like(stars.line_like)
    chosen = np.flatnonzero(~open_to_lines & (stars.snr >= LEAST_SNR))
    area = np.cumsum(np.pi * np.maximum(radius[chosen], 0.6) ** 2)
    chosen = chosen[: int(np.searchsorted(area, MAX_COVERED * cover.size))]
    x, y = (stars.x_px + 0.5) / scale_px - 0.5, (stars.y_px + 0.5) / scale_px - 0.5
    fractional = 16  # cv2.circle takes fixed-point centres and radii: four bits behind the point
    places = np.rint(np.stack([x, y, np.maximum(radius, 0.5)], axis=1)[chosen] * fractional).astype(int).tolist()
    for column, row, reach in places:
        cv2.circle(cover, (column, row), reach, 1, -1, shift=4)
    return cover.astype(bool)


def cover_radius_px(stars: StarList) -> NDArray[np.float64]:
    """Radius in raw pixels at which each star has faded to 0.17 sigma, for a Moffat profile of the frame's FWHM."""
    widths = stars.shapes.fwhm_px
    fwhm = float(np.median(widths)) if len(widths) else 2.0 * stars.scale_px
    ratio = np.maximum(stars.snr / COVER_TO_SIGMA, 1.0).astype(np.float64)
    return np.asarray(fwhm * np.sqrt(ratio ** (1.0 / WING_EXPONENT) - 1.0) + 0.5)


def no_data(maps: Sequence[NDArray[np.int16]], level: int) -> NDArray[np.bool_]:
    """True where ``maps[level]`` holds nothing (outside the image circle, invalid pixels) and a little beyond.

    There it is exactly 0, which noise is not over nine pixels at once. Where a step of the camera is wider than the
    noise, the sky is, too: there the coarsest map must be 0 as well, whose pixels are the means of many. The rim of
    such a region is no line in the sky.
    """
    zero = maps[level] == 0
    empty = np.asarray(cv2.erode(zero.view(np.uint8), np.ones((3, 3), np.uint8)))
    if empty.any() and _share_beside(zero) > SKY_ZEROS:
        coarse = cv2.dilate((maps[-1] == 0).view(np.uint8), np.ones((3, 3), np.uint8))
        empty = empty & np.asarray(cv2.resize(coarse, zero.shape[::-1], interpolation=cv2.INTER_NEAREST))
    if not empty.any():
        return np.zeros(zero.shape, dtype=bool)
    return np.asarray(cv2.dilate(empty, np.ones((RIM_PX, RIM_PX), np.uint8)) > 0)


def _share_beside(zero: NDArray[np.bool_]) -> float:
    """Share of the pixels that are 0 among those beside one that is not: hardly any where 0 means no data."""
    other = ~zero[:, :-1]
    return int(np.count_nonzero(zero[:, 1:] & other)) / max(int(np.count_nonzero(other)), 1)


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """What shines without being a star, on the coarsest map."""

    thick: NDArray[np.bool_]  # galaxies, nebulae, halos, and a cell around them
    thin: NDArray[np.bool_]  # small pieces of light, which may be a trail's own
    is_rich: bool  # there is more light than can be covered

    def cover(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Mask of a finer map of ``shape``."""
        cover = self.thick | _around(self.thin)
        return np.asarray(cv2.resize(cover.view(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)) > 0


def find_patches(maps: list[NDArray[np.int16]]) -> Patches:
    """Compact bright patches on the coarsest of ``maps``, as of galaxies and halos.

    Where they would take more than a quarter of the frame (rich fields of the Milky Way), only the brighter ones count:
    light is everywhere then.
    """
    coarse_map = maps[-1]
    filled = _filled(maps[0], coarse_map)
    limit = PATCH_SIGMA
    while limit * UNITS_PER_SIGMA < np.iinfo(np.int16).max:
        thick, thin = _patches_above(coarse_map, filled, limit)
        if (thick | _around(thin)).mean() <= MAX_PATCHED:
            break
        limit *= PATCH_STEP
    return Patches(thick, thin, limit > PATCH_SIGMA)


def _around(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The cells and their neighbours."""
    return np.asarray(cv2.dilate(cells.view(np.uint8), np.ones((3, 3), np.uint8))) > 0


def _filled(finest: NDArray[np.int16], coarse: NDArray[np.int16]) -> NDArray[np.float32]:
    """Height, in units of the coarse map, that half of each bright cell's pixels reach: a line through it is less."""
    times = round(finest.shape[0] / coarse.shape[0])
    height, width = (min(side, fine // times) for side, fine in zip(coarse.shape, finest.shape, strict=True))
    filled = np.zeros(coarse.shape, np.float32)
    rows, columns = np.nonzero(coarse[:height, :width] > PATCH_SIGMA * UNITS_PER_SIGMA)
    cells = finest[: height * times, : width * times].reshape(height, times, width, times)
    pixels = cells[rows, :, columns].reshape(len(rows), times**2)
    if len(rows):
        filled[rows, columns] = np.partition(pixels, times**2 // 2, axis=1)[:, times**2 // 2] * np.float32(times)
    return filled


def _patches_above(
    coarse_map: NDArray[np.int16], filled: NDArray[np.float32], limit_sigma: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Compact patches, (thick ones and a cell around them, thin ones). A bright trail that touches one is no part of
    it: what is thin is looked at by itself.
    """
    bright = coarse_map > limit_sigma * UNITS_PER_SIGMA
    solid = bright & (filled > FILLED_SHARE * np.maximum(coarse_map, limit_sigma * UNITS_PER_SIGMA))
    square = np.ones((3, 3), np.uint8)
    thick = np.asarray(cv2.morphologyEx(solid.astype(np.uint8), cv2.MORPH_OPEN, square)) > 0
    return _around(_compact(thick)), _compact(bright & ~thick & ~_straight(bright & ~thick))


def _straight(bright: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What belongs to a straight piece of ``STRAIGHT_CELLS`` cells or touches one: trails do not make patches."""
    found = np.zeros(bright.shape, np.uint8)
    labels, stats, _ = components(bright)
    extent = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1, initial=0)
    long = np.append(False, extent >= LEAST_EXTENT_CELLS)
    if not long.any():
        return bright & False
    cells = long[labels].astype(np.uint8)
    for kernel in _line_kernels():
        found |= np.asarray(cv2.morphologyEx(cells, cv2.MORPH_OPEN, kernel), dtype=np.uint8)
    return np.asarray(cv2.dilate(found, np.ones((3, 3), np.uint8))) > 0


@lru_cache(maxsize=1)
def _line_kernels() -> tuple[NDArray[np.uint8], ...]:
    """Straight lines in ``STRAIGHT_ANGLES`` directions."""
    length, kernels = STRAIGHT_CELLS, []
    for angle in np.arange(STRAIGHT_ANGLES) * np.pi / STRAIGHT_ANGLES:
        kernel = np.zeros((length, length), np.uint8)
        x, y = round(length // 2 * np.cos(angle)), round(length // 2 * np.sin(angle))
        cv2.line(kernel, (length // 2 - x, length // 2 - y), (length // 2 + x, length // 2 + y), 1)
        kernels.append(kernel)
    return tuple(kernels)


def _compact(bright: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Regions that are large enough and not drawn out."""
    labels, stats, _ = components(bright)
    aspect = second_moments(labels, len(stats)).aspect
    compact = (stats[:, cv2.CC_STAT_AREA] >= MIN_PATCH_PX) & (aspect < PATCH_MAX_ASPECT)
    compact[0] = False
    return np.asarray(compact[labels])


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """One value a label: length over width, and direction of the longer axis in radians from x towards y."""

    aspect: NDArray[np.float64]
    angle: NDArray[np.float64]


def second_moments(labels: NDArray[Any], count: int) -> Moments:
    """Form of each labelled region, from the second moments of its pixels; label 0 (no region) counts as round."""
    # of one dimension: numpy finds what is true in a plane ten times as slowly
    at = np.flatnonzero(labels)
    rows, columns = np.divmod(at, labels.shape[1])
    label = labels.ravel()[at]
    pixels = np.maximum(np.bincount(label, minlength=count), 1).astype(np.float64)
    x, y = columns.astype(np.float64), rows.astype(np.float64)
    mean_x, mean_y = np.bincount(label, x, count) / pixels, np.bincount(label, y, count) / pixels
    x -= mean_x[label]
    y -= mean_y[label]
    # a pixel has a width of its own: a twelfth is the variance of a square of side 1; unbiased as np.cov is
    norm = np.maximum(pixels - 1.0, 1.0)
    xx, yy, xy = (np.bincount(label, product, count) / norm for product in (x * x, y * y, x * y))
    xx, yy = xx + 1.0 / 12.0, yy + 1.0 / 12.0
    root = np.sqrt((xx - yy) ** 2 / 4.0 + xy**2)
    mean = (xx + yy) / 2.0
    return Moments(np.sqrt((mean + root) / np.maximum(mean - root, 1e-9)), np.arctan2(2.0 * xy, xx - yy) / 2.0)
