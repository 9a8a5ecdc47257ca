"""Artefacts of known severity in real frames: light with its own photon noise, shade with the noise it would have."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.findings import Kind
from nebulift.simulate import evidence
from nebulift.simulate.atmosphere import CloudLayer, cloud_transmission, coarse_axes, full_size
from nebulift.simulate.causes import Blur, Cause, Dew, Motion, Overexposure, Setting, random_cause
from nebulift.simulate.frame_noise import FrameNoise, measured_noise
from nebulift.simulate.glows import Glow, glow_light
from nebulift.simulate.light import SHARP_CELL, glare
from nebulift.simulate.obstacles import Obstacle, obstacle_transmission
from nebulift.simulate.optics import Telescope
from nebulift.simulate.psf import Image, StarShape, donut, line_profile
from nebulift.simulate.readout_faults import Fault, apply_fault
from nebulift.simulate.tracking import blurred, track_kernel
from nebulift.simulate.trails import Trail, trail_light
from nebulift.simulate.truth import Artefact, Truth

UNSEEN_SIGMA = 0.02  # added light below this share of the noise leaves a pixel exactly as it was
HOT_SIGMA = 8.0  # a pixel that stands so far above its neighbours is hot: the sky's blur does not move it
SKY_BLOCK_PX = 64
UNNATURAL = "cannot be put into a frame that is already taken"


@dataclass(slots=True)
class _Work:
    """A frame on its way: values, extra variance that must be added as noise, and which pixels were touched."""

    values: Image
    variance: Image
    touched: NDArray[np.bool_]


def inject(
    image: NDArray[Any],
    causes: Sequence[Cause],
    seed: int,
    *,
    noise: FrameNoise | None = None,
    fwhm_px: float = 3.0,
    bayer: bool = False,
    exposure_s: float = 60.0,
    obstruction: float = 0.0,
) -> tuple[NDArray[Any], Truth]:
    """(a new array of the same dtype with ``causes`` in it, the truth about them); ``image`` (H, W) is not changed.

    Pixels that no cause reaches keep their very numbers. Order: motion, blur and dew, shade, light, read-out.
    ``noise`` ``None``: measured. ``obstruction`` (diameter over that of the aperture) makes rings of what is out of
    focus. Raises ``ValueError`` for causes that only a new exposure can have (``Covered``, ``OffTarget``, dew that is
    not even, an overexposed sky).
    """
    noise = noise or measured_noise(image, bayer=bayer)
    rng = np.random.default_rng([seed, 9])
    shape = StarShape(fwhm_px, Telescope("unknown", 100.0, 500.0, obstruction))
    work = _Work(image.astype(np.float32), np.zeros(image.shape, np.float32), np.zeros(image.shape, dtype=bool))
    artefacts: list[Artefact] = []
    for cause in causes:
        if isinstance(cause, (Motion, Blur)):
            artefacts.append(_smear(work, cause, shape, noise, bayer=bayer))
        elif isinstance(cause, Dew):
            artefacts.append(_bedew(work, cause, noise, bayer=bayer))
        elif isinstance(cause, (CloudLayer, Obstacle)):
            artefacts.append(_shade(work, cause, noise, exposure_s))
        elif isinstance(cause, (Trail, Glow, Overexposure)):
            artefacts += _lighten(work, cause, noise, shape)
        elif not isinstance(cause, Fault):
            msg = f"{type(cause).__name__} {UNNATURAL}"
            raise ValueError(msg)  # noqa: TRY004  (the type is right, the wish is not)
    pixels = _finished(image, work, noise, rng)
    for cause in causes:
        if isinstance(cause, Fault):
            numbers = apply_fault(pixels, cause, noise.noise_adu, int(noise.ceiling_adu))
            artefacts.append(evidence.fault_artefact(cause, numbers))
    return pixels, Truth(tuple(artefacts), None, seed)


def inject_random(
    image: NDArray[Any],
    kind: Kind,
    wanted_severity: float,
    seed: int,
    *,
    noise: FrameNoise | None = None,
    fwhm_px: float = 3.0,
    bayer: bool = False,
) -> tuple[NDArray[Any], Truth]:
    """``inject`` with a random cause that gives a finding of ``kind`` and of about ``wanted_severity``.

    Dew and overexposed skies, which a taken frame cannot get, are drawn again. Raises ``ValueError`` for ``EMPTY``
    and ``OFF_TARGET``.
    """
    noise = noise or measured_noise(image, bayer=bayer)
    rng = np.random.default_rng([seed, 11])
    size = (image.shape[1], image.shape[0])
    sky_sigma = max(noise.sky_adu - noise.bias_adu, 0.0) / noise.noise_adu + 1e-3
    setting = Setting(size, fwhm_px, 60.0, float(rng.uniform(0.3, 4.0)), sky_sigma)
    cause = random_cause(kind, rng, wanted_severity, setting)
    while isinstance(cause, Dew) or (isinstance(cause, Overexposure) and cause.form == "sky"):
        cause = random_cause(kind, rng, wanted_severity, setting)
    return inject(image, [cause], seed, noise=noise, fwhm_px=fwhm_px, bayer=bayer)


def _smear(work: _Work, cause: Motion | Blur, shape: StarShape, noise: FrameNoise, *, bayer: bool) -> Artefact:
    """Convolve the sky (hot pixels stay where they are) and plan the noise that the convolution averaged away."""
    if isinstance(cause, Motion):
        smeared = StarShape(shape.fwhm_px, shape.telescope, cause.track)
        kernel = track_kernel(cause.track, 1)
    elif cause.form == "seeing":
        smeared = StarShape(shape.fwhm_px, shape.telescope, blur_sigma_px=cause.diameter_px / 2.355)
        kernel = _bell(cause.diameter_px / 2.355)
    else:
        smeared = StarShape(shape.fwhm_px, shape.telescope, defocus_px=cause.diameter_px)
        kernel = donut(cause.diameter_px, shape.telescope.obstruction, 1)
    _convolve(work, kernel, noise, bayer=bayer)
    widths = evidence.star_widths(smeared)
    if isinstance(cause, Motion):
        return evidence.motion_artefact(cause, widths)
    return evidence.blur_artefact(smeared, widths, cause.form)


def _bedew(work: _Work, dew: Dew, noise: FrameNoise, *, bayer: bool) -> Artefact:
    """Scatter light into halos, take some from the stars and half as much from the sky, which shines from all sides."""
    if dew.form != "even":
        msg = f"dew of the form {dew.form!r} {UNNATURAL}"
        raise ValueError(msg)
    kernel = np.float32(dew.halo_share) * _bell(dew.radius_px)
    kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] += np.float32(1.0 - dew.halo_share)
    _convolve(work, kernel, noise, bayer=bayer)
    light = np.maximum(work.values - np.float32(noise.bias_adu), 0.0)
    work.values -= np.float32(dew.loss) * (light - np.float32(0.5) * _sky_map(light))
    return evidence.dew_artefact(dew)


def _convolve(work: _Work, kernel: Image, noise: FrameNoise, *, bayer: bool) -> None:
    """Spread the light of the sky as ``kernel`` says; hot pixels stay, and the noise that is averaged away is due."""
    hot = _hot_part(work.values, noise)
    sky = work.values - hot
    if bayer:
        kernel = _every_other(kernel)
    margin = max(kernel.shape) // 2
    wide = cv2.copyMakeBorder(sky, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    work.values = blurred(np.asarray(wide, dtype=np.float32), kernel)[margin:-margin, margin:-margin] + hot
    work.variance += np.float32(noise.noise_adu**2 * (1.0 - float(np.square(kernel).sum())))
    work.touched[:] = True


def _shade(work: _Work, cause: CloudLayer | Obstacle, noise: FrameNoise, exposure_s: float) -> Artefact:
    """Take light away, add what clouds and branches scatter, and plan the noise that less light would have."""
    height, width = work.values.shape
    size = (width, height)
    x, y = coarse_axes(size, SHARP_CELL)
    if isinstance(cause, CloudLayer):
        coarse = cloud_transmission(cause, x, y, 0.0, exposure_s)
    else:
        coarse = obstacle_transmission(cause, x, y, size)
    passing = full_size(coarse, size, SHARP_CELL)
    light = np.maximum(work.values - np.float32(noise.bias_adu), 0.0)
    sky = _sky_map(light)
    scattered = np.float32(cause.lit) * (1.0 - passing) * sky
    work.values += scattered - (1.0 - passing) * light
    gain, read2 = np.float32(noise.electrons_per_adu), np.float32(noise.read_noise_adu**2)
    work.variance += passing * (1.0 - passing) * light / gain + (1.0 - passing**2) * read2 + scattered / gain
    work.touched |= passing < 1.0
    if isinstance(cause, Obstacle):
        return evidence.obstacle_artefact(cause, coarse, SHARP_CELL)
    sky_coarse = cv2.resize(sky, (coarse.shape[1], coarse.shape[0]), interpolation=cv2.INTER_AREA)
    return evidence.cloud_artefact(coarse, cause.lit, np.asarray(sky_coarse, np.float32), noise.noise_adu)


def _lighten(work: _Work, cause: Trail | Glow | Overexposure, noise: FrameNoise, shape: StarShape) -> list[Artefact]:
    """Add light and plan its photon noise."""
    height, width = work.values.shape
    size = (width, height)
    found: list[Artefact] = []
    if isinstance(cause, Trail):
        added = trail_light(cause, line_profile(shape, cause.widening_px), noise.noise_adu, size)
        artefact = evidence.trail_artefact(cause, added, shape, noise.noise_adu)
        found += [artefact] if artefact is not None else []
    elif isinstance(cause, Glow):
        x, y = coarse_axes(size, SHARP_CELL)
        level = noise.sky_adu - noise.bias_adu
        coarse = np.float32(level) * glow_light(cause, x, y, size)
        sky = _sky_map(np.maximum(work.values - np.float32(noise.bias_adu), 0.0))
        added = full_size(coarse, size, SHARP_CELL) * sky / np.float32(max(float(np.median(sky)), 1e-6))
        quiet = noise.noise_adu**2 * noise.electrons_per_adu
        found.append(evidence.glow_artefact(cause, coarse, level, noise.noise_adu, quiet))
    else:
        added = _glare(cause, noise, size)
        share = evidence.share_at_ceiling(work.values + added, noise.ceiling_adu)
        found += evidence.saturation_artefacts(share, 0, height, cause.form)
    seen = added > UNSEEN_SIGMA * noise.noise_adu
    work.values += np.where(seen, added, 0.0)
    work.variance += np.where(seen, added / np.float32(noise.electrons_per_adu), 0.0)
    work.touched |= seen
    return found


def _glare(cause: Overexposure, noise: FrameNoise, size: tuple[int, int]) -> Image:
    if cause.form != "object":
        msg = f"an overexposed sky {UNNATURAL}"
        raise ValueError(msg)
    return glare(cause, size, noise.ceiling_adu - noise.bias_adu)


def _finished(image: NDArray[Any], work: _Work, noise: FrameNoise, rng: np.random.Generator) -> NDArray[Any]:
    """Draw the planned noise, round to the camera's steps, clip; untouched pixels are those of ``image``."""
    z = rng.standard_normal(image.shape, dtype=np.float32)
    values = work.values + np.sqrt(np.maximum(work.variance, 0.0)) * z
    if np.issubdtype(image.dtype, np.integer):
        values = np.rint(values / noise.step_adu) * noise.step_adu
        values = np.clip(values, 0.0, noise.ceiling_adu)
    burnt = image >= noise.ceiling_adu
    values[burnt & (work.values > 0.5 * noise.ceiling_adu)] = noise.ceiling_adu  # how far above nobody knows
    return np.where(work.touched, values.astype(image.dtype), image)


def _sky_map(light: Image) -> Image:
    """The background of ``light`` without stars, same shape: medians of blocks, smoothed."""
    height, width = light.shape
    rows, columns = max(1, height // SKY_BLOCK_PX), max(1, width // SKY_BLOCK_PX)
    tall, wide = height // rows, width // columns
    blocks = light[: rows * tall, : columns * wide].reshape(rows, tall, columns, wide)
    medians = np.median(blocks[:, ::4, :, ::4], axis=(1, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(medians, (0, 0), 0.8)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _hot_part(values: Image, noise: FrameNoise) -> Image:
    """What hot pixels have above the median of their neighbours; 0 elsewhere. Stars are wider than one pixel."""
    middle = cv2.medianBlur(values, 3)
    over = values - middle
    neighbour = cv2.dilate(values, np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)) - middle
    hot = (over > HOT_SIGMA * noise.noise_adu) & (neighbour < 0.3 * over)
    return np.where(hot, over, np.float32(0.0))


def _bell(sigma_px: float) -> Image:
    half = max(1, math.ceil(3.0 * sigma_px))
    line = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma_px) ** 2)
    return np.asarray(np.outer(line, line) / line.sum() ** 2, dtype=np.float32)


def _every_other(kernel: Image) -> Image:
    """``kernel`` on the pixels of one colour of a mosaic: light of one colour never lands on another's pixels."""
    half = kernel.shape[0] // 2
    odd = half % 2
    padded = np.pad(kernel, 1 + odd)
    gathered = cv2.filter2D(padded, cv2.CV_32F, np.outer([0.5, 1.0, 0.5], [0.5, 1.0, 0.5]).astype(np.float32))
    keep = np.arange(padded.shape[0]) - padded.shape[0] // 2
    mask = (keep % 2 == 0).astype(np.float32)
    sparse = gathered * mask[:, None] * mask[None, :]
    return np.asarray(sparse / sparse.sum(), dtype=np.float32)
