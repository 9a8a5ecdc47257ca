"""What draws straight lines without being a trail: columns and rows, spikes, rows of trailed stars, borders."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nebulift.stars import StarList
from nebulift.streaks.along import fades_from, falls_from, is_concave, is_cusped, is_level, on_pedestal, running_median
from nebulift.streaks.burnt_stars import BurntStars
from nebulift.streaks.profile import TrailFit

SPIKE, GALAXY = "diffraction spike", "edge-on galaxy"
AXIS_SLACK_PX = 1.5  # at each end: what lies so exactly along a row or column is a fault of the sensor
AXIS_SLACK_SHARE, SURE_AXIS_SNR = 0.004, 40.0  # of its length: a quarter of a degree; bright lines lean or do not
# wide ones within about their own width: the cells of the background follow rows and columns, but are not so bright
AXIS_WIDE_PX, AXIS_WIDE_SNR = 10.0, 100.0
BORDER_SHARE = 0.07  # of the frame: borders of dithered and turned stacks lie so far inside, and run along most of it:
BORDER_LENGTH_SHARE = 0.4  # a star or a fading step may end the line; trails seldom stay so near the border so long
# the direction of faint and short ones is less well known
FAINT_AXIS_PX, FAINT_AXIS_SNR, FAINT_SHORT_AXIS_SNR = 6.0, 12.0, 40.0
BLEEDING_SHARE = 0.045  # of its length, across: bleeding columns widen and lean
# columns do not lean by more than they are wide; only of short ones is the width too uncertain to say so
LONG_BLEEDING_SHARE, BLEEDING_FWHM = 0.35, 4.0
BURNT_SIGMA = 1000.0  # half of what the map holds: such a column is burnt out itself, wherever its star is
BORDER_PX = 12.0  # lines along the border of the frame: residues of the background, dither and amplifier edges
SPIKE_REACH_FWHM = 2.0  # a spike goes through the middle of its star
UNKNOWN_FWHM_PX = 4.0
# of its length: so far beyond an end its star may lie; burnt-out ones hide more of it
STAR_BEYOND_SHARE, BURNT_BEYOND_SHARE = 0.3, 0.6
AT_END = 0.1
FAINT_SPIKE_SNR = 12.0
# of ten burnt-out stars in a megapixel one lies so in the middle of a line of 300 pixels once in a thousand
CENTRED_PX, CENTRED_REACH, CENTRED_SHARE = 1.0, 0.1, 0.06
STEEP_FADING = 2.5
PLAIN_SPIKE_SNR = 40.0  # the other arms of such a spike are seen, too, or there are none
SPIKE_STAR_SNR = 150.0  # fainter stars have no spikes above the noise
SPIKE_DIAGONAL_SHARE = 0.35  # both arms together; a trail as short rarely has a bright star in its middle
SPIKE_FADING = 1.8  # brightness of the half near the star over that of the far half
SHORT_SPIKE_FADING = 1.3  # for both arms of a spike, with the star in their middle
CROSSING_SHARE, CROSSING_SPIKE_FADING = 0.6, 3.0  # spikes as long fall to a small share of what they are at their star
BORDER_SPIKE_DIAGONAL_SHARE = 0.15
BORDER_SPIKE_SIGMA = 5.0
BORDER_FADING_SHARE = 0.4  # of the diagonal: longer spikes than this, of stars that are not in the frame, are rare
BORDER_FADING = 1.25
BORDER_SPIKE_FWHM = 2.0  # spikes are as wide as their star
SHORT_SHARE, SHORT_SPINDLE_FWHM = 0.15, 2.5
GALAXY_PX = 6.0  # discs are wider than star images
CUSPED_FWHM = 1.5  # of the stars
# seen exactly from the side they are twenty times as long as wide: what is longer, and as sharp as the stars, is none
GALAXY_MAX_ASPECT, SHARP_FWHM = 40.0, 1.3
GALAXY_SIGMA = 4.0
# where the core is so bright that it is covered, and the rest far wider than the stars, it is one by less
HIDDEN_CORE, HIDDEN_CORE_FWHM, HIDDEN_CORE_SIGMA = 0.1, 2.0, 2.5
GALAXY_DROP = 0.8  # of the mean height, from the middle to the ends
SPINDLE_FWHM = 3.0  # an aircraft at 10 km is blurred to five pixels by a telescope of 200 mm at 1 m focal length
SPINDLE_MARGIN = 0.02
SPINDLE_TAPER = 0.85
TRAILED_ELONGATION = 1.8
TRAILED_ANGLE_DEG = 6.0
TRAILED_FREE_SNR = 40.0  # a trail among trailed stars must be far stronger than a chance row of them


def veto(
    trail: TrailFit,
    shape_px: tuple[int, int],
    stars: StarList,
    burnt: BurntStars,
    has_other_arms: Callable[[float, float], bool],
) -> str | None:
    """Why this line is no trail, in a few words, or ``None``. All in raw pixels.

    ``has_other_arms`` tells whether a star at (x, y) has spikes beside this line: it is asked where they must be plain.
    """
    ends = (trail.x0, trail.y0, trail.x1, trail.y1)
    along_axis = _along_axis(trail, shape_px, burnt)
    if along_axis is not None:
        return along_axis
    ends = (trail.x0, trail.y0, trail.x1, trail.y1)
    reasons: dict[str, Callable[[], bool]] = {
        "border of the frame": lambda: _along_border(ends, shape_px),
        SPIKE: lambda: (
            _is_spike(trail, shape_px, (stars, burnt), has_other_arms) or _comes_in_from_border(trail, shape_px, stars)
        ),
        GALAXY: lambda: _is_galaxy(trail, star_fwhm_px(stars)) or _is_wide_spindle(trail, ends, shape_px, stars),
        "trailed stars in a row": lambda: _is_row_of_trailed_stars(trail, ends, stars),
    }
    return next((reason for reason, is_met in reasons.items() if is_met()), None)


def _along_axis(trail: TrailFit, shape_px: tuple[int, int], burnt: BurntStars) -> str | None:
    """Why a line along rows or columns is none of the sky, or ``None``."""
    across = min(abs(trail.x1 - trail.x0), abs(trail.y1 - trail.y0))
    length = float(np.hypot(trail.x1 - trail.x0, trail.y1 - trail.y0))
    wide = 1.5 * trail.fwhm if trail.fwhm > AXIS_WIDE_PX and trail.snr < AXIS_WIDE_SNR else 0.0
    short = length < SHORT_SHARE * np.hypot(*shape_px)
    vague = trail.snr < (FAINT_SHORT_AXIS_SNR if short else FAINT_AXIS_SNR)
    faint = FAINT_AXIS_PX if vague else 0.0
    leaning = AXIS_SLACK_SHARE * length if trail.snr < SURE_AXIS_SNR else 0.0
    if across < max(2 * AXIS_SLACK_PX, leaning, wide, faint):
        return "row or column of the sensor"
    bleeding = _places_on(trail, burnt.x_px, burnt.y_px, burnt.reach_px)
    beyond = STAR_BEYOND_SHARE
    lean = BLEEDING_SHARE * length
    if length > LONG_BLEEDING_SHARE * np.hypot(*shape_px):
        lean = min(lean, BLEEDING_FWHM * trail.fwhm)
    from_star = across < lean and bool(((bleeding > -beyond) & (bleeding < 1.0 + beyond)).any())
    if from_star or (trail.ridge_sigma > BURNT_SIGMA and across < BLEEDING_FWHM * trail.fwhm):
        return "charge that bleeds from a burnt-out star"
    return None


def _along_border(ends: tuple[float, float, float, float], shape_px: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = ends
    height, width = shape_px
    for first, last, size in ((x0, x1, width), (y0, y1, height)):
        whole = np.hypot(x1 - x0, y1 - y0) > BORDER_LENGTH_SHARE * (height + width - size)
        margin = max(BORDER_PX, BORDER_SHARE * size) if whole else BORDER_PX
        if max(first, last) < margin or min(first, last) > size - 1 - margin:
            return True
    return False


def _is_spike(
    trail: TrailFit,
    shape_px: tuple[int, int],
    lights: tuple[StarList, BurntStars],
    has_other_arms: Callable[[float, float], bool],
) -> bool:
    found = _stars_of_spike(trail, shape_px, *lights)
    sharp = trail.fwhm < BORDER_SPIKE_FWHM * (star_fwhm_px(lights[0]) or UNKNOWN_FWHM_PX)
    if not found or trail.snr < PLAIN_SPIKE_SNR or not sharp:
        return bool(found)
    x, y = np.array(found).T
    at = _places_on(trail, x, y, np.full(len(x), np.inf))
    # what begins at a star, or is far brighter beside it, is a tail or a spike in any case
    begins = (at < AT_END) | (at > 1.0 - AT_END)
    steep = any(fades_from(trail.along, float(one), STEEP_FADING) for one in at)
    return bool(begins.any()) or steep or any(has_other_arms(*star) for star in found)


def _stars_of_spike(
    trail: TrailFit, shape_px: tuple[int, int], stars: StarList, burnt: BurntStars
) -> list[tuple[float, float]]:
    """The bright stars through which the line goes and beside which it is brightest, or which it has in its middle."""
    bright = stars.snr > SPIKE_STAR_SNR
    reach = np.full(np.count_nonzero(bright), SPIKE_REACH_FWHM * (star_fwhm_px(stars) or UNKNOWN_FWHM_PX))
    x = np.concatenate([stars.x_px[bright], burnt.x_px])
    y = np.concatenate([stars.y_px[bright], burnt.y_px])
    beyond = np.repeat([STAR_BEYOND_SHARE, BURNT_BEYOND_SHARE], [len(reach), len(burnt.x_px)])
    at = _places_on(trail, x, y, np.concatenate([reach, burnt.reach_px]))
    length = np.hypot(trail.x1 - trail.x0, trail.y1 - trail.y0)
    short = length < SPIKE_DIAGONAL_SHARE * np.hypot(*shape_px)
    fading = np.where(short & (np.abs(at - 0.5) < 0.2), SHORT_SPIKE_FADING, SPIKE_FADING)
    if length > CROSSING_SHARE * np.hypot(*shape_px):
        fading[:] = CROSSING_SPIKE_FADING
    near = np.flatnonzero((at > -beyond) & (at < 1.0 + beyond))
    # of a faint line it cannot be told whether it fades: one that begins at a burnt-out star is taken for its spike, as
    # is a short one that runs through it
    begins = (np.abs(at - np.rint(at)) < AT_END) | (short & (at > 0.0) & (at < 1.0))
    is_burnt = beyond == BURNT_BEYOND_SHARE
    begins &= is_burnt & (trail.snr < FAINT_SPIKE_SNR)
    # among crowded stars neither can it of others: but no trail as short has a burnt-out star in its very middle
    centre = np.maximum(CENTRED_PX, CENTRED_REACH * burnt.reach_px)
    exact = _places_on(trail, burnt.x_px, burnt.y_px, centre)
    begins[is_burnt] |= short & (np.abs(exact - 0.5) < CENTRED_SHARE)
    return [
        (float(x[one]), float(y[one]))
        for one in near
        if begins[one] or fades_from(trail.along, float(at[one]), float(fading[one]))
    ]


def _places_on(
    trail: TrailFit, x: NDArray[np.floating], y: NDArray[np.floating], reach: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where along the line the stars lie that it passes within ``reach``, 0..1 on it; NaN for the others."""
    run, rise = trail.x1 - trail.x0, trail.y1 - trail.y0
    length = np.hypot(run, rise)
    distance = np.abs((x - trail.x0) * rise - (y - trail.y0) * run) / length
    position = ((x - trail.x0) * run + (y - trail.y0) * rise) / length**2
    return np.asarray(np.where(distance < reach, position, np.nan))


def star_fwhm_px(stars: StarList) -> float:
    """Median width of the star images, 0 when none was measured."""
    widths = stars.shapes.fwhm_px
    return float(np.median(widths)) if len(widths) else 0.0


def _comes_in_from_border(trail: TrailFit, shape_px: tuple[int, int], stars: StarList) -> bool:
    """Begins at the border and ends within the frame, short and faint or fading inwards: of a star beyond the border.

    Trails that enter a frame seldom stop there at once, and do not fade as they go.
    """
    height, width = shape_px
    share = np.hypot(trail.x1 - trail.x0, trail.y1 - trail.y0) / np.hypot(height, width)
    ends = (trail.x0, trail.y0), (trail.x1, trail.y1)
    to_border = [min(x, y, width - 1 - x, height - 1 - y) for x, y in ends]
    if min(to_border) >= BORDER_PX:
        return False
    near = 0.0 if to_border[0] < to_border[1] else 1.0
    faint = share < BORDER_SPIKE_DIAGONAL_SHARE and trail.ridge_sigma < BORDER_SPIKE_SIGMA
    if faint and (max(to_border) >= BORDER_PX or not is_level(trail.along)):
        return True
    sharp = trail.fwhm < BORDER_SPIKE_FWHM * (star_fwhm_px(stars) or UNKNOWN_FWHM_PX)
    if share > BORDER_FADING_SHARE or max(to_border) < BORDER_PX or not sharp:
        return False
    if trail.snr >= PLAIN_SPIKE_SNR and is_concave(trail.along, near):
        return False
    return fades_from(trail.along, near, BORDER_FADING) and (trail.drop > 0.0 or falls_from(trail.along, near))


def _is_galaxy(trail: TrailFit, fwhm_px: float) -> bool:
    """Wide, and brightest in the middle (or covered there) with both halves fading outwards alike."""
    length = float(np.hypot(trail.x1 - trail.x0, trail.y1 - trail.y0))
    if on_pedestal(trail.along):
        return False
    if trail.fwhm > CUSPED_FWHM * fwhm_px > 0.0 and is_cusped(trail.along):
        return True
    as_sharp = trail.fwhm < SHARP_FWHM * fwhm_px and length > GALAXY_MAX_ASPECT * trail.fwhm
    if trail.fwhm < GALAXY_PX or as_sharp:
        return False
    place = np.abs((np.arange(len(trail.along)) + 0.5) / len(trail.along) - 0.5)
    known = np.isfinite(trail.along)
    height = running_median(trail.along[known], 1)
    x = place[known] - place[known].mean()
    slope = float((x * height).sum() / max((x**2).sum(), 1e-9))
    error = float(np.sqrt(((height - height.mean() - slope * x) ** 2).mean() / max((x**2).sum(), 1e-9)))
    hidden_core = trail.fwhm > HIDDEN_CORE_FWHM * fwhm_px > 0.0 and not known[place < HIDDEN_CORE].any()
    return slope < -(HIDDEN_CORE_SIGMA if hidden_core else GALAXY_SIGMA) * error and -slope * 0.5 > GALAXY_DROP * float(
        height.mean()
    )


def _is_wide_spindle(
    trail: TrailFit, ends: tuple[float, float, float, float], shape_px: tuple[int, int], stars: StarList
) -> bool:
    """Far wider than the stars, within the frame, and tapering at both ends: no moving light is out of focus so far.

    The middle of a bright galaxy is as high as the clipped map goes, so only its ends show that it is none.
    """
    fwhm = star_fwhm_px(stars)
    short = np.hypot(ends[2] - ends[0], ends[3] - ends[1]) < SHORT_SHARE * np.hypot(*shape_px)
    least = SHORT_SPINDLE_FWHM * fwhm if short else max(GALAXY_PX, SPINDLE_FWHM * fwhm)
    if fwhm == 0.0 or trail.fwhm < least:
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
