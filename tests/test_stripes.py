"""What the sensor draws in columns and rows is taken off the map, and nothing else is."""

import numpy as np
import pytest
from skies import noise, see

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.sensor.stripes import remove_stripes
from nebulift.simulate import star_field

SIDE = 1000


def white(seed=0, side=SIDE):
    """A flattened map of pure noise, in sixteenths of sigma."""
    return np.rint(np.random.default_rng(seed).normal(0.0, UNITS_PER_SIGMA, (side, side))).astype(np.int16)


def sigmas(line):
    return float(np.clip(line / UNITS_PER_SIGMA, -3, 3).mean() * len(line) ** 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_pure_noise_has_no_stripes(seed):
    flat = white(seed)
    before = flat.copy()
    assert remove_stripes(flat) <= 1
    assert (flat != before).mean() < 0.001


@pytest.mark.parametrize("height_sigma", [1.5, 3.0, 40.0, 1000.0, -2.0, -30.0])
@pytest.mark.parametrize("across", [0, 1])
def test_a_bright_or_dead_line_is_gone(height_sigma, across):
    flat = white()
    line = flat.T[400] if across else flat[400]
    line += int(height_sigma * UNITS_PER_SIGMA)
    assert remove_stripes(flat) >= 1
    assert abs(sigmas(line)) < 5.0


@pytest.mark.parametrize(("top", "bottom"), [(0, 300), (500, 1000), (300, 560)])
def test_a_partial_column_is_gone_but_for_the_ends_of_its_last_blocks(top, bottom):
    flat = white()
    flat[top:bottom, 321] += 5 * UNITS_PER_SIGMA
    remove_stripes(flat)
    inner = flat[top + 32 : bottom - 32, 321]
    assert abs(sigmas(inner)) < 5.0


@pytest.mark.parametrize("heights", [(5, 5), (40, 40), (3, 2.5)])
def test_hot_columns_side_by_side_are_gone(heights):
    flat = white()
    columns = slice(500, 500 + len(heights))
    flat[:, columns] += np.round(np.array(heights) * UNITS_PER_SIGMA).astype(np.int16)
    remove_stripes(flat)
    assert max(abs(sigmas(column)) for column in flat[:, columns].T) < 8.0


@pytest.mark.parametrize("lean_deg", [2.0, 5.0, 45.0, 88.0])
def test_a_trail_that_leans_stays(lean_deg):
    flat = white()
    along = np.arange(SIDE)
    if lean_deg <= 45:
        x = np.rint(300 + np.tan(np.radians(lean_deg)) * along * 0.9).astype(int) % SIDE
        rows, columns = along, x
    else:
        rows, columns = np.rint(300 + along / np.tan(np.radians(lean_deg))).astype(int), along
    flat[rows, columns] += 2 * UNITS_PER_SIGMA
    before = flat[rows, columns].mean()
    remove_stripes(flat)
    assert flat[rows, columns].mean() > 0.9 * before


def test_stars_keep_their_light():
    field = star_field(SIDE, SIDE, density_per_mpx=500.0)
    seen = see(field.pixels)
    bright = np.argsort(-field.flux_adu)[:40]
    x, y = np.rint(field.x_px[bright]).astype(int), np.rint(field.y_px[bright]).astype(int)
    inside = (x > 5) & (x < SIDE - 6) & (y > 5) & (y < SIDE - 6)
    assert (seen.flat[y[inside], x[inside]] > 15 * UNITS_PER_SIGMA).all()


def test_a_frame_with_hot_columns_has_the_stars_of_the_frame_without():
    field = star_field(SIDE, SIDE, density_per_mpx=300.0, seed=3)
    spoiled = field.pixels.copy()
    for column in (100, 333, 334, 700):
        spoiled[:, column] += np.uint16(400)
    spoiled[350:700, 850] += np.uint16(3000)
    clean, striped = see(field.pixels).stars, see(spoiled).stars
    assert striped.count == pytest.approx(clean.count, rel=0.05)
    assert striped.fwhm_px == pytest.approx(clean.fwhm_px, rel=0.03)


def test_a_map_too_small_for_three_blocks_is_left_alone():
    flat = white(side=40)
    before = flat.copy()
    assert remove_stripes(flat) == 0
    assert np.array_equal(flat, before)


def test_noise_of_a_map_without_stripes_stays_white():
    flat = np.rint(noise(SIDE, SIDE, level=0.0, sigma=16.0, dtype=np.float32)).astype(np.int16)
    remove_stripes(flat)
    assert flat.std() == pytest.approx(16.0, rel=0.01)
