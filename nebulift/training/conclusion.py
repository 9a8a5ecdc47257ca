"""What a finished training is worth: branches weighed, calibrated, fused with the CV score, saved, and all of it told.

Needs torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nebulift import __version__
from nebulift.training.augment import idle_augmentations
from nebulift.training.branch_table import witness_table
from nebulift.training.checkpoint import save_checkpoint
from nebulift.training.cross_fit import OutOfFold
from nebulift.training.dataset import AstroImageDataset
from nebulift.training.frame_label import CLEAN, SOURCE_WEIGHTS, FrameLabel
from nebulift.training.fusion import Branches, FusionFit, fit_branches, fit_fusion
from nebulift.training.known_range import SILENT_BEYOND, domain_of
from nebulift.training.labels import CvLabels
from nebulift.training.lesson_views import PlanesOnly
from nebulift.training.logistic import logits, sigmoid
from nebulift.training.network import FrameNetwork
from nebulift.training.splits import Split, united_groups
from nebulift.training.trainer import Trained, TrainingPlan, scored
from nebulift.training.trees import fit_trees
from nebulift.verdict import Thresholds


@dataclass(frozen=True, slots=True, eq=False)
class School:
    """A trained network and what it learned from; ``numbers``: what the numbers alone say about the data;
    ``held_out``: of the training frames, by copies that had not learned from their group.
    """

    network: FrameNetwork
    trained: Trained
    lessons: AstroImageDataset
    validation: AstroImageDataset
    plan: TrainingPlan
    numbers: Mapping[str, Any]
    held_out: OutOfFold | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Weighing:
    """Frames that both branches judge without having learned from their group."""

    network: Any
    trees: Any
    clean: Any
    weight: Any
    about: list[FrameLabel]


def conclude_training(
    school: School, labels: CvLabels, parts: Split, limits: Thresholds, model_output: Path
) -> dict[str, Any]:
    """Calibrate, weigh, save; returns the results as ``ml_model`` documents them."""
    validation, trained = school.validation, school.trained
    assert validation.about is not None
    trees = fit_trees(
        school.lessons.features(), school.lessons.targets(), school.lessons.weights(), seed=school.plan.seed
    )
    trees_logit = trees.logit(validation.features())
    weighing = _weighing(school, trees_logit)
    groups = united_groups(weighing.about)
    branches = fit_branches(weighing.network, weighing.trees, weighing.clean, groups, weight=weighing.weight)
    score = branches.score(trained.logits[:, 0], trees_logit)
    fusion = _weigh(weighing.about, branches.score(weighing.network, weighing.trees))
    results = {
        "final_metrics": _final_metrics(trained, validation, score),
        "dataset_stats": _dataset_stats(labels, parts, limits),
        "history": [dict(one) for one in trained.history],
        "warnings": [*parts.warnings, *_warnings(school)],
        "fusion": {**asdict(fusion.fusion), "reason": fusion.reason},
        "calibration": {name: getattr(branches, name) for name in ("offset", "slope", "trees_slope")},
        "branches": _branches_told(branches),
        "weighed_on": _weighed_on(school),
        "witnesses": _witnesses(school, trees_logit, score, fusion),
        "numbers": dict(school.numbers),
        "sampler": school.plan.sampler,
        "changes": dict(trained.changes),
        "review_files": [str(one.path) for one in labels.review],
        "left_out": [one.reason for one in labels.left_out],
        "model_path": str(model_output),
    }
    about = _about(results, fusion, school.plan, limits, model_output)
    about |= {"domain": domain_of(school.lessons.features()), "silent_beyond": SILENT_BEYOND}
    save_checkpoint(model_output, school.network, about, trees if branches.trees_slope > 0.0 else None)
    return results


def _weighing(school: School, trees_logit: Any) -> _Weighing:
    """The validation frames, and with folds the training frames by copies that had not seen their group."""
    validation, held_out = school.validation, school.held_out
    assert validation.about is not None
    network, clean, weight = school.trained.logits[:, 0], validation.targets(), validation.weights()
    if held_out is None:
        return _Weighing(network, trees_logit, clean, weight, list(validation.about))
    lessons = school.lessons
    assert lessons.about is not None
    return _Weighing(
        np.concatenate([network, held_out.network]),
        np.concatenate([trees_logit, held_out.trees]),
        np.concatenate([clean, lessons.targets()]),
        np.concatenate([weight, lessons.weights()]),
        [*validation.about, *lessons.about],
    )


def _weighed_on(school: School) -> str:
    validation = f"{len(school.validation)} validation frames"
    if school.held_out is None:
        return f"{validation} (--folds adds the training frames, out of their fold)"
    folds = len(set(school.held_out.fold.tolist()))
    return f"{validation} and {len(school.lessons)} training frames, out of their fold ({folds} folds of whole groups)"


def _warnings(school: School) -> list[str]:
    found = [*school.trained.warnings, *idle_augmentations(school.lessons, school.plan.seed)]
    if school.numbers.get("falls"):
        found.append("more frames made the numbers' trees worse: look for wrong labels among the frames added last")
    return found


def _branches_told(branches: Branches) -> dict[str, str]:
    """What each branch adds beside the other, and whether it is heard."""
    heard = {"network": branches.slope > 0.0, "trees": branches.trees_slope > 0.0}
    return {
        name: f"{'heard' if heard[name] else 'refused'}: beside the other branch gain {gain} in log-likelihood a frame"
        for name, gain in branches.gains.items()
    }


def _witnesses(school: School, trees_logit: Any, score: Any, fusion: FusionFit) -> dict[str, Any]:
    """CV alone, numbers alone, planes alone, the network, both branches, the fusion; as labelled."""
    validation, about = school.validation, school.validation.about
    assert about is not None
    cv = np.array([one.score for one in about])
    planes = scored(school.network, PlanesOnly(validation, school.lessons.features().mean(axis=0)))[:, 0]
    weights = fusion.fusion
    scores = {
        "CV alone": cv,
        "numbers alone (trees)": sigmoid(trees_logit),
        "planes alone (network, numbers at their mean)": sigmoid(planes),
        "network": sigmoid(school.trained.logits[:, 0]),
        "both branches": score,
        "fusion with CV": sigmoid(weights.bias + weights.cv_weight * logits(cv) + weights.model_weight * logits(score)),
    }
    truth = [index for index, one in enumerate(about) if one.source != "cv"]
    found = {"as labelled": witness_table(scores, validation.targets(), united_groups(about))}
    if truth:
        told = {name: values[truth] for name, values in scores.items()}
        groups = united_groups([about[index] for index in truth])
        found["people and injected artefacts"] = witness_table(told, validation.targets()[truth], groups)
    return found


def _weigh(about: Sequence[FrameLabel], score: Any) -> FusionFit:
    """The fusion, on the held-out frames whose truth is known: the filter's own labels prove nothing.

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


def _dataset_stats(labels: CvLabels, parts: Split, limits: Thresholds) -> dict[str, Any]:
    sides = {"training": parts.train, "validation": parts.validation}
    chosen = {name: [labels.labelled[index] for index in indices] for name, indices in sides.items()}
    return {
        "training_samples": len(parts.train),
        "validation_samples": len(parts.validation),
        "review_files": len(labels.review),
        "left_out": len(labels.left_out),
        "clean": sum(one.label == 1 for one in labels.labelled),
        "contaminated": sum(one.label == 0 for one in labels.labelled),
        "sources": {name: sum(one.source == name for one in labels.labelled) for name in SOURCE_WEIGHTS},
        "groups": {name: sorted({one.group for one in frames}) for name, frames in chosen.items()},
        "cameras": _counts(labels.labelled, "camera"),
        "nights": _counts(labels.labelled, "night"),
        "clean_threshold": limits.clean,
        "contaminated_threshold": limits.contaminated,
    }


def _counts(labels: Sequence[FrameLabel], name: str) -> dict[str, int]:
    values = [str(getattr(one, name)) for one in labels]
    return {value: values.count(value) for value in sorted(set(values))}


def _about(
    results: Mapping[str, Any], fusion: FusionFit, plan: TrainingPlan, limits: Thresholds, model_output: Path
) -> dict[str, Any]:
    """What the checkpoint and later the model card say; no path of this machine."""
    today = datetime.now(UTC).date().isoformat()
    stats = results["dataset_stats"]
    kept = ("training_samples", "validation_samples", "review_files", "left_out", "clean", "contaminated", "sources")
    return {
        "name": f"{model_output.stem} {today}",
        "calibration": results["calibration"],
        "fusion": asdict(fusion.fusion),
        "thresholds": asdict(Thresholds()),
        "provenance": {
            "recipe": "train-from-fits",
            "date": today,
            "plan": asdict(plan),
            "data": {name: stats[name] for name in kept} | {"cameras": sorted(stats["cameras"])},
            "labels": f"CV limits {limits.clean} and {limits.contaminated}; human labels where given",
            "branches": results["branches"],
            "weighed_on": results["weighed_on"],
            "numbers": results["numbers"],
            "fusion": fusion.reason,
            "versions": {"nebulift": __version__, "torch": torch.__version__, "numpy": np.__version__},
        },
        "figures": {"validation": results["final_metrics"]},
    }
