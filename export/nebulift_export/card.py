"""The model card of a checkpoint: what the file will say about itself."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from nebulift.model_card import ModelCard
from nebulift.training.checkpoint import Checkpoint
from nebulift.verdict import Fusion, Thresholds


def card_of(checkpoint: Checkpoint) -> ModelCard:
    """Name, inputs, limits, fusion, provenance and figures as training left them; without any path of this machine."""
    about = checkpoint.about
    return ModelCard(
        name=about.get("name", "unnamed"),
        architecture=about["architecture"],
        preprocess_version=about["preprocess_version"],
        planes=tuple(about["planes"]),
        grid=about["grid"],
        features=tuple(about["features"]),
        kinds=tuple(about["kinds"]),
        thresholds=Thresholds(**about.get("thresholds", {})),
        fusion=Fusion(**about.get("fusion", {})),
        provenance=about.get("provenance", {}),
        figures=about.get("figures", {}),
        domain={name: (low, high) for name, (low, high) in about.get("domain", {}).items()},
        silent_beyond=about.get("silent_beyond", 0.0),
        weights_sha256=weights_sha256(_all_weights(checkpoint)),
    )


def _all_weights(checkpoint: Checkpoint) -> dict[str, Tensor]:
    weights = dict(checkpoint.network.state_dict())
    if checkpoint.trees is not None:
        weights |= {f"trees.{name}": torch.from_numpy(array) for name, array in checkpoint.trees.arrays().items()}
    return weights


def weights_sha256(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over names and bytes of all tensors in the order of their names: the same in any file format."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
