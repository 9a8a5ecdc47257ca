"""Things in the way of the light: the dome's edge, a tree, a half-closed cover, a prism, a shutter that sticks.

And a hair or a scrap of leaf on the glass before the sensor, which are drawn only when asked for: they lie there all
night, and flats take them out.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.findings import Box
from nebulift.simulate.severity import BLOCKED_SHARE, SHADOW_DEPTH, number_for, severity, solved_for
from nebulift.simulate.turbulence import turbulence
from nebulift.simulate.window_shadows import hair_shadow, leaf_shadow

Image = NDArray[np.float32]
LARGEST_PRISM = 0.75  # severity: a guider's pick-off mirror never covers half the frame
FORMS = ("dome", "tree", "cover", "prism", "shutter")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """It covers the frame from one side: ``reach`` of it (0..1), softly over ``softness`` (over the frame's extent).
    Of a hair ``reach`` is the length, ``softness`` the width of the cone of light, both over the frame's longer side.

    ``depth`` is the share of light it takes where it is whole; ``lit`` its own brightness over the sky's.
    """

    form: str
    reach: float
    angle_deg: float = 0.0  # direction from the free side to the covered one
    softness: float = 0.1
    depth: float = 1.0
    lit: float = 0.2
    seed: int = 0


def obstacle_transmission(obstacle: Obstacle, x: Image, y: Image, size: tuple[int, int]) -> Image:
    """Share of the sky's light that passes at each ``(x, y)``, float32, 0..1."""
    if obstacle.form == "hair":
        taken = hair_shadow(obstacle.seed, obstacle.reach, obstacle.softness, obstacle.depth, (x, y, size))
        return np.asarray(1.0 - taken, dtype=np.float32)
    if obstacle.form == "leaf":
        taken = leaf_shadow(obstacle.angle_deg, obstacle.reach, obstacle.softness, obstacle.seed, (x, y, size))
        return np.asarray(1.0 - obstacle.depth * taken, dtype=np.float32)
    width, height = size
    c, s = math.cos(math.radians(obstacle.angle_deg)), math.sin(math.radians(obstacle.angle_deg))
    extent = abs(c) * width + abs(s) * height
    along = ((x - width / 2.0) * c + (y - height / 2.0) * s) / extent + 0.5  # 0 at the free side, 1 at the covered one
    if obstacle.form == "tree":
        along = along + _branches(obstacle.seed, np.broadcast_shapes(x.shape, y.shape))
    elif obstacle.form == "cover":
        across = ((y - height / 2.0) * c - (x - width / 2.0) * s) / extent
        along = along + 0.5 * across**2  # the rim is round
    elif obstacle.form == "prism":
        across = ((y - height / 2.0) * c - (x - width / 2.0) * s) / extent
        along = along - np.maximum(np.abs(across) - 0.12, 0.0) * 6.0  # it covers the middle of one side only
    covered = (along - (1.0 - obstacle.reach)) / max(obstacle.softness, 1e-3) + 0.5
    covered = np.clip(covered, 0.0, 1.0)
    smooth = covered * covered * (3.0 - 2.0 * covered)
    return np.asarray(1.0 - obstacle.depth * smooth, dtype=np.float32)


def covered_box(transmission: Image, cell: int) -> Box | None:
    """The box, in pixels, around all that is less than half as bright as the brightest part; ``None``: nothing is."""
    rows, columns = np.nonzero(transmission < 0.5 * float(transmission.max()))
    if len(rows) == 0:
        return None
    left, top = float(columns.min()) * cell, float(rows.min()) * cell
    return Box(left, top, float(columns.max() + 1) * cell, float(rows.max() + 1) * cell)


def random_obstacle(
    rng: np.random.Generator, wanted_severity: float, size: tuple[int, int], form: str | None = None
) -> Obstacle:
    """An obstacle that takes the share of light of a frame of ``size`` that ``wanted_severity`` stands for."""
    if form == "hair":
        return random_hair(rng, wanted_severity, size)
    if form is None:
        form = str(rng.choice(FORMS, p=[0.4, 0.2, 0.15, 0.15, 0.1]))
        form = "dome" if form == "prism" and wanted_severity > LARGEST_PRISM else form
    softness = {"dome": rng.uniform(0.08, 1.0), "tree": rng.uniform(0.04, 0.2), "cover": rng.uniform(0.1, 0.6)}
    if form == "leaf":
        softness["leaf"] = rng.uniform(0.03, 0.25)
    right_angles = form == "shutter"
    obstacle = Obstacle(
        form,
        0.1,
        float(rng.choice([0.0, 90.0, 180.0, 270.0]) if right_angles else rng.uniform(0.0, 360.0)),
        float(softness.get(form, rng.uniform(0.01, 0.08))),
        float(rng.uniform(0.5, 1.0) if form == "dome" else rng.uniform(0.7, 1.0)),
        lit=float(rng.choice([rng.uniform(0.0, 0.3), rng.uniform(0.3, 2.5)], p=[0.7, 0.3])),
        seed=int(rng.integers(2**31)),
    )
    reach = solved_for(
        wanted_severity, lambda reach: _blocked_severity(replace(obstacle, reach=reach), size), 0.003, 2.0
    )
    return replace(obstacle, reach=reach)


def random_hair(rng: np.random.Generator, wanted_severity: float, size: tuple[int, int]) -> Obstacle:
    """A hair as deep as the severity says, a quarter of the frame long or more, dark itself.

    Cones of light of 10 to 100 pixels: half a millimetre to two from the sensor.
    """
    return Obstacle(
        "hair",
        float(rng.uniform(0.25, 1.0)),
        softness=float(math.exp(rng.uniform(math.log(10.0), math.log(100.0))) / max(size)),
        depth=min(number_for(wanted_severity, SHADOW_DEPTH), 0.95),
        lit=0.0,
        seed=int(rng.integers(2**31)),
    )


def _blocked_severity(obstacle: Obstacle, size: tuple[int, int]) -> float:
    x = np.linspace(0.0, size[0] - 1.0, 60, dtype=np.float32)[None, :]
    y = np.linspace(0.0, size[1] - 1.0, 40, dtype=np.float32)[:, None]
    return severity(float(1.0 - obstacle_transmission(obstacle, x, y, size).mean()), BLOCKED_SHARE)


def _branches(seed: int, shape: tuple[int, ...]) -> Image:
    texture = turbulence(np.random.default_rng([seed, 4]), (128, 128), 2.6)
    stretched = cv2.resize(texture, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(0.09 * stretched, dtype=np.float32)
