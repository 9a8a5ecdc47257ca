"""Where the model lies, and whether it is still the same file. Loads nothing: the watching process asks too."""

from pathlib import Path

from nebulift.model_card import default_model_path
from nebulift_daemon.sighting import Sighting, look


def model_file(model: str) -> Sighting | None:
    """What lies now where ``model`` is, ``default`` or a path; ``None`` when no regular file does."""
    return look(default_model_path() if model == "default" else Path(model).resolve())
