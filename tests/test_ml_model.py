"""The names that programs import, the whole way from frames to a model, and life without torch."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from schoolwork import write_nights

from nebulift.ml_model import complete_training_pipeline

WITHOUT_TORCH = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "onnx", "onnxscript", "sklearn", "matplotlib"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


def run_without_torch(program):
    """Exit code, output and errors of a program on a machine without the [train] extra."""
    here = Path(__file__).resolve().parent
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH + program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": ":".join(str(here.parent / part) for part in (".", "daemon", "export")), "PATH": ""},
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_the_names_can_be_imported_without_torch():
    program = """
from nebulift.ml_model import (complete_training_pipeline, generate_training_labels_from_cv,
                               create_dataset_from_cv_labels, AstroImageDataset)
import nebulift.training.calibrate, nebulift.training.evaluation_run, nebulift.cli.train, nebulift.cli.calibrate
print(sorted(name for name in sys.modules if name.split(".")[0] in {"torch", "onnx", "sklearn"}))
"""
    assert run_without_torch(program) == (0, "[]", "")


@pytest.mark.parametrize(
    "call",
    [
        'complete_training_pipeline("nights", "m.pth", "set")',
        "create_classifier()",
    ],
)
def test_what_trains_says_which_extra_to_install(call):
    program = f"""
from nebulift.errors import MissingExtra
from nebulift.ml_model import complete_training_pipeline, create_classifier
try:
    {call}
except MissingExtra as error:
    print(error)
"""
    code, output, _ = run_without_torch(program)
    assert (code, output) == (
        0,
        "training needs packages that are not installed; run: pip install 'nebulift[train]'",
    )


def test_the_command_line_says_so_too(tmp_path):
    program = f"""
from nebulift.cli import main
main(["train-from-fits", {str(tmp_path)!r}, "--model-output", "m.pth"])
"""
    code, output, errors = run_without_torch(program)
    assert (code, output) == (2, "")
    assert errors == "training needs packages that are not installed; run: pip install 'nebulift[train]'"


@pytest.mark.torch
@pytest.mark.timeout(300)
def test_the_complete_pipeline_trains_a_model_from_a_folder_of_frames(tmp_path):
    pytest.importorskip("torch")
    load_checkpoint = importlib.import_module("nebulift.training.checkpoint").load_checkpoint

    write_nights(tmp_path / "nights")
    results = complete_training_pipeline(
        fits_directory=tmp_path / "nights",
        model_output_path=tmp_path / "models" / "trained_classifier.pth",
        dataset_output_dir=tmp_path / "set",
        epochs=2,
        batch_size=4,
        clean_threshold=0.75,
        contaminated_threshold=0.25,
        size="compact",
    )
    assert 0.0 <= results["final_metrics"]["best_val_accuracy"] <= 100.0
    stats = results["dataset_stats"]
    assert stats["training_samples"] + stats["validation_samples"] + stats["review_files"] == 21
    checkpoint = load_checkpoint(tmp_path / "models" / "trained_classifier.pth")
    assert checkpoint.about["fusion"]["model_weight"] == 0.0  # agreement with its teacher gives it no say
    assert "cannot be shown to know more" in results["fusion"]["reason"]
    report = (tmp_path / "models" / "trained_classifier.report.md").read_text()
    assert "This is agreement, not accuracy" in report
    assert json.loads((tmp_path / "models" / "trained_classifier.report.json").read_text()) == json.loads(
        json.dumps(results)
    )
    assert str(tmp_path) not in json.dumps(dict(checkpoint.about))
