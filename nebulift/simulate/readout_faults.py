"""What goes wrong between sensor and file: on stored numbers, after all physics."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.findings import Box
from nebulift.simulate.severity import BAND_SIGMA, READOUT_SHARE, STUCK_COLUMNS, number_for

Pixels = NDArray[Any]
FORMS = ("bands", "half_read", "shifted", "stuck_columns", "block", "repeated")


@dataclass(frozen=True, slots=True)
class Fault:
    """``share`` is the part of the frame it takes; ``bands`` have an amplitude in noise of one pixel, ``sigma``."""

    form: str
    share: float = 0.2
    sigma: float = 2.0
    columns: int = 5  # how many, for ``stuck_columns``
    seed: int = 0


def apply_fault(pixels: Pixels, fault: Fault, noise_adu: float, ceiling_adu: int) -> dict[str, float]:
    """Damage ``pixels`` (H, W) in place; the numbers of the damage: ``share`` of the frame and what else there is.

    ``left``, ``top``, ``right``, ``bottom`` of the damaged part are always among them. Even shifts keep Bayer cells
    whole, odd ones do not: both happen.
    """
    rng = np.random.default_rng([fault.seed, 6])
    return _FAULTS[fault.form](pixels, fault, (noise_adu, ceiling_adu), rng)


def damaged_box(numbers: dict[str, float]) -> Box:
    """Where the damage is."""
    return Box(numbers["left"], numbers["top"], numbers["right"], numbers["bottom"])


def random_fault(rng: np.random.Generator, wanted_severity: float, form: str | None = None) -> Fault:
    """A fault as large as ``wanted_severity`` stands for."""
    form = form or str(rng.choice(FORMS))
    share = number_for(wanted_severity, READOUT_SHARE)
    sigma = number_for(wanted_severity, BAND_SIGMA)
    if form == "bands":
        share = float(rng.uniform(0.2, 1.0))
    columns = round(number_for(wanted_severity, STUCK_COLUMNS))
    return Fault(form, share, sigma, columns, int(rng.integers(2**31)))


Levels = tuple[float, int]


def _bands(pixels: Pixels, fault: Fault, levels: Levels, rng: np.random.Generator) -> dict[str, float]:
    """Interference on the supply: offsets of whole rows, periodic or wandering, in a part of the frame."""
    height, width = pixels.shape
    rows = max(16, int(height * fault.share))
    top = int(rng.integers(0, height - rows + 1))
    n = np.arange(rows)
    if rng.random() < 0.6:
        wave = np.sin(2.0 * np.pi * (n / rng.uniform(4.0, 60.0) + rng.random()))
    else:
        wave = np.cumsum(rng.standard_normal(rows)) + 2.0 * rng.standard_normal(rows)
        wave -= np.convolve(wave, np.ones(41) / 41.0, mode="same")
    offset = wave / wave.std() * fault.sigma * levels[0]
    part = pixels[top : top + rows].astype(np.float32) + offset[:, None]
    pixels[top : top + rows] = np.clip(np.rint(part), 0, levels[1]).astype(pixels.dtype)
    return _numbers(pixels, (0, top, width, top + rows), sigma=fault.sigma)


def _half_read(pixels: Pixels, fault: Fault, levels: Levels, rng: np.random.Generator) -> dict[str, float]:
    """The download broke off: the rest is zero, or the last good level."""
    height, width = pixels.shape
    top = min(height - 1, max(1, round(height * (1.0 - fault.share))))
    pixels[top:] = rng.choice([0, levels[1], int(np.median(pixels[top - 1]))], p=[0.7, 0.1, 0.2])
    return _numbers(pixels, (0, top, width, height))


def _shifted(pixels: Pixels, fault: Fault, levels: Levels, rng: np.random.Generator) -> dict[str, float]:
    """Lost pixels: from one row on, everything sits sideways and wraps round."""
    del levels
    height, width = pixels.shape
    top = min(height - 1, max(1, round(height * (1.0 - fault.share))))
    shift = int(rng.integers(2, max(3, width // 3)))
    pixels[top:] = np.roll(pixels[top:], shift, axis=1)
    return _numbers(pixels, (0, top, width, height), shift_px=float(shift))


def _stuck_columns(pixels: Pixels, fault: Fault, levels: Levels, rng: np.random.Generator) -> dict[str, float]:
    height, width = pixels.shape
    count = min(max(1, fault.columns), width)
    columns = rng.choice(width, size=count, replace=False)
    for column in columns:
        top = 0 if rng.random() < 0.7 else int(rng.integers(0, height // 2))
        pixels[top:, column] = rng.choice([0, levels[1], int(rng.integers(0, levels[1]))])
    edges = (int(columns.min()), 0, int(columns.max()) + 1, height)
    return _numbers(pixels, edges, share=count / width, columns=float(count))


def _block(pixels: Pixels, fault: Fault, levels: Levels, rng: np.random.Generator) -> dict[str, float]:
    """A packet was lost: a run of rows, or a rectangle, of one number."""
    height, width = pixels.shape
    tall = max(2, round(height * fault.share))
    wide = width
    if rng.random() < 0.5:
        wide = max(2, round(width * rng.uniform(fault.share, 1.0)))
        tall = max(2, min(height, round(fault.share * height * width / wide)))
    top, left = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
    pixels[top : top + tall, left : left + wide] = rng.choice([0, levels[1], int(np.median(pixels))])
    return _numbers(pixels, (left, top, left + wide, top + tall))


def _repeated(pixels: Pixels, fault: Fault, levels: Levels, rng: np.random.Generator) -> dict[str, float]:
    """A buffer was sent twice: rows repeat those above them, a little sideways."""
    del levels
    height, width = pixels.shape
    tall = min(height // 2 - 1, max(2, round(height * fault.share)))
    top = int(rng.integers(tall, height - tall + 1))
    pixels[top : top + tall] = np.roll(pixels[top - tall : top], int(rng.integers(0, width)), axis=1)
    return _numbers(pixels, (0, top, width, top + tall))


def _numbers(
    pixels: Pixels, box: tuple[int, int, int, int], share: float | None = None, **more: float
) -> dict[str, float]:
    left, top, right, bottom = (float(edge) for edge in box)
    share = share if share is not None else (right - left) * (bottom - top) / pixels.size
    return {"share": share, "left": left, "top": top, "right": right, "bottom": bottom, **more}


_FAULTS: dict[str, Callable[[Pixels, Fault, Levels, np.random.Generator], dict[str, float]]] = {
    "bands": _bands,
    "half_read": _half_read,
    "shifted": _shifted,
    "stuck_columns": _stuck_columns,
    "block": _block,
    "repeated": _repeated,
}
