"""What shines or shades faintly in a frame and did not in its session: broad trails, ghosts, wisps, edges. Pure.

The light of the sky in cells (background and fine residual together) against the median of the session's maps, less
what varies slowly across the frame. Vignetting, dust, glow and nebulae are in every frame and cancel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.cells import labelled_regions
from nebulift.session.glimpse import COLUMNS, ROWS, Glimpse
from nebulift.session.sky_map import SkyMap, unpacked_map, unpacked_residual
from nebulift.session.star_match import Motion
from nebulift.sky import continued, interpolated

MIN_MAPS = 3  # the median of two is their mean: what one of them has, it has
CORE_SIGMAS = 6.0  # of the mean of nine cells: chance in 2816 cells, one in a hundred thousand frames of white noise
EDGE_SIGMAS = 3.0  # to where such a place reaches
CELL_SIGMAS, MIN_CELLS = 2.5, 4  # single cells are stars that vary, asteroids, hot pixels
MIN_HEIGHT_SIGMA = 0.1  # of one raw pixel: fainter ones are noise in any picture of the frame
BLOCK_CELLS, BLOCKS = 4, 5  # the smooth part is the median over 20 x 20 cells
MAD_TO_SIGMA = 1.4826  # of a normal distribution
MEDIAN_VARIANCE = 1.57  # of a median over that of a mean
MOST_MOVED_CELLS = 3.0  # a twentieth of the width: beyond, the map is of another place
BRIGHT_SIGMA, MOST_HEIGHT_SIGMA = 1.0, 2.0  # of one raw pixel; higher structure the other eyes see
BORDER_CELLS = 2
STEADY = 0.05  # to which light and transparency are known
RIDGE = 0.8  # quantile of the heights of its cells
LEAST_SIGMA = 0.005  # of one raw pixel: what rounding to steps of a map leaves


@dataclass(frozen=True, slots=True, eq=False)
class FineChange:
    """The most certain faint structure that was not there before."""

    cells: NDArray[np.bool_]  # (44, 64)
    height_sigma: float  # of its ridge, in noise of one raw pixel; negative: darker
    certainty_sigma: float  # of its middle, in the scatter of such places

    @property
    def middle(self) -> tuple[float, float]:
        """Mean row and column of its cells."""
        row, column = np.nonzero(self.cells)
        return float(row.mean()), float(column.mean())


def fine_change(
    maps: Sequence[SkyMap], glimpse: Glimpse, motion: Motion | None, light_ratio: float, transparency: float
) -> FineChange | None:
    """The most certain structure, or ``None``: there is none, or it cannot be said.

    ``light_ratio``: noise of the frame over that of the session, by which what the sky lights (dust, vignetting) is
    stronger and what shines in it (nebulae) is weaker, as both are told in noise; ``transparency`` takes of the latter.
    """
    kept = [one for one in maps if one.residual]
    moved = _moved_cells(kept, glimpse, motion)
    if len(kept) < MIN_MAPS or not np.isfinite(glimpse.residual).any() or moved > MOST_MOVED_CELLS:
        return None
    sky = (glimpse.sky_adu.astype(np.float64) - float(np.median(glimpse.sky_adu))) / glimpse.noise_adu
    stack = np.stack([unpacked_map(one.packed) + unpacked_residual(one.residual) for one in kept])
    known = np.isfinite(glimpse.residual) & (np.isfinite(stack).sum(axis=0) >= MIN_MAPS)
    stack = np.stack([_fine(one, known & np.isfinite(one)) for one in stack])
    now, reference = _fine(sky + glimpse.residual, known), np.asarray(np.median(stack, axis=0))
    weak, strong = sorted((min(transparency, 1.0) / light_ratio * (1.0 - STEADY), light_ratio * (1.0 + STEADY)))
    low, high = _reach(
        np.minimum(weak * reference, strong * reference), np.maximum(weak * reference, strong * reference), moved
    )
    known &= _away_from_borders() & _far_from_lights(np.maximum(np.abs(reference), np.abs(now) - MOST_HEIGHT_SIGMA))
    left = np.where(known, np.maximum(now - high, 0.0) + np.minimum(now - low, 0.0), 0.0)
    return _most_certain(left, left / _noise(stack - reference, glimpse.residual_noise))


def _away_from_borders() -> NDArray[np.bool_]:
    """What the next dither brings in from beyond a border nobody knows, and the smooth sky is only continued there."""
    inner = np.zeros((ROWS, COLUMNS), dtype=bool)
    inner[BORDER_CELLS : ROWS - BORDER_CELLS, BORDER_CELLS : COLUMNS - BORDER_CELLS] = True
    return inner


def _far_from_lights(height: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Cells that have no bright star or galaxy within two cells: air and dew make its halo another in every frame."""
    return np.asarray(cv2.dilate((height > BRIGHT_SIGMA).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0)


def _fine(values: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Less what varies slowly, the median over some twenty cells; 0 where nothing is known."""
    rows, columns = ROWS // BLOCK_CELLS, COLUMNS // BLOCK_CELLS
    filled = np.where(known, values, np.median(values[known]) if known.any() else 0.0)
    blocks = filled.reshape(rows, BLOCK_CELLS, columns, BLOCK_CELLS).swapaxes(1, 2).reshape(rows, columns, -1)
    smooth = cv2.medianBlur(continued(np.median(blocks, axis=-1).astype(np.float32), BLOCKS // 2), BLOCKS)
    middle = np.asarray(smooth, np.float32)[BLOCKS // 2 : -(BLOCKS // 2), BLOCKS // 2 : -(BLOCKS // 2)]
    return np.asarray(np.where(known, filled - interpolated(middle, (ROWS, COLUMNS), 0, ROWS), 0.0))


def _noise(others: NDArray[np.float64], expected: float) -> NDArray[np.float64]:
    """Of each cell: what counting light gives, or what the session's maps scatter there, whichever is more."""
    scatter = MAD_TO_SIGMA * np.median(np.abs(others), axis=0)
    spread = np.sqrt(np.maximum(cv2.blur(scatter**2, (3, 3)), 0.0))
    whole = np.maximum(spread, max(expected, LEAST_SIGMA))
    return np.asarray(whole * np.sqrt(1.0 + MEDIAN_VARIANCE / len(others)))


def _moved_cells(maps: Sequence[SkyMap], glimpse: Glimpse, motion: Motion | None) -> float:
    """By how many cells the field lies elsewhere than in the farthest of the maps; one where nobody knows."""
    if motion is None:
        return 1.0
    x, y = motion.of_middle(glimpse.shape_px)
    places = [one.middle_px or (x, y) for one in maps]
    away = max(max(abs(x - place[0]), abs(y - place[1])) for place in places)
    return away / (glimpse.shape_px[1] / COLUMNS)


def _reach(
    low: NDArray[np.float64], high: NDArray[np.float64], moved: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``low`` and ``high`` with what moving the field by so many cells may bring: nebulae lie elsewhere then."""
    cells = max(int(np.ceil(moved)), 1)
    window, share = np.ones((2 * cells + 1, 2 * cells + 1), np.uint8), min(moved / cells, 1.0)
    lowest, highest = cv2.erode(low, window), cv2.dilate(high, window)
    return np.asarray(low + share * (lowest - low)), np.asarray(high + share * (highest - high))


def _most_certain(left: NDArray[np.float64], in_noise: NDArray[np.float64]) -> FineChange | None:
    means = cv2.blur(in_noise, (3, 3)) * 3.0
    means /= max(MAD_TO_SIGMA * float(np.median(np.abs(means))), 1.0)
    found: FineChange | None = None
    for sign in (1.0, -1.0):
        for cells in labelled_regions(sign * means > EDGE_SIGMAS):
            sure = float((sign * means[cells]).max())
            members = cells & (sign * in_noise > CELL_SIGMAS)
            if sure < CORE_SIGMAS or members.sum() < MIN_CELLS or (found and found.certainty_sigma >= sure):
                continue
            height = sign * float(np.quantile(np.abs(left[members]), RIDGE))
            if abs(height) >= MIN_HEIGHT_SIGMA:
                found = FineChange(cells, height, sure)
    return found
