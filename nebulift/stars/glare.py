"""Peaks that belong to a burnt-out star: pieces of its spikes, what stands on the rim of its core, and where it is so
large that the background took it for sky. They are no stars, and must not speak for those of the frame.

A vane of the spider spreads light along a straight line through the star (diffraction at a straight edge), so pieces of
spikes are drawn out towards the core and lie on few lines through it. Trailed stars are all drawn out the same way, and
no more of them than chance points at any one place; comatic ones lie in all directions from the centre.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA, Scan
from nebulift.sky import Background
from nebulift.sky.cells import QUIETEST
from nebulift.stars.moments import Shapes, half_maximum_shapes
from nebulift.stars.one_image import of_one_image
from nebulift.stars.peaks import Peaks
from nebulift.stars.stamps import less_sky, map_stamps, raw_position

SATURATED_SHARE = 0.85  # of the ceiling: above, converters are no longer linear
HALF = 12  # half side of the cut-outs, in pixels of the scale of detection
MANY = 600  # peaks looked at where pieces of spikes are among the brightest
MIN_BURNT_PX = 25  # of the map, about a peak that is none of them: the core is wider than any star that is only bright
CLIPPED_SHARE = 0.9  # of the height at which pixels are full: what is higher is, within the noise of the background
MIN_ALONE = 3  # stars, which speak for the frame; where hardly one is alone, the images are the stars'
PIECE_ELONGATION = 1.6  # a piece of a spike is longer; seeing draws stars out less
MIN_PIECES = 3  # any two lines meet somewhere
CORE_SCALE_PX = 8  # raw pixels a side of the map on which cores are sought
CORE_SIGMA = 400.0  # of that map: fainter stars show no spikes
MIN_CORE_CELLS = 4  # in those pixels wider than a star that is not burnt out
MAX_CORES = 20  # the largest
REACH_RADII = 60.0  # no spike is so long
POINTS_AT_DEG = 12.0  # close to the core the halo turns the pieces
CHANCE = 2.0 * POINTS_AT_DEG / 180.0  # that something points so well at a place
CHANCE_SIGMA = 3.0  # of a binomial count
RAY_BINS, RAYS = 36, 6  # of half a turn: spikes of six vanes make three lines, which may fall between two bins each
RAY_SHARE = 0.7  # of the pieces; where directions are spread evenly a sixth lies in so many bins


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Images as the map shows them: place in raw pixels, elongation, direction of the long axis; shape (n,) each."""

    x_px: NDArray[np.floating]
    y_px: NDArray[np.floating]
    elongation: NDArray[np.float64]
    angle_deg: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Glare:
    """What burnt-out stars leave in the maps of a frame."""

    maps: list[NDArray[np.int16]]
    bin_px: int
    top_units: float  # height on any map above which a star's core cannot be trusted
    full_units: NDArray[np.float32]  # how high full pixels stand on the finest map, in each cell of the background


def glare_of(scan: Scan, background: Background, maps: list[NDArray[np.int16]], ceiling_adu: float | None) -> Glare:
    """``maps``: ``peaks.pyramid`` of the flattened map; ``ceiling_adu``: where raw pixels are full."""
    top = float(np.iinfo(np.int16).max - 256)
    if ceiling_adu is not None:
        top = min((SATURATED_SHARE * ceiling_adu - scan.zero_adu) / scan.sigma_adu * UNITS_PER_SIGMA, top)
    # the background took part of a large star for sky, and its light for noise, there and in the cells beside it
    above = (top / UNITS_PER_SIGMA - background.level) / np.maximum(background.noise, QUIETEST)
    full = cv2.erode(above.astype(np.float32), np.ones((3, 3), np.uint8)) * UNITS_PER_SIGMA
    return Glare(maps, scan.bin_px, top, np.asarray(full))


def free_of_glare(
    glare: Glare, level: int, peaks: Peaks, candidates: NDArray[np.intp], *, most: int, first: int
) -> tuple[NDArray[np.intp], Shapes]:
    """(the ``most`` brightest of the candidates that belong to no burnt-out star, shapes of the ``first`` of them).

    Shapes are those of the area above half maximum, in pixels of the map ``level``, as it shows them.
    """
    chosen = candidates[:most]
    stamps = _stamps(glare, level, peaks, chosen)
    own = ~_on_burnt_core(glare, level, peaks, chosen, stamps)
    chosen, stamps = chosen[own], stamps[own]
    shared, brightest = of_one_image(stamps, peaks.x[chosen], peaks.y[chosen])
    kept = ~shared
    if int(np.count_nonzero(brightest)) >= max(int(np.count_nonzero(kept)), MIN_ALONE):
        kept |= brightest  # most images have many peaks: rings of stars out of focus, each of which is one
    if np.count_nonzero(kept) >= MIN_ALONE:
        chosen, stamps = chosen[kept], stamps[kept]
    look = _look(stamps[:first])
    if (np.nan_to_num(look.elongation) > PIECE_ELONGATION).sum() < MIN_PIECES:
        return chosen, look
    # pieces of spikes may be many and bright: the stars are among the fainter ones
    chosen = candidates[: max(most, MANY)]
    stamps = _stamps(glare, level, peaks, chosen)
    look = _look(stamps)
    scale = glare.bin_px * 2**level
    pieces = Pieces(
        raw_position(peaks.x[chosen], scale), raw_position(peaks.y[chosen], scale), look.elongation, look.angle_deg
    )
    belong = on_spikes(glare.maps, glare.bin_px, pieces) | _on_burnt_core(glare, level, peaks, chosen, stamps)
    free = np.flatnonzero(~belong)[:most]
    return chosen[free], Shapes(*(getattr(look, name)[free[:first]] for name in Shapes.__slots__))


def _stamps(glare: Glare, level: int, peaks: Peaks, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
    return map_stamps(glare.maps[level], peaks.x[chosen], peaks.y[chosen], HALF)


def _look(stamps: NDArray[np.float32]) -> Shapes:
    return half_maximum_shapes(np.nan_to_num(less_sky(stamps)))


def _on_burnt_core(
    glare: Glare, level: int, peaks: Peaks, chosen: NDArray[np.intp], stamps: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Which peaks, not clipped themselves, have the clipped core of a star in their cut-out."""
    height, width = glare.maps[level].shape
    rows, columns = glare.full_units.shape
    row = (peaks.y[chosen] * rows / height).astype(np.intp).clip(0, rows - 1)
    column = (peaks.x[chosen] * columns / width).astype(np.intp).clip(0, columns - 1)
    full = CLIPPED_SHARE * np.minimum(glare.full_units[row, column] * 2**level, glare.top_units)
    return np.asarray(np.count_nonzero(stamps >= full[:, None, None], axis=(1, 2)) >= MIN_BURNT_PX)


def on_spikes(maps: list[NDArray[np.int16]], bin_px: int, pieces: Pieces) -> NDArray[np.bool_]:
    """Which of ``pieces`` are drawn out towards a very bright star and lie on few lines through it, with others.

    ``maps``: ``peaks.pyramid`` of the flattened map, its finest pixel ``bin_px`` raw pixels wide.
    """
    found = np.zeros(len(pieces.x_px), dtype=bool)
    long = np.nan_to_num(pieces.elongation) > PIECE_ELONGATION
    if long.sum() < MIN_PIECES:
        return found
    for x, y, radius in _cores(maps, bin_px):
        right, down = pieces.x_px - x, pieces.y_px - y
        near = long & (np.hypot(right, down) < REACH_RADII * radius)
        direction = np.degrees(np.arctan2(down, right)) % 180.0
        off = np.abs((direction - pieces.angle_deg + 90.0) % 180.0 - 90.0)
        towards = near & (off < POINTS_AT_DEG)
        if _are_rays(direction[towards], int(near.sum())):
            found |= towards
    return found


def _are_rays(direction_deg: NDArray[np.floating], among: int) -> bool:
    """Whether so many more than chance point at a place, and lie on few lines through it."""
    count = len(direction_deg)
    chance = CHANCE * among + CHANCE_SIGMA * (CHANCE * (1.0 - CHANCE) * among) ** 0.5
    if count < MIN_PIECES or count <= chance:
        return False
    bins = np.sort(np.histogram(direction_deg, RAY_BINS, (0.0, 180.0))[0])
    return float(bins[-RAYS:].sum()) >= RAY_SHARE * count


def _cores(maps: list[NDArray[np.int16]], bin_px: int) -> list[tuple[float, float, float]]:
    """(column, row, radius) of the largest very bright regions, in raw pixels."""
    level = min(max((CORE_SCALE_PX // bin_px).bit_length() - 1, 0), len(maps) - 1)
    scale = bin_px * 2**level
    bright = (maps[level] > CORE_SIGMA * UNITS_PER_SIGMA).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(bright, connectivity=8)
    area = np.asarray(stats[1:, cv2.CC_STAT_AREA])
    order = np.argsort(-area, kind="stable")[:MAX_CORES]
    return [
        (
            float(centres[number + 1][0] + 0.5) * scale - 0.5,
            float(centres[number + 1][1] + 0.5) * scale - 0.5,
            float(np.sqrt(area[number] / np.pi)) * scale,
        )
        for number in order[area[order] >= MIN_CORE_CELLS]
    ]
