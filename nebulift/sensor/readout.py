"""Read-out faults: parts of one value, rows sent twice, torn frames, banding, stuck columns, dead pixels."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.measurements import Sensor
from nebulift.median import median
from nebulift.scan import UNITS_PER_SIGMA, Scan
from nebulift.sensor.banding import bands, noise_along
from nebulift.sensor.block_sums import CLIP_UNITS, LARGEST_BLOCK_PX, block_sums
from nebulift.sensor.constant_blocks import ConstantParts, constant_parts
from nebulift.sensor.repeated_rows import repeated_rows, row_codes
from nebulift.sensor.torn_frame import LineSums, find_tear

RUNNING_ROWS = 31  # banding is what changes faster than this many rows
NEAR_ROWS = 5  # among which a raised one stands out, and the rim of an image circle does not
BAND_BLOCKS = 24  # along a line, of whose means the middle one is its height
DEAD_UNITS = -8 * UNITS_PER_SIGMA  # a dead pixel takes its whole share of the sky from the mean of four
STUCK_PROBES = 6  # strips of the frame in which columns are looked at
STUCK_ROWS = 48  # of each: even where a converter hardly sees the noise no column is constant over so many
STUCK_STRIPS = 2  # at least, so that a short defect is none
QUIET_SHARE = 0.05  # of all columns: where more hold one value the frame may have no noise there
AMID_PX = 8  # columns on both sides: most of them have noise beside one that is stuck


@dataclass(frozen=True, slots=True, eq=False)
class FirstLook:
    """What only the map shows that is not flattened yet."""

    constant: ConstantParts
    row_codes: NDArray[np.int64]


def first_look(scan: Scan) -> FirstLook:
    """Call before the map is flattened."""
    return FirstLook(constant_parts(scan), row_codes(scan))


def measure_sensor(frame: Frame, scan: Scan, flat: NDArray[np.int16], look: FirstLook) -> Sensor:
    """Read-out faults in numbers; ``look`` from ``first_look``, ``flat`` the flattened map."""
    constant = look.constant
    to_raw = scan.sigma_adu / scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else 1.0
    row_sums, column_sums = _line_sums(flat, 1), _line_sums(flat, 0)
    row_means = row_sums.means(flat.shape[1])
    rows = bands(row_sums.blocks, row_sums.block_px, noise_along(flat, 1))
    columns = bands(column_sums.blocks, column_sums.block_px, noise_along(flat, 0))
    repeated = repeated_rows(frame, scan.bin_px, look.row_codes, row_means) or (0, 0)
    whole = not constant.boxes_px and not constant.rows and repeated == (0, 0)
    offsets = row_means - cv2.medianBlur(row_means.reshape(-1, 1), NEAR_ROWS)[:, 0]
    sums = LineSums(row_sums.blocks, row_sums.block_px, column_sums.blocks, column_sums.block_px)
    tear = find_tear(frame, scan.bin_px, flat, sums, offsets) if whole else None  # every lost part has edges
    return Sensor(
        constant_rows=constant.rows,
        constant_columns=constant.columns,
        dead_fraction=constant.largest_fraction,
        row_banding_sigma=_banding(row_means, flat.shape[1]) * to_raw,
        column_banding_sigma=_banding(column_sums.means(flat.shape[0]), flat.shape[0]) * to_raw,
        lost_fraction=constant.fraction,
        lost_boxes_px=constant.boxes_px,
        repeated_top_px=repeated[0],
        repeated_rows=repeated[1] - repeated[0],
        torn_at_px=None if tear is None else tear.row_px,
        torn_until_px=None if tear is None else tear.end_px,
        shifted_by_px=None if tear is None else tear.shift_px,
        torn_stars=tear is not None and tear.by_stars,
        torn_step_sigma=0.0 if tear is None else tear.step_sigma * to_raw,
        row_bands_sigma=rows.somewhere_sigma * to_raw,
        column_bands_sigma=columns.everywhere_sigma * to_raw,
        outstanding_rows=rows.outstanding_fraction,
        outstanding_columns=columns.outstanding_fraction,
        stuck_columns=stuck_columns(frame, scan),
        dead_pixels=_dead_pixels(flat),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _LineSums:
    """Clipped sums of the lines of a map: of blocks along them (blocks, lines), and of the rest at their end."""

    blocks: NDArray[np.int16]
    block_px: int
    rest: NDArray[np.int64]

    def means(self, pixels: int) -> NDArray[np.float32]:
        """Clipped mean of each line of so many pixels, in sigma."""
        total = self.blocks.sum(axis=0, dtype=np.int64) + self.rest
        return np.asarray(total / (pixels * UNITS_PER_SIGMA), dtype=np.float32)


def _line_sums(flat: NDArray[np.int16], axis: int) -> _LineSums:
    length = flat.shape[axis]
    block = min(max(length // BAND_BLOCKS, 1), LARGEST_BLOCK_PX)
    rest = flat[length // block * block :] if axis == 0 else flat[:, length // block * block :]
    clipped = np.clip(rest, -CLIP_UNITS, CLIP_UNITS).sum(axis=axis, dtype=np.int64)
    return _LineSums(block_sums(flat, block, axis), block, clipped)


def _banding(means: NDArray[np.float32], pixels: int) -> float:
    """Scatter of line means about their running mean, less what the noise of ``pixels`` pixels explains."""
    smooth = cv2.blur(means.reshape(-1, 1), (1, min(RUNNING_ROWS, len(means))))[:, 0]
    left = means - smooth
    scatter = 1.4826 * median(np.abs(left - median(left)))
    return float(np.sqrt(max(scatter**2 - 1.0 / pixels, 0.0)))


def stuck_columns(frame: Frame, scan: Scan) -> int | None:
    """How many raw columns hold one value over at least a good part of their length; ``None`` in a noiseless frame.

    A few strips are looked at. Hot columns are none of these: they are brighter, but as noisy as others. A blank border
    is none either.
    """
    height, width = frame.shape
    if scan.is_coarse:
        return None
    rows = min(STUCK_ROWS, height // STUCK_PROBES)
    if rows < STUCK_ROWS // 2:
        return None
    found, noisy = np.zeros(width, dtype=np.int64), np.zeros(width, dtype=np.int64)
    for top in np.linspace(0, height - rows, STUCK_PROBES).astype(int).tolist():
        strip = frame.pixels.rows(top, top + rows)
        constant = np.asarray(strip.max(axis=0) == strip.min(axis=0))
        if scan.valid is not None and constant.any():
            seen = np.asarray(scan.valid[top // scan.bin_px : (top + rows) // scan.bin_px].any(axis=0))
            constant[: seen.size * scan.bin_px] &= np.repeat(seen, scan.bin_px)
        found += constant
        if np.count_nonzero(constant) > QUIET_SHARE * width:
            noisy += constant & _amid_noise(strip)
        else:
            noisy += constant
    stuck = int((found >= STUCK_STRIPS).sum())
    if stuck <= QUIET_SHARE * width:
        return stuck
    return int((noisy >= STUCK_STRIPS).sum()) or None


def _amid_noise(strip: NDArray[Any]) -> NDArray[np.bool_]:
    """Which columns lie amid others of which not even the middle eight tenths are of one value."""
    low, high = np.quantile(strip[::2], (0.1, 0.9), axis=0, method="nearest")
    return np.asarray(cv2.medianBlur((high > low).astype(np.uint8)[None, :].repeat(3, axis=0), 2 * AMID_PX + 1)[1] > 0)


def _dead_pixels(flat: NDArray[np.int16]) -> int:
    """Map pixels far below the sky whose neighbours are not: dead pixels, which dust and shadows are wider than."""
    dark = np.flatnonzero(flat.min(axis=1) < DEAD_UNITS)
    dark = dark[(dark > 0) & (dark < len(flat) - 1)]
    rows, columns = np.nonzero(flat[dark, 1:-1] < DEAD_UNITS)
    rows, columns = dark[rows], columns + 1
    beside = np.stack([flat[rows + down, columns + across] for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1))])
    return int((beside > DEAD_UNITS // 2).all(axis=0).sum())
