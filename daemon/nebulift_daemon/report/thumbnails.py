"""Small pictures of the frames that were not clean, as data within the page, with the finding drawn where it is."""

import base64
import itertools
from collections.abc import Iterable
from pathlib import Path

from nebulift.errors import NebuliftError
from nebulift_daemon.report.frame_line import FrameLine
from nebulift_daemon.report.markup import Markup, element
from nebulift_daemon.report.overlay import overlay

MOST_PICTURES = 24  # 0.1 s and 30 kB each for a frame of 26 megapixels
SIDE_PX = 400
JPEG_QUALITY = 80


def worth_a_picture(frames: Iterable[FrameLine]) -> list[FrameLine]:
    """At most ``MOST_PICTURES`` frames that are not clean: of each cause the worst ones, in order of time."""
    by_cause: dict[str | None, list[FrameLine]] = {}
    for frame in frames:
        if frame.label in {"contaminated", "review"} and frame.shape_px is not None and frame.state != "gone":
            by_cause.setdefault(frame.cause, []).append(frame)
    ranked = [sorted(members, key=lambda frame: frame.score or 0.0) for members in by_cause.values()]
    in_turns = itertools.chain.from_iterable(itertools.zip_longest(*ranked))
    chosen = list(itertools.islice((frame for frame in in_turns if frame is not None), MOST_PICTURES))
    return sorted(chosen, key=lambda frame: frame.taken_at)


def picture(frame: FrameLine) -> Markup:
    """The frame's picture with its findings as SVG; a line of text when the file cannot be read any more."""
    assert frame.shape_px is not None
    height, width = frame.shape_px
    try:
        content = _jpeg(frame.path)
    except (NebuliftError, OSError):
        return element("p", "The file is not where it was filed.", class_="nopicture")
    return element(
        "svg",
        element("title", f"{frame.name}: {frame.reason}"),
        element("image", href=f"data:image/jpeg;base64,{content}", width=width, height=height),
        *overlay(frame.findings, frame.shape_px),
        class_="picture",
        role="img",
        view_box=f"0 0 {width} {height}",
    )


def _jpeg(path: Path) -> str:
    import cv2  # noqa: PLC0415 - a report without pictures does not need it

    from nebulift.pictures import stretched  # noqa: PLC0415
    from nebulift.readers import open_frame  # noqa: PLC0415

    with open_frame(path) as frame:
        view = stretched(frame, SIDE_PX)
    done, content = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return base64.b64encode(content.tobytes()).decode("ascii")
