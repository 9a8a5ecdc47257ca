"""How much of a star's light lies in a halo about it: dew, frost or haze scatter it there.

The brightest unsaturated stars are cut out of the map, each divided by the light of its core, and stacked by a median,
which neighbours do not touch. Good optics in steady air leave 2 to 8 % of the light between 3 and 10 FWHM (Moffat
wings of exponent 4 to 2.1, Moffat 1969, A&A 3, 455, and an aureole as King's, 1971, PASP 83, 199).
"""

import math

import numpy as np
from numpy.typing import NDArray

from nebulift.median import medians_of_rows
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.stars import StarList

MOST_STARS, FEWEST_STARS = 24, 8
CORE_FWHM, HALO_FWHM, SKY_FWHM = 2.0, (3.0, 10.0), (12.0, 15.0)  # radii: core up to, halo and sky from and to
WANTED_FWHM_CELLS = 2.0  # on the map that is chosen: finer ones cost more and say no more
UNCERTAIN, SURE = 0.05, 6.0  # standard error of the share: beyond, nothing is said of shares under so many of it


def halo_share(maps: list[NDArray[np.int16]], stars: StarList, bin_px: int) -> float | None:
    """Light between 3 and 10 FWHM over that within 2, typical of the measured stars; ``None``: too few, or too faint.

    ``maps``: pyramid of the flattened map, its finest pixel ``bin_px`` raw pixels wide.
    """
    shapes = stars.shapes
    if len(shapes.fwhm_px) < FEWEST_STARS:
        return None
    fwhm_px = float(np.median(shapes.fwhm_px))
    finer = math.floor(math.log2(max(fwhm_px / bin_px / WANTED_FWHM_CELLS, 1.0)))
    level = min(finer, len(maps) - 1)
    cell = bin_px * 2**level
    fwhm = max(fwhm_px / cell, 1.0)
    half = math.ceil(SKY_FWHM[1] * fwhm)
    shapes_x, shapes_y = (shapes.x_px + 0.5) / cell - 0.5, (shapes.y_px + 0.5) / cell - 0.5
    chosen = _within(shapes_x, shapes_y, half, maps[level].shape)
    shapes_x, shapes_y = shapes_x[chosen], shapes_y[chosen]
    cut = _cut(maps[level], shapes_x, shapes_y, half)
    if len(cut) < FEWEST_STARS:
        return None
    axis = np.arange(-half, half + 1)
    radius = np.hypot(axis[:, None], axis[None, :]) / fwhm
    around = (radius >= SKY_FWHM[0]) & (radius <= SKY_FWHM[1])
    stamps = cut.astype(np.float32) / UNITS_PER_SIGMA
    stamps -= medians_of_rows(stamps[:, around])[:, None, None]
    light = stamps[:, radius <= CORE_FWHM].sum(axis=1)
    bright = light > 0.0
    if bright.sum() < FEWEST_STARS:
        return None
    ring = (radius >= HALO_FWHM[0]) & (radius <= HALO_FWHM[1])
    shares = stamps[bright][:, ring] / light[bright, None]
    away = np.hypot(shapes_x[bright] / maps[level].shape[1] - 0.5, shapes_y[bright] / maps[level].shape[0] - 0.5)
    order = np.argsort(away, kind="stable")
    inner, outer = (float(np.median(shares[some], axis=0).sum()) for some in np.array_split(order, 2))
    error = 1.2533 * math.sqrt(float(ring.sum()) * 2.0 / len(order)) / float(np.median(light[bright]))
    share = min(inner, outer)  # knots of a galaxy shine within its light, the stars around it do not
    return share if error <= max(UNCERTAIN, share / SURE) else None


def _within(x: NDArray[np.floating], y: NDArray[np.floating], half: int, shape: tuple[int, int]) -> NDArray[np.intp]:
    """The first stars whose cut-outs lie within the map."""
    height, width = shape
    inside = (np.rint(x) >= half) & (np.rint(y) >= half) & (np.rint(x) < width - half) & (np.rint(y) < height - half)
    return np.flatnonzero(inside)[:MOST_STARS]


def _cut(image: NDArray[np.int16], x: NDArray[np.floating], y: NDArray[np.floating], half: int) -> NDArray[np.int16]:
    """Cut-outs (n, 2 half + 1, 2 half + 1)."""
    side = 2 * half + 1
    out = np.empty((len(x), side, side), dtype=np.int16)
    for number, (column, row) in enumerate(zip(np.rint(x).astype(int), np.rint(y).astype(int), strict=True)):
        out[number] = image[row - half : row + half + 1, column - half : column + half + 1]
    return out
