"""What a frame may measure at most: checked against the header before a single byte is allocated."""

from nebulift.readers.refusal import Refusal

MIN_SIDE_PX = 16  # smaller images exist only as test files; no eye can measure anything on them
MAX_SIDE_PX = 30_000  # the largest cameras on sale are 14 208 px wide (IMX411, IMX811 family); twice that
MAX_DECODED_BYTES = 640 * 2**20  # formats that must be unpacked in memory: 151 MP as float32 (the IMX411) just fits


def check_sides(width: int, height: int) -> None:
    """Nothing when both sides are those of a frame. Raises ``Refusal`` otherwise."""
    for side in (width, height):
        if not MIN_SIDE_PX <= side <= MAX_SIDE_PX:
            raise Refusal(
                f"its image is {_said(width)} x {_said(height)} pixels, and a side has {MIN_SIDE_PX} to {MAX_SIDE_PX}",
                "check that it is a frame of the camera",
            )


def _said(side: int) -> str:
    return str(side) if side < 10**9 else "more than 10^9"


def check_decoded_bytes(size: int) -> None:
    """Nothing when ``size`` bytes may be unpacked in memory. Raises ``Refusal`` otherwise."""
    if size > MAX_DECODED_BYTES:
        raise Refusal(
            f"it would unpack to {size / 2**20:.0f} MiB, more than the {MAX_DECODED_BYTES // 2**20} MiB allowed",
            "save it uncompressed, as plain FITS",
        )
