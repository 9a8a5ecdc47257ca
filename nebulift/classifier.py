"""The network on the CPU: an ONNX Runtime session and its model card. A mismatch is refused in one sentence."""

import hashlib
import json
import logging
import os
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nebulift.errors import ModelMismatch
from nebulift.familiarity import KNOWN, Familiarity, familiarity
from nebulift.model_card import METADATA_KEY, STORE_MANIFEST, ModelCard, default_model_path
from nebulift.preprocess import FEATURES, GRID, PLANES, PREPROCESS_VERSION, ModelInput

MAX_MODEL_BYTES = 400_000_000  # a ResNet18 has 45 MB: a file larger than this is not one
REMEDY = "the CV score decides alone until the model is replaced"
MEASURING_S = 0.5  # to find out which form of a model is sooner done
EMPTY = ModelInput(np.zeros((len(PLANES), GRID, GRID), np.float32), np.zeros(len(FEATURES), np.float32))

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prediction:
    """``clean``: calibrated P(clean), ``None``: a frame unlike all that it learned from; ``kinds``: probabilities.

    ``known``: how well the model knows such frames, and so how much it counts.
    """

    clean: float | None
    kinds: dict[str, float]
    known: Familiarity = KNOWN


class Classifier:
    """A loaded model. Not thread-safe to build; ``predict`` may be called from one thread at a time."""

    def __init__(self, session: Any, card: ModelCard) -> None:
        self._session = session
        self.card = card

    def with_card(self, card: ModelCard) -> "Classifier":
        """The same network under another card, as when a rig's calibration changes limits and fusion."""
        return Classifier(self._session, card)

    def predict(self, given: ModelInput) -> Prediction:
        """The model's opinion on one frame, if the frame is of a sort that it has seen.

        Raises ``ModelMismatch`` when it answers with anything but numbers.
        """
        card = self.card
        known = familiarity(given.features, card.features, card.domain, card.silent_beyond)
        if known.heard == 0.0:
            return Prediction(None, {}, known)
        return replace(self.answer(given), known=known)

    def answer(self, given: ModelInput) -> Prediction:
        """What the network says to any input."""
        clean, kinds = self._session.run(
            ["clean", "kinds"], {"planes": given.planes[None], "features": given.features[None]}
        )
        if not (np.isfinite(clean).all() and np.isfinite(kinds).all()):
            raise ModelMismatch(f"model {self.card.name}: it answers with NaN or infinity; {REMEDY}")
        shares = np.asarray(kinds).reshape(-1)
        named = {kind: float(share) for kind, share in zip(self.card.kinds, shares, strict=True)}
        return Prediction(float(np.asarray(clean).reshape(-1)[0]), named)


def load_classifier(path: Path | str = "default", *, threads: int = 1) -> Classifier:
    """The model at ``path`` (``default``: the bundled one), run on the CPU with ``threads`` threads.

    Where ``M.int8.onnx`` lies beside ``M.onnx`` with the same weights, the one that answers sooner on this machine is
    taken, after half a second of measuring: on x86-64 it is int8 by far, on some ARM cores it is not.
    Raises ``ModelMismatch`` when the file is missing, damaged, made for other inputs, or fails its self-test.
    """
    file = default_model_path() if str(path) == "default" else Path(path)
    classifier = _load(file, threads)
    twin_file = int8_file(file)
    if not twin_file.is_file():
        return classifier
    try:
        twin = _load(twin_file, threads)
    except ModelMismatch as error:
        log.warning("%s", str(error).removesuffix(REMEDY) + f"{file.name} is used")
        return classifier
    return sooner(classifier, twin)


def int8_file(file: Path) -> Path:
    """Where the int8 form of the model at ``file`` lies, if there is one."""
    return file.with_name(f"{file.stem}.int8.onnx")


def sooner(plain: Classifier, int8: Classifier, budget_s: float = MEASURING_S) -> Classifier:
    """Whichever of two forms of one model has the shorter median time for a frame; the plain one if they are two."""
    if plain.card.weights_sha256 != int8.card.weights_sha256 or not plain.card.weights_sha256:
        log.warning("model %s: the int8 file beside it has other weights and is not used", plain.card.name)
        return plain
    times: tuple[list[float], list[float]] = ([], [])
    ends = time.perf_counter() + budget_s
    while not times[0] or time.perf_counter() < ends:
        for one, spent in zip((plain, int8), times, strict=True):
            start = time.perf_counter()
            one.answer(EMPTY)
            spent.append(time.perf_counter() - start)
    plain_ms, int8_ms = (1000.0 * statistics.median(spent) for spent in times)
    chosen, form = (int8, "int8") if int8_ms < plain_ms else (plain, "fp32")
    log.info("model %s: %s is used (int8 %.1f ms, fp32 %.1f ms a frame)", plain.card.name, form, int8_ms, plain_ms)
    return chosen


def _load(file: Path, threads: int) -> Classifier:
    if not file.is_file():
        raise ModelMismatch(f"model {file}: no such file; {REMEDY}")
    if file.stat().st_size > MAX_MODEL_BYTES:
        raise ModelMismatch(f"model {file}: {file.stat().st_size} bytes are too many for a frame classifier; {REMEDY}")
    content = file.read_bytes()
    _check_pinned(file, content)
    session = _session(file, content, threads)
    card = _card(file, session)
    _check_shapes(file, session, card)
    classifier = Classifier(session, card)
    _self_test(file, classifier)
    return classifier


def _check_pinned(file: Path, content: bytes) -> None:
    """The bundled model must be the one of this release, a model of a store one that was installed there."""
    sha256 = hashlib.sha256(content).hexdigest()
    if file in {default_model_path(), int8_file(default_model_path())}:
        released = json.loads((file.parent / "manifest.json").read_text(encoding="utf-8"))
        if sha256 != released.get(file.name, {}).get("sha256"):
            raise ModelMismatch(f"model {file}: it is not the file that this version was released with; {REMEDY}")
    elif (installed := installed_beside(file)) is not None and sha256 not in installed:
        raise ModelMismatch(f"model {file}: it was not installed here, see nebulift models install; {REMEDY}")


def installed_beside(file: Path) -> frozenset[str] | None:
    """The SHA-256 of every model that may lie in this folder; ``None`` where no manifest says so."""
    manifest = file.parent / STORE_MANIFEST
    try:
        return frozenset(one["sha256"] for one in json.loads(manifest.read_text(encoding="utf-8"))["models"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()  # a manifest that cannot be read vouches for nothing


def _session(file: Path, content: bytes, threads: int) -> Any:
    # onnxruntime from 1.29 writes a device id and opens sockets unless this stands in the environment before its import
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: PLC0415  late, because of the line above

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a waiting thread must not burn a core
    options.log_severity_level = 3
    try:
        # from bytes: a model cannot pull in files beside it
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # barrier: onnxruntime raises a dozen unrelated classes for files that are no models
        first = str(error).splitlines()[0][:200]
        raise ModelMismatch(f"model {file}: it cannot be loaded ({first}); {REMEDY}") from error


def _card(file: Path, session: Any) -> ModelCard:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelMismatch(f"model {file}: it carries no model card, so it was not made by nebulift export; {REMEDY}")
    try:
        card = ModelCard.from_json(text)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelMismatch(f"model {file}: its model card cannot be read ({error}); {REMEDY}") from error
    if card.preprocess_version != PREPROCESS_VERSION:
        raise ModelMismatch(
            f"model {file}: made for preprocessing version {card.preprocess_version}, "
            f"this Nebulift has {PREPROCESS_VERSION}; {REMEDY}"
        )
    if (card.planes, card.grid, card.features) != (PLANES, GRID, FEATURES):
        raise ModelMismatch(f"model {file}: made for other planes or features than this Nebulift has; {REMEDY}")
    return card


def _check_shapes(file: Path, session: Any, card: ModelCard) -> None:
    shapes = {given.name: list(given.shape)[1:] for given in session.get_inputs()}
    if shapes != {"planes": [len(PLANES), GRID, GRID], "features": [len(FEATURES)]}:
        raise ModelMismatch(f"model {file}: its inputs are {shapes}, not what its card promises; {REMEDY}")
    outputs = {output.name for output in session.get_outputs()}
    if not {"clean", "kinds"} <= outputs:
        raise ModelMismatch(f"model {file}: it has the outputs {sorted(outputs)}, not clean and kinds; {REMEDY}")
    if not set(card.domain) <= set(FEATURES):
        raise ModelMismatch(f"model {file}: its card limits features that it does not have; {REMEDY}")
    if not card.kinds:
        raise ModelMismatch(f"model {file}: its card names no kinds; {REMEDY}")


def _self_test(file: Path, classifier: Classifier) -> None:
    """A model must answer an empty frame with a probability."""
    try:
        answer = classifier.answer(EMPTY)
    except ValueError as error:
        raise ModelMismatch(f"model {file}: its outputs do not fit its card ({error}); {REMEDY}") from error
    if answer.clean is None or not 0.0 <= answer.clean <= 1.0:
        raise ModelMismatch(f"model {file}: it answers {answer.clean}, which is no probability; {REMEDY}")
