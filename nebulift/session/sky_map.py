"""``SkyMap``: the sky of one clean frame, small enough to be kept: as text in steps of the noise of a pixel."""

import base64
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nebulift.session.glimpse import COLUMNS, ROWS, Glimpse

MAP_STEP_SIGMA = 0.05  # sky maps are kept in steps of a twentieth of the pixel noise
RESIDUAL_STEP_SIGMA = 0.02  # the residual is finer: at 26 MP a cell is good to 0.014
UNKNOWN = -128  # a cell that stars fill


@dataclass(frozen=True, slots=True)
class SkyMap:
    """The sky of a clean frame. On the sensor: after a flip the sky's own slope stands on its head."""

    packed: str  # see ``packed_map``
    is_turned: bool  # by more than a right angle against the catalogue
    residual: str = ""  # what the sky's light has beyond ``packed``; empty: not measurable
    middle_px: tuple[float, float] | None = None  # where the middle of the catalogue's field lies in the frame: x, y


def sky_map_of(glimpse: Glimpse, middle_px: tuple[float, float] | None, *, is_turned: bool) -> SkyMap:
    """The sky of a frame as it is kept."""
    packed = packed_map(glimpse.sky_adu, glimpse.noise_adu)
    if not np.isfinite(glimpse.residual).any():
        return SkyMap(packed, is_turned)
    sky = (glimpse.sky_adu - np.median(glimpse.sky_adu)) / glimpse.noise_adu
    steps = np.rint((glimpse.residual + sky - unpacked_map(packed)) / RESIDUAL_STEP_SIGMA)
    text = _as_text(np.where(np.isfinite(steps), np.clip(steps, -127, 127), UNKNOWN).astype(np.int8))
    return SkyMap(packed, is_turned, text, middle_px)


def packed_map(sky_adu: NDArray[np.float32], noise_adu: float) -> str:
    """A sky map as text: in steps of a twentieth sigma about its median, zlib, base64."""
    steps = (sky_adu - np.median(sky_adu)) / (noise_adu * MAP_STEP_SIGMA)
    return _as_text(np.clip(np.rint(steps), -32767, 32767).astype("<i2"))


@lru_cache(maxsize=64)
def unpacked_map(text: str) -> NDArray[np.float64]:
    """The sky map in sigma about its median, shape (44, 64), read-only: each is asked for with every frame."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<i2")
    sky = steps.reshape(ROWS, COLUMNS).astype(np.float64) * MAP_STEP_SIGMA
    sky.setflags(write=False)
    return sky


def unpacked_residual(text: str) -> NDArray[np.float64]:
    """What the sky's light has beyond the sky map, in sigma, shape (44, 64); NaN where stars fill the cell."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.int8).reshape(ROWS, COLUMNS)
    return np.asarray(np.where(steps == UNKNOWN, np.nan, steps * RESIDUAL_STEP_SIGMA))


def _as_text(steps: NDArray[np.signedinteger]) -> str:
    return base64.b64encode(zlib.compress(steps.tobytes())).decode()
