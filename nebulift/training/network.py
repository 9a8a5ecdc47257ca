"""The classifier: torchvision's ResNet18 over the planes, a small perceptron over the features, one head.

Outputs are logits: of "clean" first, then of each step of severity, then of each kind. Needs torch and torchvision.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nebulift.errors import TrainingError
from nebulift.preprocess import FEATURES, PLANES
from nebulift.training.sample import SEVERITY_STEPS, TAUGHT_KINDS
from nebulift.training.torchvision_import import import_torchvision

_resnet: Any = import_torchvision().models.resnet

# Width of the first stage; a ResNet18 as published has 64. Parameters grow with the square.
SIZES = {"compact": 16, "optimal": 32, "resnet18": 64}
HIDDEN = 64  # of the features' perceptron
DROPOUT = 0.2
FIRST_KIND = 1 + len(SEVERITY_STEPS)  # column of the first kind's logit


class ScaledResNet(_resnet.ResNet):  # type: ignore[misc]  # torchvision ships no types
    """torchvision's ResNet18 with ``width`` instead of 64 planes in its first stage, for ``channels`` input planes.

    Returns mean and maximum of the last stage over the frame: a cloud fills it, a trail crosses a few cells of it.
    """

    def __init__(self, width: int, channels: int) -> None:
        self._width = width
        super().__init__(_resnet.BasicBlock, [2, 2, 2, 2], num_classes=1)
        self.conv1 = nn.Conv2d(channels, width, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.bn1 = nn.BatchNorm2d(width)
        self.fc = nn.Identity()

    @property
    def out_features(self) -> int:
        return 2 * 8 * self._width

    def _make_layer(self, block: Any, planes: int, *args: Any, **kwargs: Any) -> nn.Sequential:
        if planes == 64:  # the first stage: what comes in is as wide as our own first convolution
            self.inplanes = self._width
        stage: nn.Sequential = super()._make_layer(block, planes * self._width // 64, *args, **kwargs)
        return stage

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (B, width, 32, 32)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (B, 8 width, 4, 4)
        return torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)  # (B, 16 width)


class FrameNetwork(nn.Module):
    """Planes (B, 8, 128, 128) and features (B, len(FEATURES)) to logits (B, FIRST_KIND + len(TAUGHT_KINDS)).

    The steps of severity are cumulative: no step can be likelier than the one below it.
    """

    feature_mean: Tensor
    feature_scale: Tensor

    def __init__(self, size: str = "resnet18") -> None:
        super().__init__()
        self.size = size
        self.outputs = FIRST_KIND + len(TAUGHT_KINDS)
        self.trunk = ScaledResNet(SIZES[size], len(PLANES))
        self.register_buffer("feature_mean", torch.zeros(len(FEATURES)))
        self.register_buffer("feature_scale", torch.ones(len(FEATURES)))
        self.numbers = nn.Sequential(nn.Linear(len(FEATURES), HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
        joined = self.trunk.out_features + HIDDEN
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(joined, self.outputs))

    def forward(self, planes: Tensor, features: Tensor) -> Tensor:
        centred = (features - self.feature_mean) * self.feature_scale
        seen = torch.cat([self.trunk(planes), self.numbers(centred.clamp(-8.0, 8.0))], dim=1)
        raw: Tensor = self.head(seen)
        steps = [raw[:, 1]]
        for column in range(2, FIRST_KIND):
            steps.append(steps[-1] - nn.functional.softplus(raw[:, column]))
        return torch.cat([raw[:, :1], torch.stack(steps, dim=1), raw[:, FIRST_KIND:]], dim=1)

    def centre_features(self, mean: Tensor, deviation: Tensor) -> None:
        """Take the features' mean and scatter in the training frames off, as part of the network."""
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(1.0 / deviation.clamp(min=0.05))


def new_network(size: str, seed: int) -> FrameNetwork:
    """An untrained network; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return FrameNetwork(size)


def adapt_first_convolution(weights: Mapping[str, Tensor], channels: int) -> dict[str, Tensor]:
    """RGB weights for ``channels`` planes: the mean colour on each, scaled so that responses stay as strong."""
    adapted = dict(weights)
    mean = weights["conv1.weight"].mean(dim=1, keepdim=True)
    adapted["conv1.weight"] = mean.repeat(1, channels, 1, 1) * (3.0 / channels)
    return adapted


def trainable_parameters(network: nn.Module) -> int:
    """How many numbers training may change. Raises ``TrainingError`` when there is none: it would change nothing."""
    count = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    if count == 0:
        raise TrainingError("the network has no trainable parameter: everything is frozen, so training changes nothing")
    return count
