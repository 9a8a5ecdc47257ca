"""The sky of a frame: background mesh, noise, gradient, vignetting, patchiness; and the map with all that taken off.

The background is a mesh of clipped means, much as in SExtractor (Bertin & Arnouts 1996, A&AS 117, 393), interpolated
between cell centres and *extrapolated* linearly beyond the outermost ones: a flat continuation leaves ramps along the
borders of every vignetted frame, and a ramp is a line to a streak detector.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.measurements import Sky
from nebulift.scan import UNITS_PER_SIGMA, Scan

CELL_MAP_PX = 32  # one mesh cell is 64 raw pixels: wide against stars, narrow against gradients
SAMPLES_PER_SIDE = 16  # 256 of the 1024 map pixels of a cell: the median is then good to 8 % of the noise
NOISE_SAMPLES_PER_SIDE = 8
CLIP_SIGMA = 2.5
CLIP_ROUNDS = 3
STRIP_MAP_ROWS = 32  # of the subtraction: its intermediates stay in cache
DARK_SHARE = 0.25  # of the way from the darkest to the median cell: what lies outside a fisheye's image circle
BOWL_SHARE = 0.1  # of its own range: what nine tenths of the mesh keep to it
STEEP_SHARE = 0.08  # at most so many cells on the slope between dark and bright: vignetting has all shades, a stop none
STOP_SIGMA = 8.0  # the step at the rim of an image circle is enormous


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """One value a mesh cell, shape (rows, columns), float32, in sigma of the map above its zero level."""

    level: NDArray[np.float32]
    noise: NDArray[np.float32]  # pixel noise in each cell, in sigma of the map: about 1
    map_shape: tuple[int, int]
    inside: NDArray[np.bool_] | None  # cells within the image circle of an all-sky lens; None: the whole frame


def measure_background(scan: Scan, cell_px: float = CELL_MAP_PX) -> Background:
    """Level and noise in cells of about ``cell_px`` map pixels; stars are clipped.

    Cells with hardly a valid pixel take the level of the nearest good cell.
    """
    height, width = scan.units.shape
    rows, columns = max(round(height / cell_px), 1), max(round(width / cell_px), 1)
    level = _cell_level(scan, rows, columns)
    noise = _cell_noise(scan, rows, columns)
    inside = image_circle(level)
    return Background(_smoothed(level), _smoothed(noise), (height, width), inside)


def image_circle(level: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Cells well inside the bright disc of an all-sky frame, or ``None`` for a frame that its lens fills.

    The disc is recognised by its dark surroundings: cells near the darkest level in three corners or four, with hardly
    a cell on the slope between. Two cells along the rim are left out: the horizon lies there.
    """
    rows, columns = level.shape
    if min(rows, columns) < 8:
        return None
    floor, middle = np.quantile(level, 0.01), np.median(level[rows // 3 : -rows // 3, columns // 3 : -columns // 3])
    if middle - floor < STOP_SIGMA:
        return None
    share = (level - floor) / (middle - floor)
    dark = share < DARK_SHARE
    slope = ((share >= DARK_SHARE) & (share < 2 * DARK_SHARE)).mean()
    corners = dark[[0, 0, -1, -1], [0, -1, 0, -1]].sum()
    if corners < 3 or dark.mean() < 0.05 or slope > STEEP_SHARE:
        return None
    outside = cv2.dilate(dark.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    return np.asarray(outside == 0)


def _cell_level(scan: Scan, rows: int, columns: int) -> NDArray[np.float32]:
    ys = _positions(scan.units.shape[0], rows * SAMPLES_PER_SIDE)
    xs = _positions(scan.units.shape[1], columns * SAMPLES_PER_SIDE)
    cells = _by_cell(scan.units[ys[:, None], xs], rows, columns)
    bad = None if scan.valid is None else _by_cell(~scan.valid[ys[:, None], xs], rows, columns)
    if bad is not None:
        cells[bad] = np.iinfo(np.int16).max  # sorted to the end and not counted
    cells.sort(axis=-1)
    counts = np.full((rows, columns), cells.shape[-1]) if bad is None else cells.shape[-1] - bad.sum(axis=-1)
    level = _clipped_midmean(cells, counts) / UNITS_PER_SIGMA
    return _filled(level.astype(np.float32), counts >= cells.shape[-1] // 8)


def _cell_noise(scan: Scan, rows: int, columns: int) -> NDArray[np.float32]:
    """Pixel noise from differences of neighbours (median absolute difference): blind to gradients and nebulae."""
    ys = _positions(scan.units.shape[0], rows * NOISE_SAMPLES_PER_SIDE)
    xs = np.minimum(_positions(scan.units.shape[1], columns * NOISE_SAMPLES_PER_SIDE), scan.units.shape[1] - 2)
    left, right = scan.units[ys[:, None], xs], scan.units[ys[:, None], xs + 1]
    cells = _by_cell(np.abs(left.astype(np.int32) - right), rows, columns)
    cells.sort(axis=-1)
    middle = cells.shape[-1] // 2
    median = (cells[..., middle - 1] + cells[..., middle]) / 2.0
    noise = (median / (0.6745 * 2**0.5) / UNITS_PER_SIGMA).astype(np.float32)
    good = noise > 0.0
    return _filled(np.maximum(noise, 0.05), good) if good.any() else np.ones_like(noise)


def _positions(length: int, count: int) -> NDArray[np.intp]:
    """``count`` indices spread evenly over ``length``."""
    return ((np.arange(count) + 0.5) * length / count).astype(np.intp)


def _by_cell(samples: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """(rows * k, columns * k) samples as (rows, columns, k * k), contiguous."""
    side = samples.shape[0] // rows
    blocks = samples.reshape(rows, side, columns, side).swapaxes(1, 2)
    return np.ascontiguousarray(blocks).reshape(rows, columns, side * side)


def _clipped_midmean(cells: NDArray[Any], counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean of the middle half of each sorted cell after cutting off what lies more than 2.5 sigma above the median.

    The width is taken from the lower half alone: stars and nebulae only add light. The mean of the middle half is as
    robust as the median here and does not jump by whole steps where a 12-bit converter writes every 16th value.
    """
    kept = counts.copy()
    median = _quantile(cells, kept / 2)
    for _ in range(CLIP_ROUNDS):
        sigma = np.maximum(median - _quantile(cells, kept * 0.1587), 1.0)
        inside = cells <= (median + CLIP_SIGMA * sigma)[..., None]
        kept = np.minimum(inside.sum(axis=-1), counts)
        median = _quantile(cells, kept / 2)
    sums = np.cumsum(cells, axis=-1, dtype=np.float64)
    first = np.minimum(kept // 4, cells.shape[-1] - 1)
    last = np.maximum(first + 1, kept - kept // 4 - 1).clip(max=cells.shape[-1] - 1)
    total = np.take_along_axis(sums, last[..., None], -1) - np.take_along_axis(sums, first[..., None], -1)
    return np.asarray(total[..., 0] / np.maximum(last - first, 1))


def _quantile(cells: NDArray[Any], rank: NDArray[np.floating]) -> NDArray[np.float64]:
    """Value at a fractional rank of each sorted cell (linear between neighbours)."""
    position = np.clip(rank - 0.5, 0, cells.shape[-1] - 1)
    lower = position.astype(np.intp)
    upper = np.minimum(lower + 1, cells.shape[-1] - 1)
    share = position - lower
    low = np.take_along_axis(cells, lower[..., None], axis=-1)[..., 0].astype(np.float64)
    high = np.take_along_axis(cells, upper[..., None], axis=-1)[..., 0].astype(np.float64)
    return np.asarray(low + share * (high - low))


def _filled(mesh: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Bad cells take the value of the nearest good one."""
    if good.all() or not good.any():
        return mesh
    good_at = np.argwhere(good)
    for row, column in np.argwhere(~good):
        nearest = good_at[((good_at - (row, column)) ** 2).sum(axis=1).argmin()]
        mesh[row, column] = mesh[tuple(nearest)]
    return mesh


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
    continued = np.ascontiguousarray(_extended(_extended(mesh - bowl, 0), 1))
    return np.asarray(cv2.medianBlur(continued, 3)[1:-1, 1:-1] + bowl, dtype=np.float32)


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
    for top in range(0, units.shape[0], STRIP_MAP_ROWS):
        bottom = min(top + STRIP_MAP_ROWS, units.shape[0])
        level = interpolated(background.level, background.map_shape, top, bottom)
        noise = interpolated(background.noise, background.map_shape, top, bottom)
        strip = units[top:bottom]
        flat = (strip - level * UNITS_PER_SIGMA) / np.maximum(noise, 0.05)
        np.clip(flat, -32767, 32767, out=flat)
        strip[:] = np.rint(flat, out=flat)
        if scan.valid is not None:
            strip[~scan.valid[top:bottom]] = 0
        if background.inside is not None:
            inside = background.inside.astype(np.float32)
            strip[interpolated(inside, background.map_shape, top, bottom) < 0.5] = 0
    return units


def interpolated(mesh: NDArray[np.float32], map_shape: tuple[int, int], top: int, bottom: int) -> NDArray[np.float32]:
    """Rows ``top`` to ``bottom`` of the mesh drawn out to the map: linear between cell centres and beyond them."""
    height, width = map_shape
    rows = _extended(mesh, 0)
    rows = _extended(rows, 1)
    scale_y, scale_x = height / mesh.shape[0], width / mesh.shape[1]
    # destination pixel (x, y) lies at mesh coordinate ((x + 0.5) / scale - 0.5), + 1 for the extra border
    to_mesh = np.array(
        [[1 / scale_x, 0.0, 0.5 / scale_x + 0.5], [0.0, 1 / scale_y, (top + 0.5) / scale_y + 0.5]], dtype=np.float64
    )
    size = (width, bottom - top)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rows, to_mesh, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


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
    return Sky(
        level_adu=float(scan.zero_adu + coefficients[0] * scan.sigma_adu),
        noise_adu=scan.raw_noise_adu,
        gradient_sigma=float(plane * raw_sigmas),
        gradient_angle_deg=float(np.degrees(np.arctan2(coefficients[2] / rows, coefficients[1] / columns)) % 360.0),
        patchiness_sigma=float(_patchiness(left) * raw_sigmas),
        vignetting_sigma=float(-coefficients[3] * 0.5 * raw_sigmas),
        is_all_sky=background.inside is not None,
    )


def _robust_fit(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    coefficients = np.linalg.lstsq(terms, values, rcond=None)[0]
    for _ in range(2):
        distance = np.abs(values - terms @ coefficients)
        kept = distance <= np.quantile(distance, 0.9)
        coefficients = np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0]
    return np.asarray(coefficients)


def _patchiness(left: NDArray[np.float64]) -> float:
    """Scatter of 16 x 16 patch means of ``left``, less the scatter of the cells within the patches."""
    rows, columns = min(16, left.shape[0]), min(16, left.shape[1])
    patches = cv2.resize(left.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    low, high = np.quantile(patches, [0.1587, 0.8413])
    return float(high - low) / 2.0
