"""``ScaledPixels``: stored numbers as ADU, strip by strip: byte order, BZERO, BSCALE, BLANK, colour planes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.readers.fits_layout import Scaling
from nebulift.readers.stored_rows import StoredRows

SIGN_BIT = np.uint16(0x8000)  # BZERO = 32768 on 16-bit numbers is nothing but this bit turned round
UNSIGNED_16 = Scaling(zero=32768.0)
PLAIN = Scaling()


@dataclass(frozen=True, slots=True)
class ScaledPixels:
    """``Pixels`` (see ``nebulift.frame``) over rows as stored; several planes are averaged.

    The dtype is uint8 or uint16 where all values fit in it without loss, float32 for everything else: signed
    numbers, scaled numbers, numbers with BLANK (which become NaN), 32 and 64 bit. NaN and infinity of float files
    stay. What exceeds float32 becomes infinite.
    """

    stored: StoredRows
    scaling: Scaling = PLAIN

    @property
    def shape(self) -> tuple[int, int]:
        return self.stored.shape[1:]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return adu_dtype(self.stored.dtype, self.scaling)

    def rows(self, top: int, bottom: int) -> NDArray[np.generic]:
        """Like ``Pixels.rows``; rows outside the image are left out, as in a slice."""
        planes = self.stored.shape[0]
        if planes == 1:
            return to_adu(self.as_stored(top, bottom), self.scaling)
        top, bottom = self._within(top, bottom)
        total = np.zeros((bottom - top, self.shape[1]), np.float64)
        for plane in range(planes):
            total += to_adu(self.stored.read(plane, top, bottom), self.scaling).astype(np.float64)
        return _as_dtype(total / planes, self.dtype)

    def as_stored(self, top: int, bottom: int) -> NDArray[np.generic]:
        """Like ``Pixels.as_stored``: as in the file, but for the mean of several planes."""
        if self.stored.shape[0] > 1:
            return self.rows(top, bottom)
        return self.stored.read(0, *self._within(top, bottom))

    def adu(self, stored: NDArray[np.generic]) -> NDArray[np.generic]:
        """Like ``Pixels.adu``."""
        return to_adu(stored, self.scaling) if self.stored.shape[0] == 1 else stored

    def _within(self, top: int, bottom: int) -> tuple[int, int]:
        top, bottom, _ = slice(top, bottom).indices(self.shape[0])
        return top, max(top, bottom)

    def close(self) -> None:
        self.stored.close()


def adu_dtype(stored: np.dtype[np.generic], scaling: Scaling) -> np.dtype[np.generic]:
    """The dtype in which numbers stored as ``stored`` are handed out: uint8, uint16 or float32."""
    if scaling == PLAIN and stored.kind == "u" and stored.itemsize <= 2:
        return stored.newbyteorder("=")
    if scaling == UNSIGNED_16 and stored.kind == "i" and stored.itemsize == 2:
        return np.dtype(np.uint16)
    return np.dtype(np.float32)


def to_adu(stored: NDArray[np.generic], scaling: Scaling) -> NDArray[np.generic]:
    """A new array of the same shape in ADU, native byte order, dtype as ``adu_dtype`` says."""
    dtype = adu_dtype(stored.dtype, scaling)
    if dtype == np.uint16 and stored.dtype.kind == "i":
        unsigned = stored.view(stored.dtype.str.replace("i", "u"))
        # one pass that swaps bytes and turns the bit: half the time of swapping first
        adu: NDArray[np.uint16] = np.bitwise_xor(unsigned, SIGN_BIT, out=np.empty(stored.shape, np.uint16))
        return adu
    if dtype.kind == "u" or (scaling == PLAIN and stored.dtype.kind == "f"):
        return _as_dtype(stored, dtype)
    values = stored.astype(np.float64)
    if scaling.scale != 1.0:
        values *= scaling.scale
    values += scaling.zero
    if scaling.blank is not None and stored.dtype.kind in "iu":
        values[stored == scaling.blank] = np.nan
    return _as_dtype(values, dtype)


def _as_dtype(values: NDArray[np.generic], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    if dtype.kind == "u" and values.dtype.kind == "f":
        values = np.rint(values)
    with np.errstate(over="ignore", invalid="ignore"):  # 1e300 becomes infinite; a signalling NaN stays a NaN
        return values.astype(dtype)
