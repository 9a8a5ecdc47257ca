"""What can go wrong with a frame, as a plan: causes with their physical numbers, and random ones of a severity."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nebulift.findings import Kind
from nebulift.simulate.atmosphere import CloudLayer, cloud_numbers, cloud_severity, cloud_transmission, coarse_axes
from nebulift.simulate.glows import Glow, random_glow
from nebulift.simulate.obstacles import Obstacle, random_obstacle
from nebulift.simulate.readout_faults import Fault, random_fault
from nebulift.simulate.severity import (
    DEFOCUS_RATIO,
    DEW_HALO_SHARE,
    OFF_TARGET_SHARE,
    SATURATED_SHARE,
    number_for,
    solved_for,
)
from nebulift.simulate.tracking import Track, motion_severity, random_track
from nebulift.simulate.trails import Trail, random_trail

LONGEST_TRACK_PX = 70.0
WIDEST_DONUT_PX = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """The mount moved: every star is drawn along ``track``."""

    track: Track


@dataclass(frozen=True, slots=True)
class Blur:
    """Out of focus (``form`` ``focus``: a disc or donut of that diameter) or bad seeing (``seeing``: a bell)."""

    diameter_px: float
    form: str = "focus"


@dataclass(frozen=True, slots=True)
class Dew:
    """Wet glass: ``halo_share`` of every star's light goes into a halo, ``loss`` of it is gone.

    ``form``: ``even``, as on the objective; of glass near the sensor the light is lost at the ``edge``, from which dew
    creeps inwards, or in the ``centre``, which is coldest.
    """

    halo_share: float
    radius_px: float = 40.0
    loss: float = 0.1
    form: str = "even"


@dataclass(frozen=True, slots=True)
class Overexposure:
    """``form`` ``sky``: the background is ``amount`` times saturation; ``object``: ``amount`` of the frame is burnt out
    around a brilliant light at (``x``, ``y``), 0..1.
    """

    form: str
    amount: float
    x: float = 0.5
    y: float = 0.5
    steepness: float = 1.5  # glare falls as distance ** (-2 steepness)


@dataclass(frozen=True, slots=True)
class Covered:
    """The cover is on, or a dark frame is called a light. ``leak`` of the sky's light still arrives."""

    leak: float = 0.0


@dataclass(frozen=True, slots=True)
class OffTarget:
    """The mount points elsewhere, by so many pixels."""

    dx_px: float
    dy_px: float


Cause = Trail | Motion | Blur | CloudLayer | Dew | Glow | Obstacle | Fault | Overexposure | Covered | OffTarget


@dataclass(frozen=True, slots=True)
class Setting:
    """What a random cause must fit: frame size (width, height), star width, exposure, and how bright the town is."""

    size: tuple[int, int]
    fwhm_px: float
    exposure_s: float = 60.0
    lit: float = 1.5  # brightness of clouds over the clear sky
    sky_sigma: float = 10.0  # the clear sky in noise of one pixel


def random_cause(kind: Kind, rng: np.random.Generator, wanted_severity: float, setting: Setting) -> Cause:
    """A cause that gives a finding of ``kind`` and of about ``wanted_severity`` (0..1).

    Raises ``KeyError`` for ``UNREADABLE``: a simulated frame is always whole.
    """
    return _MAKERS[kind](rng, wanted_severity, setting)


def random_clouds(rng: np.random.Generator, wanted_severity: float, setting: Setting) -> CloudLayer:
    """A cloud layer as deep as the severity asks for at the start of the night; structure, scale and wind at random."""
    speed = setting.size[0] * rng.uniform(0.002, 0.2)
    angle = rng.uniform(0.0, 2.0 * math.pi)
    layer = CloudLayer(
        seed=int(rng.integers(2**31)),
        depth=0.1,
        contrast=float(rng.choice([rng.uniform(0.1, 0.4), rng.uniform(0.4, 1.5)])),
        span_px=float(setting.size[0] * rng.uniform(0.8, 8.0)),
        wind_px_s=(float(speed * math.cos(angle)), float(speed * math.sin(angle))),
        lit=float(setting.lit * rng.lognormal(0.0, 0.3)),
    )
    x, y = coarse_axes(setting.size, max(setting.size) // 48)

    def severity_at(depth: float) -> float:
        passing = cloud_transmission(replace(layer, depth=depth), x, y, 0.0, setting.exposure_s)
        return cloud_severity(cloud_numbers(passing, layer.lit, np.float32(setting.sky_sigma)))

    return replace(layer, depth=solved_for(wanted_severity, severity_at, 0.002, 60.0))


def random_motion(rng: np.random.Generator, wanted_severity: float, setting: Setting) -> Motion:
    """Trailing with the elongation that the severity stands for, at the frame's own star width."""
    unit = random_track(1.0, rng)
    length = solved_for(
        wanted_severity, lambda length: motion_severity(unit.scaled(length), setting.fwhm_px), 0.1, 60.0
    )
    if wanted_severity > 0.9:
        length *= rng.uniform(1.0, 4.0)
    return Motion(unit.scaled(min(length, LONGEST_TRACK_PX)))


def random_blur(rng: np.random.Generator, wanted_severity: float, setting: Setting) -> Blur:
    """Defocus (mostly) or bad seeing that widens the stars as the severity says."""
    ratio = number_for(wanted_severity, DEFOCUS_RATIO)
    if wanted_severity > 0.9:
        ratio *= rng.uniform(1.0, 2.5)
    form = "seeing" if ratio < 2.2 and rng.random() < 0.3 else "focus"
    diameter = setting.fwhm_px * math.sqrt(ratio**2 - 1.0)
    return Blur(float(min(diameter * (1.2 if form == "focus" else 1.0), WIDEST_DONUT_PX)), form)


def _dew_or_clouds(rng: np.random.Generator, wanted: float, setting: Setting) -> Cause:
    if rng.random() < 0.85:
        return random_clouds(rng, wanted, setting)
    halo = number_for(wanted, DEW_HALO_SHARE)
    return Dew(halo, float(setting.fwhm_px * rng.uniform(5.0, 20.0)), float(halo * rng.uniform(0.2, 0.9)))


def _overexposure(rng: np.random.Generator, wanted: float, setting: Setting) -> Cause:
    del setting
    if wanted > 0.8 and rng.random() < 0.6:
        return Overexposure("sky", float(rng.uniform(0.97, 3.0)))
    x, y = rng.uniform(0.05, 0.95, 2)
    return Overexposure(
        "object", min(number_for(wanted, SATURATED_SHARE), 0.5), float(x), float(y), float(rng.uniform(1.1, 2.2))
    )


def _off_target(rng: np.random.Generator, wanted: float, setting: Setting) -> Cause:
    distance = number_for(wanted, OFF_TARGET_SHARE) * setting.size[0]
    if wanted > 0.8:
        distance *= rng.uniform(1.0, 30.0)
    angle = rng.uniform(0.0, 2.0 * math.pi)
    return OffTarget(float(distance * math.cos(angle)), float(distance * math.sin(angle)))


_MAKERS: dict[Kind, Callable[[np.random.Generator, float, Setting], Cause]] = {
    Kind.STREAK: lambda rng, wanted, setting: random_trail(rng, setting.size, setting.fwhm_px, wanted),
    Kind.CLOUD: _dew_or_clouds,
    Kind.TRAILED: random_motion,
    Kind.DEFOCUS: random_blur,
    Kind.SATURATION: _overexposure,
    Kind.GRADIENT: lambda rng, wanted, setting: random_glow(rng, wanted, setting.sky_sigma),
    Kind.OBSTRUCTION: lambda rng, wanted, setting: random_obstacle(rng, wanted, setting.size),
    Kind.READOUT: lambda rng, wanted, _: random_fault(rng, wanted),
    Kind.EMPTY: lambda rng, _wanted, _setting: Covered(float(rng.choice([0.0, 0.002]))),
    Kind.OFF_TARGET: _off_target,
}
KINDS = tuple(_MAKERS)
