"""Trails carry the signal that was asked for, and the truth says what a perfect filter would find."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nebulift.findings import Kind, Line
from nebulift.simulate.evidence import trail_artefact
from nebulift.simulate.psf import StarShape, line_profile
from nebulift.simulate.severity import STREAK_TOTAL_SNR, severity
from nebulift.simulate.star_field import PERFECT_OPTICS, add_streak, star_field
from nebulift.simulate.trails import PATTERNS, Trail, clipped_to_frame, profile_fwhm, random_trail, trail_light

SHAPE = StarShape(3.0, PERFECT_OPTICS)
SIZE = (500, 300)


def light_of(trail, size=SIZE, noise=1.0):
    return trail_light(trail, line_profile(SHAPE, trail.widening_px), noise, size)


def matched_filter(pixels, level, template):
    """Signal over noise of ``template`` in ``pixels``, noise measured where the template is dark."""
    signal = pixels.astype(np.float64) - level
    quiet = signal[template == 0.0]
    return (signal * template).sum() / (quiet.std() * np.sqrt((template.astype(np.float64) ** 2).sum()))


@pytest.mark.parametrize("angle_deg", [0.0, 17.0, 45.0, 90.0, 133.0])
def test_a_matched_filter_finds_the_signal_that_the_truth_promises(angle_deg):
    field = star_field(600, 600, density_per_mpx=0.0, sky_adu=2000.0, seed=int(angle_deg))
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    ends = (300 - 250 * c, 300 - 250 * s, 300 + 250 * c, 300 + 250 * s)
    pixels, truth = add_streak(field, ends, peak_sigma=2.0, seed=4)
    promised = truth.artefacts[0].evidence["total_snr"]
    template = light_of(Trail("satellite", *ends, 1.0, seed=4), (600, 600))
    assert matched_filter(pixels, field.noise.sky_adu, template) == pytest.approx(promised, rel=0.05)


def test_the_total_signal_is_that_of_the_formula_for_a_gaussian_ridge():
    trail = Trail("satellite", 50.0, 150.0, 450.0, 150.0, peak_sigma=1.5)
    artefact = trail_artefact(trail, light_of(trail, noise=7.0), SHAPE, 7.0)
    sigma = artefact.geometry.width_px / 2.355
    expected = 1.5 * math.sqrt(400.0 * sigma * math.sqrt(math.pi))
    assert artefact.evidence["total_snr"] == pytest.approx(expected, rel=0.08)  # a Moffat has wings
    assert artefact.evidence["peak_sigma"] == pytest.approx(1.5, rel=0.05)
    assert artefact.severity == severity(artefact.evidence["total_snr"], STREAK_TOTAL_SNR)


def test_the_ridge_stands_as_high_as_asked():
    light = light_of(Trail("satellite", -50.0, 150.0, 600.0, 150.0, peak_sigma=3.0), noise=10.0)
    assert light[150].mean() == pytest.approx(30.0, rel=0.03)


@pytest.mark.parametrize("widening", [0.0, 6.0, 15.0])
def test_the_width_in_the_truth_is_that_of_the_light(widening):
    trail = Trail("satellite", -50.0, 150.0, 600.0, 150.0, 1.0, widening_px=widening)
    across = light_of(trail)[:, 250]
    fine = np.interp(np.arange(0, 300, 0.05), np.arange(300), across)
    width = np.count_nonzero(fine > 0.5 * fine.max()) * 0.05
    assert width == pytest.approx(profile_fwhm(line_profile(SHAPE, widening)), abs=0.4)


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_every_pattern_keeps_the_mean_of_the_ridge(pattern):
    trail = Trail("satellite", 50.0, 150.0, 450.0, 170.0, 2.0, pattern=pattern, seed=3)
    artefact = trail_artefact(trail, light_of(trail), SHAPE, 1.0)
    assert artefact.evidence["peak_sigma"] == pytest.approx(2.0, rel=0.1)


def test_twins_are_two_lines_at_their_distance():
    light = light_of(Trail("aircraft", -50.0, 150.0, 600.0, 150.0, 1.0, twin_px=40.0))
    rows = np.flatnonzero(light[:, 250] > 0.7)
    assert rows.min() == pytest.approx(130, abs=1)
    assert rows.max() == pytest.approx(170, abs=1)
    assert light[150, 250] < 0.05


def test_a_trail_that_misses_the_frame_is_no_artefact():
    trail = Trail("satellite", -500.0, -500.0, -10.0, -10.0, 5.0)
    assert clipped_to_frame(trail, SIZE) is None
    assert trail_artefact(trail, light_of(trail), SHAPE, 1.0) is None


@settings(max_examples=60, deadline=None)
@given(points=st.tuples(*[st.floats(-800.0, 1200.0)] * 4))
def test_clipped_ends_lie_in_the_frame_and_on_the_line(points):
    trail = Trail("satellite", *points, 1.0)
    inside = clipped_to_frame(trail, SIZE)
    if inside is None or trail.length_px < 1.0:
        return
    x0, y0, x1, y1 = inside
    for x, y in ((x0, y0), (x1, y1)):
        assert -0.51 <= x <= SIZE[0] - 0.49
        assert -0.51 <= y <= SIZE[1] - 0.49
        cross = (x - points[0]) * (points[3] - points[1]) - (y - points[1]) * (points[2] - points[0])
        assert abs(cross) / trail.length_px < 0.01


@pytest.mark.parametrize("wanted", [0.3, 0.5, 0.7, 0.9])
def test_random_trails_are_about_as_bad_as_wanted(wanted):
    rng = np.random.default_rng(int(wanted * 100))
    reached = []
    for _ in range(12):
        trail = random_trail(rng, SIZE, 3.0, wanted)
        artefact = trail_artefact(trail, light_of(trail), SHAPE, 1.0)
        assert artefact.kind is Kind.STREAK
        assert isinstance(artefact.geometry, Line)
        reached.append(artefact.severity)
    assert np.median(reached) == pytest.approx(wanted, abs=0.06)
