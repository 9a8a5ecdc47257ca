"""``ShadowModel``: a model that watches beside the active one; its verdicts are recorded and decide nothing.

It lies as ``shadow.onnx`` in the daemon's folder of models, where ``nebulift models shadow`` puts it and takes it away,
or beside the active model's file where that lies in another one. The bundled model may decide meanwhile, or none.
"""

import logging
from pathlib import Path
from typing import Any

from nebulift.errors import ModelMismatch
from nebulift_daemon.judge_messages import DEFAULT_JUDGE, NO_MODEL, JudgeOptions
from nebulift_daemon.sighting import Sighting, look

FILE_NAME = "shadow.onnx"

log = logging.getLogger(__name__)


class ShadowModel:
    """Asked before each frame: one stat(2), and the file is loaded only when it is another one."""

    def __init__(self, options: JudgeOptions) -> None:
        self._files = _places(options)
        self._threads = options.threads
        self._seen: Sighting | None = None
        self._classifier: Any = None

    def classifier(self) -> Any:
        """The model that watches now, or ``None``: none does, or the one that is there cannot be used."""
        now = next((found for file in self._files if (found := look(file)) is not None), None)
        if now != self._seen:
            self._seen = now
            self._classifier = None if now is None else self._loaded(now.path)
        return self._classifier

    def _loaded(self, file: Path) -> Any:
        from nebulift.classifier import load_classifier  # noqa: PLC0415 - onnxruntime, and only where a model is wanted

        try:
            return load_classifier(file, threads=self._threads)
        except (ModelMismatch, MemoryError, OSError) as error:
            log.warning("the model that watches cannot be used: %s", error)
            return None


def _places(options: JudgeOptions) -> tuple[Path, ...]:
    """Where it may lie, the likelier place first."""
    if options.judge != DEFAULT_JUDGE:
        return ()
    beside = () if options.model in {NO_MODEL, "default"} else (Path(options.model).with_name(FILE_NAME),)
    return (*beside, *(() if options.models is None else (Path(options.models) / FILE_NAME,)))
