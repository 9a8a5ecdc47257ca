"""A tear is where stars end and the sky jumps; bands, galaxies, edges out of focus and amplifiers are none."""

import numpy as np
import pytest
from skies import NOISE_ADU, grid, noise, see

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.simulate import star_field

SIDE = 1400


def torn(row, shift, density=6000.0, seed=1):
    image = star_field(SIDE, SIDE, density_per_mpx=density, seed=seed).pixels.copy()
    image[row:] = np.roll(image[row:], shift, axis=1)
    return image


@pytest.mark.parametrize("row", [300, 700])
def test_stars_that_end_at_a_row_tell_a_tear(row):
    sensor = see(torn(row, 111)).sensor
    assert sensor.torn_stars
    assert sensor.torn_at_px == pytest.approx(row, abs=3)


def test_a_vignetted_sky_jumps_where_it_lies_sideways():
    x, y = grid(SIDE, SIDE)
    image = noise(SIDE, SIDE, level=3000.0 - 3000.0 * (x**2 + y**2))
    image[500:] = np.roll(image[500:], 300, axis=1)
    sensor = see(image).sensor
    assert sensor.torn_at_px == pytest.approx(500, abs=4)
    assert sensor.torn_step_sigma > 0.2


@pytest.mark.parametrize("density", [50.0, 1000.0, 8000.0])
@pytest.mark.parametrize("seed", range(2))
def test_a_whole_frame_has_no_tear(density, seed):
    assert see(star_field(SIDE, 1000, density_per_mpx=density, seed=seed).pixels).sensor.torn_at_px is None


def test_an_edge_out_of_focus_is_no_tear():
    _, y = grid(SIDE, SIDE)
    edge = ((y + 0.02) / 0.2 + 0.5).clip(0.0, 1.0)
    assert see(noise(SIDE, SIDE, level=400.0 + 900.0 * edge)).sensor.torn_at_px is None


def test_two_amplifiers_share_a_frame_in_its_middle():
    image = noise(SIDE, SIDE)
    image[SIDE // 2 :] += np.uint16(2 * NOISE_ADU)
    assert see(image).sensor.torn_at_px is None


def test_a_frame_of_bands_has_many_steps_and_no_tear():
    bands = np.repeat(np.arange(SIDE // 64 + 1) % 2, 64)[:SIDE] * 2.0 * NOISE_ADU
    assert see(noise(SIDE, SIDE, level=2000.0 + bands[:, None])).sensor.torn_at_px is None


@pytest.mark.parametrize("seed", range(2))
def test_rows_with_noise_of_their_own_are_no_tear(seed):
    """A raised row has bright pixels that do not go on in the next one."""
    rng = np.random.default_rng(seed)
    image = star_field(SIDE, 1000, density_per_mpx=300.0, seed=seed).pixels + rng.normal(0.0, 25.0, (1000, 1))
    image[400] += 120.0
    assert see(np.rint(image).astype(np.uint16)).sensor.torn_stars is not True


def test_rows_without_light_at_the_border_are_a_remark():
    image = noise(SIDE, SIDE)
    image[-60:] -= 60  # overscan
    analysis = ArtifactDetector().analyse_array(image)
    assert analysis.measurements.sensor.torn_at_px == pytest.approx(SIDE - 60, abs=3)
    assert analysis.score > 0.7
