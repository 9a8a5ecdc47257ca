"""``FrameNoise``: gain, bias, noise and steps of a frame whose camera nobody described."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAD_TO_SIGMA = 1.4826
LARGEST_STEP = 256  # 8-bit data in a 16-bit file
SAMPLES = 400_000
DARKEST_PERCENT = 0.1


@dataclass(frozen=True, slots=True)
class FrameNoise:
    """What injected light needs to know about a frame, in units of the file."""

    sky_adu: float  # median level
    noise_adu: float  # standard deviation of one pixel at that level
    electrons_per_adu: float
    bias_adu: float
    ceiling_adu: float
    step_adu: int = 1  # 12-bit cameras write multiples of 16

    @property
    def read_noise_adu(self) -> float:
        """What of the noise is not photons; at least a little, so that nothing divides by it in vain."""
        photons = max(self.sky_adu - self.bias_adu, 0.0) / self.electrons_per_adu
        return float(np.sqrt(max(self.noise_adu**2 - photons, (0.05 * self.noise_adu) ** 2)))


def measured_noise(
    image: NDArray[Any],
    *,
    electrons_per_adu: float | None = None,
    bias_adu: float | None = None,
    ceiling_adu: float | None = None,
    bayer: bool = False,
) -> FrameNoise:
    """The facts of ``image`` (H, W), measured where they are not given.

    Noise comes from differences of neighbours (two apart in a mosaic), so nebulae do not count. An unknown gain is
    that of a frame limited by its sky: then added light is as noisy as the sky is. An unknown bias follows from a
    known gain in the same way, else it is taken as half of the darkest level.
    """
    apart = 2 if bayer else 1
    rows = max(1, image.shape[0] * image.shape[1] // SAMPLES)
    sample = image[:: rows + (rows % 2 if bayer else 0) or 1].astype(np.float32)
    difference = sample[:, apart:] - sample[:, :-apart]
    spread = np.median(np.abs(difference - np.median(difference)))
    step = quantum(image)
    noise = max(float(spread) * MAD_TO_SIGMA / np.sqrt(2.0), 0.3 * step)
    sky = float(np.median(sample))
    if bias_adu is None and electrons_per_adu is not None:
        bias = max(sky - float(noise) ** 2 * electrons_per_adu, 0.0)
    else:
        bias = bias_adu if bias_adu is not None else 0.5 * float(np.percentile(sample, DARKEST_PERCENT))
    gain = electrons_per_adu if electrons_per_adu is not None else max(sky - bias, noise) / noise**2
    if ceiling_adu is None:
        top = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else float(image.max())
        ceiling_adu = float(top - top % step)
    return FrameNoise(sky, float(noise), float(gain), float(bias), ceiling_adu, step)


def quantum(image: NDArray[Any]) -> int:
    """The greatest power of two that divides all numbers of an integer ``image``, up to 256; 1 for real numbers."""
    if not np.issubdtype(image.dtype, np.integer):
        return 1
    below_top = image[:: max(1, image.shape[0] // 64)]
    together = int(np.bitwise_or.reduce(below_top, axis=None))
    if together == 0:
        return 1
    return min(together & -together, LARGEST_STEP)
