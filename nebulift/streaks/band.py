"""Pixels near a line, gathered by place along it and distance from it.

No pixel is interpolated: each enters with its own perpendicular distance from the line, so white noise stays white and
the matched-filter signal-to-noise ratio needs no correction for the direction.
"""

from dataclasses import dataclass

import numpy as np
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
    rows, columns = (lattice.u, lattice.v) if lattice.steep else (lattice.v, lattice.u)
    # one number a pixel, not two: half the time of indexing by rows and columns; none is outside, so "clip" clips none
    at = (rows * np.int32(flat.shape[1]) + columns).astype(np.intp)
    values = flat.reshape(-1).take(at, mode="clip")
    unusable = lattice.unusable
    if covered.size > 1:
        if covered_scale > 1:  # a power of two
            coarser = covered_scale.bit_length() - 1
            rows, columns = (
                one >> coarser if side <= covers << coarser else np.minimum(one >> coarser, covers - 1)
                for one, side, covers in zip((rows, columns), flat.shape, covered.shape, strict=True)
            )
            at = (rows * np.int32(covered.shape[1]) + columns).astype(np.intp)
        unusable |= covered.reshape(-1).take(at, mode="clip")
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
    """The pixels near a chord: ``u`` (n, 1) along its longer axis, ``v`` (n, m) across it, cut to the map."""

    u: NDArray[np.int32]
    v: NDArray[np.int32]
    bins: NDArray[np.int32]  # (n, m) of the distance from the line
    unusable: NDArray[np.bool_]  # (n, m) beyond the map or ``HALF_PX``
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
    middle, aside = np.rint(centre).astype(np.int32), np.arange(-reach, reach + 1, dtype=np.int32)
    first = ((middle - centre) * cosine + HALF_PX) / BIN_PX
    place = first.astype(np.float32)[:, None] + (aside * (cosine / BIN_PX)).astype(np.float32)
    v = middle[:, None] + aside
    outside = BINS / 2 - half_px / BIN_PX
    unusable = (place <= outside) | (place >= BINS - outside)
    if len(u) and (int(middle.min()) < reach or int(middle.max()) >= across - reach):
        unusable |= (v < 0) | (v >= across)
        v = v.clip(0, across - 1)
    return _Lattice(u[:, None], v, place.astype(np.int32), unusable, bool(steep))
