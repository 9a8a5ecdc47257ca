"""Kinds of rigs beside deep-sky cameras: discs of sky, drawn-out stars that are nobody's fault, calibrated files."""

from dataclasses import replace

import numpy as np
import pytest

from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.scan import scan_frame
from nebulift.simulate.camera_catalogue import CATALOGUE
from nebulift.simulate.delivery import delivered
from nebulift.simulate.night import plan_session, rendered
from nebulift.simulate.optics import Telescope, wandering
from nebulift.simulate.rig_kinds import DRAWN_OUT, KINDS, school_rig, sort_of
from nebulift.simulate.sensor import digitised, exposed, fixed_pattern
from nebulift.simulate.severity import TRAIL_ELONGATION, severity
from nebulift.simulate.truth import Artefact
from nebulift.sky import measure_background, summarise
from nebulift.training.recipe_courses import CALIBRATION_CAMERAS, MOST_FOLDS, TEST_CAMERAS, TRAINING_CAMERAS
from nebulift.training.seen_truth import seen_severity


def clear_frame(name, seed=1, megapixels=0.25):
    rig = school_rig(np.random.default_rng(seed), name, megapixels)
    return rendered(plan_session(np.random.SeedSequence(seed), 1, "clear", rig=rig)[0])


@pytest.mark.parametrize("name", [kind.camera.name for kind in KINDS])
def test_every_kind_of_rig_takes_clean_frames(name):
    frame = clear_frame(name)
    assert frame.pixels.dtype in (np.uint8, np.uint16, np.float32)
    assert np.isfinite(frame.pixels).all()
    assert Kind.TRAILED not in frame.truth.kinds  # what the rig does every night is no fault
    again = clear_frame(name)
    assert np.array_equal(frame.pixels, again.pixels)


def test_cameras_of_both_catalogues_are_found_by_name():
    rng = np.random.default_rng(0)
    assert school_rig(rng, "asi2600 mm").camera.name == "ZWO ASI2600MM Pro"
    assert school_rig(rng, "Vespera").alt_az
    with pytest.raises(KeyError, match="known are"):
        school_rig(rng, "all-sky")
    names = [kind.camera.name for kind in KINDS] + [camera.name for camera in CATALOGUE]
    assert len(set(names)) == len(names)


def test_an_all_sky_lens_shows_a_disc_amid_darkness():
    rig = school_rig(np.random.default_rng(3), "Oculus", 0.4)
    rig = replace(rig, site=replace(rig.site, sky_mag_arcsec2=17.5), exposures_s=(30.0,))
    pixels = rendered(plan_session(np.random.SeedSequence(3), 1, "clear", rig=rig)[0]).pixels.astype(np.float64)
    height, width = pixels.shape
    middle = np.median(pixels[height // 2 - 20 : height // 2 + 20, width // 2 - 20 : width // 2 + 20])
    assert np.median(pixels[:12, :12]) < middle - 5.0 * pixels[:12, :12].std()
    scan = scan_frame(frame_from_array(pixels.astype(np.float32)))
    assert summarise(scan, measure_background(scan)).is_all_sky


@pytest.mark.parametrize("seed", range(12))
def test_the_sky_turns_over_an_all_sky_camera_that_stands_still(seed):
    rig = school_rig(np.random.default_rng(1), "RPi HQ", 0.2)
    plans = plan_session(np.random.SeedSequence(seed), 8, "clear", rig=rig)
    pointings = [plan.scene.pointing for plan in plans]
    assert {(one.dx_px, one.dy_px, one.flipped) for one in pointings} == {(0.0, 0.0, False)}
    minutes = (plans[-1].taken_at - plans[0].taken_at).total_seconds() / 60.0
    assert pointings[-1].rotation_deg - pointings[0].rotation_deg == pytest.approx(0.25 * minutes, rel=0.01)


def test_a_calibrated_frame_has_lost_bias_and_dark_corners():
    camera = replace(KINDS[0].camera, image_circle=0.0, width_px=300, height_px=200, vignetting=0.6, dust_spots=0)
    camera = replace(camera, bayer=None, hot_share=0.0, delivery="calibrated", column_noise_e=2.0)
    pattern, rng = fixed_pattern(camera), np.random.default_rng(1)
    electrons = exposed(np.full((200, 300), 400.0, np.float32), camera, pattern, 10.0)
    raw = digitised(electrons.copy(), camera, pattern, rng)
    flat = delivered(raw, camera, pattern, 10.0, rng)
    assert flat.dtype == np.float32
    corners, middle = flat[:30, :30].mean(), flat[85:115, 135:165].mean()
    assert corners == pytest.approx(middle, rel=0.02)
    assert middle == pytest.approx(400.0 / camera.stored_gain, rel=0.02)
    assert delivered(raw, replace(camera, delivery="raw"), pattern, 10.0, rng) is raw


def test_aligning_smooths_the_noise_and_leaves_an_empty_border():
    camera = replace(KINDS[0].camera, image_circle=0.0, width_px=300, height_px=200, bayer=None, delivery="calibrated")
    pattern, rng = fixed_pattern(camera), np.random.default_rng(1)
    raw = digitised(exposed(np.full((200, 300), 400.0, np.float32), camera, pattern, 1.0), camera, pattern, rng)
    still = delivered(raw, camera, pattern, 1.0, rng)
    moved = delivered(raw, replace(camera, delivery="aligned"), pattern, 1.0, rng)
    steps = [np.diff(one[40:160, 40:260], axis=1).std() for one in (still, moved)]
    assert steps[1] < 0.9 * steps[0]
    border = [moved[0], moved[-1], moved[:, 0], moved[:, -1]]
    assert any(not side.any() for side in border)


def test_nothing_guides_so_stars_are_a_little_more_or_less_drawn_out():
    telescope, rng = Telescope("any", 50, 250, elongation=1.5), np.random.default_rng(2)
    elongations = [wandering(telescope, 0.15, rng).elongation for _ in range(400)]
    assert min(elongations) > 1.2
    assert np.median(elongations) == pytest.approx(1.5, abs=0.02)
    assert np.std(elongations) == pytest.approx(0.075, rel=0.2)


def test_some_of_all_rigs_are_drawn_out_every_night():
    rng = np.random.default_rng(4)
    drawn = [school_rig(rng, "ASI2600MM").telescope.elongation >= 1.15 for _ in range(400)]
    assert np.mean(drawn) == pytest.approx(DRAWN_OUT, abs=0.05)


@pytest.mark.parametrize(("fwhm_px", "least", "most"), [(1.8, 0.3, 0.6), (3.0, 0.55, 0.68), (12.0, 0.69, 0.7)])
def test_what_sampling_hides_is_less_of_a_fault(fwhm_px, least, most):
    numbers = {"elongation": 1.6, "growth": 1.6**0.5, "unmoved_fwhm_px": fwhm_px}  # as wide across as before
    assert severity(1.6, TRAIL_ELONGATION) == pytest.approx(0.7)
    assert least < seen_severity(Artefact(Kind.TRAILED, "drift", 0.7, numbers)) <= most


def test_defocus_counts_as_it_is_seen_and_all_else_as_it_is():
    blur = {"fwhm_ratio": 1.45, "fwhm_px": 2.2}
    assert seen_severity(Artefact(Kind.DEFOCUS, "focus", 0.5, blur)) < 0.3
    wide = {"fwhm_ratio": 1.45, "fwhm_px": 14.5}
    assert seen_severity(Artefact(Kind.DEFOCUS, "focus", 0.5, wide)) == pytest.approx(0.5, abs=0.02)
    assert seen_severity(Artefact(Kind.CLOUD, "veil", 0.4, {"transmission": 0.8})) == 0.4


def test_there_are_as_many_folds_as_sorts_of_rigs():
    rng = np.random.default_rng(0)
    sorts = [sort_of(school_rig(rng, name).camera.name) for name in TRAINING_CAMERAS]
    assert len(set(sorts)) == MOST_FOLDS
    assert sorts.count("all-sky") == 3
    assert "ZWO ASI294MC Pro" in sorts


def test_every_course_has_every_kind_of_rig_and_no_camera_twice():
    kinds = {kind.camera.name: kind for kind in KINDS}
    rng = np.random.default_rng(0)
    for course in (TRAINING_CAMERAS, CALIBRATION_CAMERAS, TEST_CAMERAS):
        found = [kinds.get(school_rig(rng, name).camera.name) for name in course]
        assert None in found  # a deep-sky camera
        assert any(kind is not None and kind.camera.image_circle for kind in found)
        assert {"Seestar S50", "Vespera", "DWARF II"} & set(course)
        assert any(kind is not None and kind.camera.vignetting > 0.4 and kind.wander for kind in found)
        assert any(kind is not None and "calibrated" in kind.deliveries for kind in found)
