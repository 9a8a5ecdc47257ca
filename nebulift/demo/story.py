"""What happens in the demonstration's night: a session as many observers know it, one mishap after the other."""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np

from nebulift.findings import Kind
from nebulift.simulate.atmosphere import CloudLayer
from nebulift.simulate.camera_catalogue import camera_named
from nebulift.simulate.causes import Blur, Cause, Motion, Setting, random_cause, random_clouds
from nebulift.simulate.file_names import frame_path
from nebulift.simulate.night import FramePlan, plan_night, setting_of
from nebulift.simulate.trails import random_trail

CAMERA = "ZWO ASI2600MC Pro"
SIZE = (1600, 1200)  # about 2 megapixels: rendered and judged in a fraction of a second each
PROGRAM = "ekos"


@dataclass(frozen=True, slots=True)
class Event:
    """What spoils one frame, and how badly (severity 0..1). ``form``: of a trail."""

    kind: Kind
    severity: float
    form: str = ""


# Frame by frame; None is a good frame. Quiet at first, as nights are, so that there is something to compare with.
STORY: tuple[Event | None, ...] = (
    None, None, None, None, None,
    Event(Kind.STREAK, 0.85, "satellite"),
    None, None,
    Event(Kind.STREAK, 0.9, "aircraft"),
    None,
    Event(Kind.CLOUD, 0.5), Event(Kind.CLOUD, 0.85), Event(Kind.CLOUD, 0.95),
    None, None,
    Event(Kind.TRAILED, 0.85),
    None,
    Event(Kind.STREAK, 0.75, "meteor"),
    None, None,
    Event(Kind.DEFOCUS, 0.8),
    None,
    Event(Kind.OBSTRUCTION, 0.9),
    None,
    Event(Kind.UNREADABLE, 1.0),
    None,
    Event(Kind.STREAK, 0.45, "satellite"),
    Event(Kind.GRADIENT, 0.9),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame to be taken. ``cut``: the capture program dies while it writes the file."""

    plan: FramePlan
    path: PurePosixPath  # below the capture folder
    cut: bool = False


def plan_shots(seed: int, frames: int = len(STORY)) -> list[Shot]:
    """The first ``frames`` of the night, in order of time; the same for the same ``seed``."""
    plans = plan_night(seed, len(STORY), scenario="clear", camera=camera_named(CAMERA), size=SIZE, program=PROGRAM)
    rng = np.random.default_rng([seed, 1])
    setting = setting_of(plans[0].scene, plans[0].rig)
    clouds = random_clouds(rng, 0.9, setting)
    shots = []
    for plan, event in zip(plans[:frames], STORY, strict=False):
        cut = event is not None and event.kind is Kind.UNREADABLE
        spoilt = plan if event is None or cut else _with(plan, _cause(event, rng, setting, clouds))
        shots.append(Shot(spoilt, frame_path(plan), cut))
    return shots


def _cause(event: Event, rng: np.random.Generator, setting: Setting, clouds: CloudLayer) -> Cause:
    if event.kind is Kind.STREAK:
        return random_trail(rng, setting.size, setting.fwhm_px, event.severity, event.form)
    if event.kind is Kind.CLOUD:  # one bank of clouds, first its edge, then its middle
        return replace(clouds, depth=clouds.depth * event.severity**3)
    return random_cause(event.kind, rng, event.severity, setting)


def _with(plan: FramePlan, cause: Cause) -> FramePlan:
    """The plan with one more cause; of several motions or blurs only one can be."""
    kept = tuple(
        other for other in plan.scene.causes if not isinstance(cause, Motion | Blur) or type(other) is not type(cause)
    )
    return replace(plan, scene=replace(plan.scene, causes=(*kept, cause)))
