"""Where each capture program puts a frame, by its default pattern."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import PurePosixPath

from nebulift.simulate.night import FramePlan

COMPRESSIONS = ("none", "fz", "gz")


def frame_path(plan: FramePlan, compression: str = "none") -> PurePosixPath:
    """Path of the frame below the capture folder, with ``.fz`` or ``.gz`` behind it when compressed."""
    suffix = {"none": "", "fz": ".fz", "gz": ".gz"}[compression]
    return PurePosixPath(_PATTERNS[plan.rig.program](plan) + suffix)


def night_of(plan: FramePlan) -> str:
    """The date of the evening, local to the site: the clock is turned back by twelve hours, as N.I.N.A. does."""
    local = plan.taken_at + timedelta(hours=plan.rig.site.longitude_deg / 15.0 - 12.0)
    return local.strftime("%Y-%m-%d")


def _plain(name: str) -> str:
    """``name`` as programs put it into file names: characters that some file system dislikes become ``_``."""
    return "".join("_" if c in ' /()[]:*~"' else c for c in name)


def _ekos(plan: FramePlan) -> str:
    target, band, scene = _plain(plan.scene.target.name), plan.scene.band.name, plan.scene
    folder = f"{target}/Light/" + (f"{band}/" if band != "none" else "")
    middle = f"_{band}" if band != "none" else ""
    moment = plan.taken_at.strftime("%Y-%m-%dT%H-%M-%S")
    return f"{folder}{target}_Light{middle}_{scene.exposure_s:g}_secs_{moment}_{plan.number:03d}.fits"


def _nina(plan: FramePlan) -> str:
    moment = plan.taken_at.strftime("%Y-%m-%d_%H-%M-%S")
    band = "" if plan.scene.band.name == "none" else plan.scene.band.name
    temperature, exposure = plan.rig.camera.sensor_temp_c, plan.scene.exposure_s
    return f"{night_of(plan)}/LIGHT/{moment}_{band}_{temperature:.2f}_{exposure:.2f}s_{plan.number:04d}.fits"


def _sgp(plan: FramePlan) -> str:
    target, scene = _plain(plan.scene.target.name), plan.scene
    return f"{target}/{target}_{scene.exposure_s:g}sec_1x1_{scene.band.name}_{plan.session}_frame{plan.number}.fit"


def _sharpcap(plan: FramePlan) -> str:
    start = (plan.taken_at - timedelta(seconds=plan.scene.time_s)).strftime("%H_%M_%S")
    return f"{plan.taken_at:%Y-%m-%d}/{plan.scene.target.name}/{start}/rawframes/Light_{plan.number:05d}.fits"


def _asiair(plan: FramePlan) -> str:
    target, scene, camera = plan.scene.target.name, plan.scene, plan.rig.camera
    gain = f"gain{camera.gain_setting:.0f}_" if camera.gain_setting is not None else ""
    band = f"{scene.band.name}_" if scene.band.name != "none" else ""
    moment = plan.taken_at.strftime("%Y%m%d-%H%M%S")
    tail = f"{gain}{moment}_{camera.sensor_temp_c:.1f}C_{plan.number:04d}.fit"
    return f"Autorun/Light/{target}/Light_{target}_{scene.exposure_s:.1f}s_Bin1_{band}{tail}"


def _seestar(plan: FramePlan) -> str:
    target, scene = plan.scene.target.name, plan.scene
    moment = plan.taken_at.strftime("%Y%m%d-%H%M%S")
    return f"MyWorks/{target}_sub/Light_{target}_{scene.exposure_s:.1f}s_{scene.band.name}_{moment}.fit"


def _maxim(plan: FramePlan) -> str:
    band = plan.scene.band.name if plan.scene.band.name != "none" else "Clear"
    return f"{plan.scene.target.name}-{plan.session}-{plan.number:04d}{band}.fit"


_PATTERNS: dict[str, Callable[[FramePlan], str]] = {
    "ekos": _ekos,
    "nina": _nina,
    "sgp": _sgp,
    "sharpcap": _sharpcap,
    "asiair": _asiair,
    "seestar": _seestar,
    "maxim": _maxim,
}
