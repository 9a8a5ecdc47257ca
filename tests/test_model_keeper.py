"""A model replaced under a judge at work: the new one has to prove itself, and until then the old one decides."""

import shutil
from dataclasses import replace

import pytest

pytest.importorskip("onnx")

from small_models import CARD, EMPTY, model, written

from nebulift_daemon.judge_messages import JudgeOptions, Ready
from nebulift_daemon.model_keeper import ModelKeeper

pytestmark = pytest.mark.torch
FIRST, SECOND = replace(CARD, name="first 1"), replace(CARD, name="second 2")


@pytest.fixture
def path(tmp_path):
    return written(tmp_path / "m.onnx", model(), FIRST)


@pytest.fixture
def keeper(path):
    return ModelKeeper(JudgeOptions(model=str(path)))


def swap(path, made, card=SECOND):
    """Put another file in the model's place, as ``mv`` does."""
    written(path.with_name("coming"), made, card).rename(path)


def test_a_file_that_stays_is_loaded_once(keeper):
    loaded = keeper.classifier
    assert not keeper.renew()
    assert keeper.classifier is loaded
    assert keeper.ready == Ready("first 1", None)


@pytest.mark.fault(43)
def test_a_new_file_takes_over_when_it_has_proved_itself(keeper, path):
    swap(path, model(offset=3.0))
    assert keeper.renew()
    assert keeper.ready == Ready("second 2", None)
    assert keeper.classifier.answer(EMPTY).clean > 0.9


@pytest.mark.fault(42, 43)
@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: model(offset=float("nan")), "it answers with NaN or infinity"),
        (lambda: model(grid=8), "its inputs are"),
        (lambda: model(sigmoid=False, offset=5.0), "which is no probability"),
    ],
)
def test_a_bad_file_is_told_of_and_the_old_model_decides_on(keeper, path, made, why):
    swap(path, made())
    assert keeper.renew()
    assert keeper.ready.model == "first 1"
    assert why in keeper.ready.trouble
    assert keeper.ready.trouble.endswith("first 1, which was loaded before, decides on")
    assert 0.0 < keeper.classifier.answer(EMPTY).clean < 1.0


@pytest.mark.fault(43)
def test_a_file_that_is_copied_slowly_takes_over_when_it_is_whole(keeper, path, tmp_path):
    whole = written(tmp_path / "whole", model(), SECOND).read_bytes()
    with path.open("wb", buffering=0) as copying:
        for start in range(0, len(whole), 200):
            copying.write(whole[start : start + 200])
            keeper.renew()
            assert keeper.classifier.card.name == ("first 1" if start + 200 < len(whole) else "second 2")
    assert keeper.ready == Ready("second 2", None)


def test_a_file_that_is_taken_away_and_brought_back_is_told_of_twice(keeper, path):
    shutil.move(path, path.with_name("away"))
    assert keeper.renew()
    assert "no such file" in keeper.ready.trouble
    assert not keeper.renew()
    shutil.move(path.with_name("away"), path)
    assert keeper.renew()
    assert keeper.ready == Ready("first 1", None)


def test_a_model_that_was_missing_at_the_start_is_taken_when_it_is_there(tmp_path):
    keeper = ModelKeeper(JudgeOptions(model=str(tmp_path / "m.onnx")))
    assert keeper.classifier is None
    assert keeper.ready.trouble.startswith("no model, measurements decide alone: model ")
    written(tmp_path / "m.onnx", model(), FIRST)
    assert keeper.renew()
    assert keeper.ready == Ready("first 1", None)


def test_a_link_to_the_newest_model_may_be_turned(tmp_path):
    for card in (FIRST, SECOND):
        written(tmp_path / card.name, model(), card)
    link = tmp_path / "m.onnx"
    link.symlink_to("first 1")
    keeper = ModelKeeper(JudgeOptions(model=str(link)))
    (tmp_path / "new").symlink_to("second 2")
    (tmp_path / "new").rename(link)
    assert keeper.renew()
    assert keeper.ready == Ready("second 2", None)


def test_without_a_model_none_is_looked_for():
    keeper = ModelKeeper(JudgeOptions(model="none"))
    assert not keeper.renew()
    assert keeper.ready == Ready(None, None)
