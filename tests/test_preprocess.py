"""What the network sees: finite always, and of the session what it says, nothing where it is silent."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.judgement import SessionContext
from nebulift.preprocess import FEATURES, FIRST_OF_SESSION, GRID, PLANES, features_of, model_input
from nebulift.simulate.star_field import add_streak, star_field

COMPARED = SessionContext("group", 9, 8, star_ratio=1.0, fwhm_ratio=1.0, elongation_ratio=1.0, noise_ratio=1.0)


def analysed(pixels):
    return ArtifactDetector().analyse(frame_from_array(pixels))


@pytest.fixture(scope="module")
def trailed():
    """A field that a satellite crosses."""
    field = star_field(600, 400, seed=5)
    return analysed(add_streak(field, (20.0, 30.0, 580.0, 370.0), peak_sigma=4.0)[0])


def feature(measured, context, name):
    return float(features_of(measured, context)[FEATURES.index(name)])


def test_planes_and_features_have_the_promised_shape_and_no_nan(trailed):
    seen = model_input(trailed.views, trailed.measurements, COMPARED)
    assert seen.planes.shape == (len(PLANES), GRID, GRID)
    assert seen.features.shape == (len(FEATURES),)
    assert seen.planes.dtype == seen.features.dtype == np.float32
    assert np.isfinite(seen.planes).all()


@pytest.mark.parametrize("pixels", [np.zeros((90, 70), np.uint16), np.full((64, 64), 65535, np.uint16)])
def test_frames_that_show_nothing_give_finite_inputs(pixels):
    analysis = analysed(pixels)
    seen = model_input(analysis.views, analysis.measurements, None)
    assert np.isfinite(seen.planes).all()
    assert np.isfinite(seen.features).all()


def test_without_a_session_all_of_its_features_are_zero(trailed):
    alone = features_of(trailed.measurements, None)
    assert not alone[FIRST_OF_SESSION:].any()
    assert np.array_equal(alone, features_of(trailed.measurements, SessionContext("group", 0, 0)))
    first, many = (
        feature(trailed.measurements, replace(COMPARED, reference_frames=n), "log_reference") for n in (1, 9)
    )
    assert 0.0 < first < many


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        ({"transparency": 0.5}, "log_transparency", -0.693),
        ({"transparency": 0.5}, "has_transparency", 1.0),
        ({"transparency": 0.5, "transparency_error": 0.1}, "transparency_error", 0.1),
        ({"extinct_fraction": 0.25}, "extinct_fraction", 0.25),
        ({"extinct_fraction": 0.0}, "has_extinction", 1.0),
        ({"brighter_fraction": 0.1, "darker_fraction": 0.2}, "darker_fraction", 0.2),
        ({"brighter_fraction": 0.0}, "has_sky_map", 1.0),
        ({"absent_fraction": 0.4}, "absent_fraction", 0.4),
        ({"tilt_sigma": -1.0}, "log_tilt", -0.693),
        ({"shift_fraction": 7.0}, "shift_fraction", 2.0),
        ({"lost_field": True}, "lost_field", 1.0),
    ],
)
def test_the_network_hears_what_the_session_says(trailed, change, name, expected):
    assert feature(trailed.measurements, COMPARED, name) == 0.0
    assert feature(trailed.measurements, replace(COMPARED, **change), name) == pytest.approx(expected, abs=1e-3)


def test_a_trail_that_lay_there_before_is_no_trail(trailed):
    assert feature(trailed.measurements, COMPARED, "streaks") >= 1.0
    everything = tuple(range(len(trailed.measurements.streaks)))
    static = replace(COMPARED, static_trails=everything)
    assert feature(trailed.measurements, static, "streaks") == 0.0
    assert feature(trailed.measurements, static, "log_streak_snr") == 0.0


ratio = st.one_of(st.none(), st.floats(0.0, 1e9))


@settings(max_examples=50, deadline=None)
@given(ratio, ratio, ratio, ratio, ratio, ratio)
def test_no_ratio_makes_a_feature_infinite(trailed, stars, fwhm, noise, transparency, shift, tilt):
    context = replace(
        COMPARED,
        star_ratio=stars,
        fwhm_ratio=fwhm,
        noise_ratio=noise,
        transparency=transparency,
        shift_fraction=shift,
        tilt_sigma=tilt,
    )
    features = features_of(trailed.measurements, context)
    assert np.isfinite(features).all()
    assert np.abs(features).max() <= 10.0
