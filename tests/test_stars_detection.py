"""What is a star and what is not: completeness by brightness, and false stars where there is none."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skies import NOISE_ADU, SKY_ADU, noise, painted, see, star_shape

from nebulift.frame import frame_from_array
from nebulift.scan import UNITS_PER_SIGMA
from nebulift.simulate import star_field
from nebulift.stars import find_peaks
from nebulift.stars.detection_scale import best_level
from nebulift.stars.peaks import PEAK_SIGMA, Peaks, pyramid, smoothed, smoothed_noise
from nebulift.stars.stamps import Places, map_stamps, raw_stamps

SIDE = 1300
AREA_MPX = SIDE**2 / 1e6


def found_share(sky, fwhm):
    """Share of the painted stars that are found."""
    found = see(sky.pixels).list
    distance = np.hypot(found.x_px[:, None] - sky.x_px, found.y_px[:, None] - sky.y_px)
    return float((distance.min(axis=0) < fwhm + 2.0).mean()) if len(found.x_px) else 0.0


def with_tracks(pixels, count, rng):
    """``pixels`` with the tracks of particles: one pixel wide, up to eight long, 20 to 200 times the noise."""
    hit = pixels.astype(np.int64)
    for _ in range(count):
        x, y, angle = *rng.uniform(10, SIDE - 10, 2), rng.uniform(0.0, math.pi)
        steps = np.arange(rng.integers(1, 9))
        rows, columns = np.rint(y + steps * math.sin(angle)), np.rint(x + steps * math.cos(angle))
        hit[rows.astype(int), columns.astype(int)] += int(rng.uniform(20.0, 200.0) * NOISE_ADU)
    return hit.clip(0, 65535).astype(np.uint16)


@pytest.mark.parametrize("fwhm", [1.5, 3.0])
def test_stars_of_15_sigma_are_found_and_of_3_sigma_not(fwhm):
    # ``snr`` is that of the matched filter; ``brightest`` makes all stars about as bright
    bright = painted(SIDE, star_shape(fwhm), density=60, seed=3, snr=15.0, brightest=1.01)
    faint = painted(SIDE, star_shape(fwhm), density=60, seed=3, snr=3.0, brightest=1.01)
    assert found_share(bright, fwhm) > 0.95
    assert found_share(faint, fwhm) < 0.1


def test_peaks_of_noise_do_not_choose_the_scale_at_which_wide_stars_are_sought():
    """Of stars 12 pixels wide one may be a peak of the finest map; two of the noise beside it are no majority."""
    maps = pyramid(np.rint(np.random.default_rng(4).normal(0.0, UNITS_PER_SIGMA, (600, 600))).astype(np.int16), 4)
    noisy = find_peaks(maps[0], 4.0)
    wide = Peaks(np.float32([300.0, *noisy.x[:2]]), np.float32([300.0, *noisy.y[:2]]), np.float32([300.0, 5.3, 5.1]))
    assert best_level(maps, wide, smoothed_noise(maps[0])) is None
    sure = Peaks(wide.x, wide.y, np.float32([300.0, 200.0, 100.0]))
    assert best_level(maps, sure, smoothed_noise(maps[0])) == 0


@pytest.mark.parametrize("height_sigma", [15.0, 60.0, 800.0])
def test_frames_of_nothing_but_hot_pixels_have_hardly_a_star_and_none_with_a_shape(height_sigma):
    rng = np.random.default_rng(2)
    pixels = noise(SIDE, SIDE).astype(np.int64)
    count = round(500 * AREA_MPX)
    pixels[rng.integers(5, SIDE - 5, count), rng.integers(5, SIDE - 5, count)] += round(height_sigma * NOISE_ADU)
    seen = see(pixels.clip(0, 65535).astype(np.uint16)).stars
    assert seen.count <= 4.0 * AREA_MPX
    assert seen.measured <= 1


def test_pairs_of_hot_pixels_are_no_stars_even_where_there_are_no_stars_to_compare_with():
    rng = np.random.default_rng(3)
    pixels = noise(SIDE, SIDE).astype(np.int64)
    row, column = rng.integers(5, SIDE - 5, (2, 100))
    pixels[row, column] += 1500
    pixels[row, column + 1] += 1200
    assert see(pixels.astype(np.uint16)).stars.count <= 3


def test_particles_on_a_frame_without_stars_are_no_stars():
    seen = see(with_tracks(noise(SIDE, SIDE), 60, np.random.default_rng(4))).stars
    assert seen.count <= 6
    assert seen.measured <= 3


def test_particles_leave_the_stars_as_they_are():
    field = star_field(SIDE, SIDE, density_per_mpx=150, seed=9).pixels
    before, after = see(field).stars, see(with_tracks(field, 60, np.random.default_rng(4))).stars
    assert after.count == pytest.approx(before.count, abs=6)
    assert after.fwhm_px == pytest.approx(before.fwhm_px, rel=0.03)


def test_a_field_as_crowded_as_the_milky_way_is_counted_and_measured():
    """12 000 stars a megapixel, 50 000 on this sensor's size times three."""
    seen = see(star_field(SIDE, SIDE, fwhm_px=3.0, density_per_mpx=12_000, seed=5).pixels).stars
    assert seen.count > 2000
    assert seen.measured > 100
    assert seen.fwhm_px == pytest.approx(3.1, rel=0.1)
    assert seen.elongation < 1.1


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_handful_of_stars_is_enough_for_a_width_and_none_for_none(count):
    sky = painted(1000, star_shape(3.0), density=0.0, seed=1)
    rng = np.random.default_rng(count)
    pixels = sky.pixels.astype(np.float64)
    y, x = np.mgrid[0:1000, 0:1000]
    for cx, cy in rng.uniform(50, 950, (count, 2)):
        pixels += 1700.0 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2.0 * 1.4**2))
    seen = see(np.rint(pixels).astype(np.uint16)).stars
    assert seen.measured == count
    assert seen.count <= count + 1  # noise of a million pixels makes one
    assert (seen.fwhm_px is None) == (count == 0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), height=st.integers(20, 300), width=st.integers(20, 300))
def test_peaks_are_the_highest_within_two_pixels_and_stand_above_the_limit(seed, height, width):
    rng = np.random.default_rng(seed)
    units = np.rint(rng.normal(0.0, UNITS_PER_SIGMA, (height, width))).astype(np.int16)
    spots = rng.integers(0, height * width // 40 + 1)
    units[rng.integers(0, height, spots), rng.integers(0, width, spots)] += rng.integers(50, 900, spots).astype(
        np.int16
    )
    peaks, surface, level = find_peaks(units), smoothed(units), smoothed_noise(units)
    x, y = peaks.x.astype(int), peaks.y.astype(int)
    assert (peaks.snr * level > PEAK_SIGMA * level - 1.0).all()
    assert (np.diff(peaks.snr) <= 0.0).all()
    for column, row in zip(x, y, strict=True):
        around = surface[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert surface[row, column] == around.max()
    apart = np.maximum(np.abs(x[:, None] - x), np.abs(y[:, None] - y))
    assert len(x) < 2 or (apart + 9 * np.eye(len(x), dtype=int)).min() > 2


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_cut_outs_are_the_pixels_of_the_frame_and_nan_beyond_its_border(seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 60_000, (300, 200)).astype(np.uint16)
    frame = frame_from_array(pixels)
    x, y = rng.uniform(-0.4, 199.4, 25), rng.uniform(-0.4, 299.4, 25)
    small, large = raw_stamps(frame, Places(x, y, 3), Places(x[:7], y[:7], 9))
    padded = np.pad(pixels.astype(np.float32), 9, constant_values=np.nan)
    for at, (column, row) in enumerate(zip(np.rint(x).astype(int) + 9, np.rint(y).astype(int) + 9, strict=True)):
        np.testing.assert_array_equal(small[at], padded[row - 3 : row + 4, column - 3 : column + 4])
        if at < 7:
            np.testing.assert_array_equal(large[at], padded[row - 9 : row + 10, column - 9 : column + 10])
    np.testing.assert_array_equal(map_stamps(pixels, x, y, 3), small)


def test_wide_images_in_a_crowd_are_found_on_a_coarser_map():
    """On the finest one, where the bright ones stand out best, they are as wide as knots of a nebula."""
    field = star_field(900, 900, density_per_mpx=4000.0, fwhm_px=11.0, seed=5)
    seen = see(field.pixels)
    assert seen.stars.count > 250  # 96 on the finest
    assert seen.stars.fwhm_px == pytest.approx(11.0, rel=0.03)
    apart = np.hypot(seen.list.x_px[:, None] - field.x_px, seen.list.y_px[:, None] - field.y_px)
    assert (apart.min(axis=1) < 6.0).all()


def registered(fwhm_px, seed, hot=25):
    """A field with hot pixels, moved by half a pixel with linear interpolation: each lies in four pixels then."""
    field = star_field(900, 800, density_per_mpx=150.0, fwhm_px=fwhm_px, seed=seed).pixels.astype(np.float32)
    rng = np.random.default_rng(seed)
    field[rng.integers(0, 800, hot), rng.integers(0, 900, hot)] += rng.uniform(1000.0, 8000.0, hot)
    return cv2.warpAffine(field, np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.4]]), (900, 800))[1:, 1:]


@pytest.mark.parametrize("fwhm_px", [3.5, 6.0])
@pytest.mark.parametrize("seed", range(4))
def test_hot_pixels_of_a_registered_frame_do_not_speak_for_its_stars(fwhm_px, seed):
    measured = see(registered(fwhm_px, seed)).stars
    widened = np.hypot(fwhm_px, 2.355 * np.hypot(0.5, 0.49) / 2**0.5)  # linear interpolation is a blur
    assert measured.fwhm_px == pytest.approx(widened, rel=0.1)


@pytest.mark.parametrize("fwhm_px", [1.4, 1.8])
def test_sharp_stars_are_kept_in_a_field_with_wider_ones_too(fwhm_px):
    """Galaxies and doubles are wider; most of the stars are as sharp as hot pixels of a registered frame."""
    sharp = star_field(900, 800, density_per_mpx=150.0, fwhm_px=fwhm_px, seed=1)
    alone = see(sharp.pixels).stars
    wide = star_field(900, 800, density_per_mpx=12.0, fwhm_px=6.0, seed=2).pixels.astype(np.int32) - int(SKY_ADU)
    both = see((sharp.pixels + wide.clip(0)).astype(np.uint16)).stars
    assert both.count > 0.8 * alone.count  # the wide ones cover some
    assert both.fwhm_px == pytest.approx(alone.fwhm_px, rel=0.1)
