"""What may be loaded as a model: good files speak, all others are refused in one sentence."""

import json
import pickle
from dataclasses import asdict, replace

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto  # noqa: E402  after it is known that onnx is there
from small_models import CARD, EMPTY, KINDS, model, written  # noqa: E402

from nebulift import classifier as classifier_module  # noqa: E402
from nebulift.classifier import Prediction, load_classifier  # noqa: E402
from nebulift.cv_prefilter import ArtifactDetector  # noqa: E402
from nebulift.errors import ModelMismatch  # noqa: E402
from nebulift.familiarity import Familiarity  # noqa: E402
from nebulift.frame import frame_from_array  # noqa: E402
from nebulift.model_card import ModelCard  # noqa: E402
from nebulift.model_store import ModelStore  # noqa: E402
from nebulift.pipeline import as_measured, conclude  # noqa: E402
from nebulift.preprocess import FEATURES, PLANES, PREPROCESS_VERSION, ModelInput, features_of  # noqa: E402
from nebulift.simulate import star_field  # noqa: E402
from nebulift.verdict import Fusion, Thresholds, fuse  # noqa: E402

pytestmark = pytest.mark.torch  # onnx comes with the same extra


def refusal(path):
    """The one sentence with which a file is refused."""
    with pytest.raises(ModelMismatch) as caught:
        load_classifier(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"model {path}: ")
    assert sentence.endswith("the CV score decides alone until the model is replaced")
    assert "\n" not in sentence
    return sentence


def test_a_good_model_answers_with_probabilities(tmp_path):
    loaded = load_classifier(written(tmp_path / "m.onnx", model(offset=1.0)))
    answer = loaded.predict(EMPTY)
    assert answer.clean == pytest.approx(1.0 / (1.0 + np.exp(-1.0)))
    assert set(answer.kinds) == set(KINDS)


def test_the_card_comes_back_as_it_was_written(tmp_path):
    card = replace(
        CARD, thresholds=Thresholds(0.8, 0.1), fusion=Fusion(0.1, 0.9, 0.3), provenance={"seed": 1}, figures={"n": 5}
    )
    assert load_classifier(written(tmp_path / "m.onnx", model(), card)).card == card
    assert ModelCard.from_json(card.to_json()) == card


def test_another_card_changes_limits_and_not_answers(tmp_path):
    loaded = load_classifier(written(tmp_path / "m.onnx", model(offset=1.0)))
    other = loaded.with_card(replace(CARD, thresholds=Thresholds(0.9, 0.1)))
    assert other.card.thresholds == Thresholds(0.9, 0.1)
    assert other.predict(EMPTY) == loaded.predict(EMPTY)


def test_a_model_is_silent_on_frames_unlike_all_that_it_learned_from(tmp_path):
    card = replace(CARD, domain={FEATURES[0]: (-1.0, 2.0), FEATURES[3]: (0.0, 5.0)})
    loaded = load_classifier(written(tmp_path / "m.onnx", model(), card))
    assert loaded.card.domain == card.domain
    strange = EMPTY.features.copy()
    strange[0] = 2.5
    silent = Prediction(None, {}, Familiarity(0.0, ("number of stars",)))
    assert loaded.predict(ModelInput(EMPTY.planes, strange)) == silent
    assert loaded.predict(EMPTY).clean is not None
    strange[0] = 1.9
    assert loaded.predict(ModelInput(EMPTY.planes, strange)).clean is not None
    assert loaded.answer(ModelInput(EMPTY.planes, strange)).clean is not None


def test_a_model_counts_less_the_farther_a_frame_is_from_what_it_knows(tmp_path):
    card = replace(CARD, domain={FEATURES[0]: (-1.0, 2.0)}, silent_beyond=0.5)
    loaded = load_classifier(written(tmp_path / "m.onnx", model(), card))
    assert loaded.card.silent_beyond == 0.5
    features = EMPTY.features.copy()
    features[0] = 2.75  # a quarter of the range beyond: half of what silences it
    found = loaded.predict(ModelInput(EMPTY.planes, features))
    assert found.clean is not None
    assert found.known == Familiarity(pytest.approx(0.5), ("number of stars",))


@pytest.mark.parametrize(("beyond", "heard"), [(-0.1, 1.0), (0.15, 0.5), (0.4, 0.0)])
def test_an_unfamiliar_frame_is_judged_by_the_filter_and_the_judgement_says_so(tmp_path, beyond, heard):
    """``beyond``: what lies beyond the range of its number of stars, over that range; at 0.3 the model is silent."""
    frame = frame_from_array(star_field(400, 300, seed=3).pixels)
    measured = as_measured(frame, ArtifactDetector().analyse(frame), EMPTY.planes)
    value = float(features_of(measured.measurements, None)[0])
    card = replace(
        CARD, fusion=Fusion(0.0, 0.5, 0.6), silent_beyond=0.3, domain={FEATURES[0]: (0.0, value / (1.0 + beyond))}
    )
    judgement = conclude(measured, model=load_classifier(written(tmp_path / "m.onnx", model(offset=-3.0), card)))
    verdict = judgement.verdict
    assert verdict.score == pytest.approx(
        fuse(verdict.cv_score, verdict.model_score, card.fusion.heard(heard)), abs=1e-3
    )
    assert (verdict.model_score is None) == (heard == 0.0)
    assert [note.partition("(")[2] for note in judgement.notes] == {
        1.0: [],
        0.5: ["number of stars): the model counts for 50%"],
        0.0: ["number of stars): the filter decides alone"],
    }[heard]


def test_a_card_of_before_says_that_anything_beyond_silences(tmp_path):
    card = json.loads(CARD.to_json())
    del card["silent_beyond"]
    loaded = load_classifier(written(tmp_path / "m.onnx", model(), json.dumps(card)))
    assert loaded.card.silent_beyond == 0.0


def test_a_domain_of_features_that_do_not_exist_is_refused(tmp_path):
    card = replace(CARD, domain={"colour": (0.0, 1.0)})
    assert "limits features that it does not have" in refusal(written(tmp_path / "m.onnx", model(), card))


@pytest.mark.fault(42)
def test_a_missing_file_is_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "gone.onnx")
    assert "no such file" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04K\x01.", b"\x08\x08" + b"\xff" * 200])
def test_what_is_no_model_is_refused(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    assert "cannot be loaded" in refusal(tmp_path / "m.onnx")


@pytest.mark.fault(44)
def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trapped"), "w"))

    (tmp_path / "m.onnx").write_bytes(pickle.dumps(Trap()))
    assert "cannot be loaded" in refusal(tmp_path / "m.onnx")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.fault(42)
def test_a_truncated_model_is_refused(tmp_path):
    whole = written(tmp_path / "m.onnx", model()).read_bytes()
    for share in (0.3, 0.6, 0.95):
        (tmp_path / "cut.onnx").write_bytes(whole[: int(share * len(whole))])
        refusal(tmp_path / "cut.onnx")


@pytest.mark.fault(44)
def test_a_model_that_pulls_in_another_file_is_refused(tmp_path):
    """External data could be any file of the machine."""
    (tmp_path / "weights.bin").write_bytes(np.zeros(1, np.float32).tobytes())
    made = model()
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    assert "cannot be loaded" in refusal(written(tmp_path / "m.onnx", made))


@pytest.mark.fault(44)
def test_a_model_that_asks_for_operators_of_its_own_is_refused(tmp_path):
    """They would be code in a library that the file brings along."""
    made = model()
    made.graph.node[0].op_type, made.graph.node[0].domain = "Run", "evil.example"
    made.opset_import.add(domain="evil.example", version=1)
    assert "cannot be loaded" in refusal(written(tmp_path / "m.onnx", made))


def test_a_foreign_model_without_a_card_is_refused(tmp_path):
    assert "carries no model card" in refusal(written(tmp_path / "m.onnx", model(), None))


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"name": 1}', json.dumps({**asdict(CARD), "surprise": 1})])
def test_a_card_that_cannot_be_read_is_refused(tmp_path, card):
    assert "model card cannot be read" in refusal(written(tmp_path / "m.onnx", model(), card))


def test_another_version_of_preprocessing_is_refused(tmp_path):
    old = replace(CARD, preprocess_version=PREPROCESS_VERSION + 1)
    assert f"preprocessing version {PREPROCESS_VERSION + 1}" in refusal(written(tmp_path / "m.onnx", model(), old))


@pytest.mark.parametrize("change", [{"planes": PLANES[:7]}, {"grid": 64}, {"features": FEATURES[::-1]}])
def test_other_planes_or_features_are_refused(tmp_path, change):
    assert "other planes or features" in refusal(written(tmp_path / "m.onnx", model(), replace(CARD, **change)))


@pytest.mark.fault(42)
def test_a_card_that_lies_about_the_graph_is_refused(tmp_path):
    assert "its inputs are" in refusal(written(tmp_path / "grid.onnx", model(grid=64)))
    assert "outputs" in refusal(written(tmp_path / "names.onnx", model(outputs=("good", "kinds"))))
    assert "do not fit its card" in refusal(written(tmp_path / "kinds.onnx", model(kinds=5)))
    assert "names no kinds" in refusal(written(tmp_path / "none.onnx", model(), replace(CARD, kinds=())))


@pytest.mark.fault(42)
def test_a_model_that_answers_nan_is_refused(tmp_path):
    path = written(tmp_path / "m.onnx", model(offset=float("nan")))
    with pytest.raises(ModelMismatch, match="answers with NaN or infinity"):
        load_classifier(path)


def test_a_model_that_answers_no_probability_is_refused(tmp_path):
    assert "no probability" in refusal(written(tmp_path / "m.onnx", model(offset=7.0, sigmoid=False)))


def test_nan_in_one_frame_is_an_error_of_that_frame_only(tmp_path):
    loaded = load_classifier(written(tmp_path / "m.onnx", model()))
    broken = ModelInput(np.full_like(EMPTY.planes, np.nan), EMPTY.features)
    with pytest.raises(ModelMismatch, match="NaN"):
        loaded.predict(broken)
    assert 0.0 <= loaded.predict(EMPTY).clean <= 1.0


def test_a_file_far_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(classifier_module, "MAX_MODEL_BYTES", 100)
    assert "bytes are too many" in refusal(written(tmp_path / "m.onnx", model()))


@pytest.mark.fault(44)
def test_a_model_that_was_put_into_a_store_by_hand_is_refused(tmp_path):
    store = ModelStore.open(tmp_path / "store")
    store.promote(store.install(written(tmp_path / "m.onnx", model())))
    active = tmp_path / "store" / "active.onnx"
    assert load_classifier(active).card.name == CARD.name
    written(active, model(offset=2.0))
    assert "it was not installed here" in refusal(active)
    written(tmp_path / "better.onnx", model(offset=2.0))
    store.promote(store.install(tmp_path / "better.onnx"))
    assert load_classifier(active).card.name == CARD.name
    (tmp_path / "store" / "models.json").write_text("{")
    assert "it was not installed here" in refusal(active)


def test_the_bundled_model_must_be_the_one_of_the_release(tmp_path, monkeypatch):
    path = written(tmp_path / "default.onnx", model())
    (tmp_path / "manifest.json").write_text(json.dumps({"default.onnx": {"sha256": "0" * 64}}))
    monkeypatch.setattr(classifier_module, "default_model_path", lambda: path)
    with pytest.raises(ModelMismatch, match="not the file that this version was released with"):
        load_classifier("default")
