"""Bands are told in noise along the lines, wherever in the frame they are; single lines are none."""

import numpy as np
import pytest
from skies import NOISE_ADU, SKY_ADU, noise, see

from nebulift.assessment import findings_of
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.simulate import star_field

SIDE = 1000


def readout_severity(pixels):
    measured = ArtifactDetector().analyse(frame_from_array(pixels)).measurements
    return max((one.severity for one in findings_of(measured) if one.kind is Kind.READOUT), default=0.0)


def lines(sigma, share=1.0, seed=3):
    """Offsets of lines, in the first ``share`` of them."""
    offsets = np.random.default_rng(seed).normal(0.0, sigma * NOISE_ADU, SIDE)
    offsets[round(share * SIDE) :] = 0.0
    return offsets


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_columns_are_told_in_noise_that_they_do_not_add_to(sigma):
    sensor = see(noise(SIDE, SIDE, level=SKY_ADU + lines(sigma)[None, :])).sensor
    assert sensor.column_bands_sigma == pytest.approx(sigma, rel=0.15)


def test_bands_in_a_fifth_of_the_frame_are_told_as_high_as_they_are_there():
    sensor = see(noise(SIDE, SIDE, level=SKY_ADU + lines(1.0, share=0.2)[:, None])).sensor
    assert sensor.row_bands_sigma == pytest.approx(1.0, rel=0.2)


@pytest.mark.parametrize("density", [0.0, 300.0, 5000.0])
def test_stars_are_no_bands(density):
    sensor = see(star_field(SIDE, SIDE, density_per_mpx=density).pixels).sensor
    assert max(sensor.row_bands_sigma, sensor.column_bands_sigma) < 0.1
    assert max(sensor.outstanding_rows, sensor.outstanding_columns) < 0.005


def test_columns_as_high_as_the_noise_over_the_whole_frame_are_plainly_visible():
    field = star_field(SIDE, SIDE, density_per_mpx=300.0)
    height = np.random.default_rng(1).normal(0.0, 1.3 * field.noise.noise_adu, SIDE)
    assert readout_severity(np.rint(field.pixels + height).clip(0, 65535).astype(np.uint16)) >= 0.7


@pytest.mark.parametrize("height_sigma", [2.0, 10.0, 1000.0])
def test_single_hot_columns_are_harmless(height_sigma):
    field = star_field(SIDE, SIDE, density_per_mpx=300.0)
    image = field.pixels.astype(np.float64)
    for column in np.random.default_rng(2).choice(SIDE, 8, replace=False):
        image[:, column] += height_sigma * field.noise.noise_adu
    assert readout_severity(np.rint(image).clip(0, 65535).astype(np.uint16)) < 0.3


def test_columns_that_hold_one_value_are_counted_and_hot_ones_are_not():
    image = noise(SIDE, SIDE)
    image[:, [10, 500, 501]] = 4000
    image[300:, 700] = 0
    image[:, 800] += 3000
    assert see(image).sensor.stuck_columns == 4


def test_many_stuck_columns_are_counted_where_there_is_noise_between_them():
    image = noise(600, 500)
    image[:, np.random.default_rng(1).choice(500, 64, replace=False)] = 65535
    seen = see(image)
    assert 55 <= seen.sensor.stuck_columns <= 64
    assert seen.saturation.bleed_fraction < 0.1  # no star is so burnt out that its charge runs there


def test_dead_pixels_are_counted_one_by_one():
    image = noise(SIDE, SIDE)
    image[[100, 200, 300], [50, 60, 70]] = 0
    image[600:700, 600:700] = 0  # a hole is no pixel
    assert see(image).sensor.dead_pixels == 3
