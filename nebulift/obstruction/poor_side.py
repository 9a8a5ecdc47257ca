"""A side of the field with far fewer stars than the rest: behind a dome, a roof, a tree, a bank of cloud.

Every straight border across the field is tried, as in a scan statistic (Kulldorff 1997, Commun. Statist. 26,
1481). Stars crowd in clusters, which no Poisson law knows: so the poor side is compared with the poorest third of the
rest, which no cluster fills, and with what lies opposite through the middle, which vignetting and a cluster in the
middle leave as poor.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nebulift.binomial import chance_of_at_most

ANGLES_DEG = tuple(range(0, 360, 15))
# Of the field, on the poor side: all stars on a smaller one may be the glow of an amplifier, or knots of a nebula.
SHARES = tuple(round(0.1 + 0.05 * step, 2) for step in range(11))
MIN_STARS, MOST_STARS = 25, 3000  # the brightest say all there is to say
LIKELIHOOD = 18.0  # of a border where there is none: exp(-18) times the 400 that are tried, 6 in a million
CHANCE = 1e-3  # of so few stars on the poor side, by the poorest third of the rest alone
FEWER = 0.6  # density there over that of the rest
UNEVEN = 2.5  # stars in the richest third of the rest over those in the poorest
GRID = 40  # points a side that tell how much of the field a border cuts off


@dataclass(frozen=True, slots=True, eq=False)
class PoorSide:
    """Positions are in frame widths and heights from the middle, -0.5 to 0.5."""

    angle_deg: float  # direction from the poor side to the rich one
    cut: float  # where along it the border lies
    share: float  # of the field, on the poor side
    star_ratio: float = 1.0  # density of stars there over that of what it was compared with, at most

    def holds(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which points lie on the poor side."""
        angle = math.radians(self.angle_deg)
        return np.asarray(x * math.cos(angle) + y * math.sin(angle) < self.cut)


def poor_side(x: NDArray[np.floating], y: NDArray[np.floating]) -> PoorSide | None:
    """The side of the field on which stars are missing; ``None`` where chance may have left it so poor.

    ``x``, ``y``: stars that would be found anywhere in the frame, brightest first, in frame widths and heights from the
    middle.
    """
    x, y = x[:MOST_STARS], y[:MOST_STARS]
    if len(x) < MIN_STARS:
        return None
    best: tuple[float, PoorSide] | None = None
    for angle in ANGLES_DEG:
        sides = _borders(angle)
        along = np.sort(x * math.cos(math.radians(angle)) + y * math.sin(math.radians(angle)))
        counts = np.searchsorted(along, [side.cut for side in sides])
        for side, inside in zip(sides, counts.tolist(), strict=True):
            gain = _likelihood(inside, len(x), side.share)
            if gain >= LIKELIHOOD and (best is None or gain > best[0]):
                best = gain, side
    return None if best is None else _measured(best[1], x, y)


@lru_cache(maxsize=len(ANGLES_DEG))
def _borders(angle_deg: float) -> tuple[PoorSide, ...]:
    """The borders across one direction that cut off each of ``SHARES``."""
    axis = (np.arange(GRID) + 0.5) / GRID - 0.5
    angle = math.radians(angle_deg)
    along = np.sort((axis[None, :] * math.cos(angle) + axis[:, None] * math.sin(angle)).ravel())
    return tuple(PoorSide(angle_deg, float(along[int(share * along.size)]), share) for share in SHARES)


def _likelihood(inside: int, total: int, share: float) -> float:
    """Logarithm of the likelihood of two densities over that of one; 0 where the side is not poorer."""
    expected = total * share
    if inside >= expected:
        return 0.0
    outside = total - inside
    poor = inside * math.log(inside / expected) if inside else 0.0
    return poor + outside * math.log(outside / (total - expected))


def _measured(side: PoorSide, x: NDArray[np.floating], y: NDArray[np.floating]) -> PoorSide | None:
    """The side with its density over that elsewhere; ``None`` where chance or the middle may have left it so poor."""
    inside, worst = int(side.holds(x, y).sum()), 0.0
    for count, area in (_poorest_third(side, x, y), _opposite(side, x, y)):
        ratio = (inside / side.share) / max(count / area, 1e-9)
        if ratio > FEWER or chance_of_at_most(inside, inside + count, side.share / (side.share + area)) > CHANCE:
            return None
        worst = max(worst, ratio)
    return replace(side, star_ratio=worst)


def _opposite(side: PoorSide, x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[int, float]:
    """(stars, share of the field) of the rest that lies opposite the poor side through the middle."""
    axis = (np.arange(GRID) + 0.5) / GRID - 0.5
    grid_x, grid_y = (each.ravel() for each in np.meshgrid(axis, axis))

    def there(some_x: NDArray[np.floating], some_y: NDArray[np.floating]) -> NDArray[np.bool_]:
        return np.asarray(side.holds(-some_x, -some_y) & ~side.holds(some_x, some_y))

    return int(there(x, y).sum()), max(float(there(grid_x, grid_y).mean()), 1e-3)


def _poorest_third(side: PoorSide, x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[int, float]:
    """(stars, share of the field) of the poorest of three strips of the rest, side by side along the border.

    No stars where the strips are so unlike that a cluster must lie in one of them.
    """
    angle = math.radians(side.angle_deg)
    axis = (np.arange(GRID) + 0.5) / GRID - 0.5
    grid_x, grid_y = (each.ravel() for each in np.meshgrid(axis, axis))

    def across(some_x: NDArray[np.floating], some_y: NDArray[np.floating]) -> NDArray[np.floating]:
        rich = ~side.holds(some_x, some_y)
        return np.asarray(some_y[rich] * math.cos(angle) - some_x[rich] * math.sin(angle))

    field, stars = across(grid_x, grid_y), across(x, y)
    edges = np.quantile(field, (1.0 / 3.0, 2.0 / 3.0))
    thirds = np.bincount(np.searchsorted(edges, stars), minlength=3)
    count = 0 if thirds.max() > UNEVEN * thirds.min() else int(thirds.min())
    return count, (1.0 - side.share) / 3.0
