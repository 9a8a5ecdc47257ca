"""Peaks of noise on a small bright nebula are not taken for the frame's stars; stars and their rings are."""

import numpy as np
import pytest
from skies import painted, see, star_shape

from nebulift.simulate.evidence import star_widths
from nebulift.stars.one_image import of_one_image
from nebulift.stars.stamps import map_stamps

SIDE = 1200


def with_planetary_nebula(shape, radius_px, *, density=20.0, height_adu=2500.0, seed=3):
    """A field of few stars about a smooth ring of light, as of M 57."""
    field = painted(SIDE, shape, density=density, snr=20.0, seed=seed).pixels
    down, across = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    distance = np.hypot(down - 560.0, across - 630.0)
    ring = height_adu * np.exp(-0.5 * ((distance - radius_px) / (0.3 * radius_px)) ** 2)
    return (field + np.random.default_rng(seed).poisson(ring)).astype(np.uint16)


@pytest.mark.parametrize("radius_px", [12.0, 28.0, 60.0])
@pytest.mark.parametrize("fwhm", [3.0, 5.0])
def test_a_planetary_nebula_does_not_widen_the_stars(fwhm, radius_px):
    shape = star_shape(fwhm)
    seen = see(with_planetary_nebula(shape, radius_px)).stars
    assert seen.fwhm_px == pytest.approx(star_widths(shape).fwhm_px, rel=0.04)
    assert seen.donut_fraction < 0.2
    true = len(painted(SIDE, shape, density=20.0, snr=20.0, seed=3).x_px)
    assert true - 2 <= seen.count <= true + 9  # before, up to a hundred peaks of the ring


def test_three_peaks_within_one_half_maximum_are_one_image_and_a_close_pair_is_two():
    image = np.zeros((200, 200))
    image[40:60, 40:60] = 100.0  # a plateau
    for y, x in ((120, 120), (120, 126)):
        down, across = np.mgrid[:200, :200]
        image += 100.0 * np.exp(-0.5 * ((down - y) ** 2 + (across - x) ** 2) / 1.5**2)
    x, y = np.array([45.0, 52.0, 55.0, 120.0, 126.0]), np.array([45.0, 50.0, 56.0, 120.0, 120.0])
    stamps = map_stamps(image, x, y, 12)
    shared, brightest = of_one_image(stamps, x, y)
    np.testing.assert_array_equal(shared, [True, True, True, False, False])
    np.testing.assert_array_equal(brightest, [True, False, False, False, False])
