"""The last part of the recipe: the smallest form of the model that passes, judged on the test cameras; its card."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from nebulift.classifier import Classifier, load_classifier
from nebulift.errors import NebuliftError
from nebulift.model_card import ModelCard
from nebulift.training.branch_table import witness_table
from nebulift.training.checkpoint import Checkpoint
from nebulift.training.comparison import paired_differences
from nebulift.training.evaluation import Judged, summarise
from nebulift.training.evaluation_report import as_markdown, interval_text
from nebulift.training.lesson_views import PlanesOnly
from nebulift.training.logistic import sigmoid
from nebulift.training.rival_run import rivals_on
from nebulift.training.rivalry import Rivalry, decision, rivalry
from nebulift.training.simulated_lessons import SimulatedLessons, judged_rows
from nebulift.training.simulated_sessions import SimulatedLesson
from nebulift.training.trainer import scored

LARGEST_BYTES = 12_000_000  # of the bundled model: it goes over many a slow line


def export_and_measure(
    checkpoint: Checkpoint,
    lessons: SimulatedLessons,
    validation: SimulatedLessons,
    test: Sequence[SimulatedLesson],
    output: Path,
    *,
    against: str | None = None,
    on: Sequence[Path] = (),
) -> dict[str, Any]:
    """The smallest form that passes its gate, judged on the test cameras; writes model, manifest and card.

    ``against``: a model that judges the same frames; the card says whether the new one is better. ``on``: labels of
    other frames, real ones best, that both are asked about then.
    """
    other = _loaded(against)
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
    exported = f"fp32 {plain.bytes} bytes, differs from torch by {plain.parity:.1e}; {small.reason}"
    click.echo(exported)
    classifier = load_classifier_at(output)
    rows = judged_rows(test, classifier)
    figures = summarise(rows, sorted({frame.camera for frame in (*lessons.frames, *validation.frames)}))
    figures["paired"] = paired_differences(rows)
    if other is not None:
        outside = rivals_on(on, classifier, other, say=click.echo)
        figures["against"] = _against(rows, judged_rows(test, other), other.card.name, outside)
        click.echo("\n".join(figures["against"]["told"]))
    figures["branches"] = _branches_on(SimulatedLessons(test), checkpoint, lessons.features().mean(axis=0))
    card = replace(card, figures=_card_figures(figures, asdict(small)))
    rewrite_card(output, card)
    _write_manifest(output, card, {**figures, "exported": exported})
    return figures


def _branches_on(test: SimulatedLessons, checkpoint: Checkpoint, mean: NDArray[np.float32]) -> dict[str, Any]:
    """CV alone, numbers alone, planes alone and the network, on the test cameras."""
    assert checkpoint.trees is not None
    network = checkpoint.network
    scores = {
        "CV alone": test.cv_scores,
        "numbers alone (trees)": sigmoid(checkpoint.trees.logit(test.features())),
        "planes alone (network, numbers at their mean)": sigmoid(scored(network, PlanesOnly(test, mean))[:, 0]),
        "network": sigmoid(scored(network, test)[:, 0]),
    }
    return witness_table(scores, test.targets(), test.sessions)


def _against(rows: Sequence[Judged], other: Sequence[Judged], name: str, outside: Sequence[Rivalry]) -> dict[str, Any]:
    """The new model against the one before, on the test cameras' frames and on those from outside the simulator."""
    found = rivalry([asdict(row) for row in rows], [asdict(row) for row in other], "test cameras")
    told = [f"against {name}: {one.words}" for one in (found, *outside)]
    return {
        "model": name,
        **asdict(found),
        "outside": [asdict(one) for one in outside],
        "told": [*told, decision([one.outcome for one in (found, *outside)])],
    }


def _loaded(model: str | None) -> Classifier | None:
    """The model to compare with; one that does not fit what is seen today cannot be asked, and that is said."""
    if model is None:
        return None
    try:
        return load_classifier(model)
    except NebuliftError as error:
        click.echo(f"no comparison with the model before: {error}")
        return None


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
        "paired": figures["paired"],
        "against": figures.get("against"),
        "branches": figures["branches"],
        "quantisation": dict(quantised),
    }


def _write_manifest(output: Path, card: ModelCard, figures: Mapping[str, Any]) -> None:
    content = output.read_bytes()
    if len(content) > LARGEST_BYTES:
        click.echo(f"{output}: {len(content)} bytes are more than the {LARGEST_BYTES} that a bundled model may have")
    record = {output.name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "name": card.name}}
    text = json.dumps(record, indent=1, sort_keys=True)
    (output.parent / "manifest.json").write_text(text + "\n", encoding="utf-8")
    fusion = ", ".join(f"{name} {value:.3f}" for name, value in asdict(card.fusion).items())
    remarks = [
        f"model: {card.name}, {card.architecture}, {len(content)} bytes",
        f"fusion: {fusion}; {card.provenance['fusion']}",
        f"branches, in log-likelihood a frame: {card.provenance['branches']}",
        f"export: {figures['exported']}",
        f"trained: {_plan(card.provenance)}",
        f"weighed on {card.provenance['weighed_on']}",
        f"data: {card.provenance['data']}; {json.dumps(card.provenance['frames'])} frames",
        f"trained on {', '.join(card.provenance['courses']['train']['cameras'])}; artefacts {_counted(card)}",
        f"versions: {', '.join(f'{name} {value}' for name, value in card.provenance['versions'].items())}",
        "the test cameras were seen neither in training nor in calibration",
        *_left_out(card.provenance),
        *figures.get("against", {}).get("told", ()),
        *(
            f"test cameras, {name}: ROC-AUC {interval_text(one['roc_auc'])}, loss {interval_text(one['log_loss'])}"
            for name, one in figures["branches"].items()
        ),
        "a frame that only shows another part of the sky (off_target) is told by its session, never by itself",
    ]
    page = as_markdown(figures, f"Model card: {card.name}", remarks)
    output.with_suffix(".card.md").write_text(page, encoding="utf-8")


def _plan(provenance: Mapping[str, Any]) -> str:
    plan = provenance["plan"]
    return (
        f"best epoch {provenance['best_epoch']} of {len(provenance['history'])}, seed {plan['seed']}, batches of "
        f"{plan['batch_size']}, {plan['precision']}, sampler {plan['sampler']}"
    )


def _counted(card: ModelCard) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in card.provenance["kinds"].items())


def _left_out(provenance: Mapping[str, Any]) -> list[str]:
    """One line a camera that a fold left out, and one for the sampler where it was chosen."""
    lines = [
        f"{camera} left out of training (fold {', '.join(str(fold + 1) for fold in one['folds'])}), {one['frames']} "
        f"frames: ROC-AUC network {_auc(one['network_auc'])}, trees {_auc(one['trees_auc'])}"
        for camera, one in provenance["cameras_left_out"].items()
    ]
    losses = provenance["sampler_losses"]
    if losses:
        told = ", ".join(f"{name} {np.mean(each):.4f}" for name, each in losses.items())
        lines.append(f"sampler {provenance['plan']['sampler']}, of held-out log-loss by small networks: {told}")
    return lines


def _auc(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
