"""``Reading``: what one format's reader gets out of a file, before name and pixels have had their say."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nebulift.exposure import Exposure
from nebulift.readers.fits_cards import CardValue
from nebulift.readers.scaled_pixels import ScaledPixels


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Pixels in ADU, the facts of the header, and what a person should know about how it was read."""

    pixels: ScaledPixels
    exposure: Exposure
    notes: tuple[str, ...] = ()
    keywords: Mapping[str, CardValue] = field(default_factory=dict)  # as the file states them; pictures state none
