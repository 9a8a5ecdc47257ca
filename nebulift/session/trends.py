"""Since when something is wrong in a session, and how it developed: what turns a number into a cause. Pure."""

import cmath
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from nebulift.judgement import Course, Trends
from nebulift.session.state import FrameScalars, known, quantile

DRIFT_FRAMES = 3  # in a row: one wide frame is a gust, three are a course
WIDER, LONGER, DIMMER, COVERED = 1.12, 1.1, 0.9, 0.03  # where the tables of ``causes`` begin
RISING = 0.015  # of the field: 40 of the 2816 cells of a map, the least that counts
MIN_ANGLES = 3  # two always share a direction halfway
SLOW_STEPS = 0.7  # of the steps from frame to frame that go the same way: dew and cooling do not jump about


def trends(history: Sequence[FrameScalars], now: FrameScalars) -> Trends:
    """The courses of the frames before ``now`` (by their times; others are left out) that lead up to it."""
    if now.taken_at is None:
        return Trends()
    before = [frame for frame in history if frame.taken_at is not None and frame.taken_at < now.taken_at]
    run = [*sorted(before, key=lambda frame: frame.taken_at or ""), now]
    good = [frame for frame in history if frame.good]
    width = quantile(known([frame.fwhm_px for frame in good]), 0.3)
    length = quantile(known([frame.elongation for frame in good]), 0.3)
    light = quantile(known([frame.transparency for frame in good]), 0.75)
    longer = _course(run, lambda frame: frame.elongation, length, LONGER)
    return Trends(
        _course(run, lambda frame: frame.fwhm_px, width, WIDER),
        longer,
        _course(run, lambda frame: frame.transparency, light, DIMMER),
        _course(run, lambda frame: 1.0 + frame.covered, 1.0, 1.0 + COVERED),
        _direction(run[-longer.frames :]) if longer else None,
        _is_rising(run),
    )


def _is_rising(run: Sequence[FrameScalars]) -> bool:
    """Whether more of the field is covered than in the frame before, in which something was covered already."""
    covered = [frame.covered for frame in run[-2:]]
    return len(covered) == 2 and RISING <= covered[0] < covered[1]


def _course(
    run: Sequence[FrameScalars], value: Callable[[FrameScalars], float | None], best: float, limit: float
) -> Course | None:
    """The unbroken run of frames at the end whose value over ``best`` is beyond ``limit``: below one that is < 1."""
    if best <= 0.0:
        return None
    values: list[float] = []
    for frame in reversed(run):
        found = value(frame)
        if found is None or (found / best > limit) != (limit > 1.0):
            break
        values.insert(0, found)
    if len(values) < DRIFT_FRAMES:
        return None
    sign = 1.0 if limit > 1.0 else -1.0
    steps = [sign * (later - earlier) > 0.0 for earlier, later in pairwise(values)]
    first = run[len(run) - len(values)]
    return Course(first.taken_at or "", len(values), best, values[-1], sum(steps) >= SLOW_STEPS * len(steps))


def _direction(frames: Sequence[FrameScalars]) -> float | None:
    angles = known([frame.angle_deg for frame in frames])
    if len(angles) < MIN_ANGLES:
        return None
    return abs(sum(cmath.exp(2j * math.radians(angle)) for angle in angles)) / len(angles)
