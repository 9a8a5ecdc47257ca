"""Read-out faults: rows and columns that hold one value, half-read frames, banding."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.measurements import Sensor
from nebulift.scan import UNITS_PER_SIGMA, Scan

CLIP_UNITS = 3 * UNITS_PER_SIGMA
RUNNING_ROWS = 31  # banding is what changes faster than this many rows


def constant_lines(scan: Scan) -> tuple[int, int, float]:
    """(constant rows, constant columns, share of the frame in the largest block of constant lines), raw pixels.

    Call before the map is flattened. A frame that was read only in part ends in a block of one value; one of which a
    packet was lost has it in the middle.
    """
    units = scan.units
    rows = (units[:, 1:] == units[:, :-1]).all(axis=1)
    columns = (units[1:] == units[:-1]).all(axis=0)
    largest = max(_longest_run(rows) / len(rows), _longest_run(columns) / len(columns))
    return int(rows.sum()) * scan.bin_px, int(columns.sum()) * scan.bin_px, largest


def _longest_run(mask: NDArray[np.bool_]) -> int:
    """How many True stand together at most."""
    borders = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return int((borders[1::2] - borders[::2]).max(initial=0))


def measure_sensor(scan: Scan, flat: NDArray[np.int16], constant: tuple[int, int, float]) -> Sensor:
    """Read-out faults in numbers; ``constant`` from ``constant_lines``, ``flat`` the flattened map."""
    clipped = np.clip(flat, -CLIP_UNITS, CLIP_UNITS).astype(np.float32) / UNITS_PER_SIGMA
    to_raw = scan.sigma_adu / scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else 1.0
    return Sensor(
        constant_rows=constant[0],
        constant_columns=constant[1],
        dead_fraction=constant[2],
        row_banding_sigma=_banding(clipped.mean(axis=1), clipped.shape[1]) * to_raw,
        column_banding_sigma=_banding(clipped.mean(axis=0), clipped.shape[0]) * to_raw,
    )


def _banding(means: NDArray[np.float32], pixels: int) -> float:
    """Scatter of line means about their running mean, less what the noise of ``pixels`` pixels explains."""
    smooth = cv2.blur(means.reshape(-1, 1), (1, min(RUNNING_ROWS, len(means))))[:, 0]
    left = means - smooth
    scatter = 1.4826 * float(np.median(np.abs(left - np.median(left))))
    return float(np.sqrt(max(scatter**2 - 1.0 / pixels, 0.0)))
