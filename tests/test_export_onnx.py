"""From checkpoint to ONNX: the same answers, one file, nothing of the machine that made it; int8 only if it passes."""

import time
from dataclasses import replace

import numpy as np
import pytest
from schoolwork import NumberLessons

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from nebulift.classifier import load_classifier, sooner  # noqa: E402
from nebulift.errors import TrainingError  # noqa: E402
from nebulift.model_card import ModelCard  # noqa: E402
from nebulift.preprocess import ModelInput  # noqa: E402
from nebulift.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from nebulift.training.network import FIRST_KIND, new_network  # noqa: E402
from nebulift.training.trainer import TrainingPlan, scored, train  # noqa: E402
from nebulift.verdict import Fusion, Thresholds  # noqa: E402
from nebulift_export import to_onnx  # noqa: E402  after it is known that torch is there
from nebulift_export.card import weights_sha256  # noqa: E402
from nebulift_export.quantize import quantise  # noqa: E402
from nebulift_export.runtime import run_model  # noqa: E402
from nebulift_export.to_onnx import export_checkpoint, rewrite_card  # noqa: E402

pytestmark = pytest.mark.torch

ABOUT = {
    "name": "probe 7",
    "calibration": {"offset": 0.5, "slope": 2.0},
    "fusion": {"bias": 0.1, "cv_weight": 0.9, "model_weight": 0.2},
    "thresholds": {"clean": 0.75, "contaminated": 0.2},
    "provenance": {"recipe": "test"},
    "figures": {"auc": 0.9},
}
CARD = ModelCard("m", "a", 1, (), 128, (), ())
FRAMES = NumberLessons(60, seed=3)


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A small network that has learned its lessons, its checkpoint and its export."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("export")
    network = new_network("compact", 1)
    train(network, NumberLessons(16), FRAMES, TrainingPlan(epochs=6, batch_size=8, learning_rate=3e-3))
    save_checkpoint(folder / "m.pth", network, ABOUT)
    return folder, export_checkpoint(folder / "m.pth", folder / "m.onnx")


def inputs():
    samples = [FRAMES.sample(index) for index in range(len(FRAMES))]
    return np.stack([one.planes for one in samples]), np.stack([one.features for one in samples])


def test_the_exported_model_answers_as_torch_does(school):
    folder, exported = school
    logits = scored(load_checkpoint(folder / "m.pth").network, FRAMES)
    answered = run_model((folder / "m.onnx").read_bytes(), *inputs())
    assert exported.parity <= 1e-5
    assert np.abs(answered.clean - 1.0 / (1.0 + np.exp(-(0.5 + 2.0 * logits[:, 0])))).max() < 1e-5
    assert np.abs(answered.kinds - 1.0 / (1.0 + np.exp(-logits[:, FIRST_KIND:]))).max() < 1e-5


def test_the_runtime_loads_it_and_reads_its_card(school):
    folder, _ = school
    loaded = load_classifier(folder / "m.onnx")
    sample = FRAMES.sample(0)
    answer = loaded.predict(ModelInput(sample.planes, sample.features))
    assert 0.0 <= answer.clean <= 1.0
    assert loaded.card.name == "probe 7"
    assert loaded.card.fusion == Fusion(0.1, 0.9, 0.2)
    assert loaded.card.thresholds == Thresholds(0.75, 0.2)
    assert loaded.card.weights_sha256 == weights_sha256(load_checkpoint(folder / "m.pth").network.state_dict())


def test_it_is_one_file_of_a_stated_opset_without_a_trace_of_the_machine(school):
    folder, _ = school
    content = (folder / "m.onnx").read_bytes()
    model = onnx.load_model_from_string(content)
    assert [file.name for file in folder.glob("m.onnx*")] == ["m.onnx"]
    assert (model.opset_import[0].version, model.ir_version) == (20, 10)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    for trace in (b"site-packages", str(folder).encode(), b".py"):
        assert trace not in content


def test_the_same_checkpoint_gives_the_same_bytes(school, tmp_path):
    folder, _ = school
    export_checkpoint(folder / "m.pth", tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (folder / "m.onnx").read_bytes()


def test_a_card_is_rewritten_without_touching_the_answers(school, tmp_path):
    folder, exported = school
    before = (folder / "m.onnx").read_bytes()
    (tmp_path / "m.onnx").write_bytes(before)
    rewrite_card(tmp_path / "m.onnx", replace(exported.card, figures={"auc": 0.95}))
    planes, features = inputs()
    after = (tmp_path / "m.onnx").read_bytes()
    assert np.array_equal(run_model(before, planes, features).clean, run_model(after, planes, features).clean)
    assert load_classifier(tmp_path / "m.onnx").card.figures == {"auc": 0.95}


def test_no_file_is_left_when_the_answers_differ(school, tmp_path, monkeypatch):
    folder, _ = school
    monkeypatch.setattr(to_onnx, "PARITY", -1.0)  # even the same answer is too far off
    with pytest.raises(TrainingError, match="not written, because onnxruntime and torch differ"):
        export_checkpoint(folder / "m.pth", tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_int8_is_kept_when_the_answers_stay_the_same(school, tmp_path):
    folder, exported = school
    planes, features = inputs()
    fp32 = (folder / "m.onnx").read_bytes()
    found = quantise(fp32, exported.card, tmp_path / "m.onnx", planes, features, FRAMES.targets() > 0.5)
    assert found.kept, found.reason
    assert found.bytes < 0.4 * len(fp32)
    assert found.changed <= 0.01
    assert load_classifier(tmp_path / "m.onnx").card == exported.card


def test_fp32_is_kept_when_int8_answers_otherwise(school, tmp_path, monkeypatch):
    folder, exported = school
    planes, features = inputs()
    monkeypatch.setattr("nebulift_export.quantize._quantised", lambda *_: b"int8")
    real = run_model

    def other_answers(content, planes, features):
        answered = real((folder / "m.onnx").read_bytes(), planes, features)
        return answered if content != b"int8" else replace(answered, clean=1.0 - answered.clean)

    monkeypatch.setattr("nebulift_export.quantize.run_model", other_answers)
    found = quantise(b"fp32", exported.card, tmp_path / "m.onnx", planes, features, FRAMES.targets() > 0.5)
    assert not found.kept
    assert found.reason.startswith("fp32 kept: int8 loses")
    assert list(tmp_path.iterdir()) == []


def test_too_few_frames_to_quantise_with_are_refused(school, tmp_path):
    folder, exported = school
    planes, features = inputs()
    with pytest.raises(TrainingError, match="49 frames are too few"):
        quantise(
            (folder / "m.onnx").read_bytes(), exported.card, tmp_path / "m.onnx", planes[:49], features[:49],
            FRAMES.targets()[:49] > 0.5,
        )  # fmt: skip


def test_where_both_forms_lie_the_sooner_one_is_taken_and_told(school, tmp_path, caplog):
    folder, exported = school
    planes, features = inputs()
    fp32 = (folder / "m.onnx").read_bytes()
    (tmp_path / "m.onnx").write_bytes(fp32)
    quantise(fp32, exported.card, tmp_path / "m.int8.onnx", planes, features, FRAMES.targets() > 0.5)
    with caplog.at_level("INFO"):
        chosen = load_classifier(tmp_path / "m.onnx")
    assert chosen.card == exported.card
    assert "is used (int8" in caplog.text


def test_the_sooner_form_is_the_one_with_the_shorter_time():
    class Timed:
        def __init__(self, seconds, weights="w"):
            self.seconds, self.card = seconds, replace(CARD, weights_sha256=weights)

        def answer(self, _given):
            time.sleep(self.seconds)

    slow, fast = Timed(0.004), Timed(0.001)
    assert sooner(slow, fast, budget_s=0.05) is fast
    assert sooner(fast, slow, budget_s=0.05) is fast
    assert sooner(slow, Timed(0.001, weights="other"), budget_s=0.05) is slow  # another model beside it


def test_a_damaged_int8_form_is_passed_over(school, tmp_path, caplog):
    folder, _ = school
    (tmp_path / "m.onnx").write_bytes((folder / "m.onnx").read_bytes())
    (tmp_path / "m.int8.onnx").write_bytes(b"torn")
    assert load_classifier(tmp_path / "m.onnx").card.name == "probe 7"
    assert "m.onnx is used" in caplog.text
