"""The thin face: arrays, dictionaries and statistics for programs."""

import numpy as np
import pytest
from framefiles import NINA, fits_bytes, gzip_bytes, pixels, tiled_bytes, write_fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nebulift.errors import UnreadableFrame
from nebulift.fits_processor import (
    FITSProcessor,
    batch_validate_fits_files,
    image_stats,
    normalized,
    validate_fits_file,
)

METHODS = ["percentile", "sigma_clip", "minmax"]


def test_a_loaded_frame_has_pixels_header_and_metadata(tmp_path):
    image = pixels(40, 60)
    path = write_fits(tmp_path / "a.fits", image, NINA)
    loaded = FITSProcessor().load_fits_file(path)
    np.testing.assert_array_equal(loaded["image_data"], image)
    assert loaded["image_data"].dtype == np.float64
    assert loaded["header"]["SWCREATE"].startswith("N.I.N.A.")
    assert loaded["metadata"]["exptime"] == 300.0
    assert (loaded["metadata"]["filter"], loaded["metadata"]["object"]) == ("Ha", "NGC 7000")
    assert (loaded["metadata"]["width"], loaded["metadata"]["height"]) == (60, 40)
    assert loaded["file_path"] == path


def test_metadata_hold_only_what_is_known(tmp_path):
    loaded = FITSProcessor().load_fits_file(write_fits(tmp_path / "a.fits", pixels()))
    assert set(loaded["metadata"]) == {"imagetyp", "width", "height"}


def test_a_bad_file_raises_instead_of_returning_none(tmp_path):
    (tmp_path / "a.fits").write_bytes(b"no frame")
    for method in (FITSProcessor().load_fits_file, FITSProcessor().process_fits_file, FITSProcessor().open):
        with pytest.raises(UnreadableFrame):
            method(tmp_path / "a.fits")


def test_paths_may_be_text(tmp_path):
    write_fits(tmp_path / "a.fits", pixels())
    assert FITSProcessor().load_fits_file(str(tmp_path / "a.fits"))["image_data"].shape == (48, 40)
    assert validate_fits_file(str(tmp_path / "a.fits"))


def test_open_gives_the_frame_itself(tmp_path):
    with FITSProcessor().open(write_fits(tmp_path / "a.fits", pixels())) as frame:
        assert frame.pixels.dtype == np.uint16


def test_processing_gives_every_form_of_the_frame(tmp_path):
    processed = FITSProcessor(target_size=(32, 24)).process_fits_file(write_fits(tmp_path / "a.fits", pixels(100, 80)))
    assert processed["original_image"].shape == processed["normalized_image"].shape == (100, 80)
    assert processed["ml_image"].shape == (24, 32)
    assert processed["ml_image"].dtype == np.float32
    assert processed["stats"]["min"] <= processed["stats"]["median"] <= processed["stats"]["max"]


@pytest.mark.parametrize("method", METHODS)
@given(arrays.arrays(np.float64, (5, 7), elements=st.floats(allow_nan=True, allow_infinity=True, width=32)))
def test_normalised_images_lie_between_0_and_1(method, image):
    stretched = normalized(image, method)
    assert stretched.shape == image.shape
    assert ((stretched >= 0.0) & (stretched <= 1.0)).all()


@pytest.mark.parametrize("method", METHODS)
def test_an_image_without_contrast_becomes_black(method):
    assert (normalized(np.full((9, 9), 7.0), method) == 0.0).all()
    assert (normalized(np.full((9, 9), np.nan), method) == 0.0).all()


def test_percentiles_let_one_hot_pixel_pass():
    image = np.tile(np.arange(100.0), (100, 1))
    image[0, 0] = 1e9
    assert normalized(image, "percentile")[50, 50] == pytest.approx(0.5, abs=0.02)
    assert normalized(image, "sigma_clip")[50, 50] == pytest.approx(0.5, abs=0.02)
    assert normalized(image, "minmax")[50, 50] < 1e-6


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="percentile, sigma_clip, minmax"):
        normalized(np.zeros((3, 3)), "magic")


def test_resizing_keeps_the_mean_and_survives_nan():
    image = np.random.default_rng(1).random((512, 512))
    assert FITSProcessor().resize_for_ml(image).mean() == pytest.approx(image.mean(), abs=1e-3)
    image[3, 3] = np.nan
    assert np.isfinite(FITSProcessor().resize_for_ml(image)).all()


def test_statistics_are_robust_and_ignore_what_is_no_number():
    rng = np.random.default_rng(1)
    image = rng.normal(100.0, 5.0, (200, 200))
    image[0, :3] = [np.nan, np.inf, 1e6]
    stats = image_stats(image)
    assert stats["mean"] == pytest.approx(100.0, abs=0.2)
    assert stats["std"] == pytest.approx(5.0, abs=0.2)
    assert stats["max"] == 1e6
    assert stats["dynamic_range"] == pytest.approx(stats["p99"] - stats["p01"])


def test_an_image_without_numbers_has_no_statistics():
    with pytest.raises(ValueError, match="no statistics"):
        image_stats(np.full((3, 3), np.nan))


def test_validation_sorts_a_folder(tmp_path):
    good = [write_fits(tmp_path / "a.fits", pixels()), tmp_path / "b.FIT.gz", tmp_path / "c.fits.fz"]
    good[1].write_bytes(gzip_bytes(fits_bytes(pixels())))
    good[2].write_bytes(tiled_bytes(pixels()))
    bad = [tmp_path / "d.fits", tmp_path / "e.fts"]
    bad[0].write_bytes(fits_bytes(pixels())[:-3000])
    bad[1].write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no frame")
    assert batch_validate_fits_files(tmp_path) == (good, bad)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        batch_validate_fits_files(tmp_path / "nowhere")
