"""Which peaks of a map are as narrow as stars and stand out of their own surroundings: knots of nebulae do not.

Every peak is compared with normal profiles of several widths over a sloping sky (least squares). A star is matched best
by a narrow one, whose height stands above what is left around it; a knot is matched best by a wide one, and noise on
the side of something bright stands only a little above that.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nebulift.scan import MAD_TO_SIGMA, UNITS_PER_SIGMA
from nebulift.stars.peaks import Peaks
from nebulift.stars.stamps import map_stamps

# Standard deviations of the profiles in map pixels. The scale of detection is chosen so that star images, the pixels of
# the map included, are 0.6 to 1.3 wide; what fits a profile of half as much again better than any of these is no star.
STAR_WIDTHS = (0.55, 0.75, 1.0, 1.45)
KNOT_WIDTHS = (2.1, 2.9, 4.0)
REACH, NEAR = 8, 4  # half sides of the cut-outs, in map pixels: far, for the widest; near, where neighbours are many
PLACES = ((0.0, 0.0), (0.4, 0.0), (-0.4, 0.0), (0.0, 0.4), (0.0, -0.4),
          (0.35, 0.35), (-0.35, 0.35), (0.35, -0.35), (-0.35, -0.35))  # fmt: skip
SURE_SNR = 40.0  # what is brighter is a star; a ring or a burnt one may be wider than its cut-out
SCATTER_STEP = 2  # half of the pixels tell it well enough
STANDING_SIGMA = 5.3  # above the slope through 17 x 17 pixels: noise reaches it 0.03 times a megapixel
NEAR_SIGMA = 4.9  # above the level of 9 x 9, where a star itself is part of the level
REST_SHARE = 0.95  # of the scatter around a star on an empty sky is more than 1 by less in nine of ten cases
# A profile as wide as the widest is a star's where nothing else is around it, or where a good part of the bright ones
# are as wide.
CALM = 1.15
SURE_HEIGHT, MIN_SURE, WIDE_SHARE = 12.0, 5, 0.2
CROWDED_SHARE = 1.0 / 250.0  # peaks a map pixel: in such crowds neighbours look like knots, and nebulae hardly matter


def standing(level_map: NDArray[np.int16], peaks: Peaks, first: int) -> NDArray[np.bool_]:
    """Which of the first peaks stand, shape (first,). ``level_map``: in sixteenths of its own noise.

    Those so bright that nothing else makes them do, whatever their form.
    """
    n = min(len(peaks.x), first)
    stand = peaks.snr[:n] > SURE_SNR
    tested = np.flatnonzero(~stand)
    is_crowd = len(peaks.x) > CROWDED_SHARE * level_map.size
    cuts = map_stamps(level_map, peaks.x[tested], peaks.y[tested], REACH)
    cuts *= np.float32(1.0 / UNITS_PER_SIGMA)
    cuts[np.isnan(cuts)] = 0.0
    stand[tested] = _stand(cuts, is_crowd=is_crowd)
    return np.asarray(stand)


def _stand(cuts: NDArray[np.float32], *, is_crowd: bool) -> NDArray[np.bool_]:
    """Which cut-outs, in noise of one pixel, have a star in their middle."""
    n = len(cuts)
    near = cuts[:, REACH - NEAR : REACH + NEAR + 1, REACH - NEAR : REACH + NEAR + 1].reshape(n, (2 * NEAR + 1) ** 2)
    near_height = (near @ _profiles(NEAR)[0]).max(axis=1)
    if is_crowd:
        return np.asarray(near_height > NEAR_SIGMA)
    far = cuts.reshape(n, (2 * REACH + 1) ** 2)
    narrow, wide, sky = _profiles(REACH)
    heights = far @ narrow
    best = heights.argmax(axis=1)
    height = heights[np.arange(n), best]
    few = slice(None, None, SCATTER_STEP)
    rest = np.abs(far[:, few] - (far @ sky) @ sky[few].T - height[:, None] * narrow.T[:, few][best])
    half = rest.shape[1] // 2
    scatter = np.maximum(REST_SHARE * MAD_TO_SIGMA * np.partition(rest, half, axis=1)[:, half], 1.0)
    stands = (height > (far @ wide).max(axis=1)) & (height > STANDING_SIGMA * scatter)
    stands &= near_height > NEAR_SIGMA * scatter
    widest = best >= (len(STAR_WIDTHS) - 1) * len(PLACES)
    sure = stands & (height > SURE_HEIGHT * scatter) & (scatter < CALM)
    if sure.sum() < MIN_SURE or widest[sure].mean() < WIDE_SHARE:
        stands &= ~widest | (scatter < CALM)
    return np.asarray(stands)


@lru_cache(maxsize=2)
def _profiles(half: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """(star profiles, wide profiles, the sky they are free of): unit columns over the pixels of a cut-out.

    The sky of the far cut-outs has a slope, that of the near ones only a level.
    """
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    terms = np.stack([np.ones_like(x), x, y] if half == REACH else [np.ones_like(x)]).reshape(-1, x.size)
    sky = np.linalg.qr(terms.T)[0]
    stars = [_profile(x - dx, y - dy, width, sky) for width in STAR_WIDTHS for dx, dy in PLACES]
    knots = [_profile(x, y, width, sky) for width in KNOT_WIDTHS]
    return (
        np.stack(stars, axis=1).astype(np.float32),
        np.stack(knots, axis=1).astype(np.float32),
        sky.astype(np.float32),
    )


def _profile(
    x: NDArray[np.float64], y: NDArray[np.float64], width: float, sky: NDArray[np.float64]
) -> NDArray[np.float64]:
    free = np.exp(-(x * x + y * y) / (2.0 * width**2)).ravel()
    free -= sky @ (sky.T @ free)
    return np.asarray(free / np.linalg.norm(free))
