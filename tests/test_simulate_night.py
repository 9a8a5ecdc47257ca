"""Nights are reproducible, their files look like those of capture programs, and labels.csv tells the truth."""

import hashlib
import warnings
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from astropy.io import fits

from nebulift.simulate import read_labels, simulate_night
from nebulift.simulate.camera import cropped
from nebulift.simulate.camera_catalogue import camera_named
from nebulift.simulate.file_names import frame_path, night_of
from nebulift.simulate.headers import DIALECTS, header_cards, sexagesimal
from nebulift.simulate.night import plan_night, plan_session, random_frame, random_session, rendered
from nebulift.simulate.night_files import NotOurFolder, write_night
from nebulift.simulate.scenarios import SCENARIOS, SUMMARIES
from nebulift.simulate.truth import TruthLabel
from nebulift.simulate.writer import fits_bytes, write_at_once, write_like_capture

SMALL = (240, 160)


def small_plans(frames=2, **options):
    return plan_night(5, frames, size=SMALL, **options)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_one_and_two_workers_write_the_same_bytes(tmp_path):
    plans = small_plans(6)
    write_night(tmp_path / "one", plans, workers=1)
    write_night(tmp_path / "two", plans, workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len(digests(tmp_path / "one")) == 6 + 2


def test_the_same_seed_gives_the_same_frame_and_another_seed_another():
    first, again, other = (
        random_frame(3, megapixels=0.05),
        random_frame(3, megapixels=0.05),
        random_frame(4, megapixels=0.05),
    )
    assert np.array_equal(first.pixels, again.pixels)
    assert first.truth == again.truth
    assert first.pixels.shape != other.pixels.shape or not np.array_equal(first.pixels, other.pixels)


def test_a_frame_can_be_rendered_alone_and_out_of_order():
    plans = small_plans(4, scenario="clouds")
    alone = rendered(plans[3]).pixels
    for plan in plans:
        last = rendered(plan)
    assert np.array_equal(alone, last.pixels)


def test_labels_match_the_files(tmp_path):
    truths = write_night(tmp_path, small_plans(8))
    labels = read_labels(tmp_path)
    files = {path for path in digests(tmp_path) if path.endswith((".fits", ".fit"))}
    assert {str(frame.path) for frame in labels} == files
    assert [frame.label for frame in labels] == [truth.label for truth in truths]
    assert [frame.seed for frame in labels] == [truth.seed for truth in truths]


@pytest.mark.parametrize("program", sorted(DIALECTS))
def test_every_dialect_is_read_by_astropy_without_a_warning(tmp_path, program):
    camera = replace(camera_named("294MC"), gain_setting=120.0)
    plan = plan_night(2, 1, camera=camera, size=SMALL, program=program)[0]
    frame = rendered(plan)
    path = tmp_path / frame_path(plan)
    write_at_once(path, fits_bytes(frame.pixels, header_cards(plan)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path) as hdus:
            hdus.verify("exception")
            header, data = hdus[0].header, hdus[0].data
    assert header["BITPIX"] == 16
    assert header["BZERO"] == 32768
    assert np.array_equal(data, frame.pixels)
    exposure = header.get("EXPTIME", header.get("EXPOSURE"))
    assert exposure == plan.scene.exposure_s
    assert header["DATE-OBS"][:19] == plan.taken_at.strftime("%Y-%m-%dT%H:%M:%S")
    if program != "sharpcap":
        assert header["IMAGETYP"].lower().startswith("light")
        assert header["OBJECT"] == plan.scene.target.name
    assert header["BAYERPAT"] == "RGGB"


def test_names_are_those_of_the_programs():
    plan = plan_night(2, 1, camera=camera_named("294MC"), size=SMALL, program="ekos")[0]
    target = plan.scene.target.name.replace(" ", "_")
    assert str(frame_path(plan)).startswith(f"{target}/Light/")
    assert str(frame_path(plan, "fz")).endswith("_001.fits.fz")
    nina = replace(plan, rig=replace(plan.rig, program="nina"))
    assert str(frame_path(nina)).startswith(f"{night_of(plan)}/LIGHT/")


@pytest.mark.parametrize("program", sorted(DIALECTS))
def test_no_two_frames_of_a_night_have_the_same_name(program):
    plans = small_plans(30, program=program, sessions=3)
    assert len({frame_path(plan) for plan in plans}) == 30


@pytest.mark.parametrize("compression", ["fz", "gz"])
def test_compressed_frames_hold_the_same_pixels(compression, tmp_path):
    plan = small_plans(1)[0]
    pixels = rendered(plan).pixels
    path = tmp_path / frame_path(plan, compression).name
    path.write_bytes(fits_bytes(pixels, header_cards(plan), compression))
    with fits.open(path) as hdus:
        assert np.array_equal(hdus[-1].data, pixels)


def test_eight_bit_cameras_write_bytes():
    plan = plan_night(1, 1, camera=camera_named("ASI120"), size=SMALL)[0]
    with fits.HDUList.fromstring(fits_bytes(rendered(plan).pixels, header_cards(plan))) as hdus:
        assert hdus[0].header["BITPIX"] == 8


def test_a_capture_program_shows_its_file_while_it_writes(tmp_path):
    seen = []
    path = tmp_path / "a.fits"
    write_like_capture(
        path, b"x" * 1000, chunk_bytes=400, pause_s=1.0, sleep=lambda _: seen.append(path.stat().st_size)
    )
    assert seen == [400, 800]
    assert path.stat().st_size == 1000


def test_a_folder_with_other_peoples_files_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(NotOurFolder, match="not simulated"):
        write_night(tmp_path, small_plans(1))
    assert digests(tmp_path).keys() == {"mine.txt"}


def test_a_simulated_folder_is_filled_anew_and_other_files_in_it_stay(tmp_path):
    write_night(tmp_path, small_plans(3))
    (tmp_path / "notes.txt").write_text("mine")
    write_night(tmp_path, small_plans(2, scenario="clear"))
    assert len(read_labels(tmp_path)) == 2
    assert len(digests(tmp_path)) == 2 + 2 + 1
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_mixed_night_shows_every_common_artefact_and_clean_frames(tmp_path):
    camera = cropped(camera_named("2600MM"), 600, 400)
    truths = simulate_night(tmp_path, frames=24, seed=3, camera=camera)
    kinds = {kind.value for truth in truths for kind in truth.kinds}
    assert {
        "streak",
        "cloud",
        "trailed",
        "defocus",
        "saturation",
        "gradient",
        "obstruction",
        "readout",
        "empty",
    } <= kinds
    forms = {artefact.form for truth in truths for artefact in truth.artefacts}
    assert {"satellite", "aircraft", "meteor"} <= forms
    assert sum(truth.label is TruthLabel.CLEAN for truth in truths) >= 10


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_every_scenario_runs_and_is_described(scenario):
    frames = list(random_session(7, 3, scenario=scenario, megapixels=0.03))
    assert len(frames) == 3
    assert all(frame.truth.conditions is not None for frame in frames)
    assert SUMMARIES[scenario]


def test_a_clear_session_is_clean():
    assert all(
        frame.truth.label is TruthLabel.CLEAN for frame in random_session(1, 4, scenario="clear", megapixels=0.1)
    )


def test_clouds_get_worse_in_the_course_of_their_session():
    plans = plan_session(np.random.SeedSequence(1), 8, "clouds", megapixels=0.02)
    severities = [rendered(plan).truth.severity for plan in plans]
    assert max(severities[:2]) < 0.3
    assert min(severities[-2:]) > 0.7


def test_frames_of_a_session_share_field_camera_and_exposure():
    frames = list(random_session(2, 3, scenario="clear", megapixels=0.05))
    assert len({frame.plan.scene.target for frame in frames}) == 1
    assert len({frame.exposure.exposure_s for frame in frames}) == 1
    moments = [frame.exposure.taken_at for frame in frames]
    assert moments == sorted(moments)
    assert not np.array_equal(frames[0].pixels, frames[1].pixels)


def test_unknown_names_are_told_with_the_known_ones():
    with pytest.raises(KeyError, match="known are"):
        plan_night(1, 2, scenario="sunny")
    with pytest.raises(KeyError, match="known are"):
        plan_night(1, 2, program="paint")


def test_sexagesimal_carries_over():
    assert sexagesimal(5.999999999, " ") == "06 00 00.0"
    assert sexagesimal(-0.5) == "-00:30:00.0"


@pytest.mark.parametrize("seed", range(6))
def test_a_night_begins_in_the_evening_of_its_site(seed):
    first = plan_night(seed, 2)[0]
    local = first.taken_at + timedelta(hours=first.rig.site.longitude_deg / 15.0)
    assert 19 <= local.hour < 22
