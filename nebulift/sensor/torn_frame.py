"""A frame that is torn: from one row on, everything lies sideways, or comes from another exposure.

Five witnesses: the light of stars, which crosses from every row into the next but not across a tear; the distance at
which all of it goes on; the pattern of the columns, which lies as far aside; the seam where rows wrap round; and the
sky, which jumps at the tear by more than noise explains. Works on the flattened map.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nebulift.binomial import chance_of_at_most
from nebulift.frame import Frame
from nebulift.median import medians_of_rows
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.sensor.bright_rows import Crossings, crossings
from nebulift.sensor.sideways import raw_seam, raw_shift
from nebulift.sensor.sideways_columns import lag_by_columns
from nebulift.sensor.sideways_seam import lag_by_seam
from nebulift.sensor.sideways_stars import StarLag, lag_by_stars

BRIGHT_UNITS = 3 * UNITS_PER_SIGMA  # what stands for the light of a star; one pixel in 700 of noise
MIN_CROSSING = 8  # bright pixels in the poorer of two rows: fewer prove nothing
CHANCE = 1e-10  # of so few common pixels at one row of the frame, where every row is asked
CHANCE_AT_STEP = 1e-3  # where the sky jumps, too
SAFE = 0.7  # of the usual share is expected: pixels of one star are not independent
NEAR_ROWS = 24  # on either side of a row
STEP_ROWS = 8  # whose means are compared across a row
STEP_SIGMA = 0.25  # of the flattened map: half of what the sky jumps by, as the mesh follows the other half
ALONE = 2.0  # times as high as any other step of the frame: a frame with bands has many
MOST_SCATTER = 0.4  # of single rows, in sigma: by more, and what counts as bright changes with the row (false from 0.5)
STEP_OF_ROWS = 2.5  # times the scatter of single rows: five times that of the difference of two means of eight
SUDDEN = 0.5  # of the jump: between the two rows above and the two below
SUSPECT = 0.25  # of the usual share: rows with fewer common pixels are looked at
MIDDLE_ROWS = 3  # sensors with several amplifiers are divided in the middle: a step there is no tear


@dataclass(frozen=True, slots=True)
class Tear:
    """Where a frame is torn, in raw pixels."""

    row_px: int  # first one of the part that does not belong
    by_stars: bool  # the light of stars ends there
    step_sigma: float  # of the sky across the row, in noise of a map pixel; 0 where it does not jump
    shift_px: int | None = None  # to the right, by which that part lies sideways; None: that is not known
    end_px: int | None = None  # one past its last row; None: it goes on to the end of the frame


@dataclass(frozen=True, slots=True, eq=False)
class LineSums:
    """Clipped sums of the flattened map in blocks of so many pixels: along its rows and along its columns.

    ``of_rows``: (blocks, rows); ``of_columns``: (blocks, columns).
    """

    of_rows: NDArray[np.int16]
    row_block_px: int
    of_columns: NDArray[np.int16]
    column_block_px: int


def find_tear(
    frame: Frame, bin_px: int, flat: NDArray[np.int16], sums: LineSums, row_offsets: NDArray[np.floating]
) -> Tear | None:
    """The clearest tear of a frame with this flattened map, or ``None``.

    ``row_offsets``: by how much each row stands above those about it, in sigma of the map: where rows have noise of
    their own, the bright pixels of one that is raised do not go on in the next.
    """
    if min(flat.shape) < 8 * STEP_ROWS:
        return None
    offsets = np.rint(row_offsets * UNITS_PER_SIGMA).astype(np.int16)
    seen = crossings(flat, BRIGHT_UNITS + offsets)
    steps = _sky_steps(sums.of_rows, sums.row_block_px)
    scatter = _scatter(row_offsets)
    are_steady = scatter < MOST_SCATTER
    by_stars = lag_by_stars(frame, bin_px, flat, offsets, seen, STEP_ROWS) if are_steady else []
    shifted = _shifted(frame, bin_px, by_stars, _stretch(frame, bin_px, flat, sums))
    if shifted is not None:
        return replace(shifted, step_sigma=_step_at(steps, shifted.row_px // bin_px))
    best = int(steps.argmax())
    away = np.abs(np.arange(len(steps)) - best) > 2 * STEP_ROWS
    elsewhere = float(steps[away].max(initial=0.0))
    least = max(STEP_SIGMA, ALONE * elsewhere, STEP_OF_ROWS * scatter)
    jumps = steps[best] >= least and abs(best - len(flat) / 2.0) > MIDDLE_ROWS
    chances = _chances_of_stars(seen) if are_steady else np.ones(len(flat))
    chances[:STEP_ROWS], chances[-STEP_ROWS:] = 1.0, 1.0  # there a registered frame begins and ends
    row = int(chances.argmin())
    if chances[row] < CHANCE:
        return Tear(row * bin_px, by_stars=True, step_sigma=_step_at(steps, row))
    if not jumps:
        return None
    cut = float(chances[max(best - 2, 0) : best + 3].min()) < CHANCE_AT_STEP
    return Tear(best * bin_px, by_stars=cut, step_sigma=float(steps[best]))


def _scatter(offsets: NDArray[np.floating]) -> float:
    """Standard deviation of the offsets of most rows."""
    return float(np.subtract(*np.quantile(offsets, (0.8413, 0.1587)))) / 2.0


def _step_at(steps: NDArray[np.float32], row: int) -> float:
    return float(steps[max(row - 2, 0) : row + 3].max(initial=0.0))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows ``row`` to ``end`` of the map that lie ``lag_px`` map pixels to the right of the others."""

    row: int
    end: int
    lag_px: int
    has_columns: bool  # by their pattern; else by a seam
    border_px: int  # within which ``row`` and ``end`` were sought


def _stretch(frame: Frame, bin_px: int, flat: NDArray[np.int16], sums: LineSums) -> _Stretch | None:
    """By the pattern of the columns, or else by the seam where rows wrap round."""
    block_px = sums.column_block_px
    columns = lag_by_columns(flat, sums.of_columns, block_px)
    if columns is not None:
        return _Stretch(columns.row, columns.end, columns.lag_px, has_columns=True, border_px=block_px)
    seam = lag_by_seam(frame, bin_px, flat, sums.of_columns, block_px)
    return None if seam is None else _Stretch(seam.row, seam.end, seam.lag_px, has_columns=False, border_px=block_px)


def _shifted(frame: Frame, bin_px: int, by_stars: list[StarLag], stretch: _Stretch | None) -> Tear | None:
    """The part of a frame that lies sideways: its borders by the stars where they show them."""
    if stretch is not None:
        return _shifted_stretch(frame, bin_px, by_stars, stretch)
    if not by_stars:
        return None
    first, last = by_stars[0], None
    for one in by_stars[1:]:
        if abs(one.lag_px + first.lag_px) <= bin_px and abs(one.row - first.row) > bin_px:
            first, last = sorted((first, one), key=lambda each: each.row)
            break
    if last is None and not first.is_sure:
        return Tear(first.row, by_stars=True, step_sigma=0.0)
    shift = raw_shift(frame, first.row, first.lag_px, bin_px, (bin_px, bin_px))
    return Tear(first.row, by_stars=True, step_sigma=0.0, shift_px=shift, end_px=None if last is None else last.row)


def _shifted_stretch(frame: Frame, bin_px: int, by_stars: list[StarLag], stretch: _Stretch) -> Tear:
    """The part that lies aside by its columns or its seam; the stars know its first row to the pixel."""
    reach, (height, width) = stretch.border_px * bin_px, frame.shape
    top, end, lag = stretch.row * bin_px, stretch.end * bin_px, stretch.lag_px * bin_px
    if stretch.row == 0:  # rather the other part, which goes on to the end
        top, end, lag = end, height, -lag
    near = [one.row for one in by_stars if abs(one.row - top) <= reach and abs(one.lag_px - lag) <= 2 * bin_px]
    top = near[0] if near else top
    last = end if height - end >= bin_px else None
    if stretch.has_columns:
        shift = raw_shift(frame, top, lag, bin_px, (top, end - top))
    else:
        shift = raw_seam(frame, lag, bin_px, (top, end))
    shift = (shift + width // 2) % width - width // 2
    return Tear(top, by_stars=bool(near), step_sigma=0.0, shift_px=shift, end_px=last)


def _chances_of_stars(seen: Crossings) -> NDArray[np.float64]:
    """For each row, the chance that so few bright pixels continue across it; 1 where there are too few to tell."""
    count = seen.count
    chances = np.ones(len(count))
    # a tear within a row of the map leaves half of its light on either side: it shows two rows apart
    for apart, common in seen.common.items():
        fewer = np.minimum(count[apart:], count[:-apart])
        rich = fewer >= MIN_CROSSING
        if rich.any():
            usual = _usual_share(np.where(rich, common, 0), np.where(rich, fewer, 0))
            few = rich & (common < SUSPECT * usual * fewer)
            # of so few pixels that none in common is no wonder, nothing can be told
            few &= fewer * np.log1p(-np.minimum(SAFE * usual, 1.0 - 1e-9)) < math.log(CHANCE_AT_STEP)
            for n in np.flatnonzero(few):
                chance = chance_of_at_most(int(common[n]), int(fewer[n]), SAFE * float(usual[n]))
                chances[n + 1] = min(chances[n + 1], chance)
    return chances


def _usual_share(common: NDArray[np.integer], fewer: NDArray[np.integer]) -> NDArray[np.float64]:
    """Of the bright pixels of a row, how many go on in the next: in the frame, and not more than in the rows nearby. A
    nebula's do, and noise's beside it do not.
    """
    share = np.full(len(fewer), common.sum() / fewer.sum())
    near, gap = np.ones(2 * NEAR_ROWS + 1), slice(NEAR_ROWS - 2, NEAR_ROWS + 3)
    near[gap] = 0.0
    of_near, going_on = (np.convolve(one, near, mode="same") for one in (fewer, common))
    return np.asarray(np.minimum(share, going_on / (of_near + MIN_CROSSING)))


def _sky_steps(row_sums: NDArray[np.int16], block_px: int) -> NDArray[np.float32]:
    """How far the sky jumps at each row, in sigma of the map; 0 near the upper and lower border.

    Means of eight rows above and below in a block of columns at a time; typical of all blocks, so that no star, galaxy
    or cloud matters; the same twice as far from the row, so that no band or trail does; at once, so that no edge does
    that is out of focus; and less what a slope of the sky, carried on from either side, makes of it.
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
    level = 1.5 * near - 0.5 * far  # of a slope ``far`` is three times ``near``, of a step both are the same
    up, down = (np.minimum.reduce([sign * one for one in (near, far, close, level)]) for sign in (1, -1))
    steps = np.zeros(rows, dtype=np.float32)
    highest = np.maximum(np.maximum(up, down), 0.0)
    steps[m : rows - m] = medians_of_rows(highest.T) / (block_px * UNITS_PER_SIGMA)
    return steps
