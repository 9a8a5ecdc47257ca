"""``FITSProcessor``: frames as plain arrays and dictionaries, for programs and notebooks.

The thin face of ``nebulift.readers``. Everything inside Nebulift works on ``Frame`` (``FITSProcessor.open``), which
reads strip by strip; what stands here holds whole frames as float64 and stretches them for eyes and quick trials.
The model's own input is made by ``nebulift.preprocess`` alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nebulift.errors import UnreadableFrame
from nebulift.exposure import Exposure
from nebulift.frame import Frame
from nebulift.readers.names import FITS_SUFFIXES, PACKED_SUFFIXES
from nebulift.readers.opening import open_frame, open_with_keywords

Method: TypeAlias = Literal["percentile", "sigma_clip", "minmax"]

CLIP_SIGMA = 3.0
CLIP_ROUNDS = 5
LOW_PERCENT, HIGH_PERCENT = 1.0, 99.0


class ImageStats(TypedDict):
    """Levels in the units of the image; mean, std and median after clipping at 3 sigma, the rest of all pixels."""

    mean: float
    std: float
    median: float
    min: float
    max: float
    p01: float
    p99: float
    dynamic_range: float  # p99 - p01


class LoadedFits(TypedDict):
    """A frame in memory: float64 of shape (height, width) in ADU, its keywords, its facts in plain names."""

    image_data: NDArray[np.float64]
    header: dict[str, str | int | float | bool]
    metadata: dict[str, Any]
    file_path: Path


class ProcessedFits(TypedDict):
    """A frame, the same in [0, 1], the same at ``target_size`` as float32, and its statistics."""

    original_image: NDArray[np.float64]
    normalized_image: NDArray[np.float64]
    ml_image: NDArray[np.float32]
    metadata: dict[str, Any]
    stats: ImageStats
    file_path: Path


@dataclass(frozen=True, slots=True)
class FITSProcessor:
    """Loads frames of any format that ``nebulift.readers`` knows; ``target_size`` is (width, height).

    Every method that takes a path raises ``UnreadableFrame`` with one plain sentence; none returns ``None`` instead.
    NaN pixels (BLANK) stay NaN in loaded images, are left out of statistics, and are 0 in normalised images.
    """

    target_size: tuple[int, int] = (224, 224)

    def open(self, path: Path) -> Frame:
        """The frame, open for reading strip by strip; close it after use."""
        return open_frame(Path(path))

    def load_fits_file(self, file_path: Path) -> LoadedFits:
        """The whole frame as float64 with header and metadata: 8 bytes a pixel, 208 MB for 26 megapixels."""
        path = Path(file_path)
        frame, keywords = open_with_keywords(path)
        with frame:
            return {
                "image_data": frame.array().astype(np.float64),
                "header": dict(keywords),
                "metadata": _metadata(frame.exposure, frame.shape),
                "file_path": path,
            }

    def normalize_image(self, image_data: ArrayLike, method: Method = "percentile") -> NDArray[np.float64]:
        """The image stretched linearly to [0, 1]: see ``normalized``."""
        return normalized(image_data, method)

    def resize_for_ml(self, image_data: ArrayLike) -> NDArray[np.float32]:
        """An image in [0, 1] reduced by averaging areas to ``target_size``; NaN counts as 0."""
        import cv2  # noqa: PLC0415 - loading and validating do not need it

        image = np.nan_to_num(np.asarray(image_data, np.float32), nan=0.0)
        resized = cv2.resize(image, self.target_size, interpolation=cv2.INTER_AREA)
        return np.clip(resized, 0.0, 1.0).astype(np.float32)

    def compute_image_stats(self, image_data: ArrayLike) -> ImageStats:
        """Statistics of the finite pixels: see ``image_stats``."""
        return image_stats(image_data)

    def process_fits_file(self, file_path: Path) -> ProcessedFits:
        """The frame loaded, normalised by percentiles, resized and measured."""
        loaded = self.load_fits_file(file_path)
        stretched = normalized(loaded["image_data"])
        return {
            "original_image": loaded["image_data"],
            "normalized_image": stretched,
            "ml_image": self.resize_for_ml(stretched),
            "metadata": loaded["metadata"],
            "stats": image_stats(loaded["image_data"]),
            "file_path": loaded["file_path"],
        }


def normalized(image_data: ArrayLike, method: Method = "percentile") -> NDArray[np.float64]:
    """``image_data`` as float64 in [0, 1], same shape; NaN and an image without contrast become 0.

    "percentile" maps the 1st and 99th percentile to 0 and 1, "sigma_clip" the extremes within 3 sigma of the median,
    "minmax" the extremes. Infinite pixels end at 0 or 1. Raises ``ValueError`` for another method.
    """
    if method not in RANGES:
        msg = f"unknown normalization method {method!r}: use {', '.join(RANGES)}"
        raise ValueError(msg)
    image = np.asarray(image_data, np.float64)
    finite = image[np.isfinite(image)]
    low, high = RANGES[method](finite) if finite.size else (0.0, 0.0)
    if not high > low:
        return np.zeros_like(image)
    return np.nan_to_num(np.clip((image - low) / (high - low), 0.0, 1.0), nan=0.0)


def image_stats(image_data: ArrayLike) -> ImageStats:
    """Statistics of the finite pixels. Raises ``ValueError`` when there is none."""
    image = np.asarray(image_data, np.float64)
    finite = image[np.isfinite(image)]
    if not finite.size:
        msg = "an image without a single finite pixel has no statistics"
        raise ValueError(msg)
    clipped = sigma_clipped(finite)
    low, high = (float(level) for level in np.percentile(finite, (LOW_PERCENT, HIGH_PERCENT)))
    return {
        "mean": float(clipped.mean()),
        "std": float(clipped.std()),
        "median": float(np.median(clipped)),
        "min": float(finite.min()),
        "max": float(finite.max()),
        "p01": low,
        "p99": high,
        "dynamic_range": high - low,
    }


def sigma_clipped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The finite ``values`` within 3 standard deviations of their median, after at most 5 rounds."""
    for _ in range(CLIP_ROUNDS):
        kept = values[np.abs(values - np.median(values)) <= CLIP_SIGMA * values.std()]
        if not 0 < kept.size < values.size:
            break
        values = kept
    return values


def validate_fits_file(file_path: Path) -> bool:
    """Whether the file can be opened as a frame and all its pixels are there. Never raises for a bad file."""
    try:
        with open_frame(Path(file_path)) as frame:
            frame.pixels.rows(frame.shape[0] - 1, frame.shape[0])
    except UnreadableFrame:
        return False
    return True


def batch_validate_fits_files(directory: Path) -> tuple[list[Path], list[Path]]:
    """(valid, invalid) FITS files of one folder, packed ones included, each list in order of name.

    Raises ``NotADirectoryError`` or ``FileNotFoundError`` when there is no such folder.
    """
    endings = tuple(suffix + packed for suffix in FITS_SUFFIXES for packed in ("", *PACKED_SUFFIXES))
    files = sorted(path for path in Path(directory).iterdir() if path.name.lower().endswith(endings))
    valid = [path for path in files if validate_fits_file(path)]
    return valid, [path for path in files if path not in set(valid)]


def _percentile_range(finite: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(finite, (LOW_PERCENT, HIGH_PERCENT))
    return float(low), float(high)


def _minmax_range(finite: NDArray[np.float64]) -> tuple[float, float]:
    return float(finite.min()), float(finite.max())


def _clipped_range(finite: NDArray[np.float64]) -> tuple[float, float]:
    return _minmax_range(sigma_clipped(finite))


RANGES: Mapping[str, Callable[[NDArray[np.float64]], tuple[float, float]]] = {
    "percentile": _percentile_range,
    "sigma_clip": _clipped_range,
    "minmax": _minmax_range,
}


def _metadata(exposure: Exposure, shape: tuple[int, int]) -> dict[str, Any]:
    """The facts that are known, under the lower-case names of their usual FITS keywords."""
    facts: Mapping[str, Any] = {
        "imagetyp": str(exposure.kind),
        "exptime": exposure.exposure_s,
        "gain": exposure.gain,
        "ccd_temp": exposure.sensor_temp_c,
        "filter": exposure.filter_name,
        "object": exposure.target,
        "date_obs": exposure.taken_at.isoformat() if exposure.taken_at else None,
        "telescop": exposure.telescope,
        "instrume": exposure.camera,
        "bayerpat": exposure.bayer,
    }
    known = {name: fact for name, fact in facts.items() if fact is not None}
    return {**known, "width": shape[1], "height": shape[0]}
