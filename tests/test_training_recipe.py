"""The recipe of the bundled model: sessions made once, courses apart, and the whole way at a small scale."""

import importlib
import json
from dataclasses import replace

import numpy as np
import pytest

from nebulift.classifier import load_classifier
from nebulift.judgement import SessionContext
from nebulift.simulate.camera_catalogue import CATALOGUE
from nebulift.simulate.rig_kinds import KINDS
from nebulift.training import simulated_sessions
from nebulift.training.recipe_courses import courses
from nebulift.training.simulated_lessons import SimulatedLessons, clean_target, is_unteachable, truth_of
from nebulift.training.simulated_sessions import Course, make_sessions, read_sessions, session_sizes

COURSE = Course("probe", ("ASI120MM", "ASI224MC all-sky"), seed=4, frames=12)


@pytest.fixture(scope="module", autouse=True)
def _small_frames():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated_sessions, "SMALL_MEGAPIXELS", (0.1, 0.2))
        patch.setattr(simulated_sessions, "LARGE_MEGAPIXELS", (0.1, 0.2))
        patch.setattr(simulated_sessions, "FRAMES_A_SESSION", (6, 6))
        yield


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sessions")
    return folder, make_sessions(COURSE, folder)


def test_a_session_is_made_once_and_the_same_again(sessions, tmp_path):
    folder, paths = sessions
    stamps = [path.stat().st_mtime_ns for path in paths]
    assert make_sessions(COURSE, folder) == paths
    assert [path.stat().st_mtime_ns for path in paths] == stamps
    again = read_sessions(make_sessions(replace(COURSE, frames=6), tmp_path))
    first = read_sessions(paths)[: len(again)]
    for one, other in zip(again, first, strict=True):
        assert np.array_equal(one.measured.planes, other.measured.planes)
        assert one.measured.measurements == other.measured.measurements
        assert one.artefacts == other.artefacts


def test_shards_together_are_the_whole_bit_by_bit(sessions, tmp_path):
    for number in range(2):
        paths = make_sessions(COURSE, tmp_path, shard=(number, 2))
        assert sum(path.exists() for path in paths) == number + 1
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in sessions[1]]


def test_a_course_has_its_cameras_and_frames(sessions):
    frames = read_sessions(sessions[1])
    assert sum(session_sizes(COURSE)) == len(frames) == 12
    assert {frame.camera for frame in frames} == {"ZWO ASI120MM Mini", "ASI224MC all-sky"}
    assert len({frame.session for frame in frames}) == 2


def test_lessons_have_a_target_between_0_and_1_and_the_session_so_far(sessions):
    lessons = SimulatedLessons(read_sessions(sessions[1]))
    assert ((lessons.targets() >= 0.0) & (lessons.targets() <= 1.0)).all()
    sample = lessons.sample(5)
    assert sample.planes.dtype == np.float32
    assert np.isfinite(sample.features).all()
    assert len(lessons.cv_scores) == len(lessons)


@pytest.mark.parametrize(
    ("artefacts", "target", "truth"),
    [
        ((), 1.0, "clean"),
        ((("streak", "satellite", 0.3),), 1.0, "clean"),
        ((("streak", "satellite", 0.5),), 0.5, "marginal"),
        ((("cloud", "cloud", 0.8),), 0.0, "contaminated"),
        ((("streak", "satellite", 0.5), ("cloud", "cloud", 0.5)), 0.0, "contaminated"),
    ],
)
def test_a_marginal_frame_has_its_own_place(sessions, artefacts, target, truth):
    frame = replace(read_sessions(sessions[1])[0], artefacts=artefacts)
    assert clean_target(frame) == pytest.approx(target)
    assert truth_of(frame) == truth


def test_what_one_frame_cannot_show_is_not_taught(sessions):
    frame = replace(read_sessions(sessions[1])[0], artefacts=(("off_target", "off_target", 0.9),))
    assert is_unteachable(frame, None)
    assert is_unteachable(frame, SessionContext("group", 5, 5))
    assert not is_unteachable(frame, SessionContext("group", 5, 5, lost_field=True))
    assert not is_unteachable(replace(frame, artefacts=(*frame.artefacts, ("cloud", "cloud", 0.9))), None)
    assert SimulatedLessons([frame]).weights().tolist() == [0.0]


def test_courses_share_no_camera_and_no_seed():
    made = courses(1000, 7)
    cameras = [camera for course in made.values() for camera in course.cameras]
    assert len(set(cameras)) == len(cameras) == len(KINDS) + len(CATALOGUE)
    assert len({course.seed for course in made.values()}) == 3


@pytest.mark.torch
@pytest.mark.slow
def test_the_recipe_makes_a_model_that_loads(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    recipe = importlib.import_module("nebulift.training.recipe")
    TrainingPlan = importlib.import_module("nebulift.training.trainer").TrainingPlan
    output = tmp_path / "models" / "default.onnx"
    making = recipe.Making(
        400, seed=2, size="compact", plan=TrainingPlan(epochs=2, batch_size=64), folds=2, fold_epochs=1
    )
    figures = recipe.make_model(tmp_path / "school", output, making)
    assert set(figures["witnesses"]) == {"cv", "model", "fusion"}
    assert json.loads((output.parent / "manifest.json").read_text())["default.onnx"]["bytes"] == output.stat().st_size
    assert load_classifier(output).card.figures["frames"] == figures["frames"]
    assert "Model card" in (output.parent / "default.card.md").read_text()
