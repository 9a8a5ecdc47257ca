"""From the fit of a trail in map pixels to the ``Streak`` in raw pixels that is kept."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nebulift.measurements import Streak
from nebulift.scan import Scan
from nebulift.streaks.ends import ends_inside, with_faint_ends, with_fine_ends
from nebulift.streaks.kinds import SURE_SNR, TrailLook, flashes_regularly, kind_of, twelfths
from nebulift.streaks.profile import TrailFit


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The map on which trails are measured, and what is covered on it."""

    flat: NDArray[np.int16]
    covered: NDArray[np.bool_]  # on a map coarser by ``covered_scale``
    covered_scale: int
    scale_px: int  # raw pixels a side of a pixel of ``flat``
    coarser: int  # by which ``flat`` is coarser than the finest map


def in_raw_pixels(fit: TrailFit, scale_px: int) -> TrailFit:
    """The fit on a map of ``scale_px`` raw pixels a pixel, in raw pixels."""
    return _scaled(fit, float(scale_px), (scale_px - 1) / 2.0)


def in_map_pixels(fit: TrailFit, scale_px: int) -> TrailFit:
    """The other way round."""
    return _scaled(fit, 1.0 / scale_px, (1.0 / scale_px - 1.0) / 2.0)


def _scaled(fit: TrailFit, scale: float, offset: float) -> TrailFit:
    ends = {name: getattr(fit, name) * scale + offset for name in ("x0", "y0", "x1", "y1")}
    errors = None if fit.end_errors is None else (fit.end_errors[0] * scale, fit.end_errors[1] * scale)
    return replace(fit, **ends, fwhm=fit.fwhm * scale, end_errors=errors)


def streak_of(trail: TrailFit, sight: Sight, scan: Scan, star_fwhm_px: float, *, is_twin: bool) -> Streak:
    """The trail (in raw pixels) with its ends found exactly, its light along it and its kind."""
    fit = in_map_pixels(trail, sight.scale_px)
    if not fit.flashes:  # a step of even light would end at the last dot but one
        fit = with_fine_ends(fit, sight.flat, sight.covered, sight.covered_scale)
        fit = with_faint_ends(fit, sight.flat, sight.covered, sight.covered_scale)
    trail = in_raw_pixels(fit, sight.scale_px)
    raw_noise = scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else scan.sigma_adu
    to_raw_noise = scan.sigma_adu / sight.coarser / raw_noise
    brightness = tuple(round(float(one) * to_raw_noise, 3) if np.isfinite(one) else None for one in trail.along)
    return Streak(
        x0_px=trail.x0,
        y0_px=trail.y0,
        x1_px=trail.x1,
        y1_px=trail.y1,
        width_px=trail.fwhm,
        length_px=float(np.hypot(trail.x1 - trail.x0, trail.y1 - trail.y0)),
        angle_deg=float(np.degrees(np.arctan2(trail.y1 - trail.y0, trail.x1 - trail.x0)) % 180.0),
        snr=trail.full_snr,
        peak_sigma=trail.ridge_sigma * to_raw_noise,
        object_kind=kind_of(_look(fit, sight, star_fwhm_px, is_twin=is_twin)),
        end_errors_px=trail.end_errors,
        brightness_sigma=brightness,
    )


def _look(fit: TrailFit, sight: Sight, star_fwhm_px: float, *, is_twin: bool) -> TrailLook:
    """What tells of which kind the trail is."""
    return TrailLook(
        snr=fit.snr,
        sharpness=fit.fwhm * sight.scale_px / star_fwhm_px if star_fwhm_px > 0.0 else None,
        ends_inside=ends_inside(fit, sight.flat.shape),
        flashes=fit.flashes or (fit.snr >= SURE_SNR and flashes_regularly(fit, sight.flat)),
        is_twin=is_twin,
        twelfths=twelfths(fit),
    )
