"""A model's answers by onnxruntime, from its bytes: as on the Raspberry Pi, without telemetry and side files."""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """``clean`` (n,), ``kinds`` (n, K)."""

    clean: NDArray[np.float32]
    kinds: NDArray[np.float32]


def run_model(content: bytes, planes: NDArray[np.floating], features: NDArray[np.float32]) -> Outputs:
    """Answers for all frames, planes (n, 8, 128, 128) of any float type, in batches."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must stand there before the import, see nebulift.classifier
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    parts = []
    for start in range(0, len(planes), BATCH):
        batch = slice(start, start + BATCH)
        given = {"planes": planes[batch].astype(np.float32), "features": features[batch]}
        parts.append(session.run(["clean", "kinds"], given))
    return Outputs(np.concatenate([one[0] for one in parts]), np.concatenate([one[1] for one in parts]))
