"""What happens in the course of a session, as a script: for each frame, the causes that spoil it."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nebulift.findings import Kind
from nebulift.simulate.causes import (
    KINDS,
    Blur,
    Cause,
    Dew,
    Motion,
    Setting,
    random_cause,
    random_clouds,
    random_motion,
)
from nebulift.simulate.glows import Glow, random_glow
from nebulift.simulate.obstacles import random_obstacle
from nebulift.simulate.trails import random_trail

Script = list[tuple[Cause, ...]]

# How often each kind is drawn where kinds are drawn at random: as common as observers complain about them.
KIND_WEIGHTS: dict[Kind, float] = {
    Kind.STREAK: 0.30, Kind.CLOUD: 0.17, Kind.TRAILED: 0.13, Kind.DEFOCUS: 0.10, Kind.GRADIENT: 0.09,
    Kind.OBSTRUCTION: 0.07, Kind.SATURATION: 0.05, Kind.READOUT: 0.05, Kind.OFF_TARGET: 0.02, Kind.EMPTY: 0.02,
}  # fmt: skip


def scripted(scenario: str, rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    """The causes of each of ``frames`` frames, each with a little natural guiding error.

    Raises ``KeyError`` for a name that is not in ``SCENARIOS``.
    """
    if scenario not in SCENARIOS:
        raise KeyError(f"no scenario is called {scenario!r}; known are: {', '.join(SCENARIOS)}")
    script = SCENARIOS[scenario](rng, frames, setting)
    return [_with_guiding(causes, rng, setting) for causes in script]


def _with_guiding(causes: tuple[Cause, ...], rng: np.random.Generator, setting: Setting) -> tuple[Cause, ...]:
    if any(isinstance(cause, Motion) for cause in causes) or rng.random() < 0.4:
        return causes
    return (*causes, random_motion(rng, float(rng.uniform(0.0, 0.15)), setting))


def _clear(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    del rng, setting
    return [() for _ in range(frames)]


def _clouds(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    """Clouds move in from the middle of the session on, or come and go."""
    layer = random_clouds(rng, 0.9, setting)
    course = _ramp(rng, frames) if rng.random() < 0.6 else _waves(rng, frames)
    depth = rng.uniform(0.4, 3.0) * course
    return [(replace(layer, depth=float(d)),) if d > 0.01 else () for d in depth]


def _focus_drift(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    """The tube cools and the focus goes; now and then an autofocus run brings it back."""
    widest = setting.fwhm_px * rng.uniform(1.5, 5.0)
    course = _ramp(rng, frames)
    if rng.random() < 0.4:
        course[int(frames * rng.uniform(0.6, 0.95)) :] = 0.0
    return [(Blur(float(widest * c)),) if c * widest > 0.3 else () for c in course]


def _wind(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    gusts = np.clip(_waves(rng, frames) + rng.normal(0.0, 0.2, frames), 0.0, 1.0)
    return [(random_motion(rng, float(g), setting),) if g > 0.1 else () for g in gusts]


def _moonrise(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    glow = random_glow(rng, float(rng.uniform(0.6, 1.0)), setting.sky_sigma, "moon")
    towards = rng.uniform(-0.4, 0.4, 2)
    course = _ramp(rng, frames)
    return [(_brighter(glow, float(c), towards),) if c > 0.01 else () for c in course]


def _twilight(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    """Dawn: the sky brightens by the same factor from frame to frame."""
    glow = random_glow(rng, 0.95, setting.sky_sigma, "twilight")
    course = np.exp(np.linspace(-6.0, 0.5, frames))
    return [(_brighter(glow, float(c), np.zeros(2)),) if c > 0.01 else () for c in course]


def _occlusion(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    """The dome lags behind, or the target sinks into a tree."""
    obstacle = random_obstacle(rng, 0.9, setting.size, str(rng.choice(["dome", "tree"])))
    reach = _ramp(rng, frames) * obstacle.reach * rng.uniform(0.5, 1.3)
    return [(replace(obstacle, reach=float(r)),) if r > 0.005 else () for r in reach]


def _satellites(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    script: Script = []
    for _ in range(frames):
        count = int(rng.poisson(0.7))
        trails = (random_trail(rng, setting.size, setting.fwhm_px, float(rng.uniform(0.1, 1.0))) for _ in range(count))
        script.append(tuple(trails))
    return script


def _dew(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    worst, loss = rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.8)
    radius = float(setting.fwhm_px * rng.uniform(5.0, 18.0))
    return [(Dew(float(worst * c), radius, float(loss * c)),) if c > 0.02 else () for c in _ramp(rng, frames)]


def _window(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    """A hair or a scrap of leaf lies on the glass before the sensor, mostly from the first frame on."""
    lies = random_obstacle(rng, float(rng.uniform(0.15, 1.0)), setting.size, str(rng.choice(["hair", "leaf"])))
    first = 0 if rng.random() < 0.6 else int(rng.integers(frames))
    return [(lies,) if number >= first else () for number in range(frames)]


def _mixed(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    """Every kind at least once when there are frames enough, plainly visible; about half of the frames clean."""
    named: list[Callable[[float], Cause]] = [
        lambda s, form=form: random_trail(rng, setting.size, setting.fwhm_px, s, form)  # type: ignore[misc]
        for form in ("satellite", "aircraft", "meteor")
    ]
    named += [
        lambda s, kind=kind: random_cause(kind, rng, s, setting)  # type: ignore[misc]
        for kind in KIND_WEIGHTS
        if kind not in {Kind.STREAK, Kind.OFF_TARGET}
    ]
    script: Script = [() for _ in range(frames)]
    places = rng.permutation(frames)[: max(1, frames // 2)]
    for number, place in enumerate(places):
        wanted = float(rng.uniform(0.75, 0.95)) if number < len(named) else float(rng.uniform(0.2, 1.0))
        script[place] = (named[number % len(named)](wanted),)
    return script


def _random(rng: np.random.Generator, frames: int, setting: Setting) -> Script:
    """Half of the frames clean, most others with one cause of any severity, some with two."""
    return [random_causes(rng, setting) for _ in range(frames)]


def random_causes(rng: np.random.Generator, setting: Setting, clean_share: float = 0.45) -> tuple[Cause, ...]:
    """Nothing, one cause or two, kinds by ``KIND_WEIGHTS``, severities 0.05..1."""
    if rng.random() < clean_share:
        return ()
    kinds = rng.choice(len(KINDS), size=1 if rng.random() < 0.85 else 2, replace=False, p=_weights())
    return tuple(random_cause(KINDS[k], rng, float(rng.uniform(0.05, 1.0)), setting) for k in kinds)


def _weights() -> list[float]:
    return [KIND_WEIGHTS[kind] for kind in KINDS]


def _ramp(rng: np.random.Generator, frames: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """From 0 (for a while) to 1 at the end."""
    start = rng.uniform(0.2, 0.6)
    t = np.linspace(0.0, 1.0, frames)
    return np.asarray(np.clip((t - start) / (1.0 - start), 0.0, 1.0) ** rng.uniform(0.7, 2.0), dtype=np.float64)


def _waves(rng: np.random.Generator, frames: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Up and down between 0 and 1, two or three times."""
    t = np.linspace(0.0, 1.0, frames)
    wave = np.sin(2.0 * math.pi * (t * rng.uniform(1.0, 3.0) + rng.random()))
    return np.asarray(np.clip(wave * 1.2 - 0.2, 0.0, 1.0), dtype=np.float64)


def _brighter(glow: Glow, factor: float, moved: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Glow:
    return replace(
        glow,
        share=glow.share * factor,
        uniform=glow.uniform * factor,
        x=glow.x + float(moved[0]) * factor,
        y=glow.y + float(moved[1]) * factor,
    )


SCENARIOS: dict[str, Callable[[np.random.Generator, int, Setting], Script]] = {
    "mixed": _mixed,
    "clear": _clear,
    "clouds": _clouds,
    "focus_drift": _focus_drift,
    "wind": _wind,
    "moonrise": _moonrise,
    "twilight": _twilight,
    "occlusion": _occlusion,
    "satellites": _satellites,
    "dew": _dew,
    "window": _window,
    "random": _random,
}
SUMMARIES = {
    "mixed": "every common artefact, about half of the frames clean",
    "clear": "nothing goes wrong",
    "clouds": "clouds move in, or come and go",
    "focus_drift": "the focus drifts away as the tube cools",
    "wind": "gusts shake the mount",
    "moonrise": "the moon rises beside the field",
    "twilight": "dawn breaks",
    "occlusion": "the dome lags behind, or the target sinks into a tree",
    "satellites": "one satellite, aircraft or meteor after another",
    "dew": "dew settles on the glass",
    "window": "a hair or a scrap of leaf on the glass before the sensor",
    "random": "anything at any severity, as for training",
}
