"""Spikes of a star outside the frame: two arms of a spider that fade away from one point beyond the border."""

from collections.abc import Sequence

import numpy as np

from nebulift.streaks.along import fades_from
from nebulift.streaks.fans import meeting_of
from nebulift.streaks.profile import TrailFit
from nebulift.streaks.tilt import across_map

TURNS_DEG = (60.0, 90.0, 120.0)  # between the arms of spiders with three and four vanes
SPIDER_DEG = 2.5  # short arms tell their direction no better
ARM_SNR, ALIKE_SHARE = 7.0, 0.3  # arms of one star are alike
FADING = 1.2  # brightness of the half near the star over that of the far half
INNER_GAP_SHARE = 1.3  # of its length, within the frame: the halo of the star covers so much of the arm
OUTER_GAP_SHARE = 0.3  # of the diagonal of the map, beyond its border
LONGEST_SHARE = 0.5  # of the diagonal: what is longer is a trail
BORDER_PX = 2.0  # the star may be in the outermost rows


def arms_of_outside_stars(fits: Sequence[TrailFit], shape: tuple[int, int]) -> list[bool]:
    """For each line, in pixels of a map of ``shape``, whether another is the arm of the same star outside."""
    is_arm = [False] * len(fits)
    for index, fit in enumerate(fits):
        alike = [other for other in fits if other is not fit and other.snr >= max(ARM_SNR, ALIKE_SHARE * fit.snr)]
        is_arm[index] = any(_fade_from_outside(fit, other, shape) for other in alike)
    return is_arm


def _fade_from_outside(fit: TrailFit, other: TrailFit, shape: tuple[int, int]) -> bool:
    apart = (_angle_deg(fit) - _angle_deg(other)) % 180.0
    if min(abs(apart - turn) for turn in TURNS_DEG) > SPIDER_DEG:
        return False
    star = meeting_of(fit, other)
    height, width = shape
    inside = min(star[0], star[1], width - 1 - star[0], height - 1 - star[1])
    return inside < BORDER_PX and all(_is_arm_of(one, star, shape) for one in (fit, other))


def _is_arm_of(fit: TrailFit, star: tuple[float, float], shape: tuple[int, int]) -> bool:
    """True when the line points at the star, is not too far from it, and fades away from it."""
    run, rise = fit.x1 - fit.x0, fit.y1 - fit.y0
    length, diagonal = float(np.hypot(run, rise)), float(np.hypot(*shape))
    chord = across_map((fit.x0, fit.y0, fit.x1, fit.y1), shape)
    if length > LONGEST_SHARE * diagonal or chord is None:
        return False
    at, first, last = (((x - fit.x0) * run + (y - fit.y0) * rise) / length**2 for x, y in (star, chord[:2], chord[2:]))
    exit_at = max(first, last) if at > 0.5 else min(first, last)  # where the line leaves the map towards the star
    inner, outer = (max(exit_at - 1.0, 0.0), at - exit_at) if at > 0.5 else (max(-exit_at, 0.0), exit_at - at)
    near = inner <= INNER_GAP_SHARE and outer * length <= OUTER_GAP_SHARE * diagonal
    return near and fades_from(fit.along, at, FADING)


def _angle_deg(fit: TrailFit) -> float:
    return float(np.degrees(np.arctan2(fit.y1 - fit.y0, fit.x1 - fit.x0)))
