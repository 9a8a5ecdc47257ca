"""The sky: level, gradient, vignetting, all-sky discs told apart, and a map without ramps when they are taken off."""

import math

import numpy as np
import pytest
from skies import NOISE_ADU, SKY_ADU, grid, noise, see

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.simulate import star_field
from nebulift.sky.background import interpolated


def plane(height, width, range_sigma, angle_deg):
    """A tilted plane that rises towards ``angle_deg`` in the image and spans so many sigma between extreme corners."""
    y, x = np.mgrid[0:height, 0:width]
    along = x * math.cos(math.radians(angle_deg)) + y * math.sin(math.radians(angle_deg))
    return (along - along.min()) / (along.max() - along.min()) * range_sigma * NOISE_ADU


def bowl(height, width, loss, sky=SKY_ADU):
    """A sky that loses ``loss`` of its light in the corners, as the square of the distance."""
    x, y = grid(height, width)
    return sky * (1.0 - loss * 2.0 * (x**2 + y**2))


def test_the_level_is_found_to_a_tenth_of_the_noise_among_stars():
    field = star_field(1200, 900, density_per_mpx=800.0)
    seen = see(field.pixels)
    assert seen.sky.level_adu == pytest.approx(field.noise.sky_adu, abs=0.1 * field.noise.noise_adu)
    assert seen.sky.noise_adu == pytest.approx(field.noise.noise_adu, rel=0.03)


def test_a_flat_sky_has_no_gradient_no_vignetting_and_no_patches():
    sky = see(noise(1400, 1400)).sky
    assert sky.gradient_sigma < 0.2
    assert abs(sky.vignetting_sigma) < 0.2
    assert sky.patchiness_sigma < 0.1
    assert not sky.is_all_sky


@pytest.mark.parametrize("size", [(900, 1300), (1600, 1000)])
@pytest.mark.parametrize("angle", [0, 35, 118, 200, 305])
def test_size_and_direction_of_a_gradient_are_recovered(size, angle):
    sky = see(noise(*size, level=SKY_ADU + plane(*size, 12.0, angle))).sky
    assert sky.gradient_sigma == pytest.approx(12.0, rel=0.05)
    assert abs((sky.gradient_angle_deg - angle + 180) % 360 - 180) < 3.0


@pytest.mark.parametrize("bayer", [None, "RGGB"])
def test_the_same_gradient_is_told_in_the_same_units_binned_or_not(bayer):
    sky = see(noise(1000, 1200, level=SKY_ADU + plane(1000, 1200, 30.0, 60)), bayer).sky
    assert sky.gradient_sigma == pytest.approx(30.0, rel=0.05)


@pytest.mark.parametrize("loss", [0.1, 0.3, 0.5])
def test_vignetting_is_no_gradient(loss):
    sky = see(noise(1000, 1400, level=bowl(1000, 1400, loss))).sky
    assert sky.gradient_sigma < 0.3
    assert sky.vignetting_sigma == pytest.approx(loss * SKY_ADU / NOISE_ADU, rel=0.05)
    assert sky.patchiness_sigma < 0.2


def test_gradient_and_vignetting_are_told_apart_when_both_are_there():
    sky = see(noise(1000, 1400, level=bowl(1000, 1400, 0.3) + plane(1000, 1400, 8.0, 45))).sky
    assert sky.gradient_sigma == pytest.approx(8.0, rel=0.1)
    assert sky.vignetting_sigma == pytest.approx(10.0, rel=0.1)


def test_a_bright_galaxy_does_not_tilt_the_sky():
    x, y = grid(1200, 1200)
    galaxy = 40.0 * NOISE_ADU * np.exp(-np.hypot(x - 0.2, y + 0.15) / 0.03)
    sky = see(noise(1200, 1200, level=SKY_ADU + galaxy)).sky
    assert sky.gradient_sigma < 1.0
    assert sky.level_adu == pytest.approx(SKY_ADU, abs=0.3 * NOISE_ADU)


def test_clouds_are_patches():
    x, y = grid(1200, 1200)
    clouds = 5.0 * NOISE_ADU * np.sin(9.0 * x + 1.0) * np.cos(11.0 * y)
    sky = see(noise(1200, 1200, level=SKY_ADU + clouds)).sky
    assert sky.patchiness_sigma > 1.5


@pytest.mark.parametrize("side", [900, 1500])
def test_flattening_leaves_no_ramp_along_any_border(side):
    """A ramp of a quarter of the noise over a thousand pixels is an 8-sigma line to whoever looks for trails."""
    level = bowl(side, side, 0.4) + plane(side, side, 15.0, 30)
    flat = see(noise(side, side, level=level, seed=4)).flat / UNITS_PER_SIGMA
    for border in (flat[:8], flat[-8:], flat[:, :8].T, flat[:, -8:].T):
        assert abs(float(border.mean())) < 0.15
    assert flat.std() == pytest.approx(1.0, rel=0.05)


def test_the_flat_map_has_the_local_noise_as_its_unit():
    side = 1200
    x, _ = grid(side, side)
    pixels = noise(side, side, sigma=NOISE_ADU * (1.0 + x))  # half to one and a half
    flat = see(pixels).flat / UNITS_PER_SIGMA
    for columns in np.array_split(flat, 6, axis=1):
        assert columns.std() == pytest.approx(1.0, rel=0.06)


def disc(side, radius=0.45, glow=0.0):
    """A fisheye's image circle: sky inside, hardly anything outside, horizon glow along the rim."""
    x, y = grid(side, side)
    r = np.hypot(x, y)
    inside = np.clip((radius - r) * side / 6.0, 0.0, 1.0)
    return 100.0 + inside * (900.0 + glow * 900.0 * (r / radius) ** 4)


@pytest.mark.parametrize("side", [300, 330, 800, 1400])
@pytest.mark.parametrize("glow", [0.0, 1.0])
def test_the_disc_of_an_all_sky_lens_is_recognised(side, glow):
    seen = see(noise(side, side, level=disc(side, glow=glow), sigma=10.0))
    assert seen.sky.is_all_sky
    assert seen.background.inside is not None
    assert 0.33 < seen.background.inside.mean() < math.pi * 0.45**2
    corners = seen.flat[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 0).all()


@pytest.mark.parametrize("side", [480, 800, 1100])
def test_most_of_a_small_disc_is_looked_at(side):
    """A rim of two cells of 32 pixels would leave 0.44 of a disc of 430 pixels."""
    seen = see(noise(side, side, level=disc(side, glow=1.0), sigma=10.0))
    assert seen.background.inside is not None
    assert seen.background.inside.mean() > 0.65 * math.pi * 0.45**2
    assert (seen.flat[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()
    assert seen.streaks == ()


@pytest.mark.parametrize("step_sigma", [1.5, 4.0])
@pytest.mark.parametrize("side", [480, 1100])
def test_a_disc_hardly_brighter_than_the_dark_is_recognised_by_its_form(step_sigma, side):
    """Short exposures of all-sky lenses; not taken for one, its rim would be a trail."""
    level = 100.0 + 10.0 * step_sigma * (disc(side) - 100.0) / 900.0
    seen = see(noise(side, side, level=level, sigma=10.0))
    assert seen.sky.is_all_sky
    assert seen.streaks == ()


@pytest.mark.parametrize("height_sigma", [2.0, 5.0, 7.0])
@pytest.mark.parametrize("sharpness", [2, 4])  # 2: a Gaussian; no nebula ends as steeply as 4
def test_a_round_nebula_is_no_all_sky_disc(height_sigma, sharpness):
    x, y = grid(900, 1200)
    glow = np.exp(-((np.hypot(x * 1200.0 / 900.0, y * 1.2) / 0.35) ** sharpness))
    assert not see(noise(900, 1200, level=1000.0 + 30.0 * height_sigma * glow, sigma=30.0)).sky.is_all_sky


@pytest.mark.parametrize("step_sigma", [2.0, 6.0])
@pytest.mark.parametrize("half_sides", [(0.45, 0.25), (0.4, 0.4), (0.25, 0.45)])
def test_what_has_an_edge_and_is_not_round_is_no_all_sky_disc(half_sides, step_sigma):
    """A panel of a mosaic before another sky, or a nebula with a sharp border."""
    x, y = grid(900, 900)
    lit = (np.abs(x) < half_sides[0]) & (np.abs(y) < half_sides[1])
    assert not see(noise(900, 900, level=1000.0 + 30.0 * step_sigma * lit, sigma=30.0)).sky.is_all_sky


@pytest.mark.parametrize("radius", [0.1, 0.2])
def test_a_planet_is_no_all_sky_disc(radius):
    assert not see(noise(300, 300, level=disc(300, radius=radius), sigma=10.0)).sky.is_all_sky


def test_no_tongue_is_left_where_the_border_cuts_a_disc():
    x, y = grid(480, 640)
    r = np.hypot(x * 640.0 / 480.0, y)
    seen = see(noise(480, 640, level=100.0 + 900.0 * (r < 0.51), sigma=10.0))
    assert seen.background.inside is not None
    assert abs(seen.flat[:4]).max() < 16 * 8


@pytest.mark.parametrize("loss", [0.2, 0.5, 0.8])
def test_ordinary_vignetting_is_no_all_sky_disc(loss):
    assert not see(noise(1000, 1400, level=bowl(1000, 1400, loss, 3000.0))).sky.is_all_sky


def test_a_dome_that_covers_a_side_is_no_all_sky_disc():
    level = np.full((1000, 1000), SKY_ADU)
    level[:, :300] = 200.0
    assert not see(noise(1000, 1000, level=level)).sky.is_all_sky


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_frame_of_which_most_is_lost_can_still_be_measured(share):
    image = noise(900, 900)
    image[: round(900 * share)] = 0
    image[:, : round(900 * share)] = 0
    assert math.isfinite(see(image).sky.level_adu)


def test_a_border_without_values_stays_zero_and_disturbs_nothing():
    pixels = noise(1300, 1300, level=SKY_ADU + plane(1300, 1300, 6.0, 0), dtype=np.float32)
    pixels[:90] = np.nan
    pixels[:, :51] = np.nan
    seen = see(pixels)
    assert (seen.flat[:45, :] == 0).all()
    assert (seen.flat[:, :25] == 0).all()
    assert seen.flat[60:, 30:].std() / UNITS_PER_SIGMA == pytest.approx(1.0, rel=0.05)
    assert seen.sky.level_adu == pytest.approx(SKY_ADU + 3.0 * NOISE_ADU, abs=0.5 * NOISE_ADU)


def test_a_mesh_is_drawn_out_linearly_within_and_beyond_its_cells():
    mesh = np.add.outer(10.0 * np.arange(4), np.arange(6)).astype(np.float32)
    drawn = interpolated(mesh, (64, 96), 0, 64)
    y, x = np.mgrid[0:64, 0:96]
    assert drawn == pytest.approx((x + 0.5) / 16 - 0.5 + 10.0 * ((y + 0.5) / 16 - 0.5), abs=0.4)
    assert np.array_equal(drawn[16:48], interpolated(mesh, (64, 96), 16, 48))


@pytest.mark.parametrize("sigma", [1.75, 2.5, 30.0])
def test_the_noise_of_each_place_is_known_where_it_is_not_much_more_than_the_converters_step(sigma):
    seen = see(noise(900, 900, level=2000.0, sigma=sigma))
    assert float(np.median(seen.background.noise)) * seen.scan.sigma_adu == pytest.approx(sigma, rel=0.08)
    assert float(seen.flat.std()) / UNITS_PER_SIGMA == pytest.approx(1.0, abs=0.08)


def test_a_border_without_numbers_does_not_quieten_the_cells_that_it_lies_in():
    image = noise(900, 900, level=2000.0, sigma=30.0).astype(np.float32)
    image[:14] = np.nan
    assert float(see(image).background.noise.min()) > 0.75
