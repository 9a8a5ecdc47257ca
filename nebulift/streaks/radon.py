"""Fast Radon transform: sums along all straight lines of an image, by doubling.

Brady 1998 (SIAM J. Comput. 27, 107), Götz & Druckmüller 1996 (Pattern Recognition 29, 711); first used for trails by
Nir, Zackay & Ofek 2018 (AJ 156, 229). A line of 2^m rows is the sum of two lines of 2^(m-1) rows, so that all N^2 lines
through N rows cost N log2 N additions a column. Each doubling is two array operations on sheared views (a row stride
longer by one element) of int16: nothing is looped over in Python but what keeps the work in the cache. The first
doublings, to lines of 16 rows, go through the image from top to bottom; the others through its directions: lines that
lean alike over 16 rows go on together, and need nothing of all the others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_ROWS = 1024  # of a line: int16 then holds 1024 pixels of +-31 units
SHORT_ROWS = 16  # of the lines from which longer ones are made
PIXELS_AT_ONCE = 120_000  # of the image, or sums of each length: two copies of them stay in cache
SAMPLED = slice(2, None, 8)  # of the shifts of short lines: even ones need every second column alone
UPRIGHT = 1e-6  # a shift so small stands for none
BUFFER_NUMBERS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class LineSums:
    """Sums over lines through ``rows`` rows each, int16, shape (blocks, shifts, starts).

    Line (block, n, m) runs from column ``first_start + m`` of row ``block * rows`` to the column ``first_shift + n``
    further right in the block's last row.
    """

    sums: NDArray[np.int16]
    rows: int
    first_shift: int
    first_start: int


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Line sums as they lie in ``flat``: rows of ``columns`` numbers, of which ``pad`` lie left of the image.

    Lines that leave on the right are continued in the left padding of the next row, which is zero there.
    """

    flat: NDArray[np.int16]
    columns: int
    pad: int
    blocks: int
    shifts: int = 1
    first_shift: int = 0
    offset: int = 0  # of the first line
    block: int = 0  # from a line to the same one of the next block; 0: the lines follow each other

    @property
    def block_step(self) -> int:
        return self.block or self.shifts * self.columns


@dataclass(frozen=True, slots=True, eq=False)
class ShortLines:
    """Sums of an image of ``width`` columns along all lines of ``rows`` rows that lean right by up to 45 degrees."""

    flat: NDArray[np.int16]  # a little longer than the sums
    rows: int
    width: int

    @property
    def pad(self) -> int:
        """Columns left of the image."""
        return 2 * self.rows

    @property
    def sums(self) -> NDArray[np.int16]:
        """Shape (blocks, shifts, starts), as in ``LineSums``; the first start is ``-pad``."""
        return self.flat[: -self.pad].reshape(-1, self.rows, self.width + self.pad)


@contextmanager
def row_by_row() -> Iterator[None]:
    """Within, numpy goes through strided arrays row by row, without a thought of its buffers: three times as fast."""
    before = np.setbufsize(BUFFER_NUMBERS)
    try:
        yield
    finally:
        np.setbufsize(before)


def short_lines(image: NDArray[np.int16], rows: int = SHORT_ROWS, blocks: int = 0) -> ShortLines:
    """Sums along short lines. What the last block lacks in rows, and further ``blocks``, count as zeros.

    The caller keeps pixel values within +-31, or sums overflow. Raises ``ValueError`` where ``rows`` is no power of two
    from 2 to 1024.
    """
    if rows & (rows - 1) or not 2 <= rows <= MAX_ROWS:
        msg = f"{rows} is no power of two from 2 to {MAX_ROWS}"
        raise ValueError(msg)
    height, width = image.shape
    filled, pad = -(-height // rows), 2 * rows
    columns = width + pad
    short = ShortLines(np.empty(max(blocks, filled) * rows * columns + pad, np.int16), rows, width)
    short.flat[-pad:] = 0
    sums = short.sums
    sums[filled:] = 0
    sums[:, :, : pad - rows] = 0  # no line that reaches the image starts so far on the left
    at_once = max(PIXELS_AT_ONCE // (columns * rows), 1)
    one, other = buffers = _two_buffers(at_once * rows * columns, pad)
    for first in range(0, filled, at_once):
        own = sums[first : min(first + at_once, filled)]
        part = image[first * rows : (first + len(own)) * rows]
        laid_out = buffers[:, :-pad].reshape(2, -1, columns)
        laid_out[:, :, :pad] = 0
        laid_out[0, : len(part), pad:] = part
        laid_out[0, len(part) : len(own) * rows] = 0
        lines = _Lines(one, columns, pad, len(own) * rows)
        while lines.blocks > 2 * len(own):
            lines = _doubled(lines, other if lines.flat is one else one, (columns, pad, width))
        _doubled(lines, own.reshape(-1), (columns, pad, width))
    return short


def line_sums(short: ShortLines, first_block: int, lengths: tuple[int, ...]) -> Iterator[LineSums]:
    """Sums along longer lines that start at ``first_block`` of the short ones, or a multiple of their length below.

    Yields sums for each of ``lengths`` (powers of two up to 1024, ascending), as many blocks as the longest has room
    for, of all lines that begin with one shift of the short lines, then of the next shift. The arrays are only valid
    until the next is asked for.
    """
    longest = lengths[-1]
    blocks, layout = longest // short.rows, (short.width + longest, longest, short.width)
    columns = short.width + short.pad
    at_once = shifts_at_once(short.rows, longest, short.width)
    one, other = _two_buffers(blocks * at_once * layout[0], longest)
    for shift in range(0, short.rows, at_once):
        offset = (first_block * short.rows + shift) * columns
        lines = _Lines(short.flat, columns, short.pad, blocks, at_once, shift, offset, short.rows * columns)
        for buffer in (one, other):
            buffer[:-longest].reshape(-1, layout[0])[:, :longest] = 0
        rows = short.rows
        while True:
            if rows in lengths:
                yield _given(lines, rows, short.width)
            if rows == longest:
                break
            lines, rows = _doubled(lines, other if lines.flat is one else one, layout), 2 * rows


def _two_buffers(numbers: int, pad: int) -> NDArray[np.int16]:
    """Shape (2, numbers + pad), zero in the padding alone: what else is read has been written before."""
    buffers = np.empty((2, numbers + pad), np.int16)
    buffers[:, numbers:] = 0
    return buffers


def shifts_at_once(short_rows: int, longest: int, width: int) -> int:
    """How many neighbouring shifts of lines of ``short_rows`` rows become lines of ``longest`` together (2^n)."""
    fitting = max(PIXELS_AT_ONCE // width * short_rows // longest, 1)
    return min(1 << fitting.bit_length() - 1, short_rows)


def _given(lines: _Lines, rows: int, width: int) -> LineSums:
    """The lines that may reach the image, without those that start further left."""
    left, item = lines.first_shift + lines.shifts, lines.flat.itemsize
    sums = np.ndarray(
        (lines.blocks, lines.shifts, left + width),
        np.int16,
        lines.flat,
        (lines.offset + lines.pad - left) * item,
        (lines.block_step * item, lines.columns * item, item),
    )
    return LineSums(sums, rows, lines.first_shift, -left)


def _doubled(lines: _Lines, target: NDArray[np.int16], layout: tuple[int, int, int]) -> _Lines:
    """Lines of twice as many rows, in ``target``; ``layout``: its columns, how many lie left, and the image's."""
    columns, pad, width = layout
    item = target.itemsize
    outside = 2 * (lines.first_shift + lines.shifts)  # columns left of the image from which they may start
    shape = (lines.blocks // 2, lines.shifts, outside + width)
    row, block = lines.columns * item, lines.block_step * item
    first = (lines.offset + lines.pad - outside) * item
    # line s of the lower half starts where line s of the upper half ends: s columns further right, or s + 1
    second = first + block + lines.first_shift * item
    upper = np.ndarray(shape, np.int16, lines.flat, first, (2 * block, row, item))
    straight = np.ndarray(shape, np.int16, lines.flat, second, (2 * block, row + item, item))
    leaning = np.ndarray(shape, np.int16, lines.flat, second + item, (2 * block, row + item, item))
    row, first = columns * item, (pad - outside) * item
    steps = (2 * lines.shifts * row, 2 * row, item)
    np.add(upper, straight, out=np.ndarray(shape, np.int16, target, first, steps))
    np.add(upper, leaning, out=np.ndarray(shape, np.int16, target, first + row, steps))
    return _Lines(target, columns, pad, lines.blocks // 2, 2 * lines.shifts, 2 * lines.first_shift)


def sampled_sums(short: ShortLines, first_block: int, lengths: tuple[int, ...]) -> Iterator[LineSums]:
    """Like ``line_sums``, for every second start of a few directions alone: a twentieth of the work.

    One shift each, ``first_shift``; the starts are two columns apart.
    """
    longest = lengths[-1]
    blocks, width, left = longest // short.rows, short.width, max(longest, short.pad)
    for shift in range(short.rows)[SAMPLED] or range(1):
        given = short.sums[first_block : first_block + blocks, shift, ::2]
        lines = np.zeros((blocks, (left + width + 1) // 2), dtype=np.int16)
        lines[:, -given.shape[1] :] = given
        rows, lean = short.rows, shift
        while True:
            if rows in lengths:
                yield LineSums(lines[:, None], rows, lean, -left)
            if len(lines) == 1:
                break
            upper, lower = lines[::2].copy(), lines[1::2]
            upper[:, : upper.shape[1] - lean // 2] += lower[:, lean // 2 :]
            lines, rows, lean = upper, 2 * rows, 2 * lean


def line_lengths(
    shift: NDArray[np.integer], column: NDArray[np.integer], height: int, width: int
) -> NDArray[np.float32]:
    """Number of pixels inside the image of lines of ``height`` rows that begin in ``column``, at least 1.

    ``shift`` and ``column`` are of shapes that go together.
    """
    # the column at row r is column + shift * r / (height - 1); inside while 0 <= it <= width - 1
    start, slope = column.astype(np.float32), np.maximum(shift, UPRIGHT) / np.float32(max(height - 1, 1))
    first = np.minimum(np.maximum((np.float32(-0.5) - start) / slope, 0.0), height)
    last = np.minimum(np.maximum((np.float32(width - 0.5) - start) / slope, 0.0), height)
    return np.asarray(np.maximum(last - first, 1.0), dtype=np.float32)
