"""``Sample``: one frame with its targets, as the trainer takes it; and what can be taught at all."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nebulift.findings import Kind
from nebulift.verdict import NOTICEABLE_SEVERITY, VISIBLE_SEVERITY

# In the order of the network's outputs. A frame that points elsewhere looks like any other, and an unreadable one
# does not look at all: neither can be taught.
TAUGHT_KINDS = tuple(kind.value for kind in Kind if kind not in {Kind.OFF_TARGET, Kind.UNREADABLE})


# Severity is taught as steps on a scale: is it noticeable, is it plainly visible? A marginal frame is the one and not
# the other, so it has a place of its own, which a yes or no cannot give it.
SEVERITY_STEPS = (NOTICEABLE_SEVERITY, VISIBLE_SEVERITY)


class Sample(NamedTuple):
    """Everything NumPy, so that torch's default collation batches it."""

    planes: NDArray[np.float32]  # (8, 128, 128)
    features: NDArray[np.float32]  # (len(FEATURES),)
    clean: np.float32  # target of P(clean), 0..1
    severity: NDArray[np.float32]  # targets of SEVERITY_STEPS, 0 or 1
    kinds: NDArray[np.float32]  # targets of TAUGHT_KINDS
    kinds_weight: np.float32  # 0 where the kinds are not known
    weight: np.float32  # how much this label counts; 0: not at all


class Lessons(Protocol):
    """What a network is trained on."""

    def __len__(self) -> int: ...

    def sample(self, index: int) -> Sample:
        """One frame with its targets."""

    def targets(self) -> NDArray[np.float64]:
        """Target of P(clean) of every frame, in order."""

    def weights(self) -> NDArray[np.float64]:
        """How much each label counts."""

    def features(self) -> NDArray[np.float32]:
        """Features of every frame, (len, len(FEATURES))."""


def kind_targets(kinds: Mapping[str, float]) -> NDArray[np.float32]:
    """1 for each taught kind that is at least noticeable, else 0."""
    return np.array([kinds.get(kind, 0.0) >= NOTICEABLE_SEVERITY for kind in TAUGHT_KINDS], dtype=np.float32)


def severity_targets(severity: float) -> NDArray[np.float32]:
    """1 for each step of the scale that the frame's severity has reached, else 0."""
    return np.array([severity >= step for step in SEVERITY_STEPS], dtype=np.float32)
