"""The noise of sums beside a trail: it has to stand out of its surroundings."""

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.band import HALF_PX, Ends, gather
from nebulift.streaks.matched import beside_px, matched

CONTROL_LINES = 8


def control_noise(
    flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, trail: Ends, sigma: float
) -> float:
    """Scatter of the same sum on parallel lines of the same length beside the trail, at least 1.

    Nebulae, banding and residues of the background make it more: a trail has to stand out of its surroundings.
    """
    x0, y0, x1, y1 = trail
    length = np.hypot(x1 - x0, y1 - y0)
    across_x, across_y = -(y1 - y0) / length, (x1 - x0) / length
    found: list[float] = []
    for step in range(1, CONTROL_LINES // 2 + 1):
        for side in (-1.0, 1.0):
            apart = side * step * (HALF_PX + 8.0 * sigma)
            moved = (x0 + apart * across_x, y0 + apart * across_y, x1 + apart * across_x, y1 + apart * across_y)
            if not _mostly_inside(moved, flat.shape):
                continue
            sums = matched(gather(flat, covered, covered_scale, moved, half_px=beside_px(sigma)), sigma)
            if sums.variance.sum() > 0.0:
                found.append(sums.snr())
    if len(found) < 3:
        return 1.0
    # a root mean square without the greatest of them: one may lie on a second trail
    kept = np.sort(np.abs(found))[:-1]
    return max(1.0, float(np.sqrt(np.mean(kept**2))))


def _mostly_inside(ends: Ends, shape: tuple[int, int]) -> bool:
    x, y = np.linspace(ends[0], ends[2], 9), np.linspace(ends[1], ends[3], 9)
    return bool(((x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])).mean() > 0.7)
