"""The fast Radon transform sums exactly the pixels of its lines, in all directions, and cannot overflow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nebulift.streaks.radon import (
    MAX_ROWS,
    line_lengths,
    line_sums,
    row_by_row,
    sampled_sums,
    shifts_at_once,
    short_lines,
)
from nebulift.streaks.search import (
    MIN_LINE_PX,
    Candidate,
    _full_lines_above,
    _least_roots,
    find_candidates,
    on_finer_map,
)
from nebulift.streaks.search_map import CLIP_SIGMA, LINE_UNITS, StreakMap


def columns_of(shift, rows):
    """The column of each row of the dyadic line that moves ``shift`` columns in ``rows`` rows, from column 0."""
    if rows == 1:
        return [0]
    half = columns_of(shift // 2, rows // 2)
    return half + [shift // 2 + shift % 2 + column for column in half]


def walked(image, rows, blocks, left):
    """The sums by walking along each line, pixel by pixel, as (block, shift, start); nothing lies below the image."""
    height, width = image.shape
    sums = np.zeros((blocks, rows, width + left), dtype=np.int64)
    for block, shift, start in np.ndindex(sums.shape):
        for row, step in enumerate(columns_of(shift, rows)):
            column, line = start - left + step, block * rows + row
            if 0 <= column < width and line < height:
                sums[block, shift, start] += image[line, column]
    return sums


def noise_image(height, width, seed):
    return np.random.default_rng(seed).integers(-24, 25, (height, width)).astype(np.int16)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.sampled_from([2, 4, 8]),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    more=st.integers(0, 4),
    seed=st.integers(0, 999),
)
def test_every_short_sum_is_that_of_a_walk_along_the_line(rows, height, width, more, seed):
    image = noise_image(height, width, seed)
    short = short_lines(image, rows, more)
    assert len(short.sums) == max(-(-height // rows), more)
    assert np.array_equal(short.sums, walked(image, rows, len(short.sums), short.pad))


@settings(max_examples=30, deadline=None)
@given(
    rows=st.sampled_from([2, 4, 8]),
    doublings=st.integers(0, 2),
    first=st.integers(0, 2),
    width=st.integers(1, 20),
    seed=st.integers(0, 999),
)
def test_every_long_sum_is_that_of_a_walk_along_the_line(rows, doublings, first, width, seed):
    """And all lines that reach the image are given, each once."""
    lengths = tuple(rows << n for n in range(doublings + 1))
    height = rows * first + lengths[-1]
    image = noise_image(height, width, seed)
    given_shifts = {length: [] for length in lengths}
    for found in line_sums(short_lines(image, rows), first, lengths):
        left = -found.first_start
        true = walked(image[rows * first :], found.rows, lengths[-1] // found.rows, max(left, found.rows))
        shifts = slice(found.first_shift, found.first_shift + found.sums.shape[1])
        assert np.array_equal(found.sums, true[:, shifts, true.shape[2] - width - left :])
        assert not true[:, shifts, : true.shape[2] - width - left].any()
        given_shifts[found.rows] += range(shifts.start, shifts.stop)
    assert given_shifts == {length: list(range(length)) for length in lengths}


@settings(max_examples=20, deadline=None)
@given(first=st.integers(0, 1), width=st.integers(1, 20), seed=st.integers(0, 999))
def test_sampled_sums_are_some_of_all(first, width, seed):
    image = noise_image(8 * first + 16, width, seed)
    short = short_lines(image, 8)
    for some in sampled_sums(short, first, (8, 16)):
        true = walked(image[8 * first :], some.rows, 16 // some.rows, -some.first_start)
        assert np.array_equal(some.sums[:, 0], true[:, some.first_shift, ::2])


@given(shift=st.integers(0, 63))
def test_a_line_never_leaves_the_straight_one_by_more_than_its_levels(shift):
    """The error of a dyadic line is under half a pixel for each of its doublings."""
    steps = np.array(columns_of(shift, 64))
    assert steps[0] == 0
    assert steps[-1] == shift
    assert np.abs(steps - shift * np.arange(64) / 63).max() < 2.0


def test_the_longest_transform_at_the_clip_does_not_overflow():
    clip = int(CLIP_SIGMA * LINE_UNITS)
    for sign in (1, -1):
        image = np.full((MAX_ROWS, 40), sign * clip, np.int16)
        upright = next(line_sums(short_lines(image), 0, (MAX_ROWS,)))
        assert upright.first_shift == 0
        assert (upright.sums[0, 0, -upright.first_start :] == sign * clip * MAX_ROWS).all()


@pytest.mark.parametrize("rows", [0, 1, 3, 100, 2 * MAX_ROWS])
def test_other_lengths_are_refused(rows):
    with pytest.raises(ValueError, match="power of two"):
        short_lines(np.zeros((12, 4), np.int16), rows)


@settings(max_examples=20, deadline=None)
@given(height=st.sampled_from([4, 16, 64]), width=st.integers(16, 60))
def test_line_lengths_are_the_pixels_inside(height, width):
    ones = short_lines(np.ones((height, width), np.int16), height)
    inside = np.maximum(ones.sums[0, :, ones.pad - height :], 1)
    lengths = line_lengths(np.arange(height)[:, None], np.arange(-height, width)[None, :], height, width)
    assert np.abs(lengths - inside).mean() < 1.0
    whole = inside == height
    assert lengths[whole].min() >= 0.75 * height


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), width=st.integers(40, 200))
def test_full_lines_above_the_floor_are_all_found(seed, width):
    """Though each start is held against its shortest line alone at first."""
    height, floor = 128, 30.0
    short = short_lines(noise_image(height, width, seed))
    roots = _least_roots(short.rows // shifts_at_once(short.rows, height, width), height, width)
    found, all_of_them = 0, 0
    for part in line_sums(short, 0, (height,)):
        above = _full_lines_above(part, floor, roots, width)
        found += 0 if above is None else len(above)
        shift, column = np.indices(part.sums[0].shape)
        length = line_lengths(shift + part.first_shift, column + part.first_start, height, width)
        all_of_them += (part.sums[0] > floor * np.sqrt(np.maximum(length, MIN_LINE_PX))).sum()
    assert found == all_of_them > 0


def test_numpy_has_its_buffers_back():
    before = np.getbufsize()
    with row_by_row():
        assert np.getbufsize() != before
    assert np.getbufsize() == before


def drawn(ends, shape, height=1.0):
    """A map of pure noise with a line of one pixel's width, as the search sees it."""
    rng = np.random.default_rng(8)
    values = rng.normal(0.0, 1.0, shape)
    x0, y0, x1, y1 = ends
    steps = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
    columns = np.rint(np.linspace(x0, x1, steps)).astype(int)
    rows = np.rint(np.linspace(y0, y1, steps)).astype(int)
    values[rows, columns] += height
    units = np.clip(values, -CLIP_SIGMA, CLIP_SIGMA) * LINE_UNITS
    return StreakMap(np.rint(units).astype(np.int16), np.zeros(shape, bool), 2)


def distance(candidate, point):
    run, rise = candidate.x1 - candidate.x0, candidate.y1 - candidate.y0
    return abs((point[0] - candidate.x0) * rise - (point[1] - candidate.y0) * run) / np.hypot(run, rise)


@pytest.mark.parametrize(
    "ends",
    [
        (100, 0, 250, 511),  # steep, leaning right
        (400, 0, 150, 511),  # steep, leaning left
        (0, 90, 599, 300),  # flat, down
        (0, 420, 599, 200),  # flat, up
        (0, 0, 511, 511),  # the diagonals
        (599, 0, 88, 511),
        (300, 0, 302, 511),  # all but upright
        (0, 250, 599, 254),
    ],
)
def test_a_line_is_given_back_in_all_orientations(ends):
    best = find_candidates(drawn(ends, (512, 600)))[0]
    assert best.snr > 12.0
    assert distance(best, ends[:2]) < 3.0
    assert distance(best, ends[2:]) < 3.0


def test_a_short_line_is_found_at_its_place():
    ends = (200, 100, 290, 190)
    best = find_candidates(drawn(ends, (512, 600), height=3.0))[0]
    for point in (ends[:2], ends[2:]):
        assert distance(best, point) < 4.0


def test_two_lines_are_two_candidates_and_one_is_one():
    first, second = (0, 90, 599, 300), (400, 0, 150, 511)
    both = drawn(first, (512, 600))
    both.values[:] = np.maximum(both.values, drawn(second, (512, 600)).values)
    strong = [one for one in find_candidates(both) if one.snr > 9.0]
    assert len(strong) == 2
    assert len([one for one in find_candidates(drawn(first, (512, 600))) if one.snr > 9.0]) == 1


@pytest.mark.parametrize("shape", [(20, 30), (300, 2000), (2000, 300), (1500, 1500)])
def test_maps_of_all_shapes_are_searched_whole(shape):
    height, width = shape
    ends = (2, 2, width - 3, height - 3)
    found = find_candidates(drawn(ends, shape, height=2.5))
    assert found
    assert distance(found[0], (width / 2, height / 2)) < 6.0


def test_noise_alone_gives_at_most_a_few_weak_candidates():
    found = find_candidates(drawn((0, 0, 1, 1), (1000, 1000), height=0.0))
    assert len(found) <= 8
    assert all(one.snr < 7.0 for one in found)


def test_ends_are_told_on_the_finer_map_at_the_same_place_of_the_sky():
    """The centre of a pixel that is four pixels wide lies between the second and the third of them."""
    assert on_finer_map(Candidate(0.0, 1.0, 10.0, 2.0, 9.0).ends, 4) == (1.5, 5.5, 41.5, 9.5)
