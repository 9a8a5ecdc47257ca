"""Turned and mirrored views: what the network sees of a turned frame is the turned picture of what it sees."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schoolwork import NumberLessons

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.preprocess import FEATURES, PLANES, model_input
from nebulift.simulate.star_field import PERFECT_OPTICS, star_field
from nebulift.training.augment import AugmentedView, augmented, turned

COS, SIN = PLANES.index("ellipticity_cos"), PLANES.index("ellipticity_sin")
SIDE = 512


def seen(pixels):
    analysis = ArtifactDetector().analyse(frame_from_array(np.ascontiguousarray(pixels)))
    return model_input(analysis.views, analysis.measurements, None)


@pytest.fixture(scope="module")
def leaning_stars():
    """Stars drawn out towards 30 degrees: along 2 theta = 60 degrees, cosine and sine are both plainly positive."""
    optics = replace(PERFECT_OPTICS, elongation=1.6, elongation_angle_deg=30.0)
    return star_field(SIDE, SIDE, density_per_mpx=700.0, telescope=optics, fwhm_px=4.0, seed=3).pixels


@pytest.mark.parametrize(
    ("view", "turn"),
    [
        (1, lambda pixels: pixels[:, ::-1]),
        (2, lambda pixels: pixels[::-1]),
        (3, lambda pixels: pixels[::-1, ::-1]),
        (4, lambda pixels: pixels.T),
        (6, np.rot90),
    ],
)
def test_star_shapes_turn_with_the_frame(leaning_stars, view, turn):
    straight, measured = seen(leaning_stars), seen(turn(leaning_stars))
    planes, _ = turned(straight.planes, straight.features, view)
    for plane in (COS, SIN):
        expected = float(measured.planes[plane].mean())
        assert abs(expected) > 0.05
        assert float(planes[plane].mean()) == pytest.approx(expected, rel=0.25)


@given(st.integers(0, 7))
def test_each_view_is_undone_by_its_inverse(view):
    rng = np.random.default_rng(1)
    planes = rng.normal(size=(8, 16, 16)).astype(np.float32)
    features = rng.normal(size=len(FEATURES)).astype(np.float32)
    there = turned(planes, features, view)
    back = next(
        candidate
        for inverse in range(8)
        if np.array_equal((candidate := turned(*there, inverse))[0], planes) and np.array_equal(candidate[1], features)
    )
    assert back[0].shape == planes.shape


def test_the_eight_views_differ():
    sample = NumberLessons().sample(0)
    views = {turned(sample.planes, sample.features, view)[0].tobytes() for view in range(8)}
    assert len(views) == 8


def test_rows_and_columns_change_places_with_the_frame():
    sample = NumberLessons().sample(0)
    rows, columns = FEATURES.index("row_banding"), FEATURES.index("column_banding")
    _, features = turned(sample.planes, sample.features, 4)
    assert features[rows] == sample.features[columns]
    assert features[columns] == sample.features[rows]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_augmentation_changes_inputs_and_never_labels(seed):
    sample = NumberLessons().sample(3)
    before = sample.planes.copy(), sample.features.copy()
    view = augmented(sample, np.random.default_rng(seed))
    assert not np.array_equal(view.planes, before[0])
    assert np.isfinite(view.planes).all()
    assert (view.clean, view.weight, view.kinds_weight) == (sample.clean, sample.weight, sample.kinds_weight)
    assert np.array_equal(view.kinds, sample.kinds)
    assert np.array_equal(sample.planes, before[0])  # the original is not touched
    assert np.array_equal(sample.features, before[1])


def test_sessions_are_forgotten_now_and_then():
    sample = NumberLessons().sample(1)
    start = FEATURES.index("has_session")
    forgotten = [not augmented(sample, np.random.default_rng(seed)).features[start:].any() for seed in range(200)]
    assert 0.2 < np.mean(forgotten) < 0.4


def test_a_view_depends_on_seed_epoch_and_index_alone():
    lessons = NumberLessons()
    one, same = AugmentedView(lessons, 5, 2)[3], AugmentedView(lessons, 5, 2)[3]
    assert np.array_equal(one.planes, same.planes)
    for other in (AugmentedView(lessons, 6, 2)[3], AugmentedView(lessons, 5, 3)[3]):
        assert not np.array_equal(one.planes, other.planes)
