"""Stars have the width, the light, the place and the colour that was asked for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nebulift.simulate.evidence import star_widths
from nebulift.simulate.optics import Telescope
from nebulift.simulate.psf import MIDDLE, StarShape, fine_psf, line_profile, place_in_field
from nebulift.simulate.star_field import PERFECT_OPTICS, star_field
from nebulift.simulate.star_painting import Stars, paint_stars
from nebulift.simulate.tracking import bump, drift, periodic, track_kernel, wind

ROUND = PERFECT_OPTICS


def one_star(x, y, flux=1e5, shape=None, bayer=None, colour=(1.0, 1.0, 1.0), noise_e=1.0, size=121):
    image = np.zeros((size, size), np.float32)
    stars = Stars(*(np.array([v], np.float32) for v in (x, y, flux)), np.array([colour], np.float32))
    paint_stars(image, stars, shape or StarShape(3.0, ROUND), noise_e, bayer)
    return image


def moments(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    total = image.sum()
    cx, cy = (image * x).sum() / total, (image * y).sum() / total
    return cx, cy, np.array([(image * (x - cx) ** 2).sum(), (image * (y - cy) ** 2).sum()]) / total


def fwhm_of(shape):
    """Twice the radius at half maximum, from stars at all quarters of a pixel: one dense curve."""
    r2, value = [], []
    for dx in (0.0, 0.25, 0.5, 0.75):
        for dy in (0.0, 0.25, 0.5, 0.75):
            image = one_star(60.0 + dx, 60.0 + dy, shape=shape)
            y, x = np.mgrid[:121, :121]
            r2.append(((x - 60.0 - dx) ** 2 + (y - 60.0 - dy) ** 2).ravel())
            value.append(image.ravel())
    r2, value = np.concatenate(r2), np.concatenate(value)
    core = (value > 0.3 * value.max()) & (r2 < 100.0)
    fit = np.polyfit(r2[core], np.log(value[core]), 4)
    grid = np.linspace(0.0, r2[core].max(), 4000)
    half = np.polyval(fit, 0.0) - np.log(2.0)
    return 2.0 * np.sqrt(grid[np.argmin(np.abs(np.polyval(fit, grid) - half))])


@pytest.mark.parametrize("fwhm", [2.5, 3.0, 4.5, 7.0])
def test_rendered_stars_have_the_width_that_was_asked_for(fwhm):
    gathered = np.hypot(fwhm, 2.355 / np.sqrt(12.0))  # a pixel adds the variance of its own width
    assert fwhm_of(StarShape(fwhm, ROUND)) == pytest.approx(gathered, rel=0.03)


@pytest.mark.parametrize("fwhm", [1.6, 2.0, 4.0])
def test_the_truth_tells_the_width_that_is_measured(fwhm):
    shape = StarShape(fwhm, ROUND)
    assert star_widths(shape).fwhm_px == pytest.approx(fwhm_of(shape), rel=0.03)


@settings(max_examples=25, deadline=None)
@given(x=st.floats(30.0, 90.0), y=st.floats(30.0, 90.0), flux=st.floats(50.0, 1e5))
def test_light_arrives_whole_and_where_it_belongs(x, y, flux):
    image = one_star(x, y, flux, noise_e=0.1)
    cx, cy, _ = moments(image)
    assert image.sum() == pytest.approx(flux, rel=0.02)
    assert (cx, cy) == (pytest.approx(x, abs=0.16), pytest.approx(y, abs=0.16))  # 4 phases a pixel


def test_stars_at_the_edge_are_cut_not_wrapped():
    image = one_star(-1.0, 60.0)
    assert image[:, 0].max() > 0
    assert image[:, 60:].max() == 0


def test_a_star_of_one_colour_lights_only_its_pixels_of_the_mosaic():
    for number, channel in enumerate("RGB"):
        colour = [0.0, 0.0, 0.0]
        colour[number] = 1.0
        image = one_star(60.0, 60.0, bayer="GRBG", colour=colour)
        for row in (0, 1):
            for column in (0, 1):
                lit = image[row::2, column::2].sum() > 0
                assert lit == ("GRBG"[2 * row + column] == channel)


def test_bright_stars_are_painted_wider_than_faint_ones():
    telescope = Telescope("t", 100, 500, scatter_share=0.05)
    bright = one_star(150.0, 150.0, 1e8, StarShape(3.0, telescope), noise_e=5.0, size=301)
    faint = one_star(150.0, 150.0, 1e3, StarShape(3.0, telescope), noise_e=5.0, size=301)
    assert np.count_nonzero(bright) > 50 * np.count_nonzero(faint)


def test_spikes_lie_where_the_spider_says():
    telescope = Telescope("t", 200, 800, 0.3, spikes=4, spike_angle_deg=0.0, spike_share=0.05, scatter_share=0.0)
    image = one_star(150.0, 150.0, 1e7, StarShape(3.0, telescope), size=301)
    assert image[150, 200] > 5.0 * image[185, 185]
    assert image[200, 150] == pytest.approx(image[150, 200], rel=0.1)


def test_a_donut_is_darker_in_the_middle():
    image = one_star(60.0, 60.0, shape=StarShape(2.5, Telescope("t", 200, 800, 0.4), defocus_px=24.0))
    assert image[60, 60] < 0.5 * image[60, 69]
    assert image.sum() == pytest.approx(1e5, rel=0.1)


def test_a_crowded_defocused_field_keeps_its_light():
    rng = np.random.default_rng(0)
    count = 20_000
    stars = Stars(
        rng.uniform(50, 350, count).astype(np.float32),
        rng.uniform(50, 350, count).astype(np.float32),
        np.full(count, 100.0, np.float32),
        np.ones((count, 3), np.float32),
    )
    image = np.zeros((400, 400), np.float32)
    paint_stars(image, stars, StarShape(3.0, ROUND, defocus_px=20.0), 30.0)
    assert image.sum() == pytest.approx(count * 100.0, rel=0.05)


@pytest.mark.parametrize("length", [4.0, 12.0])
def test_drift_draws_stars_to_its_length_and_direction(length):
    image = one_star(60.0, 60.0, shape=StarShape(3.0, ROUND, drift(length, 0.0)))
    still = one_star(60.0, 60.0)
    added = (
        moments(np.where(image > 1e-4 * image.max(), image, 0))[2]
        - moments(np.where(still > 1e-4 * still.max(), still, 0))[2]
    )
    assert added[0] == pytest.approx(length**2 / 12.0, rel=0.12)
    assert abs(added[1]) < 0.1 * added[0]


@pytest.mark.parametrize("maker", [periodic, wind, bump])
def test_every_motion_is_centred_and_spends_all_its_time_somewhere(maker):
    track = maker(10.0, 30.0, np.random.default_rng(3))
    assert track.weights.sum() == pytest.approx(1.0)
    assert np.allclose((track.points_px * track.weights[:, None]).sum(axis=0), 0.0, atol=1e-9)
    assert track_kernel(track, 2).sum() == pytest.approx(1.0, rel=1e-5)
    assert 6.0 < track.length_px < 20.0


def test_a_bump_makes_two_images():
    track = bump(16.0, 0.0, np.random.default_rng(1))
    row = one_star(60.0, 60.0, shape=StarShape(3.0, ROUND, track))[60]
    peaks = [i for i in range(1, 120) if row[i] > row[i - 1] and row[i] >= row[i + 1] and row[i] > 0.1 * row.max()]
    assert len(peaks) == 2
    assert 14 <= peaks[1] - peaks[0] <= 18


def test_all_light_of_a_star_is_in_its_profile():
    shape = StarShape(3.0, Telescope("t", 200, 800, 0.3, spikes=4, halo_radius_px=40.0))
    assert fine_psf(shape, MIDDLE, 200, 1).sum() == pytest.approx(1.0, abs=0.02)
    distance, across = line_profile(StarShape(3.0, ROUND))
    assert 2.0 * across.sum() * (distance[1] - distance[0]) == pytest.approx(1.0, rel=0.02)


def test_a_star_field_says_where_its_stars_are():
    field = star_field(300, 200, density_per_mpx=400, sky_adu=500.0, seed=3)
    again = star_field(300, 200, density_per_mpx=400, sky_adu=500.0, seed=3)
    assert field.pixels.shape == (200, 300)
    assert np.array_equal(field.pixels, again.pixels)
    assert np.median(field.pixels) == pytest.approx(field.noise.sky_adu, abs=3.0)
    brightest = int(np.argmax(field.flux_adu))
    y, x = round(float(field.y_px[brightest])), round(float(field.x_px[brightest]))
    assert field.pixels[y, x] > field.noise.sky_adu + 20.0 * field.noise.noise_adu


def test_a_tilted_sensor_widens_the_stars_towards_one_edge():
    tilted = replace(ROUND, tilt=0.5, tilt_angle_deg=90.0)
    widths = [fwhm_at(tilted, 0.0, y) for y in (-0.9, 0.0, 0.9)]
    assert widths[0] == pytest.approx(widths[1], rel=0.02)
    assert widths[2] == pytest.approx(1.45 * widths[1], rel=0.06)


def test_coma_draws_the_stars_of_the_corners_outwards():
    place = place_in_field(replace(ROUND, coma=0.8), 0.9, 0.9)
    assert place.radial_angle_deg == pytest.approx(45.0)
    image = fine_psf(StarShape(3.0, replace(ROUND, coma=0.8)), place, 20, 3).astype(np.float64)
    image[image < 0.3 * image.max()] = 0.0
    y, x = np.mgrid[: image.shape[0], : image.shape[1]] - image.shape[0] // 2
    along, across = (((x + sign * y) ** 2 * image).sum() / image.sum() for sign in (1.0, -1.0))
    assert along > 1.2 * across


def fwhm_at(telescope, x, y):
    """Of a star at (x, y) of the field, -1..1, from its area above half of its height."""
    image = fine_psf(StarShape(3.0, telescope), place_in_field(telescope, x, y), 20, 5)
    return 2.0 * np.sqrt((image > 0.5 * image.max()).sum() / np.pi) / 5.0
