"""A sky of known parts: slope, vignetting and patches are told apart, each in its own number."""

import cv2
import numpy as np
import pytest
from skies import NOISE_ADU, SKY_ADU, grid, noise, see

from nebulift.simulate.turbulence import turbulence
from nebulift.sky.structure import sky_structure

SHAPE = (40, 60)


def axes():
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    return (x + 0.5) / SHAPE[1] - 0.5, (y + 0.5) / SHAPE[0] - 0.5


def patches(seed=0):
    """Structure of 1/20 to 1/3 of the frame, of standard deviation 1."""
    texture = turbulence(np.random.default_rng(seed), SHAPE, 2.0)
    band = cv2.GaussianBlur(texture, (0, 0), 1.0) - cv2.GaussianBlur(texture, (0, 0), 40 / 6)
    return band / band.std()


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_a_slope_is_linear_and_nothing_else(size):
    x, y = axes()
    plane = size * (2.0 * x - y)
    parts = sky_structure(plane)
    assert parts.linear == pytest.approx(plane.std(), rel=0.01)
    assert parts.radial < 0.02 * size
    assert parts.patchy < 0.02 * size


@pytest.mark.parametrize("steepness", [1.0, 2.0])
def test_vignetting_is_radial_and_nothing_else(steepness):
    x, y = axes()
    parts = sky_structure(-20.0 * (x**2 + y**2) ** steepness)
    assert parts.radial > 0.5
    assert parts.linear < 0.1
    assert parts.patchy < 0.1 * parts.radial


@pytest.mark.parametrize("size", [0.5, 5.0])
def test_patches_are_measured_beneath_slope_and_vignetting(size):
    x, y = axes()
    found = [
        sky_structure(20.0 * x - 30.0 * (x**2 + y**2) + size * patches(seed), level_error=0.0).patchy
        for seed in range(8)
    ]
    assert np.mean(found) == pytest.approx(size, rel=0.3)


def test_noise_is_no_structure():
    found = [sky_structure(np.random.default_rng(seed).normal(0.0, 0.08, SHAPE)).patchy for seed in range(20)]
    assert np.mean(found) < 0.02


def test_a_galaxy_or_a_bright_star_does_not_count():
    level = np.zeros(SHAPE)
    level[10:14, 20:25] = 100.0
    parts = sky_structure(level)
    assert parts.linear < 0.2
    assert parts.patchy < 0.2


def test_the_parts_of_a_frame_are_in_its_noise():
    x, y = grid(1300, 1500)
    sky = see(noise(1300, 1500, level=SKY_ADU + NOISE_ADU * (6.0 * x - 8.0 * (x**2 + y**2)))).sky
    assert sky.linear_sigma == pytest.approx(6.0 / 12**0.5, rel=0.05)
    assert sky.radial_sigma > 0.8
    assert sky.patchy_sigma < 0.1


def test_a_handful_of_cells_tells_nothing():
    assert sky_structure(np.zeros((4, 9))) is None
