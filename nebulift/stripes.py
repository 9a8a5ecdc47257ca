"""Columns and rows that the sensor draws: hot and dead columns, partial ones, charge bleeding, row noise.

They are taken off the flattened map before anything else looks at it: to a star finder a hot column is a row of stars,
to a trail finder a trail.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA

BLOCK_PX = 32  # of a line at a time: its mean is then good to a sixth of the pixel noise
CLIP_UNITS = 3 * UNITS_PER_SIGMA
REACH_PX = 4  # a line is compared with lines up to so far beside it
STRIPE_SIGMA = 4.0  # three blocks in a row: 1 line in 10^11 by chance
TWIN_SHARE = 0.7  # two hot columns side by side are alike, and which is higher changes from block to block
FLANK_SHARE = 0.25  # beside them is next to nothing; a trail of FWHM 3 between two columns has 0.5 beside them
STRONG_SIGMA = 1.0  # of the clipped mean: from here on clipping bends it
MIN_BLOCKS = 3  # in a row: nothing in the sky is so exactly straight and one or two pixels wide for so long
MAX_BLOCKS = 64  # of a whole line: short maps have short blocks


def remove_stripes(flat: NDArray[np.int16]) -> int:
    """Takes stripes off ``flat`` in place, columns first, then rows; returns how many lines were touched.

    A stripe is a run of at least three blocks of one column (row) whose clipped means stand out of the columns beside
    it in the same direction. Pixels beyond the clip (a bleeding or a dead column) are set to the level of the sky.
    """
    columns = _remove(flat)
    turned = flat.T
    return columns + _remove(turned)


def _remove(flat: NDArray[np.int16]) -> int:
    length = flat.shape[0]
    block = max(BLOCK_PX, -(-length // MAX_BLOCKS))
    if length < MIN_BLOCKS * 16 or flat.shape[1] < 4 * REACH_PX:
        return 0
    block = min(block, length // MIN_BLOCKS)
    tops = list(range(0, length - block + 1, block))
    means = np.stack([_means(flat[top : top + block]) for top in tops])
    excess = _excess(means)
    around = means - excess
    noise = max(1.4826 * float(np.median(np.abs(excess))), 1.0 / block**0.5)
    striped = _runs(excess, STRIPE_SIGMA * noise)
    for row, top in enumerate(tops):
        touched = np.flatnonzero(striped[row])
        if len(touched) == 0:
            continue
        bottom = length if row == len(tops) - 1 else top + block
        part = flat[top:bottom, touched].astype(np.float32)
        # the clipped mean of a column of 5 sigma is 3: the strong ones are as high as their middle pixel
        high = np.median(part, axis=0) / UNITS_PER_SIGMA - around[row, touched]
        height = np.where(np.abs(excess[row, touched]) > STRONG_SIGMA, high, excess[row, touched])
        clean = part - height * UNITS_PER_SIGMA
        clean[np.abs(clean) > CLIP_UNITS] = 0.0
        flat[top:bottom, touched] = np.rint(clean).astype(np.int16)
    return int(striped.any(axis=0).sum())


def _means(block: NDArray[np.int16]) -> NDArray[np.float32]:
    """Clipped mean of each column of the block, in sigma."""
    clipped = np.ascontiguousarray(np.clip(block, -CLIP_UNITS, CLIP_UNITS))
    mean = cv2.reduce(clipped, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[0]
    return np.asarray(mean / UNITS_PER_SIGMA, dtype=np.float32)


def _excess(means: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means above the median of five columns: the column itself and those two and four beside it on either side."""
    padded = np.pad(means, ((0, 0), (REACH_PX, REACH_PX)), mode="reflect")
    width = means.shape[1]
    a, b, c, d, e = (padded[:, offset : offset + width] for offset in (0, 2, 4, 6, 8))
    # the median of five by pairwise comparison: whole arrays at a time, no sorting
    low = np.maximum(np.minimum(a, b), np.minimum(d, e))
    high = np.minimum(np.maximum(a, b), np.maximum(d, e))
    middle = np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), c))
    return np.asarray(means - middle, dtype=np.float32)


def _runs(excess: NDArray[np.float32], limit: float) -> NDArray[np.bool_]:
    """Mask of the blocks that belong to a run of ``MIN_BLOCKS`` with an excess of one sign beyond ``limit``."""
    striped = np.zeros(excess.shape, dtype=bool)
    for sign in (1.0, -1.0):
        out = (sign * excess > limit) & _sharp(sign * excess)
        run = out.copy()
        for shift in range(1, MIN_BLOCKS):
            run[:-shift] &= out[shift:]
            run[-shift:] = False
        for shift in range(MIN_BLOCKS):
            striped[shift:] |= run[: len(run) - shift]
        # the flanks of a stripe that is wider than a pixel
        flanks = np.zeros_like(striped)
        flanks[:, 1:] |= striped[:, :-1]
        flanks[:, :-1] |= striped[:, 1:]
        striped |= flanks & (sign * excess > limit)
    return striped


def _sharp(excess: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a column is the highest of its neighbours, or one of two alike between two that are low.

    A trail that leans by more than half a degree has its peak in another column three blocks on, and soft flanks.
    """
    padded = np.pad(excess, ((0, 0), (2, 2)))
    width = excess.shape[1]
    left2, left, right, right2 = (padded[:, start : start + width] for start in (0, 1, 3, 4))
    highest = (excess >= left) & (excess >= right)
    with_right = (right > TWIN_SHARE * excess) & (np.maximum(left, right2) < FLANK_SHARE * excess)
    with_left = (left > TWIN_SHARE * excess) & (np.maximum(right, left2) < FLANK_SHARE * excess)
    return np.asarray(highest | with_right | with_left)
