"""Masks: every pixel that a trail has brightened is masked, little else, and files never take another's place."""

import io

import cv2
import numpy as np
import pytest
from astropy.io import fits
from framefiles import fits_bytes
from skies import see

from nebulift.mask_files import write_mask
from nebulift.pipeline import judge
from nebulift.simulate import add_streak, star_field
from nebulift.streaks import streak_mask

FIELD = star_field(900, 700, density_per_mpx=150, seed=4)
ENDS = (0.0, 80.0, 899.0, 520.0)


def masked(peak_sigma, **more):
    """(mask of the trails found, light that the trail added in noise of one pixel)."""
    pixels, _ = add_streak(FIELD, ENDS, peak_sigma=peak_sigma, **more)
    added = (pixels.astype(float) - FIELD.pixels) / FIELD.noise.noise_adu
    return streak_mask(see(pixels).streaks, pixels.shape), added


@pytest.mark.parametrize("peak_sigma", [2.0, 10.0, 100.0])
def test_what_is_left_of_a_trail_beside_its_mask_is_below_the_noise(peak_sigma):
    mask, added = masked(peak_sigma)
    around = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool) & ~mask
    assert added[mask].mean() > 0.05 * peak_sigma
    assert abs(added[around].mean()) < 0.15
    assert np.abs(added[~mask]).max() < 6.0


def test_a_mask_takes_little_of_the_frame():
    mask, _ = masked(3.0)
    assert 0.005 < mask.mean() < 0.03


def test_a_partial_trail_is_masked_to_its_ends_and_not_across_the_frame():
    ends = (200.0, 200.0, 600.0, 400.0)
    pixels, _ = add_streak(FIELD, ends, peak_sigma=5.0)
    mask = streak_mask(see(pixels).streaks, pixels.shape)
    assert mask[200, 200]
    assert mask[400, 600]
    assert not mask[:150].any()
    assert not mask[450:].any()


def test_without_trails_nothing_is_masked():
    mask = streak_mask((), (40, 50))
    assert mask.shape == (40, 50)
    assert mask.dtype == bool
    assert not mask.any()


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "Light_001.fits"
    path.write_bytes(fits_bytes(add_streak(FIELD, ENDS, peak_sigma=4.0)[0]))
    return path


def test_a_mask_file_has_the_frame_s_size_and_ones_on_the_trail(frame, tmp_path):
    path = write_mask(judge(frame), tmp_path / "masks")
    assert path == tmp_path / "masks" / "Light_001_trails.fits"
    (hdu,) = fits.open(io.BytesIO(path.read_bytes()))
    assert hdu.data.shape == (700, 900)
    assert hdu.data.dtype == np.uint8
    assert set(np.unique(hdu.data)) == {0, 1}
    assert hdu.data[300, 450] == 1


def test_a_mask_as_picture_is_white_on_the_trail_and_takes_no_other_s_name(frame, tmp_path):
    first = write_mask(judge(frame), tmp_path / "masks", "png")
    second = write_mask(judge(frame), tmp_path / "masks", "png")
    assert [first.name, second.name] == ["Light_001_trails.png", "Light_001_trails~2.png"]
    picture = cv2.imread(str(second), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (700, 900)
    assert set(np.unique(picture)) == {0, 255}


def test_a_frame_without_trails_gets_no_mask(tmp_path):
    path = tmp_path / "Light_002.fits"
    path.write_bytes(fits_bytes(FIELD.pixels))
    assert write_mask(judge(path), tmp_path / "masks") is None
    assert not (tmp_path / "masks").exists()
