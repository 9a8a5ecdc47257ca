"""The trainer: the same weights for the same seed, stopped or not, alone or in company."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schoolwork import NumberLessons

torch = pytest.importorskip("torch")

from nebulift.errors import TrainingError  # noqa: E402  after it is known that torch is there
from nebulift.preprocess import FEATURES, GRID, PLANES  # noqa: E402
from nebulift.training.batches import class_balance, epoch_batches  # noqa: E402
from nebulift.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from nebulift.training.imagenet import load_imagenet  # noqa: E402
from nebulift.training.network import (  # noqa: E402
    SIZES,
    adapt_first_convolution,
    new_network,
    trainable_parameters,
)
from nebulift.training.sample import severity_targets  # noqa: E402
from nebulift.training.torchvision_import import import_torchvision  # noqa: E402
from nebulift.training.trainer import (  # noqa: E402
    TrainingPlan,
    learning_rate,
    scored,
    settle_batch_norm,
    train,
)

pytestmark = pytest.mark.torch

PLAN = TrainingPlan(epochs=3, batch_size=4, seed=7, learning_rate=3e-3)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def weights_of(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def trained(plan=PLAN, **options):
    network = new_network("compact", plan.seed)
    result = train(network, NumberLessons(12), NumberLessons(6, seed=1), plan, **options)
    return weights_of(network), result


@pytest.fixture(scope="module")
def whole_run():
    torch.set_num_threads(1)
    return trained()


@pytest.mark.parametrize(
    ("size", "parameters"), [("compact", 716_588), ("optimal", 2_820_364), ("resnet18", 11_211_980)]
)
def test_sizes_are_the_resnet18_of_torchvision_at_their_width(size, parameters):
    network = new_network(size, 1)
    assert trainable_parameters(network) == parameters
    assert network.trunk.conv1.weight.shape == (SIZES[size], len(PLANES), 7, 7)


def test_a_network_answers_with_one_logit_for_clean_and_one_for_each_kind():
    network = new_network("compact", 1).eval()
    logits = network(torch.zeros(2, len(PLANES), GRID, GRID), torch.zeros(2, len(FEATURES)))
    assert logits.shape == (2, network.outputs)
    assert torch.isfinite(logits).all()


def test_it_learns_what_there_is_to_learn():
    _, result = trained(replace(PLAN, epochs=5))
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert max(one["val_auc"] for one in result.history) > 0.9


def test_it_learns_the_same_in_half_precision_and_ends_in_full():
    weights, result = trained(replace(PLAN, epochs=5, precision="bfloat16"))
    assert max(one["val_auc"] for one in result.history) > 0.9
    assert all(tensor.dtype != torch.bfloat16 for tensor in weights.values())


def test_a_short_training_ends_with_what_it_saw_and_not_with_its_first_guess():
    network = new_network("compact", 1)
    for step, seen in enumerate((4.0, 6.0)):
        settle_batch_norm(network, step)
        network.trunk.bn1.train()(torch.full((2, 16, 4, 4), seen))
    assert torch.allclose(network.trunk.bn1.running_mean, torch.full((16,), 5.0))
    settle_batch_norm(network, 1000)
    assert network.trunk.bn1.momentum == 0.1


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(whole_run):
    again, _ = trained()
    other, _ = trained(replace(PLAN, seed=8))
    assert same(whole_run[0], again)
    assert not same(whole_run[0], other)


def test_a_run_that_was_stopped_and_resumed_ends_with_the_same_weights(whole_run, tmp_path):
    class Stopped(Exception):
        pass

    def stop_after_one(figures):
        if figures["epoch"] == 1:
            raise Stopped

    with pytest.raises(Stopped):
        trained(snapshot_path=tmp_path / "s.pth", on_epoch=stop_after_one)
    resumed, result = trained(snapshot_path=tmp_path / "s.pth", resume=True)
    assert same(whole_run[0], resumed)
    assert len(result.history) == len(whole_run[1].history)


def test_resuming_without_a_snapshot_starts_at_the_beginning(whole_run, tmp_path):
    resumed, _ = trained(snapshot_path=tmp_path / "s.pth", resume=True)
    assert same(whole_run[0], resumed)


def test_a_snapshot_of_another_plan_is_refused(tmp_path):
    trained(replace(PLAN, epochs=1), snapshot_path=tmp_path / "s.pth")
    with pytest.raises(TrainingError, match="other settings or other frames"):
        trained(snapshot_path=tmp_path / "s.pth", resume=True)


def test_a_damaged_snapshot_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "s.pth").write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(TrainingError, match=r"s\.pth: not a checkpoint"):
        trained(snapshot_path=tmp_path / "s.pth", resume=True)


def test_training_ends_early_when_validation_no_longer_gains():
    _, result = trained(replace(PLAN, epochs=30, patience=1, learning_rate=0.0))
    assert result.stopped_early
    assert len(result.history) == result.best_epoch + 1


def test_the_best_epoch_is_what_remains():
    network = new_network("compact", 7)
    validation = NumberLessons(6, seed=1)
    result = train(network, NumberLessons(12), validation, PLAN)
    best = min(result.history, key=lambda one: one["val_loss"])
    assert result.best_epoch == best["epoch"]
    assert np.allclose(scored(network, validation), result.logits)


def test_a_frozen_network_is_an_error_before_the_first_step():
    network = new_network("compact", 1).requires_grad_(requires_grad=False)
    with pytest.raises(TrainingError, match="no trainable parameter"):
        train(network, NumberLessons(12), NumberLessons(6), PLAN)


def test_one_class_only_is_an_error_before_the_first_step():
    class AllClean(NumberLessons):
        def targets(self):
            return np.ones(self.count)

    with pytest.raises(TrainingError, match="validation frames are all of one class"):
        train(new_network("compact", 1), NumberLessons(12), AllClean(6), PLAN)


@given(st.integers(2, 500), st.integers(2, 64), st.integers(0, 50), st.integers(1, 4))
def test_every_frame_comes_exactly_once_an_epoch_however_many_share_the_work(count, batch_size, epoch, world):
    batches = epoch_batches(np.arange(count) % 2.0, batch_size, "weights", 3, epoch)
    parts = [batch[rank::world] for batch in batches for rank in range(world)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))
    assert max(map(len, batches)) <= batch_size
    assert max(map(len, batches)) - min(map(len, batches)) <= 1


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth():
    plan = TrainingPlan(learning_rate=1.0, warmup_share=0.1)
    rates = [learning_rate(step, 1000, plan) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(1.0)
    assert int(np.argmax(rates)) in (99, 100)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


PROGRAM = """
import hashlib, json, sys
import torch
from schoolwork import NumberLessons
from nebulift.training.network import new_network
from nebulift.training.ranks import process_group
from nebulift.training.torchvision_import import import_torchvision  # noqa: E402
from nebulift.training.trainer import TrainingPlan, train

torch.set_num_threads(1)
with process_group() as ranks:
    lessons, network = NumberLessons(13), new_network("compact", 7)
    plan = TrainingPlan(epochs=2, batch_size=6, seed=7)
    loss = train(network, lessons, NumberLessons(5, seed=1), plan, ranks=ranks).history[-1]["loss"]
    weights = b"".join(tensor.numpy().tobytes() for tensor in network.state_dict().values())
    print(json.dumps({"read": lessons.read, "weights": hashlib.sha256(weights).hexdigest(), "loss": loss}))
"""


def test_two_processes_read_every_frame_once_an_epoch_and_end_with_equal_weights(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    here = Path(__file__).resolve().parent
    paths = os.pathsep.join([str(here), str(here.parent)])
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--log-dir",
        str(tmp_path / "log"),
    ]
    done = subprocess.run(
        [*command, "--redirects", "3", str(tmp_path / "program.py")],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(file.read_text().splitlines()[-1]) for file in (tmp_path / "log").rglob("stdout.log")]
    assert len(answers) == 2
    assert answers[0]["weights"] == answers[1]["weights"]
    assert answers[0]["loss"] == answers[1]["loss"]
    assert sorted(answers[0]["read"] + answers[1]["read"]) == sorted(2 * list(range(13)))


def test_a_checkpoint_gives_back_the_network_without_unpickling(tmp_path):
    network = new_network("compact", 5)
    save_checkpoint(tmp_path / "m.pth", network, {"name": "probe"})
    content = torch.load(tmp_path / "m.pth", weights_only=True)
    assert set(content) == {"weights", "about"}
    assert json.loads(content["about"])["size"] == "compact"
    loaded = load_checkpoint(tmp_path / "m.pth")
    assert same(weights_of(network), weights_of(loaded.network))
    assert loaded.about["name"] == "probe"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"size": "huge"}, "size 'huge' is unknown"), ({"grid": 64}, "made for other grid"), ({"planes": None}, "planes")],
)
def test_a_checkpoint_for_other_inputs_is_refused(tmp_path, change, complaint):
    save_checkpoint(tmp_path / "m.pth", new_network("compact", 5), change)
    with pytest.raises(TrainingError, match=complaint):
        load_checkpoint(tmp_path / "m.pth")


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_checkpoint(tmp_path / "m.pth", new_network("compact", 5), {"size": "optimal"})
    with pytest.raises(TrainingError, match="of another architecture than size 'optimal'"):
        load_checkpoint(tmp_path / "m.pth")


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="no such file"):
        load_checkpoint(tmp_path / "gone.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(TrainingError, match="not a checkpoint of nebulift"):
        load_checkpoint(tmp_path / "list.pth")


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


@pytest.mark.parametrize("save", [torch.save, lambda trap, path: path.write_bytes(pickle.dumps(trap))])
def test_code_in_a_checkpoint_is_refused_in_one_sentence_and_never_run(save, tmp_path, recwarn):
    save(Trap(tmp_path / "sprung"), tmp_path / "trap.pth")
    with pytest.raises(TrainingError, match="whatever else a file may hold is never run") as refused:
        load_checkpoint(tmp_path / "trap.pth")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "sprung").exists()
    assert not recwarn.list


def test_rgb_weights_answer_as_strongly_on_eight_planes():
    rgb = torch.randn(4, 3, 7, 7)
    adapted = adapt_first_convolution({"conv1.weight": rgb}, 8)["conv1.weight"]
    grey = torch.randn(1, 1, 32, 32)
    before = torch.nn.functional.conv2d(grey.expand(1, 3, -1, -1), rgb)
    after = torch.nn.functional.conv2d(grey.expand(1, 8, -1, -1), adapted)
    assert torch.allclose(before, after, atol=1e-4)


def test_imagenet_weights_that_cannot_be_had_are_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*_, **__):
        raise OSError("Name or service not known")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    sentence = load_imagenet(new_network("resnet18", 1))
    assert "starts from scratch" in sentence
    assert "\n" not in sentence
    assert "resnet18 only" in load_imagenet(new_network("compact", 1))


def test_imagenet_weights_are_loaded_where_they_can_be_had(monkeypatch):
    torch.manual_seed(3)
    published = import_torchvision().models.resnet18(weights=None).state_dict()
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: published)
    network = new_network("resnet18", 1)
    assert load_imagenet(network).startswith("started from")
    assert torch.equal(network.trunk.layer4[1].conv2.weight, published["layer4.1.conv2.weight"])


def test_a_marginal_frame_is_noticeable_and_not_plainly_visible():
    network = new_network("compact", 3).eval()
    rng = np.random.default_rng(0)
    planes = torch.from_numpy(rng.normal(size=(40, len(PLANES), GRID, GRID)).astype(np.float32))
    logits = network(planes, torch.zeros(40, len(FEATURES)))
    assert (logits[:, 2] <= logits[:, 1]).all()  # a higher step is never likelier than a lower one
    assert severity_targets(0.5).tolist() == [1.0, 0.0]
    assert severity_targets(0.1).tolist() == [0.0, 0.0]
    assert severity_targets(0.7).tolist() == [1.0, 1.0]


def test_it_learns_how_bad_a_frame_is():
    network = new_network("compact", PLAN.seed)
    result = train(network, NumberLessons(12), NumberLessons(12, seed=1), replace(PLAN, epochs=5))
    visible = result.logits[:, 2]
    assert visible[0::2].min() > visible[1::2].max()


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_the_mean_of_the_weights_resumes_as_the_weights_do(tmp_path, decay):
    class Stopped(Exception):
        pass

    def stop_after_one(figures):
        if figures["epoch"] == 1:
            raise Stopped

    plan = replace(PLAN, mean_decay=decay, epochs=2)
    whole, _ = trained(plan)
    with pytest.raises(Stopped):
        trained(plan, snapshot_path=tmp_path / "s.pth", on_epoch=stop_after_one)
    resumed, _ = trained(plan, snapshot_path=tmp_path / "s.pth", resume=True)
    assert same(whole, resumed)


def test_the_mean_of_the_weights_is_what_is_validated_and_kept(whole_run):
    averaged, result = trained(replace(PLAN, mean_decay=0.9))
    assert not same(whole_run[0], averaged)
    assert [one["loss"] for one in result.history] == [one["loss"] for one in whole_run[1].history]


def test_the_network_can_be_kept_as_it_goes():
    kept = {}
    trained(keep=lambda epoch, network: kept.__setitem__(epoch, weights_of(network)))
    assert sorted(kept) == [1, 2, 3]
    assert not same(kept[1], kept[3])


def test_a_part_that_learned_nothing_is_named():
    _, still = trained(replace(PLAN, epochs=1, learning_rate=0.0, weight_decay=0.0))
    layers = {f"trunk.layer{number}" for number in range(1, 5)}
    assert set(still.changes) == {"trunk.conv1", "trunk.bn1", *layers, "numbers", "head"}
    assert any("trunk.layer4 hardly changed" in warning for warning in still.warnings)
    _, moved = trained(replace(PLAN, epochs=1))
    assert moved.warnings == ()


@pytest.mark.parametrize(
    ("sampler", "clean", "bad"), [("none", 30, 10), ("weights", 30, 10), ("under", 10, 10), ("over", 30, 30)]
)
def test_a_sampler_shows_as_many_of_either_class_as_it_promises(sampler, clean, bad):
    targets = np.array([1.0] * 30 + [0.0] * 10)
    epochs = [np.concatenate(epoch_batches(targets, 8, sampler, 1, epoch)) for epoch in range(2)]
    for frames in epochs:
        assert (targets[frames] == 1.0).sum() == clean
        assert (targets[frames] == 0.0).sum() == bad
        assert len(set(frames[targets[frames] == 0.0].tolist())) == 10
    if sampler == "under":
        assert set(epochs[0].tolist()) != set(epochs[1].tolist())
    balance = class_balance(targets, np.ones(40), sampler)
    assert balance.tolist() == pytest.approx([2.0, 2 / 3] if sampler == "weights" else [1.0, 1.0])
