"""Light in one or two pixels alone or in a row one pixel wide, as of hot pixels and particles; no star is so narrow."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

WIDTHS_PX = (0.6, 0.85, 1.3, 1.8)  # standard deviations: FWHM 1.4 to 4.2 pixels; a wider star fits the widest well
STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # places of the middle
PIXELS = 2  # what lies in two pixels: hot ones that touch
# Of the square of all light in 5 x 5 pixels: round profiles account for 0.9 and more of a star, 0.7 of one drawn out to
# a dash of 1.6 pixels' width, 0.4 of a track one pixel wide.
STAR_SHARE, TRACK_SIGMA = 0.6, 20.0
MOST_SIGMA = 1e15  # one wild number in a frame of next to none: the squares of more leave the range of 32 bits
# four pixels hold 0.95 of the light's square of a star of FWHM 1.5, 0.4 of one of 3.5
FEWEST_WIDE, WIDE_PART, WIDE_SHARE, NARROW_SHARE = 5, 0.15, 0.6, 0.8
TRACK_LENGTH = 8.0  # times the brightest pixel's light: of a wide image there is more than of any track through 5 x 5


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Cut-outs in units of their noise, (n, pixels), and the square of the light that the best star accounts for."""

    pixels: NDArray[np.float32]
    by_star: NDArray[np.float32]
    side: int


def with_stars(around: NDArray[np.float32], noise: NDArray[np.float64]) -> Compared:
    """Cut-outs (n, 5, 5), free of their sky, against stars: least squares, white noise. ``noise``: of one pixel."""
    side = around.shape[1]
    # in units of the noise: squares of numbers in any other may leave the range of 32 bits
    heights = around.reshape(len(around), side * around.shape[2]) / noise[:, None]
    pixels = heights.clip(-MOST_SIGMA, MOST_SIGMA).astype(np.float32)
    by_star = np.square(np.maximum(pixels @ _stars(side), 0.0).max(axis=1))
    return Compared(pixels, np.asarray(by_star, dtype=np.float32), side)


def are_single_pixels(compared: Compared) -> NDArray[np.bool_]:
    """Which cut-outs two pixels explain better than any star does, or no star explains.

    Compared is the light's square that either accounts for.
    """
    pixels, by_star = compared.pixels, compared.by_star
    brightest = np.partition(pixels, pixels.shape[1] - PIXELS, axis=1)[:, -PIXELS:]
    in_two = np.square(np.maximum(brightest, 0.0)).sum(axis=1)
    lit = np.maximum(pixels, 0.0)
    light = np.square(lit).sum(axis=1) - 0.5 * pixels.shape[1]
    no_star = (light > TRACK_SIGMA**2) & (by_star < STAR_SHARE * light)
    no_star &= lit.sum(axis=1) < TRACK_LENGTH * lit.max(axis=1)
    return np.asarray((in_two > by_star) | no_star)


def are_smeared_pixels(compared: Compared, bright: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which cut-outs four pixels explain better than any star does, where the frame's stars are far wider.

    A frame that was registered was moved by parts of a pixel: a hot one lies in four then. ``bright``: which show their
    form; five of them and a seventh must be wide.
    """
    side, middle = compared.side, compared.side // 2
    squares = np.square(np.maximum(compared.pixels, 0.0)).reshape(-1, side, side)
    four = np.max(
        [
            squares[:, row : row + 2, column : column + 2].sum(axis=(1, 2))
            for row in (middle - 1, middle)
            for column in (middle - 1, middle)
        ],
        axis=0,
    )
    share = four / np.maximum(compared.by_star, 1.0)
    wide = np.count_nonzero(bright & (share < WIDE_SHARE))
    if wide < max(FEWEST_WIDE, WIDE_PART * np.count_nonzero(bright)):
        return np.zeros(len(share), dtype=bool)
    return np.asarray(share > NARROW_SHARE)


@lru_cache(maxsize=1)
def _stars(side: int) -> NDArray[np.float32]:
    """Normal profiles of all widths and places, each a unit column."""
    offset = np.arange(side) - side // 2
    lines = [np.exp(-0.5 * ((offset - place) / width) ** 2) for width in WIDTHS_PX for place in STEPS]
    shapes = [
        np.outer(down, across).ravel()
        for first in range(0, len(lines), len(STEPS))
        for down in lines[first : first + len(STEPS)]
        for across in lines[first : first + len(STEPS)]
    ]
    stars = np.stack(shapes, axis=1)
    return np.asarray(stars / np.linalg.norm(stars, axis=0), dtype=np.float32)
