"""``render``: one scene through one camera: the pixels as they would be stored, and the truth about them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.findings import Kind
from nebulift.simulate import evidence
from nebulift.simulate.atmosphere import CloudLayer
from nebulift.simulate.camera import Camera
from nebulift.simulate.causes import Blur, Covered, Dew, Motion, OffTarget, Overexposure
from nebulift.simulate.charge import add_cosmic_rays, bleed_columns, expected_cosmic_rays
from nebulift.simulate.delivery import delivered
from nebulift.simulate.glows import Glow
from nebulift.simulate.light import (
    SkyMaps,
    add_diffuse,
    add_overexposure,
    sky_light,
    sky_maps,
    trails_light,
    visible_stars,
)
from nebulift.simulate.obstacles import Obstacle
from nebulift.simulate.psf import Image, StarShape
from nebulift.simulate.readout_faults import Fault, apply_fault
from nebulift.simulate.scene import Scene, star_shape
from nebulift.simulate.sensor import FixedPattern, digitised, exposed, fixed_pattern
from nebulift.simulate.star_painting import Stars, paint_stars
from nebulift.simulate.trails import Trail
from nebulift.simulate.truth import Artefact, Conditions, Truth

DETECTED_SIGMA = 5.0  # of a star's total light over the noise in its area: counts as a star of the frame


@dataclass(frozen=True, slots=True, eq=False)
class _Exposure:
    """What is known of an exposure before noise: the optics' and the sky's side of the truth."""

    maps: SkyMaps
    shape: StarShape
    widths: evidence.StarWidths
    noise_e: float  # of one pixel at the level of the background
    field_noise_e: float  # of the middle pixel of the field, nebulae included
    sky_e: float  # median background, dark current included
    stars: int
    trails: list[Artefact]


def render(scene: Scene, camera: Camera, rng: np.random.Generator) -> tuple[NDArray[Any], Truth]:
    """(pixels as stored, truth). uint16, uint8 for an 8-bit camera, float32 once calibrated; shape (height, width).

    ``rng`` draws what no two frames share: noise, cosmic rays. All else follows from ``scene`` and ``camera``.
    """
    pattern = fixed_pattern(camera)
    light, exposure = _light_of(scene, camera)
    electrons = exposed(light, camera, pattern, scene.exposure_s)
    pixels, cosmic_rays, bleed_px = _recorded(electrons, scene, camera, pattern, rng)
    noise_adu = exposure.noise_e / camera.stored_gain
    saturated = evidence.share_at_ceiling(pixels, _burnt_out_adu(camera))
    artefacts = _artefacts(scene, camera, exposure)
    form = scene.chosen(Overexposure)[0].form if scene.chosen(Overexposure) else "stars"
    artefacts += evidence.saturation_artefacts(saturated, bleed_px, camera.height_px, form)
    for fault in scene.chosen(Fault):
        numbers = apply_fault(pixels, fault, noise_adu, camera.ceiling_adu)
        artefacts.append(evidence.fault_artefact(fault, numbers))
    conditions = Conditions(
        sky_adu=min(exposure.sky_e / camera.stored_gain + camera.stored_bias_adu, float(camera.ceiling_adu)),
        noise_adu=noise_adu,
        fwhm_px=exposure.widths.fwhm_px,
        focused_fwhm_px=exposure.widths.focused_fwhm_px,
        elongation=exposure.widths.elongation,
        transmission=float(exposure.maps.transmission.mean()) * scene.air.transmission,
        stars=exposure.stars,
        saturated_share=saturated,
        cosmic_rays=cosmic_rays,
    )
    return delivered(pixels, camera, pattern, scene.exposure_s, rng), Truth(tuple(artefacts), conditions)


def _light_of(scene: Scene, camera: Camera) -> tuple[Image, _Exposure]:
    """The light on the sensor, and what is known about it."""
    maps, shape = sky_maps(scene, camera), star_shape(scene)
    light = sky_light(scene, camera, maps)
    for over in scene.chosen(Overexposure):
        add_overexposure(light, over, camera)
    sky_e = float(np.median(light[::8, ::8])) + camera.dark_e_s * scene.exposure_s
    noise_e = pixel_noise_e(camera, sky_e)
    add_diffuse(light, scene, camera, maps, shape)
    field_e = float(np.median(light[::8, ::8])) + camera.dark_e_s * scene.exposure_s
    stars = visible_stars(scene, camera, maps)
    if maps.transmission.any():
        paint_stars(light, stars, shape, noise_e, camera.bayer)
    trails = []
    for trail, added in zip(scene.chosen(Trail), trails_light(scene, camera, maps, shape, noise_e), strict=True):
        light += added
        artefact = evidence.trail_artefact(trail, added, shape, noise_e)
        trails += [artefact] if artefact is not None else []
    widths = evidence.star_widths(shape)
    detected = _detected(stars, noise_e, widths.fwhm_px, (camera.width_px, camera.height_px))
    return light, _Exposure(maps, shape, widths, noise_e, pixel_noise_e(camera, field_e), sky_e, detected, trails)


def _recorded(
    electrons: Image, scene: Scene, camera: Camera, pattern: FixedPattern, rng: np.random.Generator
) -> tuple[NDArray[Any], int, int]:
    """(pixels, cosmic rays, longest bleed in px): ``electrons`` is used up."""
    expected = expected_cosmic_rays(camera.width_px, camera.height_px, camera.pixel_um, scene.exposure_s)
    count = int(rng.poisson(expected))
    add_cosmic_rays(electrons, count, rng)
    bleed_px = bleed_columns(electrons, camera.full_well_e) if camera.blooms else 0
    return digitised(electrons, camera, pattern, rng), count, bleed_px


def _artefacts(scene: Scene, camera: Camera, exposure: _Exposure) -> list[Artefact]:
    """The truth about every cause that acts before the converter."""
    maps, noise_e = exposure.maps, exposure.noise_e
    found = list(exposure.trails)
    for layer, passing in zip(scene.chosen(CloudLayer), maps.clouds, strict=True):
        found.append(evidence.cloud_artefact(passing, layer.lit, maps.clear_e, noise_e))
    found += [evidence.dew_artefact(dew) for dew in scene.chosen(Dew)]
    found += [evidence.motion_artefact(motion, exposure.widths) for motion in scene.chosen(Motion)]
    for blur in scene.chosen(Blur):
        found.append(evidence.blur_artefact(exposure.shape, exposure.widths, blur.form))
    for glow, added in zip(scene.chosen(Glow), maps.glows_e, strict=True):
        quiet = exposure.field_noise_e**2 - float(np.median(added))
        found.append(evidence.glow_artefact(glow, added, maps.level_e, noise_e, quiet))
    for obstacle, passing in zip(scene.chosen(Obstacle), maps.obstacles, strict=True):
        found.append(evidence.obstacle_artefact(obstacle, passing, maps.cell))
    for miss in scene.chosen(OffTarget):
        distance = math.hypot(miss.dx_px, miss.dy_px)
        found.append(evidence.off_target_artefact(distance, camera.width_px))
    found += [Artefact(Kind.EMPTY, "covered", 1.0, {"leak": cover.leak}) for cover in scene.chosen(Covered)]
    return found


def _detected(stars: Stars, noise_e: float, fwhm_px: float, size: tuple[int, int]) -> int:
    limit = limit_electrons(noise_e, fwhm_px)
    inside = (stars.x_px > 0) & (stars.x_px < size[0]) & (stars.y_px > 0) & (stars.y_px < size[1])
    return int(np.count_nonzero(inside & (stars.flux_e > limit)))


def limit_electrons(noise_e: float, fwhm_px: float) -> float:
    """Electrons of a star that stands 5 sigma above the noise within its matched area of 4 pi sigma^2."""
    return DETECTED_SIGMA * noise_e * math.sqrt(4.0 * math.pi) * fwhm_px / 2.355


def pixel_noise_e(camera: Camera, background_e: float) -> float:
    """Standard deviation of one pixel in electrons: photons, read-out, rows and the steps of the converter."""
    rows = camera.row_noise_e**2 + camera.gain_e_per_adu**2 / 12.0
    return math.sqrt(background_e + camera.read_noise_e**2 + rows)


def _burnt_out_adu(camera: Camera) -> float:
    """Numbers at and above which a pixel is full: just under the full well's level where that is below the ceiling."""
    full = camera.full_well_e / camera.gain_e_per_adu + camera.bias_adu
    slack = 4.0 * camera.row_noise_e / camera.gain_e_per_adu + 1.0
    return min(float(camera.top_adu), full - slack) * (1 << camera.shift)
