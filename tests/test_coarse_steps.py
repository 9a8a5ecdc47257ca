"""Noise of less than a step of the converter: level, noise and stars as of finer numbers, and a dark is told."""

import numpy as np
import pytest
from skies import painted, see, star_shape

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.findings import Kind

STEP_ADU = 16  # 12 bits in files of 16


def in_steps(light_steps, noise_steps, seed=0):
    """Noise about a level, both in steps of the converter, as numbers of the file."""
    rng = np.random.default_rng(seed)
    return (np.rint(rng.normal(light_steps, noise_steps)) * STEP_ADU).clip(0).astype(np.uint16)


@pytest.mark.parametrize("noise_steps", [0.35, 0.5, 0.8])
@pytest.mark.parametrize("between", [0.0, 0.25, 0.5])
def test_a_cover_is_told_wherever_the_level_lies_between_two_numbers(between, noise_steps):
    analysis = ArtifactDetector().analyse_array(in_steps(np.full((700, 900), 21.0 + between), noise_steps))
    assert [finding.kind for finding in analysis.findings if finding.severity >= 0.3] == [Kind.EMPTY]
    assert analysis.score < 0.3
    sky = analysis.measurements.sky
    assert max(sky.gradient_sigma, abs(sky.vignetting_sigma), sky.patchiness_sigma) < 0.1


def test_a_dark_that_is_cut_off_at_nothing_has_no_stars():
    analysis = ArtifactDetector().analyse_array(in_steps(np.zeros((700, 900)), 0.3))
    assert analysis.measurements.stars.measured == 0
    assert analysis.findings[0].kind is Kind.EMPTY
    assert analysis.score < 0.3


@pytest.mark.parametrize("noise_steps", [0.4, 0.7])
def test_a_slope_of_less_than_a_step_is_measured(noise_steps):
    slope = 20.0 + np.linspace(0.0, 0.8, 900)[None, :].repeat(700, axis=0)
    sky = see(in_steps(slope, noise_steps)).sky
    assert sky.gradient_sigma * sky.noise_adu == pytest.approx(0.8 * STEP_ADU, rel=0.1)


def test_stars_are_as_wide_and_as_many_as_in_finer_numbers():
    fine = painted(700, star_shape(3.0), density=300.0, snr=30.0, seed=3).pixels
    coarse = (np.rint(fine / 60.0) * STEP_ADU).astype(np.uint16)  # the noise of 32 is half a step
    seen, true = see(coarse).stars, see(fine).stars
    assert seen.count == pytest.approx(true.count, rel=0.05)
    assert seen.fwhm_px == pytest.approx(true.fwhm_px, rel=0.03)
