"""The median is numpy's, to the last digit."""

import numpy as np
import pytest

from nebulift.median import median


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [1, 2, 7, 1000, (30, 41), 100_000])
def test_it_is_that_of_numpy(dtype, shape):
    values = np.random.default_rng(1).normal(15_000.0, 3000.0, shape).astype(dtype)
    assert median(values) == float(np.median(values))


def test_of_a_list_and_of_the_largest_whole_numbers():
    assert median([3.0, 1.0, 2.5, 2.0]) == 2.25
    assert median(np.full(4, np.iinfo(np.int16).max, np.int16)) == np.iinfo(np.int16).max


def test_of_nothing_there_is_none():
    with pytest.raises(IndexError):
        median([])
