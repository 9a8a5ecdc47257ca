"""A part of a frame at its own size, so that a star can be looked at without sending the whole frame."""

from pathlib import Path

WIDTH_PX, HEIGHT_PX = 1536, 1152  # raw pixels: a screen and something around it
STEP_PX = 256  # parts begin at multiples of it: a browser finds again what it has seen; even, as colour mosaics need
QUALITY = 85


def detail_jpeg(path: Path, left_px: int, top_px: int) -> bytes:
    """The part that begins at (``left_px``, ``top_px``), multiples of ``STEP_PX``, stretched by itself, as JPEG.

    Raises ``ValueError`` for a place outside the frame, ``OSError`` and ``UnreadableFrame`` when it cannot be read.
    """
    import cv2  # noqa: PLC0415 - a page that is opened and closed again does not pay for it

    from nebulift.frame import frame_from_array  # noqa: PLC0415
    from nebulift.pictures import stretched  # noqa: PLC0415
    from nebulift.readers import open_frame  # noqa: PLC0415

    with open_frame(path) as frame:
        height, width = frame.shape
        inside = 0 <= left_px < width - 1 and 0 <= top_px < height - 1
        if not inside or left_px % STEP_PX or top_px % STEP_PX:
            raise ValueError(f"no part of a frame of {width} x {height} pixels begins at {left_px}, {top_px}")
        rows = frame.pixels.rows(top_px, min(top_px + HEIGHT_PX, height))
        part = frame_from_array(rows[:, left_px : left_px + WIDTH_PX], frame.exposure)
        view = stretched(part, WIDTH_PX)
    done, content = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return content.tobytes()
