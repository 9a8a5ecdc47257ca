"""Weights on disk, without pickled code: the finished model, and the snapshot from which training goes on.

Both load with ``torch.load(path, weights_only=True)``. Needs torch.
"""

import json
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nebulift.errors import TrainingError
from nebulift.preprocess import FEATURES, GRID, PLANES, PREPROCESS_VERSION
from nebulift.training.network import SIZES, FrameNetwork
from nebulift.training.sample import TAUGHT_KINDS
from nebulift.training.trees import Trees

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A trained network and all that must be known to use it; ``about`` is JSON-ready (see ``about_network``)."""

    network: FrameNetwork
    about: Mapping[str, Any]
    trees: Trees | None = None  # over the features, beside the network


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where training stands at the end of an epoch: a run that goes on from here ends as if it had not stopped."""

    epoch: int  # epochs done
    steps: int  # of the optimiser
    network: Mapping[str, Tensor]
    mean: Mapping[str, Tensor]  # of recent weights; empty where none is kept
    optimiser: Mapping[str, Any]
    best: Mapping[str, Tensor]  # weights of the best epoch
    best_epoch: int
    start: Mapping[str, Tensor]  # weights before the first step
    history: tuple[Mapping[str, float], ...] = ()
    made_for: str = ""  # plan and data; another plan cannot go on from here


def about_network(network: FrameNetwork) -> dict[str, Any]:
    """What must agree before the weights mean anything."""
    return {
        "format": FORMAT,
        "architecture": f"torchvision ResNet18, width {SIZES[network.size]}, joined with a perceptron over features",
        "size": network.size,
        "preprocess_version": PREPROCESS_VERSION,
        "planes": list(PLANES),
        "grid": GRID,
        "features": list(FEATURES),
        "kinds": list(TAUGHT_KINDS),
    }


def save_checkpoint(path: Path, network: FrameNetwork, about: Mapping[str, Any], trees: Trees | None = None) -> None:
    """Write weights, trees and ``about`` to ``path``, at once: there is never half a file."""
    content: dict[str, Any] = {
        "weights": {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()},
        "about": json.dumps({**about_network(network), **about}, sort_keys=True),
    }
    if trees is not None:
        content["trees"] = {name: torch.from_numpy(array) for name, array in trees.arrays().items()}
    _save_at_once(path, content)


def load_checkpoint(path: Path) -> Checkpoint:
    """The trained network. Raises ``TrainingError`` when the file is not one, or is made for other inputs."""
    content = _load(path)
    try:
        about: dict[str, Any] = json.loads(content["about"])
        weights, size = content["weights"], about["size"]
        fits = {name: about[name] for name in ("preprocess_version", "planes", "grid", "features", "kinds")}
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path}: not a checkpoint of nebulift ({error}); train one (train-from-fits)") from error
    if size not in SIZES:
        raise TrainingError(f"{path}: its size {size!r} is unknown; train it anew with this version")
    network = FrameNetwork(size)
    here = about_network(network)
    other = [name for name, value in fits.items() if value != here[name]]
    if other:
        raise TrainingError(f"{path}: made for other {', '.join(other)} than this version has; train it anew")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(
            f"{path}: its weights are of another architecture than size {size!r} of this version; train it anew"
        ) from error
    network.eval()
    return Checkpoint(network, about, _trees(path, content))


def _trees(path: Path, content: Mapping[str, Any]) -> Trees | None:
    if "trees" not in content:
        return None
    try:
        return Trees.from_arrays({name: tensor.numpy() for name, tensor in content["trees"].items()})
    except (TypeError, AttributeError) as error:
        raise TrainingError(f"{path}: its trees cannot be read ({error}); train it anew") from error


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write ``snapshot`` to ``path``, at once."""
    _save_at_once(
        path,
        {
            "epoch": snapshot.epoch,
            "steps": snapshot.steps,
            "network": dict(snapshot.network),
            "mean": dict(snapshot.mean),
            "start": dict(snapshot.start),
            "optimiser": dict(snapshot.optimiser),
            "best": dict(snapshot.best),
            "best_epoch": snapshot.best_epoch,
            "history": json.dumps([dict(one) for one in snapshot.history]),
            "made_for": snapshot.made_for,
        },
    )


def load_snapshot(path: Path, made_for: str) -> Snapshot | None:
    """Where training stood, or ``None`` when there is no such file.

    Raises ``TrainingError`` when it is damaged or was made with another plan or other frames.
    """
    if not path.exists():
        return None
    content = _load(path)
    try:
        content["history"] = tuple(json.loads(content["history"]))
        snapshot = Snapshot(**content)
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path}: cannot be read ({error}); start again without --resume") from error
    if snapshot.made_for != made_for:
        raise TrainingError(
            f"{path}: made with other settings or other frames, so training cannot go on from it; "
            f"start with the same ones, or again without --resume"
        )
    return snapshot


def _save_at_once(path: Path, content: Mapping[str, Any]) -> None:
    hidden = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(dict(content), hidden)
        hidden.replace(path)
    except (OSError, RuntimeError) as error:  # torch's writer raises RuntimeError when the disk is full
        raise TrainingError(
            f"{path}: cannot be written ({str(error).splitlines()[0]}); check folder and space"
        ) from error


def _load(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch's advice on foreign pickles: they are refused anyway
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainingError(f"{path}: no such file; train a model first (train-from-fits)") from error
    except pickle.UnpicklingError as error:
        raise TrainingError(
            f"{path}: not a checkpoint of weights alone, and whatever else a file may hold is never run; "
            f"train one (train-from-fits)"
        ) from error
    except Exception as error:  # barrier: torch raises a dozen unrelated classes for files that are no checkpoints
        raise TrainingError(f"{path}: not a checkpoint ({str(error).splitlines()[0][:120]})") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path}: not a checkpoint of nebulift; train one (train-from-fits)")
    return content
