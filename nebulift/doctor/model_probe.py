"""``python -m nebulift.doctor.model_probe MODEL THREADS``: loads the heavy libraries and the model, in a process that
may crash without harm (an old processor, a broken wheel), and prints what it found as one JSON object.
"""

import json
import os
import statistics
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "opencv-python-headless", "astropy", "onnxruntime", "watchdog", "click", "rich")
ROUNDS = 5


def probe(model: str, threads: int) -> dict[str, Any]:
    """Versions, the model's name or trouble, milliseconds to load it and for one inference, and whether it is quiet."""
    import cv2  # noqa: PLC0415 - whether these can be imported at all is part of the question
    import numpy as np  # noqa: PLC0415

    from nebulift.classifier import installed_beside, load_classifier  # noqa: PLC0415
    from nebulift.errors import ModelMismatch  # noqa: PLC0415
    from nebulift.preprocess import FEATURES, GRID, PLANES, ModelInput  # noqa: PLC0415

    facts: dict[str, Any] = {"versions": _versions(), "opencv_threads": cv2.getNumThreads()}
    if model == "none":
        return facts
    started = time.perf_counter()
    try:
        classifier = load_classifier(model, threads=threads)
    except ModelMismatch as error:
        return facts | {"trouble": str(error)}
    pinned = model == "default" or installed_beside(Path(model)) is not None
    facts |= {"name": classifier.card.name, "load_ms": _ms_since(started), "pinned": pinned}
    empty = ModelInput(np.zeros((len(PLANES), GRID, GRID), np.float32), np.zeros(len(FEATURES), np.float32))
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        classifier.answer(empty)
        times.append(_ms_since(started))
    return facts | {"inference_ms": statistics.median(times), "quiet": _is_quiet()}


def _is_quiet() -> bool:
    """Whether telemetry is switched off, and no socket is open."""
    targets = (os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if _is_open(number))  # noqa: PTH208, PTH115
    return os.environ.get("ORT_DISABLE_TELEMETRY") == "1" and not any(name.startswith("socket:") for name in targets)


def _is_open(number: str) -> bool:
    return Path(f"/proc/self/fd/{number}").is_symlink()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "?"
    return found


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000.0


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe(sys.argv[1], int(sys.argv[2]))) + "\n")
