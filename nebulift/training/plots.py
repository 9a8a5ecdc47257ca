"""Curves of an evaluation and of a training as PNG files. Needs matplotlib, which comes with the [train] extra."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from nebulift.training.comparison import scores_of, truth_of
from nebulift.training.evaluation import WITNESSES, Judged
from nebulift.training.evaluation_report import TITLES

mpl.use("Agg")  # no window, no display needed

import matplotlib.pyplot as plt

BINS = 10


STYLES = {"cv": "-", "model": "--", "fusion": "-."}  # told apart where they lie on one another, and without colours


def write_plots(rows: Sequence[Judged], folder: Path) -> list[Path]:
    """``roc``, ``precision_recall``, ``reliability``, ``risk_coverage`` and ``severity`` as PNG files in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    decided = [row for row in rows if row.truth != "marginal"]
    heard = {name: [row for row in decided if row.scores[name] is not None] for name in WITNESSES}
    scores = {name: (scores_of(own, name), truth_of(own)) for name, own in heard.items() if own}
    curves = {
        "roc": ("share of clean frames turned away", "share of contaminated frames caught", _roc),
        "precision_recall": ("share of contaminated frames caught", "of the frames turned away: contaminated", _pr),
        "reliability": ("stated P(clean)", "share that is clean", _reliability),
        "risk_coverage": ("share of frames decided, surest first", "share of wrong decisions", _risk_coverage),
    }
    written = []
    for file, (x_label, y_label, curve) in curves.items():
        figure, axes = plt.subplots(figsize=(5.0, 4.5))
        for name, (score, clean) in scores.items():
            x, y = curve(score, clean)
            marker = "o" if file == "reliability" else ""
            axes.plot(x, y, label=TITLES[name], linestyle=STYLES[name], marker=marker)
        if file in {"roc", "reliability"}:
            axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, zorder=0)  # what chance gives; what it should be
        axes.set(xlabel=x_label, ylabel=y_label, xlim=(-0.01, 1.01), ylim=(-0.01, None if "risk" in file else 1.02))
        written.append(_saved(figure, axes, folder / f"{file}.png", f"{len(decided)} frames"))
    return [*written, _plot_severity(rows, list(scores), folder / "severity.png")]


def _plot_severity(rows: Sequence[Judged], names: Sequence[str], path: Path) -> Path:
    """Share of the frames that are not accepted, by the severity of their worst artefact; n stands below."""
    figure, axes = plt.subplots(figsize=(5.0, 4.5))
    edges = np.linspace(0.0, 1.0, BINS + 1)
    worst = np.array([max(row.kinds.values(), default=0.0) for row in rows])
    which = np.minimum((worst * BINS).astype(np.intp), BINS - 1)
    filled = [number for number in range(BINS) if (which == number).any()]
    for name in names:
        spoke = np.array([row.scores[name] is not None for row in rows])
        kept = np.array([row.labels[name] != "clean" for row in rows])
        own = [spoke & (which == number) for number in filled]
        shares = [kept[one].mean() if one.any() else np.nan for one in own]
        axes.plot(edges[filled] + 0.5 / BINS, shares, label=TITLES[name], linestyle=STYLES[name], marker="o")
    for number in filled:
        axes.annotate(str(int((which == number).sum())), (edges[number] + 0.5 / BINS, -0.04), ha="center", fontsize=7)
    axes.set(xlabel="severity of the worst artefact (below: frames)", ylabel="share not accepted as clean")
    axes.set(xlim=(0.0, 1.0), ylim=(-0.08, 1.05))
    return _saved(figure, axes, path, f"{len(rows)} frames")


def _saved(figure: Any, axes: Any, path: Path, title: str) -> Path:
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)
    return path


def plot_training(history: Sequence[Mapping[str, float]], path: Path) -> Path:
    """Loss and accuracy by epoch, in one picture at ``path``."""
    epochs = [one["epoch"] for one in history]
    figure, (losses, accuracy) = plt.subplots(1, 2, figsize=(9.0, 3.6))
    for name, label in (("loss", "training"), ("val_loss", "validation")):
        losses.plot(epochs, [one[name] for one in history], label=label, marker="." if len(epochs) < 20 else "")
    losses.set(xlabel="epoch", ylabel="loss")
    losses.legend()
    accuracy.plot(epochs, [one["val_accuracy"] for one in history], marker="." if len(epochs) < 20 else "")
    accuracy.set(xlabel="epoch", ylabel="validation accuracy, %", ylim=(0.0, 100.0))
    for axes in (losses, accuracy):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
    return path


def _turned_away(score: NDArray[np.float64], clean: NDArray[np.bool_]) -> tuple[Any, Any]:
    """(clean, contaminated) frames turned away so far, worst score first."""
    order = np.argsort(score, kind="stable")
    return np.cumsum(clean[order]), np.cumsum(~clean[order])


def _roc(score: NDArray[np.float64], clean: NDArray[np.bool_]) -> tuple[Any, Any]:
    lost, caught = _turned_away(score, clean)
    x, y = lost / max(int(clean.sum()), 1), caught / max(int((~clean).sum()), 1)
    return np.concatenate([[0.0], x]), np.concatenate([[0.0], y])


def _pr(score: NDArray[np.float64], clean: NDArray[np.bool_]) -> tuple[Any, Any]:
    lost, caught = _turned_away(score, clean)
    return caught / max(int((~clean).sum()), 1), caught / (lost + caught)


def _reliability(score: NDArray[np.float64], clean: NDArray[np.bool_]) -> tuple[Any, Any]:
    which = np.minimum((score * BINS).astype(np.intp), BINS - 1)
    filled = [number for number in range(BINS) if (which == number).any()]
    return [score[which == n].mean() for n in filled], [clean[which == n].mean() for n in filled]


def _risk_coverage(score: NDArray[np.float64], clean: NDArray[np.bool_]) -> tuple[Any, Any]:
    order = np.argsort(-np.abs(score - 0.5), kind="stable")
    wrong = (score > 0.5) != clean
    count = np.arange(1, len(score) + 1)
    return count / len(score), np.cumsum(wrong[order]) / count
