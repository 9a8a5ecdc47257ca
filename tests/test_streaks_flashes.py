"""Flashes of aircraft: found as dots at equal distances, which neither stars nor other trails are."""

import numpy as np
import pytest
from skies import NOISE_ADU, angle_error_deg, crossing, is_this, see

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.simulate import add_streak, star_field
from nebulift.streaks.flashes import find_flash_rows
from nebulift.streaks.profile import measure_row

SIDE = 1000


def with_dots(seed, step_px, *, jitter_px=0.0, snr=12.0):
    """(a field with dots at equal distances across it, the ends of their line); the body of the aircraft is unseen."""
    rng = np.random.default_rng(seed)
    ends = crossing(rng, (SIDE, SIDE))
    pixels = star_field(SIDE, SIDE, density_per_mpx=150, seed=seed).pixels.astype(np.float64)
    run, rise = ends[2] - ends[0], ends[3] - ends[1]
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    for share in np.arange(0.5, np.hypot(run, rise) / step_px) * step_px / np.hypot(run, rise):
        column, row = (
            ends[0] + share * run + rng.normal(0, jitter_px),
            ends[1] + share * rise + rng.normal(0, jitter_px),
        )
        pixels += snr * NOISE_ADU * np.exp(-0.5 * ((x - column) ** 2 + (y - row) ** 2) / 2.5**2)
    return np.rint(pixels).astype(np.uint16), ends


@pytest.mark.parametrize("step_px", [60.0, 110.0])
@pytest.mark.parametrize("seed", [3, 4])
def test_dots_at_equal_distances_are_an_aircraft_though_nothing_joins_them(seed, step_px):
    pixels, ends = with_dots(seed, step_px)
    (streak,) = [one for one in see(pixels).streaks if is_this(one, ends)]
    assert streak.object_kind == "aircraft"
    assert angle_error_deg(streak, ends) < 0.3


def test_dots_that_are_not_at_equal_distances_are_no_row():
    seen = see(with_dots(5, 60.0, jitter_px=12.0)[0])
    assert find_flash_rows(seen.maps, seen.scan.bin_px) == []


@pytest.mark.parametrize("density", [300.0, 2000.0])
@pytest.mark.parametrize("seed", range(3))
def test_stars_make_no_row(density, seed):
    seen = see(star_field(SIDE, SIDE, density_per_mpx=density, seed=seed).pixels)
    assert find_flash_rows(seen.maps, seen.scan.bin_px) == []


@pytest.mark.parametrize("peak_sigma", [3.0, 30.0])
def test_the_maxima_along_an_even_trail_are_no_flashes(peak_sigma):
    field = star_field(SIDE, SIDE, density_per_mpx=150, seed=8)
    seen = see(add_streak(field, crossing(np.random.default_rng(2), (SIDE, SIDE)), peak_sigma=peak_sigma)[0])
    assert find_flash_rows(seen.maps, seen.scan.bin_px) == []


def test_a_bright_star_beside_a_row_of_flashes_takes_nothing_from_its_light():
    rng = np.random.default_rng(4)
    y, x = np.mgrid[0:200, 0:600]
    sigma = rng.normal(0.0, 1.0, y.shape)
    for column in range(20, 600, 40):
        sigma += 6.0 * np.exp(-((x - column) ** 2 + (y - 100) ** 2) / 4.0)
    sigma += 1500.0 * np.exp(-((x - 305) ** 2 + (y - 109) ** 2) / 8.0)
    row = measure_row(np.rint(sigma * UNITS_PER_SIGMA).astype(np.int16), (0.0, 100.0, 599.0, 100.0))
    assert row.full_snr > 10.0
    assert row.ridge_sigma > 0.0
