"""The median is numpy's, to the last digit."""

import numpy as np
import pytest

from nebulift.median import median, medians_of_rows, ranked_by_counting


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [1, 2, 7, 1000, (30, 41), 100_000])
def test_it_is_that_of_numpy(dtype, shape):
    values = np.random.default_rng(1).normal(15_000.0, 3000.0, shape).astype(dtype)
    assert median(values) == float(np.median(values))


def test_numbers_of_which_a_sample_tells_nothing_are_looked_at_one_by_one():
    values = np.repeat(np.float32([0.0, 5.0, 6.0]), [40_000, 1000, 39_000])
    assert median(values) == float(np.median(values))
    values[:: len(values) // 1000] = 1e9  # just those that a sample would take
    assert median(values) == float(np.median(values))


def test_of_a_list_and_of_the_largest_whole_numbers():
    assert median([3.0, 1.0, 2.5, 2.0]) == 2.25
    assert median(np.full(4, np.iinfo(np.int16).max, np.int16)) == np.iinfo(np.int16).max


def test_of_nothing_there_is_none():
    with pytest.raises(IndexError):
        median([])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("places", [1, 2, 27, 32])
def test_those_of_rows_are_numpys(dtype, places):
    rows = np.random.default_rng(2).normal(0.0, 1.0, (50, places)).astype(dtype)
    assert np.array_equal(medians_of_rows(rows), np.median(rows, axis=1))


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_whole_numbers_are_ranked_by_counting_as_by_sorting(dtype):
    limits = np.iinfo(dtype)
    values = np.random.default_rng(3).integers(limits.min, limits.max, 9999, dtype, endpoint=True)
    values[:2] = limits.min, limits.max
    assert np.array_equal(ranked_by_counting(values), np.sort(values))
    assert ranked_by_counting(values).dtype == dtype
    assert median(values) == float(np.median(values))
    assert ranked_by_counting(values[:0]).size == 0
