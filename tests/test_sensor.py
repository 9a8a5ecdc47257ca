"""Read-out faults in numbers: lines and blocks of one value, and banding, in units of the pixel noise."""

import numpy as np
import pytest
from skies import NOISE_ADU, SKY_ADU, noise, see

from nebulift.simulate import star_field

SIDES = [1000, 1400]  # not binned and binned


@pytest.mark.parametrize("side", SIDES)
def test_a_healthy_frame_has_no_constant_line_and_no_banding(side):
    sensor = see(star_field(side, side, density_per_mpx=300).pixels).sensor
    assert (sensor.constant_rows, sensor.constant_columns, sensor.dead_fraction) == (0, 0, 0.0)
    assert sensor.row_banding_sigma < 0.05
    assert sensor.column_banding_sigma < 0.05


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("edge", ["top", "bottom", "left", "right"])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_part_that_was_not_read_out_is_measured_on_any_side(side, edge, share):
    image = noise(side, side)
    lines = round(share * side)
    view = image if edge in ("top", "bottom") else image.T
    view[: lines if edge in ("top", "left") else None][-lines:] = 0
    sensor = see(image).sensor
    assert sensor.dead_fraction == pytest.approx(share, abs=0.01)
    constant = sensor.constant_rows if edge in ("top", "bottom") else sensor.constant_columns
    assert constant == pytest.approx(lines, abs=2)


def test_a_block_amid_the_frame_is_as_dead_as_one_at_its_end():
    image = noise(1000, 1000)
    image[200:230], image[300:302], image[500:510] = 77, 77, 77
    sensor = see(image).sensor
    assert sensor.constant_rows == 42
    assert sensor.dead_fraction == pytest.approx(0.03)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("axis", ["rows", "columns"])
@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_banding_is_told_in_units_of_the_pixel_noise_along_its_own_axis(side, axis, sigma):
    offsets = np.random.default_rng(3).normal(0.0, sigma * NOISE_ADU, side)
    level = SKY_ADU + (offsets[:, None] if axis == "rows" else offsets[None, :])
    sensor = see(noise(side, side, level=level)).sensor
    along, across = sensor.row_banding_sigma, sensor.column_banding_sigma
    if axis == "columns":
        along, across = across, along
    # a binned map shows the mean of two lines; bands across the rows add to the noise, which is measured along them
    told = sigma / (2**0.5 if side > 1200 else 1.0) / (np.hypot(1.0, sigma) if axis == "columns" else 1.0)
    assert along == pytest.approx(told, rel=0.2)
    assert across < 0.05


def test_a_gradient_is_no_banding():
    level = SKY_ADU + np.linspace(0.0, 3000.0, 1000)[:, None] * np.ones((1, 1000))
    sensor = see(noise(1000, 1000, level=level)).sensor
    assert sensor.row_banding_sigma < 0.05
