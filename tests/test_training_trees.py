"""Boosted trees over the features: what scikit-learn fitted, bit by bit, in arrays, in a checkpoint and in ONNX."""

import numpy as np
import pytest
from schoolwork import NumberLessons

pytest.importorskip("sklearn")
pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

from nebulift.classifier import load_classifier  # noqa: E402  after it is known that the packages are there
from nebulift.errors import TrainingError  # noqa: E402
from nebulift.preprocess import FEATURES, FIRST_OF_SESSION, ModelInput  # noqa: E402
from nebulift.training import trees as trees_module  # noqa: E402
from nebulift.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from nebulift.training.fusion import fit_branches  # noqa: E402
from nebulift.training.network import new_network  # noqa: E402
from nebulift.training.trees import LEAF, Trees, fit_trees  # noqa: E402
from nebulift_export.to_onnx import export_checkpoint  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def lesson():
    """Frames that are bad where two numbers are large; the session, where there is one, is silent about it."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(400, len(FEATURES))).astype(np.float32)
    clean = (features[:, 3] + features[:, 7] < 0.5).astype(float)
    clean[:20] = 0.5
    return features, clean, np.ones(400)


@pytest.fixture(scope="module")
def trees(lesson):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees_module, "TREES", 40)
        return fit_trees(*lesson, seed=1)


def test_they_answer_as_scikit_learn_does(lesson, monkeypatch):
    kept = []
    monkeypatch.setattr(trees_module, "TREES", 15)
    as_arrays = trees_module._as_arrays
    monkeypatch.setattr(trees_module, "_as_arrays", lambda model, probe: kept.append(model) or as_arrays(model, probe))
    found = fit_trees(*lesson, seed=3)
    assert np.abs(found.logit(lesson[0]) - kept[0].decision_function(lesson[0])).max() < 1e-5


def test_they_learn_what_there_is_to_learn(lesson, trees):
    features, clean, _ = lesson
    decided = clean != 0.5
    assert np.mean((trees.logit(features) > 0.0)[decided] == (clean > 0.5)[decided]) > 0.9


def test_they_work_without_a_session(lesson, trees):
    features = lesson[0].copy()
    features[:, FIRST_OF_SESSION:] = 0.0
    assert np.mean((trees.logit(features) > 0.0)[20:] == (lesson[1] > 0.5)[20:]) > 0.9


def test_the_same_seed_gives_the_same_trees(lesson, monkeypatch):
    monkeypatch.setattr(trees_module, "TREES", 5)
    one, same, other = (fit_trees(*lesson, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(array, same.arrays()[name]) for name, array in one.arrays().items())
    assert not np.array_equal(one.value, other.value[: len(one.value)])


def test_frames_of_no_weight_teach_nothing(lesson, monkeypatch):
    monkeypatch.setattr(trees_module, "TREES", 5)
    features, clean, weight = lesson
    nothing = np.where(np.arange(400) % 2 == 0, 0.0, weight)
    told, untold = (
        fit_trees(features, clean, nothing, seed=1),
        fit_trees(features, np.where(nothing > 0, clean, 1 - clean), nothing, seed=1),
    )
    assert np.array_equal(told.logit(features), untold.logit(features))


def test_a_branch_that_speaks_against_the_truth_is_not_heard():
    rng = np.random.default_rng(1)
    clean = (rng.random(600) < 0.6).astype(float)
    good = 3.0 * (2.0 * clean - 1.0) + rng.normal(0.0, 3.0, 600)
    liar = -0.5 * (2.0 * clean - 1.0) + rng.normal(0.0, 1.0, 600)
    sessions = [f"s{number // 20}" for number in range(600)]
    branches = fit_branches(liar, good, clean, sessions)
    assert branches.slope == 0.0
    assert branches.trees_slope > 0.0
    assert branches.gains["trees"].low > 0.0
    score = branches.score(liar, good)
    assert ((score >= 0.0) & (score <= 1.0)).all()


def test_two_good_branches_are_both_heard_and_each_gain_is_stated():
    rng = np.random.default_rng(2)
    clean = (rng.random(600) < 0.5).astype(float)
    one, other = (2.0 * (2.0 * clean - 1.0) + rng.normal(0.0, 2.0, 600) for _ in range(2))
    branches = fit_branches(one, other, clean, [f"s{number // 20}" for number in range(600)])
    assert min(branches.slope, branches.trees_slope) > 0.3
    assert min(gain.low for gain in branches.gains.values()) > 0.0


def test_trees_survive_a_checkpoint_and_answer_alike_in_onnx(trees, tmp_path):

    torch.set_num_threads(1)
    network = new_network("compact", 1)
    calibration = {"offset": 0.3, "slope": 0.2, "trees_slope": 0.7}
    save_checkpoint(tmp_path / "m.pth", network, {"name": "probe", "calibration": calibration}, trees)
    loaded = load_checkpoint(tmp_path / "m.pth")
    assert isinstance(loaded.trees, Trees)
    assert all(np.array_equal(array, loaded.trees.arrays()[name]) for name, array in trees.arrays().items())
    exported = export_checkpoint(tmp_path / "m.pth", tmp_path / "m.onnx")
    assert exported.parity <= 1e-5
    model = load_classifier(tmp_path / "m.onnx")
    lessons = NumberLessons(4)
    for index in range(4):
        sample = lessons.sample(index)
        with torch.no_grad():
            logit = network.eval()(torch.from_numpy(sample.planes[None]), torch.from_numpy(sample.features[None]))
        z = 0.3 + 0.2 * float(logit[0, 0]) + 0.7 * float(trees.logit(sample.features[None])[0])
        answer = model.predict(ModelInput(sample.planes, sample.features)).clean
        assert answer == pytest.approx(1.0 / (1.0 + np.exp(-z)), abs=1e-5)


def test_a_checkpoint_with_damaged_trees_is_refused(trees, tmp_path):

    save_checkpoint(tmp_path / "m.pth", new_network("compact", 1), {}, trees)
    content = torch.load(tmp_path / "m.pth", weights_only=True)
    del content["trees"]["value"]
    torch.save(content, tmp_path / "m.pth")
    with pytest.raises(TrainingError, match="trees cannot be read"):
        load_checkpoint(tmp_path / "m.pth")


def test_no_tree_asks_a_threshold_that_a_float32_would_decide_otherwise(trees):
    asking = trees.feature != LEAF
    assert asking.any()
    assert np.isfinite(trees.threshold[asking]).all()
    assert np.isfinite(trees.value).all()
