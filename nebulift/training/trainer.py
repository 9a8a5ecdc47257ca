"""The trainer: one visible loop, alone or under ``torchrun``, the same weights for the same seed.

    nebulift train-from-fits NIGHTS/ --model-output M.pth                            one process
    torchrun --nproc-per-node 2 -m nebulift train-from-fits NIGHTS/ ...              several
    nebulift train-from-fits NIGHTS/ --model-output M.pth --resume                   where it was stopped

Needs torch.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from nebulift.errors import TrainingError
from nebulift.training.augment import AugmentedView, PlainView
from nebulift.training.batches import class_balance, epoch_batches
from nebulift.training.checkpoint import load_snapshot, save_snapshot
from nebulift.training.metrics import log_loss, roc_auc
from nebulift.training.network import FIRST_KIND, FrameNetwork, trainable_parameters
from nebulift.training.ranks import Ranks
from nebulift.training.run_state import Run, changes, idle_parts
from nebulift.training.sample import Lessons

SEVERITY_SHARE = 0.3  # of the loss: it helps the overall probability, and must not rule it
KINDS_SHARE = 0.5  # of the loss; the overall probability decides, the kinds name the cause
SCORING_BATCH = 64
BATCH_NORM_MOMENTUM = 0.1  # torch's own


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train; the same plan and frames give the same weights."""

    epochs: int = 75
    batch_size: int = 32
    learning_rate: float = 1e-3  # AdamW's usual, for batches of 32; at its peak, after warm-up
    weight_decay: float = 0.02
    warmup_share: float = 0.05  # of all steps
    clip_norm: float = 1.0
    patience: int = 15  # epochs without a better validation loss
    seed: int = 1
    loader_workers: int = 0  # processes that prepare batches; 0: this one
    precision: str = "float32"  # or "bfloat16": twice as fast where the processor or the graphics card has it
    sampler: str = "weights"  # none, under, over: see ``batches``
    mean_decay: float = 0.0  # of the running mean of the weights that is validated in their place; 0: none is kept


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """How it went. ``logits``: of the validation frames by the best weights, (n, outputs)."""

    history: tuple[Mapping[str, float], ...]
    best_epoch: int
    logits: NDArray[np.float64]
    stopped_early: bool
    changes: Mapping[str, float]  # of each part's weights, over their length at the start
    warnings: tuple[str, ...]  # parts that learned nothing


def train(  # noqa: PLR0913  (all that can be watched of the one loop)
    network: FrameNetwork,
    lessons: Lessons,
    validation: Lessons | None,
    plan: TrainingPlan,
    *,
    ranks: Ranks | None = None,
    snapshot_path: Path | None = None,
    resume: bool = False,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
    keep: Callable[[int, FrameNetwork], None] | None = None,
) -> Trained:
    """Train ``network`` in place; it ends with the weights of the epoch that validated best, or without frames to
    validate on with those of the last.

    After each epoch the first process writes a snapshot to ``snapshot_path``, from which ``resume`` goes on;
    ``on_epoch`` is told epoch, loss, and of the validation frames loss, accuracy and AUC; ``keep`` gets the network, to
    put it away if that is wanted. Raises ``TrainingError``.
    """
    ranks = ranks or Ranks()
    _check(network, lessons, validation, plan, ranks)
    torch.manual_seed(plan.seed)
    network.centre_features(*_feature_statistics(lessons))
    network.to(ranks.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the faster order for convolutions
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    run = Run(network, optimiser, _fingerprint(plan, lessons, validation), plan.mean_decay)
    if resume and snapshot_path is not None:
        run.go_on_from(load_snapshot(snapshot_path, run.made_for))
    parallel: nn.Module = DistributedDataParallel(network) if ranks.world > 1 else network
    balance = class_balance(lessons.targets(), lessons.weights(), plan.sampler)
    while run.epoch < plan.epochs and run.epoch - run.best_epoch < plan.patience:
        loss = _train_one_epoch(parallel, lessons, run, plan, ranks, balance)
        run.note({"loss": loss, **_figures(run.candidate, validation, plan.sampler, ranks)})
        if keep is not None and ranks.is_first:
            keep(run.epoch, run.candidate)
        if snapshot_path is not None and ranks.is_first:
            save_snapshot(snapshot_path, run.snapshot())
        if on_epoch is not None and ranks.is_first:
            on_epoch(run.history[-1])

    network.load_state_dict(run.best)
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    network.eval()
    logits = np.zeros((0, network.outputs)) if validation is None else scored(network, validation, ranks)
    changed = changes(run.start, network)
    stopped_early = run.epoch < plan.epochs
    return Trained(tuple(run.history), run.best_epoch, logits, stopped_early, changed, tuple(idle_parts(changed)))


def _train_one_epoch(
    parallel: nn.Module, lessons: Lessons, run: Run, plan: TrainingPlan, ranks: Ranks, balance: NDArray[np.float64]
) -> float:
    """Every frame once, or as the sampler draws them; returns the mean loss over all processes."""
    batches = epoch_batches(lessons.targets(), plan.batch_size, plan.sampler, plan.seed, run.epoch)
    parts = _loaded(AugmentedView(lessons, plan.seed, run.epoch), [ranks.share(b) for b in batches], plan)
    torch.manual_seed(hash((plan.seed, run.epoch, ranks.rank)) % 2**31)  # drop-out, the same after a resume
    parallel.train()
    total = torch.zeros(2, dtype=torch.float64)
    for step, (batch, part) in enumerate(zip(batches, parts, strict=True), start=run.epoch * len(batches)):
        run.optimiser.param_groups[0]["lr"] = learning_rate(step, len(batches) * plan.epochs, plan)
        settle_batch_norm(run.network, step)
        with torch.autocast(ranks.device.type, torch.bfloat16, enabled=plan.precision == "bfloat16"):
            losses = _losses(parallel, part, ranks.device, balance)
        # gradients are averaged over processes: scaled so that each frame of the batch counts the same
        loss = losses.sum() * ranks.world / len(batch)
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        nn.utils.clip_grad_norm_(run.network.parameters(), plan.clip_norm)
        run.optimiser.step()
        run.stepped()
        total += torch.tensor([float(losses.detach().sum()), len(losses)], dtype=torch.float64)
    ranks.even_out_buffers(run.network)
    if run.mean is not None:
        ranks.even_out_buffers(run.mean)
    summed, count = ranks.summed(total).tolist()
    if not math.isfinite(summed):
        raise TrainingError(f"the loss is no number after epoch {run.epoch + 1}; take a smaller learning rate")
    return float(summed / count)


def learning_rate(step: int, steps: int, plan: TrainingPlan) -> float:
    """Rises in a straight line during warm-up, then falls along half a cosine to a hundredth."""
    warmup = max(1, round(plan.warmup_share * steps))
    if step < warmup:
        return plan.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return plan.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))


def settle_batch_norm(network: nn.Module, step: int) -> None:
    """Let batch normalisation remember the plain mean of the first ten steps, then forget slowly as usual.

    With the usual tenth from the start, a short training ends with statistics that are mostly its untrained guess.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = max(BATCH_NORM_MOMENTUM, 1.0 / (step + 1))


def scored(network: FrameNetwork, lessons: Lessons, ranks: Ranks | None = None) -> NDArray[np.float64]:
    """Logits of all frames in order, (n, outputs), on every process; without drop-out and augmentation."""
    ranks = ranks or Ranks()
    mine = ranks.share(np.arange(len(lessons)))
    batches = np.array_split(mine, math.ceil(len(mine) / SCORING_BATCH))
    network.eval()
    found = torch.zeros(len(lessons), network.outputs, dtype=torch.float64)
    with torch.no_grad():
        parts = (_on(part, ranks.device) for part in _loaded(PlainView(lessons), batches))
        found[mine] = torch.cat([network(part.planes, part.features).double().cpu() for part in parts])
    return np.asarray(ranks.summed(found).numpy(), dtype=np.float64)


def _loaded(
    view: AugmentedView | PlainView, batches: list[NDArray[np.intp]], plan: TrainingPlan | None = None
) -> Iterable[Any]:
    """The batches of ``view`` as tensors, in order."""
    return DataLoader(
        view,  # type: ignore[arg-type]  # any object with __len__ and __getitem__ will do
        batch_sampler=[batch.tolist() for batch in batches],
        num_workers=plan.loader_workers if plan else 0,
        # forked processes share the lessons; spawned ones would each get a copy of all planes
        multiprocessing_context="fork" if plan and plan.loader_workers else None,
        pin_memory=torch.cuda.is_available(),  # copies to a graphics card then run beside its work
    )


def _on(part: Any, device: torch.device) -> "_Batch":
    return _Batch(*(one.to(device, non_blocking=True) for one in part))


class _Batch(NamedTuple):
    """``Sample`` many times over, as tensors."""

    planes: Tensor
    features: Tensor
    clean: Tensor
    severity: Tensor
    kinds: Tensor
    kinds_weight: Tensor
    weight: Tensor


def _losses(network: nn.Module, part: Any, device: torch.device, balance: NDArray[np.float64]) -> Tensor:
    """The loss of each frame, (B,)."""
    batch = _on(part, device)
    logits = network(batch.planes, batch.features).float()
    entropy = nn.functional.binary_cross_entropy_with_logits
    overall = entropy(logits[:, 0], batch.clean, reduction="none")
    class_weight = batch.clean * float(balance[1]) + (1.0 - batch.clean) * float(balance[0])
    how_bad = entropy(logits[:, 1:FIRST_KIND], batch.severity, reduction="none").mean(dim=1)
    named = entropy(logits[:, FIRST_KIND:], batch.kinds, reduction="none").mean(dim=1)
    losses: Tensor = batch.weight * (
        class_weight * (overall + SEVERITY_SHARE * how_bad) + KINDS_SHARE * batch.kinds_weight * named
    )
    return losses


def _feature_statistics(lessons: Lessons) -> tuple[Tensor, Tensor]:
    features = lessons.features()
    return torch.from_numpy(features.mean(axis=0)), torch.from_numpy(features.std(axis=0))


def _figures(network: FrameNetwork, validation: Lessons | None, sampler: str, ranks: Ranks) -> dict[str, float]:
    if validation is None:
        return {}
    logits = scored(network, validation, ranks)
    p, targets, weights = 1.0 / (1.0 + np.exp(-logits[:, 0])), validation.targets(), validation.weights()
    counted = weights > 0.0
    decided = counted & ((targets < 0.3) | (targets > 0.7))  # marginal frames are right either way
    hits = (p > 0.5) == (targets > 0.5)
    auc = roc_auc(p[decided], targets[decided] > 0.5)
    balance = class_balance(targets, weights, "none" if sampler == "none" else "weights")
    weights = weights * (targets * balance[1] + (1.0 - targets) * balance[0])
    return {
        "val_loss": float(np.average(log_loss(p, targets), weights=weights)),
        "val_accuracy": 100.0 * float(hits[decided].mean()),
        "val_auc": math.nan if auc is None else auc,
    }


def _fingerprint(plan: TrainingPlan, lessons: Lessons, validation: Lessons | None) -> str:
    digest = hashlib.sha256(repr(plan).encode())
    for part in (lessons,) if validation is None else (lessons, validation):
        digest.update(part.features().tobytes() + part.targets().tobytes() + part.weights().tobytes())
    return digest.hexdigest()


def _check(
    network: FrameNetwork, lessons: Lessons, validation: Lessons | None, plan: TrainingPlan, ranks: Ranks
) -> None:
    """What would fail after hours fails here."""
    trainable_parameters(network)
    for name, part in (("training", lessons), ("validation", validation)):
        if part is None:
            continue
        targets = part.targets()[part.weights() > 0.0]
        if not (targets > 0.5).any() or not (targets < 0.5).any():
            raise TrainingError(f"the {name} frames are all of one class; there must be clean and contaminated ones")
    held_out = ranks.world if validation is None else len(validation)
    if min(plan.batch_size, len(lessons)) < 2 * ranks.world or held_out < ranks.world:
        raise TrainingError(
            f"{len(lessons)} frames in batches of {plan.batch_size} are too few for {ranks.world} processes; "
            f"take a larger batch or fewer processes"
        )
