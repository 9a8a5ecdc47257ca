"""Shapes of images by their second moments: of trails and rings, which have no core to fit."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

FWHM_PER_SIGMA = 2.0 * (2.0 * np.log(2.0)) ** 0.5  # 2.3548 of a normal profile


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """One row a star, all float64, shape (n,); NaN where that star could not be measured."""

    x: NDArray[np.float64]  # centroid relative to the middle pixel
    y: NDArray[np.float64]
    fwhm: NDArray[np.float64]  # geometric mean of both axes, in pixels of the cut-out
    elongation: NDArray[np.float64]  # major / minor axis
    angle_deg: NDArray[np.float64]  # 0..180 from x towards y
    ellipticity_variance: NDArray[np.float64]  # noise's share in the square of either ellipticity component


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Centre and second moments of images, shape (n,) each."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    xx: NDArray[np.float64]
    yy: NDArray[np.float64]
    xy: NDArray[np.float64]


def from_moments(m: Moments, ellipticity_variance: NDArray[np.float64] | None = None) -> Shapes:
    """Shapes of Gaussians with these centres and second moments."""
    with np.errstate(invalid="ignore"):
        mean, half_difference = (m.xx + m.yy) / 2.0, np.hypot((m.xx - m.yy) / 2.0, m.xy)
        major, minor = np.sqrt(mean + half_difference), np.sqrt(mean - half_difference)
        angle = np.degrees(0.5 * np.arctan2(2.0 * m.xy, m.xx - m.yy)) % 180.0
        noise = np.zeros_like(m.x) if ellipticity_variance is None else ellipticity_variance
        return Shapes(m.x, m.y, FWHM_PER_SIGMA * np.sqrt(major * minor), major / minor, angle, noise)


def moments(stamps: NDArray[np.float32], connected: NDArray[np.bool_]) -> Shapes:
    """Flux-weighted second moments over the pixels in ``connected`` (n, k, k) of background-free cut-outs.

    What noise adds to them is not known: ``ellipticity_variance`` is 0.
    """
    half = stamps.shape[1] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    powers = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y]).reshape(6, -1)
    flux = np.where(connected, np.nan_to_num(stamps), 0.0).clip(min=0.0).reshape(len(stamps), x.size)
    total, sx, sy, sxx, syy, sxy = (flux.astype(np.float64) @ powers.T).T
    with np.errstate(invalid="ignore", divide="ignore"):
        x0, y0 = sx / total, sy / total
        # a pixel is not a point: one pixel alone has the variance 1/12 of its own width
        xx, yy = sxx / total - x0**2 + 1 / 12, syy / total - y0**2 + 1 / 12
        return from_moments(Moments(x0, y0, xx, yy, sxy / total - x0 * y0))


def half_maximum_masks(stamps: NDArray[np.float32]) -> NDArray[np.bool_]:
    """For each cut-out the pixels above half of its middle's height that hang together with the middle.

    The middle is the brightest of the 3 x 3 pixels there: the very middle of a ring may be its hole.
    """
    half = stamps.shape[1] // 2
    smooth = np.stack([cv2.GaussianBlur(stamp, (3, 3), 0.85) for stamp in stamps]) if len(stamps) else stamps
    middle = smooth[:, half - 1 : half + 2, half - 1 : half + 2].reshape(len(stamps), 9)
    above = (smooth > 0.5 * middle.max(axis=1)[:, None, None]).astype(np.uint8)
    rows, columns = np.divmod(middle.argmax(axis=1), 3)
    masks = np.zeros(stamps.shape, dtype=bool)
    for mask, binary, row, column in zip(masks, above, rows, columns, strict=True):
        _, labels = cv2.connectedComponents(binary, connectivity=4)
        own = labels[half - 1 + row, half - 1 + column]
        mask[:] = labels == own if own else False
    return masks


def half_maximum_shapes(stamps: NDArray[np.float32]) -> Shapes:
    """Shapes of the area above half maximum of cut-outs less their sky; ``fwhm`` is the diameter of as large a disc."""
    masks = half_maximum_masks(stamps)
    return replace(moments(stamps, masks), fwhm=2.0 * np.sqrt(masks.sum(axis=(1, 2)) / np.pi))
