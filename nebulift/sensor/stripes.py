"""Columns and rows that the sensor draws: hot and dead columns, partial ones, charge bleeding, row noise.

They are taken off the flattened map before anything else looks at it: to a star finder a hot column is a row of stars,
to a trail finder a trail.
"""

import math

import numpy as np
from numpy.typing import NDArray

from nebulift.median import median
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.sensor.block_sums import CLIP_UNITS, LARGEST_BLOCK_PX, block_sums

BLOCK_PX = 32  # of a line at a time: its mean is then good to a sixth of the pixel noise
REACH_PX = 4  # a line is compared with lines up to so far beside it
STRIPE_SIGMA = 4.0  # three blocks in a row: 1 line in 10^11 by chance
TWIN_SHARE = 0.7  # two hot columns side by side are alike, and which is higher changes from block to block
FLANK_SHARE = 0.25  # beside them is next to nothing; a trail of FWHM 3 between two columns has 0.5 beside them
STRONG_SIGMA = 1.0  # of the clipped mean: from here on clipping bends it
MIN_BLOCKS = 3  # in a row: nothing in the sky is so exactly straight and one or two pixels wide for so long
MAX_BLOCKS = 64  # of a whole line: short maps have short blocks
SAMPLE_STEP = 4  # every fourth line tells the scatter of all


def remove_stripes(flat: NDArray[np.int16]) -> int:
    """Takes stripes off ``flat`` in place, columns first, then rows; returns how many lines were touched.

    A stripe is a run of at least three blocks of one column (row) whose clipped means stand out of the columns beside
    it in the same direction. Pixels beyond the clip (a bleeding or a dead column) are set to the level of the sky.
    """
    removed = 0
    for axis, image in ((0, flat), (1, flat.T)):
        length, lines = image.shape
        if length >= MIN_BLOCKS * 16 and lines >= 4 * REACH_PX:
            block = min(max(BLOCK_PX, -(-length // MAX_BLOCKS)), length // MIN_BLOCKS, LARGEST_BLOCK_PX)
            removed += _remove(image, block_sums(flat, block, axis), block)
    return removed


def _remove(image: NDArray[np.int16], sums: NDArray[np.int16], block: int) -> int:
    """Takes stripes off the columns of ``image``, whose block sums are given; how many were touched."""
    excess = _excess(sums)
    unit = np.float32(1.0 / (block * UNITS_PER_SIGMA))
    noise = max(1.4826 * median(np.abs(excess[:, ::SAMPLE_STEP])) * float(unit), 1.0 / block**0.5)
    striped = _runs(excess, math.floor(STRIPE_SIGMA * noise / unit))
    for row in np.flatnonzero(striped.any(axis=1)):
        touched = np.flatnonzero(striped[row])
        bottom = len(image) if row == len(sums) - 1 else (row + 1) * block
        part = image[row * block : bottom, touched].astype(np.float32)
        own = excess[row, touched] * unit
        around = sums[row, touched] * unit - own
        # the clipped mean of a column of 5 sigma is 3: the strong ones are as high as their middle pixel
        high = np.median(part, axis=0) / UNITS_PER_SIGMA - around
        height = np.where(np.abs(own) > STRONG_SIGMA, high, own)
        clean = part - height * UNITS_PER_SIGMA
        clean[np.abs(clean) > CLIP_UNITS] = 0.0
        image[row * block : bottom, touched] = np.rint(clean).astype(np.int16)
    return int(striped.any(axis=0).sum())


def _excess(sums: NDArray[np.int16]) -> NDArray[np.int16]:
    """Sums above the median of five columns: the column itself and those two and four beside it on either side."""
    padded = np.pad(sums, ((0, 0), (REACH_PX, REACH_PX)), mode="reflect")
    width = sums.shape[1]
    a, b, c, d, e = (padded[:, offset : offset + width] for offset in (0, 2, 4, 6, 8))
    # the median of five by pairwise comparison: whole arrays at a time, no sorting
    low = np.maximum(np.minimum(a, b), np.minimum(d, e))
    high = np.minimum(np.maximum(a, b), np.maximum(d, e))
    middle = np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), c))
    return np.asarray(sums - middle, dtype=np.int16)


def _runs(excess: NDArray[np.int16], limit: int) -> NDArray[np.bool_]:
    """Mask of the blocks that belong to a run of ``MIN_BLOCKS`` with an excess of one sign beyond ``limit``."""
    striped = np.zeros(excess.shape, dtype=bool)
    for sign in (1, -1):
        out = excess > limit if sign > 0 else excess < -limit
        enough = np.flatnonzero(np.add.reduce(out, axis=0, dtype=np.int16) >= MIN_BLOCKS)
        if len(enough):
            near = np.unique(np.clip(enough[:, None] + np.arange(-3, 4), 0, excess.shape[1] - 1))
            striped[:, near] |= _runs_among(sign * excess[:, near].astype(np.int32), limit, near)
    return striped


def _runs_among(excess: NDArray[np.int32], limit: int, at: NDArray[np.intp]) -> NDArray[np.bool_]:
    """``_runs`` of one sign, of the columns ``at`` alone."""
    together = np.diff(at) == 1  # only true neighbours are compared
    out = (excess > limit) & _sharp(excess, together)
    run = out.copy()
    for shift in range(1, MIN_BLOCKS):
        run[:-shift] &= out[shift:]
        run[-shift:] = False
    striped = np.zeros(excess.shape, dtype=bool)
    for shift in range(MIN_BLOCKS):
        striped[shift:] |= run[: len(run) - shift]
    # the flanks of a stripe that is wider than a pixel
    flanks = np.zeros_like(striped)
    flanks[:, 1:] |= striped[:, :-1] & together
    flanks[:, :-1] |= striped[:, 1:] & together
    return striped | (flanks & (excess > limit))


def _sharp(excess: NDArray[np.int32], together: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a column is the highest of its neighbours, or one of two alike between two that are low.

    A trail that leans by more than half a degree has its peak in another column three blocks on, and soft flanks.
    ``together``: which of the columns are next to the one that follows; beside the others lies nothing.
    """
    left = np.zeros_like(excess)
    left[:, 1:] = excess[:, :-1] * together
    right = np.zeros_like(excess)
    right[:, :-1] = excess[:, 1:] * together
    left2, right2 = np.zeros_like(excess), np.zeros_like(excess)
    left2[:, 1:] = left[:, :-1] * together
    right2[:, :-1] = right[:, 1:] * together
    highest = (excess >= left) & (excess >= right)
    with_right = (right > TWIN_SHARE * excess) & (np.maximum(left, right2) < FLANK_SHARE * excess)
    with_left = (left > TWIN_SHARE * excess) & (np.maximum(right, left2) < FLANK_SHARE * excess)
    return np.asarray(highest | with_right | with_left)
