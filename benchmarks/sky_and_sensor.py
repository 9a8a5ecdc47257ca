"""How bad a fault of sensor, sky or field of view must be to be told, and how often one is told where there is none.

    python benchmarks/sky_and_sensor.py --frames 40 --clean 400

Every fault is put into a simulated frame of its own (random camera, optics, field, night) in which nothing else is
wrong, at severities by the scales of ``nebulift.simulate.severity``; told by the frame alone, without its session.
Intervals are Clopper and Pearson's, 95 %. Prints Markdown. Seeds from 50 000 on; limits were set with lower ones.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from nebulift.binomial import binomial_upper_bound
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.simulate import rendered
from nebulift.simulate.causes import Covered, Dew, random_cause, random_clouds
from nebulift.simulate.frame_noise import measured_noise
from nebulift.simulate.glows import random_glow
from nebulift.simulate.night import plan_session, setting_of
from nebulift.simulate.obstacles import random_obstacle
from nebulift.simulate.readout_faults import apply_fault, random_fault
from nebulift.simulate.sensor import digitised, exposed, fixed_pattern
from nebulift.simulate.severity import DEW_HALO_SHARE, number_for

FIRST_SEED = 50_000
MEGAPIXELS = 1.7
SEVERITIES = (0.5, 0.7, 0.85, 1.0)
COLUMN_SIGMAS = (0.3, 0.6, 1.0, 2.0)
WATCHED = (Kind.READOUT, Kind.SATURATION, Kind.OBSTRUCTION, Kind.CLOUD, Kind.GRADIENT, Kind.EMPTY)
NEBULAE = {"cirrus", "emission", "filaments", "reflection", "shell"}
GALAXIES = {"spiral", "edge_on", "ellipticals"}


def plan(seed, frames=1):
    return plan_session(np.random.SeedSequence([seed, 41]), frames, "clear", megapixels=MEGAPIXELS)


def clean(seed):
    """(pixels, exposure) of a frame in which nothing is wrong, or the next such."""
    frame = rendered(plan(seed)[0])
    return frame.pixels, frame.exposure


def with_scene_fault(make):
    """``make(rng, severity, setting)`` gives a cause that light passes through."""

    def faulty(seed, severity):
        rng = np.random.default_rng([seed, 43])
        one = plan(seed)[0]
        cause = make(rng, severity, setting_of(one.scene, one.rig))
        frame = rendered(replace(one, scene=replace(one.scene, causes=(cause,))))
        return frame.pixels, frame.exposure

    return faulty


def roof(rng, severity, setting):
    edge = random_obstacle(rng, severity, setting.size, "shutter")
    return replace(edge, angle_deg=float(rng.uniform(0.0, 360.0)), softness=float(rng.uniform(0.01, 0.05)))


def dew(rng, severity, setting):
    """Halos of 5 to 20 FWHM, and some of the light lost."""
    halo = number_for(severity, DEW_HALO_SHARE)
    radius = float(setting.fwhm_px * rng.uniform(5.0, 20.0))
    form = str(rng.choice(["even", "edge", "centre"]))
    return Dew(halo, radius, float(halo * rng.uniform(0.2, 0.9)), form)


def with_readout_fault(form):
    def faulty(seed, severity):
        rng = np.random.default_rng([seed, 44])
        pixels, exposure = clean(seed)
        noise = measured_noise(pixels, bayer=exposure.bayer is not None)
        apply_fault(pixels, random_fault(rng, severity, form), noise.noise_adu, int(noise.ceiling_adu))
        return pixels, exposure

    return faulty


def several_blocks(seed, severity):
    rng = np.random.default_rng([seed, 45])
    pixels, exposure = clean(seed)
    for _ in range(3):
        fault = random_fault(rng, severity, "block")
        apply_fault(pixels, replace(fault, share=fault.share / 3.0), 1.0, 65535)
    return pixels, exposure


def dead_quadrant(seed, _severity):
    rng = np.random.default_rng([seed, 46])
    pixels, exposure = clean(seed)
    height, width = pixels.shape
    top, left = rng.integers(2) * (height // 2), rng.integers(2) * (width // 2)
    pixels[top : top + height // 2, left : left + width // 2] = int(np.median(pixels)) // 4
    return pixels, exposure


def other_exposure(seed, _severity):
    """The lower part is of the next frame of the session, which is dithered or not."""
    rng = np.random.default_rng([seed, 47])
    one, other = (rendered(each) for each in plan(seed, 2))
    row = int(one.pixels.shape[0] * rng.uniform(0.2, 0.8))
    pixels = one.pixels.copy()
    pixels[row:] = other.pixels[row:]
    return pixels, one.exposure


def overcast(rng, _severity, setting):
    """So deep a cloud that no star is left."""
    return replace(random_clouds(rng, 0.5, setting), depth=float(rng.uniform(10.0, 15.0)), contrast=0.3)


def flat_as_light(seed, _severity):
    """The same light everywhere, a fifth to two thirds of what the camera holds, behind vignetting and dust."""
    rng = np.random.default_rng([seed, 50])
    camera = plan(seed)[0].rig.camera
    light = np.full((camera.height_px, camera.width_px), rng.uniform(0.2, 0.65) * camera.saturation_e, np.float32)
    electrons = exposed(light, camera, fixed_pattern(camera), 1.0)
    return digitised(electrons, camera, fixed_pattern(camera), rng), replace(plan(seed)[0].exposure, exposure_s=2.0)


def columns(seed, sigma):
    """All columns offset at random by ``sigma`` of the noise of a pixel."""
    rng = np.random.default_rng([seed, 48])
    pixels, exposure = clean(seed)
    noise = measured_noise(pixels, bayer=exposure.bayer is not None).noise_adu
    raised = pixels + rng.normal(0.0, sigma * noise, pixels.shape[1])
    limit = np.iinfo(pixels.dtype).max
    return np.rint(raised).clip(0, limit).astype(pixels.dtype), exposure


def hot_columns(seed, _severity):
    """Ten single columns, 1 to 50 sigma high: calibration takes them off."""
    rng = np.random.default_rng([seed, 49])
    pixels, exposure = clean(seed)
    noise = measured_noise(pixels, bayer=exposure.bayer is not None).noise_adu
    raised = pixels.astype(np.float32)
    for column in rng.choice(pixels.shape[1], 10, replace=False):
        raised[rng.integers(pixels.shape[0] // 2) :, column] += noise * rng.uniform(1.0, 50.0)
    return np.rint(raised).clip(0, np.iinfo(pixels.dtype).max).astype(pixels.dtype), exposure


FAULTS: dict[str, tuple[Kind, Callable, tuple[float, ...]]] = {
    "rows in bands": (Kind.READOUT, with_readout_fault("bands"), SEVERITIES),
    "half read": (Kind.READOUT, with_readout_fault("half_read"), SEVERITIES),
    "lost block": (Kind.READOUT, with_readout_fault("block"), SEVERITIES),
    "three lost blocks": (Kind.READOUT, several_blocks, SEVERITIES),
    "dead quadrant": (Kind.READOUT, dead_quadrant, (1.0,)),
    "rows sent twice": (Kind.READOUT, with_readout_fault("repeated"), SEVERITIES),
    "shifted sideways": (Kind.READOUT, with_readout_fault("shifted"), SEVERITIES),
    "part of the next exposure": (Kind.READOUT, other_exposure, (1.0,)),
    "stuck columns": (Kind.READOUT, with_readout_fault("stuck_columns"), SEVERITIES),
    "column scatter (sigma)": (Kind.READOUT, columns, COLUMN_SIGMAS),
    "ten hot columns (harmless)": (Kind.READOUT, hot_columns, (0.0,)),
    "burnt-out object or sky": (
        Kind.SATURATION,
        with_scene_fault(lambda rng, s, setting: random_cause(Kind.SATURATION, rng, s, setting)),
        SEVERITIES,
    ),
    "dome, soft edge": (
        Kind.OBSTRUCTION,
        with_scene_fault(lambda rng, s, setting: random_obstacle(rng, s, setting.size, "dome")),
        SEVERITIES,
    ),
    "roof, sharp edge": (Kind.OBSTRUCTION, with_scene_fault(roof), SEVERITIES),
    "tree": (
        Kind.OBSTRUCTION,
        with_scene_fault(lambda rng, s, setting: random_obstacle(rng, s, setting.size, "tree")),
        SEVERITIES,
    ),
    "leaf": (
        Kind.OBSTRUCTION,
        with_scene_fault(lambda rng, s, setting: random_obstacle(rng, s, setting.size, "leaf")),
        SEVERITIES,
    ),
    "hair (a question at most)": (
        Kind.OBSTRUCTION,
        with_scene_fault(lambda rng, s, setting: random_obstacle(rng, s, setting.size, "hair")),
        SEVERITIES,
    ),
    "dew (a question at most)": (Kind.CLOUD, with_scene_fault(dew), SEVERITIES),
    "cover or dark as a light": (
        Kind.EMPTY, with_scene_fault(lambda rng, _s, _setting: Covered(float(rng.choice([0.0, 0.002])))), (1.0,),
    ),
    "flat as a light": (Kind.EMPTY, flat_as_light, (1.0,)),
    "overcast, no star": (Kind.EMPTY, with_scene_fault(overcast), (1.0,)),
    "cloud": (Kind.CLOUD, with_scene_fault(lambda rng, s, g: random_cause(Kind.CLOUD, rng, s, g)), (0.7, 1.0)),
    "moon": (Kind.GRADIENT, with_scene_fault(lambda rng, s, g: random_glow(rng, s, g.sky_sigma, "moon")), (0.7, 1.0)),
    "twilight": (
        Kind.GRADIENT, with_scene_fault(lambda rng, s, g: random_glow(rng, s, g.sky_sigma, "twilight")), (0.7, 1.0),
    ),
}  # fmt: skip


def severities(pixels, exposure):
    """{kind: worst severity} by the frame alone."""
    found = {}
    for finding in ArtifactDetector().analyse(frame_from_array(pixels, exposure)).findings:
        found[finding.kind] = max(found.get(finding.kind, 0.0), finding.severity)
    return found


def interval(hits, n):
    """``share (low-high)``, Clopper and Pearson 1934, Biometrika 26, 404."""
    low, high = 1.0 - binomial_upper_bound(n - hits, n, 0.975), binomial_upper_bound(hits, n, 0.975)
    return f"{hits / n:.2f} ({low:.2f}-{high:.2f})"


def detection(name, frames, first_seed=FIRST_SEED):
    """[(severity, told from 0.3 by its own kind, from 0.7, from 0.3 by any watched kind)] of one fault."""
    kind, make, steps = FAULTS[name]
    for step, severity in enumerate(steps):
        told = [severities(*make(first_seed + 1000 * step + number, severity)) for number in range(frames)]
        own = np.array([found.get(kind, 0.0) for found in told])
        other = np.array([max((found.get(each, 0.0) for each in WATCHED), default=0.0) for found in told])
        yield severity, int((own >= 0.3).sum()), int((own >= 0.7).sum()), int((other >= 0.3).sum())


def scene_classes(one):
    """What is in the frame that might be taken for a fault."""
    target, camera = one.scene.target, one.rig.camera
    yield "all"
    if target.diffuse == "none":
        yield "cluster" if target.cluster_stars else "star field"
    if target.diffuse in NEBULAE:
        yield "nebula"
    if target.diffuse in GALAXIES:
        yield "galaxy"
    if camera.vignetting > 0.25:
        yield "vignetted by more than a quarter"
    if camera.amp_glow_e_s > 0.0:
        yield "glow of the amplifier"
    if camera.column_noise_e > 0.5 or camera.row_noise_e > 0.5:
        yield "pattern of columns or rows"
    if camera.bayer:
        yield "Bayer"


def false_alarms(frames, first_seed=FIRST_SEED):
    """{class: [(seed, {kind: severity})]} of frames whose truth is clean."""
    seen = {}
    for seed in range(first_seed, first_seed + frames):
        one = plan(seed)[0]
        frame = rendered(one)
        if any(kind in WATCHED for kind in frame.truth.kinds):
            continue  # stars that burn out, for one, are a matter of the field
        found = severities(frame.pixels, frame.exposure)
        for name in scene_classes(one):
            seen.setdefault(name, []).append((seed, found))
    return seen


def print_false_alarms(frames, first_seed):
    print(f"\n{frames} clean frames, by what is in them (a frame may be in several lines):\n")
    print("| frames | n | told from 0.3 | from 0.7 | by kind (from 0.3) |\n|---|---|---|---|---|")
    for name, rows in false_alarms(frames, first_seed).items():
        worst = np.array([max((found.get(kind, 0.0) for kind in WATCHED), default=0.0) for _, found in rows])
        by_kind = {
            kind.value: count for kind in WATCHED if (count := sum(found.get(kind, 0.0) >= 0.3 for _, found in rows))
        }
        n, some, bad = len(rows), int((worst >= 0.3).sum()), int((worst >= 0.7).sum())
        print(f"| {name} | {n} | {interval(some, n)} | {interval(bad, n)} | {by_kind or '-'} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--clean", type=int, default=400, help="clean frames; 0: none")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="first seed")
    parser.add_argument("--only", nargs="*", choices=list(FAULTS), help="these faults alone")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{asked.frames} frames a line, seeds from {asked.first}:\n")
    print("| fault | severity | its own kind, from 0.3 | from 0.7 | any kind, from 0.3 |\n|---|---|---|---|---|")
    for name in FAULTS if asked.only is None else asked.only:
        for severity, told, plain, other in detection(name, asked.frames, asked.first):
            cells = " | ".join(interval(hits, asked.frames) for hits in (told, plain, other))
            print(f"| {name} | {severity} | {cells} |", flush=True)
    if asked.clean:
        print_false_alarms(asked.clean, asked.first)


if __name__ == "__main__":
    main()
