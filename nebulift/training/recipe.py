"""The recipe of the bundled model: ``python -m nebulift.training.recipe --frames 4960 --seed 1 --size optimal``.

Simulates sessions of many cameras, measures them as the daemon would, trains, calibrates and weighs the network on
cameras it has not seen, measures it on others again, and writes ``default.onnx`` with its card. What was made stays in
``--folder``: a run that was stopped goes on where it was. No real frame takes part.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from nebulift import __version__
from nebulift.classifier import load_classifier
from nebulift.model_card import ModelCard
from nebulift.preprocess import FEATURES, FIRST_OF_SESSION
from nebulift.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nebulift.training.evaluation import summarise
from nebulift.training.evaluation_report import as_markdown
from nebulift.training.fusion import fit_branches, fit_fusion
from nebulift.training.network import SIZES, new_network
from nebulift.training.ranks import use_cores
from nebulift.training.simulated_lessons import SimulatedLessons, judged_rows
from nebulift.training.simulated_sessions import Course, SimulatedLesson, make_sessions, read_sessions
from nebulift.training.trainer import Trained, TrainingPlan, train
from nebulift.training.trees import Trees, fit_trees
from nebulift.verdict import Thresholds

# Every side has mono and colour; training has eight bodies of all converter widths, the others are strange to it
TRAINING_CAMERAS = (
    "ASI294MC", "ASI2600MM", "ASI1600MM", "QHY268M", "Mars-C", "Canon EOS 6D", "Atik 460EX", "ASI120MM",
)  # fmt: skip
CALIBRATION_CAMERAS = ("ASI183MM", "Seestar S50")
TEST_CAMERAS = ("QHY533C", "STF-8300M", "ASI2600MC")
SHARES = {"train": 0.73, "calibrate": 0.16, "test": 0.11}
EPOCHS = 14
LARGEST_BYTES = 12_000_000
DOMAIN_MARGIN = 0.1  # of the range: the next camera is a little different


@dataclass(frozen=True, slots=True)
class Schools:
    """The three parts of the curriculum, simulated."""

    train: list[SimulatedLesson]
    calibrate: list[SimulatedLesson]
    test: list[SimulatedLesson]


def courses(frames: int, seed: int) -> dict[str, Course]:
    """What to simulate: no camera, seed or session is in two courses."""
    cameras = {"train": TRAINING_CAMERAS, "calibrate": CALIBRATION_CAMERAS, "test": TEST_CAMERAS}
    return {
        name: Course(name, cameras[name], 10 * seed + number, round(share * frames))
        for number, (name, share) in enumerate(SHARES.items())
    }


def make_model(
    folder: Path,
    output: Path,
    *,
    frames: int,
    seed: int,
    size: str,
    epochs: int = EPOCHS,
    workers: int = 1,
    precision: str = "float32",
) -> dict[str, Any]:
    """Write the model to ``output`` with manifest and card beside it; returns its figures on the test cameras."""
    started = time.monotonic()
    use_cores()
    wanted = courses(frames, seed)
    schools = Schools(*(_simulated(wanted[name], folder / "sessions", workers) for name in SHARES))
    checkpoint = folder / f"{size}-{frames}-{seed}.pth"
    _say(f"training on {len(schools.train)} frames")
    lessons, validation = SimulatedLessons(schools.train), SimulatedLessons(schools.calibrate)
    network = new_network(size, seed)
    plan = TrainingPlan(epochs=epochs, seed=seed, patience=8, batch_size=64, precision=precision)
    trained = train(
        network,
        lessons,
        validation,
        plan,
        snapshot_path=checkpoint.with_suffix(".snapshot.pth"),
        resume=True,
        on_epoch=_say_epoch,
    )
    trees = fit_trees(lessons.features(), lessons.targets(), lessons.weights(), seed=seed)
    about = _about(lessons, validation, trained, trees, plan, wanted, size)
    save_checkpoint(checkpoint, network, about, trees)
    figures = _export(load_checkpoint(checkpoint), validation, schools.test, output)
    _say(f"done in {(time.monotonic() - started) / 60.0:.0f} minutes")
    return figures


def _simulated(course: Course, folder: Path, workers: int) -> list[SimulatedLesson]:
    started, made = time.monotonic(), 0

    def tell(frames: int) -> None:
        nonlocal made
        made += frames
        _say(f"{course.name}: {made} of {course.frames} frames, {time.monotonic() - started:.0f} s")

    return read_sessions(make_sessions(course, folder, workers=workers, progress=tell))


def _about(
    lessons: SimulatedLessons,
    validation: SimulatedLessons,
    trained: Trained,
    trees: Trees,
    plan: TrainingPlan,
    wanted: Mapping[str, Course],
    size: str,
) -> dict[str, Any]:
    """Calibration and fusion from the cameras that training did not see, and where everything comes from."""
    targets, sessions, taught = validation.targets(), validation.sessions, validation.weights() > 0.0
    network_logit, trees_logit = trained.logits[:, 0], trees.logit(validation.features())
    taught_sessions = [session for session, counts in zip(sessions, taught, strict=True) if counts]
    branches = fit_branches(network_logit[taught], trees_logit[taught], targets[taught], taught_sessions)
    score = branches.score(network_logit, trees_logit)
    fusion = fit_fusion(validation.cv_scores, score, targets, sessions, has_cause=validation.has_cause)
    gains = "; ".join(f"{name} beside the other branch: gain {gain}" for name, gain in branches.gains.items())
    _say(f"{branches}; {fusion.reason}; {fusion.fusion}")
    return {
        "name": f"nebulift-{size} {__version__}",
        "architecture": f"torchvision ResNet18, width {SIZES[size]}, with perceptron and boosted trees over features",
        "calibration": {name: getattr(branches, name) for name in ("offset", "slope", "trees_slope")},
        "fusion": asdict(fusion.fusion),
        "thresholds": asdict(Thresholds()),
        "domain": domain_of(lessons.features()),
        "provenance": {
            "recipe": "nebulift.training.recipe",
            "date": datetime.now(UTC).date().isoformat(),
            "data": "simulated by nebulift.simulate; no real frame was used",
            "courses": {name: asdict(course) for name, course in wanted.items()},
            "frames": {"train": len(lessons), "calibrate": len(validation)},
            "labels": "the simulator's truth; marginal frames have targets between 0 and 1",
            "plan": asdict(plan),
            "best_epoch": trained.best_epoch,
            "history": [{name: round(value, 5) for name, value in one.items()} for one in trained.history],
            "branches": gains,
            "fusion": fusion.reason,
            "calibrated_on": "cameras that training did not see; the same frames chose the epoch",
            "versions": {"nebulift": __version__, "torch": torch.__version__, "numpy": np.__version__},
        },
    }


def domain_of(features: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
    """How far each number of single frames went in training, and a tenth more."""
    low, high = features.min(axis=0), features.max(axis=0)
    margin = DOMAIN_MARGIN * (high - low)
    return {
        name: (float(low[index] - margin[index]), float(high[index] + margin[index]))
        for index, name in enumerate(FEATURES[:FIRST_OF_SESSION])
    }


def _export(
    checkpoint: Checkpoint, validation: SimulatedLessons, test: Sequence[SimulatedLesson], output: Path
) -> dict[str, Any]:
    """The smallest form that passes its gate, judged on the test cameras; writes model, manifest and card."""
    from nebulift_export.card import card_of  # noqa: PLC0415  the bridge stands on the school; a recipe crosses it
    from nebulift_export.quantize import quantise  # noqa: PLC0415
    from nebulift_export.to_onnx import export_checkpoint, rewrite_card  # noqa: PLC0415

    card = card_of(checkpoint)
    plain = export_checkpoint(checkpoint, output, card=card)
    planes, features = _inputs(validation)
    decided = (validation.targets() > 0.7) | (validation.targets() < 0.3)
    small = quantise(
        output.read_bytes(), card, output, planes[decided], features[decided], validation.targets()[decided] > 0.5
    )
    _say(f"fp32 {plain.bytes} bytes, parity {plain.parity:.1e}; {small.reason}")
    figures = summarise(judged_rows(test, load_classifier_at(output)))
    card = replace(card, figures=_card_figures(figures, asdict(small)))
    rewrite_card(output, card)
    _write_manifest(output, card, figures)
    return figures


def load_classifier_at(path: Path) -> Any:
    """The classifier at ``path``, the bundled model's place included: its manifest is only being made."""
    copy = path.with_name(f".{path.name}.probe.onnx")
    copy.write_bytes(path.read_bytes())
    try:
        return load_classifier(copy)
    finally:
        copy.unlink()


def _inputs(lessons: SimulatedLessons) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    planes = [frame.measured.planes for frame in lessons.frames]
    return np.stack([one.astype(np.float16) for one in planes if one is not None]), lessons.features()


def _card_figures(figures: Mapping[str, Any], quantised: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that a user of the model should see, without the tables of each kind."""
    witnesses = {
        name: {key: value for key, value in one.items() if key != "kinds"} for name, one in figures["witnesses"].items()
    }
    return {
        "test": "simulated frames of cameras that neither training nor calibration saw",
        "frames": figures["frames"],
        "sessions": figures["sessions"],
        "witnesses": witnesses,
        "cameras": figures["cameras"],
        "quantisation": dict(quantised),
    }


def _write_manifest(output: Path, card: ModelCard, figures: Mapping[str, Any]) -> None:
    content = output.read_bytes()
    record = {output.name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "name": card.name}}
    text = json.dumps(record, indent=1, sort_keys=True)
    (output.parent / "manifest.json").write_text(text + "\n", encoding="utf-8")
    fusion = ", ".join(f"{name} {value:.3f}" for name, value in asdict(card.fusion).items())
    remarks = [
        f"model: {card.name}, {card.architecture}, {len(content)} bytes",
        f"fusion: {fusion}; {card.provenance['fusion']}",
        f"branches, in log-likelihood a frame: {card.provenance['branches']}",
        f"data: {card.provenance['data']}; {json.dumps(card.provenance['frames'])} frames",
        "the test cameras were seen neither in training nor in calibration",
        "a frame that only shows another part of the sky (off_target) is told by its session, never by itself",
    ]
    page = as_markdown(figures, f"Model card: {card.name}", remarks)
    output.with_suffix(".card.md").write_text(page, encoding="utf-8")


def _say(text: str) -> None:
    click.echo(text)


def _say_epoch(figures: Mapping[str, float]) -> None:
    _say(", ".join(f"{name} {value:.4g}" for name, value in figures.items()))


@click.command()
@click.option("--frames", default=4960, show_default=True, type=click.IntRange(500))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(1))
@click.option("--size", default="optimal", show_default=True, type=click.Choice(list(SIZES)))
@click.option("--epochs", default=EPOCHS, show_default=True, type=click.IntRange(1))
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where sessions and snapshots are kept. Default: in /tmp."
)
@click.option("--output", type=click.Path(path_type=Path), help="Default: the bundled model's place.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes that simulate.")
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "bfloat16"]),
    help="bfloat16 trains twice as fast where the processor knows it.",
)
def main(
    frames: int,
    seed: int,
    size: str,
    epochs: int,
    folder: Path | None,
    output: Path | None,
    workers: int,
    precision: str,
) -> None:
    """Make the bundled model anew."""
    folder = folder or Path(tempfile.gettempdir()) / "nebulift-school"
    output = output or Path(str(files("nebulift.models"))) / "default.onnx"
    make_model(folder, output, frames=frames, seed=seed, size=size, epochs=epochs, workers=workers, precision=precision)


if __name__ == "__main__":
    main()
