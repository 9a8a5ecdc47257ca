"""An edge before the field: on one side of a line stars are faint or missing, on the other they are not. Pure.

Cells need three stars each to say so, a line needs as few as two in all: where it lies, all that the frame has count.
And what rises slowly is there in the next frame, too: the evidence of frames adds up where it points the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nebulift.session.ranks import middle_of, quantile_of
from nebulift.session.star_light import SeenStars

MIN_STARS = 6  # of which four may lie before the edge; fewer frames of few stars suffice than one alone
MIN_DIM = 2
DIM_RATIO = 0.75  # of the rest of the frame: three times what air and subpixels do to a star of S/N 15
DIM_SPREADS = 3.0  # of the scatter that the frame's own stars show, where that is more
MOST_DIM = 0.6  # of the stars behind the edge: single ones that are bright there deny it
MOST_BEHIND = 0.7  # of all stars: beyond, the rest of the frame is the odd part
RARE, SURE_RATE = 0.03, 0.97  # share of dim stars: fewer than one in thirty are not believed of any part of a frame
DIRECTIONS = np.arange(0.0, 360.0, 22.5)
TOWARDS = np.stack([np.cos(np.radians(DIRECTIONS)), np.sin(np.radians(DIRECTIONS))], axis=1)
GRID_Y, GRID_X = np.mgrid[-0.5:0.5:13j, -0.5:0.5:17j]  # of the field, to know how much lies beyond a line

SURE_EVIDENCE = 9.0  # natural logarithm of the likelihood ratio, over some hundred lines that were tried
SOME_EVIDENCE = 4.0
ADDED_FRAMES = 3  # before this one (looking back: or after it)
SAME_SIDE_DEG = 50.0  # two directions of the search
USUAL_SHARE = 0.5  # of the clean frames: an edge that these have, too, is a fault of the list of stars


@dataclass(frozen=True, slots=True)
class Edge:
    """A line across the field with faint stars behind it."""

    angle_deg: float  # from the free side to the covered one, from x towards y
    share: float  # of the field's light that it takes
    evidence: float  # logarithm of the likelihood ratio against faint stars being anywhere


class Remembered(Protocol):
    """What is known of the edges of other frames (``state.FrameScalars``)."""

    @property
    def taken_at(self) -> str | None: ...
    @property
    def good(self) -> bool: ...
    @property
    def edge_deg(self) -> float | None: ...
    @property
    def edge_evidence(self) -> float: ...


def edge_of(stars: SeenStars, usual_scatter: float | None) -> Edge | None:
    """The line with the most evidence; ``None``: too few stars, or none has even two faint ones behind it.

    ``usual_scatter``: of the light of single stars in clean frames; of few stars, half of them behind something, the
    frame itself does not tell it.
    """
    use = stars.known
    ratio, places = stars.ratio[use], stars.places[use] / stars.shape_px[::-1] - 0.5
    if len(ratio) < MIN_STARS:
        return None
    own = _spread(ratio)
    dim = ratio < min(DIM_RATIO, 1.0 - DIM_SPREADS * (own if usual_scatter is None else min(own, usual_scatter)))
    if dim.sum() < MIN_DIM:
        return None
    along = TOWARDS @ places.T  # a row for each direction
    order = np.argsort(-along, axis=1)
    evidence = _evidence(dim[order])
    angle, last = divmod(int(evidence.argmax()), len(ratio))
    if evidence[angle, last] <= 0.0:
        return None
    best = order[angle]
    line = float(along[angle, best[last : last + 2]].mean())
    share = float((TOWARDS[angle, 0] * GRID_X + TOWARDS[angle, 1] * GRID_Y > line).mean())
    free = max(middle_of(ratio[best[last + 1 :]]), 1e-6)
    lost = max(1.0 - middle_of(ratio[best[: last + 1]]) / free, 0.0)
    return Edge(float(DIRECTIONS[angle]), share * lost, float(evidence[angle, last]))


def _spread(ratio: NDArray[np.float64]) -> float:
    """Scatter of the light of single stars, by the brighter half: an edge only takes away."""
    middle = middle_of(ratio)
    return quantile_of(ratio[ratio >= middle] - middle, 0.68)


def _evidence(dim: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of a line behind each star, for stars in order from the covered side, a row for each direction; 0: none."""
    stars = dim.shape[1]
    behind, faint = np.arange(1, stars + 1), np.cumsum(dim, axis=1, dtype=np.intp)
    total = faint[0, -1]
    evidence = _likelihood(faint, behind) + _likelihood(total - faint, stars - behind) - _likelihood(total, stars)
    evidence[(faint < MIN_DIM) | (faint < MOST_DIM * behind) | (behind > MOST_BEHIND * stars)] = 0.0
    return evidence


def _likelihood(faint: "NDArray[np.intp] | np.intp", stars: "NDArray[np.intp] | int") -> NDArray[np.float64]:
    """Logarithm of the likelihood of so many faint stars among ``stars``, at their own rate."""
    rate = np.clip(faint / np.maximum(stars, 1), RARE, SURE_RATE)
    return np.asarray(faint * np.log(rate) + (stars - faint) * np.log(1.0 - rate))


def believed(edge: Edge | None, taken_at: str | None, history: Sequence[Remembered]) -> Edge | None:
    """The edge, if its own evidence and that of the frames beside it suffice and clean frames do not show it, too."""
    if edge is None or edge.evidence < SOME_EVIDENCE:
        return None
    good = [frame for frame in history if frame.good]
    usual = sum(_shows(frame, edge.angle_deg) for frame in good)
    if good and usual > USUAL_SHARE * len(good):
        return None
    return edge if edge.evidence + _beside(edge, taken_at, history) >= SURE_EVIDENCE else None


def _beside(edge: Edge, taken_at: str | None, history: Sequence[Remembered]) -> float:
    """The evidence for the same side of the unbroken run of frames just before, or just after, whichever is more."""
    if taken_at is None:
        return 0.0
    timed = [(frame.taken_at, frame) for frame in history if frame.taken_at is not None]
    before = sorted((one for one in timed if one[0] < taken_at), key=lambda one: one[0], reverse=True)
    after = sorted((one for one in timed if one[0] > taken_at), key=lambda one: one[0])
    return max(_run(edge, [frame for _, frame in side[:ADDED_FRAMES]]) for side in (before, after))


def _run(edge: Edge, frames: Sequence[Remembered]) -> float:
    total = 0.0
    for frame in frames:
        if not _shows(frame, edge.angle_deg):
            break
        total += frame.edge_evidence
    return total


def _shows(frame: Remembered, angle_deg: float) -> bool:
    if frame.edge_deg is None:
        return False
    return abs((frame.edge_deg - angle_deg + 180.0) % 360.0 - 180.0) <= SAME_SIDE_DEG
