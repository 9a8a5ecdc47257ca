"""What lies in the same place in frame after frame: no satellite, no cloud, no tear of one frame. Pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nebulift.session.glimpse import Glimpse
from nebulift.session.state import FrameScalars, GroupState, known

STATIC_ANGLE_DEG = 1.0  # what the fit of a short line is good to
STATIC_PX = 12.0  # of dither
STATIC_PATCH_FRAMES, STATIC_PATCH = 3, 0.04  # in a row; of the field: what rises at all does so by more in three frames
STATIC_ROWS, STATIC_TEARS = 0.02, 2  # of the height, more than dither; frames: chance does not tear two at one row
STATIC_CELLS = 2.0  # of the map
STATIC_FRAMES = 2  # two satellites in one track happen in the belt of the geostationary ones; three do not


def static_trails(state: GroupState, glimpse: Glimpse) -> tuple[int, ...]:
    """Indices of the frame's trails that lay in the same place in at least two earlier frames: no satellite does."""
    return tuple(
        index
        for index, line in enumerate(glimpse.trails)
        if sum(any(_same_line(line, other) for other in lines) for lines in state.trails) >= STATIC_FRAMES
    )


def has_static_patch(history: Sequence[FrameScalars], now: FrameScalars) -> bool:
    """Whether what the frame by itself shows without stars is as large, in the same place, in the frames just before,
    or (looking back) just after it.
    """
    if now.patch_share is None:
        return False
    return any(
        len(side) == STATIC_PATCH_FRAMES and all(_same_patch(frame, now) for frame in side)
        for side in (_last(history, now, STATIC_PATCH_FRAMES), _next(history, now, STATIC_PATCH_FRAMES))
    )


def has_static_tear(history: Sequence[FrameScalars], now: FrameScalars) -> bool:
    """Whether the sky of other frames jumps at this row, too, or, before a flip, at the one across: an edge in the sky
    or between two amplifiers.
    """
    if now.torn_row is None:
        return False
    rows = known([frame.torn_row for frame in history])
    alike = [row for row in rows if min(abs(row - now.torn_row), abs(1.0 - row - now.torn_row)) <= STATIC_ROWS]
    return len(alike) >= STATIC_TEARS


def fine_stays(history: Sequence[FrameScalars], now: FrameScalars, row: float, column: float) -> bool:
    """Whether faint structure lay in the same place in the frames before."""
    last = _last(history, now, STATIC_PATCH_FRAMES)
    places = [(frame.fine_row, frame.fine_column) for frame in last]
    return len(last) == STATIC_PATCH_FRAMES and all(
        there is not None and over is not None and max(abs(there - row), abs(over - column)) <= STATIC_CELLS
        for there, over in places
    )


def _last(history: Sequence[FrameScalars], now: FrameScalars, frames: int) -> list[FrameScalars]:
    """The newest frames of those before ``now``."""
    before = [
        frame for frame in history if frame.taken_at is None or now.taken_at is None or frame.taken_at < now.taken_at
    ]
    return sorted(before, key=lambda frame: frame.taken_at or "")[-frames:]


def _next(history: Sequence[FrameScalars], now: FrameScalars, frames: int) -> list[FrameScalars]:
    """The first frames of those after ``now``."""
    after = [(frame.taken_at, frame) for frame in history if frame.taken_at is not None]
    later = [(at, frame) for at, frame in after if now.taken_at is not None and at > now.taken_at]
    return [frame for _, frame in sorted(later, key=lambda one: one[0])[:frames]]


def _same_patch(one: FrameScalars, other: FrameScalars) -> bool:
    if one.patch_share is None or other.patch_share is None:
        return False
    places = (one.patch_row, other.patch_row), (one.patch_column, other.patch_column)
    apart = max(abs((here or 0.0) - (there or 0.0)) for here, there in places)
    return abs(one.patch_share - other.patch_share) <= STATIC_PATCH and apart <= STATIC_PATCH


def _same_line(line: NDArray[np.float64], other: Sequence[float]) -> bool:
    x0, y0, x1, y1 = line
    run, rise = other[2] - other[0], other[3] - other[1]
    length = max(float(np.hypot(run, rise)), 1.0)
    angle = np.degrees(np.arctan2(y1 - y0, x1 - x0) - np.arctan2(rise, run))
    if abs((angle + 90.0) % 180.0 - 90.0) > STATIC_ANGLE_DEG:
        return False
    middle = ((x0 + x1) / 2.0 - other[0], (y0 + y1) / 2.0 - other[1])
    return bool(abs(middle[0] * rise - middle[1] * run) / length < STATIC_PX)
