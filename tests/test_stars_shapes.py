"""Widths and elongations: those of the painted image, whatever its profile, its noise and the pixels it falls on."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skies import painted, see, star_shape

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.simulate import star_field
from nebulift.simulate.evidence import star_widths
from nebulift.simulate.tracking import drift
from nebulift.stars.fluxes import circle_flux, core_flux, half_flux_radius
from nebulift.stars.moments import FWHM_PER_SIGMA, half_maximum_masks, moments
from nebulift.stars.profile_fit import fit_profiles
from nebulift.stars.stamps import known_median

BINNED = 1300
NORMAL = {"beta": 20.0, "scatter_share": 1e-6}


def images(x, y, sigma_x, sigma_y, half=8):
    """Normal images of height 1, not gathered by pixels, shape (n, 2 half + 1, 2 half + 1)."""
    axis = np.arange(-half, half + 1)
    across = np.exp(-0.5 * (axis - np.asarray(x)[:, None]) ** 2 / sigma_x**2)
    down = np.exp(-0.5 * (axis - np.asarray(y)[:, None]) ** 2 / sigma_y**2)
    return (down[:, :, None] * across[:, None, :]).astype(np.float32)


@pytest.mark.parametrize("profile", [NORMAL, {"beta": 4.0}, {"beta": 2.5}], ids=["normal", "beta 4", "beta 2.5"])
@pytest.mark.parametrize("fwhm", [1.5, 2.0, 4.5, 12.0])
def test_fwhm_is_within_3_percent_whatever_the_profile_from_undersampled_to_bloated(fwhm, profile):
    shape = star_shape(fwhm, **profile)
    seen = see(painted(BINNED, shape, seed=2, density=60, snr=40.0).pixels).stars
    assert seen.fwhm_px == pytest.approx(star_widths(shape).fwhm_px, rel=0.03)


@pytest.mark.parametrize("diameter", [6.0, 15.0])
def test_flat_topped_images_of_defocus_without_an_obstruction_have_their_own_width(diameter):
    shape = star_shape(2.5, defocus_px=diameter)
    seen = see(painted(BINNED, shape, seed=2, density=60, snr=60.0).pixels).stars
    assert seen.fwhm_px == pytest.approx(star_widths(shape).fwhm_px, rel=0.07)


@pytest.mark.parametrize("snr", [20.0, 100.0])
@pytest.mark.parametrize("fwhm", [2.0, 3.0, 8.0])
def test_noise_does_not_draw_round_stars_out(fwhm, snr):
    found = see(painted(BINNED, star_shape(fwhm), seed=3, density=100, snr=snr).pixels)
    assert found.stars.elongation < 1.03
    assert np.median(found.list.shapes.elongation) > found.stars.elongation  # one by one they show it


@pytest.mark.parametrize("true", [1.2, 1.5, 2.0])
@pytest.mark.parametrize("fwhm", [2.0, 3.0, 8.0])
def test_elongated_stars_read_right_within_5_percent(fwhm, true):
    shape = star_shape(fwhm, elongation=true, elongation_angle_deg=20.0)
    seen = see(painted(BINNED, shape, seed=3, density=100, snr=30.0).pixels).stars
    assert seen.elongation == pytest.approx(star_widths(shape).elongation, rel=0.05)


@pytest.mark.parametrize("height", [400, 4000])
def test_hot_pixels_in_the_images_move_the_width_by_less_than_3_percent(height):
    sky = painted(BINNED, star_shape(3.0), seed=8, density=150, snr=60.0)
    rng = np.random.default_rng(1)
    hot = sky.pixels.astype(np.int64)
    hot[rng.integers(5, BINNED - 5, 1500), rng.integers(5, BINNED - 5, 1500)] += height
    before, after = see(sky.pixels).stars, see(hot.clip(0, 65535).astype(np.uint16)).stars
    assert after.fwhm_px == pytest.approx(before.fwhm_px, rel=0.03)
    assert after.elongation < 1.05


def test_stars_that_the_mount_left_twice_are_drawn_out():
    """A jump of the mount leaves two images close together: their light is one star's, drawn out."""
    first = painted(BINNED, star_shape(3.0), seed=5, density=80, snr=80.0)
    light = first.pixels.astype(np.float64) - 1000.0
    twice = 0.6 * light + 0.4 * np.roll(light, 5, axis=1) + 1000.0
    seen = see(np.rint(twice).clip(0, 65535).astype(np.uint16)).stars
    assert seen.elongation > 1.5
    assert seen.angle_coherence > 0.8
    assert min(seen.angle_deg, 180.0 - seen.angle_deg) < 5.0


def test_the_width_of_trailed_stars_is_that_of_the_area_above_half_of_their_peak():
    shape = star_shape(3.0, track=drift(6.0, 30.0))
    seen = see(painted(BINNED, shape, seed=4, density=80, snr=60.0).pixels).stars
    assert seen.fwhm_px == pytest.approx(star_widths(shape).fwhm_px, rel=0.05)


@given(seed=st.integers(0, 1000), sigma=st.floats(1.1, 2.5), ratio=st.floats(1.0, 1.25))
@settings(max_examples=60, deadline=None)
def test_normal_images_without_noise_are_fitted_exactly(seed, sigma, ratio):
    x, y = np.random.default_rng(seed).uniform(-0.9, 0.9, (2, 8))
    shapes = fit_profiles(images(x, y, sigma * ratio, sigma), 2.5 * sigma + 2.0, 1e-3)
    assert shapes.x == pytest.approx(x, abs=0.02)
    assert shapes.y == pytest.approx(y, abs=0.02)
    assert shapes.fwhm == pytest.approx(FWHM_PER_SIGMA * sigma * ratio**0.5, rel=0.03)
    assert shapes.elongation == pytest.approx(ratio, rel=0.03)


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["noise", "nothing", "one value", "gaps", "spots", "huge"]))
@settings(max_examples=60, deadline=None)
def test_what_is_no_star_is_measured_without_complaint_and_never_by_half(seed, kind):
    rng = np.random.default_rng(seed)
    n, half = int(rng.integers(0, 40)), int(rng.integers(4, 11))
    stamps = rng.normal(0.0, 1.0, (n, 2 * half + 1, 2 * half + 1))
    changed = {
        "noise": stamps,
        "nothing": 0.0 * stamps,
        "one value": 0.0 * stamps + 7.0,
        "gaps": np.where(rng.random(stamps.shape) < 0.5, np.nan, stamps),
        "spots": np.abs(stamps) * (rng.random(stamps.shape) < 0.03),
        "huge": stamps * 1e20,
    }[kind].astype(np.float32)
    colours = rng.integers(0, 3, changed.shape) if seed % 2 else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shapes = fit_profiles(changed, half - 1.0, float(rng.choice([0.0, 1.0])), colours)
        half_flux_radius(changed, shapes.x, shapes.y)
    measured = np.isfinite(shapes.fwhm)
    assert len(shapes.fwhm) == n
    assert np.isfinite(shapes.elongation[measured]).all()
    assert np.isfinite(shapes.x[measured]).all()


def test_what_noise_adds_to_the_ellipticity_is_told_in_advance():
    rng = np.random.default_rng(2)
    centres = rng.uniform(-0.5, 0.5, (2, 400))
    stamps = 30.0 * images(*centres, 1.3, 1.3) + rng.normal(0.0, 1.0, (400, 17, 17)).astype(np.float32)
    shapes = fit_profiles(stamps, 5.0, 1.0)
    square = shapes.elongation**2
    ellipticity = (square - 1.0) / (square + 1.0)
    assert np.median(ellipticity**2) == pytest.approx(
        2.0 * np.log(2.0) * np.median(shapes.ellipticity_variance), rel=0.2
    )


def test_half_of_the_light_of_a_normal_image_lies_within_half_of_its_fwhm():
    centres = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 20))
    radius = half_flux_radius(images(*centres, 2.0, 2.0), *centres)
    assert radius == pytest.approx(FWHM_PER_SIGMA, rel=0.02)  # half of 2.355 x 2


def test_the_light_is_the_same_by_weight_and_by_circle():
    centres = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 20))
    stamps = images(*centres, 1.5, 1.5)
    whole = 2.0 * np.pi * 1.5**2
    assert core_flux(stamps, *centres, FWHM_PER_SIGMA * 1.5) == pytest.approx(whole, rel=0.01)
    assert circle_flux(stamps, *centres, 7.0) == pytest.approx(whole, rel=0.01)


def test_light_that_ran_out_of_its_cut_out_is_not_measured():
    stamps = images([0.0], [0.0], 1.5, 1.5)
    assert np.isnan(core_flux(stamps, np.array([9.0]), np.array([0.0]), 3.5)).all()
    assert np.isnan(half_flux_radius(0.0 * stamps, np.zeros(1), np.zeros(1))).all()


def test_moments_of_an_image_are_those_of_its_light():
    shapes = moments(images([0.3], [-0.2], 2.4, 1.2), np.ones((1, 17, 17), dtype=bool))
    assert (shapes.x[0], shapes.y[0]) == pytest.approx((0.3, -0.2), abs=0.02)
    assert shapes.elongation[0] == pytest.approx(2.0, rel=0.03)


@given(seed=st.integers(0, 1000))
def test_the_median_of_what_is_known_is_that_of_numpy(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(0.0, 1.0, (8, int(rng.integers(1, 12)))).astype(np.float32)
    values[rng.random(values.shape) < 0.4] = np.nan
    some = np.isfinite(values).any(axis=1)
    assert known_median(values)[some] == pytest.approx(np.nanmedian(values[some], axis=1), abs=1e-6)
    assert (known_median(values)[~some] == 0.0).all()


def test_elongation_of_no_star_is_refused():
    found = see(painted(1000, star_shape(3.0), seed=1).pixels).list.shapes
    none = replace(found, **{name: getattr(found, name)[:0] for name in type(found).__slots__})
    with pytest.raises(ValueError, match="no star"):
        none.typical_elongation()


def test_the_light_of_a_saturated_star_is_not_measured_however_small_it_is():
    """Undersampled stars saturate in one pixel, which the mean of four hides."""
    rng = np.random.default_rng(8)
    pixels = rng.normal(1000.0, 20.0, (900, 900))
    y, x = np.mgrid[-6:7, -6:7]
    image = np.exp(-(x**2 + y**2) / (2.0 * (1.9 / FWHM_PER_SIGMA) ** 2))
    places = [(row, column) for row in range(40, 880, 80) for column in range(40, 880, 80)]
    peaks = np.where(np.arange(len(places)) % 3 == 0, 1.3 * 65535.0, 20_000.0)
    for (row, column), peak in zip(places, peaks, strict=True):
        pixels[row - 6 : row + 7, column - 6 : column + 7] += peak * image
    stars = ArtifactDetector().analyse_array(np.clip(pixels, 0, 65535).astype(np.uint16)).views.stars.shapes
    assert len(stars.flux_adu) == (peaks < 65535).sum()
    assert np.ptp(stars.flux_adu) < 0.1 * np.median(stars.flux_adu)


@pytest.mark.parametrize("flattened", [False, True])
def test_one_star_far_brighter_than_all_others_does_not_set_their_light(flattened):
    """Near full wells its core is flat, so that its wings seem to hold more: that is no measure of the others."""
    rng = np.random.default_rng(9)
    pixels = rng.normal(1000.0, 20.0, (900, 900))
    y, x = np.mgrid[-12:13, -12:13]
    image = np.exp(-(x**2 + y**2) / (2.0 * (4.4 / FWHM_PER_SIGMA) ** 2))
    for number, row in enumerate(range(60, 860, 160)):
        for column in range(60, 860, 160):
            peak = 50_000.0 if (row, column) == (380, 380) else 2000.0 + 100.0 * number
            star = np.minimum(peak * image, 0.6 * peak) if flattened and peak > 5000.0 else peak * image
            pixels[row - 12 : row + 13, column - 12 : column + 13] += star
    stars = ArtifactDetector().analyse_array(pixels.astype(np.uint16)).views.stars.shapes
    faint = stars.flux_adu[stars.flux_adu < 3e5]
    true = 2200.0 * 2.0 * np.pi * (4.4 / FWHM_PER_SIGMA) ** 2
    assert np.median(faint) == pytest.approx(true, rel=0.04)


def test_the_light_of_wide_stars_does_not_hang_on_the_sky_beneath_them():
    """Wide images are measured on the map, which is in units of the noise of each place."""
    field = star_field(1200, 800, fwhm_px=9.0, density_per_mpx=400, seed=8)
    rng = np.random.default_rng(8)
    lit = np.linspace(0.0, 3000.0, 1200) * np.ones((800, 1))
    even, uneven = (
        see((field.pixels + rng.poisson(more)).astype(np.uint16)).list.shapes for more in (lit.mean() + 0.0 * lit, lit)
    )
    apart = np.hypot(even.x_px[:, None] - uneven.x_px, even.y_px[:, None] - uneven.y_px)
    here, there = np.nonzero((apart < 2.0) & (even.flux_adu > np.median(even.flux_adu))[:, None])
    assert len(here) > 8
    slope = np.polyfit(even.x_px[here] / 1200, uneven.flux_adu[there] / even.flux_adu[here], 1)[0]
    assert abs(slope) < 0.08


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.7, -0.4), (-0.7, 0.4), (0.4, 0.7)])
def test_of_a_ring_the_lit_part_is_taken_though_its_very_middle_is_dark(x, y):
    down, across = np.mgrid[-8:9, -8:9]
    distance = np.hypot(down - y, across - x)
    ring = np.exp(-0.5 * ((distance - 3.0) / 0.8) ** 2).astype(np.float32)[None]
    shapes = moments(ring, half_maximum_masks(ring))
    assert shapes.elongation[0] < 1.15
    assert (shapes.x[0], shapes.y[0]) == pytest.approx((x, y), abs=0.3)
