"""The pixels that trails spoil, for stackers."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.measurements import Streak

WING_EXPONENT = 2.5  # of a Moffat profile, whose wings are those of real optics
FADED_SIGMA = 0.1  # of the noise of one pixel: what is left beyond the mask's edge where the trail is brightest
MARGIN_PX = 2.0
END_ERRORS = 2.0  # so many standard errors beyond each end
FRACTION_BITS = 4


def streak_mask(
    streaks: Sequence[Streak], shape_px: tuple[int, int], margin_px: float = MARGIN_PX
) -> NDArray[np.bool_]:
    """True on the pixels of the trails; bool, shape ``shape_px`` (height, width) of the raw frame.

    Each trail is masked as far to both sides as a Moffat profile of its width takes to fade to a tenth of the noise of
    one pixel where the trail is brightest, at least one full width at half maximum, plus ``margin_px``; and as far
    beyond its ends, plus two standard errors of theirs.
    """
    mask = np.zeros(shape_px, dtype=np.uint8)
    for streak in streaks:
        corners = np.rint(_corners(streak, margin_px) * 2**FRACTION_BITS).astype(np.int32)
        cv2.fillConvexPoly(mask, corners.reshape(-1, 1, 2), 1, cv2.LINE_8, FRACTION_BITS)
    return mask.astype(bool)


def half_width_px(streak: Streak) -> float:
    """Distance from the trail's middle at which it has faded to a tenth of the noise, at least its width."""
    brightest = max([streak.peak_sigma, *(height for height in streak.brightness_sigma if height is not None)])
    ratio = max(brightest / FADED_SIGMA, 1.0)
    # the Moffat profile falls to half at half of the width
    scale = streak.width_px / 2.0 / (2.0 ** (1.0 / WING_EXPONENT) - 1.0) ** 0.5
    return float(max(scale * (ratio ** (1.0 / WING_EXPONENT) - 1.0) ** 0.5, streak.width_px))


def _corners(streak: Streak, margin_px: float) -> NDArray[np.float64]:
    """(4, 2) corners (x, y) of the rectangle around the trail."""
    start, stop = np.array([streak.x0_px, streak.y0_px]), np.array([streak.x1_px, streak.y1_px])
    along = (stop - start) / max(float(np.hypot(*(stop - start))), 1e-9)
    side = np.array([-along[1], along[0]])
    half = half_width_px(streak) + margin_px
    first, last = streak.end_errors_px or (0.0, 0.0)
    start, stop = start - (half + END_ERRORS * first) * along, stop + (half + END_ERRORS * last) * along
    return np.stack([start + half * side, stop + half * side, stop - half * side, start - half * side])
