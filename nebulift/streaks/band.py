"""Pixels near a line, gathered by place along it and distance from it.

No pixel is interpolated: each enters with its own perpendicular distance from the line, so white noise stays white and
the matched-filter signal-to-noise ratio needs no correction for the direction.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA

SEGMENTS = 48  # along the line; ends are found to one of them
BIN_PX = 0.5  # of the distance from the line
HALF_PX = 24.0
BINS = round(2 * HALF_PX / BIN_PX)
CENTRES_PX = (np.arange(BINS) + 0.5) * BIN_PX - HALF_PX  # distance of each bin from the line
COUNT = 2.0**32  # of a pixel, beside its height of less than 2^15 in fewer than 2^16 pixels of a bin
CLIP_SIGMA = 8.0  # a single star must not make a trail; a trail brighter than this needs no more

Ends = tuple[float, float, float, float]
Pixel = TypeVar("Pixel", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """Pixels within ``HALF_PX`` of a line: sums and counts by segment along and bin across, (segments, bins)."""

    sums: NDArray[np.float64]  # in sigma
    counts: NDArray[np.float64]


def gather(
    flat: NDArray[np.int16],
    covered: NDArray[np.bool_],
    covered_scale: int,
    chord: Ends,
    segments: int = SEGMENTS,
    *,
    clip_sigma: float = CLIP_SIGMA,
    half_px: float = HALF_PX,
) -> Band:
    """Sums and counts of the open pixels along ``chord``, each held within ``clip_sigma`` of the sky.

    Bins farther than ``half_px`` from the line stay empty: who needs the inner ones alone waits half as long.
    """
    lattice = _along(chord, flat.shape, half_px)
    values = _picked(flat, lattice.u, lattice.first, lattice.bins.shape[1], steep=lattice.steep)
    unusable = lattice.unusable
    if covered.size > 1:
        unusable |= _covered(covered, covered_scale, lattice)
    limit = np.int16(round(clip_sigma * UNITS_PER_SIGMA))
    lines = len(lattice.u)
    segment = (np.arange(lines, dtype=np.intp) * segments // max(lines, 1)) * BINS
    index = segment[:, None] + lattice.bins
    # a bin more: to leave pixels out of both arrays would take longer
    np.copyto(index, segments * BINS, where=unusable)
    # sums and counts in one go, as the sums stay below COUNT and all is exact in 53 bits
    together = np.bincount(index.ravel(), values.clip(-limit, limit).ravel() + COUNT, segments * BINS + 1)[:-1]
    counts = np.rint(together / COUNT)
    sums = (together - counts * COUNT) / UNITS_PER_SIGMA
    return Band(sums.reshape(segments, BINS), counts.reshape(segments, BINS))


@dataclass(frozen=True, slots=True, eq=False)
class _Lattice:
    """The pixels near a chord: at each place ``u`` along its longer axis (n,), those from ``first`` (n,) on across."""

    u: NDArray[np.int32]
    first: NDArray[np.int32]
    bins: NDArray[np.int32]  # (n, m) of the distance from the line
    unusable: NDArray[np.bool_]  # (n, m) beyond ``HALF_PX``
    steep: bool  # ``u`` counts rows


def _along(chord: Ends, shape: tuple[int, int], half_px: float) -> _Lattice:
    x0, y0, x1, y1 = chord
    steep = abs(y1 - y0) > abs(x1 - x0)
    u0, v0, u1, v1 = (y0, x0, y1, x1) if steep else (x0, y0, x1, y1)
    if u1 < u0:
        u0, v0, u1, v1 = u1, v1, u0, v0
    longest, across = shape if steep else shape[::-1]
    slope = (v1 - v0) / (u1 - u0)
    cosine = 1.0 / np.hypot(1.0, slope)
    reach = int(np.ceil(half_px / cosine))
    u = np.arange(max(int(np.ceil(u0)), 0), min(int(np.floor(u1)), longest - 1) + 1, dtype=np.int32)
    centre = v0 + slope * (u - u0)
    middle = np.rint(centre).astype(np.int32)
    width = min(2 * reach + 1, across)
    first = (middle - reach).clip(0, across - width)  # all of them on the map, if need be farther from the line
    aside = np.arange(-reach, width - reach, dtype=np.int32)
    nearest = (((middle - centre) * cosine + HALF_PX) / BIN_PX).astype(np.float32)
    place = nearest[:, None] + (aside * (cosine / BIN_PX)).astype(np.float32)
    moved = np.flatnonzero(first != middle - reach)
    further = aside + (first - middle + reach)[moved, None]
    place[moved] = nearest[moved, None] + (further * (cosine / BIN_PX)).astype(np.float32)
    outside = BINS / 2 - half_px / BIN_PX
    unusable = (place <= outside) | (place >= BINS - outside)
    return _Lattice(u, first, place.astype(np.int32), unusable, bool(steep))


def _picked(
    image: NDArray[Pixel], u: NDArray[np.integer], first: NDArray[np.integer], width: int, *, steep: bool
) -> NDArray[Pixel]:
    """At each ``u`` (n,) the ``width`` pixels from ``first`` (n,) on, (n, width), copied row by row: a quarter of the
    time of picking one by one.
    """
    (height, breadth), (down, right) = image.shape, image.strides
    if steep:
        windows = as_strided(image, (height, breadth - width + 1, width), (down, right, right), writeable=False)
        return np.asarray(windows[u, first])
    windows = as_strided(image, (height - width + 1, breadth, width), (down, right, down), writeable=False)
    return np.asarray(windows[first, u])


def _covered(mask: NDArray[np.bool_], scale: int, lattice: _Lattice) -> NDArray[np.bool_]:
    """Which pixels of the lattice ``mask`` covers, which is coarser by ``scale``, a power of two; what lies beyond its
    last row or column is as that.
    """
    u, first, width, steep = lattice.u, lattice.first, lattice.bins.shape[1], lattice.steep
    if scale == 1:
        return _picked(mask, u, first, width, steep=steep)
    coarser = scale.bit_length() - 1
    longest, across = mask.shape if steep else mask.shape[::-1]
    cells = min(((width - 1) >> coarser) + 2, across)
    cell = np.minimum(first >> coarser, across - cells)
    found = _picked(mask, np.minimum(u >> coarser, longest - 1), cell, cells, steep=steep)
    found = np.concatenate([found, found[:, -1:]], axis=1)
    for _ in range(coarser):  # each twice, side by side: two equal bytes are one number
        found = (found.astype(np.uint16) * np.uint16(0x0101)).view(np.bool_)
    return _picked(found, np.arange(len(found)), first - (cell << coarser), width, steep=True)
