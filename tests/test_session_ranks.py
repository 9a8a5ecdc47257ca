"""The quick medians and fits of the session say what numpy's say."""

import numpy as np
import pytest

from nebulift.session.least_squares import fitted, normal_matrix
from nebulift.session.ranks import median_map, medians_of_groups, middle_of, quantile_of


@pytest.fixture
def rng():
    return np.random.default_rng(44)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 939])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.68, 1.0])
def test_quantiles_are_numpys(rng, count, share):
    values = rng.normal(size=count)
    assert quantile_of(values, share) == pytest.approx(np.quantile(values, share), abs=1e-12)


def test_the_middle_of_a_map_is_that_of_all_its_cells(rng):
    assert middle_of(values := rng.normal(size=(44, 64))) == np.median(values)


@pytest.mark.parametrize("count", range(1, 9))
def test_the_median_of_maps_is_taken_cell_by_cell(rng, count):
    maps = rng.normal(size=(count, 5, 7))
    before = maps.copy()
    assert np.array_equal(median_map(list(maps)), np.median(maps, axis=0))
    assert np.array_equal(maps, before)


def test_each_group_has_its_own_median(rng):
    values, group = rng.normal(size=60), rng.integers(0, 9, 60) + (rng.random(60) > 0.5)
    group[group == 4] = 5  # a group of none
    medians, counts = medians_of_groups(values, group, 12)
    for number in range(12):
        own = values[group == number]
        assert counts[number] == len(own)
        assert np.isnan(medians[number]) if len(own) == 0 else medians[number] == np.median(own)


def test_a_fit_leaves_out_what_weighs_nothing(rng):
    terms = np.stack([np.ones(50), rng.normal(size=50), rng.normal(size=50)])
    values = np.array([3.0, -1.0, 0.5]) @ terms
    values[:10] += 100.0
    assert fitted(terms, values, np.arange(50) >= 10, 0.0) == pytest.approx([3.0, -1.0, 0.5])


def test_terms_that_depend_on_each_other_share_what_they_explain(rng):
    line = rng.normal(size=20)
    terms = np.stack([np.ones(20), line, 2.0 * line])
    found = fitted(terms, 5.0 * line, np.ones(20), 1e-9)
    assert found @ terms == pytest.approx(5.0 * line, abs=1e-4)
    assert np.isfinite(np.linalg.inv(normal_matrix(terms, np.ones(20), 1e-9))).all()
