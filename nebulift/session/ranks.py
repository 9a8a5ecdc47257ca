"""Medians and quantiles of small arrays without NaN: numpy's own spend most of their time on what is not asked for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def middle_of(values: Values) -> float:
    """As ``np.median`` of the flattened array."""
    return quantile_of(values, 0.5)


def quantile_of(values: Values, share: float) -> float:
    """As ``np.quantile`` of the flattened array: linear between the two values of nearest rank."""
    place = share * (values.size - 1)
    low, high = int(place), min(int(place) + 1, values.size - 1)
    ordered = np.partition(values, (low, high), axis=None)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


def median_map(maps: Sequence[Values]) -> Values:
    """The median of maps of one shape, cell by cell: the upper half of them is sorted out, by whole maps at a time."""
    ordered = np.array(maps)
    least = np.empty_like(ordered[0])
    middle = (len(maps) - 1) // 2
    for last in range(len(maps) - 1, middle - 1, -1):
        for place in range(last):
            np.minimum(ordered[place], ordered[place + 1], out=least)
            np.maximum(ordered[place], ordered[place + 1], out=ordered[place + 1])
            ordered[place] = least
    return np.asarray((ordered[middle] + ordered[len(maps) // 2]) / 2.0)


def medians_of_groups(values: Values, group: NDArray[np.intp], groups: int) -> tuple[Values, NDArray[np.intp]]:
    """(median of the values of each group, how many they are), shape (``groups``,); NaN of none. ``group``: number of
    each value's group.
    """
    counts = np.bincount(group, minlength=groups)
    first = np.cumsum(counts) - counts
    ordered = values[np.lexsort((values, group))]
    medians = np.full(groups, np.nan)
    some = counts > 0
    low, high = first + (counts - 1) // 2, first + counts // 2
    medians[some] = (ordered[low[some]] + ordered[high[some]]) / 2.0
    return medians, counts
