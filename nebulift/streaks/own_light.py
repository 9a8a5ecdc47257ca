"""The light of a trail that was taken for stars and patches: where they stand along one line, they are pieces of it.

A trail whose ridge is two or three times as high as the noise has peaks all along it, which look like stars; covered,
they hide the trail that they are.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nebulift.components import components
from nebulift.stars import StarList
from nebulift.streaks.band import Ends
from nebulift.streaks.star_cover import Patches

REACH_FWHM, LEAST_REACH_PX = 0.75, 3.0  # of stars from the line; a candidate is known to a pixel or two of its map
BESIDE_FROM, BESIDE_TO = 3.0, 15.0  # times that: stars so far from it tell how many chance puts on it
MIN_PIECES, EXCESS_SIGMA = 5, 4.5
CELLS_BESIDE = (-8, -7, -6, -5, -4, -3, 3, 4, 5, 6, 7, 8)  # lines beside it, in cells, that tell the same of patches
CELLS_EXCESS = 2.5
ALIKE = 3.0  # times the median S/N of those on the line: a brighter one is a star that the trail happens to cross


def without_own_light(
    lines: Sequence[Ends], stars: StarList, patches: Patches, fwhm_px: float, cell_px: int, *, sharp: bool
) -> tuple[StarList, Patches] | None:
    """(stars with the pieces of these lines as ``line_like``, patches without those on them); ``None``: there are none.

    ``lines``: ends (x0, y0, x1, y1) in raw pixels; ``fwhm_px`` of the stars, 0 where it is not known; ``cell_px``: raw
    pixels a side of a cell of the patches. ``sharp``: the lines are; then patches alone may tell of one, while those
    along a wide line may be what is left of an arc or a nebula.
    """
    pieces, cells = np.zeros(len(stars.x_px), dtype=bool), np.zeros(patches.thin.shape, dtype=bool)
    for line in lines:
        on_line = _stars_on(line, stars, max(REACH_FWHM * fwhm_px, LEAST_REACH_PX))
        pieces |= on_line
        cells |= _patches_on(line, patches.thin, cell_px, known=bool(on_line.any()), sharp=sharp)
    if not pieces.any() and not cells.any():
        return None
    return replace(stars, line_like=stars.line_like | pieces), replace(patches, thin=patches.thin & ~cells)


def _stars_on(line: Ends, stars: StarList, reach_px: float) -> NDArray[np.bool_]:
    """The stars on the line, where they are far more than chance puts there, without the brightest."""
    x0, y0, x1, y1 = line
    length = float(np.hypot(x1 - x0, y1 - y0))
    cos, sin = (x1 - x0) / length, (y1 - y0) / length
    along = (stars.x_px - x0) * cos + (stars.y_px - y0) * sin
    across = np.abs((stars.x_px - x0) * sin - (stars.y_px - y0) * cos)
    within = (along > 0.0) & (along < length)
    on_line = across < reach_px
    beside = within & (across > BESIDE_FROM * reach_px) & (across < BESIDE_TO * reach_px)
    expected = np.count_nonzero(beside) / (BESIDE_TO - BESIDE_FROM)
    count = np.count_nonzero(on_line & within)
    if count < MIN_PIECES or count < expected + EXCESS_SIGMA * (expected + 1.0) ** 0.5:
        return np.zeros(len(along), dtype=bool)
    return np.asarray(on_line & (stars.snr < ALIKE * np.median(stars.snr[on_line & within])))


def _patches_on(line: Ends, thin: NDArray[np.bool_], cell_px: int, *, known: bool, sharp: bool) -> NDArray[np.bool_]:
    """The thin patches that the line runs through, if stars along it tell already that it is there (``known``), or, of
    a sharp one, where they cover more of it than of any line beside it.
    """
    nothing = np.zeros(thin.shape, dtype=bool)
    if not known and not sharp:
        return nothing
    x0, y0, x1, y1 = ((one + 0.5) / cell_px - 0.5 for one in line)
    length = float(np.hypot(x1 - x0, y1 - y0))
    steps = np.linspace(0.0, 1.0, max(int(length), 1) + 1)
    apart = np.array([0, *CELLS_BESIDE])[:, None]
    columns = np.rint(x0 + steps * (x1 - x0) - apart * (y1 - y0) / length).astype(np.intp).clip(0, thin.shape[1] - 1)
    rows = np.rint(y0 + steps * (y1 - y0) + apart * (x1 - x0) / length).astype(np.intp).clip(0, thin.shape[0] - 1)
    on_line, *beside = np.count_nonzero(thin[rows, columns], axis=1).tolist()
    if not known and (on_line < MIN_PIECES or on_line <= max(*beside, CELLS_EXCESS * np.mean(beside))):
        return nothing
    labels, _, _ = components(thin)
    touched = np.unique(labels[rows[0], columns[0]])
    return np.asarray(thin & np.isin(labels, touched[touched > 0]))
