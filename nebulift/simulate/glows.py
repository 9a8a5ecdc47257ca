"""Light that should not be there: moon, twilight, stray light, headlights, a leak in the tube."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.severity import EDGED_GLOW, GLOW_SHARE, GLOW_SIGMA, number_for

Image = NDArray[np.float32]
LARGEST_SHARE = 25.0  # the full moon at a dark site: 3.5 magnitudes
FORMS = ("moon", "twilight", "stray", "headlight", "leak")


EDGED = frozenset({"stray", "leak"})


@dataclass(frozen=True, slots=True)
class Glow:
    """Added light. ``share`` is its range over the frame and ``uniform`` its level, both over the sky's mean.

    ``x`` and ``y`` (0..1 inside the frame) say where it comes from, ``width`` (over the frame's) how far it reaches.
    """

    form: str
    share: float
    uniform: float = 0.0
    x: float = -0.2
    y: float = 0.5
    width: float = 0.5
    angle_deg: float = 0.0
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


def glow_light(glow: Glow, x: Image, y: Image, size: tuple[int, int]) -> Image:
    """The added light over the sky's mean, shape of ``x`` and ``y`` broadcast, float32, >= 0."""
    width, height = size
    u = np.asarray(x / width - glow.x, dtype=np.float32)
    v = np.asarray(y / width - glow.y * height / width, dtype=np.float32)
    shapes = {"moon": _fading, "twilight": _plane, "stray": _beam, "headlight": _fading, "leak": _corner}
    light = shapes[glow.form](u, v, glow)
    low, high = float(light.min()), float(light.max())
    return np.asarray(glow.uniform + glow.share * (light - low) / max(high - low, 1e-9), dtype=np.float32)


def random_glow(rng: np.random.Generator, wanted_severity: float, sky_sigma: float, form: str | None = None) -> Glow:
    """A glow whose range is that of ``wanted_severity``, from anywhere outside or at the edge.

    ``sky_sigma`` is the sky over the noise of one pixel: under a dark sky more light goes unnoticed.
    """
    form = form or str(rng.choice(FORMS, p=[0.35, 0.2, 0.25, 0.1, 0.1]))
    share = max(number_for(wanted_severity, GLOW_SHARE), number_for(wanted_severity, GLOW_SIGMA) / sky_sigma)
    share = min(share / (EDGED_GLOW if form in EDGED else 1.0), LARGEST_SHARE)
    angle = float(rng.uniform(0.0, 360.0))
    far = rng.uniform(0.65, 1.4) if form in {"moon", "headlight"} else rng.uniform(0.1, 0.6)
    colours = {"moon": (0.85, 1.0, 1.15), "twilight": (0.75, 1.0, 1.3), "headlight": (1.05, 1.0, 0.85)}
    return Glow(
        form,
        share,
        uniform=float({"twilight": 1.5, "moon": 0.5, "headlight": 0.4}.get(form, 0.05) * share * rng.uniform(0.3, 1.3)),
        x=0.5 + float(far * math.cos(math.radians(angle))),
        y=0.5 + float(far * math.sin(math.radians(angle))),
        width=float(rng.uniform(0.25, 1.0) if form != "leak" else rng.uniform(0.1, 0.3)),
        angle_deg=float(rng.uniform(0.0, 360.0)),
        colour=colours.get(form, (1.0, 1.0, 1.0)),
    )


def _fading(u: Image, v: Image, glow: Glow) -> Image:
    return np.asarray(np.exp(-np.hypot(u, v) / glow.width), dtype=np.float32)


def _plane(u: Image, v: Image, glow: Glow) -> Image:
    turn = math.radians(glow.angle_deg)
    return np.asarray(np.exp(0.6 * (u * math.cos(turn) + v * math.sin(turn))), dtype=np.float32)


def _beam(u: Image, v: Image, glow: Glow) -> Image:
    """A reflection in the tube: a fan with one soft and one sharper edge."""
    turn = math.radians(glow.angle_deg)
    along, across = u * math.cos(turn) + v * math.sin(turn), v * math.cos(turn) - u * math.sin(turn)
    edge = 1.0 / (1.0 + np.exp(-(across + 0.15) / (0.08 * glow.width)))
    return np.asarray(edge * np.exp(-0.5 * (across / glow.width) ** 2 - (along / 1.3) ** 2), dtype=np.float32)


def _corner(u: Image, v: Image, glow: Glow) -> Image:
    return np.asarray(np.exp(-(u**2 + v**2) / (2.0 * glow.width**2)), dtype=np.float32)
