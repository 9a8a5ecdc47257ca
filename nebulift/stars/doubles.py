"""Whether every star stands there twice, as after a knock at the mount or a snag of its cables.

Each star then has a second image at one distance in one direction, and at one share of its light. Pairs of unrelated
stars have any. (Images nearer than one and a half widths are one that is drawn out: ``star_shapes``.)
"""

import math

import numpy as np
from numpy.typing import NDArray

from nebulift.measurements import Doubles
from nebulift.stars.star_list import StarList

HOSTS = 150  # brightest stars that are asked for a second image,
IMAGES = 600  # and brightest that may be one
NEAREST_FWHM, FARTHEST_FWHM = 1.5, 30.0
SAME_FWHM, SAME_PX = 0.5, 1.5  # two offsets within so much are one
MIN_PAIRS = 6
CHANCE = 1e-6  # that unrelated stars have so many pairs of one offset, all offsets together
LEAST_SHARE = 0.5  # of the stars whose second image would be bright enough to be seen
SEEN_SNR = 8.0  # of a peak: nearly all such are found, beside a bright star, too
ALIKE = 0.35  # scatter of the logarithm of the ratios of light; of unrelated pairs it is one and more
RING_FWHM = 3.0  # to both sides of the distance: there is counted how many pairs chance makes


def find_doubles(stars: StarList) -> Doubles | None:
    """The second images of a frame's stars; ``None`` when they have none, or are too few to tell."""
    x_px, y_px, snr = (np.asarray(one, np.float64) for one in (stars.x_px, stars.y_px, stars.snr))
    widths = stars.shapes.fwhm_px
    fwhm_px = float(np.median(widths)) if len(widths) else 2.0 * stars.scale_px
    hosts = min(len(x_px), HOSTS)
    first, second = np.triu_indices(hosts, 1, min(len(x_px), IMAGES))
    dx, dy = x_px[second] - x_px[first], y_px[second] - y_px[first]
    apart = np.hypot(dx, dy)
    near = (apart >= NEAREST_FWHM * fwhm_px) & (apart <= FARTHEST_FWHM * fwhm_px)
    if np.count_nonzero(near) < MIN_PAIRS:
        return None
    first, ratio, apart = first[near], (snr[second] / snr[first])[near], apart[near]
    # of two images as bright as each other either may be the first: a pair has no direction
    turned = np.where((dy[near] < 0.0) | ((dy[near] == 0.0) & (dx[near] < 0.0)), -1.0, 1.0)
    offsets = np.stack([dx[near], dy[near]], axis=1) * turned[:, None]
    same_px = max(SAME_FWHM * fwhm_px, SAME_PX)
    offset = _most_common(offsets, same_px)
    here = np.hypot(*(offsets - offset).T) <= same_px
    pairs = len(np.unique(first[here]))
    if pairs < MIN_PAIRS or _chance(pairs, apart, here, fwhm_px, same_px) > CHANCE:
        return None
    logs = np.log(ratio[here])
    typical = float(np.exp(np.median(logs)))
    able = np.count_nonzero(snr[:hosts] * typical >= SEEN_SNR)
    if 1.4826 * float(np.median(np.abs(logs - np.log(typical)))) > ALIKE or pairs < LEAST_SHARE * able:
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


def _chance(pairs: int, apart: NDArray[np.float64], here: NDArray[np.bool_], fwhm_px: float, same_px: float) -> float:
    """Probability that one of all places has as many pairs by chance: of Poisson, by how many there are at about the
    same distance in all directions (in a cluster pairs are the more the nearer).
    """
    distance = float(np.median(apart[here]))
    inner, outer = max(distance - RING_FWHM * fwhm_px, 0.0), distance + RING_FWHM * fwhm_px
    ring = math.pi / 2.0 * (outer**2 - inner**2)  # half of the directions
    others = np.count_nonzero((apart >= inner) & (apart <= outer) & ~here) + 1
    place = math.pi * same_px**2
    expected = others * place / max(ring - place, place)
    places = math.pi / 2.0 * (FARTHEST_FWHM * fwhm_px) ** 2 / place
    tail = sum(math.exp(k * math.log(expected) - expected - math.lgamma(k + 1.0)) for k in range(pairs, pairs + 60))
    return tail * places
