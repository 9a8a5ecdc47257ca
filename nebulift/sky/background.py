"""The sky of a frame: background mesh, noise, gradient, vignetting, patchiness; and the map with all that taken off.

The background is a mesh of clipped means, much as in SExtractor (Bertin & Arnouts 1996, A&AS 117, 393), interpolated
between cell centres and *extrapolated* linearly beyond the outermost ones: a flat continuation leaves ramps along the
borders of every vignetted frame, and a ramp is a line to a streak detector.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.measurements import Sky
from nebulift.scan import UNITS_PER_SIGMA, Scan
from nebulift.sky.cells import LARGEST, QUIETEST, cell_levels, cell_noise
from nebulift.sky.structure import sky_structure

HIGHEST, LOWEST = np.int16(LARGEST), np.int16(-LARGEST)
# Two cells along the rim of an image circle show no sky: of small ones half would be lost with cells as wide as others.
# Stars of an all-sky lens are two or three pixels wide, so that the median of so few pixels still is the sky's.
CELL_SHARE, SMALLEST_CELL_PX = 0.05, 16  # of the radius
FEW_CELLS = 12  # on the shorter side
CELL_MAP_PX = 32  # one mesh cell is 64 raw pixels: wide against stars, narrow against gradients
BAND_MAP_ROWS = 16  # of the subtraction: its intermediates stay in cache
DARK_SHARE = 0.25  # of the way from the darkest to the median cell: what lies outside a fisheye's image circle
BOWL_SHARE = 0.1  # of its own range: what nine tenths of the mesh keep to it
STEEP_SHARE = 0.08  # at most so many cells on the slope between dark and bright: vignetting has all shades, a stop none
TONGUE_CELLS = 7  # wide: a third of the radius and less
SMALLEST_DISC = 0.1  # of the cells: what leaves less is a frame of which most is lost
HALF_WAY_TOP_ADU = 16383  # files whose greatest number is below it hold 10 to 14 bits
STOP_SIGMA = 8.0  # the step at the rim of an image circle is enormous
# A sky that is hardly brighter than the dark beside it makes a smaller one: then the disc must be round and filled.
# Skylines rise and fall by a tenth of the radius; cells are known to a twentieth of the noise.
FAINT_STOP_SIGMA, ROUND_SHARE, WITHIN, BEYOND = 1.0, 0.97, 0.85, 1.15
LEAST_RADIUS = 0.3  # of the frame's shorter side


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """One value a mesh cell, shape (rows, columns), float32, in sigma of the map above its zero level."""

    level: NDArray[np.float32]
    noise: NDArray[np.float32]  # pixel noise in each cell, in sigma of the map: about 1
    map_shape: tuple[int, int]
    inside: NDArray[np.bool_] | None  # cells within the image circle of an all-sky lens; None: the whole frame


def measure_background(scan: Scan, cell_px: float = CELL_MAP_PX) -> Background:
    """Level and noise in cells of about ``cell_px`` map pixels, less in a small image circle; stars are clipped.

    Cells with hardly a valid pixel take the level of the nearest good cell.
    """
    level = _levels(scan, cell_px)
    inside = image_circle(level)
    dark = _dark_surroundings(level)  # a disc of a few cells is there, though none of them is well inside
    if dark is None:  # of few cells too many lie on the rim
        finer_px = SMALLEST_CELL_PX if min(level.shape) < FEW_CELLS else cell_px
    else:
        finer_px = max(CELL_SHARE * _disc_radius(dark) * cell_px, SMALLEST_CELL_PX)
    if finer_px < cell_px:
        finer = _levels(scan, finer_px)
        if (of_finer := image_circle(finer)) is not None:
            level, inside = finer, of_finer
    return Background(_smoothed(level), _smoothed(cell_noise(scan, *level.shape)), scan.units.shape, inside)


def _levels(scan: Scan, cell_px: float) -> NDArray[np.float32]:
    height, width = scan.units.shape
    return cell_levels(scan, max(round(height / cell_px), 1), max(round(width / cell_px), 1))


def _shares(level: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The level of each cell between the darkest (0) and that of the frame's middle (1); ``None`` without a step."""
    rows, columns = level.shape
    floor, middle = np.quantile(level, 0.01), np.median(level[rows // 3 : -rows // 3, columns // 3 : -columns // 3])
    if middle - floor < FAINT_STOP_SIGMA:
        return None
    share = np.asarray((level - floor) / (middle - floor), dtype=np.float32)
    return share if middle - floor >= STOP_SIGMA or _is_round(share > 2 * DARK_SHARE) else None


def _is_round(bright: NDArray[np.bool_]) -> bool:
    """Whether the bright cells fill a circle and leave nothing beyond it, as no nebula does."""
    rows, columns = np.nonzero(bright)
    if len(rows) == 0:
        return False
    y, x = np.mgrid[0 : bright.shape[0], 0 : bright.shape[1]]
    # where the border of the frame cuts the disc its middle is not that of its cells, but it is as wide as they reach
    middle_x, middle_y = (float(np.quantile(at, 0.005) + np.quantile(at, 0.995)) / 2.0 for at in (columns, rows))
    radius = max(float(np.quantile(at, 0.995) - np.quantile(at, 0.005)) + 1.0 for at in (columns, rows)) / 2.0
    away = np.hypot(x - middle_x, y - middle_y) / radius
    if radius < LEAST_RADIUS * min(bright.shape) or not (away > BEYOND).any():
        return False
    return bool(bright[away < WITHIN].mean() >= ROUND_SHARE and bright[away > BEYOND].mean() <= 1.0 - ROUND_SHARE)


def _disc_radius(dark: NDArray[np.bool_]) -> float:
    """Of a circle as large as what is not dark, in cells."""
    return math.sqrt(float(np.count_nonzero(~dark)) / math.pi)


def _dark_surroundings(level: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Cells outside the bright disc of an all-sky frame, or ``None`` for a frame that its lens fills: near the darkest
    level in three corners or four, with hardly a cell on the slope between.
    """
    share = _shares(level) if min(level.shape) >= 8 else None
    if share is None:
        return None
    dark = share < DARK_SHARE
    slope = ((share >= DARK_SHARE) & (share < 2 * DARK_SHARE)).mean()
    corners = dark[[0, 0, -1, -1], [0, -1, 0, -1]].sum()
    if corners < 3 or dark.mean() < 0.05 or slope > STEEP_SHARE:
        return None
    return dark if _disc_radius(dark) >= LEAST_RADIUS * min(level.shape) else None  # a smaller one is a planet


def image_circle(level: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Cells well inside the bright disc of an all-sky frame, or ``None`` for a frame that its lens fills.

    The disc is recognised by its dark surroundings. Two cells along the rim are left out: the horizon lies there.
    """
    dark = _dark_surroundings(level)
    if dark is None:
        return None
    outside = cv2.dilate(dark.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    # where the border of the frame cuts the disc there is no dark cell beyond its rim: no tongues are left there
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (TONGUE_CELLS, TONGUE_CELLS))
    inside = np.asarray(cv2.morphologyEx(1 - outside, cv2.MORPH_OPEN, disc, borderValue=0) > 0)
    return inside if float(inside.mean()) >= SMALLEST_DISC else None


def _smoothed(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """3 x 3 median: takes out cells that a bright star or a galaxy fills.

    A median of nine on a bowl is too low, most of all where the bowl falls off along a diagonal: of a strongly
    vignetted frame it would leave bright bands, which look like trails. So the bowl is taken off before and added
    again, where it is one: a step (a roof before the field) is kept best as it is. The mesh is continued along its
    slope: with a border that repeats, cells along a border take the value of a cell further in, which leaves a ramp of
    one cell's slope there.
    """
    if min(mesh.shape) < 3:
        return mesh
    bowl = _bowl(mesh)
    if float(np.quantile(np.abs(mesh - bowl), 0.9)) > BOWL_SHARE * float(np.ptp(bowl)):
        bowl = np.zeros_like(mesh)
    return np.asarray(cv2.medianBlur(continued(mesh - bowl, 1), 3)[1:-1, 1:-1] + bowl, dtype=np.float32)


def _bowl(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """The paraboloid (1, x, y, x^2, x y, y^2) through the mesh, galaxies and bright stars left out."""
    y, x = np.mgrid[0 : mesh.shape[0], 0 : mesh.shape[1]].astype(np.float64)
    x, y = x / mesh.shape[1] - 0.5, y / mesh.shape[0] - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    return np.asarray(terms @ _robust_fit(terms.reshape(-1, 6), mesh.ravel().astype(np.float64)), dtype=np.float32)


def subtract_background(scan: Scan, background: Background) -> NDArray[np.int16]:
    """The map less its background, divided by the local noise: int16, sixteenths of the *local* sigma.

    Overwrites ``scan.units`` and returns it: a second map would double the memory of a frame. Invalid pixels and
    those outside the image circle are 0.
    """
    units = scan.units
    level = _drawn_across(background.level * np.float32(UNITS_PER_SIGMA), units.shape[1])
    noise = _drawn_across(background.noise, units.shape[1])
    np.maximum(noise, QUIETEST, out=noise)  # beyond the outermost cells it may fall below
    # written again and again: fresh arrays of this size would be fresh pages each time, at twice the cost of the work
    height, drawn = np.empty((2, BAND_MAP_ROWS, units.shape[1]), dtype=np.float32)
    for top, upper, weights in _bands(background):
        strip, of_strip, by = units[top : top + len(weights)], height[: len(weights)], drawn[: len(weights)]
        np.matmul(weights, level[upper : upper + 2], out=by)
        of_strip[:] = strip  # of one type: OpenCV takes half as long again to subtract two
        np.subtract(of_strip, by, out=of_strip)
        np.matmul(weights, noise[upper : upper + 2], out=by)
        cv2.divide(of_strip, by, dst=strip, dtype=cv2.CV_16S)
        strip.clip(LOWEST, HIGHEST, strip)  # so that its negative fits; ``numpy.maximum`` takes three times as long
    _blank(units, scan, background)
    return units


def _blank(units: NDArray[np.int16], scan: Scan, background: Background) -> None:
    """Zeros where there is no sky."""
    if scan.valid is not None:
        units[~scan.valid] = 0
    if background.inside is not None:
        inside = background.inside.astype(np.float32)
        units[interpolated(inside, background.map_shape, 0, len(units)) < 0.5] = 0


def interpolated(mesh: NDArray[np.float32], map_shape: tuple[int, int], top: int, bottom: int) -> NDArray[np.float32]:
    """Rows ``top`` to ``bottom`` of the mesh drawn out to the map: linear between cell centres and beyond them."""
    across = _drawn_across(mesh, map_shape[1])
    row = _mesh_positions(map_shape[0], mesh.shape[0])[top:bottom]
    upper = row.astype(np.intp)
    share = (row - upper).astype(np.float32)[:, None]
    return np.asarray(across[upper] + share * (across[upper + 1] - across[upper]))


def noise_at(background: Background, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """By what ``subtract_background`` divided the map at these places, in map pixels; shape (n,)."""
    rows, columns = background.noise.shape
    height, width = background.map_shape
    at_x = ((x + 0.5) * columns / width - 0.5).astype(np.float32)
    at_y = ((y + 0.5) * rows / height - 0.5).astype(np.float32)
    found = cv2.remap(background.noise, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.maximum(found.ravel().astype(np.float64), QUIETEST)


def _bands(background: Background) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """The map in bands of a few rows, each between the centres of two rows of cells of the continued mesh.

    (first row of the band, upper row of cells, what the upper and the lower one weigh at each row, shape (rows, 2))
    """
    position = _mesh_positions(background.map_shape[0], background.level.shape[0])
    upper = position.astype(np.intp)
    lower_share = (position - upper).astype(np.float32)
    weights = np.stack([1 - lower_share, lower_share], axis=1)
    edges = [0, *(np.flatnonzero(np.diff(upper)) + 1).tolist(), len(upper)]
    for top, bottom in pairwise(edges):
        for first in range(top, bottom, BAND_MAP_ROWS):
            yield first, int(upper[top]), weights[first : min(first + BAND_MAP_ROWS, bottom)]


def _drawn_across(mesh: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """The mesh, continued by a cell on all sides, at every column of the map: (rows + 2, width)."""
    extended = continued(mesh, 1)
    column = _mesh_positions(width, mesh.shape[1])
    left = column.astype(np.intp)
    share = (column - left).astype(np.float32)
    before = extended.take(left, axis=1)  # not by index: that would lay the columns one after the other
    return np.asarray(before + share * (extended.take(left + 1, axis=1) - before), dtype=np.float32)


def _mesh_positions(length: int, cells: int) -> NDArray[np.float64]:
    """Where ``length`` pixels lie between the centres of ``cells`` + 2 cells, of which the outermost are added."""
    return np.asarray((np.arange(length) + 0.5) * cells / length + 0.5)


def continued(mesh: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """The mesh with so many cells more on every side, each on the straight line through the two before it."""
    for _ in range(cells):
        mesh = _extended(_extended(mesh, 0), 1)
    return np.ascontiguousarray(mesh)


def _extended(mesh: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """One more cell at both ends of ``axis``, on the straight line through the last two."""
    first, last = mesh.take([0], axis), mesh.take([-1], axis)
    if mesh.shape[axis] > 1:
        first = 2 * first - mesh.take([1], axis)
        last = 2 * last - mesh.take([-2], axis)
    return np.concatenate([first, mesh, last], axis=axis)


def summarise(scan: Scan, background: Background) -> Sky:
    """Level, noise, gradient, vignetting and patchiness of the sky.

    The mesh is fitted by plane + bowl (1, x, y, r^2) with the worst tenth of the cells left out in a second round:
    a galaxy or a nebula must not tilt the plane. What the fit leaves, on sixteenths of the frame, is patchiness.
    """
    rows, columns = background.level.shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    x = (x + 0.5) / columns - 0.5
    y = (y + 0.5) / rows - 0.5
    terms = np.stack([np.ones_like(x), x, y, x**2 + y**2 - 1 / 6], axis=-1).reshape(-1, 4)
    level = background.level.astype(np.float64).ravel()
    inside = np.ones(level.shape, dtype=bool) if background.inside is None else background.inside.ravel()
    if level.size < 16:
        terms[:, 3] = 0.0
    coefficients = _robust_fit(terms[inside], level[inside])
    left = np.where(inside, level - terms @ coefficients, 0.0).reshape(rows, columns)
    raw_sigmas = scan.sigma_adu / scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else 1.0
    plane = np.abs(coefficients[1]) + np.abs(coefficients[2])
    parts = sky_structure(background.level, background.inside)
    return Sky(
        level_adu=float(scan.zero_adu + coefficients[0] * scan.sigma_adu),
        noise_adu=scan.raw_noise_adu,
        gradient_sigma=float(plane * raw_sigmas),
        gradient_angle_deg=float(np.degrees(np.arctan2(coefficients[2] / rows, coefficients[1] / columns)) % 360.0),
        patchiness_sigma=float(_patchiness(left) * raw_sigmas),
        vignetting_sigma=float(-coefficients[3] * 0.5 * raw_sigmas),
        is_all_sky=background.inside is not None,
        linear_sigma=None if parts is None else parts.linear * raw_sigmas,
        radial_sigma=None if parts is None else parts.radial * raw_sigmas,
        patchy_sigma=None if parts is None else parts.patchy * raw_sigmas,
        noise_ratio=_noise_ratio(background, inside.reshape(rows, columns)),
    )


def _noise_ratio(background: Background, inside: NDArray[np.bool_]) -> float | None:
    """Variance of the noise where the sky is brightest over that where it is darkest, a quarter of the cells each."""
    level, noise = background.level[inside], background.noise[inside]
    if level.size < 16:
        return None
    order = np.argsort(level, kind="stable")
    quarter = level.size // 4
    dark, bright = float(noise[order[:quarter]].mean()), float(noise[order[-quarter:]].mean())
    return (bright / max(dark, QUIETEST)) ** 2


def level_fraction(level_adu: float, peak_adu: float, dtype: np.dtype[np.generic]) -> float | None:
    """The sky's level over the range of the file's numbers, of 8, up to 14, or 16 bits; ``None`` for floats."""
    if dtype.kind != "u":
        return None
    highest = 255 if dtype.itemsize == 1 else HALF_WAY_TOP_ADU if peak_adu <= HALF_WAY_TOP_ADU else 65535
    return level_adu / highest


def _robust_fit(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of the least-squares fit without the tenth of the values farthest from it, twice over."""
    coefficients = _least_squares(terms, values)
    for _ in range(2):
        distance = np.abs(values - terms @ coefficients)
        kept = distance <= np.quantile(distance, 0.9)
        coefficients = _least_squares(terms[kept], values[kept])
    return coefficients


def _least_squares(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the normal equations: terms over the unit square are far from degenerate, or zero as a whole."""
    return np.asarray(np.linalg.lstsq(terms.T @ terms, terms.T @ values, rcond=1e-10)[0])


def _patchiness(left: NDArray[np.float64]) -> float:
    """Scatter of 16 x 16 patch means of ``left``, less the scatter of the cells within the patches."""
    rows, columns = min(16, left.shape[0]), min(16, left.shape[1])
    patches = cv2.resize(left.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    low, high = np.quantile(patches, [0.1587, 0.8413])
    return float(high - low) / 2.0
