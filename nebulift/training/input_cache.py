"""What the network sees of each frame, kept by content: an epoch never opens a frame again."""

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nebulift.measurements import DETECTOR_VERSION
from nebulift.pipeline import Measured
from nebulift.preprocess import PREPROCESS_VERSION
from nebulift.training.measured_record import as_record, from_record


@dataclass(frozen=True, slots=True)
class InputCache:
    """One small file a frame in ``folder``, named by the frame's SHA-256; other versions lie in other folders."""

    folder: Path

    def path_of(self, sha256: str) -> Path:
        return self.folder / f"v{PREPROCESS_VERSION}.{DETECTOR_VERSION}" / f"{sha256}.npz"

    def get(self, sha256: str, path: Path, *, with_planes: bool = True) -> Measured | None:
        """The measured frame with its planes (float32), or ``None`` when it is not there or damaged."""
        try:
            # opened here, because numpy leaves a file open that turns out to be damaged
            with self.path_of(sha256).open("rb") as file, np.load(file) as kept:
                planes = kept["planes"].astype(np.float32) if with_planes else None
                return from_record(json.loads(str(kept["record"])), path, planes)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None  # made again by whoever asked

    def put(self, sha256: str, measured: Measured) -> None:
        """Keep ``measured``; planes in half precision (a thousandth of a unit, far below their noise)."""
        assert measured.planes is not None
        place = self.path_of(sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        hidden = place.with_name(f".{sha256}.{os.getpid()}.part")
        with hidden.open("wb") as file:
            np.savez(file, planes=measured.planes.astype(np.float16), record=np.array(json.dumps(as_record(measured))))
        hidden.replace(place)


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
