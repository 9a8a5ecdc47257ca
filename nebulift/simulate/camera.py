"""``Camera``: the facts of one sensor, from photo-electrons to the number that lands in the file."""

from dataclasses import dataclass, replace
from typing import Literal

SensorType = Literal["cmos", "ccd"]
Delivery = Literal["raw", "calibrated", "aligned"]  # see ``nebulift.simulate.delivery``


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera body. ``serial`` seeds its fixed pattern, so two frames of the same body share every hot pixel.

    Levels in "native" ADU are those of the converter; the file holds ``native << shift``, as capture programs write
    12- and 14-bit cameras scaled to 16 bits (``shift`` 0: written as they are).
    """

    name: str
    width_px: int
    height_px: int
    pixel_um: float
    sensor: SensorType = "cmos"
    bits: int = 16  # of the converter
    shift: int = 0
    gain_e_per_adu: float = 1.0  # electrons a native ADU
    read_noise_e: float = 1.5
    full_well_e: float = 50_000.0
    bias_adu: float = 500.0  # native
    dark_e_s: float = 0.001  # a pixel
    quantum_efficiency: float = 0.8
    bayer: str | None = None  # as it lies in the stored array, row 0 column 0 first
    prnu: float = 0.006  # pixel response scatter, share
    hot_share: float = 2e-5  # pixels whose dark current is far above the rest
    column_noise_e: float = 0.15  # fixed offsets of columns, standard deviation
    row_noise_e: float = 0.2  # new in every frame
    amp_glow_e_s: float = 0.0  # at its brightest point
    bad_columns: int = 0
    blooms: bool = False  # charge above the full well runs along the column (CCD without anti-blooming gate)
    vignetting: float = 0.15  # light lost in the corners; frames are uncalibrated
    dust_spots: int = 4
    gain_setting: float | None = 100.0  # what the header calls GAIN
    offset_setting: float | None = 50.0
    sensor_temp_c: float = -10.0
    serial: int = 0
    image_circle: float = 0.0  # of an all-sky lens: its diameter over the shorter side; 0: the lens fills the frame
    delivery: Delivery = "raw"

    @property
    def top_adu(self) -> int:
        """Greatest native number of the converter."""
        return (1 << self.bits) - 1

    @property
    def ceiling_adu(self) -> int:
        """Greatest number in the file."""
        return self.top_adu << self.shift

    @property
    def stored_gain(self) -> float:
        """Electrons one unit of the *file* stands for."""
        return self.gain_e_per_adu / (1 << self.shift)

    @property
    def stored_bias_adu(self) -> float:
        """Bias level in units of the file."""
        return self.bias_adu * (1 << self.shift)

    @property
    def saturation_e(self) -> float:
        """Electrons at which a pixel saturates: the full well or the converter, whichever is first."""
        return min(self.full_well_e, (self.top_adu - self.bias_adu) * self.gain_e_per_adu)

    @property
    def megapixels(self) -> float:
        return self.width_px * self.height_px / 1e6


def cropped(camera: Camera, width_px: int, height_px: int) -> Camera:
    """``camera`` with a read-out window of the given size or of the whole sensor if that is smaller.

    Sides are made even, so that a Bayer cell is never cut. Raises ``ValueError`` when one is under 64 pixels.
    """
    if min(width_px, height_px) < 64:
        msg = f"a simulated frame needs sides of at least 64 pixels, not {width_px}x{height_px}"
        raise ValueError(msg)
    width_px, height_px = min(width_px, camera.width_px), min(height_px, camera.height_px)
    return replace(camera, width_px=width_px - width_px % 2, height_px=height_px - height_px % 2)


def reduced(camera: Camera, megapixels: float) -> Camera:
    """``camera`` cropped to about ``megapixels`` with its own aspect; unchanged when it is smaller anyway."""
    scale = (megapixels / camera.megapixels) ** 0.5
    if scale >= 1.0:
        return camera
    return cropped(camera, round(camera.width_px * scale), round(camera.height_px * scale))
