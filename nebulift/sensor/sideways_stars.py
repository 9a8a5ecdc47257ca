"""Where the rows of a frame lie sideways, by the light of stars: it crosses into the next row, at one lag for all.

Across a whole frame the light of a star goes on where it was. Where rows were shifted no star does, and all of them go
on at the same distance. Both are counted, with what pieces of light do at other rows of the same frame as the measure:
how many of their height there are, and how many go on. Fields with fewer than three stars on a row prove nothing, nor
do frames whose rows wander by themselves.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.binomial import chance_of_at_most
from nebulift.frame import Frame
from nebulift.scan import MAD_TO_SIGMA, UNITS_PER_SIGMA, binned, difference_noise
from nebulift.sensor.bright_rows import Crossings

CANDIDATES = 3  # rows that are looked at for each of three reasons
# In robust standard deviations over all rows; of some thousand rows one is by chance above 3.3. At shifts it is 4 to 10
# of what goes on in the next row, half of that where a row of the map holds both parts, 5 to 8 of what leans.
LEAST, LEAST_HALVED, LEAST_LEANING = 3.0, 2.0, 5.0
MOST_GO_ON = 0.4  # of the pieces
WORTH = 1e-2  # chance that so few go on: rows where it is greater have no shift that could be proven
CONTROLS = 24  # rows spread over the frame, at which pieces of light go on as they do in this frame
PIECE_UNITS = 2.2 * UNITS_PER_SIGMA  # in two pixels beside each other: once in 5000 of noise
MIN_WIDTH = 2  # pixels: what is narrower is a hot pixel as likely as a star
MAX_WIDTH = 48  # what is wider is a trail along the rows, or a whole row that stands out
MOST_PIECES = 60  # the tallest of a row
FEWEST = 3  # pieces that agree, apart from each other by more than ``APART_PX``
APART_PX = 12.0  # the two sides of a ring, and close pairs, are no two witnesses
BRIGHTEST = 2000 * UNITS_PER_SIGMA
ALIKE = 4.0  # between heights of the same star in two rows
TALL = 4.0  # times ``PIECE_UNITS``: of these hardly one does not go on
SHARP = 2.0  # times ``PIECE_UNITS``: places are good to a third of a pixel and better
NEAR_LAG_PX = 10.0  # within it what a frame does by itself is measured
ODDS = (0.2, 0.6, 2.0, 6.0, 20.0)  # of which the best is taken, see ``_chance_of_agreement``
LEVEL_PX = 32  # pixels of a row whose median is its level there
AROUND = 10.0  # windows of lags, in which lags are counted about the one that is judged
SAFE = 0.9  # of the measured share is expected to go on
CHANCE = 1e-4  # of a false one in a frame
CHANCE_OF_LAG = 1e-3  # of a wrong one where light ends beyond doubt


@dataclass(frozen=True, slots=True)
class StarLag:
    """Rows of the frame from ``row`` on lie ``lag_px`` pixels to the right of those above, to about a map pixel."""

    row: int
    lag_px: float
    is_sure: bool  # of the lag: else light ends there, and may go on elsewhere
    chance: float  # expected number of such finds in a frame without


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Runs of bright pixels: which of the rows, where (weighted by light), how high in units of the map."""

    row: NDArray[np.intp]
    x: NDArray[np.float64]
    height: NDArray[np.float64]

    def of(self, row: int) -> "_Pieces":
        """Those of one row, the tallest of many."""
        mine = np.flatnonzero(self.row == row)
        mine = np.sort(mine[np.argsort(-self.height[mine], kind="stable")[:MOST_PIECES]])
        return _Pieces(self.row[mine], self.x[mine], self.height[mine])

    def sharp(self) -> "_Pieces":
        """Those high enough for their place to be known to a part of a pixel."""
        mine = self.height > SHARP * PIECE_UNITS
        return _Pieces(self.row[mine], self.x[mine], self.height[mine])


@dataclass(frozen=True, slots=True, eq=False)
class _Suspect:
    """The light on both sides of a row of the frame.

    ``is_near``: lags of a few pixels alone are looked at, at which some of the light goes on at lag 0, too.
    """

    row_px: int
    upper: _Pieces
    lower: _Pieces
    is_near: bool

    def is_worth_it(self) -> bool:
        """Whether there are enough pieces, most of which have none just below."""
        few = min(self.upper.x.size, self.lower.x.size)
        if few < FEWEST or self.is_near:
            return few >= FEWEST
        lags = np.abs(self.lower.x[None, :] - self.upper.x[:, None])
        return bool((lags.min(axis=1) < 1.0).sum() <= MOST_GO_ON * few)


@dataclass(frozen=True, slots=True)
class _Agreement:
    """The lag at which most of the light goes on; the chances, at one row, that so much does, and so little at 0."""

    lag_px: float  # of the map
    of_lag: float
    of_ends: float


@dataclass(frozen=True, slots=True, eq=False)
class _Usual:
    """What pieces of light do at the rows of this frame, for one distance of rows."""

    drift_px: float  # at which partners typically lie: stars may be trailed
    reach_px: float  # within which a partner is one
    goes_on: tuple[float, float]  # share that has a partner at lag 0, of low and of tall ones
    near: NDArray[np.float64]  # lags of all that have a neighbour within ``NEAR_LAG_PX``, less the drift
    pieces: int
    heights: NDArray[np.float64]  # sorted
    per_height: float  # pieces a pixel of a row that one of ``heights`` stands for


def lag_by_stars(
    frame: Frame, bin_px: int, flat: NDArray[np.int16], offsets: NDArray[np.int16], seen: Crossings, margin: int
) -> list[StarLag]:
    """Where rows of a frame lie sideways, the surest first; none where the surest may be chance. The others may: they
    are worth something where their lag is the opposite of the first's. ``margin`` rows of the map are left out at its
    borders.

    ``offsets``: by how much each row of the flattened map stands above those about it, in units of the map. Rows that
    were shifted within a row of the map are drawn from the frame itself.
    """
    rows, width = flat.shape
    if rows < 4 * margin:
        return []
    suspects = [one for one in _suspects(frame, bin_px, flat, offsets, _candidates(seen, margin)) if one.is_worth_it()]
    if not suspects:
        return []
    controls = np.unique(np.linspace(0, rows - 2, CONTROLS + 2).astype(np.intp)[1:-1])
    known = _crossing(flat, offsets, controls)
    usual = _usual(*known, len(controls), width)
    sharp = _usual(known[0].sharp(), known[1].sharp(), len(controls), width)
    found: list[StarLag] = []
    for one in suspects:
        habits = sharp if one.is_near else usual
        agreement = None if habits is None else _lag_between(one, habits, width)
        if agreement is not None:
            found.append(_star_lag(one.row_px, bin_px, rows, agreement))
    found.sort(key=lambda one: one.chance)
    return found if found and found[0].chance < CHANCE else []


def _suspects(
    frame: Frame,
    bin_px: int,
    flat: NDArray[np.int16],
    offsets: NDArray[np.int16],
    candidates: tuple[NDArray[np.intp], ...],
) -> Iterator[_Suspect]:
    """The pieces of light on both sides of each row that is looked at."""
    whole, halved, leaning = candidates
    upper, lower = _crossing(flat, offsets, whole)
    for number, row in enumerate(whole.tolist()):
        yield _Suspect((row + 1) * bin_px, upper.of(number), lower.of(number), is_near=False)
    upper, lower = (pieces.sharp() for pieces in _crossing(flat, offsets, leaning))
    for number, row in enumerate(leaning.tolist()):
        yield _Suspect((row + 1) * bin_px, upper.of(number), lower.of(number), is_near=True)
    for row in halved.tolist() if bin_px > 1 else ():
        row_px = (row + 1) * bin_px + bin_px // 2
        pieces = _pieces(_drawn(frame, bin_px, row_px))
        yield _Suspect(row_px, pieces.of(0), pieces.of(1), is_near=False)


def _star_lag(row_px: int, bin_px: int, rows: int, agreement: _Agreement) -> StarLag:
    """In pixels of the frame, for three reasons to look at each of so many rows."""
    is_sure = agreement.of_lag < CHANCE_OF_LAG
    chance = agreement.of_ends * (agreement.of_lag if is_sure else 1.0)
    return StarLag(row_px, agreement.lag_px * bin_px, is_sure, 3.0 * rows * chance)


def _candidates(seen: Crossings, margin: int) -> tuple[NDArray[np.intp], ...]:
    """Rows after which least goes on in the next, and in the one after it; and after which most goes on to one side."""
    chosen = []
    for (apart, common), least in zip(seen.common.items(), (LEAST, LEAST_HALVED), strict=True):
        fewer = np.asarray(np.minimum(seen.count[apart:], seen.count[:-apart]), dtype=np.float64)
        usual = float(common.sum()) / max(float(fewer.sum()), 1.0)
        chosen.append(_outstanding((usual * fewer - common) / np.sqrt(fewer + 1.0), margin, least))
    both, aside = seen.to_right + seen.to_left, seen.to_right - seen.to_left
    lean = float(aside.sum() / max(int(both.sum()), 1))
    return (*chosen, _outstanding(np.abs(aside - lean * both) / np.sqrt(both + 1.0), margin, LEAST_LEANING))


def _outstanding(score: NDArray[np.float64], margin: int, least: float) -> NDArray[np.intp]:
    """The rows whose score is highest, ``least`` robust standard deviations above the others' at any rate."""
    inner = score[margin:-margin]
    middle = float(np.median(inner))
    scatter = MAD_TO_SIGMA * float(np.median(np.abs(inner - middle)))
    best = np.argsort(-inner, kind="stable")[:CANDIDATES]
    return np.asarray(np.sort(best[inner[best] > middle + least * scatter] + margin))


def _drawn(frame: Frame, bin_px: int, raw_row: int) -> NDArray[np.int16]:
    """The rows of a map above and below a row of the frame, less their level, in units of the map: (2, columns)."""
    means, ok = binned(frame.pixels.rows(raw_row - bin_px, raw_row + bin_px), bin_px)
    if ok is not None:
        means[~ok] = np.median(means)
    columns = means.shape[1] // LEVEL_PX * LEVEL_PX
    middle = np.median(means[:, :columns].reshape(2, -1, LEVEL_PX), axis=2)
    level = cv2.resize(middle.astype(np.float32), (means.shape[1], 2), interpolation=cv2.INTER_LINEAR)
    noise = max(difference_noise(means, 1), 1e-30)  # of one number the frame has no pieces
    return np.asarray(((means - level) * (UNITS_PER_SIGMA / noise)).clip(-BRIGHTEST, BRIGHTEST).astype(np.int16))


def _pieces(lines: NDArray[np.int16]) -> _Pieces:
    """The pieces of light of rows of a map, from left to right."""
    width = lines.shape[1] + 1
    light = np.pad(lines, ((0, 0), (0, 1))).ravel()  # a dark pixel at the end of each row
    bright = np.flatnonzero(light > PIECE_UNITS)
    if bright.size == 0:
        return _Pieces(np.empty(0, dtype=np.intp), np.empty(0), np.empty(0))
    first = np.flatnonzero(np.diff(bright, prepend=-2) > 1)
    long = np.diff(first, append=bright.size)
    value = light[bright].astype(np.float64)
    middle = np.add.reduceat(value * bright, first) / np.add.reduceat(value, first)
    kept = (long >= MIN_WIDTH) & (long <= MAX_WIDTH)
    row = bright[first][kept] // width
    return _Pieces(row, middle[kept] - row * width, np.maximum.reduceat(value, first)[kept])


def _crossing(flat: NDArray[np.int16], offsets: NDArray[np.int16], rows: NDArray[np.intp]) -> tuple[_Pieces, _Pieces]:
    """The pieces of light of these rows of the map, and of those that follow."""
    upper, lower = (_pieces(flat[of] - offsets[of, None]) for of in (rows, rows + 1))
    return upper, lower


def _usual(upper: _Pieces, lower: _Pieces, rows: int, width: int) -> _Usual | None:
    """What pieces do at rows spread over the frame; ``None`` where there is next to nothing to see."""
    if min(upper.x.size, lower.x.size) < FEWEST:
        return None
    stride = width + 4.0 * NEAR_LAG_PX  # so far that rows do not meet
    there, here = lower.x + stride * lower.row, upper.x + stride * upper.row
    after = np.searchsorted(there, here).clip(1, there.size - 1)
    nearest = np.where(np.abs(there[after - 1] - here) < np.abs(there[after] - here), after - 1, after)
    lags, alike = there[nearest] - here, _are_alike(upper.height, lower.height[nearest])
    is_near = (np.abs(lags) <= NEAR_LAG_PX) & alike
    if np.count_nonzero(is_near) < FEWEST:
        return None
    drift = float(np.median(lags[is_near]))
    reach = float(np.clip(3.0 * MAD_TO_SIGMA * np.median(np.abs(lags[is_near] - drift)), 0.3, 2.0))
    at_zero = is_near & (np.abs(lags - drift) <= reach)
    tall = upper.height > TALL * PIECE_UNITS
    shares = [(np.count_nonzero(at_zero & one) + 0.5) / (np.count_nonzero(one) + 1.0) for one in (~tall, tall)]
    heights = np.sort(np.concatenate([upper.height, lower.height]))
    per_height = 1.0 / (2.0 * rows * width)
    goes_on = float(shares[0]), float(shares[1])
    return _Usual(drift, reach, goes_on, lags[is_near] - drift, upper.x.size, heights, per_height)


def _are_alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((one < ALIKE * other) & (other < ALIKE * one))


def _lag_between(suspect: _Suspect, usual: _Usual, width: int) -> _Agreement | None:
    """The lag at which most pieces go on; ``None`` where too few agree, or too many go on at lag 0."""
    upper, lower = suspect.upper, suspect.lower
    ends = 1.0
    if not suspect.is_near:
        ends = _chance_of_ends(upper, lower, usual, 1.0) * _chance_of_ends(lower, upper, usual, -1.0)
        if ends > WORTH:
            return None
    one, other, lags = _pairs(upper, lower, usual, width)
    if suspect.is_near:
        near = np.abs(lags) <= NEAR_LAG_PX
        one, other, lags = one[near], other[near], lags[near]
    if lags.size < FEWEST:
        return None
    rates = _rates(upper, lower, usual, width)
    end = np.searchsorted(lags, lags + 2.0 * usual.reach_px, side="right")
    weight = np.concatenate([[0.0], np.cumsum(-np.log(rates[one]))])
    moved = np.abs(lags + usual.reach_px) > usual.reach_px  # lag 0 is no shift
    score = np.where(moved, weight[end] - weight[:-1], 0.0)
    start = int(score.argmax())
    window = slice(start, int(end[start]))
    agreeing = np.unique(one[window])
    if score[start] <= 0.0 or min(_witnesses(upper.x[agreeing]), _witnesses(lower.x[other[window]])) < FEWEST:
        return None
    lag = float(np.median(lags[window]))
    factor = _crowding(lag, lags, usual)
    rates = np.minimum(rates * factor, 1.0)
    if abs(lag) <= NEAR_LAG_PX:
        there = np.count_nonzero(np.abs(usual.near - lag) <= usual.reach_px)
        rates = np.maximum(rates, (there + 0.5) / (usual.pieces + 1.0))
    fewer = min(upper.x.size, lower.x.size)
    of_lag = lags.size * _chance_of_agreement(rates[agreeing], fewer)
    return _Agreement(lag + usual.drift_px, of_lag, ends)


def _pairs(
    upper: _Pieces, lower: _Pieces, usual: _Usual, width: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """(upper piece, lower piece, lag wrapping round) of all pairs as high as each other, in order of their lags."""
    one, other = np.nonzero(_are_alike(upper.height[:, None], lower.height[None, :]))
    lags = (lower.x[other] - upper.x[one] - usual.drift_px + width / 2.0) % width - width / 2.0
    order = np.argsort(lags, kind="stable")
    return one[order], other[order], lags[order]


def _witnesses(x: NDArray[np.float64]) -> int:
    """How many of the places are apart from each other."""
    return int(np.count_nonzero(np.diff(np.sort(x), prepend=-2.0 * APART_PX) > APART_PX))


def _rates(upper: _Pieces, lower: _Pieces, usual: _Usual, width: int) -> NDArray[np.float64]:
    """Probability that each upper piece has a partner at any given lag: so much of a row is covered by such."""
    low, high = (np.searchsorted(usual.heights, by * upper.height) for by in (1.0 / ALIKE, ALIKE))
    here = _are_alike(upper.height[:, None], lower.height[None, :]).sum(axis=1) / width
    density = np.maximum((high - low + 1.0) * usual.per_height, here)
    return np.asarray(np.minimum(density * 2.0 * usual.reach_px, 1.0))


def _crowding(lag: float, lags: NDArray[np.float64], usual: _Usual) -> float:
    """By how much more pairs there are about ``lag`` than on the average: stars of a cluster are near each other."""
    span = 2.0 * usual.reach_px
    about = np.abs(lags - lag)
    crowd = np.count_nonzero(about <= AROUND * span) - np.count_nonzero(about <= span)
    spread = lags.size * 2.0 * (AROUND - 1.0) * span / max(float(np.ptp(lags)), span)
    return max(crowd / max(spread, 1.0), 1.0)


def _chance_of_agreement(rates: NDArray[np.float64], pieces: int) -> float:
    """How probable it is that, of so many pieces, some agree at a given lag that are together as improbable as these.

    The product of odds / rate over those that agree has an expectation of at most (1 + odds)^pieces, so that it exceeds
    t with a probability below (1 + odds)^pieces / t (Markov), for whatever odds; the best of a few is taken.
    """
    bounds = [pieces * math.log1p(odds) + float(np.log(rates / odds).sum()) for odds in ODDS]
    return min(len(ODDS) * math.exp(min(*bounds, 0.0)), 1.0)


def _chance_of_ends(mine: _Pieces, others: _Pieces, usual: _Usual, sign: float) -> float:
    """How probable it is that so few of the pieces have a partner at lag 0."""
    apart = np.abs(others.x[None, :] - mine.x[:, None] - sign * usual.drift_px)
    goes_on = ((apart <= usual.reach_px) & _are_alike(mine.height[:, None], others.height[None, :])).any(axis=1)
    chance = 1.0
    tall = mine.height > TALL * PIECE_UNITS
    for which, share in ((~tall, usual.goes_on[0]), (tall, usual.goes_on[1])):
        chance *= chance_of_at_most(int(np.count_nonzero(goes_on & which)), int(which.sum()), SAFE * share)
    return chance
