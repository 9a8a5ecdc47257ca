"""``Run``: where a training stands, what of it is kept, and what it has changed so far. Needs torch."""

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nebulift.training.checkpoint import Snapshot
from nebulift.training.network import FrameNetwork

NOTHING_CHANGED = 1e-4  # of a layer's length: less than this, and the stage has learned nothing


class Run:
    """The network under training, the mean of its recent weights where wanted, and the best so far."""

    def __init__(
        self, network: FrameNetwork, optimiser: torch.optim.Optimizer, made_for: str, mean_decay: float = 0.0
    ) -> None:
        self.network, self.optimiser, self.made_for = network, optimiser, made_for
        self.mean_decay = mean_decay
        self.mean = copy.deepcopy(network).requires_grad_(requires_grad=False) if mean_decay else None
        self.epoch, self.steps = 0, 0
        self.start = _copied(network)
        self.best, self.best_epoch = self.start, 0
        self.history: list[Mapping[str, float]] = []

    @property
    def candidate(self) -> FrameNetwork:
        """What is validated and kept: the mean of the weights, or the weights themselves."""
        return self.network if self.mean is None else self.mean

    def go_on_from(self, snapshot: Snapshot | None) -> None:
        """Take up a training that was stopped; ``None``: there is none."""
        if snapshot is None:
            return
        self.network.load_state_dict(snapshot.network)
        if self.mean is not None:
            self.mean.load_state_dict(snapshot.mean)
        self.optimiser.load_state_dict(dict(snapshot.optimiser))
        self.epoch, self.steps, self.start = snapshot.epoch, snapshot.steps, dict(snapshot.start)
        self.best, self.best_epoch = dict(snapshot.best), snapshot.best_epoch
        self.history = list(snapshot.history)

    def stepped(self) -> None:
        """After each step of the optimiser: the mean follows (Polyak & Juditsky 1992), quickly at first."""
        self.steps += 1
        if self.mean is None:
            return
        decay = min(self.mean_decay, self.steps / (self.steps + 9.0))
        now = self.network.state_dict()
        with torch.no_grad():
            for name, kept in self.mean.state_dict().items():
                if kept.is_floating_point():
                    kept.lerp_(now[name], 1.0 - decay)
                else:
                    kept.copy_(now[name])

    def note(self, figures: Mapping[str, float]) -> None:
        """An epoch is over; the weights are kept if none validated better, or if nothing validates."""
        self.epoch += 1
        best = min((one["val_loss"] for one in self.history if "val_loss" in one), default=math.inf)
        self.history.append({"epoch": self.epoch, **figures})
        if "val_loss" not in figures or figures["val_loss"] < best:
            self.best, self.best_epoch = _copied(self.candidate), self.epoch

    def snapshot(self) -> Snapshot:
        """All that is needed to go on as if nothing had happened."""
        return Snapshot(
            self.epoch,
            self.steps,
            self.network.state_dict(),
            {} if self.mean is None else self.mean.state_dict(),
            self.optimiser.state_dict(),
            self.best,
            self.best_epoch,
            self.start,
            tuple(self.history),
            self.made_for,
        )


def changes(start: Mapping[str, Tensor], network: nn.Module) -> dict[str, float]:
    """How far the weights of each part of the network have moved, over their length at the start.

    Parts are the stages of the ResNet, the perceptron over the numbers, the head. A part that was all zeros counts by
    its new length.
    """
    moved: dict[str, float] = {}
    length: dict[str, float] = {}
    for name, parameter in network.named_parameters():
        words = name.split(".")
        part = ".".join(words[:2]) if words[0] == "trunk" else words[0]
        before, now = start[name].double().cpu(), parameter.detach().double().cpu()
        moved[part] = moved.get(part, 0.0) + float((now - before).square().sum())
        length[part] = length.get(part, 0.0) + float(before.square().sum())
    return {part: math.sqrt(moved[part] / (length[part] or 1.0)) for part in moved}


def idle_parts(changed: Mapping[str, float]) -> list[str]:
    """Warnings about parts that training has left as they were."""
    return [
        f"{part} hardly changed in training ({change:.4%} of its weights' length): it has learned nothing"
        for part, change in changed.items()
        if change < NOTHING_CHANGED
    ]


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
