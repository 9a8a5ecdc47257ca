"""Pictures for people: a stretched view of a frame, and findings drawn where they are. Nothing is measured on them."""

import textwrap
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.findings import Box, Cells, Ellipse, Finding, Line
from nebulift.frame import STRIP_ROWS, Frame
from nebulift.stars.star_shapes import StarShapes

SHADOW_SIGMA = 2.8  # black point below the median, as in the screen transfer functions of PixInsight and Siril
MIDDLE_GREY = 0.22  # where the median of the sky comes to lie
SAMPLE_PIXELS = 200_000
Colour = tuple[int, int, int]
NOTICEABLE: Colour = (0, 170, 255)  # orange, BGR
PLAIN: Colour = (60, 60, 255)  # red
PLAIN_SEVERITY = 0.7
TEXT_SCALE = 0.5
LINE_HEIGHT_PX = 22
LETTER_WIDTH_PX = 9.0  # of that scale, on the safe side
STAR: Colour = (150, 120, 60)  # a quiet blue, that findings stand out against
STAR_RINGS = 3.0  # around each measured star, so many times its FWHM
SMALLEST_RING_PX = 4.0
STAR_MAGNIFICATION = 8.0  # ellipses of star images are drawn so much larger than they are


def stretched(frame: Frame, max_side_px: int) -> NDArray[np.uint8]:
    """A view of the frame as uint8 BGR, shape (h, w, 3), at most ``max_side_px`` wide and high; colour for mosaics.

    The frame is reduced strip by strip and then stretched so that the sky is dark grey. NaN becomes black.
    """
    small = reduced(frame, max_side_px)
    planes = [_transferred(small[:, :, colour]) for colour in range(small.shape[2])]
    if len(planes) == 1:
        planes *= 3
    return np.dstack([np.rint(plane * 255.0).astype(np.uint8) for plane in planes])


def reduced(frame: Frame, max_side_px: int) -> NDArray[np.float32]:
    """Means of square blocks, float32 ADU, shape (h, w, colours): 1 colour, or blue, green, red of a mosaic."""
    height, width = frame.shape
    bayer = frame.exposure.bayer
    cell = 2 if bayer else 1
    block = cell * max(1, int(np.ceil(max(height, width) / cell / max_side_px)))
    strips: list[NDArray[np.float32]] = []
    rows_at_once = max(block, STRIP_ROWS // block * block)
    for top in range(0, height // block * block, rows_at_once):
        strip = frame.pixels.rows(top, min(top + rows_at_once, height // block * block)).astype(np.float32)
        strip = np.nan_to_num(strip[:, : width // block * block], posinf=0.0, neginf=0.0)
        planes = _colour_planes(strip, bayer) if bayer else [strip]
        size = (strip.shape[1] // block, strip.shape[0] // block)
        strips.append(np.dstack([cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]))
    return np.concatenate(strips)


def _colour_planes(strip: NDArray[np.float32], bayer: str) -> list[NDArray[np.float32]]:
    """Blue, green, red at half the size, from the cells of a mosaic."""
    sites = {letter: [] for letter in "BGR"}  # type: dict[str, list[NDArray[np.float32]]]
    for at, letter in enumerate(bayer):
        sites[letter].append(strip[at // 2 :: 2, at % 2 :: 2])
    return [np.ascontiguousarray(np.mean(sites[letter], axis=0, dtype=np.float32)) for letter in "BGR"]


def _transferred(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """0..1 by a midtones transfer that puts the median at ``MIDDLE_GREY`` and the noise just above black."""
    sample = plane.ravel()[:: max(1, plane.size // SAMPLE_PIXELS)]
    median = float(np.median(sample))
    deviation = 1.4826 * float(np.median(np.abs(sample - median)))
    top = float(sample.max())
    black = median - SHADOW_SIGMA * max(deviation, 1e-6 * max(abs(median), 1.0))
    if top <= black:
        return np.zeros(plane.shape)
    if top <= median:  # every pixel the same, or but for darker ones: there is nothing above the sky to stretch
        return np.where(plane >= median, MIDDLE_GREY, 0.0)
    normal = np.clip((plane.astype(np.float64) - black) / (top - black), 0.0, 1.0)
    middle = (median - black) / (top - black)
    # midtones balance m with MTF(middle; m) = grey
    m = middle * (1.0 - MIDDLE_GREY) / (middle + MIDDLE_GREY - 2.0 * middle * MIDDLE_GREY)
    return np.asarray((m - 1.0) * normal / ((2.0 * m - 1.0) * normal - m))


def with_stars(picture: NDArray[np.uint8], shapes: StarShapes, shape_px: tuple[int, int]) -> NDArray[np.uint8]:
    """A copy of ``picture`` with each measured star in an ellipse of its own form, enlarged ``STAR_RINGS`` times.

    ``shape_px``: (height, width) of the frame in raw pixels.
    """
    canvas = picture.copy()
    sx, sy = canvas.shape[1] / shape_px[1], canvas.shape[0] / shape_px[0]
    stretch = np.sqrt(np.maximum(shapes.elongation, 1.0))
    reach = np.maximum(shapes.fwhm_px * STAR_RINGS / 2 * sx, SMALLEST_RING_PX)
    for x, y, major, minor, angle in zip(
        shapes.x_px * sx, shapes.y_px * sy, reach * stretch, reach / stretch, shapes.angle_deg, strict=True
    ):
        axes = max(round(major), 1), max(round(minor), 1)
        cv2.ellipse(canvas, (round(x), round(y)), axes, float(angle), 0, 360, STAR, 1, cv2.LINE_AA)
    return canvas


def annotated(
    picture: NDArray[np.uint8], findings: Sequence[Finding], shape_px: tuple[int, int], title: str
) -> NDArray[np.uint8]:
    """A copy of ``picture`` with the findings drawn in their places and told in a strip of text below.

    ``shape_px``: (height, width) of the frame in raw pixels.
    """
    canvas = picture.copy()
    scale = canvas.shape[1] / shape_px[1], canvas.shape[0] / shape_px[0]
    for finding in findings:
        colour = PLAIN if finding.severity >= PLAIN_SEVERITY else NOTICEABLE
        _draw(canvas, finding, scale, colour)
    lines = [title, *(f"{finding.kind} {finding.severity:.2f}: {finding.text}" for finding in findings)]
    return np.vstack([canvas, _text_strip(lines, canvas.shape[1])])


def _draw(canvas: NDArray[np.uint8], finding: Finding, scale: tuple[float, float], colour: Colour) -> None:
    sx, sy = scale
    match finding.geometry:
        case Line(x0, y0, x1, y1, width):
            _draw_beside_line(canvas, ((x0 * sx, y0 * sy), (x1 * sx, y1 * sy)), 6.0 + width * sx, colour)
        case Box(left, top, right, bottom):
            corners = (round(left * sx), round(top * sy)), (round(right * sx), round(bottom * sy))
            cv2.rectangle(canvas, *corners, colour, 2)
        case Cells(rows, columns, cells):
            _draw_cells(canvas, rows, columns, cells, colour)
        case Ellipse(major, minor, angle):
            centre = (40 + round(major), 40 + round(major))
            axes = (round(major * STAR_MAGNIFICATION / 2), round(minor * STAR_MAGNIFICATION / 2))
            cv2.ellipse(canvas, centre, axes, angle, 0, 360, colour, 2, cv2.LINE_AA)
        case None:
            pass


def _draw_beside_line(
    canvas: NDArray[np.uint8],
    ends: tuple[tuple[float, float], tuple[float, float]],
    apart: float,
    colour: Colour,
) -> None:
    """Two thin lines on both sides, so that the trail itself stays visible."""
    (x0, y0), (x1, y1) = ends
    length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-6)
    across = -(y1 - y0) / length * apart, (x1 - x0) / length * apart
    for side in (-1.0, 1.0):
        first = (round(x0 + side * across[0]), round(y0 + side * across[1]))
        last = (round(x1 + side * across[0]), round(y1 + side * across[1]))
        cv2.line(canvas, first, last, colour, 1, cv2.LINE_AA)


def _draw_cells(
    canvas: NDArray[np.uint8],
    rows: int,
    columns: int,
    cells: Sequence[tuple[int, int]],
    colour: Colour,
) -> None:
    height, width = canvas.shape[0] / rows, canvas.shape[1] / columns
    for row, column in cells:
        first = (round(column * width), round(row * height))
        last = (round((column + 1) * width) - 1, round((row + 1) * height) - 1)
        cv2.rectangle(canvas, first, last, colour, 1)


def _text_strip(lines: Sequence[str], width: int) -> NDArray[np.uint8]:
    letters = max(int((width - 16) / LETTER_WIDTH_PX), 20)
    broken = [part for line in lines for part in textwrap.wrap(line, letters, subsequent_indent="  ")]
    strip = np.full((LINE_HEIGHT_PX * len(broken) + 8, width, 3), 24, dtype=np.uint8)
    for number, line in enumerate(broken):
        plain = line.encode("ascii", "replace").decode()
        at = (8, 20 + LINE_HEIGHT_PX * number)
        cv2.putText(strip, plain, at, cv2.FONT_HERSHEY_SIMPLEX, TEXT_SCALE, (220, 220, 220), 1, cv2.LINE_AA)
    return strip


def as_png(picture: NDArray[Any]) -> bytes:
    """The picture as a PNG file's content."""
    done, content = cv2.imencode(".png", picture)
    assert done
    return content.tobytes()
