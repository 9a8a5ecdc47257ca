"""The light that falls on the sensor in one exposure, in electrons, before vignetting, noise and converter."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.atmosphere import (
    CloudLayer,
    cloud_transmission,
    coarse_axes,
    full_size,
    ordinary_sky,
    sky_electrons,
)
from nebulift.simulate.camera import Camera
from nebulift.simulate.causes import Covered, Dew, Overexposure
from nebulift.simulate.diffuse import diffuse_colour, diffuse_light
from nebulift.simulate.field import stars_in_frame
from nebulift.simulate.glows import Glow, glow_light
from nebulift.simulate.obstacles import Obstacle, obstacle_transmission
from nebulift.simulate.psf import StarShape, line_profile
from nebulift.simulate.scene import Scene, band_factor, diffuse_factor, pointing_of
from nebulift.simulate.star_painting import Stars, channel_tile
from nebulift.simulate.trails import Trail, trail_light

Image = NDArray[np.float32]
SMOOTH_CELL = 16  # px; sky and clouds are smooth
SHARP_CELL = 4  # px; the edge of a prism or a branch is not


@dataclass(frozen=True, slots=True, eq=False)
class SkyMaps:
    """Maps of one exposure on a coarse grid of ``cell`` pixels, each ``(rows, columns)`` float32."""

    cell: int
    level_e: float  # of the clear sky in the middle
    clear_e: Image  # the sky as it would be without clouds, glows and obstacles
    base_e: Image  # the sky with clouds and obstacles, glows left out
    glows_e: tuple[Image, ...]  # in the order of the scene's glows
    clouds: tuple[Image, ...]  # transmission of each cloud layer
    obstacles: tuple[Image, ...]  # transmission of each obstacle
    transmission: Image  # of star light: all of these, dew and cover, without ordinary extinction


def sky_maps(scene: Scene, camera: Camera) -> SkyMaps:
    """Sky and transmission over the frame, from the scene alone (no chance in it)."""
    size = (camera.width_px, camera.height_px)
    obstacles = scene.chosen(Obstacle)
    cell = SHARP_CELL if obstacles else SMOOTH_CELL
    x, y = coarse_axes(size, cell)
    level = sky_electrons(scene.air, scene.telescope, camera, scene.band, scene.exposure_s)
    clear = np.float32(level) * ordinary_sky(scene.air, x, y, size)
    base, transmission = clear, np.ones_like(clear)
    clouds = []
    for layer in scene.chosen(CloudLayer):
        passing = cloud_transmission(layer, x, y, scene.time_s, scene.exposure_s)
        clouds.append(passing)
        base = base * (passing + np.float32(layer.lit) * (1.0 - passing))
        transmission = transmission * passing
    glows = [np.float32(level) * glow_light(glow, x, y, size) for glow in scene.chosen(Glow)]
    shades = [obstacle_transmission(obstacle, x, y, size) for obstacle in obstacles]
    for obstacle, passing in zip(obstacles, shades, strict=True):
        base = base * passing + np.float32(level * obstacle.lit) * (1.0 - passing)
        glows = [glow * passing for glow in glows]
        transmission = transmission * passing
    for dew in scene.chosen(Dew):
        lost = np.float32(dew.loss) * _wet(dew, x, y, size)
        transmission = transmission * (np.float32(1.0) - lost)
        base = base * (np.float32(1.0) - np.float32(0.5) * lost)
    for cover in scene.chosen(Covered):
        base, transmission = base * np.float32(cover.leak), transmission * np.float32(0.0)
        glows = [glow * np.float32(cover.leak) for glow in glows]
    return SkyMaps(cell, level, clear, base, tuple(glows), tuple(clouds), tuple(shades), transmission)


def _wet(dew: Dew, x: Image, y: Image, size: tuple[int, int]) -> Image | np.float32:
    """How wet the glass is at each place, 0 to 1."""
    if dew.form == "even":
        return np.float32(1.0)
    width, height = size
    away = np.hypot(x / width - 0.5, y / height - 0.5) / math.sqrt(0.5)  # 1 in the corners
    wet = np.clip((away - 0.35) / 0.5, 0.0, 1.0) if dew.form == "edge" else np.clip((0.6 - away) / 0.4, 0.0, 1.0)
    return np.asarray(wet * wet * (3.0 - 2.0 * wet), dtype=np.float32)


def sky_light(scene: Scene, camera: Camera, maps: SkyMaps) -> Image:
    """Background light at every pixel, shape (height, width), float32 electrons, colour sensors with their mosaic."""
    size = (camera.width_px, camera.height_px)
    tile = channel_tile(camera.bayer)
    light = full_size(maps.base_e, size, maps.cell)
    coloured(light, scene.air.colour, tile)
    for glow, level in zip(scene.chosen(Glow), maps.glows_e, strict=True):
        added = full_size(level, size, maps.cell)
        coloured(added, glow.colour, tile)
        light += added
    return light


def add_diffuse(light: Image, scene: Scene, camera: Camera, maps: SkyMaps, shape: StarShape) -> None:
    """Add the target's nebula, galaxy or comet to ``light``, in place."""
    size = (camera.width_px, camera.height_px)
    smear = math.hypot(shape.fwhm_px / 2.355, shape.extent_px / 4.0)
    soft = diffuse_light(scene.target, pointing_of(scene), size, scene.time_s, smear)
    if soft is None or not maps.transmission.any():
        return
    strength = scene.target.diffuse_e_s * scene.exposure_s * scene.air.transmission * diffuse_factor(scene)
    soft *= np.float32(strength)
    if float(np.ptp(maps.transmission)) > 1e-3:
        soft *= full_size(maps.transmission, size, maps.cell)
    else:
        soft *= maps.transmission.flat[0]
    coloured(soft, diffuse_colour(scene.target), channel_tile(camera.bayer))
    light += soft


def visible_stars(scene: Scene, camera: Camera, maps: SkyMaps) -> Stars:
    """The stars of the frame with the electrons that arrive, clouds and obstacles in their light."""
    size = (camera.width_px, camera.height_px)
    electrons = scene.target.limit_e_s * scene.exposure_s * scene.air.transmission * band_factor(scene)
    stars = stars_in_frame(scene.target, pointing_of(scene), scene.band, size, electrons)
    return Stars(stars.x_px, stars.y_px, stars.flux_e * _at(maps, stars.x_px, stars.y_px), stars.colour)


def trails_light(scene: Scene, camera: Camera, maps: SkyMaps, shape: StarShape, noise_e: float) -> list[Image]:
    """The light of each trail, in the order of the scene, on a frame of its own."""
    size = (camera.width_px, camera.height_px)
    lights = []
    for trail in scene.chosen(Trail):
        light = trail_light(trail, line_profile(shape, trail.widening_px), noise_e, size)
        for passing in maps.obstacles:
            light *= full_size(passing, size, maps.cell)
        lights.append(light)
    return lights


def add_overexposure(light: Image, over: Overexposure, camera: Camera) -> None:
    """Add, in place, a sky near saturation, or the Moon or a planet with its glare."""
    if over.form == "sky":
        light += np.float32(over.amount * camera.saturation_e)
    else:
        light += glare(over, (camera.width_px, camera.height_px), camera.saturation_e)


def glare(over: Overexposure, size: tuple[int, int], saturation: float) -> Image:
    """Light of a brilliant object that reaches ``saturation`` on the wanted share of a frame (width, height)."""
    width, height = size
    radius2 = over.amount * width * height / math.pi
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32(over.x * width)
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(over.y * height)
    nearness = np.float32(radius2) / np.maximum(x * x + y * y, np.float32(0.25 * radius2))
    return np.asarray(np.float32(saturation) * nearness ** np.float32(over.steepness), dtype=np.float32)


def coloured(light: Image, colour: tuple[float, float, float], tile: NDArray[np.intp] | None) -> None:
    """Multiply ``light`` by the colour of each pixel of the mosaic, in place; without a mosaic it stays as it is."""
    if tile is None:
        return
    for row in (0, 1):
        for column in (0, 1):
            light[row::2, column::2] *= np.float32(colour[tile[row, column]])


def _at(maps: SkyMaps, x_px: NDArray[np.float32], y_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transmission where each star stands; stars outside get that of the nearest edge."""
    if len(x_px) == 0:
        return np.ones(0, dtype=np.float32)
    column = ((x_px + 0.5) / maps.cell - 0.5).astype(np.float32)
    row = ((y_px + 0.5) / maps.cell - 0.5).astype(np.float32)
    if len(x_px) < 32_000:  # remap takes no longer rows than that
        sampled = cv2.remap(
            maps.transmission, column[None, :], row[None, :], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(sampled[0], dtype=np.float32)
    rows, columns = maps.transmission.shape
    i = np.clip(np.rint(row).astype(np.intp), 0, rows - 1)
    j = np.clip(np.rint(column).astype(np.intp), 0, columns - 1)
    return np.asarray(maps.transmission[i, j], dtype=np.float32)
