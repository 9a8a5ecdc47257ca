"""Stars: as many as there are, as wide, as round and turned as they were painted; and none where there is none."""

from dataclasses import replace

import numpy as np
import pytest
import sep
from hypothesis import given, settings
from hypothesis import strategies as st
from skies import NOISE_ADU, SKY_ADU, grid, noise, painted, see, star_shape

from nebulift.simulate import star_field
from nebulift.simulate.evidence import star_widths
from nebulift.simulate.star_field import PERFECT
from nebulift.simulate.tracking import drift
from nebulift.stars import summarise

BINNED = 1300  # a frame of this side is binned, one of 1000 is not


def sep_sees(pixels):
    """(count, median half-flux radius of the bright ones) by the library of SExtractor's algorithms."""
    image = pixels.astype(np.float32)
    background = sep.Background(image)
    background.subfrom(image)
    found = sep.extract(image, 5.0, err=background.globalrms)
    bright = found[(found["flag"] == 0) & (found["peak"] > 30.0 * background.globalrms)]
    radius, _ = sep.flux_radius(image, bright["x"], bright["y"], 6.0 * bright["a"], 0.5)
    return len(found), float(np.median(radius))


def with_pixels(pixels, count, height_adu, seed=1):
    """``pixels`` with single hot ones."""
    rng = np.random.default_rng(seed)
    hot = pixels.astype(np.int64)
    hot[rng.integers(5, pixels.shape[0] - 5, count), rng.integers(5, pixels.shape[1] - 5, count)] += height_adu
    return hot.clip(0, 65535).astype(np.uint16)


# width ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1000, BINNED])
@pytest.mark.parametrize(("fwhm", "within"), [(1.5, 0.2), (2, 0.06), (3, 0.05), (4.5, 0.05), (6, 0.05), (12, 0.05)])
def test_fwhm_is_that_of_the_image_from_undersampled_to_bloated_stars(fwhm, within, side):
    shape = star_shape(fwhm)
    seen = see(painted(side, shape, seed=2, density=60, snr=40.0).pixels).stars
    assert seen.fwhm_px == pytest.approx(star_widths(shape).fwhm_px, rel=within)


@pytest.mark.parametrize("fwhm", [2.0, 3.0, 6.0, 12.0])
def test_half_flux_radius_agrees_with_sep_within_5_percent(fwhm):
    pixels = painted(BINNED, star_shape(fwhm), seed=2, density=60, snr=40.0).pixels
    assert see(pixels).stars.hfr_px == pytest.approx(sep_sees(pixels)[1], rel=0.05)


@pytest.mark.parametrize("bayer", ["RGGB", "GBRG"])
@pytest.mark.parametrize("fwhm", [3.0, 5.0])
def test_a_mosaic_shows_the_width_of_the_stars_and_not_of_its_cells(bayer, fwhm):
    seen = see(painted(1000, star_shape(fwhm), seed=2, snr=60.0, bayer=bayer).pixels, bayer).stars
    assert seen.fwhm_px == pytest.approx(star_widths(star_shape(fwhm)).fwhm_px, rel=0.05)
    assert seen.elongation < 1.1


def test_arcseconds_are_given_where_the_scale_is_known_and_only_there():
    found = see(painted(1000, star_shape(3.0)).pixels).list
    assert summarise(found, 1.0, 1.5).fwhm_arcsec == pytest.approx(1.5 * summarise(found, 1.0, 1.5).fwhm_px)
    assert summarise(found, 1.0, None).fwhm_arcsec is None


# shape ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [0.0, 30.0, 75.0, 120.0, 165.0])
@pytest.mark.parametrize(("length", "elongation"), [(3.0, 1.25), (6.0, 1.9), (12.0, 3.4)])
def test_stars_drawn_by_the_mount_are_elongated_along_its_motion_all_alike(length, elongation, angle):
    seen = see(painted(1000, star_shape(3.0, track=drift(length, angle)), seed=4, snr=60.0).pixels).stars
    assert seen.elongation == pytest.approx(elongation, rel=0.1)
    assert abs((seen.angle_deg - angle + 90.0) % 180.0 - 90.0) < 2.0
    assert seen.angle_coherence > 0.9


def test_round_stars_are_round_and_point_nowhere():
    seen = see(painted(BINNED, star_shape(3.0), density=300, snr=40.0).pixels).stars
    assert seen.elongation < 1.1
    assert seen.angle_coherence < 0.4
    assert seen.donut_fraction == 0.0


@pytest.mark.parametrize("side", [1000, BINNED])
@pytest.mark.parametrize("diameter", [12.0, 20.0, 30.0, 45.0])
def test_stars_out_of_focus_are_rings_of_their_diameter(diameter, side):
    seen = see(painted(side, star_shape(2.5, defocus_px=diameter, obstruction=0.35), seed=4, density=60, snr=60).pixels)
    assert seen.stars.donut_fraction > 0.5
    assert seen.stars.fwhm_px == pytest.approx(diameter, rel=0.07)
    assert seen.stars.elongation < 1.2


# number ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fwhm", [1.5, 3.0, 6.0])
def test_nearly_every_star_above_16_sigma_is_found_and_hardly_anything_else(fwhm):
    sky = painted(BINNED, star_shape(fwhm), density=200, seed=3, snr=16.0)
    found = see(sky.pixels).list
    distance = np.hypot(found.x_px[:, None] - sky.x_px, found.y_px[:, None] - sky.y_px)
    assert (distance.min(axis=0) < fwhm + 2.0).mean() > 0.9
    assert (distance.min(axis=1) > fwhm + 2.0).mean() < 0.03


@pytest.mark.parametrize("density", [3000.0, 12000.0])
def test_crowded_fields_lose_no_more_stars_than_in_sep(density):
    pixels = star_field(BINNED, BINNED, density_per_mpx=density, seed=3).pixels
    assert see(pixels).stars.count > 0.8 * sep_sees(pixels)[0]


def test_an_empty_sky_has_no_star_and_its_widths_are_not_measurable():
    seen = see(noise(BINNED, BINNED)).stars
    assert (seen.count, seen.measured) == (0, 0)
    assert seen.fwhm_px is seen.fwhm_arcsec is seen.hfr_px is None
    assert seen.elongation is seen.angle_deg is seen.angle_coherence is seen.donut_fraction is None


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), sigma=st.floats(1.0, 300.0), side=st.sampled_from([400, 900, 1300]))
def test_noise_of_a_converters_step_or_more_makes_no_more_than_chance_stars(seed, sigma, side):
    seen = see(noise(side, side, level=2000.0, sigma=sigma, seed=seed)).stars
    assert seen.count <= 8
    assert seen.measured == 0


@pytest.mark.parametrize("side", [1000, BINNED])
@pytest.mark.parametrize(("height_sigma", "taken_for_stars"), [(10, 20), (30, 2), (1000, 2)])
def test_of_300_hot_pixels_hardly_one_is_taken_for_a_star_and_the_bright_are_counted(
    side, height_sigma, taken_for_stars
):
    seen = see(with_pixels(noise(side, side), 300, round(height_sigma * NOISE_ADU))).stars
    assert seen.count <= taken_for_stars
    assert seen.hot_pixels > (250 if height_sigma > 10 else 0)


def test_hot_pixels_leave_the_stars_as_they_are_but_for_those_they_touch():
    field = star_field(BINNED, BINNED, density_per_mpx=200, seed=8)
    spoilt = with_pixels(field.pixels, 1000, 4000)
    clean, hot = see(field.pixels), see(spoilt)
    row, column = np.nonzero(spoilt > field.pixels)
    to_hot = np.hypot(clean.list.x_px[:, None] - column, clean.list.y_px[:, None] - row).min(axis=1)
    to_found = np.hypot(clean.list.x_px[:, None] - hot.list.x_px, clean.list.y_px[:, None] - hot.list.y_px).min(axis=1)
    assert (to_found[to_hot > 8.0] < 1.0).mean() > 0.97
    assert hot.stars.count == pytest.approx(clean.stars.count, rel=0.08)
    assert hot.stars.fwhm_px == pytest.approx(clean.stars.fwhm_px, rel=0.03)


def test_the_tracks_of_cosmic_rays_that_an_exposure_collects_are_no_stars():
    pixels = star_field(1000, 1000, density_per_mpx=150, seed=9).pixels.astype(np.int64)
    before = see(pixels.astype(np.uint16)).stars
    rng = np.random.default_rng(5)
    for x, y, angle in zip(*rng.integers(20, 980, (2, 12)), rng.uniform(0, np.pi, 12), strict=True):
        steps = np.arange(rng.integers(3, 9))
        rows, columns = np.rint(y + steps * np.sin(angle)), np.rint(x + steps * np.cos(angle))
        pixels[rows.astype(int), columns.astype(int)] += 2500
    after = see(pixels.clip(0, 65535).astype(np.uint16)).stars
    assert after.count <= before.count + 3
    assert after.fwhm_px == pytest.approx(before.fwhm_px, rel=0.03)


def test_a_bright_nebula_adds_few_stars_to_those_that_are_there():
    x, y = grid(BINNED, BINNED)
    rng = np.random.default_rng(6)
    clouds = [(*rng.uniform(-0.4, 0.4, 2), rng.uniform(0.03, 0.2), rng.uniform(500, 4000)) for _ in range(20)]
    glow = sum(high * np.exp(-0.5 * ((x - cx) ** 2 + (y - cy) ** 2) / wide**2) for cx, cy, wide, high in clouds)
    sky = painted(BINNED, star_shape(3.0), density=30, seed=6, snr=100.0)
    shot = rng.normal(0.0, 1.0, glow.shape) * np.sqrt(glow)
    nebulous = see(np.rint(sky.pixels + glow + shot).clip(0, 65535).astype(np.uint16)).stars
    assert 0.6 * len(sky.x_px) < nebulous.count < 1.3 * len(sky.x_px)
    assert nebulous.fwhm_px == pytest.approx(3.1, rel=0.1)


def test_saturated_stars_are_listed_but_not_measured():
    field = star_field(1000, 1000, density_per_mpx=200, seed=12, camera=replace(PERFECT, full_well_e=4000.0))
    seen = see(field.pixels)
    brightest = int(np.argmax(field.flux_adu))
    away = np.hypot(seen.list.x_px - field.x_px[brightest], seen.list.y_px - field.y_px[brightest])
    assert away.min() < 3.0
    measured = np.hypot(seen.list.shapes.x_px - field.x_px[brightest], seen.list.shapes.y_px - field.y_px[brightest])
    assert measured.min() > 5.0


def test_stars_do_not_depend_on_the_type_in_which_they_are_stored():
    pixels = star_field(1000, 1000, density_per_mpx=200, seed=13).pixels
    as_float = see(pixels.astype(np.float32)).stars
    assert as_float.count == pytest.approx(see(pixels).stars.count, rel=0.02)
    assert as_float.fwhm_px == pytest.approx(see(pixels).stars.fwhm_px, rel=0.01)


def test_the_sky_level_is_no_star():
    assert see(np.full((600, 600), round(SKY_ADU), np.uint16)).stars.count == 0
