"""``ModelKeeper``: the model that judges, and its successor, which takes its place only after it has proved itself.

Whoever replaces the model file need not stop the daemon: before each frame the file's identity is compared, which
costs one stat(2). A new file is loaded beside the old model, with all checks and the self-test of
``nebulift.classifier``; when it fails them, or is only half there yet, the old model decides on.
"""

from typing import Any

from nebulift.errors import ModelMismatch
from nebulift_daemon.judge_messages import DEFAULT_JUDGE, NO_MODEL, JudgeOptions, Ready
from nebulift_daemon.model_file import model_file
from nebulift_daemon.sighting import Sighting


class ModelKeeper:
    """``classifier`` is what judges now, or ``None``: the measurements decide alone. ``ready`` says so in words."""

    def __init__(self, options: JudgeOptions) -> None:
        self._model = options.model
        self._threads = options.threads
        self._wanted = options.model != NO_MODEL and options.judge == DEFAULT_JUDGE
        self._seen: Sighting | None = None  # the file as it was when it was last tried
        self.classifier: Any = None
        self.ready = Ready(None, None)
        if self._wanted:
            self._seen = model_file(self._model)
            self._try()

    def renew(self) -> bool:
        """Take over a file that has changed, if it is good; whether ``ready`` says anything new."""
        if not self._wanted or (now := model_file(self._model)) == self._seen:
            return False
        self._seen = now
        before = self.ready
        self._try()
        return self.ready != before

    def _try(self) -> None:
        from nebulift.classifier import REMEDY, load_classifier  # noqa: PLC0415 - onnxruntime, and only where wanted

        try:
            classifier = load_classifier(self._model, threads=self._threads)
        except (ModelMismatch, MemoryError, OSError) as error:
            problem = str(error) or "it does not fit into the judge's memory"
            if self.classifier is not None:
                name = self.classifier.card.name
                problem = f"{problem.removesuffix(f'; {REMEDY}')}; {name}, which was loaded before, decides on"
            self.ready = Ready(self.ready.model, problem)
            return
        self.classifier = classifier
        self.ready = Ready(classifier.card.name, None)
