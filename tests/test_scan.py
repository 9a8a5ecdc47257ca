"""The map of a frame: true means, true noise, whatever the numbers, the size and the camera."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skies import NOISE_ADU, SKY_ADU, grid, noise

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.frame import frame_from_array
from nebulift.scan import UNITS_PER_SIGMA, difference_noise, scan_frame
from nebulift.simulate import star_field


def scanned(pixels, bayer=None):
    return scan_frame(frame_from_array(pixels, Exposure(bayer=bayer)))


def heights_adu(scan):
    return scan.units / UNITS_PER_SIGMA * scan.sigma_adu + scan.zero_adu


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize(
    ("size", "bayer", "binned"), [((900, 1100), None, 1), ((1500, 1100), None, 2), ((900, 1100), "RGGB", 2)]
)
def test_level_and_noise_are_those_of_the_sky(dtype, size, bayer, binned):
    scan = scanned(noise(*size, dtype=dtype), bayer)
    assert scan.bin_px == binned
    assert scan.raw_noise_adu == pytest.approx(NOISE_ADU, rel=0.03)
    assert scan.sigma_adu == pytest.approx(NOISE_ADU / binned, rel=0.03)
    assert scan.zero_adu == pytest.approx(SKY_ADU, abs=0.1 * scan.sigma_adu)
    assert scan.units.std() / UNITS_PER_SIGMA == pytest.approx(1.0, rel=0.03)


def test_an_8_bit_frame_is_measured_like_any_other():
    scan = scanned(noise(600, 800, level=40.0, sigma=4.0, dtype=np.uint8))
    assert scan.raw_noise_adu == pytest.approx(np.hypot(4.0, 12**-0.5), rel=0.03)
    assert scan.zero_adu == pytest.approx(40.0, abs=0.4)


def test_stars_do_not_count_as_noise():
    field = star_field(1300, 1200, density_per_mpx=600.0)
    scan = scanned(field.pixels)
    assert scan.raw_noise_adu == pytest.approx(field.noise.noise_adu, rel=0.03)
    assert scan.zero_adu == pytest.approx(field.noise.sky_adu, abs=0.1 * field.noise.noise_adu)


def test_a_gradient_is_no_noise():
    x, y = grid(1000, 1000)
    scan = scanned(noise(1000, 1000, level=SKY_ADU + 600.0 * x + 400.0 * y))
    assert scan.raw_noise_adu == pytest.approx(NOISE_ADU, rel=0.03)


@pytest.mark.parametrize("steps", [0.5, 1.0, 3.0])
def test_noise_in_steps_of_16_is_found_to_15_percent(steps):
    """Camera noise below one step of its converter: no estimate from a few values is better."""
    smooth = np.random.default_rng(3).normal(62.5, steps, (1000, 1000))
    pixels = (np.rint(smooth) * 16).astype(np.uint16)
    assert scanned(pixels).raw_noise_adu == pytest.approx(pixels.std(), rel=0.15)


def test_the_colours_of_a_mosaic_are_no_noise_and_average_out():
    colour = np.tile([[500.0, 1000.0], [1000.0, 1500.0]], (400, 500))
    scan = scanned(noise(800, 1000, level=colour), "RGGB")
    assert scan.bin_px == 2
    assert scan.raw_noise_adu == pytest.approx(NOISE_ADU, rel=0.03)
    assert heights_adu(scan).mean() == pytest.approx(1000.0, abs=0.5)
    assert scan.units.std() / UNITS_PER_SIGMA == pytest.approx(1.0, rel=0.03)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(2, 150), width=st.integers(2, 90), bayer=st.sampled_from([None, "RGGB"]), seed=st.integers(0, 9)
)
def test_each_map_pixel_is_the_mean_of_its_raw_pixels(height, width, bayer, seed):
    pixels = noise(height, width, seed=seed)
    scan = scanned(pixels, bayer)
    b = scan.bin_px
    assert scan.units.shape == (height // b, width // b)
    whole = pixels[: height // b * b, : width // b * b].astype(float)
    means = whole.reshape(height // b, b, width // b, b).mean(axis=(1, 3))
    assert heights_adu(scan) == pytest.approx(means, abs=0.51 * scan.sigma_adu / UNITS_PER_SIGMA + 1e-3)


def test_the_extremes_are_those_of_the_raw_pixels():
    pixels = noise(1500, 1100)
    pixels[77, 5], pixels[1490, 1099] = 60000, 3
    scan = scanned(pixels)
    assert (scan.peak_adu, scan.floor_adu) == (60000.0, 3.0)


def test_a_height_beyond_the_scale_saturates_and_does_not_wrap():
    pixels = noise(200, 200, level=100.0, sigma=2.0)
    pixels[50:60, 50:60] = 65535
    scan = scanned(pixels)
    assert scan.units[55, 55] == 32767
    assert scan.units.min() > -32767


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_pixels_without_a_value_are_left_out_of_the_means(hole):
    pixels = noise(1300, 1300, dtype=np.float32)
    pixels[100, 100] = hole  # one of four
    pixels[200:300, 400:600] = hole
    scan = scanned(pixels)
    assert scan.valid is not None
    assert scan.valid[50, 50]
    assert not scan.valid[100:150, 200:300].any()
    assert (~scan.valid).sum() == 50 * 100
    assert np.abs(scan.units[50, 50]) < 6 * UNITS_PER_SIGMA
    assert (scan.units[~scan.valid] == 0).all()
    assert scan.raw_noise_adu == pytest.approx(NOISE_ADU, rel=0.03)
    assert np.isfinite([scan.peak_adu, scan.floor_adu]).all()


def test_a_float_frame_without_holes_has_no_mask():
    assert scanned(noise(100, 100, dtype=np.float32)).valid is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_constant_frame_has_a_flat_map(dtype):
    scan = scanned(np.full((300, 400), 77, dtype))
    assert (scan.units == 0).all()
    assert scan.sigma_adu > 0.0
    assert scan.zero_adu == 77.0


def test_the_noise_of_differences_is_that_of_the_pixels():
    assert difference_noise(noise(200, 2000, dtype=np.float32), 1) == pytest.approx(NOISE_ADU, rel=0.02)
    assert difference_noise(noise(200, 2000, dtype=np.float32), 2) == pytest.approx(NOISE_ADU, rel=0.02)
    assert difference_noise(np.empty((0, 5)), 1) == 0.0


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 16), (64, 64), (16, 3000), (3000, 16)])
@pytest.mark.parametrize("bayer", [None, "RGGB"])
def test_the_smallest_frames_are_judged_without_complaint(size, bayer):
    analysis = ArtifactDetector().analyse(frame_from_array(noise(*size), Exposure(bayer=bayer)))
    assert 0.0 <= analysis.score <= 1.0


@pytest.mark.parametrize("value", [0, 1000, 65535])
def test_constant_frames_of_all_levels_are_judged_and_not_clean(value):
    analysis = ArtifactDetector().analyse_array(np.full((500, 600), value, np.uint16))
    assert analysis.score < 0.3


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_frame_without_a_single_value_is_judged_and_not_clean(value):
    assert ArtifactDetector().analyse_array(np.full((300, 300), value, np.float32)).score < 0.3


@pytest.mark.parametrize("over", [1, 2, 63])
def test_a_frame_whose_last_strip_is_a_row_or_so_is_read_whole(over):
    scan = scanned(noise(24 * 64 + over, 1200))
    assert scan.units.shape == ((24 * 64 + over) // 2, 600)


def test_the_noise_of_a_drizzled_frame_is_the_scatter_of_its_pixels():
    """Neighbours that are made of the same pixels differ by less than the sky scatters."""
    finer = cv2.resize(noise(900, 900, dtype=np.float32), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    scan = scanned(finer)
    assert scan.raw_noise_adu == pytest.approx(finer.std(), rel=0.15)
    assert scan.units.std() / UNITS_PER_SIGMA == pytest.approx(1.0, rel=0.15)


def test_a_field_full_of_stars_is_not_taken_for_a_resampled_one():
    field = star_field(1300, 1200, density_per_mpx=12_000.0)
    assert scanned(field.pixels).raw_noise_adu < 1.3 * field.noise.noise_adu


@pytest.mark.parametrize("sigma", [0.25, 0.4, 0.6])
def test_noise_below_a_step_of_8_bits_is_told_by_its_mean_square(sigma):
    pixels = noise(900, 900, level=3.3, sigma=sigma, dtype=np.uint8)
    scan = scanned(pixels)
    assert scan.raw_noise_adu == pytest.approx(pixels.std(), rel=0.05)
    assert scan.is_coarse


def test_a_frame_of_one_value_is_not_coarse():
    assert not scanned(np.full((300, 300), 7, np.uint8)).is_coarse
