"""fp32 ONNX -> int8: a quarter of the size, kept only when it answers practically the same.

Static quantisation in QDQ form, weights per channel in int8, activations in uint8: on x86-64 that is the fast form, on
ARM64 ONNX Runtime has a kernel for it, too. Only convolutions are quantised: the numbers of the features' perceptron
span too wide a range for 256 steps, and there is nothing to gain on a few thousand weights.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from nebulift.errors import TrainingError
from nebulift.model_card import ModelCard
from nebulift.training.metrics import roc_auc
from nebulift.verdict import Thresholds
from nebulift_export.runtime import run_model
from nebulift_export.to_onnx import IR_VERSION, write_at_once, write_card

MAX_AUC_LOSS = 0.005
MAX_CHANGED = 0.01  # share of frames on another side of a limit
MIN_FRAMES = 50  # real inputs to find the activations' ranges on
CALIBRATION_BATCH = 16


@dataclass(frozen=True, slots=True)
class Quantised:
    """What came of it. ``kept``: the int8 model was written; else the fp32 model stays, and ``reason`` says why."""

    kept: bool
    reason: str
    bytes: int
    auc_fp32: float | None
    auc_int8: float | None
    changed: float
    greatest_difference: float


def quantise(
    fp32: bytes,
    card: ModelCard,
    output: Path,
    planes: NDArray[np.floating],
    features: NDArray[np.float32],
    clean: NDArray[np.bool_],
) -> Quantised:
    """Write an int8 form of ``fp32`` to ``output`` if it passes the gate on the given real inputs.

    Half of the frames give the ranges, all are compared. Raises ``TrainingError`` for fewer than 50 frames.
    """
    if len(planes) < MIN_FRAMES:
        raise TrainingError(f"{len(planes)} frames are too few to quantise with; at least {MIN_FRAMES} are needed")
    int8 = _quantised(fp32, card, planes[::2], features[::2])
    before, after = (run_model(content, planes, features).clean for content in (fp32, int8))
    auc_fp32, auc_int8 = (roc_auc(p.astype(np.float64), clean) for p in (before, after))
    changed = float(np.mean(_side(before, card.thresholds) != _side(after, card.thresholds)))
    greatest = float(np.abs(before - after).max())
    reason = _verdict(auc_fp32, auc_int8, changed, greatest)
    if reason is None:
        write_at_once(output, int8)
        reason = f"int8 kept: {changed:.2%} of {len(planes)} frames change sides, AUC {_loss(auc_fp32, auc_int8):+.4f}"
        return Quantised(True, reason, len(int8), auc_fp32, auc_int8, changed, greatest)
    return Quantised(False, f"fp32 kept: {reason}", len(fp32), auc_fp32, auc_int8, changed, greatest)


def _verdict(auc_fp32: float | None, auc_int8: float | None, changed: float, greatest: float) -> str | None:
    """Why the int8 model must not be used, or ``None``."""
    if not np.isfinite(greatest):
        return "int8 answers with NaN"
    if auc_fp32 is not None and auc_int8 is not None and auc_fp32 - auc_int8 > MAX_AUC_LOSS:
        return f"int8 loses {auc_fp32 - auc_int8:.4f} of AUC (at most {MAX_AUC_LOSS})"
    if changed > MAX_CHANGED:
        return f"{changed:.1%} of the frames change sides with int8 (at most {MAX_CHANGED:.0%})"
    return None


def _loss(auc_fp32: float | None, auc_int8: float | None) -> float:
    return (auc_int8 or 0.0) - (auc_fp32 or 0.0)


def _side(p: NDArray[np.float32], limits: Thresholds) -> NDArray[np.intp]:
    """-1 contaminated, 0 review, 1 clean."""
    return (p >= limits.clean).astype(np.intp) - (p <= limits.contaminated).astype(np.intp)


def _quantised(fp32: bytes, card: ModelCard, planes: NDArray[np.floating], features: NDArray[np.float32]) -> bytes:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static  # noqa: PLC0415
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, small = (Path(folder) / name for name in ("fp32.onnx", "prepared.onnx", "int8.onnx"))
        plain.write_bytes(fp32)
        # symbolic shape inference fails on the exporter's ReduceMax over two axes
        quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(small),
            _Frames(planes, features),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        model = onnx.load(small)
    model.ir_version = min(model.ir_version, IR_VERSION)
    model.producer_name, model.producer_version = "nebulift export", ""
    write_card(model, card)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class _Frames:
    """onnxruntime's interface for calibration frames."""

    def __init__(self, planes: NDArray[np.floating], features: NDArray[np.float32]) -> None:
        self._batches: Iterator[dict[str, Any]] = (
            {
                "planes": planes[start : start + CALIBRATION_BATCH].astype(np.float32),
                "features": features[start : start + CALIBRATION_BATCH],
            }
            for start in range(0, len(planes), CALIBRATION_BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)
