"""Lines that meet in one point (rays of amplifier glow, the spikes of one star, the tail of a comet), and combs of
parallel ones. No trails.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.along import fades_from
from nebulift.streaks.profile import TrailFit

MIN_RAYS = 3  # two trails cross somewhere; three through one point do not happen
MEETING_PX = 24.0  # in pixels of the map on which the lines were measured
APART_DEG = 6.0  # lines nearer in angle are one ray found twice
BEYOND_SHARE = 0.6  # the point lies on the line or this share of its length beyond an end
# the glow's middle is too bright to be searched, so that of its rays only the far part is seen: then four must meet
MIN_FAR_RAYS, FAR_BEYOND_SHARE = 4, 2.0
RAY_SNR = 5.0
ALIKE_SHARE = 0.35
COMB_SHARE = 0.25
MIN_TEETH, PARALLEL_DEG = 4, 0.7  # an aircraft has three lights abreast
RAY_FADING = 1.5  # brightness of the half near the point over that of the far half
WIDE_FWHM = 3.0  # a light so far out of focus, and exactly through the root of a fan: the axis of a comet's tail
LONG_SHARE = 0.4  # of the map's diagonal: a line as long that does not fade is a trail that runs past the fan


def rays(fits: Sequence[TrailFit], diagonal_px: float, star_fwhm_px: float = 0.0) -> list[bool]:
    """For each line whether it is one of at least three that meet in a point, of which none outshines the others.

    Round a bright trail false lines through its brightest part are found, too: they do not make it a ray. Nor is a
    trail one that runs past the root of a fan: rays fade away from it. ``diagonal_px``: of the map;
    ``star_fwhm_px``: on it, 0 where it is not known.
    """
    lines = [fit if fit.snr >= RAY_SNR else None for fit in fits]
    is_ray = [False] * len(fits)
    angles = np.array([_angle_deg(fit) for fit in fits])
    apart = np.abs(angles[:, None] - angles[None, :])
    turned = np.minimum(apart, 180.0 - apart) >= APART_DEG
    for first in range(len(fits)):
        for second in range(first + 1, len(fits)):
            one, other = lines[first], lines[second]
            if one is None or other is None or not turned[first, second]:
                continue
            point = meeting_of(one, other)
            for beyond, least in ((BEYOND_SHARE, MIN_RAYS), (FAR_BEYOND_SHARE, MIN_FAR_RAYS)):
                through = _through(point, lines, beyond)
                for index in through if len(through) >= least else ():
                    wide = star_fwhm_px > 0.0 and fits[index].fwhm > WIDE_FWHM * star_fwhm_px
                    if not wide and _runs_past(fits[index], point, diagonal_px):
                        continue
                    alike = [near for near in through if wide or fits[near].snr >= ALIKE_SHARE * fits[index].snr]
                    is_ray[index] |= len(_distinct(alike, turned)) >= least
    return is_ray


def _angle_deg(fit: TrailFit) -> float:
    return float(np.degrees(np.arctan2(fit.y1 - fit.y0, fit.x1 - fit.x0)) % 180.0)


def _apart_deg(one: TrailFit, other: TrailFit) -> float:
    apart = abs(_angle_deg(one) - _angle_deg(other))
    return min(apart, 180.0 - apart)


def meeting_of(one: TrailFit, other: TrailFit) -> tuple[float, float]:
    """Where the two straight lines cross."""
    run, rise = one.x1 - one.x0, one.y1 - one.y0
    run2, rise2 = other.x1 - other.x0, other.y1 - other.y0
    share = ((other.x0 - one.x0) * rise2 - (other.y0 - one.y0) * run2) / (run * rise2 - rise * run2)
    return one.x0 + share * run, one.y0 + share * rise


def combs(fits: Sequence[TrailFit]) -> list[bool]:
    """For each line whether it is one of at least four that are parallel and apart: spectra, lines of a sensor."""
    is_tooth = []
    for fit in fits:
        alike = [other for other in fits if other is fit or _apart_deg(fit, other) < PARALLEL_DEG]
        strong = sorted(_offset(other, fit) for other in alike if _pixel_snr(other) >= COMB_SHARE * _pixel_snr(fit))
        teeth = 1 + sum(second - first > MEETING_PX for first, second in pairwise(strong))
        is_tooth.append(teeth >= MIN_TEETH)
    return is_tooth


def _pixel_snr(fit: TrailFit) -> float:
    """S/N over the noise of pixels: the surroundings of a tooth are other teeth."""
    return fit.snr * fit.noise


def _offset(fit: TrailFit, other: TrailFit) -> float:
    """Distance of the middle of one line from the other, with its side as sign."""
    run, rise = other.x1 - other.x0, other.y1 - other.y0
    x, y = (fit.x0 + fit.x1) / 2.0 - other.x0, (fit.y0 + fit.y1) / 2.0 - other.y0
    return float((x * rise - y * run) / np.hypot(run, rise))


def _runs_past(fit: TrailFit, point: tuple[float, float], diagonal_px: float) -> bool:
    """True when the line is long and does not fade away from the point."""
    run, rise = fit.x1 - fit.x0, fit.y1 - fit.y0
    at = ((point[0] - fit.x0) * run + (point[1] - fit.y0) * rise) / (run**2 + rise**2)
    return float(np.hypot(run, rise)) > LONG_SHARE * diagonal_px and not fades_from(fit.along, at, RAY_FADING)


def _through(point: tuple[float, float], lines: Sequence[TrailFit | None], beyond: float) -> list[int]:
    """Indices of the lines that pass near the point and end no more than ``beyond`` of their length away from it."""
    found = []
    for index, fit in enumerate(lines):
        if fit is None:
            continue
        run, rise = fit.x1 - fit.x0, fit.y1 - fit.y0
        length = float(np.hypot(run, rise))
        dx, dy = point[0] - fit.x0, point[1] - fit.y0
        along = (dx * run + dy * rise) / length**2
        across = abs(dx * rise - dy * run) / length
        if across < MEETING_PX and -beyond < along < 1.0 + beyond:
            found.append(index)
    return found


def _distinct(through: Sequence[int], turned: NDArray[np.bool_]) -> list[int]:
    """Of the lines through one point, those whose directions differ; ``turned`` tells of two whether theirs do."""
    kept: list[int] = []
    for index in through:
        if turned[index, kept].all():
            kept.append(index)
    return kept
