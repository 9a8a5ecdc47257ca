"""The report on a training run, beside the model: Markdown for people, JSON for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nebulift.errors import TrainingError


def write_report(model_output: Path, results: Mapping[str, Any]) -> None:
    """Write ``MODEL.report.md`` and ``MODEL.report.json``. Raises ``TrainingError``."""
    base = model_output.with_suffix("")
    try:
        base.with_name(f"{base.name}.report.md").write_text(as_markdown(results), encoding="utf-8")
        text = json.dumps(results, indent=1, sort_keys=True)
        base.with_name(f"{base.name}.report.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise TrainingError(
            f"{base}.report.md: cannot be written ({error.strerror}); check folder and space"
        ) from error


def as_markdown(results: Mapping[str, Any]) -> str:
    """The page."""
    return "\n".join(
        [
            "# Training report",
            "",
            *[f"- **Note:** {warning}" for warning in results["warnings"]],
            "",
            *_data(results["dataset_stats"]),
            *_metrics(results["final_metrics"], results["fusion"]),
            *_curve(results["history"]),
            *_left_out(results["left_out"]),
        ]
    )


def _data(stats: Mapping[str, Any]) -> list[str]:
    sources = ", ".join(f"{count} by {name}" for name, count in stats["sources"].items())
    lines = [
        "## Data",
        "",
        f"- {stats['training_samples']} frames to train on, {stats['validation_samples']} to validate,",
        f"  {stats['review_files']} for a person to decide, {stats['left_out']} left out",
        f"- labels: {stats['clean']} clean, {stats['contaminated']} contaminated; {sources}",
    ]
    for name in ("cameras", "nights"):
        counts = ", ".join(f"{value} ({count})" for value, count in stats[name].items())
        lines.append(f"- {name}: {counts}")
    for side, groups in stats["groups"].items():
        lines.append(f"- {side}: {len(groups)} groups of night, target and camera; none is on both sides")
    return [*lines, ""]


def _metrics(metrics: Mapping[str, Any], fusion: Mapping[str, Any]) -> list[str]:
    weights = ", ".join(f"{name} {fusion[name]:.2f}" for name in ("bias", "cv_weight", "model_weight"))
    lines = [
        "## Result",
        "",
        f"- best of {metrics['epochs_run']} epochs: epoch {metrics['best_epoch']}, AUC {metrics['best_val_auc']:.3f},",
        f"  {metrics['best_val_accuracy']:.1f} % of the validation frames as labelled",
        f"- agreement with the CV filter: {_percent(metrics['agreement_with_cv'])}",
        "  This is agreement, not accuracy: the filter gave the labels, and its mistakes are in them.",
        f"- accuracy on human labels: {_percent(metrics['accuracy_on_human_labels'])}",
        f"- accuracy on injected artefacts: {_percent(metrics['accuracy_on_injected_artefacts'])}",
        f"- beside the CV score: {fusion['reason']}",
        f"  ({weights})",
        "",
        "| frames | count |",
        "| --- | --- |",
    ]
    return [*lines, *(f"| {name} | {count} |" for name, count in metrics["confusion"].items()), ""]


def _percent(figure: Mapping[str, Any]) -> str:
    return "not known, no such frames" if figure["percent"] is None else f"{figure['percent']:.1f} % (n={figure['n']})"


def _curve(history: list[Mapping[str, float]]) -> list[str]:
    header = ["## Learning curve", "", "| epoch | loss | validation loss | accuracy, % | AUC |", "| --- " * 5 + "|"]
    return [*header, *map(_epoch, history), ""]


def _epoch(one: Mapping[str, float]) -> str:
    cells = (f"{one['loss']:.4f}", f"{one['val_loss']:.4f}", f"{one['val_accuracy']:.1f}", f"{one['val_auc']:.3f}")
    return f"| {one['epoch']:.0f} | " + " | ".join(cells) + " |"


def _left_out(reasons: list[str]) -> list[str]:
    if not reasons:
        return []
    return ["## Left out", "", *(f"- {reason}" for reason in reasons), ""]
