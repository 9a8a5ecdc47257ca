"""A side of the field that something stands before: darker than the opposite side, less noisy, and poorer in stars.

Compared with what lies opposite through the middle of the frame, so that vignetting, of whatever depth, does not count.
How much of the light is missing the noise tells without any knowledge of bias: photon noise goes with the root of the
light (Janesick 1985, photon transfer), so the loss of variance is a lower bound of the loss of light. A gradient of the
sky has no fewer stars on its dark side, a dark nebula darkens the sky by next to nothing.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.cells import borders_touched, largest_region
from nebulift.sky import Background

MIN_CELLS = 6
EDGE_SHARE = 0.3  # of the greatest difference from the opposite side: what belongs to the shade
MIN_SHARE, MAX_SHARE = 0.03, 0.5
MIN_LOSS = 0.3  # of the light; skies over towns differ by less from side to side of most fields
MIN_STEP_NOISES = 4.0  # in noise of one map pixel
PLATEAU = 0.6  # of the way from the shade to the side opposite: where the middle lies at least; below, that side glows,
WIDE_SHARE = 0.3  # or the shade reaches beyond the middle,
BEYOND = 0.25  # where the middle is hardly brighter than the shade
CERTAIN = 1e-4  # chance of so few stars in the shade
PLAIN_LOSS = 0.5  # without stars: half of the light, and two levels with a step between (Otsu; a ramp has 0.75)
PLAIN_LEVELS = 0.77
SHARP_LEVELS = 0.92  # where the shade reaches beyond the middle and the bright side might be a glow: a sharper step


@dataclass(frozen=True, slots=True, eq=False)
class Shade:
    """``cells``: mask over the background's mesh."""

    cells: NDArray[np.bool_]
    opposite: NDArray[np.bool_]
    step_noises: float  # level in the shade less that opposite, in noise of one map pixel
    light_loss: float  # share of the light, at least
    has_plateau: bool  # the middle of the frame is nearly as bright as the side opposite
    is_beyond: bool = False  # the middle is nearly as dark as the shade, which covers most of the frame


def shaded_side(background: Background) -> Shade | None:
    """The side of the frame that is in the shade, by the background alone; ``None`` without one."""
    level = background.level
    if min(level.shape) < MIN_CELLS:
        return None
    opposite = level[::-1, ::-1]
    difference = cv2.blur(level - opposite, (3, 3))
    deepest = float(-difference.min())
    if deepest < MIN_STEP_NOISES:
        return None
    dark = largest_region(difference < -EDGE_SHARE * deepest)
    mirrored = dark[::-1, ::-1]
    if not MIN_SHARE < float(dark.mean()) <= MAX_SHARE or borders_touched(dark) not in (1, 2, 3):
        return None
    variance = background.noise.astype(np.float64) ** 2
    loss = 1.0 - float(np.median(variance[dark])) / max(float(np.median(variance[mirrored])), 1e-6)
    low, high = float(np.median(level[dark])), float(np.median(level[mirrored]))
    middle = (_middle(level) - low) / max(high - low, 1e-6)
    is_wide = middle >= PLATEAU or float(dark.mean()) >= WIDE_SHARE
    if loss < MIN_LOSS or high - low < MIN_STEP_NOISES or not (is_wide or middle <= BEYOND):
        return None
    return Shade(dark, mirrored, low - high, loss, middle >= PLATEAU, not is_wide)


def proof_of_shade(shade: Shade, inside: int, opposite: int, two_levels: float) -> str | None:
    """``stars`` when the shade has fewer than chance leaves it, ``sky`` when only its edge speaks, ``None``: neither.

    ``inside``, ``opposite``: stars in it and in the part of the frame opposite; ``two_levels``: share of the variance
    of the sky between two levels.
    """
    # what is bright beside a dark rest may be the glow of an amplifier, and full of what looks like stars
    if not shade.is_beyond and fewer_stars(inside, opposite) < CERTAIN:
        return "stars"
    levels = PLAIN_LEVELS if shade.has_plateau else SHARP_LEVELS
    plain = shade.light_loss >= PLAIN_LOSS and two_levels >= levels
    return "sky" if plain and inside <= opposite else None


def _middle(level: NDArray[np.float32]) -> float:
    rows, columns = level.shape
    return float(np.median(level[rows // 3 : -(rows // 3), columns // 3 : -(columns // 3)]))


def fewer_stars(inside: int, opposite: int) -> float:
    """Probability that of two equal parts one has so few stars by chance, given how many are in both (binomial)."""
    total = inside + opposite
    logs = [math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) for k in range(inside + 1)]
    return min(sum(math.exp(log - total * math.log(2.0)) for log in logs), 1.0)
