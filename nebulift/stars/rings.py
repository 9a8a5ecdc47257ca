"""Images of stars out of focus behind a central obstruction: rings, darker in the middle."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA

DONUT_DIP = 0.15  # the middle is darker than the ring by this share; seeing fills holes that are smaller
DONUT_REACH = 1.2  # of the width: from a peak on the ring its far side is one width away
DONUT_SPREAD = 0.3  # rings of one frame differ by so little in width

MIN_POOLED = 5  # images whose median is looked at
MIDDLE_BLUR = 0.35  # of the width: so much blurred a ring is highest in its middle
MIDDLE_REACH = 0.8  # of the width: a peak lies on the ring, its middle not farther off
SECTORS, EVEN_SHARE = 8, 0.4  # of a ring: its faintest eighth over its brightest; of two images beside each other none
SMALLEST_RING = 2  # pixels of radius: a smaller one has no eighths
MEMBER = 0.4  # correlation of an image with the median of all: noise and neighbours take their part


def donuts(stamps: NDArray[np.float32], fwhm: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """(which images are darker in the middle than in a ring around it, outer width at half of the ring's height)."""
    n, side, _ = stamps.shape
    half = side // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    # the middle of a ring is the centroid of all its light, not its brightest pixel; what lies farther is a neighbour
    own = np.where(np.hypot(x, y) <= DONUT_REACH * fwhm, stamps, 0.0)
    flux = np.where(own > 0.3 * np.quantile(own.reshape(n, -1), 0.98, axis=1)[:, None, None], own, 0.0)
    total = np.maximum(flux.sum(axis=(1, 2)), np.finfo(np.float32).tiny)
    x0, y0 = (flux * x).sum(axis=(1, 2)) / total, (flux * y).sum(axis=(1, 2)) / total
    return _dark_in_the_middle(_profiles(stamps, _radius_from(x0, y0, half)), fwhm)


def _radius_from(x: NDArray[np.float64], y: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    """Distance of every pixel of cut-outs from (x, y), shape (n, k, k)."""
    reach = np.arange(-half, half + 1, dtype=np.float64)
    return np.asarray(np.hypot((reach - x[:, None])[:, None, :], (reach - y[:, None])[:, :, None]))


def _profiles(stamps: NDArray[np.float32], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean height 0, 1, 2 ... pixels from the middle, shape (n, half)."""
    return np.stack([_ring_mean(stamps, radius, r) for r in np.arange(stamps.shape[1] // 2)], axis=1)


def _dark_in_the_middle(profile: NDArray[np.float64], fwhm: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """(which profiles are of rings, their outer width at half of the ring's height)."""
    half = profile.shape[1]
    ring = profile.max(axis=1)
    middle = profile[:, 0]
    outside = profile < 0.5 * ring[:, None]
    outside[np.arange(half) <= profile.argmax(axis=1)[:, None]] = False
    width = 2.0 * np.where(outside.any(axis=1), _crossing(profile, 0.5 * ring, outside.argmax(axis=1)), half)
    dark = (ring - middle) > DONUT_DIP * ring
    return dark & (ring > 3 * UNITS_PER_SIGMA) & (width > 4.0) & (fwhm > 2.0), width


def pooled_rings(stamps: NDArray[np.float32], fwhm: float) -> tuple[NDArray[np.bool_], float]:
    """(which images are like the median of all, where that is a ring; its width, 0 where it is none).

    Where rings overlap each other, as in rich fields, hardly one is dark in the middle and even all around; what lies
    over one of them does not lie over the next. Cut-outs as for ``donuts``.
    """
    nothing = np.zeros(len(stamps), dtype=bool)
    half = stamps.shape[1] // 2
    reach = min(int(np.ceil(MIDDLE_REACH * fwhm)), half - 2)
    inner = half - reach - 1
    if len(stamps) < MIN_POOLED or inner < 0.7 * fwhm:
        return nothing, 0.0
    x, y = _middles(stamps, fwhm, reach)
    radius = _radius_from(x, y, half)
    light = np.maximum(_ring_mean(stamps, radius, 0.0, 0.6 * fwhm), np.finfo(np.float32).tiny)
    profile = np.median(_profiles(stamps, radius) / light[:, None], axis=0)[None] * np.median(light)
    is_ring, width = _dark_in_the_middle(profile, fwhm)
    if not is_ring[0]:
        return nothing, 0.0
    centred = np.stack([_cut(*one, inner) for one in zip(stamps, np.rint(x), np.rint(y), strict=True)])
    pooled = np.median(centred / light[:, None, None], axis=0)
    near = _radius_from(np.zeros(1), np.zeros(1), inner)[0]
    if not _is_even(pooled, near, int(profile[0].argmax())):
        return nothing, 0.0
    disc = near <= 0.75 * fwhm
    one, all_of = pooled[disc] - pooled[disc].mean(), centred[:, disc] - centred[:, disc].mean(axis=1, keepdims=True)
    like = all_of @ one / np.maximum(np.linalg.norm(all_of, axis=1) * np.linalg.norm(one), 1e-9)
    return np.asarray(like > MEMBER), float(width[0])


def _middles(stamps: NDArray[np.float32], fwhm: float, reach: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each image, much blurred, is highest within ``reach`` pixels of its cut-out's middle."""
    half = stamps.shape[1] // 2
    places = np.zeros((2, len(stamps)))
    for number, stamp in enumerate(stamps):
        blurred = cv2.GaussianBlur(stamp, (0, 0), max(MIDDLE_BLUR * fwhm, 0.5), borderType=cv2.BORDER_REPLICATE)
        near = blurred[half - reach : half + reach + 1, half - reach : half + reach + 1]
        row, column = (int(at) + half - reach for at in np.unravel_index(int(near.argmax()), near.shape))
        along, down = blurred[row, column - 1 : column + 2], blurred[row - 1 : row + 2, column]
        places[:, number] = column - half + _vertex(along), row - half + _vertex(down)
    return places[0], places[1]


def _vertex(three: NDArray[np.float32]) -> float:
    """Where the parabola through three heights is highest, -0.5 to 0.5 from the middle one."""
    before, at, after = (float(height) for height in three)
    bend = 2.0 * at - before - after
    return float(np.clip((after - before) / (2.0 * bend), -0.5, 0.5)) if bend > 0.0 else 0.0


def _cut(stamp: NDArray[np.float32], x: float, y: float, inner: int) -> NDArray[np.float32]:
    row, column = stamp.shape[0] // 2 + int(y), stamp.shape[1] // 2 + int(x)
    return stamp[row - inner : row + inner + 1, column - inner : column + inner + 1]


def _is_even(image: NDArray[np.floating], radius: NDArray[np.float64], at: int) -> bool:
    """Whether the ring of radius ``at`` about the middle is one all around."""
    if at < SMALLEST_RING:
        return False
    half = image.shape[0] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    on_ring = np.abs(radius - at) <= 1.0
    sector = ((np.arctan2(y, x) / (2.0 * np.pi) + 0.5) * SECTORS).astype(np.intp).clip(0, SECTORS - 1)
    parts = [float(image[on_ring & (sector == number)].mean()) for number in range(SECTORS)]
    return min(parts) >= EVEN_SHARE * max(parts)


def _crossing(profile: NDArray[np.float64], level: NDArray[np.float64], after: NDArray[np.intp]) -> NDArray[np.float64]:
    """Radius at which each profile falls to ``level``, linear between its first point ``after`` and the one before."""
    rows = np.arange(len(profile))
    before = np.maximum(after - 1, 0)
    high, low = profile[rows, before], profile[rows, after]
    share = (high - level) / np.where(high > low, high - low, 1.0)
    return np.asarray(before + np.clip(share, 0.0, 1.0))


def alike(width: NDArray[np.float64], is_donut: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True where a ring is as wide as the frame's other rings: defocus makes all alike, clouds and nebulae do not."""
    typical = float(np.median(width[is_donut])) if is_donut.any() else 0.0
    near = np.abs(width - typical) <= DONUT_SPREAD * typical
    return near if (near & is_donut).sum() >= 0.6 * is_donut.sum() else np.zeros_like(near)


def _ring_mean(
    stamps: NDArray[np.float32], radius: NDArray[np.float64], r: float, reach: float = 0.75
) -> NDArray[np.float64]:
    inside = np.abs(radius - r) <= reach
    return np.asarray((stamps * inside).sum(axis=(1, 2)) / np.maximum(inside.sum(axis=(1, 2)), 1))
