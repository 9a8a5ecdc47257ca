"""Random textures with a power-law spectrum: the one ingredient of clouds and nebulae."""

import numpy as np
from numpy.typing import NDArray


def turbulence(rng: np.random.Generator, shape: tuple[int, int], slope: float) -> NDArray[np.float32]:
    """A periodic texture, mean 0, standard deviation 1, shape ``(rows, columns)``, float32.

    Its power falls as ``k ** -slope``: 2 is gritty, 11/3 is Kolmogorov turbulence seen in projection, 5 is smooth.
    """
    rows, columns = shape
    white = rng.standard_normal(shape, dtype=np.float32)
    k = np.hypot(np.fft.fftfreq(rows)[:, None] * rows, np.fft.rfftfreq(columns)[None, :] * columns)
    k[0, 0] = np.inf
    spectrum = np.fft.rfft2(white) * k ** (-slope / 2.0)
    texture = np.fft.irfft2(spectrum, s=shape).astype(np.float32)
    return np.asarray((texture - texture.mean()) / texture.std(), dtype=np.float32)


def ridges(texture: NDArray[np.float32], sharpness: float) -> NDArray[np.float32]:
    """Filaments (0..1) along the zero lines of ``texture``; the greater ``sharpness`` the finer they are."""
    return np.asarray(np.exp(-np.abs(texture) * sharpness), dtype=np.float32)
