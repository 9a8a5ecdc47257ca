"""What draws straight lines without being a trail: columns and rows, spikes, rows of trailed stars, borders."""

import numpy as np
from numpy.typing import NDArray

from nebulift.stars import StarList
from nebulift.streaks.profile import TrailFit

AXIS_SLACK_PX = 1.5  # at each end: what lies so exactly along a row or column is a fault of the sensor
BORDER_PX = 12.0  # lines along the border of the frame: residues of the background, dither and amplifier edges
SPIKE_REACH_FWHM = 2.0  # a spike goes through the middle of its star
SPIKE_STAR_SNR = 300.0  # fainter stars have no spikes above the noise
SPIKE_FADING = 1.8  # brightness of the half near the star over that of the far half
TRAILED_ELONGATION = 1.8
TRAILED_ANGLE_DEG = 6.0
TRAILED_FREE_SNR = 40.0  # a trail among trailed stars must be far stronger than a chance row of them


def veto(trail: TrailFit, shape_px: tuple[int, int], stars: StarList) -> str | None:
    """Why this line is no trail, in a few words, or ``None``. All in raw pixels."""
    ends = (trail.x0, trail.y0, trail.x1, trail.y1)
    across = min(abs(trail.x1 - trail.x0), abs(trail.y1 - trail.y0))
    if across < AXIS_SLACK_PX * 2:
        return "row or column of the sensor"
    if _along_border(ends, shape_px):
        return "border of the frame"
    if _is_spike(trail, ends, stars):
        return "diffraction spike"
    if _is_row_of_trailed_stars(trail, ends, stars):
        return "trailed stars in a row"
    return None


def _along_border(ends: tuple[float, float, float, float], shape_px: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = ends
    height, width = shape_px
    for first, last, size in ((x0, x1, width), (y0, y1, height)):
        if max(first, last) < BORDER_PX or min(first, last) > size - 1 - BORDER_PX:
            return True
    return False


def _is_spike(fit: TrailFit, ends: tuple[float, float, float, float], stars: StarList) -> bool:
    """The line goes through a bright star and is brightest beside it."""
    bright = stars.snr > SPIKE_STAR_SNR
    if not bright.any():
        return False
    x0, y0, x1, y1 = ends
    length = np.hypot(x1 - x0, y1 - y0)
    dx, dy = stars.x_px[bright] - x0, stars.y_px[bright] - y0
    distance = np.abs(dx * (y1 - y0) - dy * (x1 - x0)) / length
    position = (dx * (x1 - x0) + dy * (y1 - y0)) / length**2
    widths = stars.shapes.fwhm_px
    reach = SPIKE_REACH_FWHM * (float(np.median(widths)) if len(widths) else 4.0)
    for at in position[(distance < reach) & (position > -0.3) & (position < 1.3)]:
        if _fades_from(fit.along, float(at)):
            return True
    return False


def _fades_from(along: NDArray[np.float64], at: float) -> bool:
    """True when the ridge is much brighter near the relative position ``at`` than far from it."""
    place = (np.arange(len(along)) + 0.5) / len(along)
    distance = np.abs(place - at)
    known = np.isfinite(along)
    if known.sum() < 4:
        return False
    near = distance <= np.median(distance[known])
    inner, outer = np.median(along[known & near]), np.median(along[known & ~near])
    return bool(inner > SPIKE_FADING * max(outer, 1e-6))


def _is_row_of_trailed_stars(fit: TrailFit, ends: tuple[float, float, float, float], stars: StarList) -> bool:
    shapes = stars.shapes
    if len(shapes.elongation) < 3 or np.median(shapes.elongation) < TRAILED_ELONGATION or fit.snr > TRAILED_FREE_SNR:
        return False
    x0, y0, x1, y1 = ends
    angle = np.degrees(np.arctan2(y1 - y0, x1 - x0))
    stars_angle = np.degrees(np.angle(shapes.mean_ellipticity())) / 2.0
    apart = abs((angle - stars_angle + 90.0) % 180.0 - 90.0)
    return bool(apart < TRAILED_ANGLE_DEG)
