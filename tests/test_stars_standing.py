"""Faint stars of every width are found; knots of nebulae, particles and touching hot pixels are none."""

import numpy as np
import pytest
from skies import NOISE_ADU, noise, painted, see, star_shape

from nebulift.simulate.turbulence import turbulence
from nebulift.stars.peaks import Peaks
from nebulift.stars.single_pixels import are_single_pixels, with_stars
from nebulift.stars.standing import standing

SIDE = 1300


def nebula(sigma, seed):
    """A starless frame of turbulent glow, on the average ``sigma`` times the noise of the sky."""
    rng = np.random.default_rng(seed)
    glow = np.exp(turbulence(rng, (SIDE, SIDE), 11 / 3))
    light = 1000.0 + sigma * NOISE_ADU * glow / glow.mean()
    return np.rint(light + rng.normal(0.0, 1.0, light.shape) * np.sqrt(light)).clip(0, 65535).astype(np.uint16)


def round_star(fwhm_px, height):
    """Pixels (5, 5) of a round star in their middle, gathered over the pixel."""
    fine = (np.arange(50) - 24.5) / 10.0
    line = np.exp(-4.0 * np.log(2.0) * (fine / fwhm_px) ** 2).reshape(5, 10).mean(axis=1)
    return height * np.outer(line, line) / line.max() ** 2


@pytest.mark.parametrize("fwhm", [2.0, 3.0, 6.0, 9.0])
def test_most_stars_of_10_sigma_are_found_at_every_width_even_when_no_bright_one_shows_it(fwhm):
    sky = painted(SIDE, star_shape(fwhm), density=20, seed=11, snr=10.0, brightest=1.01)
    found = see(sky.pixels).list
    distance = np.hypot(found.x_px[:, None] - sky.x_px, found.y_px[:, None] - sky.y_px)
    assert (distance.min(axis=0) < fwhm / 2.0 + 2.0).mean() > 0.75


@pytest.mark.parametrize("sigma", [5.0, 30.0])
def test_a_nebula_without_a_star_has_hardly_one(sigma):
    counts = [see(nebula(sigma, seed)).stars.count for seed in (21, 22)]
    assert sum(counts) <= 2.0 * 2 * SIDE**2 / 1e6


def test_a_knot_wider_than_any_star_does_not_stand_and_a_star_in_its_place_does():
    y, x = np.mgrid[0:200, 0:200]
    rng = np.random.default_rng(5)
    sky = rng.normal(0.0, 16.0, (200, 200))
    at = Peaks(np.float32([100.0]), np.float32([100.0]), np.float32([12.0]))
    for width, expected in ((0.9, True), (4.0, False)):
        profile = np.exp(-((x - 100) ** 2 + (y - 100) ** 2) / (2.0 * width**2))
        spot = 16.0 * 12.0 * profile / np.sqrt(np.square(profile).sum())
        assert standing(np.rint(sky + spot).astype(np.int16), at, 10)[0] == expected


@pytest.mark.parametrize("fwhm", [1.3, 1.5, 2.0, 3.0, 6.0])
def test_a_star_is_never_a_matter_of_single_pixels(fwhm):
    assert not are_single_pixels(with_stars(np.float32([round_star(fwhm, 100.0)]), np.ones(1)))[0]


@pytest.mark.parametrize(
    "pixels",
    [[(2, 2)], [(2, 2), (2, 3)], [(2, 2), (3, 3)], [(2, 0), (2, 1), (2, 2), (2, 3), (2, 4)],
     [(0, 0), (1, 1), (2, 2), (2, 3), (3, 4)]],
)  # fmt: skip
def test_hot_pixels_that_touch_and_tracks_of_particles_are_single_pixels(pixels):
    around = np.zeros((1, 5, 5), np.float32)
    for row, column in pixels:
        around[0, row, column] = 60.0
    assert are_single_pixels(with_stars(around, np.ones(1)))[0]


def test_noise_alone_makes_a_star_in_a_few_megapixels_at_most():
    assert sum(see(noise(SIDE, SIDE, seed=seed)).stars.count for seed in range(30, 33)) <= 3
