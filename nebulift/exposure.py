"""What the header says about one exposure, in one vocabulary for all capture programs."""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FrameKind(StrEnum):
    """What was exposed. Only ``LIGHT`` frames are judged."""

    LIGHT = "light"
    DARK = "dark"
    FLAT = "flat"
    BIAS = "bias"
    DARKFLAT = "darkflat"
    MASTER = "master"  # a combined calibration frame
    STACK = "stack"  # several exposures in one image: not a sub
    OTHER = "other"  # an image that no exposure of the sky made

    @property
    def is_calibration(self) -> bool:
        return self in {FrameKind.DARK, FrameKind.FLAT, FrameKind.BIAS, FrameKind.DARKFLAT, FrameKind.MASTER}


@dataclass(frozen=True, slots=True)
class Exposure:
    """The facts of one exposure. ``None`` means the file does not say; nothing is guessed but ``kind``.

    ``bayer`` is the 2 x 2 colour pattern as it lies in the *stored* array, row 0 column 0 first (``RGGB``),
    after BAYERPAT, XBAYROFF, YBAYROFF and ROWORDER have been taken into account.
    """

    kind: FrameKind = FrameKind.LIGHT
    kind_source: str = "assumed"  # "header", "name", "pixels" or "assumed"
    taken_at: datetime | None = None  # start of the exposure, UTC
    exposure_s: float | None = None
    camera: str | None = None
    telescope: str | None = None
    target: str | None = None
    filter_name: str | None = None
    gain: float | None = None  # the camera's own setting, not e-/ADU
    offset: float | None = None
    electrons_per_adu: float | None = None
    bits: int | None = None  # of the camera's converter, when the header states it
    binning: tuple[int, int] | None = None
    sensor_temp_c: float | None = None
    bayer: str | None = None
    pixel_size_um: float | None = None  # of one stored pixel, binning included
    focal_length_mm: float | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None
    pier_side: str | None = None
    site_latitude_deg: float | None = None
    site_longitude_deg: float | None = None
    airmass: float | None = None
    software: str | None = None
    stack_count: int | None = None

    @property
    def pixel_scale_arcsec(self) -> float | None:
        """Arcseconds a stored pixel, from pixel size and focal length; ``None`` when either is unknown."""
        if not self.pixel_size_um or not self.focal_length_mm:
            return None
        return math.degrees(math.atan(self.pixel_size_um / 1000.0 / self.focal_length_mm)) * 3600.0
