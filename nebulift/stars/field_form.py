"""How star images change over the field: a tilted sensor, field curvature and coma told apart from the mount."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.scan import MAD_TO_SIGMA
from nebulift.stars.star_shapes import StarShapes

MIN_STARS = 20
MIN_SPREAD = 0.3  # standard deviation of positions; 0.58 is that of stars all over the field, from -1 to 1
CAUCHY_SIGMA, ROUNDS = 1.5, 12


@dataclass(frozen=True, slots=True)
class FieldForm:
    """``None`` where stars are too few or lie too close together to tell."""

    fwhm_tilt: float | None  # range of the best plane through FWHM over the frame, over its middle
    fwhm_tilt_angle_deg: float | None  # direction in which the images widen
    fwhm_curvature: float | None  # FWHM of the best bowl in the corners over that in the centre
    radial_coherence: float | None  # 1: stars point at the centre, -1: around it, 0: neither


UNKNOWN = FieldForm(None, None, None, None)


def field_form(shapes: StarShapes, shape_px: tuple[int, int]) -> FieldForm:
    """Plane and bowl through the FWHM of the stars, and the part of their elongation that fans out from the centre.

    ``shape_px``: (height, width). Stars far off the fit, as galaxies and blends are, count little. The tilt is less
    what the scatter of so many stars would make of a level field.
    """
    height, width = shape_px
    x, y = 2.0 * (shapes.x_px + 0.5) / width - 1.0, 2.0 * (shapes.y_px + 0.5) / height - 1.0
    if len(x) < MIN_STARS or min(np.std(x), np.std(y)) < MIN_SPREAD:
        return UNKNOWN
    bowl = (x**2 + y**2) / 2.0  # 0 in the centre, 1 in the corners
    terms = np.stack([np.ones_like(x), x, y, bowl], axis=1)
    best, variance = _robust_fit(terms, np.log(shapes.fwhm_px))
    slope = best[1:3] * _shrunk(best[1:3], variance[1:3])
    towards = np.degrees(np.arctan2(slope[1] * width, slope[0] * height)) if slope.any() else 0.0
    return FieldForm(
        fwhm_tilt=float(2.0 * np.abs(slope).sum()),
        fwhm_tilt_angle_deg=float(towards % 360.0),
        fwhm_curvature=float(np.exp(best[3])),
        radial_coherence=_radial_coherence(shapes.ellipticity(), (shapes.x_px, shapes.y_px), shape_px),
    )


def _robust_fit(
    terms: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(least-squares coefficients, their variances); the farther off a value lies, the less it counts (Cauchy)."""
    weight = np.ones(len(values))
    for _ in range(ROUNDS):
        weighted = terms * weight[:, None]
        best = np.linalg.lstsq(weighted.T @ terms, weighted.T @ values, rcond=None)[0]
        off = np.abs(values - terms @ best)
        scatter = MAD_TO_SIGMA * max(float(np.median(off)), 1e-9)
        weight = 1.0 / (1.0 + (off / (CAUCHY_SIGMA * scatter)) ** 2)
    covariance = np.linalg.pinv((terms * weight[:, None]).T @ terms) * scatter**2
    return np.asarray(best), np.asarray(np.diag(covariance))


def _shrunk(vector: NDArray[np.float64], variance: NDArray[np.float64]) -> float:
    """What of a vector's length is left without the noise of its components, as a factor."""
    square = float((vector**2).sum())
    return max(1.0 - float(variance.sum()) / square, 0.0) ** 0.5 if square > 0.0 else 0.0


def _radial_coherence(
    ellipticity: NDArray[np.complex128],
    at_px: tuple[NDArray[np.float64], NDArray[np.float64]],
    shape_px: tuple[int, int],
) -> float:
    """Mean length of the part that points away from the centre, over the mean of all; the common direction apart.

    Coma and the like grow with the square of the distance.
    """
    across, down = at_px[0] - (shape_px[1] - 1) / 2.0, at_px[1] - (shape_px[0] - 1) / 2.0
    away = (across + 1j * down) ** 2 / ((shape_px[0] ** 2 + shape_px[1] ** 2) / 4.0)
    # the common part belongs to the mount: stars that cover one side of the field must not turn it into a fan
    fan = away - away.mean()
    part = float(np.real(np.vdot(fan, ellipticity - ellipticity.mean())) / max(float(np.vdot(fan, fan).real), 1e-12))
    mean = float(np.abs(ellipticity).mean())
    return float(np.clip(part * float(np.abs(away).mean()) / max(mean, 1e-9), -1.0, 1.0))
