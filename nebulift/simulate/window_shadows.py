"""What lies on glass near the sensor: a hair or fibre, a scrap of leaf. Its shadow falls on sky and stars alike.

Light comes to each pixel in a cone as wide as the distance over the focal ratio: the shadow of a thing is the thing,
blurred by that disc. What is farther away than some centimetres, or before the aperture, only dims the whole frame.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
STEPS = 160  # along a hair
BEND = 2.2  # radians that a hair turns over its length, standard deviation
LOBES = ((2, 0.25), (3, 0.2), (5, 0.12))  # waves around a leaf's edge, and how high


def hair_shadow(
    course: int, length: float, width: float, depth: float, grid: tuple[Image, Image, tuple[int, int]]
) -> Image:
    """Share of the light taken, float32, 0..``depth``, at the (x, y) of ``grid`` (axes and (width, height) in pixels).

    ``course``: seed of where it lies; ``length`` and ``width`` (of the cone of light) over the frame's longer side.
    """
    x, y, size = grid
    longer = float(max(size))
    distance = _distance_px(_course(np.random.default_rng([course, 21]), size, length * longer), x, y)
    cone = max(width * longer, 1.0)
    fibre = _fibre_over_cone(depth)
    across = distance / np.float32(cone / 2.0)
    taken = _disc_below(across + fibre) - _disc_below(across - fibre)
    return np.asarray(taken, dtype=np.float32)


def leaf_shadow(
    angle_deg: float, reach: float, softness: float, course: int, grid: tuple[Image, Image, tuple[int, int]]
) -> Image:
    """Share of the light taken by a ragged thing that hangs in from one side, float32, 0..1."""
    x, y, size = grid
    rng = np.random.default_rng([course, 22])
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    extent = abs(c) * size[0] + abs(s) * size[1]
    middle_x, middle_y = size[0] / 2.0 + c * extent / 2.0, size[1] / 2.0 + s * extent / 2.0
    u, v = (x - np.float32(middle_x)) / np.float32(extent), (y - np.float32(middle_y)) / np.float32(extent)
    around = np.arctan2(v, u)
    edge = np.ones_like(around)
    for waves, height in LOBES:
        edge = edge + np.float32(height) * np.cos(waves * around - np.float32(rng.uniform(0.0, math.tau)))
    inside = (reach * edge - np.hypot(u, v)) / max(softness, 1e-3) + 0.5
    inside = np.clip(inside, 0.0, 1.0)
    return np.asarray(inside * inside * (3.0 - 2.0 * inside), dtype=np.float32)


def _course(rng: np.random.Generator, size: tuple[int, int], length_px: float) -> NDArray[np.float64]:
    """Points (n, 2) along a hair whose middle lies in the middle half of the frame."""
    bend = rng.normal(0.0, BEND / math.sqrt(STEPS), STEPS)
    turn = rng.uniform(0.0, math.tau) + np.cumsum(cv2.blur(bend.reshape(-1, 1), (1, 25))[:, 0]) * 1.5
    points = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], axis=1), axis=0) * length_px / STEPS
    middle = rng.uniform(0.25, 0.75, 2) * size
    return np.asarray(points - points[STEPS // 2] + middle)


def _distance_px(points: NDArray[np.float64], x: Image, y: Image) -> Image:
    """Of each point of the grid from the line through ``points``, to half a cell of the grid."""
    across, down = float(x[0, 1] - x[0, 0]), float(y[1, 0] - y[0, 0])
    canvas = np.ones((y.shape[0], x.shape[1]), dtype=np.uint8)
    at = np.stack([(points[:, 0] - x[0, 0]) / across, (points[:, 1] - y[0, 0]) / down], axis=1)
    cv2.polylines(canvas, [np.rint(at).astype(np.int32)], isClosed=False, color=0)
    if canvas.all():
        return np.full(canvas.shape, np.float32(1e6))
    return np.asarray(cv2.distanceTransform(canvas, cv2.DIST_L2, 5) * np.float32((across + down) / 2.0))


def _disc_below(u: Image) -> Image:
    """Share of a disc of radius 1 that lies below ``u``."""
    u = np.clip(u, -1.0, 1.0)
    return np.asarray(0.5 + (u * np.sqrt(1.0 - u * u) + np.arcsin(u)) / math.pi, dtype=np.float32)


def _fibre_over_cone(depth: float) -> float:
    """Width of an opaque strip over that of the cone, of which so much is taken when it lies in the middle."""
    widths = np.linspace(0.0, 1.0, 101, dtype=np.float32)
    return float(np.interp(depth, 2.0 * _disc_below(widths) - 1.0, widths))
