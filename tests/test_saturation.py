"""Saturation: the camera's own ceiling is found in raw numbers, and noise, however bright, reaches none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skies import noise, see

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.findings import Kind
from nebulift.simulate import star_field

SIDE = 400
CEILINGS = {"8 bits": 255, "12 bits": 4095, "14 bits": 16383, "16 bits": 65535, "12 bits in 16": 65520, "odd": 51234}


def burnt(ceiling, side_px, at=(100, 150)):
    """A sky at a tenth of the ceiling with a square that is burnt out."""
    sigma = max(ceiling / 1000.0, 2.0)
    image = noise(SIDE, SIDE, level=ceiling / 10.0, sigma=sigma).astype(np.float64)
    row, column = at
    image[row : row + side_px, column : column + side_px] = 2.0 * ceiling
    return image.clip(0, ceiling).astype(np.uint16)


@pytest.mark.parametrize("ceiling", CEILINGS.values(), ids=CEILINGS.keys())
def test_the_ceiling_of_every_converter_is_found_with_its_area(ceiling):
    seen = see(burnt(ceiling, 40)).saturation
    assert seen.ceiling_adu == pytest.approx(ceiling, rel=0.01)
    assert seen.saturated_fraction == pytest.approx((40 / SIDE) ** 2, rel=0.02)
    assert seen.largest_blob_fraction == pytest.approx((40 / SIDE) ** 2, rel=0.25)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), level=st.floats(200.0, 50_000.0), sigma=st.floats(2.0, 60.0))
def test_noise_of_any_level_is_not_saturated(seed, level, sigma):
    assert see(noise(300, 300, level=level, sigma=sigma, seed=seed)).saturation.saturated_fraction < 1e-4


@pytest.mark.parametrize("scale", [1.0, 65535.0, 1.0 / 65535.0])
def test_the_ceiling_of_numbers_that_are_not_whole_is_found_whatever_their_scale(scale):
    image = burnt(65535, 40).astype(np.float32) * np.float32(scale / 65535.0)
    seen = see(image).saturation
    assert seen.ceiling_adu == pytest.approx(scale, rel=0.01)
    assert seen.saturated_fraction == pytest.approx((40 / SIDE) ** 2, rel=0.02)


def test_a_ceiling_that_a_flat_field_tilted_is_found():
    image = burnt(65535, 30).astype(np.float32)
    image[300:330, 300:330] = 65535.0
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5
    seen = see((image / (1.0 - 0.2 * (x**2 + y**2))).astype(np.float32)).saturation
    assert seen.ceiling_adu is not None
    assert seen.saturated_fraction == pytest.approx(2 * (30 / SIDE) ** 2, rel=0.05)


def test_stars_in_numbers_that_are_not_whole_do_not_make_a_ceiling():
    field = star_field(SIDE, SIDE, density_per_mpx=2000.0, seed=4).pixels
    flattened = field.astype(np.float32) / np.linspace(0.8, 1.0, SIDE, dtype=np.float32)
    assert see(flattened).saturation.ceiling_adu is None


@pytest.mark.parametrize("wild", [-1e9, 1e9, -1e4])
def test_one_wild_number_of_a_calibrated_frame_saturates_nothing(wild):
    image = star_field(SIDE, SIDE, density_per_mpx=300.0, seed=3).pixels.astype(np.float32) - np.float32(300.0)
    image[200, 100] = wild
    assert see(image).saturation.saturated_fraction == 0.0


def test_charge_that_runs_along_a_column_is_told_by_its_length():
    image = burnt(65535, 20, at=(200, 100))
    image[60:360, 108:111] = 65535
    assert see(image).saturation.bleed_fraction == pytest.approx(300 / SIDE, abs=0.03)


def test_a_burnt_out_star_or_nebula_bleeds_nothing():
    assert see(burnt(65535, 60)).saturation.bleed_fraction == 0.0
    assert see(burnt(4095, 200)).saturation.bleed_fraction == 0.0


def test_bright_stars_below_the_ceiling_do_not_make_one():
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    stars = sum(20_000 * k / 9 * np.exp(-((x - 40 * k) ** 2 + (y - 35 * k) ** 2) / 8.0) for k in range(1, 10))
    seen = see(np.rint(noise(SIDE, SIDE) + stars).astype(np.uint16)).saturation
    assert seen.ceiling_adu is None
    assert seen.saturated_fraction == 0.0


def test_many_burnt_stars_are_many_blobs_of_which_the_largest_counts():
    image = burnt(65535, 30)
    for row in range(200, 380, 20):
        image[row : row + 8, 20:28] = 65535
    seen = see(image).saturation
    assert seen.saturated_fraction == pytest.approx((30**2 + 9 * 8**2) / SIDE**2, rel=0.02)
    assert seen.largest_blob_fraction == pytest.approx((30 / SIDE) ** 2, rel=0.3)


def test_a_frame_that_is_burnt_out_as_a_whole_but_for_some_pixels_is_saturated():
    image = np.full((SIDE, SIDE), 65535, np.uint16)
    image[::7, ::11] = 60_000
    assert see(image).saturation.saturated_fraction > 0.97


def test_a_frame_whose_every_pixel_is_full_is_burnt_out_and_not_half_read():
    white = np.full((SIDE, SIDE), 65535, np.uint16)
    assert see(white).saturation.saturated_fraction == 1.0
    assert [finding.kind for finding in ArtifactDetector().analyse_array(white).findings] == [Kind.SATURATION]


@pytest.mark.parametrize("value", [0, 1000])
def test_a_frame_of_one_value_has_no_ceiling_to_speak_of(value):
    assert see(np.full((SIDE, SIDE), value, np.uint16)).saturation.saturated_fraction == 0.0


def test_pixels_that_are_not_numbers_are_not_saturated():
    image = noise(SIDE, SIDE, dtype=np.float32)
    image[50:90, 50:90] = np.nan
    image[200, 200] = np.inf
    assert see(image).saturation.saturated_fraction == 0.0
