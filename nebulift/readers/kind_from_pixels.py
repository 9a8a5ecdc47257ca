"""What was exposed, from the pixels alone: asked only where neither header nor name says anything.

A calibration frame that is taken for a light costs one look in the review; a light that is taken for a calibration
frame is never judged at all. So every doubt ends in ``None``, which leaves the frame a light.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.exposure import FrameKind
from nebulift.frame import Pixels

STRIPS = 16  # spread over the frame: a star-poor field still shows some
STRIP_ROWS = 32
BLOCK_BINS = 64  # width of the blocks whose medians show gradients, in 2 x 2 bins
MAD_TO_SIGMA = 1.4826  # of a Gaussian
SOURCE_SIGMA = 6.0  # height of a source in bins; noise reaches it once in 10^9
WING_SIGMA = 3.0  # a star's light is also in the bins beside it, a hot pixel's is not
WING_SHARE = 0.05  # of the peak; beside a very hot pixel lies only noise
MIN_WINGS = 3  # of the 8 neighbours; hot pixels of a bad column have 2
ASIDE_BINS = 6  # so far to the left and right lies the background: gradients do not count
STARS_FOR_LIGHT = 5
STRAY_SOURCES = 0  # one chance group of hot pixels makes the frame a doubtful one: a light
CELLS = 4  # by 4 cells of the frame, whose clipped means show how evenly it is lit
CLIP_SIGMA = 3.0
DARK_FLATNESS_SIGMA = 0.05  # range of the cells; noise of 6 MP alone gives 0.02, 1 % vignetting of 10 e- of sky 0.06
BIAS_FLATNESS_SIGMA = 1.0  # so short an exposure sees no sky; sensors have gradients of their own
BIAS_LONGEST_S = 0.01
FLAT_LONGEST_S = 5.0  # no overcast sky fills a fifth of the range so soon, unlike in a long exposure
FLAT_LOWEST, FLAT_HIGHEST = 0.2, 0.9  # of the range of the numbers
FLAT_NOISE = 0.02  # of the level: shot noise of more than 2500 electrons
FLAT_STEP = 0.04  # between neighbouring blocks; vignetting of 20 % has 0.03, clouds and horizons are steeper


@dataclass(frozen=True, slots=True)
class Look:
    """What a few strips of the frame show; levels are fractions of the range of the numbers."""

    sources: int  # wider than a pixel
    flatness_sigma: float  # range of the cells' clipped means, in units of the noise of a 2 x 2 bin
    noise_adu: float  # of a 2 x 2 bin
    level: float
    noise: float  # over the level
    largest_step: float  # between neighbouring blocks, over the level


def kind_from_pixels(pixels: Pixels, exposure_s: float | None) -> FrameKind | None:
    """LIGHT where stars are seen, DARK or BIAS where no light arrived, FLAT where it is bright, smooth and short.

    ``None`` when in doubt: overcast skies, covers that leak light, darks with amplifier glow or cosmic rays. Reads an
    eighth of a large frame, all of it before it is called a calibration frame. Pixels that are not finite count as
    the level of their strip.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near the end of float32 end in "in doubt"
        look = look_at(pixels)
    if look is None:
        return None
    kind = kind_of_look(look, exposure_s)
    if kind in (None, FrameKind.LIGHT):
        return kind
    return kind if count_sources(_binned_strips(pixels, everything=True), look.noise_adu) <= STRAY_SOURCES else None


def kind_of_look(look: Look, exposure_s: float | None) -> FrameKind | None:
    """The decision of ``kind_from_pixels``."""
    if look.sources >= STARS_FOR_LIGHT:
        return FrameKind.LIGHT
    if look.sources > STRAY_SOURCES:
        return None
    if look.level < FLAT_LOWEST:
        if exposure_s is not None and exposure_s <= BIAS_LONGEST_S:
            return FrameKind.BIAS if look.flatness_sigma <= BIAS_FLATNESS_SIGMA else None
        return FrameKind.DARK if look.flatness_sigma <= DARK_FLATNESS_SIGMA else None
    smooth = look.noise <= FLAT_NOISE and look.largest_step <= FLAT_STEP
    short = exposure_s is not None and 0.0 < exposure_s <= FLAT_LONGEST_S
    return FrameKind.FLAT if look.level <= FLAT_HIGHEST and smooth and short else None


def look_at(pixels: Pixels) -> Look | None:
    """What the sampled strips show; ``None`` when they have no noise to measure by."""
    strips = list(_binned_strips(pixels))
    medians = np.stack([_block_medians(strip) for strip in strips])
    noise = _noise(strips)
    level = float(np.median(medians))
    if not noise > 0.0 or not np.isfinite(noise + level):
        return None
    steps = np.abs(np.diff(medians, axis=1)).max(initial=0.0), np.abs(np.diff(medians, axis=0)).max(initial=0.0)
    full_scale = 255.0 if pixels.dtype == np.uint8 else 65535.0
    return Look(
        sources=count_sources(iter(strips), noise),
        flatness_sigma=float(np.ptp(_cell_means(strips, noise))) / noise,
        noise_adu=noise,
        level=level / full_scale,
        noise=noise / level if level > 0.0 else np.inf,
        largest_step=float(max(steps)) / level if level > 0.0 else np.inf,
    )


def _binned_strips(pixels: Pixels, *, everything: bool = False) -> Iterator[NDArray[np.float32]]:
    """Strips as means of 2 x 2 pixels (so that no Bayer pattern is left), cut to whole blocks.

    A few spread over the frame, or all of it in strips that overlap by the two rows that ``_wide_sources`` loses.
    """
    height, width = pixels.shape
    rows = min(STRIP_ROWS, height // 2 * 2)
    count = min(STRIPS, max(height // rows, 1))
    columns = width // (2 * BLOCK_BINS) * (2 * BLOCK_BINS) or width // 2 * 2
    last = (height - rows) // 2 * 2
    spread = np.linspace(0, last, count).astype(int) // 2 * 2
    for top in [*range(0, last, rows - 4), last] if everything else spread.tolist():
        strip = pixels.rows(top, top + rows)[:, :columns].astype(np.float32)
        finite = np.isfinite(strip)
        if not finite.all():
            strip[~finite] = np.median(strip[finite]) if finite.any() else 0.0
        yield strip.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))


def _block_medians(strip: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = strip.shape
    blocks = max(columns // BLOCK_BINS, 1)
    medians: NDArray[np.float32] = np.median(strip.reshape(rows, blocks, -1), axis=(0, 2))
    return medians


def _noise(strips: list[NDArray[np.float32]]) -> float:
    """Standard deviation of a bin, from differences two bins apart: gradients and hot pixels do not matter."""
    spreads = [np.median(np.abs(strip[:, 2:] - strip[:, :-2])) for strip in strips]
    return float(np.median(spreads)) * MAD_TO_SIGMA / 2**0.5


def _cell_means(strips: list[NDArray[np.float32]], noise: float) -> NDArray[np.float32]:
    """Means of 4 x 4 cells of the frame (fewer when it is small), clipped so that hot pixels do not count."""
    rows = []
    for strip in strips:
        middle = np.median(strip)
        clipped = np.clip(strip, middle - CLIP_SIGMA * noise, middle + CLIP_SIGMA * noise)
        rows.append([cell.mean() for cell in np.array_split(clipped, CELLS, axis=1)])
    return np.stack([np.mean(group, axis=0) for group in np.array_split(np.array(rows), min(CELLS, len(rows)))])


def count_sources(strips: Iterator[NDArray[np.float32]], noise: float) -> int:
    """How many sources wider than a pixel stand out in 2 x 2-binned strips with this noise of a bin."""
    return sum(_wide_sources(strip, noise) for strip in strips)


def _wide_sources(strip: NDArray[np.float32], noise: float) -> int:
    """Local maxima that shine into at least ``MIN_WINGS`` of their neighbours."""
    rows, columns = strip.shape
    wide = np.pad(strip, ((0, 0), (ASIDE_BINS, ASIDE_BINS)), mode="edge")
    beside = (wide[:, : -2 * ASIDE_BINS] + wide[:, 2 * ASIDE_BINS :]) / 2.0
    height = (strip - beside) / noise
    centre = height[1:-1, 1:-1]
    neighbours = [
        height[1 + down : rows - 1 + down, 1 + across : columns - 1 + across]
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
        if (down, across) != (0, 0)
    ]
    peak = centre > SOURCE_SIGMA
    for neighbour in neighbours:
        peak &= centre >= neighbour
    limit = np.maximum(WING_SIGMA, WING_SHARE * centre[peak])
    wings = np.sum([neighbour[peak] > limit for neighbour in neighbours], axis=0)
    return int(np.count_nonzero(wings >= MIN_WINGS))
