"""A frame that is torn: from one row on, everything lies sideways, or comes from another exposure.

Two witnesses: the light of stars, which crosses from every row into the next but not across a tear, and the sky, which
jumps there by more than noise explains. Works on the flattened map.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.binomial import chance_of_at_most
from nebulift.median import medians_of_rows
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.sensor.block_sums import STRIP_PX

BRIGHT_UNITS = 3 * UNITS_PER_SIGMA  # what stands for the light of a star; one pixel in 700 of noise
MIN_CROSSING = 8  # bright pixels in the poorer of two rows: fewer prove nothing
CHANCE = 1e-10  # of so few common pixels at one row of the frame, where every row is asked
CHANCE_AT_STEP = 1e-3  # where the sky jumps, too
SAFE = 0.7  # of the usual share is expected: pixels of one star are not independent
STEP_ROWS = 8  # whose means are compared across a row
STEP_SIGMA = 0.25  # of the flattened map: half of what the sky jumps by, as the mesh follows the other half
ALONE = 2.0  # times as high as any other step of the frame: a frame with bands has many
SUDDEN = 0.5  # of the jump: between the two rows above and the two below
SUSPECT = 0.25  # of the usual share: rows with fewer common pixels are looked at
MIDDLE_ROWS = 3  # sensors with several amplifiers are divided in the middle: a step there is no tear


@dataclass(frozen=True, slots=True)
class Tear:
    """Where a frame is torn."""

    row: int  # of the map, first one of the part that does not belong
    by_stars: bool  # the light of stars ends there
    step_sigma: float  # of the sky across the row, in noise of a map pixel; 0 where it does not jump


def find_tear(
    flat: NDArray[np.int16], row_sums: NDArray[np.int16], block_px: int, row_offsets: NDArray[np.floating]
) -> Tear | None:
    """The clearest tear of a flattened map, or ``None``.

    ``row_sums``: clipped sums of blocks of ``block_px`` pixels along the rows, shape (blocks, rows). ``row_offsets``:
    by how much each row stands above those about it, in sigma of the map: where rows have noise of their own, the
    bright pixels of one that is raised do not go on in the next.
    """
    if min(flat.shape) < 8 * STEP_ROWS:
        return None
    steps = _sky_steps(row_sums, block_px)
    best = int(steps.argmax())
    away = np.abs(np.arange(len(steps)) - best) > 2 * STEP_ROWS
    elsewhere = float(steps[away].max(initial=0.0))
    jumps = steps[best] >= max(STEP_SIGMA, ALONE * elsewhere) and abs(best - len(flat) / 2.0) > MIDDLE_ROWS
    limits = BRIGHT_UNITS + np.rint(row_offsets * UNITS_PER_SIGMA).astype(np.int16)
    chances = _chances_of_stars(flat, limits)
    chances[:STEP_ROWS], chances[-STEP_ROWS:] = 1.0, 1.0  # there a registered frame begins and ends
    row = int(chances.argmin())
    if chances[row] < CHANCE:
        near = steps[max(row - 2, 0) : row + 3]
        return Tear(row, by_stars=True, step_sigma=float(near.max(initial=0.0)))
    if not jumps:
        return None
    cut = float(chances[max(best - 2, 0) : best + 3].min()) < CHANCE_AT_STEP
    return Tear(best, by_stars=cut, step_sigma=float(steps[best]))


def _chances_of_stars(flat: NDArray[np.int16], limits: NDArray[np.int16]) -> NDArray[np.float64]:
    """For each row, the chance that so few bright pixels continue across it; 1 where there are too few to tell."""
    chances = np.ones(len(flat))
    count, crossing = _bright_pixels(flat, limits)
    # a tear within a row of the map leaves half of its light on either side: it shows two rows apart
    for apart, common in crossing.items():
        fewer = np.minimum(count[apart:], count[:-apart])
        rich = fewer >= MIN_CROSSING
        if rich.any():
            usual = float(common[rich].sum() / fewer[rich].sum())
            few = rich & (common < SUSPECT * usual * fewer)
            # of so few pixels that none in common is no wonder, nothing can be told
            few &= fewer * math.log1p(-min(SAFE * usual, 1.0 - 1e-9)) < math.log(CHANCE_AT_STEP)
            for n in np.flatnonzero(few):
                chance = chance_of_at_most(int(common[n]), int(fewer[n]), SAFE * usual)
                chances[n + 1] = min(chances[n + 1], chance)
    return chances


def _bright_pixels(
    flat: NDArray[np.int16], limits: NDArray[np.int16]
) -> tuple[NDArray[np.int64], dict[int, NDArray[np.int64]]]:
    """(pixels of each row above its limit, how many of them meet with one in the row one further on, or two:
    {1: (rows - 1,), 2: (rows - 2,)}), the poorer of both directions. In strips, which stay in cache.
    """
    counts: list[NDArray[np.int64]] = []
    common: dict[int, list[NDArray[np.int64]]] = {1: [], 2: []}
    for top in range(0, len(flat), STRIP_PX):
        near = slice(top, top + STRIP_PX + 2)  # and two rows of the next strip
        bright = (flat[near] > limits[near, None]).view(np.uint8)
        counts.append(_sums(bright[:STRIP_PX]))
        wide = bright.copy()
        wide[:, 1:] |= bright[:, :-1]
        wide[:, :-1] |= bright[:, 1:]
        for apart, found in common.items():
            upper, lower = slice(0, min(STRIP_PX, len(bright) - apart)), slice(apart, STRIP_PX + apart)
            down, up = _sums(wide[lower] & bright[upper]), _sums(wide[upper] & bright[lower])
            found.append(np.minimum(down, up))
    return np.concatenate(counts), {apart: np.concatenate(found) for apart, found in common.items()}


def _sums(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many pixels of each row are set."""
    if len(mask) == 0:
        return np.empty(0, dtype=np.int64)
    return np.asarray(cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0], dtype=np.int64)


def _sky_steps(row_sums: NDArray[np.int16], block_px: int) -> NDArray[np.float32]:
    """How far the sky jumps at each row, in sigma of the map; 0 near the upper and lower border.

    Means of eight rows above and below in a block of columns at a time; typical of all blocks, so that no star, galaxy
    or cloud matters; the same twice as far from the row, so that no band or trail does; and at once, so that no edge
    does that is out of focus.
    """
    rows = row_sums.shape[1]
    sums = np.zeros((row_sums.shape[0], rows + 1), dtype=np.int32)
    np.cumsum(row_sums, axis=1, dtype=np.int32, out=sums[:, 1:])
    n, m = STEP_ROWS, 2 * STEP_ROWS

    def at(offset: int) -> NDArray[np.int32]:
        return sums[:, m + offset : rows - m + offset]

    near = (at(n) - 2 * at(0) + at(-n)) / np.float32(n)
    far = (at(m) - at(n) - at(-n) + at(-m)) / np.float32(n)
    close = (at(2) - 2 * at(0) + at(-2)) / np.float32(2 * SUDDEN)
    up, down = np.minimum(np.minimum(near, far), close), np.minimum(np.minimum(-near, -far), -close)
    steps = np.zeros(rows, dtype=np.float32)
    highest = np.maximum(np.maximum(up, down), 0.0)
    steps[m : rows - m] = medians_of_rows(highest.T) / (block_px * UNITS_PER_SIGMA)
    return steps
