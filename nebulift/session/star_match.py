"""Which star of one frame is which of another: found from the two lists alone, through shift, flip and rotation.

No plate solution: star pairs of like separation vote for a rotation, rotated stars vote for a shift, and a rigid fit
through the matches refines both (Kabsch 1976, Acta Cryst. A32, 922, in two dimensions).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (n, 2): x, y in raw pixels, brightest first

VOTERS = 40  # brightest stars that take part in the search
SHIFT_BIN_PX = 8.0
MATCH_PX = 4.0  # after refinement; pixels of distortion and seeing between two frames of one rig are fewer
MIN_MATCHES = 6  # chance gives two or three
MIN_SHARE = 0.3  # of the lesser list: half of the brightest stars may be behind a cloud
PAIR_TOLERANCE_PX = 1.5
MIN_PAIR_PX = 60.0  # nearer stars do not tell a rotation
ROTATION_BIN_DEG = 0.5
REFINEMENTS = 4
FEW = 20  # brightest stars of a list that are looked at where few are left
FEW_REACH_PX = 80.0  # from where the frame before had them: dither and drift of amateur rigs
FLIP_REACH = 0.1  # of the width: how far mounts aim beside after a flip
FEW_CHANCE = 1e-3  # that stars of another field fall together so well


@dataclass(frozen=True, slots=True)
class Motion:
    """A rigid motion: rotate about (0, 0), then shift. Maps reference positions to positions in the frame."""

    cos: float = 1.0
    sin: float = 0.0
    dx_px: float = 0.0
    dy_px: float = 0.0

    @property
    def rotation_deg(self) -> float:
        return float(np.degrees(np.arctan2(self.sin, self.cos)))

    @property
    def is_turned(self) -> bool:
        """By more than a right angle: after a meridian flip."""
        return self.cos < 0.0

    def apply(self, points: Points) -> Points:
        """The moved points, shape (n, 2)."""
        turn = np.array([[self.cos, -self.sin], [self.sin, self.cos]])
        return np.asarray(points @ turn.T + (self.dx_px, self.dy_px))

    def of_middle(self, shape_px: tuple[int, int]) -> tuple[float, float]:
        """Where the middle of a frame of this shape comes to lie: x, y."""
        x, y = self.apply(np.array([[shape_px[1] / 2.0, shape_px[0] / 2.0]]))[0]
        return round(float(x), 1), round(float(y), 1)


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """``reference[i]`` is the star ``frame[i]``; both index the lists that were matched."""

    motion: Motion
    reference: NDArray[np.intp]
    frame: NDArray[np.intp]


def match_stars(reference: Points, frame: Points, guess: Motion) -> Match | None:
    """The match between two star lists, or ``None`` when they do not show the same field (or too few stars).

    ``guess``, the motion of the frame before, is tried first; then any shift, then a half turn, then any rotation.
    """
    if min(len(reference), len(frame)) < MIN_MATCHES:
        return None
    for motion in _proposals(reference[:VOTERS], frame[:VOTERS], guess):
        match = _refined(reference, frame, motion)
        if match is not None:
            return match
    return None


def match_few(reference: Points, frame: Points, guess: Motion, shape_px: tuple[int, int]) -> Match | None:
    """The match of poor fields, or of what a cloud has left: the brightest stars, shifted a little from ``guess``
    or from its half turn.

    Two stars in the right places are proof where stars are rare. ``None`` where chance does as well (expected number of
    such coincidences among unrelated lists of this length in a frame of ``shape_px`` above one in a thousand).
    """
    here, there = reference[:FEW], frame[:FEW]
    if min(len(here), len(there)) < 2:
        return None
    height, width = shape_px
    # after a meridian flip the field stands on its head about the middle of the frame, to the aim of the mount
    flipped = Motion(-guess.cos, -guess.sin, width - guess.dx_px, height - guess.dy_px)
    for motion, reach_px in ((guess, FEW_REACH_PX), (flipped, FLIP_REACH * width)):
        found = _shifted(motion.apply(here), there, reach_px, shape_px)
        if found is not None:
            dx, dy = (there[found[1]] - motion.apply(here)[found[0]]).mean(axis=0)
            aim = Motion(motion.cos, motion.sin, motion.dx_px + float(dx), motion.dy_px + float(dy))
            return Match(aim, *found)
    return None


def _shifted(
    moved: Points, frame: Points, reach_px: float, shape_px: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """The most pairs that one shift of up to ``reach_px`` brings together, if chance hardly does as well."""
    shifts = (frame[None] - moved[:, None]).reshape(-1, 2)
    shifts = shifts[np.hypot(*shifts.T) < reach_px]
    if len(shifts) == 0:
        return None
    best = _nearest(moved + shifts[int(_pairs_at(moved, frame, shifts).argmax())], frame, MATCH_PX)
    if len(best[0]) < 2:
        return None
    further = len(best[0]) - 1  # beside the one that the shift was taken from
    area = float(shape_px[0] * shape_px[1])
    tried = len(moved) * len(frame) * np.pi * reach_px**2 / area
    each = (len(moved) - 1) * (len(frame) - 1) * np.pi * MATCH_PX**2 / area
    return best if tried * each**further / math.factorial(further) <= FEW_CHANCE else None


def _pairs_at(moved: Points, frame: Points, shifts: Points) -> NDArray[np.intp]:
    """How many pairs of each other's nearest stars (``_nearest``) each of the shifts brings together."""
    apart = np.stack([squared_distances(moved + shift, frame) for shift in shifts])
    to_frame, to_moved = apart.argmin(axis=2), apart.argmin(axis=1)
    mutual = np.take_along_axis(to_moved, to_frame, axis=1) == np.arange(len(moved))
    near = np.take_along_axis(apart, to_frame[..., None], axis=2)[..., 0] <= MATCH_PX**2
    return np.asarray((mutual & near).sum(axis=1))


def _proposals(reference: Points, frame: Points, guess: Motion) -> Iterator[Motion]:
    """One after the other, as each costs more than the one before: nearly always the first will do."""
    yield guess
    yield _shift_vote(reference, frame, guess)
    yield _shift_vote(reference, frame, Motion())
    yield _shift_vote(reference, frame, Motion(-1.0, 0.0))
    for turn in _rotations(reference, frame):
        yield _shift_vote(reference, frame, turn)


def _shift_vote(reference: Points, frame: Points, turn: Motion) -> Motion:
    """``turn`` with the shift that most pairs of stars agree on."""
    turned = Motion(turn.cos, turn.sin).apply(reference)
    shifts = (frame[None, :, :] - turned[:, None, :]).reshape(-1, 2)
    best, most = shifts[0], -1
    for offset in (0.0, SHIFT_BIN_PX / 2):  # a peak on the border of two bins is whole in the other grid
        bins = np.floor((shifts + offset) / SHIFT_BIN_PX).astype(np.int64)
        _, index, counts = np.unique(bins[:, 0] * 1_000_003 + bins[:, 1], return_inverse=True, return_counts=True)
        top = int(counts.argmax())
        if counts[top] > most:
            most, best = int(counts[top]), np.median(shifts[index == top], axis=0)
    return Motion(turn.cos, turn.sin, float(best[0]), float(best[1]))


def _rotations(reference: Points, frame: Points) -> list[Motion]:
    """The rotation that most pairs of equal separation agree on, both ways round."""
    length_a, angle_a = _pairs(reference)
    length_b, angle_b = _pairs(frame)
    if len(length_a) == 0 or len(length_b) == 0:
        return []
    order = np.argsort(length_b)
    low = np.searchsorted(length_b[order], length_a - PAIR_TOLERANCE_PX)
    high = np.searchsorted(length_b[order], length_a + PAIR_TOLERANCE_PX)
    counts = high - low
    first = np.repeat(np.arange(len(length_a)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    second = order[np.repeat(low, counts) + within]
    # a pair has no direction: turned by 180 degrees it looks the same, so the vote is modulo 180
    turns = (angle_b[second] - angle_a[first]) % np.pi
    bins = round(180.0 / ROTATION_BIN_DEG)
    histogram = np.bincount((turns / np.pi * bins).astype(np.intp) % bins, minlength=bins)
    smooth = histogram + np.roll(histogram, 1) + np.roll(histogram, -1)
    angle = (float(smooth.argmax()) + 0.5) / bins * np.pi
    return [Motion(float(np.cos(turn)), float(np.sin(turn))) for turn in (angle, angle + np.pi)]


def _pairs(points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(separations, directions) of all pairs that are far enough apart."""
    first, second = np.triu_indices(len(points), 1)
    delta = points[second] - points[first]
    length = np.hypot(delta[:, 0], delta[:, 1])
    far = length > MIN_PAIR_PX
    return length[far], np.arctan2(delta[far, 1], delta[far, 0])


def _refined(reference: Points, frame: Points, motion: Motion) -> Match | None:
    """The match that ``motion`` leads to, if enough stars agree."""
    tolerances = [max(3.0 * MATCH_PX / 2**step, MATCH_PX) for step in range(REFINEMENTS)]
    nearest = _each_others(motion.apply(reference), frame)
    used: NDArray[np.intp] = np.empty(0, dtype=np.intp)
    for tolerance in tolerances:
        here, there = nearest.within(tolerance)
        if len(here) < MIN_MATCHES:
            return None
        if not np.array_equal(here * len(frame) + there, used):  # else the fit is what it was
            used = here * len(frame) + there
            motion = _rigid(reference[here], frame[there])
            nearest = _each_others(motion.apply(reference), frame)
    here, there = nearest.within(MATCH_PX)
    asked = max(MIN_MATCHES, MIN_SHARE * min(len(reference), len(frame)))
    bright = int((here < VOTERS).sum())
    if len(here) < asked and bright < max(MIN_MATCHES, MIN_SHARE * VOTERS):
        return None
    return Match(motion, here, there) if _better_than_chance(len(here), reference, frame) else None


def _better_than_chance(found: int, reference: Points, frame: Points) -> bool:
    """Whether so many matches are at least four times what random lists of this density would give."""
    span = np.ptp(frame, axis=0) + 1.0
    by_chance = len(reference) * len(frame) * np.pi * MATCH_PX**2 / float(span[0] * span[1])
    return found >= 4.0 * by_chance + 3.0 or found >= 0.8 * min(len(reference), len(frame))


def _nearest(moved: Points, frame: Points, tolerance_px: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs (index of moved, index of frame) that are each other's nearest within ``tolerance_px``."""
    return _each_others(moved, frame).within(tolerance_px)


@dataclass(frozen=True, slots=True, eq=False)
class _Nearest:
    """Pairs that are each other's nearest: indices of either list, squared distance."""

    here: NDArray[np.intp]
    there: NDArray[np.intp]
    squared_px: NDArray[np.float64]

    def within(self, tolerance_px: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        near = self.squared_px <= tolerance_px**2
        return self.here[near], self.there[near]


def _each_others(moved: Points, frame: Points) -> _Nearest:
    apart = squared_distances(moved, frame)
    to_frame, to_moved = apart.argmin(axis=1), apart.argmin(axis=0)
    rows = np.arange(len(moved))
    mutual = to_moved[to_frame] == rows
    return _Nearest(rows[mutual], to_frame[mutual], apart[rows[mutual], to_frame[mutual]])


def squared_distances(here: Points, there: Points) -> NDArray[np.float64]:
    """Shape (len(here), len(there)); the root of them all would cost more than all the rest of a match."""
    x, y = np.subtract.outer(here[:, 0], there[:, 0]), np.subtract.outer(here[:, 1], there[:, 1])
    x *= x
    y *= y
    x += y
    return np.asarray(x)


def _rigid(here: Points, there: Points) -> Motion:
    """The rotation and shift that take ``here`` to ``there`` with least squares."""
    centre_here, centre_there = here.mean(axis=0), there.mean(axis=0)
    a, b = here - centre_here, there - centre_there
    angle = np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a * b).sum())
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    shift = centre_there - Motion(cos, sin).apply(centre_here[None])[0]
    return Motion(cos, sin, float(shift[0]), float(shift[1]))
