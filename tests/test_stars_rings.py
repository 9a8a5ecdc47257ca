"""Stars out of focus behind a central obstruction are rings, also where they overlap and where each has many peaks."""

import numpy as np
import pytest

from nebulift.stars.rings import pooled_rings
from tests.skies import painted, see, star_shape

FWHM_PX = 12.0


def cut_outs(image, count, seed=0, noise=8.0):
    """Cut-outs of ``image`` (a function of the distance from its middle), each up to four pixels off."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-24:25, -24:25]
    shifts = rng.uniform(-4.0, 4.0, (count, 2))
    return np.stack([image(x - dx, y - dy) + rng.normal(0.0, noise, x.shape) for dx, dy in shifts]).astype(np.float32)


def ring(x, y):
    return 800.0 * np.exp(-0.5 * ((np.hypot(x, y) - 5.0) / 1.3) ** 2)


def disc(x, y):
    return 800.0 / (1.0 + np.exp(1.5 * (np.hypot(x, y) - 6.0)))


def two_images(x, y):
    return 800.0 * (np.exp(-0.5 * np.hypot(x - 5.0, y) ** 2 / 4.0) + np.exp(-0.5 * np.hypot(x + 5.0, y) ** 2 / 4.0))


def test_the_median_of_rings_is_one_though_a_neighbour_spoils_some_of_them():
    rng = np.random.default_rng(1)
    stamps = cut_outs(ring, 30, noise=60.0)
    for number in range(len(stamps)):  # half of another ring across every image, from another side each time
        angle, away = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(4.0, 14.0)
        dx, dy = away * np.cos(angle), away * np.sin(angle)
        stamps[number] += 0.5 * cut_outs(lambda x, y, dx=dx, dy=dy: ring(x - dx, y - dy), 1, noise=0.0)[0]
    like, width = pooled_rings(stamps, FWHM_PX)
    assert like.mean() > 0.5
    assert width == pytest.approx(2.0 * (5.0 + 1.3 * 1.18), rel=0.25)


@pytest.mark.parametrize("image", [disc, two_images])
def test_discs_and_double_images_are_no_rings(image):
    like, width = pooled_rings(cut_outs(image, 12), FWHM_PX)
    assert not like.any()
    assert width == 0.0


def test_four_images_are_too_few_for_a_median():
    assert not pooled_rings(cut_outs(ring, 4), FWHM_PX)[0].any()


def test_rings_of_a_crowded_field_are_told():
    stars = see(painted(700, star_shape(3.0, defocus_px=22.0, obstruction=0.4), density=2000.0).pixels).stars
    assert stars.donut_fraction > 0.5
    assert stars.fwhm_px == pytest.approx(22.0, rel=0.15)


def test_a_ring_of_many_peaks_is_one_star():
    field = painted(900, star_shape(3.0, defocus_px=44.0, obstruction=0.4), density=60.0, snr=60.0)
    stars = see(field.pixels).stars
    assert stars.donut_fraction > 0.5
    assert stars.fwhm_px == pytest.approx(44.0, rel=0.15)
    assert 0.5 * len(field.x_px) <= stars.count <= 1.2 * len(field.x_px)
    assert stars.measured >= 8


@pytest.mark.parametrize("seed", range(2))
def test_rings_in_a_crowd_of_faint_ones_are_sought_on_the_map_that_fits_them(seed):
    shape = star_shape(2.5, defocus_px=25.0, obstruction=0.4)
    stars = see(
        painted(700, shape, density=2500.0, snr=3.0, brightest=300.0, bayer="RGGB", seed=seed).pixels, "RGGB"
    ).stars
    assert stars.donut_fraction > 0.6
    assert stars.fwhm_px == pytest.approx(25.0, rel=0.15)
