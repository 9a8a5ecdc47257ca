"""Scores out of fold: whole groups held out, no frame with a word in its own score, shards that make the whole."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from schoolwork import NumberLessons

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from nebulift.errors import TrainingError  # noqa: E402  after it is known that torch is there
from nebulift.preprocess import PLANES  # noqa: E402
from nebulift.training import cross_fit, network_choices, recipe_folds, simulated_sessions  # noqa: E402
from nebulift.training.cross_fit import OutOfFold, by_camera, fold_logits, out_of_fold  # noqa: E402
from nebulift.training.grouped_choice import chosen_sampler, folds_of_cameras, folds_of_groups  # noqa: E402
from nebulift.training.lesson_views import HalfPlanes, PartOf, halved  # noqa: E402
from nebulift.training.network import new_network  # noqa: E402
from nebulift.training.network_choices import cameras_left_out, sampler_by_network  # noqa: E402
from nebulift.training.recipe_folds import Folding, read_folds, train_folds  # noqa: E402
from nebulift.training.simulated_lessons import SimulatedLessons  # noqa: E402
from nebulift.training.simulated_sessions import Course, make_sessions, read_sessions  # noqa: E402
from nebulift.training.trainer import TrainingPlan, train  # noqa: E402

pytestmark = pytest.mark.torch

PLAN = TrainingPlan(epochs=1, batch_size=8, seed=3)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


class Relabelled(NumberLessons):
    """The same frames; those of ``wrong`` carry the other label."""

    def __init__(self, count, wrong=()):
        super().__init__(count)
        self.wrong = list(wrong)

    def targets(self):
        targets = super().targets()
        targets[self.wrong] = 1.0 - targets[self.wrong]
        return targets

    def sample(self, index):
        return super().sample(index)._replace(clean=np.float32(self.targets()[index]))


def test_a_frame_has_no_word_in_its_own_score():
    fold = np.arange(24) // 2 % 2  # both classes in each
    first = np.flatnonzero(fold == 0)
    true, turned = (out_of_fold(Relabelled(24, wrong), fold, "compact", PLAN) for wrong in ((), first))
    assert np.array_equal(true.network[first], turned.network[first])
    assert np.array_equal(true.trees[first], turned.trees[first])
    second = np.flatnonzero(fold == 1)  # was taught by the first fold's labels
    assert not np.array_equal(true.network[second], turned.network[second])


def test_without_frames_to_validate_on_the_last_weights_stay():
    network = new_network("compact", 1)
    result = train(network, NumberLessons(16), None, replace(PLAN, epochs=2, patience=1))
    assert [one["epoch"] for one in result.history] == [1, 2]
    assert result.best_epoch == 2
    assert set(result.history[0]) == {"epoch", "loss"}
    assert result.logits.shape == (0, network.outputs)


def test_a_fold_that_was_stopped_goes_on_to_the_same_scores(tmp_path):
    lessons, mine, plan = NumberLessons(24), np.arange(8), replace(PLAN, epochs=2)
    whole = fold_logits(lessons, mine, "compact", plan)
    snapshot = tmp_path / "fold.snapshot.pth"

    def stop(figures):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(new_network("compact", 3), PartOf(lessons, np.arange(8, 24)), None, plan,
              snapshot_path=snapshot, on_epoch=stop)  # fmt: skip
    assert snapshot.exists()
    assert np.array_equal(fold_logits(lessons, mine, "compact", plan, snapshot_path=snapshot), whole)


def test_folds_that_are_kept_are_not_trained_again(tmp_path, monkeypatch):
    lessons, fold = NumberLessons(24), np.arange(24) // 2 % 2
    first = out_of_fold(lessons, fold, "compact", PLAN, kept=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(cross_fit, "fold_logits", lambda *_, **__: pytest.fail("trained again"))
    again = out_of_fold(lessons, fold, "compact", PLAN, kept=tmp_path)
    assert np.array_equal(again.network, first.network)
    assert np.array_equal(again.trees, first.trees)


def test_groups_and_cameras_stay_whole():
    names = [f"n{index % 7}" for index in range(70)]
    for fold in (folds_of_groups(names, 3), folds_of_cameras(names, 3)):
        assert set(fold.tolist()) == {0, 1, 2}
        assert len({(name, one) for name, one in zip(names, fold.tolist(), strict=True)}) == 7


def test_cameras_with_most_frames_are_dealt_first():
    cameras = ["a"] * 50 + ["b"] * 20 + ["c"] * 20 + ["d"] * 10
    assert np.bincount(folds_of_cameras(cameras, 2)).tolist() == [50, 50]


def test_another_sampler_must_be_better_by_more_than_the_folds_differ():
    usual = [0.50, 0.52, 0.54]
    assert chosen_sampler({"weights": usual, "over": [0.49, 0.53, 0.52]}) == "weights"
    assert chosen_sampler({"weights": usual, "over": [0.45, 0.46, 0.49]}) == "over"
    assert chosen_sampler({"weights": [0.5], "over": [0.1]}) == "weights"  # one fold knows no noise


def test_half_planes_keep_a_trail_as_high_as_it_was():
    planes = np.zeros((len(PLANES), 8, 8), np.float32)
    planes[:, 3, :] = 4.0
    planes[PLANES.index("minimum"), 3, :] = -4.0
    small = halved(planes)
    assert small.shape == (len(PLANES), 4, 4)
    assert small[PLANES.index("maximum"), 1].tolist() == small[PLANES.index("lines"), 1].tolist() == [4.0] * 4
    assert small[PLANES.index("minimum"), 1].tolist() == [-4.0] * 4
    assert small[PLANES.index("mean"), 1].tolist() == [2.0] * 4
    assert HalfPlanes(NumberLessons(2)).sample(0).planes.shape == (len(PLANES), 64, 64)


def test_small_networks_answer_for_samplers_and_for_each_camera(monkeypatch):
    monkeypatch.setattr(network_choices, "EPOCHS", 1)
    lessons, groups = NumberLessons(24), [f"n{index // 4}" for index in range(24)]
    sampler, losses = sampler_by_network(lessons, groups, PLAN)
    assert sampler in losses
    assert {len(each) for each in losses.values()} == {3}
    cameras = [f"c{index // 12}" for index in range(24)]
    left_out = cameras_left_out(lessons, cameras, groups, PLAN)
    assert {name: one["frames"] for name, one in left_out.items()} == {"c0": 12, "c1": 12}
    assert all(0.0 <= one["auc"] <= 1.0 for one in left_out.values())
    assert sampler_by_network(lessons, ["one"] * 24, PLAN) == ("weights", {})
    assert cameras_left_out(lessons, ["one"] * 24, groups, PLAN) == {}


def test_each_camera_is_told_by_the_folds_that_left_it_out():
    clean = np.tile([0.0, 1.0], 6)
    held_out = OutOfFold(2.0 * clean - 1.0, 1.0 - 2.0 * clean, np.arange(12) // 6)
    table = by_camera(held_out, clean, ["a"] * 6 + ["b"] * 6)
    assert table["a"] == {"frames": 6, "folds": [0], "network_auc": 1.0, "trees_auc": 0.0}
    assert table["b"]["folds"] == [1]


@pytest.fixture(scope="module")
def chunks(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulated_sessions, "SMALL_MEGAPIXELS", (0.1, 0.12))
        patch.setattr(simulated_sessions, "LARGE_MEGAPIXELS", (0.1, 0.12))
        patch.setattr(simulated_sessions, "FRAMES_A_SESSION", (8, 8))
        course = Course("folds", ("ASI120MM", "Seestar S50"), seed=6, frames=32)
        return make_sessions(course, tmp_path_factory.mktemp("sessions"))


def test_folds_of_two_shards_are_those_of_one_process_bit_by_bit(chunks, tmp_path):
    plan = replace(PLAN, batch_size=16)
    one, two = (Folding(tmp_path / name, tuple(chunks), "compact", plan, 2) for name in ("one", "two"))
    train_folds(one)
    train_folds(two, shard=(1, 2))
    assert [path.exists() for path in two.paths] == [False, True]
    train_folds(two, shard=(0, 2))
    assert [path.read_bytes() for path in one.paths] == [path.read_bytes() for path in two.paths]
    held_out = read_folds(two, SimulatedLessons(read_sessions(chunks)))
    assert np.isfinite(held_out.network).all()
    assert np.isfinite(held_out.trees).all()
    assert not list((tmp_path / "one").glob("*.snapshot.pth"))


def test_a_fold_is_trained_once_and_another_plan_has_folds_of_its_own(chunks, tmp_path, monkeypatch):
    folding = Folding(tmp_path, tuple(chunks), "compact", replace(PLAN, batch_size=16), 2)
    train_folds(folding, shard=(0, 2))
    monkeypatch.setattr(recipe_folds, "fold_logits", lambda *_, **__: pytest.fail("trained again"))
    train_folds(folding, shard=(0, 2))
    other = replace(folding, plan=replace(folding.plan, epochs=2))
    assert not set(other.paths) & set(folding.paths)


def test_folds_wait_for_all_sessions(tmp_path):
    folding = Folding(tmp_path, (tmp_path / "not-made.npz",), "compact", PLAN, 2)
    with pytest.raises(TrainingError, match="1 of 1 sessions are not simulated yet"):
        train_folds(folding)


def test_the_recipe_folds_only_sessions_that_are_there(tmp_path):
    recipe = importlib.import_module("nebulift.training.recipe")
    with pytest.raises(TrainingError, match="make all of them first"):
        recipe.make_folds(tmp_path, recipe.Making(500))
