"""Thousands of stars into an image: each as large as its brightness asks for, at its sub-pixel place."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.psf import (
    MIDDLE,
    Image,
    Place,
    StarShape,
    brightest_at,
    fine_psf,
    oversampling,
    place_in_field,
    stamps,
)

ZONES = 3  # the field is cut into 3 x 3 zones where the optics differ over it
UNNOTICED_SIGMA = 0.1  # a star's wing may end where its brightest pixel sinks below this share of the noise
CHUNK_CELLS = 400_000  # stamp cells added at a time: bounds the memory and stays in the cache
MANY_CELLS = 8_000_000  # with more cells than this, one convolution of the whole image is cheaper


@dataclass(frozen=True, slots=True, eq=False)
class Stars:
    """Stars on the sensor: ``x_px``, ``y_px`` (n,), ``flux_e`` (n,) electrons in green or in the only channel,
    ``colour`` (n, 3) brightness in R, G, B over that.
    """

    x_px: NDArray[np.float32]
    y_px: NDArray[np.float32]
    flux_e: NDArray[np.float32]
    colour: NDArray[np.float32]

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "Stars":
        """The stars at ``which``."""
        return Stars(self.x_px[which], self.y_px[which], self.flux_e[which], self.colour[which])


def channel_tile(bayer: str | None) -> NDArray[np.intp] | None:
    """(2, 2) channel numbers (R 0, G 1, B 2) of a Bayer cell, or ``None`` for a camera without colours."""
    return None if bayer is None else np.array(["RGB".index(c) for c in bayer]).reshape(2, 2)


def paint_stars(image: Image, stars: Stars, shape: StarShape, noise_e: float, bayer: str | None = None) -> None:
    """Add ``stars`` to ``image`` (H, W) float32 electrons, in place. ``noise_e`` says how faint a wing still counts."""
    radii = _radii(shape)
    size = _size_classes(stars, shape, radii, noise_e)
    faint = np.flatnonzero(size == 0)
    if len(faint) * (2 * radii[0] + 1) ** 2 > MANY_CELLS and shape.extent_px > 6.0:
        _convolve_stars(image, stars.chosen(faint), shape, radii[0], bayer)
        size[faint] = -1
    tile = channel_tile(bayer)
    for number, radius in enumerate(radii):
        chosen = stars.chosen(np.flatnonzero(size == number))
        if len(chosen.flux_e) == 0:
            continue
        if radius > radii[2]:
            _paint_same_size(image, chosen, _wings(shape, radius, radii[2]), tile)
        for zone, place in _zones(image.shape, chosen, shape):
            core = min(radius, radii[2])
            _paint_same_size(image, chosen.chosen(zone), _phases(shape, place, core, oversampling(shape, core)), tile)


def _phases(shape: StarShape, place: Place, radius: int, cells: int) -> Image:
    return stamps(fine_psf(shape, place, radius, cells), cells, radius)


def _wings(shape: StarShape, radius: int, core: int) -> Image:
    """A wide star less its core: the wings tell neither the exact place nor the place in the field, the core does."""
    cells = oversampling(shape, radius)
    wings = _phases(shape, MIDDLE, radius, cells)
    inside = slice(radius - core, radius + core + 1)
    wings[:, :, inside, inside] -= _phases(shape, MIDDLE, core, cells)
    return wings


def _radii(shape: StarShape) -> list[int]:
    """Stamp half-sizes from the faintest stars' to the brightest's."""
    extra = shape.extent_px / 2.0
    sizes = [1.2 * shape.fwhm_px + 1, 2.6 * shape.fwhm_px + 2, 8.0 * shape.fwhm_px + 6, 150, 400]
    radii = [math.ceil(size + extra) for size in sizes[:3]]
    return [*radii, *(math.ceil(size + extra) for size in sizes[3:] if size > radii[-1])]


def _size_classes(stars: Stars, shape: StarShape, radii: list[int], noise_e: float) -> NDArray[np.intp]:
    limits = [UNNOTICED_SIGMA * noise_e / brightest_at(shape, radius) for radius in radii[:-1]]
    brightest = stars.flux_e * stars.colour.max(axis=1)
    return np.asarray(np.searchsorted(np.maximum.accumulate(limits), brightest), dtype=np.intp)


def _zones(size: tuple[int, ...], stars: Stars, shape: StarShape) -> Iterator[tuple[NDArray[np.intp], Place]]:
    """(which stars, where) for each zone of the field that has any; one zone where the optics are the same all over."""
    telescope = shape.telescope
    if telescope.coma < 0.02 and telescope.tilt < 0.02:
        yield np.arange(len(stars.flux_e)), MIDDLE
        return
    height, width = size
    column = np.clip((stars.x_px * ZONES / width).astype(np.intp), 0, ZONES - 1)
    row = np.clip((stars.y_px * ZONES / height).astype(np.intp), 0, ZONES - 1)
    for zone in np.unique(row * ZONES + column):
        j, i = divmod(int(zone), ZONES)
        x, y = (2 * i + 1) / ZONES - 1.0, (2 * j + 1) / ZONES - 1.0
        yield np.flatnonzero(row * ZONES + column == zone), place_in_field(telescope, 1.4 * x, 1.4 * y)


def _paint_same_size(image: Image, stars: Stars, phases: Image, tile: NDArray[np.intp] | None) -> None:
    cells, side = phases.shape[0], phases.shape[2]
    radius = side // 2
    x0, phase_x = _pixel_and_phase(stars.x_px, cells)
    y0, phase_y = _pixel_and_phase(stars.y_px, cells)
    height, width = image.shape
    inside = (x0 >= radius) & (x0 < width - radius) & (y0 >= radius) & (y0 < height - radius)
    many = inside if side * side < 2000 else np.zeros_like(inside)
    _paint_many(image, stars, (x0, y0, phase_x, phase_y), phases, (np.flatnonzero(many), tile))
    touching = (x0 >= -radius) & (x0 < width + radius) & (y0 >= -radius) & (y0 < height + radius)
    for i in np.flatnonzero(touching & ~many):
        stamp = phases[phase_y[i], phase_x[i]] * stars.flux_e[i]
        _paint_one(image, stamp, int(x0[i]) - radius, int(y0[i]) - radius, (stars.colour[i], tile))


def _pixel_and_phase(position: NDArray[np.float32], cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nearest phase: a star at pixel ``p`` + ``phase / cells - 0.5``."""
    steps = np.rint((position.astype(np.float64) + 0.5) * cells).astype(np.int64)
    return steps // cells, steps % cells


def _paint_many(
    image: Image,
    stars: Stars,
    place: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    phases: Image,
    which: tuple[NDArray[np.intp], NDArray[np.intp] | None],
) -> None:
    x0, y0, phase_x, phase_y = place
    chosen, tile = which
    width, side = image.shape[1], phases.shape[2]
    dy, dx = np.divmod(np.arange(side * side), side)
    offsets = (dy - side // 2) * width + dx - side // 2
    flat = image.reshape(-1)
    cells = phases.shape[0]
    kernels = phases.reshape(cells * cells, side * side)
    channels = None if tile is None else _channels_by_parity(tile, dx - side // 2, dy - side // 2)
    step = max(1, CHUNK_CELLS // (side * side))
    for start in range(0, len(chosen), step):
        part = chosen[start : start + step]
        light = kernels[phase_y[part] * cells + phase_x[part]] * stars.flux_e[part, None]
        if channels is not None:
            parity = (y0[part] & 1) * 2 + (x0[part] & 1)
            light *= np.take_along_axis(stars.colour[part], channels[parity], axis=1)
        index = (y0[part] * width + x0[part])[:, None] + offsets[None, :]
        np.add.at(flat, index.ravel(), light.ravel())


def _channels_by_parity(tile: NDArray[np.intp], dx: NDArray[np.int64], dy: NDArray[np.int64]) -> NDArray[np.intp]:
    """(4, cells) channel under each stamp cell, for the four places of its centre in the Bayer cell."""
    place = (dy & 1) * 2 + (dx & 1)
    shifted = np.stack([np.roll(tile, (-row, -column), (0, 1)).ravel() for row in (0, 1) for column in (0, 1)])
    return np.asarray(shifted[:, place])


def _paint_one(
    image: Image,
    stamp: Image,
    left: int,
    top: int,
    colours: tuple[NDArray[np.float32], NDArray[np.intp] | None],
) -> None:
    colour, tile = colours
    height, width = image.shape
    x0, x1 = max(left, 0), min(left + stamp.shape[1], width)
    y0, y1 = max(top, 0), min(top + stamp.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    part = stamp[y0 - top : y1 - top, x0 - left : x1 - left]
    if tile is None:
        image[y0:y1, x0:x1] += part
        return
    for row in (0, 1):
        for column in (0, 1):
            factor = colour[tile[(y0 + row) & 1, (x0 + column) & 1]]
            image[y0 + row : y1 : 2, x0 + column : x1 : 2] += part[row::2, column::2] * factor


def _convolve_stars(image: Image, stars: Stars, shape: StarShape, radius: int, bayer: str | None) -> None:
    """Wide star images of a crowded field: points first, one convolution for all; the wide PSF hides the pixels."""
    tile = channel_tile(bayer)
    psf = stamps(fine_psf(shape, MIDDLE, radius, 2), 2, radius)[1, 1]
    for channel in [None] if tile is None else [0, 1, 2]:
        flux = stars.flux_e if channel is None else stars.flux_e * stars.colour[:, channel]
        points = np.zeros((image.shape[0] + 2 * radius, image.shape[1] + 2 * radius), dtype=np.float32)
        _deposit(points, stars.x_px + radius, stars.y_px + radius, flux)
        light = cv2.filter2D(points, cv2.CV_32F, cv2.flip(psf, -1), borderType=cv2.BORDER_CONSTANT)
        light = np.maximum(light[radius:-radius, radius:-radius], 0.0)
        if tile is None or channel is None:
            image += light
            continue
        for row, column in np.argwhere(tile == channel):
            image[row::2, column::2] += light[row::2, column::2]


def _deposit(points: Image, x: NDArray[np.float32], y: NDArray[np.float32], flux: NDArray[np.float32]) -> None:
    height, width = points.shape
    x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = x - x0, y - y0
    for dy in (0, 1):
        for dx in (0, 1):
            inside = (x0 + dx >= 0) & (x0 + dx < width) & (y0 + dy >= 0) & (y0 + dy < height)
            share = np.abs(1 - dx - fx) * np.abs(1 - dy - fy) * flux
            np.add.at(points, (y0[inside] + dy, x0[inside] + dx), share[inside].astype(np.float32))
