"""What a search for faint structure must not see: discs over stars, and patches over galaxies and nebula cores."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.stars import StarList

WING_EXPONENT = 2.5  # of a Moffat profile with the wide wings of real optics
COVER_TO_SIGMA = 0.17  # discs reach to where a star's light is so faint: a line of a thousand pixels feels wings
MAX_COVERED = 0.35  # of the frame: in the Milky Way only the brighter stars are covered, the rest is clipped
PATCH_SIGMA = 6.0
PATCH_MAX_ASPECT = 4.0  # longer and thinner patches may be trails: they stay open
LINE_LIKE_SHARE = 0.5  # when more of the stars than this look like lines, the whole frame is trailed


def star_cover(stars: StarList, shape: tuple[int, int], scale_px: int) -> NDArray[np.bool_]:
    """Mask of a map of ``shape`` whose pixels are ``scale_px`` raw pixels wide: True where a star shines."""
    cover = np.zeros(shape, dtype=np.uint8)
    if len(stars.x_px) == 0:
        return cover.astype(bool)
    radius = cover_radius_px(stars) / scale_px
    open_to_lines = stars.line_like if stars.line_like.mean() < LINE_LIKE_SHARE else np.zeros_like(stars.line_like)
    chosen = np.flatnonzero(~open_to_lines)
    area = np.cumsum(np.pi * np.maximum(radius[chosen], 0.6) ** 2)
    chosen = chosen[: int(np.searchsorted(area, MAX_COVERED * cover.size))]
    x, y = (stars.x_px + 0.5) / scale_px - 0.5, (stars.y_px + 0.5) / scale_px - 0.5
    fractional = 16  # cv2.circle takes fixed-point centres and radii: four bits behind the point
    for star in chosen:
        centre = (round(float(x[star]) * fractional), round(float(y[star]) * fractional))
        cv2.circle(cover, centre, round(float(max(radius[star], 0.5)) * fractional), 1, -1, shift=4)
    return cover.astype(bool)


def cover_radius_px(stars: StarList) -> NDArray[np.float64]:
    """Radius in raw pixels at which each star has faded to 0.17 sigma, for a Moffat profile of the frame's FWHM."""
    widths = stars.shapes.fwhm_px
    fwhm = float(np.median(widths)) if len(widths) else 2.0 * stars.scale_px
    ratio = np.maximum(stars.snr / COVER_TO_SIGMA, 1.0).astype(np.float64)
    return np.asarray(fwhm * np.sqrt(ratio ** (1.0 / WING_EXPONENT) - 1.0) + 0.5)


def patch_cover(coarse_map: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Mask of a coarse pyramid level: True on compact bright patches (galaxies, halos, nebula cores)."""
    bright = (coarse_map > PATCH_SIGMA * UNITS_PER_SIGMA).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    cover = np.zeros(coarse_map.shape, dtype=bool)
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < 4:
            continue
        rows, columns = np.nonzero(labels == label)
        if _aspect(rows, columns) < PATCH_MAX_ASPECT:
            cover[rows, columns] = True
    return np.asarray(cv2.dilate(cover.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _aspect(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> float:
    """Length over width of a set of pixels, from second moments."""
    covariance = np.cov(np.stack([columns, rows])) + np.eye(2) / 12.0
    small, large = np.linalg.eigvalsh(covariance)
    return float(np.sqrt(large / small))
