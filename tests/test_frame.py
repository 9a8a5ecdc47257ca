"""A frame gives its pixels strip by strip, whole or in any rows, and lets go of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nebulift.exposure import Exposure
from nebulift.frame import frame_from_array


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 200), rows=st.sampled_from([2, 4, 64]))
def test_strips_are_the_whole_frame_in_order(height, rows):
    array = np.arange(height * 3, dtype=np.uint16).reshape(height, 3)
    frame = frame_from_array(array)
    tops, strips = zip(*frame.strips(rows), strict=True)
    assert tops == tuple(range(0, height, rows))
    assert np.array_equal(np.concatenate(strips), array)


def test_strips_never_cut_a_cell_of_the_mosaic():
    frame = frame_from_array(np.zeros((130, 6), np.uint16))
    assert all(top % 2 == 0 and len(strip) % 2 == 0 for top, strip in frame.strips())


def test_what_is_done_to_rows_does_not_reach_the_frame():
    frame = frame_from_array(np.ones((4, 4), np.uint16))
    frame.pixels.rows(0, 4)[:] = 9
    assert frame.array().max() == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_unsigned_integers_stay_what_they_are(dtype):
    assert frame_from_array(np.ones((2, 2), dtype)).pixels.dtype == dtype


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32, np.float64, np.float32, ">f4", ">u2", bool])
def test_all_other_numbers_become_native_float32_of_the_same_value(dtype):
    frame = frame_from_array(np.array([[0, 1], [1, 0]]).astype(dtype))
    assert frame.pixels.dtype in (np.dtype(np.float32), np.dtype(np.uint16))
    assert frame.pixels.dtype.isnative
    assert frame.array().tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("shape", [(4,), (3, 4, 4)])
def test_an_array_that_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="2-D"):
        frame_from_array(np.zeros(shape))


def test_size_and_megapixels_are_those_of_the_array():
    frame = frame_from_array(np.zeros((1000, 500), np.uint8))
    assert (frame.shape, frame.megapixels) == ((1000, 500), 0.5)


def test_a_frame_may_be_closed_twice_and_used_as_a_context():
    with frame_from_array(np.zeros((2, 2), np.uint8)) as frame:
        assert frame.array().shape == (2, 2)
    frame.close()


@pytest.mark.parametrize(("pixel", "focal", "scale"), [(3.76, 530.0, 1.463), (None, 530.0, None), (3.76, None, None)])
def test_the_pixel_scale_follows_from_pixel_and_focal_length(pixel, focal, scale):
    found = Exposure(pixel_size_um=pixel, focal_length_mm=focal).pixel_scale_arcsec
    assert found == (None if scale is None else pytest.approx(scale, abs=0.001))
