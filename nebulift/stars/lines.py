"""Peaks that look like lines, and lines of them: a bright trail is no row of stars."""

import numpy as np
from numpy.typing import NDArray

from nebulift.stars.moments import moments
from nebulift.stars.peaks import Peaks

LINE_ELONGATION = 2.5  # of what is lit within 9 x 9 pixels: a line through it has 3 or more, a star 1 to 2
MIN_LINE_PIECES = 6  # of a trail: chance puts one or two of a hundred trailed stars on one line
LINE_PIECES_SHARE = 0.1
MAX_LINE_PIECES = 400
LINE_ANGLE_SINE = 0.2  # 11 degrees
LINE_REACH_PX = 2.0
MIN_PAIR_PX = 40.0
MAX_PAIRS = 200
UPRIGHT_COSINE = 0.05
COLUMN_REACH_PX = 100.0
MIN_COLUMN_PIECES = 3


def lines_among(
    above: NDArray[np.float32], top: NDArray[np.float32], noise: float, peaks: Peaks
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(which of the first peaks look like lines in their cut-outs, which of these lie in one line)."""
    lit = (above > 0.3 * top[:, None, None]) & (above > 2.5 * noise)
    shapes = moments(above, lit)
    line_like = np.asarray(shapes.elongation > LINE_ELONGATION)
    on_trail = np.zeros(len(line_like), dtype=bool)
    lines = np.flatnonzero(line_like)
    on_trail[lines] = in_one_line(peaks.x[lines], peaks.y[lines], shapes.angle_deg[lines])
    return line_like, on_trail


def _in_one_column(x: NDArray[np.float32], y: NDArray[np.float32], angle_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pieces that stand upright above each other in one column: a defect of the sensor too short to be taken off."""
    upright = np.abs(np.cos(np.radians(angle_deg))) < UPRIGHT_COSINE
    above = (np.abs(x[:, None] - x[None, :]) <= 1.0) & (np.abs(y[:, None] - y[None, :]) < COLUMN_REACH_PX)
    return np.asarray(upright & ((above & upright[None, :]).sum(axis=1) >= MIN_COLUMN_PIECES))


def in_one_line(x: NDArray[np.float32], y: NDArray[np.float32], angle_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of these line-like peaks lie on a line that many others lie on, too, and point along it.

    Stars of a badly tracked frame point the same way as well, but lie beside each other, not behind.
    """
    n = min(len(x), MAX_LINE_PIECES)
    found = _in_one_column(x, y, angle_deg) | _in_one_column(y, x, 90.0 - angle_deg)
    if n < MIN_LINE_PIECES:
        return found
    angle = np.radians(angle_deg[:n])
    dx, dy = x[None, :n] - x[:n, None], y[None, :n] - y[:n, None]
    # the direction of one piece of 9 pixels is good to some degrees: lines are drawn through pairs that agree with it
    direction = np.arctan2(dy, dx)
    own = np.abs(np.sin(direction - angle[:, None])) < LINE_ANGLE_SINE
    other = np.abs(np.sin(direction - angle[None, :])) < LINE_ANGLE_SINE
    pairs = np.argwhere(own & other & (np.hypot(dx, dy) > MIN_PAIR_PX))
    first, second = pairs[:: max(1, len(pairs) // MAX_PAIRS)].T
    cos, sin = np.cos(direction[first, second]), np.sin(direction[first, second])
    # rows: lines through pairs; columns: pieces that lie near them and point along them
    near = np.abs((x[:n] - x[first, None]) * sin[:, None] - (y[:n] - y[first, None]) * cos[:, None]) < LINE_REACH_PX
    near &= np.abs(np.sin(direction[first, second][:, None] - angle)) < LINE_ANGLE_SINE
    many = near.sum(axis=1) >= max(MIN_LINE_PIECES, LINE_PIECES_SHARE * n)
    found[:n] |= near[many].any(axis=0)
    return found
