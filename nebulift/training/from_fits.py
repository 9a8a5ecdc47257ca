"""From a folder of frames to a trained network: labels, data set, training, calibration, report. Needs torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nebulift.batch import find_frames
from nebulift.errors import TrainingError
from nebulift.training.checkpoint import save_checkpoint
from nebulift.training.conclusion import School, conclude_training
from nebulift.training.cross_fit import OutOfFold, out_of_fold
from nebulift.training.dataset import AstroImageDataset
from nebulift.training.dataset_folders import FOLDS, INPUTS, TRAIN, VALIDATION, write_dataset
from nebulift.training.imagenet import load_imagenet
from nebulift.training.injection import chosen_for_twins, injected_twins
from nebulift.training.input_cache import InputCache
from nebulift.training.labels import CvLabels, label_frames
from nebulift.training.manifest import ManifestRow, read_manifest, with_manifest
from nebulift.training.network import new_network
from nebulift.training.network_choices import cameras_left_out, sampler_by_network
from nebulift.training.numbers_alone import (
    SHARES,
    Numbers,
    is_falling,
    learning_curve,
    leave_one_camera_out,
    sampler_choice,
)
from nebulift.training.ranks import Ranks, precision_for, process_group, use_cores
from nebulift.training.reviews import Review, with_reviews
from nebulift.training.splits import Split, check_trainable, folds_of, split, united_groups
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
    device: str = "auto"
    keep_every: int = 0  # epochs between checkpoints that stay beside the model; 0: none
    hold_out_camera: str | None = None  # whose frames validate, all of them
    learning_curve: bool = False  # also train the network on a quarter and a half of the groups
    folds: int = 0  # of whole groups: copies trained without one weigh branches and fusion on it; 0: none
    ask_network: bool = False  # sampler and cameras left out are asked of small networks, too, not of trees alone
    manifest: Path | None = None  # labels (and without a folder the frames themselves) from nebulift labels


def train_from_fits(
    fits_directory: Path | None, model_output: Path, dataset_dir: Path, recipe: Recipe, listener: Listener | None = None
) -> dict[str, Any]:
    """Train a network on the frames below ``fits_directory``; returns what ``ml_model`` documents.

    Writes the data set, ``model_output``, and a report beside it. Under ``torchrun`` every process calls this.
    Raises ``TrainingError``.
    """
    listener = listener or Silence()
    with process_group(recipe.device) as ranks:
        use_cores(ranks)
        labels, parts = None, None
        if ranks.is_first:
            labels, parts = _prepare(fits_directory, dataset_dir, recipe, listener)
        ranks.wait()
        lessons, validation = (AstroImageDataset.from_folder(dataset_dir / name) for name in (TRAIN, VALIDATION))
        plan = replace(recipe.plan, precision=precision_for(recipe.plan.precision, ranks.device))
        plan, numbers = _planned(plan, lessons, validation)
        if recipe.ask_network:
            plan, numbers["network"] = _asked(recipe, plan, lessons, listener if ranks.is_first else Silence())
        recipe = replace(recipe, plan=plan)
        held_out = _held_out(recipe, lessons, dataset_dir, ranks, listener)
        network = new_network(recipe.size, plan.seed)
        goes_on = recipe.resume and snapshot_path(model_output).exists()
        if recipe.pretrained and ranks.is_first and not goes_on:
            listener.say(load_imagenet(network))
        trained = _train(network, lessons, validation, model_output, recipe, ranks, listener)
        if labels is None or parts is None:
            ranks.wait()
            return {}
        network.to("cpu")
        school = School(network, trained, lessons, validation, plan, numbers, held_out)
        results = conclude_training(school, labels, parts, recipe.limits, model_output)
        if recipe.learning_curve:
            results["network_curve"] = _network_curve(recipe, lessons, validation, trained, listener)
        write_report(model_output, results)
        snapshot_path(model_output).unlink(missing_ok=True)
        ranks.wait()
        return results


def _planned(
    plan: TrainingPlan, lessons: AstroImageDataset, validation: AstroImageDataset
) -> tuple[TrainingPlan, dict[str, Any]]:
    """The plan with its sampler, and what the numbers alone say about the data; the same in every process."""
    own, held_out = (numbers_of(side, plan.seed) for side in (lessons, validation))
    curve = learning_curve(own, held_out)
    found: dict[str, Any] = {"learning_curve": curve, "falls": is_falling(curve), "sampler_losses": {}}
    found["leave_one_camera_out"] = leave_one_camera_out(own) if len(set(own.cameras)) > 1 else {}
    if plan.sampler == "auto":
        sampler, found["sampler_losses"] = sampler_choice(own)
        plan = replace(plan, sampler=sampler)
    return plan, found


def _asked(
    recipe: Recipe, plan: TrainingPlan, lessons: AstroImageDataset, listener: Listener
) -> tuple[TrainingPlan, dict[str, Any]]:
    """The plan with the sampler that small networks prefer, where it may be chosen; and what they say of the data."""
    assert lessons.about is not None
    groups, cameras = united_groups(lessons.about), [one.camera for one in lessons.about]
    found: dict[str, Any] = {"sampler_losses": {}}
    if recipe.plan.sampler == "auto":
        sampler, losses = sampler_by_network(lessons, groups, plan, listener.say)
        plan = replace(plan, sampler=sampler)
        found["sampler_losses"] = {name: float(np.mean(each)) for name, each in losses.items()}
    found["leave_one_camera_out"] = cameras_left_out(lessons, cameras, groups, plan, listener.say)
    return plan, found


def _held_out(
    recipe: Recipe, lessons: AstroImageDataset, dataset_dir: Path, ranks: Ranks, listener: Listener
) -> OutOfFold | None:
    """Scores of the training frames by copies that have not learned from their group, where folds are wanted."""
    assert lessons.about is not None
    if recipe.folds < 2:
        return None
    fold, tell = np.array(folds_of(lessons.about, recipe.folds)), listener.say if ranks.is_first else None
    clean = lessons.targets() > 0.5
    if any(len(set(clean[fold != number].tolist())) < 2 for number in set(fold.tolist())):
        if tell is not None:
            tell(
                f"note: --folds {recipe.folds} is left out: without one of the folds no clean or no contaminated "
                f"frames are left to learn from; add nights that have both"
            )
        return None
    return out_of_fold(lessons, fold, recipe.size, recipe.plan, ranks=ranks, tell=tell, kept=dataset_dir / FOLDS)


def numbers_of(side: AstroImageDataset, seed: int) -> Numbers:
    """The frames of one side as the table branch sees them."""
    assert side.about is not None
    groups, cameras = united_groups(side.about), [one.camera for one in side.about]
    return Numbers(side.features(), side.targets(), side.weights(), groups, cameras, seed)


def _network_curve(
    recipe: Recipe, lessons: AstroImageDataset, validation: AstroImageDataset, whole: Trained, listener: Listener
) -> list[dict[str, float]]:
    """Validation loss and AUC of networks that learned from a quarter and a half of the groups, and from all."""
    assert lessons.about is not None
    groups = united_groups(lessons.about)
    names = sorted(set(groups))
    order = np.random.default_rng(recipe.plan.seed).permutation(len(names))
    curve = []
    for share in SHARES[:-1]:
        kept = {names[one] for one in order[: max(1, round(share * len(names)))]}
        part = lessons.part([index for index, group in enumerate(groups) if group in kept])
        if len(set(part.labels)) < 2:
            continue
        listener.say(f"learning curve: {share:.0%} of the groups, {len(part)} frames")
        trained = train(new_network(recipe.size, recipe.plan.seed), part, validation, recipe.plan)
        curve.append(_point(share, len(part), trained))
    return [*curve, _point(1.0, len(lessons), whole)]


def _point(share: float, frames: int, trained: Trained) -> dict[str, float]:
    best = trained.history[trained.best_epoch - 1]
    return {"share": share, "frames": frames, "loss": best["val_loss"], "auc": best["val_auc"]}


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
    parts = split(
        labels.labelled,
        validation_share=recipe.validation_share,
        seed=recipe.plan.seed,
        hold_out_camera=recipe.hold_out_camera,
    )
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

    def keep(epoch: int, kept: Any) -> None:
        if recipe.keep_every and epoch % recipe.keep_every == 0:
            place = model_output.with_name(f"{model_output.stem}.epoch{epoch:03d}.pth")
            save_checkpoint(place, kept, {"name": place.stem})

    return train(
        network,
        lessons,
        validation,
        recipe.plan,
        ranks=ranks,
        snapshot_path=snapshot_path(model_output),
        resume=recipe.resume,
        on_epoch=on_epoch,
        keep=keep,
    )
