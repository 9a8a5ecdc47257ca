"""ImageNet weights for the ResNet18, where they can be had; without them training starts from scratch."""

import contextlib
import io
import socket
from pathlib import Path

import torch

from nebulift.preprocess import PLANES
from nebulift.training.network import FrameNetwork, adapt_first_convolution
from nebulift.training.torchvision_import import import_torchvision

PATIENCE_S = 15.0  # for each answer of the server; a machine without a network must not wait for long


def load_imagenet(network: FrameNetwork) -> str:
    """Load torchvision's ImageNet weights into ``network`` where possible; returns one sentence on what was done."""
    if network.size != "resnet18":
        return f"size {network.size} starts from scratch: ImageNet weights exist for resnet18 only"
    models = import_torchvision().models
    url = models.ResNet18_Weights.IMAGENET1K_V1.url
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_S)
    try:
        nowhere = io.StringIO()
        # torch announces the download; we say how it ended
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            weights = torch.hub.load_state_dict_from_url(url, progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        # OSError: no network, no such host, no disk; RuntimeError: wrong hash; ValueError: no URL of ours
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"ImageNet weights cannot be had ({reason}); training starts from scratch"
    finally:
        socket.setdefaulttimeout(before)
    missing = network.trunk.load_state_dict(adapt_first_convolution(weights, len(PLANES)), strict=False)
    assert not missing.missing_keys, missing
    return f"started from torchvision's ImageNet weights ({Path(url).name})"
