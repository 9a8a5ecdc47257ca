"""Many peaks on one bright image: noise has several on the ring of a planetary nebula, or on any plateau of light."""

import numpy as np
from numpy.typing import NDArray

from nebulift.stars.moments import half_maximum_masks
from nebulift.stars.stamps import less_sky, map_stamps

MIN_OTHERS = 2  # peaks in one image besides its own: a pair of stars is not rare
HALF, ASKED_PEAKS = 12, 600  # half side of the cut-outs in pixels of the map; the brightest peaks, which are looked at


def further_peaks(level_map: NDArray[np.int16], x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which peaks of a map, brightest first, lie in the image of a brighter one with many: they are no more stars."""
    found = np.zeros(len(x), dtype=bool)
    x, y = x[:ASKED_PEAKS], y[:ASKED_PEAKS]
    near = (np.abs(x[:, None] - x) <= HALF) & (np.abs(y[:, None] - y) <= HALF)
    close = np.flatnonzero(np.count_nonzero(near, axis=1) > MIN_OTHERS)
    if len(close):
        x, y = x[close], y[close]
        shared, brightest = of_one_image(map_stamps(level_map, x, y, HALF), x, y)
        found[close] = shared & ~brightest
    return found


def of_one_image(
    stamps: NDArray[np.float32], x: NDArray[np.floating], y: NDArray[np.floating]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(which peaks have several others within the area above half of their own height: stars so close would show as
    one; which of these is the brightest of its image), shape (n,) each.

    ``stamps``: cut-outs about the peaks (n, k, k), brightest first; ``x``, ``y``: pixels of the same map.
    """
    half = stamps.shape[1] // 2
    right, down = (np.rint(place).astype(np.intp) for place in (x, y))
    columns, rows = right[None] - right[:, None] + half, down[None] - down[:, None] + half
    near = (np.abs(columns - half) <= half) & (np.abs(rows - half) <= half)
    found, named = np.zeros(len(stamps), dtype=bool), np.zeros(len(stamps), dtype=bool)
    brightest = found.copy()
    few = np.flatnonzero(np.count_nonzero(near, axis=1) > MIN_OTHERS)
    for number, mask in zip(few, half_maximum_masks(np.nan_to_num(less_sky(stamps[few]))), strict=True):
        others = np.flatnonzero(near[number])
        inside = others[mask[rows[number, others], columns[number, others]]]
        found[number] = len(inside) > MIN_OTHERS
        if found[number]:
            brightest[number] = not named[number]
            named[inside] = True
    return found, brightest & found
