"""Trails: found down to the limit of theory, at their exact place, and none where there is none."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from skies import (
    NOISE_ADU,
    angle_error_deg,
    crossing,
    end_error_px,
    grid,
    is_this,
    length_of,
    noise,
    offset_error_px,
    part_of,
    see,
    with_trail,
)

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.simulate import add_streak, star_field
from nebulift.simulate.star_field import PERFECT
from nebulift.streaks.local_lines import local_line_response

SIDE = 1000


@cache
def field(side=SIDE, density=300.0, seed=11):
    return star_field(side, side, density_per_mpx=density, seed=seed)


def lines(count, seed, side=SIDE):
    rng = np.random.default_rng(seed)
    return [crossing(rng, (side, side)) for _ in range(count)]


def found(pixels, ends, bayer=None):
    """The streaks of the image that are the one with these ends."""
    return [streak for streak in see(pixels, bayer).streaks if is_this(streak, ends)]


# sensitivity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "bin_px"), [(1000, 1), (1250, 2)])
def test_crossing_trails_of_total_snr_10_are_found_in_9_of_10_at_their_place(side, bin_px):
    angles, offsets = [], []
    for ends in lines(10, 1, side):
        good = found(with_trail(field(side), ends, 10.0), ends)
        if good:
            angles.append(angle_error_deg(good[0], ends))
            offsets.append(offset_error_px(good[0], ends))
    # half a map pixel at either end turns a line of a thousand pixels by a twentieth of a degree
    assert np.median(angles) < 0.05 * bin_px
    assert np.quantile(angles, 0.85) < 0.1 * bin_px
    assert sum(offset < 1.0 * bin_px for offset in offsets) >= 9


@pytest.mark.parametrize("ridge_sigma", [1.0, 2.0, 4.0, 8.0, 30.0, 300.0])
@pytest.mark.parametrize("side", [1000, 1250])
def test_plain_trails_of_any_brightness_are_found_once_and_whole(side, ridge_sigma):
    for ends in lines(2, 5, side):
        pixels, _ = add_streak(field(side), ends, peak_sigma=ridge_sigma)
        good = found(pixels, ends)
        assert len(good) == 1
        assert good[0].length_px > 0.9 * length_of(ends)


@pytest.mark.parametrize("ridge_sigma", [0.6, 1.0, 2.0, 3.5])
def test_the_height_of_the_ridge_is_told_to_a_quarter(ridge_sigma):
    ends = lines(1, 7)[0]
    pixels, truth = add_streak(field(), ends, peak_sigma=ridge_sigma)
    streak = found(pixels, ends)[0]
    assert streak.peak_sigma == pytest.approx(ridge_sigma, rel=0.25)
    assert 0.5 < streak.snr / truth.artefacts[0].evidence["total_snr"] < 1.1


@pytest.mark.parametrize("density", [0.0, 3000.0])
def test_trails_are_found_in_empty_and_in_crowded_fields(density):
    crowd = field(SIDE, density)
    hits = [bool(found(with_trail(crowd, ends, 30.0), ends)) for ends in lines(4, 3)]
    assert sum(hits) >= 3


def test_a_trail_on_a_mosaic_is_found():
    colour = star_field(SIDE, SIDE, camera=replace(PERFECT, bayer="RGGB"), seed=2)
    for ends in lines(3, 4):
        assert found(with_trail(colour, ends, 15.0), ends, "RGGB")


@pytest.mark.parametrize("bad_sky", ["gradient", "vignetting"])
def test_an_uneven_sky_hides_no_trail(bad_sky):
    x, y = grid(SIDE, SIDE)
    added = {"gradient": 600.0 * (x + 0.5), "vignetting": 500.0 - 900.0 * (x**2 + y**2)}[bad_sky]
    for ends in lines(3, 9):
        pixels = with_trail(field(), ends, 15.0) + np.rint(added).astype(np.uint16)
        assert found(pixels, ends)


def test_trails_along_short_sides_of_long_frames_are_found():
    wide = star_field(1800, 500, density_per_mpx=200.0, seed=5)
    for ends in ((600.0, 0.0, 700.0, 499.0), (0.0, 100.0, 1799.0, 420.0)):
        assert found(with_trail(wide, ends, 20.0), ends)


# form -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "stop"), [(0.3, 0.7), (0.0, 0.5), (0.55, 1.0), (0.2, 0.5)])
def test_ends_of_partial_trails_are_found_to_3_percent_of_the_crossing_unless_a_star_hides_one(start, stop):
    errors = []
    for whole in lines(5, 21):
        ends = part_of(whole, start, stop)
        good = found(add_streak(field(), ends, peak_sigma=1.5)[0], ends)
        assert good
        errors.append(end_error_px(good[0], ends) / length_of(whole))
    assert sum(error < 0.03 for error in errors) >= 4
    assert max(errors) < 0.1


def test_trails_out_of_focus_are_found_once_with_their_width():
    for widening in (8.0, 16.0):
        for ends in lines(2, 31):
            pixels, truth = add_streak(field(), ends, peak_sigma=1.0, widening_px=widening)
            good = found(pixels, ends)
            assert len(good) == 1
            assert good[0].width_px == pytest.approx(truth.artefacts[0].evidence["width_px"], rel=0.35)


def test_parallel_trails_are_two():
    first = (0.0, 200.0, 999.0, 700.0)
    second = (0.0, 240.0, 999.0, 740.0)
    pixels, _ = add_streak(field(), first, peak_sigma=1.0)
    both = pixels.astype(np.float64) + add_streak(field(), second, peak_sigma=1.0)[0] - field().pixels
    streaks = see(both.clip(0).astype(np.uint16)).streaks
    assert len(streaks) == 2
    assert {min((0, 1), key=lambda n: offset_error_px(streak, (first, second)[n])) for streak in streaks} == {0, 1}


def test_crossing_trails_are_two():
    first, second = (0.0, 200.0, 999.0, 700.0), (300.0, 0.0, 700.0, 999.0)
    pixels, _ = add_streak(field(), first, peak_sigma=1.5)
    both = pixels.astype(np.float64) + add_streak(field(), second, peak_sigma=1.5)[0] - field().pixels
    streaks = see(both.clip(0).astype(np.uint16)).streaks
    assert len(streaks) == 2
    assert all(any(is_this(streak, ends) for streak in streaks) for ends in (first, second))


@pytest.mark.parametrize("pattern", ["tumbling", "flare", "strobes"])
def test_trails_that_flicker_flare_or_flash_are_found(pattern):
    hits = 0
    for number, ends in enumerate(lines(4, 41)):
        pixels, _ = add_streak(field(), ends, peak_sigma=1.5, pattern=pattern, seed=number)
        hits += bool(found(pixels, ends))
    assert hits >= 3


# no trail -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("density", [0.0, 30.0, 300.0, 3000.0, 12000.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_field_of_stars_has_no_trail(density, seed):
    assert see(field(900 + 200 * seed, density, seed).pixels).streaks == ()


@pytest.mark.parametrize("seed", range(4))
def test_gradient_and_vignetting_make_no_trail(seed):
    side = 900 + 200 * seed
    x, y = grid(side, side)
    angle = seed * 1.1
    added = 1500.0 + 1000.0 * (x * math.cos(angle) + y * math.sin(angle)) - 1500.0 * (x**2 + y**2)
    assert see(field(side, 200.0, seed + 20).pixels + np.rint(added).astype(np.uint16)).streaks == ()


@pytest.mark.parametrize("seed", range(5))
def test_pure_noise_has_no_trail(seed):
    assert see(noise(800 + 150 * seed, 1000, seed=seed)).streaks == ()


# the network's plane --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", [(100, 80, 900, 700), (300, 0, 350, 999), (50, 900, 950, 500), (500, 999, 520, 0)])
def test_the_line_response_is_high_along_a_trail_and_low_elsewhere(ends):
    pixels, _ = add_streak(field(SIDE, 0.0), tuple(map(float, ends)), peak_sigma=3.0)
    response = local_line_response(see(pixels).maps, 128)
    assert response.shape == (128, 128)
    y, x = np.mgrid[0:128, 0:128] * (SIDE / 128) + SIDE / 256
    run, rise = ends[2] - ends[0], ends[3] - ends[1]
    length = math.hypot(run, rise)
    across = np.abs((x - ends[0]) * rise - (y - ends[1]) * run) / length
    along = ((x - ends[0]) * run + (y - ends[1]) * rise) / length
    on_it = (across < 4.0) & (along > 40.0) & (along < length - 40.0)
    assert np.median(response[on_it]) > 10.0
    assert np.quantile(response[across > 60.0], 0.99) < 7.0


def test_the_line_response_of_noise_is_that_of_the_greatest_of_many_lines():
    maps = [np.rint(noise(600, 600, level=0.0, sigma=UNITS_PER_SIGMA, dtype=np.float32)).astype(np.int16)]
    response = local_line_response(maps, 64)
    assert 2.0 < np.median(response) < 4.5


@pytest.mark.parametrize("angle_deg", [20.0, 65.0])
@pytest.mark.parametrize("peak_sigma", [2.0, 10.0, 60.0])
def test_an_edge_on_galaxy_is_no_trail(angle_deg, peak_sigma):
    x, y = grid(SIDE, SIDE)
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    along, across = SIDE * (x * cos + y * sin), SIDE * (y * cos - x * sin)
    disc = peak_sigma * NOISE_ADU * np.exp(-np.abs(along) / 90.0) * np.exp(-0.5 * (across / 11.0) ** 2)
    light = np.random.default_rng(5).normal(disc, np.sqrt(disc) * 0.3)
    assert see(np.rint(np.clip(field().pixels + light, 0, 65535)).astype(np.uint16)).streaks == ()
