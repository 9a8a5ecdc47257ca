"""Straight trails in a frame: satellites, aircraft, meteors. No orbits, no plate solution, no other frame needed.

Method: stars covered, pixels clipped, row and column patterns taken off; a fast Radon transform over a coarse map finds
candidates in all directions and several lengths; each is measured exactly on the fine map; what stars, optics and the
sensor draw in straight lines is refused (``conditions``, ``fans``, ``spikes``, ``vetoes``); what is left is described.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.measurements import Streak
from nebulift.scan import Scan
from nebulift.stars import StarList
from nebulift.streaks.band import Ends
from nebulift.streaks.bend import is_bent
from nebulift.streaks.burnt_stars import BurntStars, find_burnt_stars
from nebulift.streaks.conditions import CROWDED_COVER, PLAIN_SNR, malformation, may_be_trail, weakness
from nebulift.streaks.describe import Sight, in_map_pixels, in_raw_pixels, streak_of
from nebulift.streaks.ends import with_faint_ends
from nebulift.streaks.fans import combs, rays
from nebulift.streaks.flashes import find_flash_rows
from nebulift.streaks.kinds import SURE_POWER, flashes_regularly, twins
from nebulift.streaks.outside_stars import arms_of_outside_stars
from nebulift.streaks.own_light import without_own_light
from nebulift.streaks.profile import (
    FWHM_PER_SIGMA,
    KERNELS_PX,
    TrailFit,
    against_surroundings,
    held,
    measure_row,
    measure_trail,
)
from nebulift.streaks.search import Candidate, find_candidates, on_finer_map
from nebulift.streaks.search_map import RICH_CLIP_SIGMA, search_level, streak_map
from nebulift.streaks.spectra import spectra
from nebulift.streaks.spikes import crosses_spike, star_has_other_arms, without_spikes
from nebulift.streaks.star_cover import Patches, find_patches, no_data, star_cover
from nebulift.streaks.tilt import across_map, rough_chord
from nebulift.streaks.tracks import is_cosmic_ray
from nebulift.streaks.vetoes import GALAXY, SPIKE, star_fwhm_px, veto

SAME_TRAIL_PX = 10.0
SAME_TRAIL_FWHM = 1.5  # the wings of a very bright trail are a trail beside it
WIDEST_FWHM = FWHM_PER_SIGMA * KERNELS_PX[-1]  # of the finest map, in its pixels
SEEN_WHOLE = 1.5  # two steps of the ladder of widths
COARSER_LEVELS = 2  # wide (defocused) trails are sought again on maps coarser by four
# on one that is coarser still, if it is so large: they must be so bright that the search loses none of them there
LEAST_SIDE_PX = 200
DOTTED_SNR, DOTTED_CONTINUITY = 10.0, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Lights:
    """What shines in the frame beside trails."""

    stars: StarList
    burnt: BurntStars
    patches: Patches


BENT = "piece of something bent"

Found = list[tuple[TrailFit, Sight]]  # trails in raw pixels, and the map on which each was measured


def find_streaks(frame: Frame, scan: Scan, maps: list[NDArray[np.int16]], stars: StarList) -> tuple[Streak, ...]:
    """All trails, strongest first, in raw pixels. ``maps``: pyramid of the flattened scan.

    Raises ``UnreadableFrame`` when the frame's file has become shorter.
    """
    found: Found = []
    burnt = find_burnt_stars(maps, scan.bin_px)
    lights = Lights(stars, burnt, find_patches(maps))
    fwhm_px = star_fwhm_px(stars)
    fan: list[TrailFit] = []
    spikes: list[TrailFit] = []
    for fine in (0, COARSER_LEVELS):
        if fine >= len(maps):
            break
        for look in _looks(maps, fine, scan.bin_px, lights, found):
            sight = look.sight
            fits, rays_px = _trails(look, lights, fan)
            fan = [*fan, *rays_px]
            for fit in fits:
                trail = in_raw_pixels(_drawn_out(fit, sight), sight.scale_px)
                arms = partial(_has_other_arms, fit, sight)
                malformed = malformation(trail, frame.shape, fwhm_px, float(sight.covered.mean()))
                reason = malformed or veto(trail, frame.shape, stars, burnt, arms)
                if reason is None and is_bent(fit, sight.flat, sight.covered, sight.covered_scale):
                    reason = BENT
                if reason == SPIKE:
                    spikes.append(trail)
                if reason is None:
                    _add(found, trail, sight, WIDEST_FWHM * scan.bin_px)
                elif fine > 0:
                    found[:] = _without_parts(found, trail, scan.bin_px, is_galaxy=reason == GALAXY)
    found = [
        one
        for one in found
        if not any(crosses_spike(one[0], spike) for spike in spikes) and not is_cosmic_ray(one[0], frame, fwhm_px)
    ]
    _add_rows(found, maps, scan.bin_px)
    found.sort(key=lambda one: -one[0].snr)
    is_twin = twins([trail for trail, _ in found])
    return tuple(
        streak_of(trail, sight, scan, fwhm_px, is_twin=twin)
        for (trail, sight), twin in zip(found, is_twin, strict=True)
    )


def _drawn_out(fit: TrailFit, sight: Sight) -> TrailFit:
    """A plain line with its faint ends: what goes on to the other border is no spike that comes in from one."""
    if fit.snr < PLAIN_SNR:
        return fit
    return with_faint_ends(fit, sight.flat, sight.covered, sight.covered_scale)


def _has_other_arms(fit: TrailFit, sight: Sight, x_px: float, y_px: float) -> bool:
    """Whether the star at this place, in raw pixels, has spikes beside the line."""
    star = (x_px + 0.5) / sight.scale_px - 0.5, (y_px + 0.5) / sight.scale_px - 0.5
    return star_has_other_arms(fit, (sight.flat, sight.covered, sight.covered_scale), star)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Candidates of one map, and what of it is covered while they are measured."""

    candidates: list[Candidate]
    level_map: NDArray[np.int16]  # on which they were sought
    sight: Sight
    bright_share: float  # of the map under light
    is_held: bool = False  # stars cut down


def _looks(maps: list[NDArray[np.int16]], fine: int, bin_px: int, lights: Lights, found: Found) -> Iterator[Look]:
    """Candidates on the finest map that is cheap enough, to be measured on ``maps[fine]``; once more without the cover
    of what may be the own light of those that are not ``found`` by then, where there is such; in a rich field once more
    with its stars cut down.
    """
    level = max(search_level(maps), fine)
    if fine > 0 and level == fine and level + 1 < len(maps) and min(maps[level + 1].shape) >= LEAST_SIDE_PX:
        level += 1
    level_map, scale_px = maps[level], bin_px * 2**level
    bright, nothing = star_cover(lights.stars, level_map.shape, scale_px), no_data(maps, level)
    bright |= lights.patches.cover(level_map.shape)
    candidates = find_candidates(streak_map(level_map, bright | nothing, scale_px))
    sight = Sight(maps[fine], bright | nothing, 2 ** (level - fine), bin_px * 2**fine, 2**fine)
    yield Look(candidates, level_map, sight, float(bright.mean()))
    chords = (across_map(candidate.ends, level_map.shape) for candidate in candidates)
    lines = [on_finer_map(chord, scale_px) for chord in chords if chord is not None]
    lines = [line for line in lines if not any(_along(line, trail) for trail, _ in found)]
    fwhm_px, cell_px = star_fwhm_px(lights.stars), bin_px * 2 ** (len(maps) - 1)
    own = without_own_light(lines, lights.stars, lights.patches, fwhm_px, cell_px, sharp=fine == 0)
    if own is not None:
        bright = star_cover(own[0], level_map.shape, scale_px) | own[1].cover(level_map.shape)
        sight = replace(sight, covered=bright | nothing)
        yield Look(candidates, level_map, sight, float(bright.mean()))
    if lights.patches.is_rich:
        streaks = streak_map(level_map, bright | nothing, scale_px, clip_sigma=RICH_CLIP_SIGMA)
        yield Look(find_candidates(streaks), held(level_map), sight, float(bright.mean()), is_held=True)


def _trails(look: Look, lights: Lights, known_fan: list[TrailFit]) -> tuple[list[TrailFit], list[TrailFit]]:
    """(trails, in pixels of the map on which they are measured; rays of a fan in raw pixels).

    ``known_fan``: rays that were seen before, in raw pixels; of a comet's tail a coarse map may hold but one line.
    """
    sight, covered = look.sight, look.sight.covered
    flat, whole = (held(sight.flat), sight.flat) if look.is_held else (sight.flat, None)
    fits = _measured(look.candidates, look.level_map, replace(sight, flat=flat))
    fan = [in_map_pixels(ray, sight.scale_px) for ray in known_fan]
    fwhm, diagonal = star_fwhm_px(lights.stars) / sight.scale_px, float(np.hypot(*sight.flat.shape))
    if any(map(may_be_trail, fits)) or any(rays([*fits, *fan], diagonal, fwhm)[: len(fits)]):
        fits = [against_surroundings(fit, flat, covered, sight.covered_scale, whole) for fit in fits]
    crowded = "rich" if lights.patches.is_rich else "crowded" if look.bright_share > CROWDED_COVER else "sparse"
    is_rays = rays([*fits, *fan], diagonal, fwhm)[: len(fits)]
    shown = [in_raw_pixels(fit, sight.scale_px) for fit, is_ray in zip(fits, is_rays, strict=True) if is_ray]
    stars_px = (np.stack([lights.stars.x_px, lights.stars.y_px], axis=1) + 0.5) / sight.scale_px - 0.5
    is_spectra = spectra(fits, stars_px, lights.stars.snr, sight.flat.shape)
    is_arms = arms_of_outside_stars(fits, sight.flat.shape)
    belongs = zip(fits, is_rays, combs(fits), is_arms, is_spectra, strict=True)
    trails = [fit for fit, *belonging in belongs if not any(belonging) and _is_trail(fit, look, crowded, fwhm)]
    trails = without_spikes(trails, fits, (sight.flat, covered, sight.covered_scale), sight.scale_px, lights.burnt)
    return trails, shown


def _measured(candidates: list[Candidate], level_map: NDArray[np.int16], sight: Sight) -> list[TrailFit]:
    """What is there of the candidates, over the noise of pixels. A look at the map on which they were sought first."""
    fits = []
    for candidate in candidates:
        line: Ends | None = candidate.ends
        if sight.covered_scale > 1:
            line = rough_chord(level_map, sight.covered, sight.covered_scale, candidate.ends)
        if line is not None:
            line = on_finer_map(line, sight.covered_scale)
            fit = measure_trail(sight.flat, sight.covered, sight.covered_scale, line)
            fits += [] if fit is None else [fit]
    return fits


def _is_trail(fit: TrailFit, look: Look, crowded: str, star_fwhm: float) -> bool:
    """A line, or a row of flashes: of these nothing is left where stars are cut down."""
    if weakness(fit, crowded, star_fwhm, by_light_along=look.is_held) is None:
        return True
    return not look.is_held and _is_dotted(fit, look.sight.flat)


def _is_dotted(fit: TrailFit, flat: NDArray[np.int16]) -> bool:
    """Too uneven for a line, but its dots are an aircraft's flashes."""
    return fit.snr >= DOTTED_SNR and fit.continuity >= DOTTED_CONTINUITY and flashes_regularly(fit, flat, SURE_POWER)


def _without_parts(found: Found, refused: TrailFit, bin_px: int, *, is_galaxy: bool) -> Found:
    """What was found, less pieces that a finer map showed of what has now been refused as a whole."""
    return [one for one in found if one[1].coarser > 1 or not _is_part_of(one[0], refused, bin_px, is_galaxy=is_galaxy)]


def _is_part_of(narrow: TrailFit, wide: TrailFit, bin_px: int, *, is_galaxy: bool) -> bool:
    """What was too wide for the finer map and has now been seen whole: a galaxy, or far wider, and then refused."""
    larger = is_galaxy or wide.fwhm > SEEN_WHOLE * narrow.fwhm
    return narrow.fwhm >= WIDEST_FWHM * bin_px and larger and _same(narrow, wide)


def _same(fit: TrailFit, other: TrailFit) -> bool:
    """True when both ends of one lie on the line of the other, or in the light beside it."""
    return _along((fit.x0, fit.y0, fit.x1, fit.y1), other)


def _along(ends: Ends, trail: TrailFit) -> bool:
    """True when both ends lie on the line of the trail, or in the light beside it."""
    x0, y0, x1, y1 = ends
    run, rise = trail.x1 - trail.x0, trail.y1 - trail.y0
    length = max(float(np.hypot(run, rise)), 1.0)
    first = abs((x0 - trail.x0) * rise - (y0 - trail.y0) * run) / length
    last = abs((x1 - trail.x0) * rise - (y1 - trail.y0) * run) / length
    return max(first, last) < max(SAME_TRAIL_PX, SAME_TRAIL_FWHM * trail.fwhm)


def _add_rows(found: Found, maps: list[NDArray[np.int16]], bin_px: int) -> None:
    """Adds rows of flashes, or says of trails that were found already that they flash."""
    nothing = np.zeros((1, 1), dtype=bool)
    sight = Sight(maps[0], nothing, max(maps[0].shape), bin_px, 1)
    for row in find_flash_rows(maps, bin_px):
        x0, y0, x1, y1 = ((one + 0.5) / bin_px - 0.5 for one in (row.x0, row.y0, row.x1, row.y1))
        trail = in_raw_pixels(measure_row(sight.flat, (x0, y0, x1, y1)), bin_px)
        known = [number for number, (other, _) in enumerate(found) if _same(trail, other) or _same(other, trail)]
        for number in known:
            found[number] = replace(found[number][0], flashes=True), found[number][1]
        if not known:
            found.append((trail, sight))


def _add(found: Found, trail: TrailFit, sight: Sight, widest_px: float) -> None:
    """Adds a trail that is not there yet, or puts it in the place of one that was too wide for the finer map."""
    for number, (other, _) in enumerate(found):
        if _same(trail, other):
            if sight.coarser > 1 and other.fwhm >= widest_px and trail.snr > other.snr:
                found[number] = trail, sight
            return
    found.append((trail, sight))
