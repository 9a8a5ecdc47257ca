"""Whether every star stands there twice, as after a knock at the mount or a snag of its cables.

Each star then has a second image at one distance in one direction, and at one share of its light. Pairs of unrelated
stars have any. (Images nearer than one and a half widths are one that is drawn out: ``star_shapes``.)
"""

import math

import numpy as np
from numpy.typing import NDArray

from nebulift.measurements import Doubles
from nebulift.scan import MAD_TO_SIGMA
from nebulift.stars.star_list import StarList

HOSTS = 150  # brightest stars that are asked for a second image,
IMAGES = 600  # and brightest that may be one
NEAREST_FWHM, FARTHEST_FWHM = 1.5, 30.0
FIELD_SHARE, LEAST_RANGE = 0.25, 4.0  # of the field: beyond there are the fewer pairs the farther; in nearest distances
SAME_FWHM, SAME_PX = 0.5, 1.5  # two offsets within so much are one
MIN_PAIRS = 6
MIN_SHAPES = 5  # peaks without the form of a star are no stars
CHANCE = 1e-6  # that unrelated stars have so many pairs of one offset, all offsets together
LEAST_SHARE = 0.5  # of the stars whose second image would be bright enough to be seen
SEEN_SNR = 8.0  # of a peak: nearly all such are found, beside a bright star, too
ALIKE = 0.35  # scatter of the logarithm of the ratios of light; of unrelated pairs it is one and more
TAIL = 60  # terms of the sum over counts as great and greater
RING = 2.0  # nearest distances to both sides of the distance: there is counted how many pairs chance makes


def find_doubles(stars: StarList) -> Doubles | None:
    """The second images of a frame's stars; ``None`` when they have none, or are too few to tell."""
    x_px, y_px, snr = (np.asarray(one, np.float64) for one in (stars.x_px, stars.y_px, stars.snr))
    if len(stars.shapes.fwhm_px) < MIN_SHAPES:
        return None
    fwhm_px = float(np.median(stars.shapes.fwhm_px))
    nearest_px = NEAREST_FWHM * fwhm_px
    farthest_px = min(FARTHEST_FWHM * fwhm_px, FIELD_SHARE * float(max(np.ptp(x_px), np.ptp(y_px))))
    if farthest_px < LEAST_RANGE * nearest_px:
        return None
    hosts, images = min(len(x_px), HOSTS), min(len(x_px), IMAGES)
    dx, dy = x_px[:images] - x_px[:hosts, None], y_px[:images] - y_px[:hosts, None]
    square = dx * dx + dy * dy
    near = (square >= nearest_px**2) & (square <= farthest_px**2) & (np.arange(images) > np.arange(hosts)[:, None])
    pair = np.flatnonzero(near)
    if len(pair) < MIN_PAIRS:
        return None
    first, second = np.divmod(pair, images)
    dx, dy, ratio = dx.ravel()[pair], dy.ravel()[pair], snr[second] / snr[first]
    # of two images as bright as each other either may be the first: a pair has no direction
    turned = np.where((dy < 0.0) | ((dy == 0.0) & (dx < 0.0)), -1.0, 1.0)
    offsets = np.stack([dx, dy], axis=1) * turned[:, None]
    same_px = max(SAME_FWHM * fwhm_px, SAME_PX)
    offset = _most_common(offsets, same_px)
    here = np.hypot(*(offsets - offset).T) <= same_px
    pairs = len(np.unique(first[here]))
    if pairs < MIN_PAIRS or _chance(pairs, offsets, here, (nearest_px, farthest_px, same_px)) > CHANCE:
        return None
    logs = np.log(ratio[here])
    typical = float(np.exp(np.median(logs)))
    able = np.count_nonzero(snr[:hosts] * typical >= SEEN_SNR)
    if MAD_TO_SIGMA * float(np.median(np.abs(logs - np.log(typical)))) > ALIKE or pairs < LEAST_SHARE * able:
        return None
    angle = math.degrees(math.atan2(offset[1], offset[0])) % 180.0
    return Doubles(float(np.hypot(*offset)), angle, typical / (1.0 + typical), pairs)


def _most_common(offsets: NDArray[np.float64], same_px: float) -> NDArray[np.float64]:
    """The middle of the place where offsets lie closest together, in two grids of cells: a cluster on the border of two
    cells is whole in the other.
    """
    best, most = offsets[0], 0
    for shift in (0.0, same_px):
        cells = np.floor((offsets + shift) / (2.0 * same_px)).astype(np.int64)
        _, index, counts = np.unique(cells[:, 0] * 1_000_003 + cells[:, 1], return_inverse=True, return_counts=True)
        top = int(counts.argmax())
        if counts[top] > most:
            most, best = int(counts[top]), np.median(offsets[index == top], axis=0)
    return np.asarray(best)


def _chance(
    pairs: int, offsets: NDArray[np.float64], here: NDArray[np.bool_], lengths_px: tuple[float, float, float]
) -> float:
    """Probability that one of all places has as many pairs by chance: of Poisson, by how many there are at about the
    same distance in all directions (in a cluster pairs are the more the nearer) or, where they are more, at all
    distances in about the same direction (what stands along a row or a column is no second image).

    ``lengths_px``: nearest and farthest distance that is looked at, and how far apart two offsets are one.
    """
    nearest, farthest, same_px = lengths_px
    apart = np.hypot(*offsets.T)
    middle = np.median(offsets[here], axis=0)
    distance = float(np.hypot(*middle))
    place = math.pi * same_px**2
    inner, outer = max(distance - RING * nearest, nearest), min(distance + RING * nearest, farthest)
    ring = math.pi / 2.0 * (outer**2 - inner**2)  # half of the directions
    at_distance = np.count_nonzero((apart >= inner) & (apart <= outer) & ~here) + 1
    across = np.abs(offsets[:, 0] * middle[1] - offsets[:, 1] * middle[0]) / distance
    strip = 2.0 * (farthest - nearest) * 2.0 * same_px  # to both sides
    in_direction = np.count_nonzero((across <= same_px) & ~here) + 1
    expected = max(at_distance * place / max(ring - place, place), in_direction * place / strip)
    places = math.pi / 2.0 * farthest**2 / place
    tail = (math.exp(k * math.log(expected) - expected - math.lgamma(k + 1.0)) for k in range(pairs, pairs + TAIL))
    return sum(tail) * places
