"""A model that knows what it does not know: weaker, then silent, the less a frame is like what it learned from."""

import numpy as np
import pytest

from nebulift.familiarity import KNOWN, WORDS, familiarity, told
from nebulift.preprocess import FEATURES, FIRST_OF_SESSION
from nebulift.training.known_range import TAIL, domain_of

NAMES = ("elongation", "log_gradient", "is_all_sky")
DOMAIN = {"elongation": (0.0, 2.0), "log_gradient": (0.0, 4.0), "is_all_sky": (0.0, 0.0)}


def known(*values, silent_beyond=0.5):
    return familiarity(np.array(values, np.float32), NAMES, DOMAIN, silent_beyond)


def test_within_its_ranges_a_model_is_heard_as_it_was_weighed():
    assert known(0.0, 4.0, 0.0) == KNOWN
    assert told(KNOWN) == ""


@pytest.mark.parametrize(
    ("values", "heard", "beyond"),
    [
        ((2.2, 0.0, 0.0), 0.8, ("elongation",)),  # a tenth of the range beyond, of the half that silences it
        ((2.2, -0.4, 0.0), 0.6, ("elongation", "gradient")),  # they add up
        ((3.0, 0.0, 0.0), 0.0, ("elongation",)),
        ((0.0, 0.0, 1.0), 0.0, ("all-sky lens",)),  # training had no such thing at all
        ((np.nan, 0.0, 0.0), 0.0, ("elongation",)),
    ],
)
def test_what_lies_beyond_weakens_it_by_how_far(values, heard, beyond):
    found = known(*values)
    assert found.heard == pytest.approx(heard, abs=1e-6)
    assert found.beyond == beyond


def test_without_a_measure_anything_beyond_silences():
    assert known(2.01, 0.0, 0.0, silent_beyond=0.0).heard == 0.0
    assert known(2.0, 0.0, 0.0, silent_beyond=0.0).heard == 1.0


def test_a_sentence_says_what_is_strange_and_what_follows():
    assert "(elongation): the model counts for 80%" in told(known(2.2, 0.0, 0.0))
    assert "(all-sky lens): the filter decides alone" in told(known(0.0, 0.0, 1.0))


def test_every_number_of_a_single_frame_has_words():
    assert set(WORDS) == set(FEATURES[:FIRST_OF_SESSION])


def test_the_range_of_a_model_is_that_of_nearly_all_its_frames():
    rng = np.random.default_rng(1)
    features = np.zeros((4000, len(FEATURES)), np.float32)
    features[:, FEATURES.index("log_fwhm_px")] = rng.uniform(0.5, 1.5, 4000)
    features[:3, FEATURES.index("log_fwhm_px")] = 9.0  # measured amiss
    features[:3, FEATURES.index("is_all_sky")] = 1.0
    domain = domain_of(features)
    assert TAIL * 4000 > 3
    assert domain["log_fwhm_px"] == pytest.approx((0.5, 1.5), abs=0.01)
    assert domain["is_all_sky"] == (0.0, 0.0)
    assert "log_transparency" not in domain


def test_of_few_frames_the_range_is_what_they_had():
    features = np.zeros((30, len(FEATURES)), np.float32)
    features[:, 0] = np.linspace(2.0, 3.0, 30)
    assert domain_of(features)["log_density"] == pytest.approx((2.0, 3.0), abs=0.01)
