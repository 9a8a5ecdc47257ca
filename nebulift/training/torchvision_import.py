"""``import torchvision`` in spite of a binary part that was built for another torch.

PyPI's Linux torchvision is built against CUDA; beside a CPU-only torch its library does not load, and then its Python
part fails at import because it describes two operators that nobody has declared (``operator torchvision::nms does not
exist``). The networks themselves are pure Python and need neither. Declaring both operators without a body makes the
import succeed; calling one would still raise.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

import torch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list[Any] = []  # the declarations last as long as this object


def import_torchvision() -> ModuleType:
    """The module ``torchvision``. Raises ``ImportError`` when it is not installed."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # the failed import leaves half of the package behind
    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch
    for operator in _OPERATORS:
        library.define(operator)
    _kept.append(library)
    return importlib.import_module("torchvision")
