"""Diffraction spikes: lines through a star so bright that it burns out, with other arms at 60 or 90 degrees."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.along import fades_from
from nebulift.streaks.band import Ends
from nebulift.streaks.burnt_stars import BurntStars
from nebulift.streaks.fans import meeting_of
from nebulift.streaks.profile import TrailFit
from nebulift.streaks.tilt import across_map, line_snr

TURNS_DEG = (60.0, 90.0, 120.0)  # of spiders with three and four vanes, against the line
CONTROLS_DEG = (30.0, 40.0, 142.0, 150.0)  # between them: what halo and crowd give
CONTROL_FACTOR = 1.3
BEYOND_SHARE = 1.0  # of its length: so far beyond an end of the line its star may lie, covered
MIN_ARM_PX = 16.0  # in pixels of the map
ARM_SNR = 5.0
KNOWN_SNR = 6.0  # of a spike that tells the directions of others
ARM_SHARE = 0.35  # of the S/N of the line between the same distances from the star: arms of one star are alike
BRIGHTER = 2.0  # than a known spike is none of another star, as the brightest stars are known
SPIDER_DEG = 1.5  # by so much spikes of one spider may differ from its angles
SHORT_SHARE = 0.35  # of the diagonal
# spikes as long fall to a small share of what they are at their star: a trail does not, whatever crosses it there
LONG_SHARE, LONG_FADING = 0.5, 1.5
WITHIN_SHARE = 0.1  # of its length, from an end: a line that only begins at a star does not cross it
BORDER_PX = 8.0  # in pixels of the map

Maps = tuple[NDArray[np.int16], NDArray[np.bool_], int]  # flat, covered, pixels of the first a pixel of the second


def without_spikes(
    trails: Sequence[TrailFit], fits: Sequence[TrailFit], maps: Maps, raw_px: float, burnt: BurntStars
) -> list[TrailFit]:
    """The lines that are no spikes: not of a burnt-out star in the frame, nor of one beyond its border.

    ``fits``: all lines that were measured, too weak ones as well: the spikes among them tell how the spider stands;
    ``raw_px``: raw pixels a pixel of ``maps``.
    """
    if not trails:
        return []
    spikes = [fit for fit in fits if fit.snr >= KNOWN_SNR and spike_of(fit, maps, raw_px, burnt)]
    left = [fit for fit in trails if fit not in spikes]
    shape = maps[0].shape
    return [fit for fit in left if not _of_same_spider(fit, spikes, left, shape)]


def spike_of(fit: TrailFit, maps: Maps, raw_px: float, burnt: BurntStars) -> bool:
    """True when the line runs through a burnt-out star that has other arms as bright as it."""
    is_long = np.hypot(fit.x1 - fit.x0, fit.y1 - fit.y0) > LONG_SHARE * np.hypot(*maps[0].shape)
    return any(
        _has_other_arms(maps, (x, y), reach, fit)
        for x, y, radius in _on_line(fit, burnt, raw_px)
        if not is_long or fades_from(fit.along, _place_on(fit, (x, y)), LONG_FADING)
        for reach in _reach(fit, x, y, radius)
    )


def star_has_other_arms(fit: TrailFit, maps: Maps, star: tuple[float, float]) -> bool:
    """True when a star on the line through ``fit`` has arms beside it as far as the line reaches; in map pixels."""
    return any(_has_other_arms(maps, star, reach, fit) for reach in _reach(fit, *star, 0.0))


def _has_other_arms(maps: Maps, star: tuple[float, float], reach: float, fit: TrailFit) -> bool:
    """True when a line like this one goes through the star at a spider's angle, and none elsewhere."""
    own = _turned_snr(maps, star, reach, 0.0, fit)
    if own < ARM_SNR:
        return False
    brightest = max(_turned_snr(maps, star, reach, turn, fit) for turn in TURNS_DEG)
    if brightest < max(ARM_SNR, ARM_SHARE * own):
        return False
    return brightest > CONTROL_FACTOR * max(_turned_snr(maps, star, reach, turn, fit) for turn in CONTROLS_DEG)


def _on_line(fit: TrailFit, burnt: BurntStars, raw_px: float) -> Iterator[tuple[float, float, float]]:
    """(x, y, radius) in map pixels of the stars through whose middle the line goes."""
    run, rise = fit.x1 - fit.x0, fit.y1 - fit.y0
    length = float(np.hypot(run, rise))
    star_x, star_y = (burnt.x_px + 0.5) / raw_px - 0.5, (burnt.y_px + 0.5) / raw_px - 0.5
    radius = burnt.radius_px / raw_px
    across = np.abs((star_x - fit.x0) * rise - (star_y - fit.y0) * run) / length
    along = ((star_x - fit.x0) * run + (star_y - fit.y0) * rise) / length
    gap = np.maximum(-along, along - length) - radius
    near = (across < burnt.reach_px / raw_px) & (gap < BEYOND_SHARE * length)
    for number in np.flatnonzero(near):
        yield float(star_x[number]), float(star_y[number]), float(radius[number])


def _reach(fit: TrailFit, x: float, y: float, radius: float) -> Iterator[float]:
    """How far the line reaches from the star, if it does."""
    far = max(float(np.hypot(fit.x0 - x, fit.y0 - y)), float(np.hypot(fit.x1 - x, fit.y1 - y)))
    if far - radius > MIN_ARM_PX:
        yield far


def _turned_snr(maps: Maps, star: tuple[float, float], reach: float, turn_deg: float, fit: TrailFit) -> float:
    """S/N of the line through the star as far as ``reach`` on both sides, turned by an angle against ``fit``."""
    flat, covered, covered_scale = maps
    angle = np.arctan2(fit.y1 - fit.y0, fit.x1 - fit.x0) + np.radians(turn_deg)
    cos, sin = reach * np.cos(angle), reach * np.sin(angle)
    x, y = star
    inside = within_map((x - cos, y - sin, x + cos, y + sin), flat.shape)
    if inside is None or np.hypot(inside[2] - inside[0], inside[3] - inside[1]) < MIN_ARM_PX:
        return 0.0
    return line_snr(flat, covered, covered_scale, inside)


def within_map(ends: Ends, shape: tuple[int, int]) -> Ends | None:
    """The part of the segment inside the map, or ``None`` when nothing of it is."""
    chord = across_map(ends, shape)
    if chord is None:
        return None
    run, rise = ends[2] - ends[0], ends[3] - ends[1]
    square = run**2 + rise**2
    places = sorted(((x - ends[0]) * run + (y - ends[1]) * rise) / square for x, y in (chord[:2], chord[2:]))
    start, stop = max(places[0], 0.0), min(places[1], 1.0)
    if stop <= start:
        return None
    return ends[0] + start * run, ends[1] + start * rise, ends[0] + stop * run, ends[1] + stop * rise


def crosses_spike(trail: TrailFit, spike: TrailFit) -> bool:
    """True when the line crosses a known spike at a spider's angle where both are hidden: at its star, as its twin."""
    apart = (_angle_deg(trail) - _angle_deg(spike)) % 180.0
    if trail.snr > BRIGHTER * spike.snr or min(abs(apart - turn) for turn in TURNS_DEG) > SPIDER_DEG:
        return False
    return all(_is_hidden_at(line, meeting_of(trail, spike)) for line in (trail, spike))


def _is_hidden_at(line: TrailFit, point: tuple[float, float]) -> bool:
    """True when a star covers the line at the point, which lies on it, and not at its ends."""
    at = _place_on(line, point)
    return WITHIN_SHARE < at < 1.0 - WITHIN_SHARE and bool(np.isnan(line.along[int(at * len(line.along))]))


def _place_on(line: TrailFit, point: tuple[float, float]) -> float:
    """Where along the line the point lies, 0..1 on it."""
    run, rise = line.x1 - line.x0, line.y1 - line.y0
    return ((point[0] - line.x0) * run + (point[1] - line.y0) * rise) / (run**2 + rise**2)


def _comes_in(fit: TrailFit, shape: tuple[int, int]) -> bool:
    """True when just one end lies at the border of the map."""
    height, width = shape
    at_border = [min(x, y, width - 1 - x, height - 1 - y) < BORDER_PX for x, y in ((fit.x0, fit.y0), (fit.x1, fit.y1))]
    return at_border[0] != at_border[1]


def _of_same_spider(
    fit: TrailFit, spikes: Sequence[TrailFit], others: Sequence[TrailFit], shape: tuple[int, int]
) -> bool:
    """True when the line is short or comes in from the border and has the direction of a known spike or its other
    arms, or both it and one that it crosses at such an angle come in from the border.
    """
    comes_in = _comes_in(fit, shape)
    short = np.hypot(fit.x1 - fit.x0, fit.y1 - fit.y0) < SHORT_SHARE * np.hypot(*shape)
    for other in (one for one in spikes if (comes_in or short) and fit.snr < BRIGHTER * one.snr):
        apart = (_angle_deg(fit) - _angle_deg(other)) % 180.0
        if min(abs(apart - turn) for turn in (0.0, *TURNS_DEG, 180.0)) < SPIDER_DEG:
            return True
    for other in others if comes_in else ():
        apart = (_angle_deg(fit) - _angle_deg(other)) % 180.0
        if _comes_in(other, shape) and min(abs(apart - turn) for turn in TURNS_DEG) < SPIDER_DEG:
            return True
    return False


def _angle_deg(fit: TrailFit) -> float:
    return float(np.degrees(np.arctan2(fit.y1 - fit.y0, fit.x1 - fit.x0)))
