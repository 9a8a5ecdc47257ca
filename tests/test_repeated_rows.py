"""Rows that were sent twice are found to the row, whatever the distance and the shift; noise never repeats."""

import numpy as np
import pytest
from skies import noise, see

from nebulift.simulate import star_field


def with_repeat(image, top, tall, distance, shift):
    spoiled = image.copy()
    spoiled[top : top + tall] = np.roll(image[top - distance : top - distance + tall], shift, axis=1)
    return spoiled


@pytest.mark.parametrize("side", [1000, 1400])
@pytest.mark.parametrize("shift", [0, 100, 333])
@pytest.mark.parametrize(("tall", "distance"), [(200, 200), (200, 203), (180, 250)])
def test_a_block_sent_twice_is_found_to_the_row(side, tall, distance, shift):
    sensor = see(with_repeat(star_field(side, side).pixels, 600, tall, distance, shift)).sensor
    assert (sensor.repeated_top_px, sensor.repeated_rows) == (600, tall)


def test_a_short_block_is_found_where_the_map_shows_it_unchanged():
    sensor = see(with_repeat(noise(1400, 1400), 800, 20, 40, 0)).sensor
    assert sensor.repeated_rows == 20


def test_a_row_that_repeats_many_times_is_found():
    image = noise(1000, 1000)
    image[500:560] = image[499]
    assert see(image).sensor.repeated_rows >= 50


@pytest.mark.parametrize("seed", range(4))
def test_a_healthy_frame_repeats_nothing(seed):
    assert see(star_field(1000, 1300, density_per_mpx=200.0, seed=seed).pixels).sensor.repeated_rows == 0


def test_bands_that_swing_repeat_no_row():
    bands = 60.0 * np.sin(np.arange(1000) / 5.0)
    assert see(noise(1000, 1000, level=1000.0 + bands[:, None])).sensor.repeated_rows == 0


@pytest.mark.parametrize("turned", [0, 2])
def test_the_outermost_row_drawn_out_to_the_border_was_not_sent_twice(turned):
    image = noise(600, 600)
    image[:9] = image[9]
    assert not see(np.rot90(image, turned)).sensor.repeated_rows
