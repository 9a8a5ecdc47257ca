"""Writing a file so that its name never shows half of it, after a power cut neither."""

import os
import tempfile
from pathlib import Path

READABLE = 0o644  # a temporary file is its maker's alone; a model is read by the service's user


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path``, see it on the disk, then give it the name. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).chmod(READABLE)
    Path(file.name).replace(path)
