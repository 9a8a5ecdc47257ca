"""What draws straight lines without being a trail: columns and rows, spikes, rows of trailed stars, borders."""

import numpy as np
from numpy.typing import NDArray

from nebulift.stars import StarList
from nebulift.streaks.profile import TrailFit

AXIS_SLACK_PX = 1.5  # at each end: what lies so exactly along a row or column is a fault of the sensor
AXIS_SLACK_SHARE = 0.004  # of its length: a quarter of a degree
BORDER_PX = 12.0  # lines along the border of the frame: residues of the background, dither and amplifier edges
SPIKE_REACH_FWHM = 2.0  # a spike goes through the middle of its star
SPIKE_STAR_SNR = 150.0  # fainter stars have no spikes above the noise
SPIKE_DIAGONAL_SHARE = 0.35  # both arms together; a trail as short rarely has a bright star in its middle
SPIKE_FADING = 1.8  # brightness of the half near the star over that of the far half
SHORT_SPIKE_FADING = 1.3  # for both arms of a spike, with the star in their middle
BORDER_SPIKE_DIAGONAL_SHARE = 0.15
BORDER_SPIKE_SIGMA = 2.0
GALAXY_PX = 6.0  # discs are wider than star images
GALAXY_SIGMA = 4.0
GALAXY_DROP = 0.8  # of the mean height, from the middle to the ends
SPINDLE_FWHM = 3.0  # an aircraft at 10 km is blurred to five pixels by a telescope of 200 mm at 1 m focal length
SPINDLE_MARGIN = 0.02
SPINDLE_TAPER = 0.85
TRAILED_ELONGATION = 1.8
TRAILED_ANGLE_DEG = 6.0
TRAILED_FREE_SNR = 40.0  # a trail among trailed stars must be far stronger than a chance row of them


def veto(trail: TrailFit, shape_px: tuple[int, int], stars: StarList) -> str | None:
    """Why this line is no trail, in a few words, or ``None``. All in raw pixels."""
    ends = (trail.x0, trail.y0, trail.x1, trail.y1)
    across = min(abs(trail.x1 - trail.x0), abs(trail.y1 - trail.y0))
    if across < max(2 * AXIS_SLACK_PX, AXIS_SLACK_SHARE * float(np.hypot(ends[2] - ends[0], ends[3] - ends[1]))):
        return "row or column of the sensor"
    if _along_border(ends, shape_px):
        return "border of the frame"
    if _is_spike(trail, ends, shape_px, stars) or _comes_in_from_border(trail, ends, shape_px):
        return "diffraction spike"
    if _is_galaxy(trail) or _is_wide_spindle(trail, ends, shape_px, stars):
        return "edge-on galaxy"
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


def _is_spike(
    trail: TrailFit, ends: tuple[float, float, float, float], shape_px: tuple[int, int], stars: StarList
) -> bool:
    """The line goes through a bright star and is brightest beside it, or is short and has the star in its middle."""
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
    on_line = position[(distance < reach) & (position > -0.3) & (position < 1.3)]
    short = length < SPIKE_DIAGONAL_SHARE * np.hypot(*shape_px)
    fading = np.where(short & (np.abs(on_line - 0.5) < 0.2), SHORT_SPIKE_FADING, SPIKE_FADING)
    return any(_fades_from(trail.along, float(at), float(much)) for at, much in zip(on_line, fading, strict=True))


def _fades_from(along: NDArray[np.float64], at: float, much: float) -> bool:
    """True when the ridge is ``much`` brighter near the relative position ``at`` than far from it."""
    place = (np.arange(len(along)) + 0.5) / len(along)
    distance = np.abs(place - at)
    known = np.isfinite(along)
    if known.sum() < 4:
        return False
    near = distance <= np.median(distance[known])
    inner, outer = np.median(along[known & near]), np.median(along[known & ~near])
    return bool(inner > much * max(outer, 1e-6))


def _comes_in_from_border(trail: TrailFit, ends: tuple[float, float, float, float], shape_px: tuple[int, int]) -> bool:
    """Short, faint and beginning at the border: trails that enter a frame seldom stop there at once."""
    height, width = shape_px
    length = np.hypot(ends[2] - ends[0], ends[3] - ends[1])
    if length > BORDER_SPIKE_DIAGONAL_SHARE * np.hypot(height, width) or trail.ridge_sigma > BORDER_SPIKE_SIGMA:
        return False
    to_border = [min(x, y, width - 1 - x, height - 1 - y) for x, y in (ends[:2], ends[2:])]
    return min(to_border) < BORDER_PX


def _is_galaxy(trail: TrailFit) -> bool:
    """Wide, and brightest in the middle (or covered there) with both halves fading outwards alike."""
    if trail.fwhm < GALAXY_PX:
        return False
    place = np.abs((np.arange(len(trail.along)) + 0.5) / len(trail.along) - 0.5)
    known = np.isfinite(trail.along)
    height = trail.along[known]
    x = place[known] - place[known].mean()
    slope = float((x * height).sum() / max((x**2).sum(), 1e-9))
    error = float(np.sqrt(((height - height.mean() - slope * x) ** 2).mean() / max((x**2).sum(), 1e-9)))
    return slope < -GALAXY_SIGMA * error and -slope * 0.5 > GALAXY_DROP * float(height.mean())


def _is_wide_spindle(
    trail: TrailFit, ends: tuple[float, float, float, float], shape_px: tuple[int, int], stars: StarList
) -> bool:
    """Far wider than the stars, within the frame, and tapering at both ends: no moving light is out of focus so far.

    The middle of a bright galaxy is as high as the clipped map goes, so only its ends show that it is none.
    """
    widths = stars.shapes.fwhm_px
    if len(widths) == 0 or trail.fwhm < max(GALAXY_PX, SPINDLE_FWHM * float(np.median(widths))):
        return False
    height, width = shape_px
    margin = SPINDLE_MARGIN * min(shape_px)
    if min(min(x, y, width - 1 - x, height - 1 - y) for x, y in (ends[:2], ends[2:])) < margin:
        return False
    eighth = max(len(trail.along) // 8, 1)
    parts = [part[np.isfinite(part)] for part in (trail.along[:eighth], trail.along[-eighth:], trail.along)]
    if min(len(part) for part in parts) == 0:
        return False
    return bool(max(parts[0].mean(), parts[1].mean()) < SPINDLE_TAPER * float(np.median(parts[2])))


def _is_row_of_trailed_stars(fit: TrailFit, ends: tuple[float, float, float, float], stars: StarList) -> bool:
    shapes = stars.shapes
    if len(shapes.elongation) < 3 or np.median(shapes.elongation) < TRAILED_ELONGATION or fit.snr > TRAILED_FREE_SNR:
        return False
    x0, y0, x1, y1 = ends
    angle = np.degrees(np.arctan2(y1 - y0, x1 - x0))
    stars_angle = np.degrees(np.angle(shapes.mean_ellipticity())) / 2.0
    apart = abs((angle - stars_angle + 90.0) % 180.0 - 90.0)
    return bool(apart < TRAILED_ANGLE_DEG)
