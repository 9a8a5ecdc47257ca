"""The light of stars: the same whatever their width, and with it the way in which they are measured."""

from dataclasses import replace

import numpy as np
import pytest
from skies import see, star_shape

from nebulift.simulate.sensor import FixedPattern, digitised
from nebulift.simulate.star_field import PERFECT
from nebulift.simulate.star_painting import Stars, paint_stars

SIDE, SKY_ADU = 1300, 400.0
COLOURS = np.float32([[1.4, 1.0, 0.5], [0.6, 1.0, 1.1], [1.0, 1.0, 0.8]])  # of red, blue and white stars


def measured_over_true(fwhm_px, bayer, *, seed=1):
    """Median over the stars of a field of their light over what was painted, a mean over the pixels of a cell."""
    rng = np.random.default_rng(seed)
    places = np.array([(x, y) for x in range(50, SIDE, 100) for y in range(50, SIDE, 100)]).T
    x, y = (places + rng.uniform(-8.0, 8.0, places.shape)).astype(np.float32)
    flux = np.full(len(x), 1.2e5, np.float32)
    colour = COLOURS[rng.integers(0, 3, len(x))] if bayer else np.ones((len(x), 3), np.float32)
    light = np.full((SIDE, SIDE), SKY_ADU, np.float32)
    paint_stars(light, Stars(x, y, flux, colour), star_shape(fwhm_px, scatter_share=1e-6, beta=3.5), 20.0, bayer)
    body = replace(PERFECT, width_px=SIDE, height_px=SIDE, bayer=bayer)
    nothing = np.zeros(0, np.float32)
    pattern = FixedPattern(np.ones((1, 1), np.float32), None, np.zeros(0, np.int64), nothing, np.zeros(SIDE), ())
    shapes = see(digitised(light, body, pattern, rng), bayer).list.shapes
    nearest = np.hypot(shapes.x_px[:, None] - x, shapes.y_px[:, None] - y).argmin(axis=1)
    return np.median(shapes.flux_adu / (flux * (colour @ [0.25, 0.5, 0.25]))[nearest])


@pytest.mark.parametrize("bayer", [None, "RGGB"])
def test_light_does_not_change_where_wider_stars_are_measured_on_the_map(bayer):
    sharp, narrow, wide = (measured_over_true(fwhm, bayer) for fwhm in (2.5, 5.0, 9.0))
    assert wide / narrow == pytest.approx(1.0, abs=0.02)
    assert sharp / narrow == pytest.approx(1.0, abs=0.02)
