"""Parts of one value are found to the pixel, wherever and however many; what only looks like one is not."""

import numpy as np
import pytest
from skies import NOISE_ADU, grid, noise, see

SIDES = [1000, 1400]  # not binned and binned


def boxes_of(image):
    return see(image).sensor.lost_boxes_px


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("value", [0, 1000, 65535])
def test_a_lost_packet_of_partial_width_is_found_to_the_pixel(side, value):
    image = noise(side, side)
    image[400:440, 150:610] = value
    sensor = see(image).sensor
    assert sensor.lost_boxes_px == ((150, 400, 610, 440),)
    assert sensor.lost_fraction == pytest.approx(40 * 460 / side**2)


def test_several_blocks_are_several_boxes_largest_first():
    image = noise(1000, 1000)
    image[100:140, 100:400], image[500:900, 600:800], image[950:, 0:300] = 0, 7, 0
    assert boxes_of(image) == ((600, 500, 800, 900), (0, 950, 300, 1000), (100, 100, 400, 140))


def test_a_dead_quadrant_is_a_quarter_of_the_frame():
    image = noise(1000, 1000)
    image[:500, 500:] = 300
    assert see(image).sensor.lost_fraction == pytest.approx(0.25)


def test_a_row_amid_the_frame_is_counted_but_no_block():
    image = noise(1000, 1000)
    image[321] = 5
    sensor = see(image).sensor
    assert sensor.constant_rows == 1
    assert sensor.lost_boxes_px == ()


def test_a_burnt_out_disc_is_no_block():
    x, y = grid(1000, 1000)
    image = noise(1000, 1000)
    image[np.hypot(x, y) < 0.2] = 65535
    assert boxes_of(image) == ()


def test_a_black_sky_that_was_cut_off_fades_and_is_no_block():
    """A planet in the middle of a frame whose sky the converter cut off at zero."""
    x, y = grid(1000, 1000)
    level = 5000.0 * np.exp(-((np.hypot(x, y) / 0.15) ** 2)) - 40.0
    assert boxes_of(noise(1000, 1000, level=level, sigma=10.0)) == ()


def test_a_part_without_numbers_was_left_out_on_purpose():
    image = noise(1000, 1000, dtype=np.float32)
    image[300:600, 200:500] = np.nan
    assert boxes_of(image) == ()


@pytest.mark.parametrize("sigma", [0.15, 0.2, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("side", SIDES)
def test_a_frame_with_less_noise_than_a_step_has_no_blocks(sigma, side):
    rng = np.random.default_rng(2)
    for level in (1000.0, 1000.3, 1000.5):
        assert boxes_of(np.rint(level + rng.normal(0.0, sigma, (side, side))).astype(np.uint16)) == ()


def test_pure_noise_has_none():
    assert boxes_of(noise(1400, 1000, sigma=NOISE_ADU)) == ()


def test_a_sky_of_hardly_any_noise_in_8_bits_has_no_lost_part():
    """Half of its rows may hold one value over most of their length."""
    sensor = see(noise(900, 1200, level=2.0, sigma=0.22, dtype=np.uint8)).sensor
    assert (sensor.dead_fraction, sensor.lost_boxes_px, sensor.stuck_columns) == (0.0, (), None)


def test_a_lost_part_of_such_a_sky_is_found_where_its_value_is_another():
    image = noise(900, 1200, level=9.0, sigma=0.22, dtype=np.uint8)
    image[700:] = 0
    image[100:180, 300:700] = 255
    sensor = see(image).sensor
    assert sensor.dead_fraction == pytest.approx(200 / 900, abs=0.01)
    assert (300, 100, 700, 180) in sensor.lost_boxes_px
