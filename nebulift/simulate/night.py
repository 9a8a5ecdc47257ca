"""Nights: sessions of frames planned from one seed, rendered one by one in any order, in memory or on disk."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.exposure import Exposure, FrameKind
from nebulift.simulate.atmosphere import Air, sky_electrons
from nebulift.simulate.camera import Camera, cropped, reduced
from nebulift.simulate.camera_catalogue import CATALOGUE
from nebulift.simulate.causes import Setting
from nebulift.simulate.field import Pointing
from nebulift.simulate.frame import pixel_noise_e, render
from nebulift.simulate.optics import Filter, wandering
from nebulift.simulate.rig import (
    PROGRAMS,
    Rig,
    fitting_exposure_s,
    jittered,
    random_air,
    random_band,
    random_rig,
    random_target,
)
from nebulift.simulate.scenarios import SCENARIOS, scripted
from nebulift.simulate.scene import Scene
from nebulift.simulate.truth import Truth

TRAINING_MEGAPIXELS = 1.7
NIGHT_MEGAPIXELS = 2.0
SKY_TURNS_DEG_S = 360.0 / 86_164.0
EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One frame to be taken: enough to render it again, bit by bit, anywhere."""

    number: int  # in its session, from 1
    session: str
    rig: Rig
    scene: Scene
    taken_at: datetime  # start of the exposure, UTC
    seed: int
    scenario: str

    @property
    def exposure(self) -> Exposure:
        """The facts a reader would find in this frame's header."""
        return _exposure(self)


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFrame:
    """A rendered frame: ``pixels`` (H, W) as stored, the facts of its header, and what is true about it."""

    pixels: NDArray[Any]
    exposure: Exposure
    truth: Truth
    plan: FramePlan


def rendered(plan: FramePlan) -> SimulatedFrame:
    """The frame of ``plan``; depends on nothing else."""
    pixels, truth = render(plan.scene, plan.rig.camera, np.random.default_rng(plan.seed))
    return SimulatedFrame(pixels, plan.exposure, replace(truth, seed=plan.seed), plan)


def random_frame(seed: int, *, megapixels: float = TRAINING_MEGAPIXELS) -> SimulatedFrame:
    """One frame of a rig, field and night of its own; about half of the frames are clean."""
    return rendered(plan_session(np.random.SeedSequence(seed), 1, "random", megapixels=megapixels)[0])


def random_session(
    seed: int, frames: int, *, scenario: str | None = None, megapixels: float = TRAINING_MEGAPIXELS
) -> Iterator[SimulatedFrame]:
    """The frames of one session, in order of time, of a random rig; ``scenario`` ``None``: any but ``mixed``."""
    if scenario is None:
        names = [name for name in SCENARIOS if name != "mixed"]
        weights = np.array([3.0 if name == "random" else 0.5 if name == "clear" else 1.0 for name in names])
        scenario = str(np.random.default_rng([seed, 8]).choice(names, p=weights / weights.sum()))
    for plan in plan_session(np.random.SeedSequence(seed), frames, scenario, megapixels=megapixels):
        yield rendered(plan)


def plan_session(
    seed: np.random.SeedSequence,
    frames: int,
    scenario: str,
    *,
    rig: Rig | None = None,
    camera: Camera | None = None,
    megapixels: float | None = None,
    starts_at: datetime | None = None,
    name: str = "s01",
) -> list[FramePlan]:
    """The frames of one session: one target through one filter, dithered, perhaps with a meridian flip.

    ``rig`` or else a random one around ``camera``. Raises ``KeyError`` for an unknown ``scenario``.
    """
    rng = np.random.default_rng(seed)
    rig = rig or random_rig(rng, camera, megapixels)
    starts_at = starts_at or EARLIEST + timedelta(seconds=float(rng.uniform(0.0, 700.0 * 86_400.0)))
    air, band = random_air(rng, rig), random_band(rng, rig)
    exposure_s = fitting_exposure_s(rng, rig, band, air)
    target = random_target(rng, rig, air, band, exposure_s)
    scene = Scene(target, rig.telescope, band, exposure_s, air)
    script = scripted(scenario, rng, frames, setting_of(scene, rig))
    moments = _moments(rng, scene, rig, frames)
    seeds = [_frame_seed(seed, number) for number in range(frames)]
    return [
        FramePlan(
            number + 1,
            name,
            rig,
            replace(moment, causes=causes),
            starts_at + timedelta(seconds=moment.time_s),
            frame_seed,
            scenario,
        )
        for number, (moment, causes, frame_seed) in enumerate(zip(moments, script, seeds, strict=True))
    ]


def _frame_seed(session: np.random.SeedSequence, number: int) -> int:
    """What ``session.spawn`` would give its child ``number``, without counting children in ``session``."""
    child = np.random.SeedSequence(session.entropy, spawn_key=(*session.spawn_key, number))
    return int(child.generate_state(1, np.uint64)[0]) >> 1  # fits a signed 64-bit integer


def setting_of(scene: Scene, rig: Rig) -> Setting:
    """What random causes must fit in this scene."""
    sky_e = sky_electrons(scene.air, scene.telescope, rig.camera, scene.band, scene.exposure_s)
    noise_e = pixel_noise_e(rig.camera, sky_e + rig.camera.dark_e_s * scene.exposure_s)
    return Setting(rig.size, scene.air.fwhm_px, scene.exposure_s, rig.site.lit, sky_e / noise_e)


def plan_night(
    seed: int,
    frames: int,
    *,
    scenario: str = "mixed",
    camera: Camera | None = None,
    size: tuple[int, int] | None = None,
    program: str | None = None,
    sessions: int = 1,
) -> list[FramePlan]:
    """One night with one rig: ``frames`` shared by ``sessions`` of other targets or filters, in order of time.

    ``camera`` ``None``: any of the catalogue. ``size``: (width, height) of its window, ``None``: about 2 megapixels.
    ``program``: the capture program that names and writes the files (``rig.PROGRAMS``). Raises ``KeyError`` for an
    unknown scenario or program.
    """
    if program is not None and program not in PROGRAMS:
        raise KeyError(f"no capture program is called {program!r}; known are: {', '.join(PROGRAMS)}")
    parts = np.random.SeedSequence(seed).spawn(sessions + 1)
    rng = np.random.default_rng(parts[0])
    base = camera or CATALOGUE[int(rng.integers(len(CATALOGUE)))]
    rig = random_rig(rng, reduced(base, NIGHT_MEGAPIXELS) if size is None else cropped(base, *size))
    rig = replace(rig, program=program or rig.program)
    days, evening = int(rng.integers(0, 700)), float(rng.uniform(19.0, 22.0))
    clock = EARLIEST + timedelta(days=days, hours=evening - rig.site.longitude_deg / 15.0)
    plans: list[FramePlan] = []
    for number, part in enumerate(parts[1:]):
        count = frames // sessions + (1 if number < frames % sessions else 0)
        plans += plan_session(part, count, scenario, rig=rig, starts_at=clock, name=f"s{number + 1:02d}")
        if plans:
            clock = plans[-1].taken_at + timedelta(seconds=plans[-1].scene.exposure_s + 240.0)
    return plans


def _moments(rng: np.random.Generator, scene: Scene, rig: Rig, frames: int) -> list[Scene]:
    """The scene from frame to frame: time, pointing, air; nothing goes wrong yet."""
    overhead_s = float(rng.uniform(1.0, 14.0))
    dither_px = float(rng.choice([0.0, rng.uniform(1.0, 25.0)], p=[0.2, 0.8]))
    every = int(rng.integers(1, 4))
    creep = rng.normal(0.0, 0.25, 2)
    turn = float(rng.uniform(-0.12, 0.12)) if rig.alt_az else 0.0
    may_flip = frames > 4 and not rig.alt_az and rig.camera.image_circle == 0.0  # an all-sky lens stands still
    flip_at = int(rng.integers(1, frames)) if may_flip and rng.random() < 0.25 else frames
    rotation, dx, dy, air = float(rng.uniform(0.0, 360.0)), 0.0, 0.0, scene.air
    if rig.camera.image_circle > 0.0:  # it stands still, and the sky turns over it
        dither_px, creep, turn = 0.0, np.zeros(2), SKY_TURNS_DEG_S * (scene.exposure_s + overhead_s)
    moments: list[Scene] = []
    for number in range(frames):
        time_s = number * (scene.exposure_s + overhead_s)
        if number == flip_at:
            dx, dy = rng.normal(0.0, 12.0, 2)
            air = replace(air, gradient_angle_deg=(air.gradient_angle_deg + 180.0) % 360.0)
        elif number % every == 0 and number:
            dx, dy = rng.uniform(-dither_px, dither_px, 2)
        air = _later(jittered(air, rng), scene.exposure_s + overhead_s)
        pointing = Pointing(
            float(dx + creep[0] * number), float(dy + creep[1] * number), rotation + turn * number, number >= flip_at
        )
        telescope = scene.telescope if rig.wander == 0.0 else wandering(scene.telescope, rig.wander, rng)
        moments.append(replace(scene, air=air, pointing=pointing, time_s=time_s, telescope=telescope))
    return moments


def _later(air: Air, seconds: float) -> Air:
    """The air when the sky has turned: the gradient turns with the field, the airmass creeps."""
    hours = seconds / 3600.0
    return replace(
        air,
        gradient_angle_deg=air.gradient_angle_deg + 6.0 * hours,
        airmass=min(max(air.airmass * (1.0 + 0.04 * hours), 1.0), 3.0),
    )


def _exposure(plan: FramePlan) -> Exposure:
    camera, scene = plan.rig.camera, plan.scene
    return Exposure(
        kind=FrameKind.LIGHT,
        kind_source="header",
        taken_at=plan.taken_at,
        exposure_s=scene.exposure_s,
        camera=camera.name,
        telescope=scene.telescope.name,
        target=scene.target.name,
        filter_name=_filter_name(scene.band),
        gain=camera.gain_setting,
        offset=camera.offset_setting,
        electrons_per_adu=camera.stored_gain,
        bits=camera.bits,
        binning=(1, 1),
        sensor_temp_c=camera.sensor_temp_c,
        bayer=camera.bayer,
        pixel_size_um=camera.pixel_um,
        focal_length_mm=scene.telescope.focal_length_mm,
        ra_deg=scene.target.ra_deg,
        dec_deg=scene.target.dec_deg,
        pier_side="EAST" if scene.pointing.flipped else "WEST",
        site_latitude_deg=plan.rig.site.latitude_deg,
        site_longitude_deg=plan.rig.site.longitude_deg,
        airmass=scene.air.airmass,
        software=plan.rig.program,
    )


def _filter_name(band: Filter) -> str | None:
    return None if band.name == "none" else band.name
