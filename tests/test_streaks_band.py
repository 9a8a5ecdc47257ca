"""Pixels near a line are all found, each in its place, at borders and under covers of any scale."""

import numpy as np
import pytest

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.streaks.band import BIN_PX, BINS, CLIP_SIGMA, HALF_PX, gather

SEGMENTS = 6
CHORDS = ((3.1, 5.3, 148.7, 93.9), (60.2, 1.7, 83.3, 97.4), (2.2, 96.6, 151.3, 91.1), (149.7, 3.4, 151.2, 95.5))


def one_by_one(flat, covered, chord, half_px):
    """The same sums and counts, pixel by pixel."""
    x0, y0, x1, y1 = chord
    steep = abs(y1 - y0) > abs(x1 - x0)
    u0, v0, u1, v1 = (y0, x0, y1, x1) if steep else (x0, y0, x1, y1)
    slope = (v1 - v0) / (u1 - u0)
    places = range(int(np.ceil(u0)), int(np.floor(u1)) + 1)
    sums, counts = np.zeros((2, SEGMENTS, BINS))
    for number, u in enumerate(places):
        for v in range(flat.shape[1 if steep else 0]):
            distance = (v - v0 - slope * (u - u0)) / np.hypot(1.0, slope)
            at = (u, v) if steep else (v, u)
            if abs(distance) < half_px and not covered[at]:
                bin_number = int((distance + HALF_PX) / BIN_PX)
                limit = CLIP_SIGMA * UNITS_PER_SIGMA
                sums[number * SEGMENTS // len(places), bin_number] += np.clip(flat[at], -limit, limit)
                counts[number * SEGMENTS // len(places), bin_number] += 1
    return sums / UNITS_PER_SIGMA, counts


@pytest.mark.parametrize("chord", CHORDS)
@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("height", [103, 40])
def test_a_band_holds_what_lies_near_its_line(chord, scale, height):
    rng = np.random.default_rng(scale)
    flat = rng.normal(0.0, 100.0, (height, 155)).astype(np.int16)
    covered = rng.random((height // scale, 155 // scale)) < 0.2
    chord = (chord[0], chord[1] * height / 103, chord[2], chord[3] * height / 103)
    rows = np.minimum(np.arange(height) // scale, len(covered) - 1)
    columns = np.minimum(np.arange(155) // scale, covered.shape[1] - 1)
    band = gather(flat, covered, scale, chord, SEGMENTS, half_px=15.7)
    sums, counts = one_by_one(flat, covered[rows][:, columns], chord, 15.7)
    assert np.array_equal(band.counts, counts)
    assert np.allclose(band.sums, sums)
