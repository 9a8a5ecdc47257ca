"""From which side of the field something comes in: what the witnesses of a covered part agree on. Pure."""

import math

import numpy as np
from numpy.typing import NDArray

from nebulift.session.edge import Edge
from nebulift.session.glimpse import COLUMNS, ROWS
from nebulift.session.sky_change import SkyChange
from nebulift.session.star_light import EXTINCT_COLUMNS, EXTINCT_ROWS, Extinct, Fading

ASIDE = 0.12  # of the field, from its middle: a patch over half of it has its middle a quarter aside


def side_of(edge: Edge | None, extinct: Extinct | None, sky: SkyChange | None, faded: Fading | None) -> float | None:
    """The angle from the middle of the field towards the covered part, from x towards y; ``None``: none, or all around.

    An edge of stars knows it best, then cells of stars, then the patches of the sky, then a plane.
    """
    if edge is not None:
        return edge.angle_deg
    if extinct is not None and extinct.cells:
        rows, columns = np.array(extinct.cells).T
        return _towards(rows, columns, (EXTINCT_ROWS, EXTINCT_COLUMNS))
    if sky is not None and sky.patches.any():
        rows, columns = np.nonzero(sky.patches)
        return _towards(rows, columns, (ROWS, COLUMNS))
    return faded.towards_deg if faded is not None and faded.share > 0.0 else None


def _towards(rows: NDArray[np.intp], columns: NDArray[np.intp], grid: tuple[int, int]) -> float | None:
    y, x = float(rows.mean()) / (grid[0] - 1) - 0.5, float(columns.mean()) / (grid[1] - 1) - 0.5
    return math.degrees(math.atan2(y, x)) if math.hypot(x, y) > ASIDE else None
