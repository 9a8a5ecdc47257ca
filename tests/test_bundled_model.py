"""The model in the box: it is the released one, it is small, its card is whole, it has the say that it has earned."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from nebulift.classifier import load_classifier
from nebulift.cli import cli
from nebulift.model_benchmark import measure_model
from nebulift.model_card import default_model_path
from nebulift.simulate.night import plan_night
from nebulift.simulate.night_files import write_night

LARGEST_BYTES = 12_000_000


@pytest.fixture(scope="module")
def model():
    return load_classifier()


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    write_night(folder, plan_night(3, 2, size=(400, 300), program="ekos"))
    return next(path for path in sorted(folder.rglob("*.fit*")))


def classified(*arguments):
    done = CliRunner().invoke(cli, ["classify", "--json", *map(str, arguments)], catch_exceptions=False)
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_it_is_small_and_its_card_is_whole(model):
    assert default_model_path().stat().st_size <= LARGEST_BYTES
    card = model.card
    assert "ResNet18" in card.architecture
    assert set(card.figures["witnesses"]) == {"cv", "model", "fusion"}
    assert "no real frame" in card.provenance["data"]
    assert set(card.provenance["courses"]["train"]["cameras"]).isdisjoint(card.provenance["courses"]["test"]["cameras"])
    assert not any(sign in card.to_json() for sign in ("/home/", "/tmp/", "/root/"))
    assert "Model card" in default_model_path().with_suffix(".card.md").read_text(encoding="utf-8")


def test_it_has_a_say_only_because_both_are_better_than_the_filter_alone(model):
    fusion, witnesses = model.card.fusion, model.card.figures["witnesses"]
    alone, both = witnesses["cv"], witnesses["fusion"]
    assert fusion.model_weight >= 0.0
    assert both["roc_auc"]["value"] >= alone["roc_auc"]["value"]
    assert both["false_rejection"]["value"] <= alone["false_rejection"]["value"] + 0.005


def test_classify_asks_it(frame, model):
    record, _ = classified(frame)
    assert record["model"] == model.card.name
    assert 0.0 <= record["model_score"] <= 1.0


def test_another_file_in_its_place_is_refused_and_the_filter_decides_alone(frame, tmp_path, monkeypatch):
    place = tmp_path / "models"
    shutil.copytree(default_model_path().parent, place)
    model = place / "default.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    monkeypatch.setattr("nebulift.classifier.default_model_path", lambda: model)
    record, said = classified(frame)
    assert (record["model"], record["model_score"], record["score"]) == (None, None, record["cv_score"])
    assert said.count("\n") == 1
    assert "not the file that this version was released with" in said
    assert "CV score decides alone" in said


def test_the_manifest_names_nothing_else():
    manifest = json.loads((default_model_path().parent / "manifest.json").read_text(encoding="utf-8"))
    assert [Path(name).name for name in manifest] == ["default.onnx"]


def test_it_answers_hostile_inputs_with_a_probability_or_not_at_all():
    found = measure_model(load_classifier(), rounds=5)
    assert 0.0 < found.median_ms <= found.p95_ms
    assert set(found.hostile) == {"zeros", "saturated", "greatest", "NaN", "infinite"}
    assert all(answer == "refused" or 0.0 <= float(answer) <= 1.0 for answer in found.hostile.values())
    assert found.hostile["zeros"] != "refused"
