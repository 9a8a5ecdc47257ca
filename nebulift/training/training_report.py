"""The report on a training run, beside the model: Markdown and a picture for people, JSON for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nebulift.errors import TrainingError
from nebulift.training.evaluation_report import interval_text


def write_report(model_output: Path, results: Mapping[str, Any]) -> None:
    """Write ``MODEL.report.md``, ``.json`` and, where matplotlib is, ``.png``. Raises ``TrainingError``."""
    base = model_output.with_suffix("")
    try:
        picture = _picture(base.with_name(f"{base.name}.report.png"), results["history"])
        page = as_markdown(results, picture.name if picture is not None else None)
        base.with_name(f"{base.name}.report.md").write_text(page, encoding="utf-8")
        text = json.dumps(results, indent=1, sort_keys=True)
        base.with_name(f"{base.name}.report.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise TrainingError(
            f"{base}.report.md: cannot be written ({error.strerror}); check folder and space"
        ) from error


def _picture(path: Path, history: list[Mapping[str, float]]) -> Path | None:
    try:
        from nebulift.training.plots import plot_training  # noqa: PLC0415  matplotlib may be absent
    except ModuleNotFoundError:
        return None  # the page has the numbers
    return plot_training(history, path)


def as_markdown(results: Mapping[str, Any], picture: str | None = None) -> str:
    """The page; ``picture``: name of the file with the curves."""
    return "\n".join(
        [
            "# Training report",
            "",
            *[f"- **Note:** {warning}" for warning in results["warnings"]],
            "",
            *_data(results["dataset_stats"]),
            *_metrics(results["final_metrics"], results["fusion"]),
            *_witnesses(results.get("witnesses", {}), results.get("branches", {}), results.get("weighed_on")),
            *_numbers(results.get("numbers", {}), results.get("sampler", "weights")),
            *_networks(results.get("numbers", {}).get("network", {})),
            *_shares("Network by share of the groups", results.get("network_curve", [])),
            *_curve(results["history"], picture),
            *_changes(results.get("changes", {})),
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
    sides = stats["groups"]
    shared = set.intersection(*(set(groups) for groups in sides.values()))
    for side, groups in sides.items():
        lines.append(f"- {side}: {_count(len(groups), 'group')} of night, target and camera")
    lines.append(f"- {_count(len(shared), 'group')} cut in two" if shared else "- no group is on both sides")
    return [*lines, ""]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


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


def _curve(history: list[Mapping[str, float]], picture: str | None) -> list[str]:
    shown = [f"![loss and accuracy by epoch]({picture})", ""] if picture is not None else []
    header = [
        "## Learning curve",
        "",
        *shown,
        "| epoch | loss | validation loss | accuracy, % | AUC |",
        "| --- " * 5 + "|",
    ]
    return [*header, *map(_epoch, history), ""]


def _epoch(one: Mapping[str, float]) -> str:
    cells = (f"{one['loss']:.4f}", f"{one['val_loss']:.4f}", f"{one['val_accuracy']:.1f}", f"{one['val_auc']:.3f}")
    return f"| {one['epoch']:.0f} | " + " | ".join(cells) + " |"


def _witnesses(tables: Mapping[str, Any], branches: Mapping[str, str], weighed_on: str | None) -> list[str]:
    lines: list[str] = []
    for name, table in tables.items():
        note = ["Where the CV filter gave the labels, this is agreement with it, no accuracy.", ""]
        lines += [
            f"## Witnesses on the validation frames, {name}",
            "",
            *(note if name == "as labelled" else []),
            "| | ROC-AUC | log-loss a frame |",
            "| --- " * 3 + "|",
        ]
        for witness, one in table.items():
            lines.append(f"| {witness} | {interval_text(one['roc_auc'])} | {interval_text(one['log_loss'])} |")
        lines.append("")
    lines += [f"- {branch}: {told}" for branch, told in branches.items()]
    lines += [f"- weighed on {weighed_on}"] if weighed_on is not None else []
    return [*lines, ""] if lines else []


def _numbers(numbers: Mapping[str, Any], sampler: str) -> list[str]:
    """What small trees over the numbers say about the data."""
    if not numbers:
        return []
    lines = ["## The numbers alone, by small trees", "", f"- sampler: {sampler}"]
    lines += _choices(numbers)
    return [*lines, "", *_shares("By share of the groups", numbers["learning_curve"])]


def _networks(found: Mapping[str, Any]) -> list[str]:
    """What small networks say to the same questions."""
    return ["## The same asked of small networks", "", *_choices(found), ""] if found else []


def _choices(found: Mapping[str, Any]) -> list[str]:
    lines = []
    losses = found["sampler_losses"]
    if losses:
        told = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
        lines.append(f"- sampler by grouped validation, balanced log-loss a frame: {told}")
    for camera, one in found["leave_one_camera_out"].items():
        auc, loss = ("-" if one[name] is None else f"{one[name]:.3f}" for name in ("auc", "loss"))
        lines.append(f"- camera {camera} left out: AUC {auc}, loss {loss}, n={one['frames']:.0f}")
    return lines


def _shares(title: str, curve: list[Mapping[str, Any]]) -> list[str]:
    if not curve:
        return []
    lines = [f"### {title}", "", "| share | frames | validation loss | AUC |", "| --- " * 4 + "|"]
    for one in curve:
        auc = "-" if one["auc"] is None else f"{one['auc']:.3f}"
        lines.append(f"| {one['share']:.0%} | {one['frames']} | {one['loss']:.4f} | {auc} |")
    return [*lines, ""]


def _changes(changes: Mapping[str, float]) -> list[str]:
    if not changes:
        return []
    rows = [f"| {part} | {change:.2%} |" for part, change in changes.items()]
    return ["## How far the weights moved", "", "| part | over its length |", "| --- | --- |", *rows, ""]


def _left_out(reasons: list[str]) -> list[str]:
    if not reasons:
        return []
    return ["## Left out", "", *(f"- {reason}" for reason in reasons), ""]
