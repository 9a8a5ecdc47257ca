"""The school's commands, from frames to labels, model, evaluation and calibration."""

import csv
import json
import signal

import pytest
from click.testing import CliRunner
from schoolwork import write_night, write_nights

from nebulift.classifier import load_classifier
from nebulift.cli import cli
from nebulift.cli.training_progress import TrainingProgress
from nebulift.errors import TrainingError, WrongUsage
from nebulift.ml_model import needs_torch
from nebulift.preprocess import FEATURES, FIRST_OF_SESSION
from nebulift.training.known_range import SILENT_BEYOND
from nebulift.verdict import Thresholds
from nebulift_daemon.ledger import Judged, Ledger
from nebulift_daemon.sighting import Sighting


def run(*arguments):
    """The outcome of a command whose errors are raised as they are."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nights")
    write_nights(folder)
    return folder


@pytest.fixture(scope="module")
def truth(nights, tmp_path_factory):
    """labels.csv as a person would write it."""
    file = tmp_path_factory.mktemp("truth") / "decided.csv"
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("path", "label", "kinds"))
        for path in sorted(nights.rglob("*.fits")):
            spoilt = int(path.stem[-3:]) >= 4
            writer.writerow((path, "contaminated" if spoilt else "clean", "readout" if spoilt else ""))
    return file


def test_labels_are_written_beside_the_inputs_of_the_network(nights, tmp_path):
    done = run("labels", nights, "--output", tmp_path / "school")
    assert done.exit_code == 0
    assert "21 labelled, 0 for review, 0 left out" in done.output
    with (tmp_path / "school" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows].count("contaminated") == 9
    assert {row["source"] for row in rows} == {"cv"}
    assert {(row["camera"], row["filter"], row["target"]) for row in rows} == {("TestCam", "L", "M 31")}
    assert "the rest are the filter's own opinion" in (tmp_path / "school" / "coverage.md").read_text()
    assert len(list((tmp_path / "school" / "inputs").rglob("*.npz"))) == 21


def test_decided_frames_and_injected_twins_stand_in_the_manifest_and_can_be_taken_elsewhere(nights, truth, tmp_path):
    night = nights / "2024-11-01"
    done = run(
        "labels", night, "--output", tmp_path / "school", "--reviews", truth, "--inject", "1", "--max-frames", "4",
        "--export", tmp_path / "set", "--export-by", "copy",
    )  # fmt: skip
    assert "21 decided frames (12 clean, 9 contaminated)" in done.output
    assert "3 frames are not measured yet; call it again to go on" in done.output
    with (tmp_path / "school" / "manifest.csv").open() as file:
        sources = [row["source"] for row in csv.DictReader(file)]
    assert sources.count("human") == 4
    assert "injected" in sources
    with pytest.raises(WrongUsage, match="name a FOLDER of frames"):
        run("labels", night)


@pytest.mark.torch
def test_training_takes_the_labels_of_a_manifest(nights, truth, tmp_path):
    pytest.importorskip("torch")
    run("labels", "--reviews", truth, "--export", tmp_path / "set")
    from_fits, trainer = (needs_torch(f"nebulift.training.{name}", "training") for name in ("from_fits", "trainer"))
    recipe = from_fits.Recipe(trainer.TrainingPlan(), Thresholds(), manifest=tmp_path / "set" / "manifest.csv")
    labels, parts = from_fits._prepare(None, tmp_path / "data", recipe, from_fits.Silence())
    assert {one.source for one in labels.labelled} == {"human"}
    assert sorted(one.label for one in labels.labelled) == [0] * 9 + [1] * 12
    assert len(parts.train) + len(parts.validation) == 21
    with pytest.raises(WrongUsage, match="name the FOLDER of the frames, or a manifest"):
        run("train-from-fits", "--model-output", tmp_path / "m.pth")


def test_labelling_that_ran_out_of_time_says_what_is_left(nights, tmp_path):
    done = run("labels", nights / "2024-11-01", "--output", tmp_path / "school", "--max_time", "1e-3")
    assert done.exit_code == 2  # at least a second
    monkeyed = run("labels", nights / "2024-11-01", "--output", tmp_path / "school", "--max-time", "1")
    again = run("labels", nights / "2024-11-01", "--output", tmp_path / "school")
    assert monkeyed.exit_code == again.exit_code == 0
    assert "7 labelled" in again.output


def test_a_folder_without_frames_is_refused(tmp_path):
    with pytest.raises(WrongUsage, match="no frames in there"):
        run("labels", tmp_path, "--output", tmp_path / "school")


def test_evaluation_tells_the_filter_from_the_truth(nights, truth, tmp_path):
    done = run("evaluate", "--no-model", "--on", truth, "--output", tmp_path / "report")
    assert done.exit_code == 0
    assert "21 frames of 3 sessions: 12 clean, 0 marginal, 9 contaminated" in done.output
    assert (tmp_path / "report" / "report.html").read_text().startswith("<!doctype html>")
    figures = json.loads((tmp_path / "report" / "report.json").read_text())["sets"][0]
    assert figures["witnesses"]["cv"]["roc_auc"]["value"] == 1.0
    assert figures["witnesses"]["cv"]["confusion"]["contaminated"]["contaminated"] == 9
    assert list(figures["witnesses"]) == ["cv"]


def test_frames_that_cannot_be_judged_count_in_no_figure_and_are_named(nights, tmp_path):
    good = next(iter(sorted(nights.rglob("*.fits"))))
    (tmp_path / "torn.fits").write_bytes(good.read_bytes()[:9000])
    (tmp_path / "labels.csv").write_text(f"path,label\n{good},clean\ntorn.fits,clean\n")
    done = run("evaluate", "--no-model", "--on", tmp_path)
    assert "1 frames of 1 sessions" in done.output
    assert "not judged" in done.output
    assert "torn.fits" in done.output


def test_calibration_without_a_model_gives_limits_for_the_configuration(tmp_path):
    """Forty decided frames of one rig; the filter is right about them."""
    folder = tmp_path / "nights"
    for night in ("2024-11-01", "2024-11-03"):
        write_night(folder, night, clean=12, bad=8)
    rows = [f"{path},{'bad' if int(path.stem[-3:]) >= 12 else 'good'}" for path in sorted(folder.rglob("*.fits"))]
    (tmp_path / "decided.csv").write_text("\n".join(["path,label", *rows]))
    done = run("calibrate", "--reviews", tmp_path / "decided.csv", "--no-model", "--output", tmp_path / "rig.json")
    assert done.exit_code == 0
    assert "24 clean and 16 contaminated reviews" in done.output
    assert "[thresholds]" in done.output
    assert json.loads((tmp_path / "rig.json").read_text())["model"] is None


def test_too_few_reviews_are_refused(truth):
    with pytest.raises(TrainingError, match="21 readable reviewed frames are too few"):
        run("calibrate", "--reviews", truth, "--no-model")


def test_a_folder_without_a_ledger_is_no_source_of_reviews(tmp_path):
    with pytest.raises(WrongUsage, match="no ledger in there"):
        run("calibrate", "--reviews", tmp_path, "--no-model")


def test_the_checkpoint_must_be_named_as_one(nights, tmp_path):
    with pytest.raises(WrongUsage, match=r"ends in \.pth"):
        run("train-from-fits", nights, "--model-output", tmp_path / "model.onnx")


def test_limits_that_contradict_each_other_are_refused(nights, tmp_path):
    with pytest.raises(WrongUsage, match="thresholds must satisfy"):
        run("labels", nights, "--output", tmp_path, "--clean_threshold", "0.2", "--contaminated_threshold", "0.8")


@pytest.mark.torch
def test_one_class_is_refused_before_hours_are_spent(tmp_path):
    pytest.importorskip("torch")
    write_night(tmp_path / "nights", "2024-11-01", 12, 0)
    with pytest.raises(TrainingError, match="0 of 12 labelled frames are contaminated"):
        run("train-from-fits", tmp_path / "nights", "--model-output", tmp_path / "m.pth")


@pytest.mark.torch
def test_a_graphics_card_that_is_not_there_is_said_to_be_missing(nights, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TrainingError, match="torch sees no graphics card here"):
        run("train-from-fits", nights, "--model-output", tmp_path / "m.pth", "--device", "cuda")


def interrupting_after_an_epoch(listener, done, text=""):
    """Ctrl-C when the first epoch is told."""
    if text.startswith("loss"):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.torch
@pytest.mark.timeout(300)
def test_from_frames_to_a_model_that_classifies(nights, truth, tmp_path):
    """Underscore spellings, Ctrl-C and resume, ONNX, and the evaluation of what came out."""
    pytest.importorskip("torch")
    command = (
        "train-from-fits", nights, "--model_output", tmp_path / "m.pth", "--dataset_dir", tmp_path / "set",
        "--epochs", "2", "--batch_size", "8", "--size", "compact", "--reviews", truth,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingProgress, "step", interrupting_after_an_epoch)
        assert "--resume goes on from here" in run(*command).output
    assert (tmp_path / "m.snapshot.pth").exists()
    done = run(*command, "--resume")
    assert done.exit_code == 0, done.output
    assert "training 2 of 2" in done.output
    assert "training 1 of 2" not in done.output
    assert "accuracy on human labels" in done.output
    assert {file.name for file in tmp_path.glob("m.*")} == {
        "m.pth",
        "m.onnx",
        "m.report.md",
        "m.report.json",
        "m.report.png",
    }
    card = load_classifier(tmp_path / "m.onnx").card
    assert set(card.domain) == set(FEATURES[:FIRST_OF_SESSION])  # it knows what it does not know
    assert card.silent_beyond == SILENT_BEYOND
    measured = run("evaluate", tmp_path / "m.onnx", "--on", truth, "--plots", tmp_path / "plots")
    assert "model alone" in measured.output
    assert len(list((tmp_path / "plots").glob("*.png"))) == 5
    with pytest.raises(WrongUsage, match="--dataset-dir"):
        run("export", tmp_path / "m.pth", "--output", tmp_path / "m8.onnx", "--int8")


def test_calibration_takes_scores_from_the_ledger_and_opens_no_frame(tmp_path):
    """Forty-five frames that are long gone from the disk, each decided by a person."""
    ledger = Ledger.open(tmp_path / "state")
    for number in range(45):
        is_clean = number % 3 > 0
        score = 0.55 + 0.005 * number if is_clean else 0.05 + 0.005 * number
        claim = ledger.progress.claim(Sighting(tmp_path / f"{number}.fits", 1, number, 10, 5), tmp_path)
        record = {"verdict": "review", "score": score, "cv_score": score, "model_score": None, "model": None}
        record |= {"kinds": {}, "reason": "undecided"}
        ledger.progress.judged(claim.frame_id, Judged(f"{number:02}", record, "review"), None, None)
        ledger.history.decided(claim.frame_id, "clean" if is_clean else "contaminated", None, "web")
    ledger.close()
    done = run("calibrate", "--reviews", tmp_path / "state", "--no-model", "--output", tmp_path / "rig.json")
    assert done.exit_code == 0
    assert "30 clean and 15 contaminated reviews" in done.output
    limits = json.loads((tmp_path / "rig.json").read_text())["raw_thresholds"]
    assert 0.2 < limits["contaminated"] < limits["clean"] < 0.8


def test_a_rig_without_reviews_is_centred_on_what_is_usual_in_its_sessions(tmp_path):
    """Three sessions of a rig whose every score is low."""
    ledger = Ledger.open(tmp_path / "state")
    for number in range(36):
        claim = ledger.progress.claim(Sighting(tmp_path / f"{number}.fits", 1, number, 10, 5), tmp_path)
        score = 0.55 + 0.001 * number
        record = {"verdict": "review", "score": score, "cv_score": score, "model_score": None, "model": None}
        record |= {"kinds": {}, "reason": "undecided"}
        ledger.progress.judged(
            claim.frame_id, Judged(f"{number:02}", record, "review", f"group {number % 3}"), None, None
        )
    ledger.close()
    done = run("calibrate", "--without-reviews", tmp_path / "state", "--no-model", "--output", tmp_path / "rig.json")
    assert "3 sessions, no reviews: scores raised by 0.6" in done.output
    assert "clean 0% before, 69% after" in done.output
    with pytest.raises(WrongUsage, match="name what people decided"):
        run("calibrate", "--no-model")
