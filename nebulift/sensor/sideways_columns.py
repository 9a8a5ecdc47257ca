"""Where the rows of a frame lie sideways, by the pattern of its columns, which every row of a sensor has in common.

Offsets of columns are a small part of the noise of a pixel, but the same over all rows: means over blocks of rows
correlate at lag 0 and nowhere else. Rows that were shifted correlate with the others at their shift, and no more at 0.
Noise correlates with a standard deviation of 1 / sqrt(columns), so that the chance of a peak as high is that of a
normal distribution, times all lags and all stretches of blocks that were tried.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import MAD_TO_SIGMA, UNITS_PER_SIGMA
from nebulift.sensor.block_sums import CLIP_UNITS

SMOOTH_COLUMNS = 15  # what is wider is of the sky
MEAN_TO_SIGMA = 1.2533  # of a normal distribution: the absolute mean is as good as a median here, and costs a tenth
CLIP_SIGMA = 3.0  # no single column, nor a star's spike, speaks for all
FEWEST_BLOCKS, FEWEST_COLUMNS = 6, 256
BLANK_SHARE = 0.03  # of the sums are nothing: beyond a disc or a registered frame, whose outlines are no columns
NEAR_PX = 2  # lags about 0 at which a pattern that is no column's own still correlates
IN_COMMON_SIGMA = 3.0  # where parts lie sideways by a lag that is found, those that do not make it 6 and more
CHANCE = 1e-4  # of a false one in a frame
AS_GOOD = 0.85  # of the best stretch of all: then one that goes on to the border is the simpler one
STAYS = 0.4  # of the height of the peak, at lag 0: columns that repeat at a period correlate at both
ASIDE_PX, ASIDE_SHARE = 2, 0.5  # of the height of the peak: what is wider is of the sky, as the Moon's limb
SMALL_LAG_PX, LEAN_STEP_PX, SUDDEN = 4, 0.5, 1.1  # a registered frame's pattern leans by a few columns
HALF_SIGMA = 2.5  # each half of the rows shows the lag by itself: a trail or a pattern that leans has another in each


@dataclass(frozen=True, slots=True)
class ColumnLag:
    """Rows ``row`` to ``end`` of the map lie ``lag_px`` map pixels to the right of the others."""

    row: int
    end: int
    lag_px: int
    chance: float  # expected number of such finds in a frame without


def lag_by_columns(flat: NDArray[np.int16], sums: NDArray[np.int16], block_px: int) -> ColumnLag | None:
    """The stretch of rows whose columns are those of the others, moved; ``None`` without one.

    ``sums``: clipped sums of blocks of ``block_px`` rows of the flattened map, shape (blocks, columns).
    """
    blocks, columns = sums.shape
    if blocks < FEWEST_BLOCKS or columns < FEWEST_COLUMNS or float((sums == 0).mean()) > BLANK_SHARE:
        return None
    profiles = _own(sums.astype(np.float32))
    if not _have_in_common(profiles):
        return None
    waves = np.fft.rfft(profiles, axis=1)
    against = np.fft.irfft(waves * np.conj(waves.sum(axis=0) - waves), n=columns, axis=1)
    first, end, lag = _best_stretch(against)
    if (first, end) == (0, blocks):
        return None
    part, rest = profiles[first:end].sum(axis=0), np.delete(profiles, np.s_[first:end], axis=0).sum(axis=0)
    heights = _heights(part, rest)
    height = float(heights[lag])
    chance = columns * blocks * (blocks + 1) / 2.0 * 0.5 * math.erfc(height / math.sqrt(2.0))
    if chance > CHANCE or not _is_of_columns(heights, lag) or not _in_both_halves(profiles, (first, end), lag):
        return None
    if abs(lag) <= SMALL_LAG_PX and not _is_sudden(waves, (first, end), lag):
        return None
    template = rest + np.roll(part, -lag)
    top = _border(flat, template, lag, first * block_px, block_px) if first > 0 else 0
    bottom = _border(flat, np.roll(template, lag), -lag, end * block_px, block_px) if end < blocks else len(flat)
    return ColumnLag(top, bottom, lag, chance)


def _own(profiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """What columns differ by from those beside them, in standard deviations by the mean difference, clipped."""
    own = profiles - cv2.blur(profiles, (SMOOTH_COLUMNS, 1))
    scatter = MEAN_TO_SIGMA * np.abs(own).mean(axis=1, keepdims=True)
    own /= np.maximum(scatter, 1e-3)
    clipped = own.clip(-CLIP_SIGMA, CLIP_SIGMA)
    return np.asarray(clipped - clipped.mean(axis=1, keepdims=True), dtype=np.float32)


def _have_in_common(profiles: NDArray[np.float32]) -> bool:
    """Whether columns have a pattern at all: products of all pairs of blocks, in standard deviations of noise."""
    total = profiles.sum(axis=0, dtype=np.float64)
    squares = np.square(profiles).sum(axis=1, dtype=np.float64)
    pairs = float(total @ total - squares.sum()) / 2.0
    noise = math.sqrt(float(squares.sum() ** 2 - np.square(squares).sum()) / 2.0 / profiles.shape[1])
    return pairs > IN_COMMON_SIGMA * noise


def _best_stretch(against: NDArray[np.float64]) -> tuple[int, int, int]:
    """(first block, one past the last, lag) of the stretch that correlates best with the rest at another lag than 0."""
    blocks, columns = against.shape
    sums = np.zeros((blocks + 1, columns), dtype=np.float32)
    np.cumsum(against, axis=0, out=sums[1:])
    sums[:, 0] = 0.0
    best = at_border = (0.0, 0, blocks, 0)
    for length in range(1, blocks):
        stretch = (sums[length:] - sums[:-length]) / np.float32(math.sqrt(length))
        at = int(stretch.argmax())
        first, lag = divmod(at, columns)
        best = max(best, (float(stretch.ravel()[at]), first, first + length, lag))
        for first in (0, blocks - length):
            lag = int(stretch[first].argmax())
            at_border = max(at_border, (float(stretch[first, lag]), first, first + length, lag))
    _, first, end, lag = at_border if at_border[0] > AS_GOOD * best[0] else best
    if 2 * (end - first) > blocks:  # the smaller part is the one that lies sideways, if it touches the border
        lag = columns - lag
        first, end = (0, first) if end == blocks else (end, blocks) if first == 0 else (first, end)
    return first, end, lag if lag <= columns // 2 else lag - columns


def _heights(part: NDArray[np.float32], rest: NDArray[np.float32]) -> NDArray[np.float64]:
    """Correlation at every lag, in standard deviations over all of them."""
    found = np.fft.irfft(np.fft.rfft(part) * np.conj(np.fft.rfft(rest)), n=part.size)
    scatter = float(np.median(np.abs(found))) * MAD_TO_SIGMA
    return np.asarray(found / scatter if scatter > 0.0 else np.zeros_like(found))


def _is_of_columns(heights: NDArray[np.float64], lag: int) -> bool:
    """Whether the peak is one of columns, each by itself, which are no more where they were."""
    near = NEAR_PX if abs(lag) > 2 * NEAR_PX else 0
    at_zero = heights[np.arange(-near, near + 1)].max()
    aside = heights[np.array([lag - ASIDE_PX, lag + ASIDE_PX]) % heights.size].max()
    return bool(max(at_zero / STAYS, aside / ASIDE_SHARE) < heights[lag])


def _in_both_halves(profiles: NDArray[np.float32], stretch: tuple[int, int], lag: int) -> bool:
    first, end = stretch
    rest = np.delete(profiles, np.s_[first:end], axis=0)
    part = profiles[first:end]
    halves = [(one, rest) for one in np.array_split(part, 2) if len(one)]
    halves += [(part, one) for one in np.array_split(rest, 2) if len(one)]
    return all(_heights(one.sum(axis=0), other.sum(axis=0))[lag] > HALF_SIGMA for one, other in halves)


def _is_sudden(waves: NDArray[np.complexfloating], stretch: tuple[int, int], lag: int) -> bool:
    """Whether a step explains more of what blocks have in common than the best pattern that leans from top to bottom.

    ``waves``: Fourier transforms of the blocks' profiles.
    """
    blocks = len(waves)
    inside = np.zeros(blocks)
    inside[stretch[0] : stretch[1]] = lag
    leans = np.arange(-2 * abs(lag) - 1, 2 * abs(lag) + 1.1, LEAN_STEP_PX)
    along = np.arange(blocks) / (blocks - 1.0)
    return _in_common(waves, inside) > SUDDEN * max(_in_common(waves, lean * along) for lean in leans)


def _in_common(waves: NDArray[np.complexfloating], lags: NDArray[np.float64]) -> float:
    """Products of all pairs of blocks once each is pushed back by its lag, which may be a part of a column."""
    turn = np.exp(2j * np.pi / (2.0 * (waves.shape[1] - 1)) * np.arange(waves.shape[1]) * lags[:, None])
    return float(np.square(np.abs((waves * turn).sum(axis=0))).sum() - np.square(np.abs(waves)).sum())


def _border(flat: NDArray[np.int16], template: NDArray[np.float32], lag: int, about: int, block_px: int) -> int:
    """The first row of the map that lies ``lag`` to the right of those above, whose columns are ``template``'s, within
    a block of ``about``.
    """
    top, bottom = max(about - block_px, 0), min(about + block_px, len(flat))
    rows = flat[top:bottom].clip(-CLIP_UNITS, CLIP_UNITS).astype(np.float32) / UNITS_PER_SIGMA
    above = rows @ (template - np.roll(template, lag))
    return top + int(np.argmax(np.concatenate([[0.0], np.cumsum(above)])))
