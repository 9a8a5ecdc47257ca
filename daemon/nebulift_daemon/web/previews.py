"""Stretched pictures of frames, made once and kept in the state folder, within a bound."""

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulift_daemon.ledger import FrameRow
from nebulift_daemon.web.detail import detail_jpeg

SIZES = {"large": 1600, "small": 360}  # longer side in pixels
QUALITY = {"large": 85, "small": 80}
FOLDER = "previews"
MOST_BYTES = 256_000_000  # about 400 frames of 26 megapixels
LEAVE_AFTER_PRUNING = 0.8
STRETCH_VERSION = 1  # raised when ``nebulift.pictures.stretched`` makes another picture of the same frame

log = logging.getLogger(__name__)


def key_of(row: FrameRow) -> str:
    """What a picture of this frame is kept and addressed by: it changes when the bytes do."""
    return f"{row.id}-{(row.sha256 or 'unhashed')[:16]}-{STRETCH_VERSION}"


@dataclass(slots=True)
class Kept:
    """How much lies in the folder; ``None`` before the first look."""

    total_bytes: int | None = None


class Previews:
    """Makes and keeps pictures, one frame at a time: a Pi has no memory for two."""

    def __init__(self, state: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = state / FOLDER
        self._most_bytes = most_bytes
        self._kept = Kept()
        self._making = threading.Lock()

    async def jpeg(self, row: FrameRow, size: str) -> bytes:
        """The picture as a JPEG file's content. Raises ``KeyError`` for an unknown size, ``OSError`` and
        ``UnreadableFrame`` when the frame cannot be read any more.
        """
        return await asyncio.to_thread(self.make, row, size)

    def make(self, row: FrameRow, size: str) -> bytes:
        """The same, in this thread."""
        SIZES[size]
        kept = self._read(row, size)
        if kept is not None:
            return kept
        with self._making:
            kept = self._read(row, size)  # somebody else may have made it while we waited
            if kept is not None:
                return kept
            made = _make(row.destination or row.path)
            for name, content in made.items():
                self._keep(self._path(row, name), content)
            return made[size]

    async def detail(self, row: FrameRow, left_px: int, top_px: int) -> bytes:
        """A part of the frame at its own size; see ``detail.detail_jpeg``. It is not kept: a browser keeps it."""
        return await asyncio.to_thread(self._make_detail, row, left_px, top_px)

    def _make_detail(self, row: FrameRow, left_px: int, top_px: int) -> bytes:
        with self._making:
            return detail_jpeg(row.destination or row.path, left_px, top_px)

    def _path(self, row: FrameRow, size: str) -> Path:
        return self._folder / f"{key_of(row)}-{size}.jpg"

    def _read(self, row: FrameRow, size: str) -> bytes | None:
        path = self._path(row, size)
        try:
            content = path.read_bytes()
            os.utime(path)  # what was looked at last goes last
        except OSError:
            return None
        return content

    def _keep(self, path: Path, content: bytes) -> None:
        """Put a picture into the folder; a full or read-only disk costs time and nothing else."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._kept.total_bytes is None:
                self._kept.total_bytes = sum(entry.stat().st_size for entry in os.scandir(self._folder))
            temporary = path.with_suffix(".part")
            temporary.write_bytes(content)
            temporary.replace(path)
            self._kept.total_bytes += len(content)
            if self._kept.total_bytes > self._most_bytes:
                self._prune()
        except OSError as error:
            self._kept.total_bytes = None
            log.warning("%s: a preview could not be kept (%s)", self._folder, error.strerror)

    def _prune(self) -> None:
        """Remove the pictures that nobody has looked at for the longest time."""
        found = [(status.st_mtime_ns, status.st_size, path) for path, status in _statuses(self._folder)]
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._most_bytes * LEAVE_AFTER_PRUNING:
                break
            path.unlink(missing_ok=True)
            total -= size
        self._kept.total_bytes = total


def _statuses(folder: Path) -> Sequence[tuple[Path, os.stat_result]]:
    return [(Path(entry.path), entry.stat()) for entry in os.scandir(folder)]


def _make(path: Path) -> dict[str, bytes]:
    """Pictures of all sizes from one reading of the file."""
    import cv2  # noqa: PLC0415 - a page that is opened and closed again does not pay for it

    from nebulift.pictures import stretched  # noqa: PLC0415
    from nebulift.readers import open_frame  # noqa: PLC0415

    with open_frame(path) as frame:
        view = stretched(frame, SIZES["large"])
    made: dict[str, bytes] = {}
    for name, side_px in SIZES.items():
        shrink = min(1.0, side_px / max(view.shape[:2]))
        size = max(1, round(view.shape[1] * shrink)), max(1, round(view.shape[0] * shrink))
        picture = view if shrink == 1.0 else cv2.resize(view, size, interpolation=cv2.INTER_AREA)
        done, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY[name]])
        assert done
        made[name] = content.tobytes()
    return made
