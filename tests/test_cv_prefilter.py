"""``ArtifactDetector`` and ``batch_analyze_images``: the same answer for the same pixels, in whatever file they are."""

import pickle

import cv2
import numpy as np
import pytest
from framefiles import INDI, fits_bytes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skies import noise

from nebulift.cv_prefilter import ArtifactDetector, batch_analyze_images
from nebulift.errors import UnreadableFrame
from nebulift.exposure import Exposure
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.simulate import add_streak, star_field
from nebulift.verdict import cv_score

FIELD = star_field(700, 500, density_per_mpx=400, seed=2)
TRAILED = add_streak(FIELD, (0.0, 40.0, 699.0, 460.0), peak_sigma=3.0)[0]
STAGES = ["read and bin", "saturation", "sky", "sensor", "stars", "streaks", "findings"]


@pytest.fixture
def folder(tmp_path):
    """Three good files of different kinds and three that are none."""
    (tmp_path / "clean.fits").write_bytes(fits_bytes(FIELD.pixels, INDI | {"BAYERPAT": ""}))
    (tmp_path / "trail.fits").write_bytes(fits_bytes(TRAILED))
    cv2.imwrite(str(tmp_path / "picture.png"), FIELD.pixels)
    (tmp_path / "half.fits").write_bytes(fits_bytes(FIELD.pixels)[: FIELD.pixels.nbytes // 2])
    (tmp_path / "text.fits").write_text("no stars in here")
    (tmp_path / "empty.png").touch()
    return tmp_path


GOOD, BROKEN = ["clean.fits", "trail.fits", "picture.png"], ["half.fits", "text.fits", "empty.png", "missing.fits"]


# one frame ------------------------------------------------------------------------------------------------------------


def test_a_good_frame_is_clean_and_one_with_a_trail_says_so():
    detector = ArtifactDetector()
    assert detector.analyse_array(FIELD.pixels).score > 0.9
    trailed = detector.analyse_array(TRAILED)
    assert trailed.score < 0.3
    assert trailed.findings[0].kind is Kind.STREAK


def test_the_score_is_what_the_findings_add_up_to():
    analysis = ArtifactDetector().analyse_array(TRAILED)
    assert analysis.score == cv_score(analysis.findings)


def test_every_stage_is_announced_once_and_in_order():
    heard = []
    ArtifactDetector().analyse(frame_from_array(FIELD.pixels), heard.append)
    assert heard == STAGES


def test_the_pixels_are_not_changed_and_the_answer_is_the_same_again():
    before = TRAILED.copy()
    detector = ArtifactDetector()
    first, second = detector.analyse_array(TRAILED), detector.analyse_array(TRAILED)
    assert np.array_equal(TRAILED, before)
    assert first.measurements == second.measurements
    assert first.findings == second.findings


def test_threads_change_nothing():
    before = cv2.getNumThreads()
    try:
        told = []
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            told.append(ArtifactDetector().analyse(frame_from_array(TRAILED)).measurements)
    finally:
        cv2.setNumThreads(before)
    assert told[0] == told[1] == told[2]


def test_an_unreadable_file_raises_one_sentence(folder):
    with pytest.raises(UnreadableFrame, match=r"half\.fits"):
        ArtifactDetector().analyse_file(folder / "half.fits")


SIDES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=16, max_side=90)
WHOLE = arrays.arrays(st.sampled_from([np.uint8, np.uint16, np.int16, np.int32]), SIDES)
REAL = arrays.arrays(np.float32, SIDES, elements=st.floats(-(2.0**40), 2.0**40, width=32))
WILD = arrays.arrays(np.float32, SIDES, elements=st.floats(width=32))
NEXT_TO_NOTHING = np.full((16, 16), 1.6e-15, dtype=np.float32)
NEXT_TO_NOTHING[0, :2] = 20136.0, 0.0
ENDLESS = np.zeros((16, 16), dtype=np.float32)
ENDLESS[3], ENDLESS[9, :4] = np.inf, -np.inf
GREATEST = np.full((16, 16), np.finfo(np.float32).max)
GREATEST[5:9, 5:9] = 1.0


@settings(max_examples=40, deadline=None)
@given(WHOLE | REAL | WILD)
@example(NEXT_TO_NOTHING)
@example(ENDLESS)
@example(GREATEST)
def test_any_array_of_numbers_is_measured_without_complaint(image):
    analysis = ArtifactDetector().analyse_array(image)
    assert 0.0 <= analysis.score <= 1.0
    assert (analysis.measurements.height_px, analysis.measurements.width_px) == image.shape


def test_values_that_are_no_numbers_are_left_out_of_everything():
    image = FIELD.pixels.astype(np.float32)
    image[:, 300:340] = np.nan
    image[7::50, 3::50] = np.nan
    whole = ArtifactDetector().analyse_array(FIELD.pixels).measurements
    holed = ArtifactDetector().analyse_array(image).measurements
    assert holed.sky.level_adu == pytest.approx(whole.sky.level_adu, abs=1.0)
    assert holed.stars.fwhm_px == pytest.approx(whole.stars.fwhm_px, rel=0.05)
    assert holed.streaks == ()


@pytest.mark.parametrize("shape", [(16, 3000), (3000, 16), (1201, 1301), (64, 64)])
@pytest.mark.parametrize("bayer", [None, "RGGB"])
def test_frames_of_odd_forms_are_measured_and_have_no_trails(shape, bayer):
    analysis = ArtifactDetector().analyse(frame_from_array(noise(*shape), Exposure(bayer=bayer)))
    assert analysis.measurements.sky.level_adu == pytest.approx(1000.0, abs=5.0)
    assert analysis.measurements.streaks == ()


# many files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_every_path_has_a_result_in_the_order_given_readable_or_not(folder, workers):
    paths = [folder / name for name in [BROKEN[0], *GOOD, *BROKEN[1:]]]
    results = batch_analyze_images(paths, workers=workers)
    assert list(results) == paths
    for name in GOOD:
        assert results[folder / name].error is None
        assert 0.0 <= results[folder / name].score <= 1.0
    for name in BROKEN:
        result = results[folder / name]
        assert (result.measurements, result.score, result.findings) == (None, None, ())
        assert name in result.error
        assert "Traceback" not in result.error


def test_a_picture_and_a_fits_file_of_the_same_pixels_measure_alike(folder):
    results = batch_analyze_images([folder / "clean.fits", folder / "picture.png"])
    stars = [result.measurements.stars for result in results.values()]
    assert stars[0].count == stars[1].count
    assert stars[0].fwhm_px == stars[1].fwhm_px


def test_progress_hears_of_every_file_once_in_this_process(folder):
    heard = []
    paths = [str(folder / name) for name in GOOD + BROKEN]
    results = batch_analyze_images(paths, ArtifactDetector(), workers=2, progress=heard.append)
    assert heard == list(results.values())


def test_more_workers_find_the_same(folder):
    paths = [folder / name for name in GOOD + BROKEN]
    assert batch_analyze_images(paths, workers=1) == batch_analyze_images(paths, workers=2)


def test_nothing_to_do_is_done_at_once():
    assert batch_analyze_images([]) == {}


def test_a_detector_and_its_results_may_travel_between_processes(folder):
    result = batch_analyze_images([folder / "trail.fits"])[folder / "trail.fits"]
    assert pickle.loads(pickle.dumps(result)).measurements == result.measurements
    assert isinstance(pickle.loads(pickle.dumps(ArtifactDetector())), ArtifactDetector)
