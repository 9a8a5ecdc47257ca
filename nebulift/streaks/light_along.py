"""Whether a line shines all along, where lines beside it do not: the light of its segments, counted."""

import math

import numpy as np
from numpy.typing import NDArray

from nebulift.binomial import chance_of_at_most

ONE_IMAGE_FWHM = 1.5  # segments within so many widths see the same star
MIN_SEGMENTS = 4
LEAST_CHANCE = 1e-99


def independent_segments(along: NDArray[np.float64], length: float, fwhm: float) -> int:
    """How many of the segments of a line see stars of their own. ``along``: its heights, NaN where covered."""
    return min(int(np.isfinite(along).sum()), int(length / (ONE_IMAGE_FWHM * fwhm)))


def chance_of_light(along: NDArray[np.float64], independent: int, beside: NDArray[np.float64]) -> float:
    """Probability that a line shines in as many of its segments by chance: at least half as high as their median, at
    the rate of the segments of lines ``beside`` it. A trail has light all along; of a chance row of stars as much is
    dark as of any line there. 1 where too little is known.
    """
    known = along[np.isfinite(along)]
    if independent < MIN_SEGMENTS or len(beside) == 0:
        return 1.0
    half = float(np.median(known)) / 2.0
    dark = round(float((known <= half).mean()) * independent)
    return chance_of_at_most(dark, independent, 1.0 - _rate(int(np.count_nonzero(beside > half)), len(beside)))


def share_of_light(chance: float, snr: float, segments: int, independent: int, beside: int) -> float:
    """The logarithm of ``chance`` over what an even trail of this S/N has in ``segments`` amid white noise alone, where
    ``beside`` segments of other lines are known: about 1, and less among filaments, which shine in many places.
    """
    if independent < MIN_SEGMENTS or beside == 0:
        return 1.0
    dark = 0.5 * math.erfc(snr / math.sqrt(segments) / 2.0 / math.sqrt(2.0))  # below half: noise of a segment is 1
    even = chance_of_at_most(round(independent * dark), independent, 1.0 - max(dark, _rate(0, beside)))
    return math.log(max(chance, LEAST_CHANCE)) / min(math.log(max(even, LEAST_CHANCE)), -1.0)


def _rate(lit: int, known: int) -> float:
    """Laplace's rule of succession: of none among many, still more than nothing."""
    return (lit + 1) / (known + 2)
