"""What is hidden from the search for trails, and what must not be: coarse steps, and a trail's own light."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from skies import NOISE_ADU, SKY_ADU, see
from test_streaks_company import line

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.simulate import add_streak, star_field
from nebulift.streaks.burnt_stars import BLOB_SIGMA, BurntStars, find_burnt_stars
from nebulift.streaks.own_light import without_own_light
from nebulift.streaks.star_cover import find_patches, no_data
from nebulift.streaks.vetoes import veto


def pyramid(finest):
    maps = [finest]
    while len(maps) < 4:
        height, width = maps[-1].shape
        coarser = maps[-1].reshape(height // 2, 2, width // 2, 2).astype(np.int32).sum(axis=(1, 3)) // 2
        maps.append(coarser.astype(np.int16))
    return maps


def coarse_steps(shape, seed=0):
    """Noise of half a step of the camera: most pixels lie exactly on the level of the sky."""
    return (np.rint(np.random.default_rng(seed).normal(0.0, 0.45, shape)) * 35).astype(np.int16)


def test_a_sky_of_coarse_steps_is_data_though_most_of_its_pixels_are_alike():
    finest = coarse_steps((400, 640))
    assert (finest == 0).mean() > 0.7
    assert not no_data(pyramid(finest), 0).any()


def test_a_region_without_data_is_told_beside_a_sky_of_coarse_steps():
    finest = coarse_steps((400, 640))
    finest[:, :100] = 0
    found = no_data(pyramid(finest), 0)
    assert found[:, :96].all()
    assert not found[:, 124:].any()


def test_a_narrow_strip_without_data_is_told_where_the_noise_is_fine():
    finest = np.random.default_rng(1).normal(0.0, 16.0, (400, 640)).round().astype(np.int16)
    finest[finest == 0] = 1
    finest[:5] = 0
    found = no_data(pyramid(finest), 0)
    assert found[:5].all()
    assert not found[16:].any()


@pytest.mark.parametrize("seed", range(2))
def test_a_trail_on_a_frame_of_8_bits_whose_noise_is_below_a_step_is_found(seed):
    field = star_field(900, 900, density_per_mpx=200.0, seed=seed)
    pixels, _ = add_streak(field, (0.0, 200.0 + 100 * seed, 899.0, 700.0), peak_sigma=1.5, seed=seed)
    steps = np.clip(np.rint((pixels.astype(float) - SKY_ADU) / (2.2 * NOISE_ADU)) + 8, 0, 255).astype(np.uint8)
    assert len(see(steps).streaks) == 1


def test_peaks_in_a_row_are_pieces_of_a_trail_but_for_a_bright_star_that_it_crosses():
    rng = np.random.default_rng(2)
    place = np.linspace(0.05, 0.95, 12)
    x, y = np.append(rng.uniform(0, 900, 300), 900 * place), np.append(rng.uniform(0, 900, 300), 100 + 600 * place)
    snr = np.append(rng.uniform(6, 60, 300), np.full(12, 8.0))
    snr[-1] = 90.0
    seen = see(star_field(900, 900, density_per_mpx=50.0, seed=4).pixels)
    stars = replace(seen.list, x_px=x, y_px=y, snr=snr, line_like=np.zeros(312, dtype=bool))
    patches = find_patches(seen.maps)
    own = without_own_light([(0.0, 100.0, 900.0, 700.0)], stars, patches, 3.0, 8, sharp=True)
    assert own is not None
    assert own[0].line_like[300:-1].all()
    assert not own[0].line_like[-1]
    assert own[0].line_like[:300].sum() <= 3  # stars that happen to lie on it
    assert without_own_light([(0.0, 700.0, 900.0, 100.0)], stars, patches, 3.0, 8, sharp=True) is None


def test_a_burnt_out_star_is_known_where_it_stands_at_the_corner_of_four_cells():
    finest = np.zeros((256, 256), np.float32)
    cv2.circle(finest, (64, 96), 3, 1.0, -1)
    finest = cv2.GaussianBlur(finest, (0, 0), 1.5)
    light = 8 * 1100 * UNITS_PER_SIGMA  # 1100 sigma of a cell of 8 x 8 pixels
    maps = pyramid((finest * (light / finest.sum())).astype(np.int16))
    assert maps[3].max() < BLOB_SIGMA * UNITS_PER_SIGMA
    burnt = find_burnt_stars(maps, 1)
    assert len(burnt.x_px) == 1
    assert np.hypot(burnt.x_px[0] - 64.0, burnt.y_px[0] - 96.0) < 4.0


@pytest.mark.parametrize(("snr", "reason"), [(300.0, None), (30.0, "row or column of the sensor")])
def test_a_wide_line_that_leans_by_its_own_width_is_a_row_of_the_sensor_unless_it_is_bright(snr, reason):
    stars = see(star_field(600, 800, density_per_mpx=50.0, seed=4).pixels).list
    nothing = np.empty(0)
    wide = replace(line(0.0, 300.0, 799.0, 312.0, snr=snr), fwhm=11.0)
    burnt = BurntStars(nothing, nothing, nothing, nothing)
    assert veto(wide, (600, 800), stars, burnt, lambda _x, _y: False) == reason


@pytest.mark.parametrize(("star_x_px", "reason"), [(301.0, "diffraction spike"), (240.0, None)])
def test_a_short_line_with_a_burnt_out_star_in_its_very_middle_is_its_spike_though_its_light_does_not_fade(
    star_x_px, reason
):
    stars = see(star_field(600, 800, density_per_mpx=1.0, seed=4).pixels).list
    short = line(200.0, 250.0, 400.0, 290.0, snr=20.0)
    at = np.array([star_x_px]), np.array([250.0 + (star_x_px - 200.0) * 0.2])
    burnt = BurntStars(*at, np.array([5.0]), np.array([12.0]))
    assert veto(short, (600, 800), stars, burnt, lambda _x, _y: False) == reason
