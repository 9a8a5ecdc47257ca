"""Frames that no telescope takes: every eye and the network must answer them with finite numbers, or say plainly no."""

import math
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.classifier import Classifier
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import NebuliftError
from nebulift.frame import frame_from_array
from nebulift.preprocess import model_input

FINE, REFUSED = "finite", "refused"
SIDE_PX = 320


def hostile_frames() -> dict[str, NDArray[Any]]:
    """Arrays by what is wrong with them."""
    rng = np.random.default_rng(1)
    sky = rng.normal(1000.0, 30.0, (SIDE_PX, SIDE_PX))
    holes, spots = sky.astype(np.float32), sky.astype(np.float32)
    holes[:, : SIDE_PX // 2] = np.nan
    spots[::7, ::5], spots[3::7, ::5], spots[5::7, ::5] = np.nan, np.inf, -np.inf
    return {
        "all zero": np.zeros((SIDE_PX, SIDE_PX), np.uint16),
        "saturated": np.full((SIDE_PX, SIDE_PX), 65535, np.uint16),
        "all NaN": np.full((SIDE_PX, SIDE_PX), np.nan, np.float32),
        "half NaN": holes,
        "NaN and infinite here and there": spots,
        "all infinite": np.full((SIDE_PX, SIDE_PX), np.inf, np.float32),
        "as large as float32 holds": (sky * 3e35).astype(np.float32),
        "as small as float32 holds": (sky * 1e-42).astype(np.float32),
        "negative": (-sky).astype(np.float32),
        "two values": rng.choice(np.array([0, 65535], np.uint16), (SIDE_PX, SIDE_PX)),
        "random bits": rng.integers(0, 65536, (SIDE_PX, SIDE_PX), dtype=np.uint16),
        "one bright pixel": np.pad(np.array([[65535]], np.uint16), SIDE_PX // 2),
        "1 x 1 pixel": np.full((1, 1), 1000, np.uint16),
        "2 x 3 pixels": np.full((2, 3), 1000, np.uint16),
        "17 x 9 pixels": sky[:17, :9].astype(np.uint16),
        "one row": sky[:1].astype(np.uint16),
        "one column": sky[:, :1].astype(np.uint16),
        "8 bit": rng.integers(0, 256, (SIDE_PX, SIDE_PX), dtype=np.uint8),
    }


def answers(classifier: Classifier | None) -> dict[str, str]:
    """For each hostile frame ``finite``, ``refused`` (with a plain reason), or what went wrong."""
    return {name: _answer(array, classifier) for name, array in hostile_frames().items()}


def _answer(array: NDArray[Any], classifier: Classifier | None) -> str:
    try:
        analysis = ArtifactDetector().analyse(frame_from_array(array))
        given = model_input(analysis.views, analysis.measurements, None)
        opinion = None if classifier is None else classifier.answer(given)
    except NebuliftError:
        return REFUSED
    except Exception as error:  # noqa: BLE001  barrier: what breaks here is what is to be reported
        return f"{type(error).__name__}: {error}"
    told = {
        "measurements": analysis.measurements,
        "findings": [one.severity for one in analysis.findings],
        "score": analysis.score,
        "planes": given.planes,
        "features": given.features,
        "model": opinion,
    }
    odd = [name for name, value in told.items() if not all(map(math.isfinite, _numbers(value)))]
    return FINE if not odd else f"not finite: {', '.join(odd)}"


def _numbers(value: object) -> Iterator[float]:
    """All numbers in a nest of dataclasses, mappings and sequences; ``None``, words and flags are none."""
    if isinstance(value, np.ndarray):
        yield float(np.abs(value).max(initial=0.0))
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _numbers(asdict(value))
    elif isinstance(value, dict):
        for part in value.values():
            yield from _numbers(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, int | float):
        yield float(value)
