"""What shines or shades faintly in a frame and did not in its session: broad trails, ghosts, wisps, edges. Pure.

The light of the sky in cells (background and fine residual together) against the median of the session's maps, less
what varies slowly across the frame. Vignetting, dust, glow and nebulae are in every frame and cancel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.cells import labelled_regions
from nebulift.session.glimpse import COLUMNS, ROWS, Glimpse
from nebulift.session.ranks import median_map, middle_of, quantile_of
from nebulift.session.sky_map import SkyMap, unpacked_map, unpacked_residual
from nebulift.session.star_match import Motion
from nebulift.sky.background import continued, interpolated

MIN_MAPS = 3  # the median of two is their mean: what one of them has, it has
CORE_SIGMAS = 6.0  # of the mean of nine cells: chance in 2816 cells, one in a hundred thousand frames of white noise
EDGE_SIGMAS = 3.0  # to where such a place reaches
CELL_SIGMAS, MIN_CELLS = 2.5, 4  # single cells are stars that vary, asteroids, hot pixels
MIN_HEIGHT_SIGMA = 0.1  # of one raw pixel: fainter ones are noise in any picture of the frame
BLOCK_CELLS, BLOCKS = 4, 5  # the smooth part is the median over 20 x 20 cells
MAD_TO_SIGMA = 1.4826  # of a normal distribution
DEVIATION_TO_SIGMA = 1.2533  # of the mean absolute deviation
MEDIAN_VARIANCE = 1.57  # of a median over that of a mean
MOST_MOVED_CELLS = 3.0  # a twentieth of the width: beyond, the map is of another place
MOST_HEIGHT_SIGMA = 2.0  # of one raw pixel; higher structure the other eyes see
HALOS = ((1.0, 2), (4.0, 4))  # (height in noise of one pixel from which, cells to which a light spoils the map)
BORDER_CELLS = 2
STEADY = 0.05  # to which light and transparency are known
CURVED_SHARE = 0.05  # of what the sky rises more than before: the Moon's and dawn's slopes are curved
DUST_SHARE = 0.03  # of light that is added: so much of it dust takes, and under a dark sky none of that was seen
RIDGE = 0.8  # quantile of the heights of its cells
LEAST_SIGMA = 0.005  # of one raw pixel: what rounding to steps of a map leaves


@dataclass(frozen=True, slots=True)
class Light:
    """What lights the frame, against the session."""

    noise_ratio: float = 1.0
    transparency: float = 1.0
    tilt_sigma: float = 0.0  # see ``SkyChange``
    added_sigma: float = 0.0  # by which the sky is brighter, noise of one pixel


@dataclass(frozen=True, slots=True, eq=False)
class FineChange:
    """The faint structure that was not there before, brighter or darker, whichever is more certain."""

    cells: NDArray[np.bool_]  # (44, 64)
    height_sigma: float  # of its ridge, in noise of one raw pixel; negative: darker
    certainty_sigma: float  # of its middle, in the scatter of such places

    @property
    def middle(self) -> tuple[float, float]:
        """Mean row and column of its cells."""
        row, column = np.nonzero(self.cells)
        return float(row.mean()), float(column.mean())


def fine_change(
    maps: Sequence[SkyMap], glimpse: Glimpse, sky: NDArray[np.float64], motion: Motion | None, light: Light
) -> FineChange | None:
    """What was not there before, or ``None``: there is nothing, or it cannot be said. ``sky``: ``evened_sky``.

    What the sky lights (dust, vignetting) is stronger by the ratio of the noises and what shines in it (nebulae) is
    weaker, as both are told in noise; a veil takes of the latter.
    """
    kept = [one for one in maps if one.residual]
    if len(kept) < MIN_MAPS or not np.isfinite(glimpse.residual).any():
        return None
    moved = _moved_cells(kept, glimpse, motion)
    if moved > MOST_MOVED_CELLS:
        return None
    stack = np.stack([_fine_map(one) for one in kept])
    known = np.isfinite(glimpse.residual) & np.isfinite(stack.sum(axis=0))
    stack = np.where(known, stack, 0.0)
    now, reference = np.where(known, _fine(sky + glimpse.residual), 0.0), median_map(list(stack))
    weak, strong = sorted(
        (min(light.transparency, 1.0) / light.noise_ratio * (1.0 - STEADY), light.noise_ratio * (1.0 + STEADY))
    )
    low, high = _reach(
        np.minimum(weak * reference, strong * reference), np.maximum(weak * reference, strong * reference), moved
    )
    known &= _away_from_borders() & _far_from_lights(np.maximum(np.abs(reference), np.abs(now) - MOST_HEIGHT_SIGMA))
    left = np.where(known, np.maximum(now - high, 0.0) + np.minimum(now - low, 0.0), 0.0)
    least = MIN_HEIGHT_SIGMA + CURVED_SHARE * light.tilt_sigma + DUST_SHARE * max(light.added_sigma, 0.0)
    return _most_certain(left, left / _noise(stack - reference, glimpse.residual_noise), least)


def _away_from_borders() -> NDArray[np.bool_]:
    """What the next dither brings in from beyond a border nobody knows, and the smooth sky is only continued there."""
    inner = np.zeros((ROWS, COLUMNS), dtype=bool)
    inner[BORDER_CELLS : ROWS - BORDER_CELLS, BORDER_CELLS : COLUMNS - BORDER_CELLS] = True
    return inner


def _far_from_lights(height: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Cells far from bright stars and galaxies: air and dew make their halos other in every frame."""
    far = np.ones(height.shape, dtype=bool)
    for least, cells in HALOS:
        bright = (height > least).astype(np.uint8)
        far &= np.asarray(cv2.dilate(bright, np.ones((2 * cells + 1, 2 * cells + 1), np.uint8))) == 0
    return far


@lru_cache(maxsize=64)
def _fine_map(one: SkyMap) -> NDArray[np.float64]:
    """The fine part of a map of the session. Each is asked for again with every frame."""
    return _fine(unpacked_map(one.packed) + unpacked_residual(one.residual))


def _fine(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Less what varies slowly, the median over some twenty cells; NaN stays NaN."""
    rows, columns = ROWS // BLOCK_CELLS, COLUMNS // BLOCK_CELLS
    finite = np.isfinite(values)
    filled = np.where(finite, values, middle_of(values[finite]))
    blocks = filled.reshape(rows, BLOCK_CELLS, columns, BLOCK_CELLS).swapaxes(1, 2).reshape(rows, columns, -1)
    blocks.partition((BLOCK_CELLS**2 // 2 - 1, BLOCK_CELLS**2 // 2), axis=-1)
    medians = (blocks[..., BLOCK_CELLS**2 // 2 - 1] + blocks[..., BLOCK_CELLS**2 // 2]) / 2.0
    smooth = cv2.medianBlur(continued(medians.astype(np.float32), BLOCKS // 2), BLOCKS)
    middle = np.asarray(smooth, np.float32)[BLOCKS // 2 : -(BLOCKS // 2), BLOCKS // 2 : -(BLOCKS // 2)]
    return np.asarray(values - interpolated(middle, (ROWS, COLUMNS), 0, ROWS))


def _noise(others: NDArray[np.float64], expected: float) -> NDArray[np.float64]:
    """Of each cell: what counting light gives, or what the session's maps scatter there, whichever is more."""
    scatter = DEVIATION_TO_SIGMA * np.abs(others).mean(axis=0)
    spread = np.sqrt(np.maximum(cv2.blur(scatter**2, (3, 3)), 0.0))
    whole = np.maximum(spread, max(expected, LEAST_SIGMA))
    return np.asarray(whole * np.sqrt(1.0 + MEDIAN_VARIANCE / len(others)))


def _moved_cells(maps: Sequence[SkyMap], glimpse: Glimpse, motion: Motion | None) -> float:
    """By how many cells the field lies elsewhere than in the farthest of the maps; at least one where nobody knows."""
    places = [one.middle_px for one in maps]
    if motion is None:
        return 1.0
    x, y = motion.of_middle(glimpse.shape_px)
    away = max((max(abs(x - place[0]), abs(y - place[1])) for place in places if place is not None), default=0.0)
    return max(away / (glimpse.shape_px[1] / COLUMNS), 1.0 if None in places else 0.0)


def _reach(
    low: NDArray[np.float64], high: NDArray[np.float64], moved: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``low`` and ``high`` with what moving the field by so many cells may bring: nebulae lie elsewhere then."""
    cells = max(int(np.ceil(moved)), 1)
    window, share = np.ones((2 * cells + 1, 2 * cells + 1), np.uint8), min(moved / cells, 1.0)
    lowest, highest = cv2.erode(low, window), cv2.dilate(high, window)
    return np.asarray(low + share * (lowest - low)), np.asarray(high + share * (highest - high))


def _most_certain(left: NDArray[np.float64], in_noise: NDArray[np.float64], least: float) -> FineChange | None:
    sums = cv2.blur(in_noise, (3, 3)) * 3.0
    means = np.asarray(sums / max(MAD_TO_SIGMA * middle_of(np.abs(sums)), 1.0), dtype=np.float64)
    found = [one for sign in (1.0, -1.0) if (one := _of_sign(sign, left, in_noise, means, least)) is not None]
    return max(found, key=lambda one: one.certainty_sigma, default=None)


def _of_sign(
    sign: float,
    left: NDArray[np.float64],
    in_noise: NDArray[np.float64],
    means: NDArray[np.float64],
    least: float,
) -> FineChange | None:
    """All places that are surely brighter, or all that are surely darker."""
    if float((sign * means).max()) < CORE_SIGMAS:
        return None
    cells, certainty = np.zeros(left.shape, dtype=bool), 0.0
    for region in labelled_regions(sign * means > EDGE_SIGMAS):
        sure = float((sign * means[region]).max())
        if sure >= CORE_SIGMAS and (region & (sign * in_noise > CELL_SIGMAS)).sum() >= MIN_CELLS:
            cells |= region
            certainty = max(certainty, sure)
    members = cells & (sign * in_noise > CELL_SIGMAS)
    if not members.any():
        return None
    height = quantile_of(np.abs(left[members]), RIDGE)
    return FineChange(cells, sign * height, certainty) if height >= least else None
