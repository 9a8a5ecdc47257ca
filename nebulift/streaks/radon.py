"""Fast Radon transform: sums along all straight lines of an image, by doubling.

Brady 1998 (SIAM J. Comput. 27, 107), Götz & Druckmüller 1996 (Pattern Recognition 29, 711); first used for trails by
Nir, Zackay & Ofek 2018 (AJ 156, 229). A line of 2^m rows is the sum of two lines of 2^(m-1) rows, so that all N^2 lines
through N rows cost N log2 N additions a column. Each doubling is four array operations on a sheared view (a row stride
longer by one element) of int16: nothing is looped over in Python but the doublings.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_ROWS = 1024  # of one transform: int16 then holds 1024 pixels of +-31 units


UPRIGHT = 1e-6  # a shift so small stands for none


@dataclass(frozen=True, slots=True, eq=False)
class LineSums:
    """Sums over lines through ``rows`` rows each, int16, shape (blocks, shifts, starts).

    Line (block, shift, start) runs from column ``start - pad`` of row ``block * rows`` to column
    ``start - pad + shift`` of the block's last row.
    """

    sums: NDArray[np.int16]
    rows: int
    pad: int


def line_sums(image: NDArray[np.int16], lengths: tuple[int, ...]) -> Iterator[LineSums]:
    """Sums of ``image`` along all lines that lean right by up to 45 degrees.

    Yields one ``LineSums`` for each of ``lengths`` (powers of two up to 1024, ascending); the rows of the image are a
    multiple of the longest. The caller keeps pixel values within +-31, or sums overflow. The arrays are only valid
    until the next is asked for. Raises ``ValueError`` for other heights and lengths.
    """
    height, width = image.shape
    pad = lengths[-1]
    if pad & (pad - 1) or pad > MAX_ROWS or height % pad:
        msg = f"{height} rows are no multiple of {pad}, or that is no power of two up to {MAX_ROWS}"
        raise ValueError(msg)
    starts = width + pad
    # lines that leave on the right are continued in the left padding of the next row, which is still zero there
    current = np.zeros(height * starts + pad, dtype=np.int16)
    current[: height * starts].reshape(height, starts)[:, pad:] = image
    other = np.zeros_like(current)
    rows = 1
    while rows < pad:
        _double(current, other, (height, starts, pad), rows)
        current, other = other, current
        rows *= 2
        if rows in lengths:
            sums = current[: height * starts].reshape(height // rows, rows, starts)
            yield LineSums(sums, rows, pad)


def _double(source: NDArray[np.int16], target: NDArray[np.int16], layout: tuple[int, int, int], rows: int) -> None:
    """From lines of ``rows`` rows in ``source`` to lines of twice as many in ``target``."""
    height, starts, pad = layout
    item = source.itemsize
    outside = pad - 2 * rows  # columns from which no line of so many rows reaches the image: they stay zero
    shape = (height // (2 * rows), rows, starts - outside)
    block, first = rows * starts * item, outside * item
    upper = np.ndarray(shape, np.int16, source, first, (2 * block, starts * item, item))
    # line s of the lower half starts where line s of the upper half ends: s columns further right, or s + 1
    straight = np.ndarray(shape, np.int16, source, block + first, (2 * block, (starts + 1) * item, item))
    leaning = np.ndarray(shape, np.int16, source, block + first + item, (2 * block, (starts + 1) * item, item))
    even = np.ndarray(shape, np.int16, target, first, (2 * block, 2 * starts * item, item))
    odd = np.ndarray(shape, np.int16, target, starts * item + first, (2 * block, 2 * starts * item, item))
    np.add(upper, straight, out=even)
    np.add(upper, leaning, out=odd)
    target[height * starts :] = 0


def line_lengths(
    shift: NDArray[np.integer], start: NDArray[np.integer], height: int, width: int
) -> NDArray[np.float32]:
    """Number of pixels inside the image of full lines (height rows) of ``line_sums``, at least 1.

    ``shift`` and ``start``, of shapes that go together, index ``LineSums.sums``.
    """
    # the column at row r is start - height + shift * r / (height - 1); inside while 0 <= column <= width - 1
    column, slope = start.astype(np.float32) - height, np.maximum(shift, UPRIGHT) / np.float32(height - 1)
    first = np.minimum(np.maximum((-0.5 - column) / slope, 0.0), height)
    last = np.minimum(np.maximum((width - 0.5 - column) / slope, 0.0), height)
    return np.asarray(np.maximum(last - first, 1.0), dtype=np.float32)


def line_length(shift: int, start: int, height: int, width: int) -> float:
    """``line_lengths`` of one line, in a thirtieth of the time."""
    column, slope = start - height, max(shift, UPRIGHT) / (height - 1)
    first, last = (min(max((side - column) / slope, 0.0), height) for side in (-0.5, width - 0.5))
    return max(last - first, 1.0)
