"""Parts of a frame that hold one value: lines, half-read frames, lost packets of any width and number.

Looked for on the map in blocks of a few pixels of which the greatest equals the smallest: noise never is so even.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA, Scan

BLOCK_ROWS, BLOCK_COLUMNS = 4, 32  # packets are wide and flat
PROBES = 16  # pixels of a line that differ by then in every healthy one
FILLED = 0.9  # of its box: a lost packet is a rectangle, a burnt-out star or nebula is not
HARD_EDGE = 0.25  # share of the pixels beside it that have the value, too: where noise is less than a step, many do
LARGEST_BLOCKS = 8
COARSE_STEPS = 3.0  # off the sky: where noise hardly moves the converter the sky itself holds one value
MIN_BLOCKS = 4  # 512 pixels of the map; fewer are equal by chance where there is next to no noise

BoxPx = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class ConstantParts:
    """In raw pixels."""

    rows: int  # whole rows of one value
    columns: int
    largest_fraction: float  # of the frame, in the largest block of whole constant lines
    boxes_px: tuple[BoxPx, ...]  # (left, top, right, bottom) of rectangles of one value, largest first; whole lines too
    fraction: float  # of the frame, in all of these


def constant_parts(scan: Scan) -> ConstantParts:
    """Lines and rectangles of one value. Call before the map is flattened.

    A frame that was read only in part ends in a block of one value; one of which a packet was lost has it in the
    middle. Pixels that are not numbers are no such part: they were left out on purpose.
    """
    units = scan.units
    rows, columns = _constant_rows(units), _constant_rows(units.T)
    if scan.valid is not None:
        rows &= scan.valid.any(axis=1)
        columns &= scan.valid.any(axis=0)
    if scan.is_coarse:
        rows &= _off_the_sky(scan, units[:, 0])
        columns &= _off_the_sky(scan, units[0])
    largest = max(_longest_run(rows) / len(rows), _longest_run(columns) / len(columns))
    boxes = tuple(
        (left * scan.bin_px, top * scan.bin_px, right * scan.bin_px, bottom * scan.bin_px)
        for left, top, right, bottom in _boxes(scan)
    )
    area = sum((right - left) * (bottom - top) for left, top, right, bottom in boxes)
    return ConstantParts(
        int(rows.sum()) * scan.bin_px,
        int(columns.sum()) * scan.bin_px,
        largest,
        boxes,
        area / (units.size * scan.bin_px**2),
    )


def _off_the_sky(scan: Scan, values: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which values lie some steps of the converter from the sky's."""
    return np.asarray(np.abs(values) * (scan.sigma_adu / UNITS_PER_SIGMA) > COARSE_STEPS * scan.step_adu)


def _constant_rows(units: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Rows of one value; few pixels rule nearly all of them out."""
    probes = units[:, np.linspace(0, units.shape[1] - 1, PROBES).astype(np.intp)]
    constant = (probes == probes[:, :1]).all(axis=1)
    maybe = np.flatnonzero(constant)
    constant[maybe] = (units[maybe] == units[maybe, :1]).all(axis=1)
    return np.asarray(constant)


def _longest_run(mask: NDArray[np.bool_]) -> int:
    """How many True stand together at most."""
    borders = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return int((borders[1::2] - borders[::2]).max(initial=0))


def _boxes(scan: Scan) -> list[BoxPx]:
    """Rectangles of one value in map pixels, largest first."""
    even = _even_blocks(scan)
    if scan.valid is not None and even.any():
        even &= _all_valid(scan.valid, even.shape)
    if not even.any():
        return []
    _, labels, stats, _ = cv2.connectedComponentsWithStats(even.astype(np.uint8), connectivity=4)
    largest = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[: 4 * LARGEST_BLOCKS]
    largest = largest[stats[largest, cv2.CC_STAT_AREA] >= MIN_BLOCKS]
    boxes = [_grown(scan.units, labels == label, stats[label]) for label in largest]
    found = [box for box in boxes if box is not None and _has_hard_edge(scan.units, box)]
    return found[:LARGEST_BLOCKS]


def _even_blocks(scan: Scan) -> NDArray[np.bool_]:
    """Blocks of 4 x 32 map pixels of one value; a rest at the lower and right end is left out."""
    units = scan.units
    height, width = units.shape[0] // BLOCK_ROWS * BLOCK_ROWS, units.shape[1] // BLOCK_COLUMNS * BLOCK_COLUMNS
    if not height or not width:
        return np.zeros((1, 1), dtype=bool)
    # most columns of four pixels differ: one in each block says so
    probes = units[:height, :width:BLOCK_COLUMNS].reshape(height // BLOCK_ROWS, BLOCK_ROWS, width // BLOCK_COLUMNS)
    even = np.asarray((probes == probes[:, :1]).all(axis=1))
    if scan.is_coarse:
        even &= _off_the_sky(scan, probes[:, 0])
    for row, column in np.argwhere(even):
        top, left = row * BLOCK_ROWS, column * BLOCK_COLUMNS
        block = units[top : top + BLOCK_ROWS, left : left + BLOCK_COLUMNS]
        even[row, column] = block.max() == block.min()
    return np.asarray(even)


def _all_valid(valid: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    rows, columns = shape
    part = valid[: rows * BLOCK_ROWS, : columns * BLOCK_COLUMNS]
    return np.asarray(part.reshape(rows, BLOCK_ROWS, columns, BLOCK_COLUMNS).all(axis=(1, 3)))


def _grown(units: NDArray[np.int16], blocks: NDArray[np.bool_], stats: NDArray[np.int32]) -> BoxPx | None:
    """The rectangle of one value around connected blocks, to the pixel; ``None`` when they fill none."""
    left, top, wide, tall = (int(number) for number in stats[:4])
    if stats[cv2.CC_STAT_AREA] < FILLED * wide * tall:
        return None
    row, column = np.argwhere(blocks)[0]
    value = units[row * BLOCK_ROWS, column * BLOCK_COLUMNS]
    left, right = left * BLOCK_COLUMNS, (left + wide) * BLOCK_COLUMNS
    top, bottom = top * BLOCK_ROWS, (top + tall) * BLOCK_ROWS
    height, width = units.shape
    while top > 0 and (units[top - 1, left:right] == value).all():
        top -= 1
    while bottom < height and (units[bottom, left:right] == value).all():
        bottom += 1
    while left > 0 and (units[top:bottom, left - 1] == value).all():
        left -= 1
    while right < width and (units[top:bottom, right] == value).all():
        right += 1
    return left, top, right, bottom


def _has_hard_edge(units: NDArray[np.int16], box: BoxPx) -> bool:
    """Whether the pixels around the box are not of its value; those beyond the frame are not asked."""
    left, top, right, bottom = box
    value = units[top, left]
    beside = [
        line == value
        for inside, line in (
            (top > 1, units[top - 2 : top - 1, left:right]),
            (bottom < units.shape[0] - 1, units[bottom + 1 : bottom + 2, left:right]),
            (left > 1, units[top:bottom, left - 2 : left - 1]),
            (right < units.shape[1] - 1, units[top:bottom, right + 1 : right + 2]),
        )
        if inside and line.size
    ]
    return bool(beside) and float(np.concatenate([line.ravel() for line in beside]).mean()) < HARD_EDGE
