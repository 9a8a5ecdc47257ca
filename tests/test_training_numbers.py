"""What the numbers alone say about the data: the sampler, the learning curve, a camera left out, the branches."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("sklearn")

from nebulift.cli import cli
from nebulift.errors import TrainingError, WrongUsage
from nebulift.preprocess import FEATURES
from nebulift.training import numbers_alone
from nebulift.training.branch_table import witness_table
from nebulift.training.dataset import AstroImageDataset
from nebulift.training.frame_label import FrameLabel
from nebulift.training.fusion import fit_branches
from nebulift.training.numbers_alone import (
    Numbers,
    is_falling,
    learning_curve,
    leave_one_camera_out,
    sampler_choice,
)
from nebulift.training.splits import split
from nebulift.verdict import Thresholds

pytestmark = pytest.mark.torch  # scikit-learn comes with the same extra


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setattr(numbers_alone, "TREES", 15)
    monkeypatch.setattr(numbers_alone, "FOLDS", 3)


def numbers(count=240, seed=0, noise=1.0, wrong_camera=False):
    """Frames of four cameras and twelve nights, told by their first number; camera 3 may be labelled upside down."""
    rng = np.random.default_rng(seed)
    clean = (rng.random(count) < 0.6).astype(float)
    features = rng.normal(size=(count, len(FEATURES))).astype(np.float32)
    features[:, 0] = clean + rng.normal(0.0, noise, count)
    cameras = [f"c{index % 4}" for index in range(count)]
    if wrong_camera:
        upside_down = np.array([camera == "c3" for camera in cameras])
        clean[upside_down] = 1.0 - clean[upside_down]
    return Numbers(features, clean, np.ones(count), [f"n{index % 12}" for index in range(count)], cameras)


def test_the_usual_sampler_stays_where_no_other_is_clearly_better():
    name, losses = sampler_choice(numbers())
    assert name == "weights"
    assert set(losses) == {"weights", "none", "under", "over"}
    assert all(0.0 < loss < 1.0 for loss in losses.values())


def test_one_group_only_leaves_nothing_to_choose_by():
    one = replace(numbers(40), groups=["n"] * 40)
    assert sampler_choice(one) == ("weights", {})


def test_more_frames_teach_more_and_a_falling_curve_is_noticed():
    curve = learning_curve(numbers(360, noise=0.4), numbers(200, seed=1, noise=0.4))
    assert [one["frames"] for one in curve] == [90, 180, 360]
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert not is_falling(curve)
    assert is_falling([{"loss": 0.3}, {"loss": 0.2}, {"loss": 0.25}])


def test_a_camera_labelled_otherwise_than_all_others_shows_when_it_is_left_out():
    found = leave_one_camera_out(numbers(wrong_camera=True, noise=0.4))
    assert set(found) == {"c0", "c1", "c2", "c3"}
    assert found["c3"]["auc"] < 0.2
    assert found["c0"]["auc"] > 0.8


def labels():
    return [
        FrameLabel(f"{camera}{number}", f"{camera}{number}", number % 2, "cv", 0.5, {}, camera, f"n{number % 3}", "t")
        for camera in "ab"
        for number in range(12)
    ]


def test_a_camera_can_be_held_out_whole():
    parts = split(labels(), hold_out_camera="b")
    assert {labels()[index].camera for index in parts.validation} == {"b"}
    assert {labels()[index].camera for index in parts.train} == {"a"}
    with pytest.raises(TrainingError, match="cameras are a, b"):
        split(labels(), hold_out_camera="x")


def test_a_branch_that_adds_nothing_is_refused():
    rng = np.random.default_rng(2)
    clean = (rng.random(400) < 0.5).astype(float)
    groups = [f"s{index // 20}" for index in range(400)]
    good, noise = rng.normal(4.0 * clean - 2.0, 1.0), rng.normal(size=400)
    branches = fit_branches(noise, good, clean, groups)
    assert branches.slope == 0.0
    assert branches.trees_slope > 0.5
    assert branches.gains["network"].value <= 0.0
    both = fit_branches(good, rng.normal(4.0 * clean - 2.0, 1.0), clean, groups)
    assert min(both.slope, both.trees_slope) > 0.2


def test_the_table_of_witnesses_has_intervals_over_groups():
    rng = np.random.default_rng(3)
    clean = np.repeat([1.0, 0.0, 0.5], 40)
    score = np.clip(clean * 0.6 + 0.2 + rng.normal(0.0, 0.1, 120), 0.01, 0.99)
    table = witness_table({"one": score, "coin": np.full(120, 0.5)}, clean, [f"g{index % 10}" for index in range(120)])
    assert table["one"]["roc_auc"]["value"] > 0.95
    assert table["one"]["roc_auc"]["n"] == 80  # marginal frames are neither
    assert table["one"]["log_loss"]["high"] < table["coin"]["log_loss"]["low"]
    assert table["coin"]["roc_auc"]["value"] == 0.5


def test_folds_that_leave_one_class_to_learn_from_are_left_out_with_a_word(tmp_path):
    from_fits = importlib.import_module("nebulift.training.from_fits")
    one_night = [replace(one, night="n", camera="a", sha256=str(n)) for n, one in enumerate(labels())]
    lessons = AstroImageDataset([one.path for one in one_night], [one.label for one in one_night], about=one_night)
    said = []
    listener = from_fits.Silence()
    listener.say = said.append
    recipe = from_fits.Recipe(from_fits.TrainingPlan(), Thresholds(), folds=3)
    assert from_fits._held_out(recipe, lessons, tmp_path, from_fits.Ranks(), listener) is None
    assert "add nights that have both" in said[0]
    assert from_fits._held_out(replace(recipe, folds=0), lessons, tmp_path, from_fits.Ranks(), listener) is None
    assert len(said) == 1


def test_evaluation_asks_for_the_model_and_not_for_its_checkpoint(tmp_path):
    (tmp_path / "labels.csv").write_text("path,label\nx.fits,clean\n")
    with pytest.raises(WrongUsage, match=r"rig\.pth: a checkpoint; measure the \.onnx"):
        CliRunner().invoke(cli, ["evaluate", "rig.pth", "--on", str(tmp_path)], catch_exceptions=False)
