"""From a folder of frames to a trained network: labels, data set, training, calibration, report. Needs torch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from nebulift import __version__
from nebulift.batch import find_frames
from nebulift.errors import TrainingError
from nebulift.training.checkpoint import save_checkpoint
from nebulift.training.dataset import AstroImageDataset
from nebulift.training.dataset_folders import INPUTS, TRAIN, VALIDATION, write_dataset
from nebulift.training.frame_label import CLEAN, FrameLabel
from nebulift.training.fusion import Calibration, FusionFit, fit_calibration, fit_fusion
from nebulift.training.imagenet import load_imagenet
from nebulift.training.injection import chosen_for_twins, injected_twins
from nebulift.training.input_cache import InputCache
from nebulift.training.labels import CvLabels, label_frames
from nebulift.training.logistic import sigmoid
from nebulift.training.manifest import ManifestRow, read_manifest, with_manifest
from nebulift.training.network import new_network
from nebulift.training.ranks import Ranks, process_group, use_cores
from nebulift.training.reviews import Review, with_reviews
from nebulift.training.splits import Split, check_trainable, split
from nebulift.training.trainer import Trained, TrainingPlan, train
from nebulift.training.training_report import write_report
from nebulift.verdict import Thresholds


class Listener(Protocol):
    """Who is told how it goes. All calls come from the first process."""

    def stage(self, name: str, total: int) -> None:
        """A stage begins that has ``total`` steps."""

    def step(self, done: int, text: str = "") -> None:
        """So many steps of the stage are done."""

    def say(self, text: str) -> None:
        """One line for the reader."""


class Silence:
    """A ``Listener`` that keeps it to itself."""

    def stage(self, name: str, total: int) -> None:
        pass

    def step(self, done: int, text: str = "") -> None:
        pass

    def say(self, text: str) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make of a folder of frames."""

    plan: TrainingPlan
    limits: Thresholds  # of the labels
    size: str = "resnet18"
    pretrained: bool = True
    workers: int = 1
    resume: bool = False
    validation_share: float = 0.2
    reviews: tuple[Review, ...] = ()
    inject_share: float = 0.0  # of the clean frames that get a twin with a known artefact
    manifest: Path | None = None  # labels (and without a folder the frames themselves) from nebulift labels


def train_from_fits(
    fits_directory: Path | None, model_output: Path, dataset_dir: Path, recipe: Recipe, listener: Listener | None = None
) -> dict[str, Any]:
    """Train a network on the frames below ``fits_directory``; returns what ``ml_model`` documents.

    Writes the data set, ``model_output``, and a report beside it. Under ``torchrun`` every process calls this.
    Raises ``TrainingError``.
    """
    listener = listener or Silence()
    with process_group() as ranks:
        use_cores(ranks)
        labels, parts = None, None
        if ranks.is_first:
            labels, parts = _prepare(fits_directory, dataset_dir, recipe, listener)
        ranks.wait()
        lessons, validation = (AstroImageDataset.from_folder(dataset_dir / name) for name in (TRAIN, VALIDATION))
        network = new_network(recipe.size, recipe.plan.seed)
        goes_on = recipe.resume and snapshot_path(model_output).exists()
        if recipe.pretrained and ranks.is_first and not goes_on:
            listener.say(load_imagenet(network))
        trained = _train(network, lessons, validation, model_output, recipe, ranks, listener)
        if labels is None or parts is None:
            ranks.wait()
            return {}
        results = _conclude(network, trained, validation, labels, parts, recipe, model_output)
        write_report(model_output, results)
        snapshot_path(model_output).unlink(missing_ok=True)
        ranks.wait()
        return results


def snapshot_path(model_output: Path) -> Path:
    """Where training stands while it runs; gone when it is done."""
    return model_output.with_name(f"{model_output.stem}.snapshot.pth")


def _prepare(folder: Path | None, dataset_dir: Path, recipe: Recipe, listener: Listener) -> tuple[CvLabels, Split]:
    """Labels and split, on disk. Whatever makes training impossible is said here, before hours are spent."""
    told = read_manifest(recipe.manifest) if recipe.manifest is not None else []
    frames = _frames(folder, told, dataset_dir)
    listener.stage("measuring", len(frames))
    cache = InputCache(dataset_dir / INPUTS)
    labels = label_frames(frames, limits=recipe.limits, cache=cache, workers=recipe.workers, progress=listener.step)
    for left_out in labels.left_out:
        listener.say(f"left out: {left_out.reason}")
    labels = with_reviews(with_manifest(labels, told), recipe.reviews)
    if recipe.inject_share > 0.0:
        check_trainable(labels.labelled)
        chosen = chosen_for_twins(labels, recipe.inject_share, recipe.plan.seed)
        listener.stage("injecting", len(chosen))
        twins = injected_twins(
            labels, cache, chosen, seed=recipe.plan.seed, workers=recipe.workers, progress=listener.step
        )
        labels = replace(labels, labelled=(*labels.labelled, *twins))
    parts = split(labels.labelled, validation_share=recipe.validation_share, seed=recipe.plan.seed)
    for warning in parts.warnings:
        listener.say(f"note: {warning}")
    listener.stage("data set", len(labels.labelled) + len(labels.review))
    write_dataset(dataset_dir, labels, parts, listener.step)
    return labels, parts


def _frames(folder: Path | None, told: Sequence[ManifestRow], dataset_dir: Path) -> list[Path]:
    """The frames below ``folder``, or those of the manifest. Twins have no file: they are made anew by injection."""
    if folder is None:
        return list(dict.fromkeys(row.path for row in told if row.source != "injected"))
    inside = dataset_dir.resolve()
    frames = [path for path in find_frames([folder]) if not path.resolve().is_relative_to(inside)]
    if not frames:
        raise TrainingError(f"{folder}: no frames in there; frames end in .fits, .fit, .xisf ...")
    return frames


def _train(
    network: Any,
    lessons: AstroImageDataset,
    validation: AstroImageDataset,
    model_output: Path,
    recipe: Recipe,
    ranks: Ranks,
    listener: Listener,
) -> Trained:
    listener.stage("training", recipe.plan.epochs)

    def on_epoch(figures: Mapping[str, float]) -> None:
        text = f"loss {figures['loss']:.3f}, validation {figures['val_loss']:.3f}, {figures['val_accuracy']:.1f} %"
        listener.step(int(figures["epoch"]), text)

    return train(
        network,
        lessons,
        validation,
        recipe.plan,
        ranks=ranks,
        snapshot_path=snapshot_path(model_output),
        resume=recipe.resume,
        on_epoch=on_epoch,
    )


def _conclude(
    network: Any,
    trained: Trained,
    validation: AstroImageDataset,
    labels: CvLabels,
    parts: Split,
    recipe: Recipe,
    model_output: Path,
) -> dict[str, Any]:
    """Calibrate, weigh, save; returns the results."""
    assert validation.about is not None
    calibration = fit_calibration(trained.logits[:, 0], validation.targets(), weight=validation.weights())
    score = sigmoid(calibration.offset + calibration.slope * trained.logits[:, 0])
    fusion = _weigh(validation.about, score)
    results = {
        "final_metrics": _final_metrics(trained, validation, score),
        "dataset_stats": _dataset_stats(labels, parts, recipe),
        "history": [dict(one) for one in trained.history],
        "warnings": list(parts.warnings),
        "fusion": {**asdict(fusion.fusion), "reason": fusion.reason},
        "calibration": asdict(calibration),
        "review_files": [str(one.path) for one in labels.review],
        "left_out": [one.reason for one in labels.left_out],
        "model_path": str(model_output),
    }
    save_checkpoint(model_output, network, _about(results, calibration, fusion, recipe, model_output))
    return results


def _weigh(about: Sequence[FrameLabel], score: Any) -> FusionFit:
    """The fusion, on the validation frames whose truth is known: the filter's own labels prove nothing.

    Frames that the filter calls clean count beside injected twins, though it cannot be wrong about them by the way
    they were chosen: that speaks for the filter, so the model gets rather too little say.
    """
    with_twins = any(one.source == "injected" for one in about)
    known = [index for index, one in enumerate(about) if one.source != "cv" or (with_twins and one.label == CLEAN)]
    truth = np.array([float(about[index].label or 0) for index in known])
    cv = np.array([about[index].score for index in known])
    found = fit_fusion(cv, score[known], truth, [about[index].group for index in known])
    if not known:
        reason = (
            "the model has no say yet: its labels are the CV filter's own, so it cannot be shown to know more; "
            "train with reviews (--reviews) or injected artefacts (--inject), or measure it (nebulift evaluate)"
        )
        return replace(found, reason=reason)
    return found


def _final_metrics(trained: Trained, validation: AstroImageDataset, score: Any) -> dict[str, Any]:
    assert validation.about is not None
    truth = validation.targets() > 0.5
    says = score > 0.5
    by = {name: np.array([one.source == name for one in validation.about]) for name in ("cv", "human", "injected")}
    best = trained.history[trained.best_epoch - 1]
    return {
        "best_val_accuracy": float(best["val_accuracy"]),  # percent, against the labels, whoever gave them
        "best_val_loss": float(best["val_loss"]),
        "best_val_auc": float(best["val_auc"]),
        "best_epoch": trained.best_epoch,
        "epochs_run": len(trained.history),
        "stopped_early": trained.stopped_early,
        "agreement_with_cv": _percent(says == truth, by["cv"]),
        "accuracy_on_human_labels": _percent(says == truth, by["human"]),
        "accuracy_on_injected_artefacts": _percent(says == truth, by["injected"]),
        "confusion": {
            f"{'clean' if label else 'contaminated'} called {'clean' if said else 'contaminated'}": int(
                np.sum((truth == label) & (says == said))
            )
            for label in (True, False)
            for said in (True, False)
        },
    }


def _percent(right: Any, chosen: Any) -> dict[str, Any]:
    n = int(chosen.sum())
    return {"percent": 100.0 * float(right[chosen].mean()) if n else None, "n": n}


def _dataset_stats(labels: CvLabels, parts: Split, recipe: Recipe) -> dict[str, Any]:
    sides = {"training": parts.train, "validation": parts.validation}
    chosen = {name: [labels.labelled[index] for index in indices] for name, indices in sides.items()}
    return {
        "training_samples": len(parts.train),
        "validation_samples": len(parts.validation),
        "review_files": len(labels.review),
        "left_out": len(labels.left_out),
        "clean": sum(one.label == 1 for one in labels.labelled),
        "contaminated": sum(one.label == 0 for one in labels.labelled),
        "sources": {name: sum(one.source == name for one in labels.labelled) for name in ("cv", "human", "injected")},
        "groups": {name: sorted({one.group for one in frames}) for name, frames in chosen.items()},
        "cameras": _counts(labels.labelled, "camera"),
        "nights": _counts(labels.labelled, "night"),
        "clean_threshold": recipe.limits.clean,
        "contaminated_threshold": recipe.limits.contaminated,
    }


def _counts(labels: Sequence[FrameLabel], name: str) -> dict[str, int]:
    values = [str(getattr(one, name)) for one in labels]
    return {value: values.count(value) for value in sorted(set(values))}


def _about(
    results: Mapping[str, Any], calibration: Calibration, fusion: FusionFit, recipe: Recipe, model_output: Path
) -> dict[str, Any]:
    """What the checkpoint and later the model card say; no path of this machine."""
    today = datetime.now(UTC).date().isoformat()
    stats = results["dataset_stats"]
    kept = ("training_samples", "validation_samples", "review_files", "left_out", "clean", "contaminated", "sources")
    return {
        "name": f"{model_output.stem} {today}",
        "calibration": asdict(calibration),
        "fusion": asdict(fusion.fusion),
        "thresholds": asdict(Thresholds()),
        "provenance": {
            "recipe": "train-from-fits",
            "date": today,
            "plan": asdict(recipe.plan),
            "data": {name: stats[name] for name in kept} | {"cameras": sorted(stats["cameras"])},
            "labels": f"CV limits {recipe.limits.clean} and {recipe.limits.contaminated}; human labels where given",
            "fusion": fusion.reason,
            "versions": {"nebulift": __version__, "torch": torch.__version__, "numpy": np.__version__},
        },
        "figures": {"validation": results["final_metrics"]},
    }
