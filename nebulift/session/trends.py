"""Since when something is wrong in a session, and how it developed: what turns a number into a cause. Pure."""

import cmath
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from nebulift.judgement import Course, Trends
from nebulift.session.state import FrameScalars, known, quantile

DRIFT_FRAMES = 3  # in a row: one wide frame is a gust, three are a course
WIDER, LONGER, DIMMER, COVERED = 1.12, 1.1, 0.9, 0.03  # where the tables of ``causes`` begin
BRIGHTER = 1.25  # square of where the table of noise begins
HALO = 0.03  # added share: twice what the stack of a dozen stars errs by
SAME_SIDE = 0.8  # mean resultant length: within some 50 degrees
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
    dark = quantile([frame.noise_adu**2 for frame in good], 0.3)
    halo = quantile(known([frame.halo_share for frame in good]), 0.3)
    longer = _course(run, lambda frame: frame.elongation, length, length * LONGER)
    covered = _course(run, lambda frame: frame.covered, 0.0, COVERED)
    return Trends(
        wider=_course(run, lambda frame: frame.fwhm_px, width, width * WIDER),
        longer=longer,
        dimmer=_course(run, lambda frame: frame.transparency, light, light * DIMMER),
        covered=covered,
        covered_deg=_side(run[-covered.frames :]) if covered else None,
        brighter=_course(run, lambda frame: frame.noise_adu**2, dark, dark * BRIGHTER),
        halo=_course(run, lambda frame: frame.halo_share, halo, halo + HALO),
        direction=_direction(run[-longer.frames :]) if longer else None,
        is_rising=_is_rising(run),
    )


def _is_rising(run: Sequence[FrameScalars]) -> bool:
    """Whether more of the field is covered than in the frame before, in which something was covered already."""
    covered = [frame.covered for frame in run[-2:]]
    return len(covered) == 2 and RISING <= covered[0] < covered[1]


def _course(
    run: Sequence[FrameScalars], value: Callable[[FrameScalars], float | None], best: float, limit: float
) -> Course | None:
    """The unbroken run of frames at the end whose value is beyond ``limit``, as that is from ``best``."""
    if best == limit:
        return None
    sign = 1.0 if limit > best else -1.0
    values: list[float] = []
    for frame in reversed(run):
        found = value(frame)
        if found is None or sign * (found - limit) <= 0.0:
            break
        values.insert(0, found)
    if len(values) < DRIFT_FRAMES:
        return None
    steps = [sign * (later - earlier) > 0.0 for earlier, later in pairwise(values)]
    since = run[len(run) - len(values)].taken_at or ""
    is_slow = sum(steps) >= SLOW_STEPS * len(steps)
    return Course(since, len(values), best, values[-1], is_slow, first=values[0])


def _side(frames: Sequence[FrameScalars]) -> float | None:
    """The side on which something is in all of them; ``None``: here and there, or not aside."""
    angles = known([frame.covered_deg for frame in frames])
    if len(angles) < len(frames):
        return None
    mean = sum(cmath.exp(1j * math.radians(angle)) for angle in angles) / len(angles)
    return math.degrees(cmath.phase(mean)) if abs(mean) >= SAME_SIDE else None


def _direction(frames: Sequence[FrameScalars]) -> float | None:
    angles = known([frame.angle_deg for frame in frames])
    if len(angles) < MIN_ANGLES:
        return None
    return abs(sum(cmath.exp(2j * math.radians(angle)) for angle in angles)) / len(angles)
