"""Straight trails in a frame: satellites, aircraft, meteors. No orbits, no plate solution, no other frame needed.

Method: stars covered, pixels clipped, row and column patterns taken off; a fast Radon transform over a coarse map finds
candidates in all directions and several lengths; each is measured exactly on the fine map; what stars, optics and the
sensor draw in straight lines is refused (``streak_vetoes``).
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.measurements import Streak
from nebulift.scan import Scan
from nebulift.stars import StarList
from nebulift.streaks.fans import rays
from nebulift.streaks.profile import FWHM_PER_SIGMA, KERNELS_PX, TrailFit, measure_trail
from nebulift.streaks.search import candidate_lines, find_candidates
from nebulift.streaks.search_map import search_level, streak_map
from nebulift.streaks.star_cover import patch_cover, star_cover
from nebulift.streaks.vetoes import veto

MIN_ASPECT = 10.0  # length over width: shorter lines are galaxies, dust shadows and edges of nebulae
MIN_DIAGONAL_SHARE = 0.06  # of the frame's diagonal
SHORT_DIAGONAL_SHARE = 0.15  # below, chance has more places and rows of stars are common: more is asked
SHORT_TRAIL_SNR = 12.0
SHORT_MAX_DROP = 0.35  # the spike of a star beyond the border fades inwards
WIDE_PX = 12.0  # wide trails compete with the Milky Way and with streets of cloud: these are not even
WIDE_STEADY_SNR = 8.0
WIDE_STEADY_SHARE = 0.5
WIDE_STEADY_ENOUGH = 14.0
WIDE_DIAGONAL_SHARE = 0.3
TRAIL_SNR = 6.5  # see docs/measured.md: false trails in pure noise and on clean frames
SIDE_SNR = 4.5  # against each side alone: the edge of a nebula or a shadow has a bright side
SIDE_SHARE = 0.45  # of the whole S/N; a trail keeps 0.9 of it against either side
STEADY_SNR = 4.0  # by the scatter of the trail's own segments: what noise leaves a trail at the limit
STEADY_SHARE = 1.0 / 3.0  # of the S/N: a strong trail is even, a chance row of stars stays uneven however bright
STEADY_ENOUGH = 6.5  # scatter as large as the mean: a trail that flares, not yet a row of stars
TRIMMED_SHARE = (
    0.5  # a uniform trail keeps 0.87 of its S/N without its brightest quarter, a compact source next to none
)
CONTINUITY = 0.6  # a trail at the limit of detection has 0.73, a chance row of stars is half gaps
OPEN_SHARE = 0.5  # what lies mostly under stars is not known
PLAIN_OPEN_SHARE = 0.25  # unless it is in every gap between them; strobes of aircraft are taken for stars
PLAIN_SNR, PLAIN_CONTINUITY = 20.0, 0.85
MAX_DROP = 1.2  # rays of amplifier glow, spikes and tails of comets fade away from where they begin
MAX_WIDENING = 2.1  # two steps of the ladder of widths: rays open
SAME_TRAIL_PX = 10.0
SAME_TRAIL_FWHM = 1.5  # the wings of a very bright trail are a trail beside it
WIDEST_FWHM = FWHM_PER_SIGMA * KERNELS_PX[-1]  # of the finest map, in its pixels
COARSER_LEVELS = 2  # wide (defocused) trails are sought again on maps coarser by four


def find_streaks(
    scan: Scan, maps: list[NDArray[np.int16]], stars: StarList, shape_px: tuple[int, int]
) -> tuple[Streak, ...]:
    """All trails, strongest first, in raw pixels. ``maps``: pyramid of the flattened scan; ``shape_px``: frame."""
    found: list[tuple[TrailFit, int]] = []
    for fine in (0, COARSER_LEVELS):
        if fine >= len(maps):
            break
        level = max(search_level(maps), fine)
        scale_px = scan.bin_px * 2**fine
        for fit in _trails(maps, fine, level, scan.bin_px, stars):
            trail = _in_raw_pixels(fit, scale_px)
            if has_trail_form(trail, shape_px) and veto(trail, shape_px, stars) is None:
                _add(found, trail, fine, WIDEST_FWHM * scan.bin_px)
            elif fine > 0:
                # what was too wide for the finer map has now been seen whole, and is no trail
                widest = WIDEST_FWHM * scan.bin_px
                found = [one for one in found if one[0].fwhm < widest or one[1] == fine or not _same(one[0], trail)]
    found.sort(key=lambda one: -one[0].snr)
    return tuple(_streak(trail, scan, fine) for trail, fine in found)


def _trails(maps: list[NDArray[np.int16]], fine: int, level: int, bin_px: int, stars: StarList) -> list[TrailFit]:
    """Trails found on ``maps[level]`` and measured on ``maps[fine]``, in its pixels."""
    covered = star_cover(stars, maps[level].shape, bin_px * 2**level) | _patches(maps, level)
    search_map = streak_map(maps[level], covered, bin_px * 2**level)
    finer = 2 ** (level - fine)
    ends = candidate_lines(find_candidates(search_map), finer)
    measured = [measure_trail(maps[fine], covered, finer, line) for line in ends]
    fits = [fit for fit in measured if fit is not None]
    return [fit for fit, is_ray in zip(fits, rays(fits), strict=True) if is_trail(fit) and not is_ray]


def is_trail(fit: TrailFit) -> bool:
    """The conditions of a straight line that is there along its length and stands out on both sides."""
    is_plain = fit.snr >= PLAIN_SNR and fit.continuity >= PLAIN_CONTINUITY
    return (
        fit.snr >= TRAIL_SNR
        and fit.side_snr >= max(SIDE_SNR, SIDE_SHARE * fit.snr)
        and fit.steady_snr >= min(max(STEADY_SNR, STEADY_SHARE * fit.snr), STEADY_ENOUGH)
        and fit.trimmed_snr >= TRIMMED_SHARE * fit.snr
        and fit.continuity >= CONTINUITY
        and fit.open_share >= (PLAIN_OPEN_SHARE if is_plain else OPEN_SHARE)
        and fit.drop <= MAX_DROP
        and fit.widening <= MAX_WIDENING
    )


def has_trail_form(trail: TrailFit, shape_px: tuple[int, int]) -> bool:
    """Long against its width and the frame; short ones must be bright and even, wide ones long. In raw pixels."""
    length, diagonal = np.hypot(trail.x1 - trail.x0, trail.y1 - trail.y0), np.hypot(*shape_px)
    if length < max(MIN_ASPECT * trail.fwhm, MIN_DIAGONAL_SHARE * diagonal):
        return False
    if trail.fwhm > WIDE_PX:
        enough = min(max(WIDE_STEADY_SNR, WIDE_STEADY_SHARE * trail.snr), WIDE_STEADY_ENOUGH)
        return bool(length > WIDE_DIAGONAL_SHARE * diagonal and trail.steady_snr >= enough)
    if length < SHORT_DIAGONAL_SHARE * diagonal:
        return min(trail.snr, trail.steady_snr) > SHORT_TRAIL_SNR and trail.drop <= SHORT_MAX_DROP
    return True


def _in_raw_pixels(fit: TrailFit, scale_px: int) -> TrailFit:
    offset = (scale_px - 1) / 2.0
    ends = {name: getattr(fit, name) * scale_px + offset for name in ("x0", "y0", "x1", "y1")}
    return replace(fit, **ends, fwhm=fit.fwhm * scale_px)


def _patches(maps: list[NDArray[np.int16]], level: int) -> NDArray[np.bool_]:
    """Compact bright patches, found on the coarsest level and drawn out to ``level``."""
    cover = patch_cover(maps[-1]).astype(np.uint8)
    height, width = maps[level].shape
    return np.asarray(cv2.resize(cover, (width, height), interpolation=cv2.INTER_NEAREST) > 0)


def _same(fit: TrailFit, other: TrailFit) -> bool:
    """True when both ends of one lie on the line of the other, or in the light beside it."""
    run, rise = other.x1 - other.x0, other.y1 - other.y0
    length = max(float(np.hypot(run, rise)), 1.0)
    first = abs((fit.x0 - other.x0) * rise - (fit.y0 - other.y0) * run) / length
    last = abs((fit.x1 - other.x0) * rise - (fit.y1 - other.y0) * run) / length
    return max(first, last) < max(SAME_TRAIL_PX, SAME_TRAIL_FWHM * other.fwhm)


def _add(found: list[tuple[TrailFit, int]], trail: TrailFit, fine: int, widest_px: float) -> None:
    """Adds a trail that is not there yet, or puts it in the place of one that was too wide for the finer map."""
    for number, (other, _) in enumerate(found):
        if _same(trail, other):
            if fine > 0 and other.fwhm >= widest_px and trail.snr > other.snr:
                found[number] = trail, fine
            return
    found.append((trail, fine))


def _streak(trail: TrailFit, scan: Scan, fine: int) -> Streak:
    raw_noise = scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else scan.sigma_adu
    return Streak(
        x0_px=trail.x0,
        y0_px=trail.y0,
        x1_px=trail.x1,
        y1_px=trail.y1,
        width_px=trail.fwhm,
        length_px=float(np.hypot(trail.x1 - trail.x0, trail.y1 - trail.y0)),
        angle_deg=float(np.degrees(np.arctan2(trail.y1 - trail.y0, trail.x1 - trail.x0)) % 180.0),
        snr=trail.snr,
        peak_sigma=trail.ridge_sigma * scan.sigma_adu / 2**fine / raw_noise,
        object_kind="unknown",
    )
