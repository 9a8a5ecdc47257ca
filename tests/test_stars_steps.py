"""Peaks of noise along the edge of a shade are no stars, and stars at its side stay."""

import numpy as np
from skies import noise, see

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.stars.steps import on_step

SIDE = 400


def test_the_edge_of_a_lit_roof_makes_no_stars():
    image = noise(SIDE, SIDE, level=1000.0, sigma=30.0, dtype=np.float32)
    image[:, SIDE // 2 :] += 1000.0
    assert see(image).stars.count <= 3


def test_a_step_is_told_from_a_star_and_from_a_piece_of_a_trail():
    y, x = np.mgrid[:SIDE, :SIDE]
    step = np.where(x >= 200, 20.0, 0.0)
    star = 20.0 * np.exp(-((x - 200.0) ** 2 + (y - 200.0) ** 2) / 4.0)
    trail = 20.0 * np.exp(-((x - y) ** 2) / 8.0)
    told = [
        bool(on_step((sky * UNITS_PER_SIGMA).astype(np.int16), np.array([200.0]), np.array([200.0]))[0])
        for sky in (step, star, trail)
    ]
    assert told == [True, False, False]
