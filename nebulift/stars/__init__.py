"""Stars: detection, shapes, and their summary. Arrays in, a ``StarList`` and ``Stars`` out."""

from nebulift.stars.doubles import find_doubles
from nebulift.stars.peaks import Peaks, find_peaks, pyramid
from nebulift.stars.star_list import PYRAMID_LEVELS, StarList, find_stars, summarise
from nebulift.stars.star_shapes import StarShapes

__all__ = [
    "PYRAMID_LEVELS", "Peaks", "StarList", "StarShapes", "find_doubles", "find_peaks", "find_stars", "pyramid",
    "summarise",
]  # fmt: skip
