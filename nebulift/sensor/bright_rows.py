"""Which pixels of a flattened map are bright, a bit each, and how many of a row's meet with those of the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.sensor.block_sums import STRIP_PX

WORD = 64
ASIDE = 2  # pixels: lags of 1 to 3 to one side, of a row widened by one


@dataclass(frozen=True, slots=True, eq=False)
class Crossings:
    """What meets across rows of a map. Of arrays for rows n and n + ``apart`` the length is rows - ``apart``."""

    count: NDArray[np.int64]  # bright pixels of each row
    common: dict[int, NDArray[np.int64]]  # {apart: so many meet, give or take a pixel, the poorer of both directions}
    to_right: NDArray[np.int64]  # of each row meet with the next when moved by 1 to 3 pixels that way
    to_left: NDArray[np.int64]


def crossings(flat: NDArray[np.int16], limits: NDArray[np.int16]) -> Crossings:
    """Bright is what stands above the limit of its row, in units of the map."""
    bits = _packed(flat, limits)
    wide = bits | _moved(bits, 1) | _moved(bits, -1)
    common = {
        apart: np.minimum(_count(wide[apart:] & bits[:-apart]), _count(wide[:-apart] & bits[apart:]))
        for apart in (1, 2)
    }
    right, left = (_count(_moved(wide[:-1], aside) & bits[1:]) for aside in (ASIDE, -ASIDE))
    return Crossings(_count(bits), common, right, left)


def _packed(flat: NDArray[np.int16], limits: NDArray[np.int16]) -> NDArray[np.uint64]:
    """A bit a pixel, the first of a word the lowest: (rows, words)."""
    rows, width = flat.shape
    packed = np.zeros((rows, -(-width // WORD) * (WORD // 8)), dtype=np.uint8)
    for top in range(0, rows, STRIP_PX):  # strips stay in cache
        strip = slice(top, top + STRIP_PX)
        bits = np.packbits(flat[strip] > limits[strip, None], axis=1, bitorder="little")
        packed[strip, : bits.shape[1]] = bits
    return packed.view("<u8")


def _moved(bits: NDArray[np.uint64], by: int) -> NDArray[np.uint64]:
    """Every row moved to the right by so many pixels, fewer than a word holds; negative: to the left."""
    if by > 0:
        moved = bits << np.uint64(by)
        moved[:, 1:] |= bits[:, :-1] >> np.uint64(WORD - by)
    else:
        moved = bits >> np.uint64(-by)
        moved[:, :-1] |= bits[:, 1:] << np.uint64(WORD + by)
    return moved


def _count(bits: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many bits of each row are set."""
    return np.asarray(np.bitwise_count(bits).sum(axis=1, dtype=np.int64))
