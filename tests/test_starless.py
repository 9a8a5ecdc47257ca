"""A frame without stars: dark, flat and overcast ones are told; what may be a field without stars goes to a person."""

from dataclasses import replace

import numpy as np
import pytest
from skies import noise
from test_assessment import GOOD, SKY, STARS

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.starless import is_narrow_band, starless

NO_STARS = replace(STARS, count=0, measured=0, fwhm_px=None, elongation=None, donut_fraction=None, hot_pixels=0)
DARK = replace(SKY, gradient_sigma=0.03, vignetting_sigma=0.02, patchiness_sigma=0.02, level_fraction=0.01)
FLAT = replace(SKY, gradient_sigma=3.0, vignetting_sigma=9.0, patchiness_sigma=0.5, level_fraction=0.4, noise_ratio=1.2)
OVERCAST = replace(FLAT, level_fraction=0.05)
NEBULA = replace(SKY, gradient_sigma=3.0, vignetting_sigma=1.0, patchiness_sigma=2.0, level_fraction=0.03)
NARROW = replace(SKY, gradient_sigma=0.3, vignetting_sigma=0.6, patchiness_sigma=0.05, level_fraction=0.02)


def severity_of(sky, stars=NO_STARS, exposure_s=60.0, filter_name=None):
    exposure = Exposure(exposure_s=exposure_s, filter_name=filter_name)
    found = starless(replace(GOOD, sky=sky, stars=stars), exposure)
    return 0.0 if found is None else found.severity


@pytest.mark.parametrize("sky", [DARK, FLAT, OVERCAST])
def test_no_star_and_no_sky_or_a_bright_one_rejects_a_frame(sky):
    assert severity_of(sky) >= 0.7


@pytest.mark.parametrize("sky", [NEBULA, NARROW])
def test_a_field_that_may_hold_no_star_goes_to_a_person(sky):
    assert 0.3 <= severity_of(sky) < 0.7


def test_a_nebula_that_fills_a_narrow_filter_is_a_remark_and_never_rejected():
    texture = replace(OVERCAST, linear_sigma=1.0, radial_sigma=0.5, patchy_sigma=0.8)
    assert severity_of(texture, filter_name="Ha") < 0.3
    assert 0.3 <= severity_of(texture, filter_name="L") < 0.7
    assert 0.3 <= severity_of(replace(texture, level_fraction=0.4)) < 0.7


def test_a_bright_sky_that_is_not_smooth_is_a_flat_only_if_it_came_too_soon():
    """Under a town two minutes fill half of the range, and may hide every star."""
    uneven = replace(FLAT, linear_sigma=2.9, radial_sigma=1.4, patchy_sigma=0.52)
    assert 0.3 <= severity_of(uneven, exposure_s=120.0) < 0.7
    assert severity_of(uneven, exposure_s=2.0) >= 0.7
    assert severity_of(replace(uneven, patchy_sigma=0.4), exposure_s=120.0) >= 0.7
    flattened = replace(FLAT, linear_sigma=0.1, radial_sigma=0.1, patchy_sigma=0.04)
    assert severity_of(flattened, exposure_s=120.0) >= 0.7
    assert severity_of(uneven, exposure_s=None) >= 0.7


def test_what_shines_in_a_dark_frame_is_no_closed_cover():
    assert 0.3 <= severity_of(replace(DARK, noise_ratio=30.0)) < 0.7
    assert severity_of(replace(DARK, noise_ratio=1.3)) >= 0.7


def test_the_words_of_a_question_say_what_is_seen():
    found = starless(replace(GOOD, sky=NARROW, stars=NO_STARS), Exposure(exposure_s=60.0))
    assert found is not None
    assert found.text.startswith("no star visible; ")


def test_a_smooth_cloud_stays_one():
    assert severity_of(replace(OVERCAST, linear_sigma=1.0, radial_sigma=0.5, patchy_sigma=0.05)) >= 0.7


def test_a_short_exposure_may_be_as_dark_as_a_closed_cover():
    assert 0.3 <= severity_of(DARK, exposure_s=0.1) < 0.7
    assert 0.3 <= severity_of(DARK, exposure_s=2.0) < 0.7
    assert severity_of(FLAT, exposure_s=2.0) >= 0.7
    assert severity_of(DARK, exposure_s=None) >= 0.7


@pytest.mark.parametrize("name", ["Ha", "H-alpha", "H_Alpha 7nm", "OIII", "O3", "SII 3nm", "S2", "NII", "Hb"])
def test_behind_a_narrow_filter_a_clear_sky_may_show_no_star(name):
    assert is_narrow_band(name)
    assert 0.3 <= severity_of(DARK, filter_name=name) < 0.7


@pytest.mark.parametrize("name", [None, "", "L", "Red", "B", "Luminance", "IRCUT", "H", "Clear", "SDSS-i"])
def test_a_wide_filter_is_not_taken_for_a_narrow_one(name):
    assert not is_narrow_band(name)


def test_a_thousand_hot_pixels_touch_each_other_here_and_there_and_make_no_stars():
    touching = replace(NO_STARS, count=11, hot_pixels=1600)
    assert severity_of(DARK, touching) >= 0.7
    assert severity_of(DARK, replace(touching, hot_pixels=10, brightest_snr=30.0, field_fraction=0.8)) == 0.0


def test_all_that_is_found_in_one_corner_is_the_glow_of_an_amplifier():
    glow = replace(NO_STARS, count=16, brightest_snr=20.0)
    assert 0.3 <= severity_of(NEBULA, replace(glow, field_fraction=0.05)) < 0.7
    assert severity_of(NEBULA, replace(glow, field_fraction=0.6)) == 0.0


def test_a_planet_is_no_star_and_no_closed_cover():
    assert severity_of(DARK, replace(NO_STARS, count=2, brightest_snr=400.0)) == 0.0


def test_a_handful_of_measured_stars_is_a_field():
    assert severity_of(NARROW, replace(STARS, count=4, measured=3)) == 0.0


def empty_of(pixels, exposure_s=60.0):
    found = ArtifactDetector().analyse(frame_from_array(pixels, Exposure(exposure_s=exposure_s))).findings
    return max((one.severity for one in found if one.kind is Kind.EMPTY), default=0.0)


@pytest.mark.parametrize("hot", [0, 300])
def test_a_dark_frame_is_told_with_and_without_hot_pixels(hot):
    rng = np.random.default_rng(2)
    pixels = noise(1300, 1400, level=500.0, sigma=6.0)
    pixels[rng.integers(0, 1300, hot), rng.integers(0, 1400, hot)] += 2000
    assert empty_of(pixels) >= 0.7


def test_a_flat_field_is_told():
    y, x = np.mgrid[-1:1:1300j, -1:1:1400j]
    assert empty_of(noise(1300, 1400, level=26_000.0 * (1.0 - 0.1 * (x**2 + y**2)), sigma=160.0), 2.0) >= 0.7
