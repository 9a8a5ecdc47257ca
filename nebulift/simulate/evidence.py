"""The truth about each cause in a rendered frame: its physical numbers, and the severity that follows from them."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.findings import Kind, Line
from nebulift.simulate import severity as scales
from nebulift.simulate.atmosphere import cloud_numbers, cloud_severity
from nebulift.simulate.causes import Dew, Motion
from nebulift.simulate.glows import EDGED, Glow
from nebulift.simulate.obstacles import Obstacle, covered_box
from nebulift.simulate.psf import MIDDLE, Image, StarShape, fine_psf, line_profile, measured_fwhm, oversampling
from nebulift.simulate.readout_faults import Fault, damaged_box
from nebulift.simulate.severity import severity
from nebulift.simulate.tracking import motion_severity, smeared_star
from nebulift.simulate.trails import Trail, clipped_to_frame, profile_fwhm
from nebulift.simulate.truth import Artefact


@dataclass(frozen=True, slots=True)
class StarWidths:
    """FWHM and elongation of the star images as they are, and in focus and unmoved."""

    fwhm_px: float
    elongation: float
    focused_fwhm_px: float
    unmoved_fwhm_px: float


def star_widths(shape: StarShape) -> StarWidths:
    """Measured on the very profile that is painted, pixels included: what a perfect fit to the image would find."""
    still = StarShape(shape.fwhm_px, shape.telescope)
    unmoved = StarShape(shape.fwhm_px, shape.telescope, None, shape.defocus_px, shape.blur_sigma_px)
    fwhm, elongation = _width(shape)
    return StarWidths(fwhm, elongation, _width(still)[0], _width(unmoved)[0] if unmoved.extent_px else _width(still)[0])


def trail_artefact(trail: Trail, light: Image, shape: StarShape, noise_e: float) -> Artefact | None:
    """What a matched filter would find of ``light``; ``None`` when the trail misses the frame."""
    height, width = light.shape
    ends = clipped_to_frame(trail, (width, height))
    if ends is None or not light.any():
        return None
    total_snr = math.sqrt(float(np.square(light, dtype=np.float64).sum())) / noise_e
    x0, y0, x1, y1 = ends
    length = math.hypot(x1 - x0, y1 - y0)
    distance, across = line_profile(shape, trail.widening_px)
    ridge_px = 2.0 * float(across.sum() * (distance[1] - distance[0]) / across.max())
    lines = 2 if trail.twin_px else 1
    peak = float(light.sum(dtype=np.float64)) / (max(length, 1.0) * ridge_px * noise_e * lines)
    fwhm = profile_fwhm((distance, across))
    return Artefact(
        Kind.STREAK,
        trail.form,
        severity(total_snr, scales.STREAK_TOTAL_SNR),
        {
            "total_snr": total_snr,
            "peak_sigma": peak,
            "length_px": length,
            "width_px": fwhm,
            "angle_deg": math.degrees(math.atan2(y1 - y0, x1 - x0)) % 180.0,
            "twin_px": trail.twin_px,
        },
        Line(x0, y0, x1, y1, fwhm),
    )


def cloud_artefact(passing: Image, lit: float, sky_e: Image, noise_e: float) -> Artefact:
    """Loss, contrast and patches of scattered light; ``passing`` and ``sky_e`` on the same coarse grid."""
    numbers = cloud_numbers(passing, lit, sky_e / np.float32(noise_e))
    low, high = numbers["transmission_p5"], numbers["transmission_p95"]
    form = "overcast" if high < 0.2 else "patchy" if high - low > 0.12 else "veil"
    return Artefact(Kind.CLOUD, form, cloud_severity(numbers), numbers)


def dew_artefact(dew: Dew) -> Artefact:
    """Dew is told as ``cloud``: light is lost everywhere; the halos make it worse."""
    worst = max(severity(dew.halo_share, scales.DEW_HALO_SHARE), severity(dew.loss, scales.CLOUD_LOSS))
    numbers = {"halo_share": dew.halo_share, "halo_radius_px": dew.radius_px, "transmission": 1.0 - dew.loss}
    return Artefact(Kind.CLOUD, "dew", worst, numbers)


def motion_artefact(motion: Motion, widths: StarWidths) -> Artefact:
    """Length in pixels, and what it makes of a round star of the unmoved width: elongation and growth."""
    track = motion.track
    elongation, growth = smeared_star(track, widths.unmoved_fwhm_px)
    numbers = {
        "length_px": track.length_px,
        "angle_deg": track.angle_deg,
        "elongation": elongation,
        "growth": growth,
        "unmoved_fwhm_px": widths.unmoved_fwhm_px,
    }
    return Artefact(Kind.TRAILED, track.form, motion_severity(track, widths.unmoved_fwhm_px), numbers)


def blur_artefact(shape: StarShape, widths: StarWidths, form: str) -> Artefact:
    """FWHM over that in focus."""
    ratio = widths.unmoved_fwhm_px / widths.focused_fwhm_px
    numbers = {"defocus_px": shape.defocus_px, "fwhm_ratio": ratio, "fwhm_px": widths.unmoved_fwhm_px}
    return Artefact(Kind.DEFOCUS, form, severity(ratio, scales.DEFOCUS_RATIO), numbers)


def glow_artefact(glow: Glow, added_e: Image, level_e: float, noise_e: float, quiet: float) -> Artefact:
    """Range of the added light over sky and noise, and the sky's rise, in level and in noise.

    ``quiet``: square of the noise of a pixel without the glow, nebula included, divided by that of a unit of light.
    """
    spread = float(np.subtract(*np.percentile(added_e, [98.0, 2.0])))
    share, sigma = spread / max(level_e, 1e-6), spread / noise_e
    risen = float(np.median(added_e))
    ratio, longer = 1.0 + risen / max(level_e, 1e-6), 1.0 + risen / max(quiet, 1e-6)
    seen = scales.EDGED_GLOW if glow.form in EDGED else 1.0
    worst = min(severity(seen * share, scales.GLOW_SHARE), severity(seen * sigma, scales.GLOW_SIGMA))
    worst = max(worst, severity(min(ratio, longer), scales.SKY_RATIO))
    numbers = {"range_over_sky": share, "range_sigma": sigma, "sky_ratio": ratio, "noise_ratio": math.sqrt(longer)}
    return Artefact(Kind.GRADIENT, glow.form, worst, numbers)


def obstacle_artefact(obstacle: Obstacle, passing: Image, cell: int) -> Artefact:
    """Share of the field's light that is taken; of a hair, how deep it is."""
    blocked = float(1.0 - passing.mean())
    numbers = {"blocked_share": blocked, "depth": float(1.0 - passing.min()), "softness": obstacle.softness}
    worst = severity(blocked, scales.BLOCKED_SHARE)
    if obstacle.form == "hair":
        worst = max(worst, severity(numbers["depth"], scales.SHADOW_DEPTH))
    return Artefact(Kind.OBSTRUCTION, obstacle.form, worst, numbers, covered_box(passing, cell))


def fault_artefact(fault: Fault, numbers: dict[str, float]) -> Artefact:
    """Bands by their amplitude, all else by the share of the frame."""
    if fault.form == "bands":
        worst = severity(fault.sigma, scales.BAND_SIGMA)
    elif fault.form == "stuck_columns":
        worst = severity(numbers["columns"], scales.STUCK_COLUMNS)
    else:
        worst = severity(numbers["share"], scales.READOUT_SHARE)
    return Artefact(Kind.READOUT, fault.form, worst, numbers, damaged_box(numbers))


def saturation_artefacts(saturated_share: float, bleed_px: int, height: int, form: str) -> list[Artefact]:
    """Burnt-out area (``form`` ``stars``: by the stars of the field alone), and charge that runs along columns."""
    found = []
    counted = saturated_share / (scales.STARS_OF_THE_FIELD if form == "stars" else 1.0)
    burnt = severity(counted, scales.SATURATED_SHARE)
    if burnt > 0.0:
        found.append(Artefact(Kind.SATURATION, form, burnt, {"saturated_share": saturated_share}))
    bled = severity(bleed_px / height, scales.BLOOM_LENGTH)
    if bled > 0.0:
        found.append(Artefact(Kind.SATURATION, "bloom", bled, {"bleed_px": float(bleed_px)}))
    return found


def off_target_artefact(distance_px: float, width: int) -> Artefact:
    """Distance of the pointing from the target."""
    share = distance_px / width
    numbers = {"offset_px": distance_px, "offset_share": share}
    return Artefact(Kind.OFF_TARGET, "off_target", severity(share, scales.OFF_TARGET_SHARE), numbers)


def _width(shape: StarShape) -> tuple[float, float]:
    radius = math.ceil(2.0 * shape.fwhm_px + shape.extent_px / 2.0) + 1
    cells = oversampling(shape, radius)
    in_pixels = cv2.blur(fine_psf(shape, MIDDLE, radius, cells), (cells, cells))
    return measured_fwhm(np.asarray(in_pixels, dtype=np.float32), cells)


def share_at_ceiling(pixels: NDArray[Any], threshold_adu: float) -> float:
    """Share of pixels at or above ``threshold_adu``."""
    return float(np.count_nonzero(pixels >= threshold_adu)) / pixels.size
