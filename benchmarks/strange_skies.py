"""Clean frames of very different making: how often something is found in them that is not there.

    python benchmarks/strange_skies.py --frames 40
    python benchmarks/strange_skies.py --frames 40 --only "8 bits" "globular cluster"

Every line is one kind of frame that people take and that differs from most: sharp and wide stars, binned, rescaled,
calibrated and registered files, fields that something fills, bad sensors, hardly any light. Nothing is wrong with any
of them; told is what is wrong by the frame alone, without its session. Starless frames, the Moon and planets may go to
a person (0.5), but none may be rejected (0.7). Intervals are Clopper and Pearson's, 95 %. Prints Markdown. Seeds from
70 000 on; limits were set with lower ones.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from sky_and_sensor import interval

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.simulate import rendered
from nebulift.simulate.camera_catalogue import CATALOGUE
from nebulift.simulate.frame import pixel_noise_e
from nebulift.simulate.frame_noise import measured_noise
from nebulift.simulate.night import plan_session
from nebulift.simulate.optics import FILTERS
from nebulift.simulate.psf import StarShape
from nebulift.simulate.sensor import FixedPattern, digitised, fixed_pattern
from nebulift.simulate.star_field import PERFECT, PERFECT_OPTICS
from nebulift.simulate.star_painting import Stars, paint_stars
from nebulift.simulate.turbulence import turbulence

FIRST_SEED = 70_000
MEGAPIXELS = 1.7
MONO = tuple(camera for camera in CATALOGUE if camera.bayer is None)
COLOUR = tuple(camera for camera in CATALOGUE if camera.bayer is not None)
SEEN, PLAIN = 0.3, 0.7
TRIES = 20
BRIGHT_ADU = 20_000.0


# frames of the simulator, changed before they are rendered ------------------------------------------------------------


def changed(seed, *, cameras=CATALOGUE, target=None, air=None, camera=None, scene=None, telescope=None):
    """A plan of a clear night; each argument gives the fields that differ, perhaps by (rng, plan)."""
    rng = np.random.default_rng([seed, 61])
    body = cameras[int(rng.integers(len(cameras)))]
    one = plan_session(np.random.SeedSequence([seed, 62]), 1, "clear", camera=body, megapixels=MEGAPIXELS)[0]
    parts = {"target": target, "air": air, "camera": camera, "scene": scene, "telescope": telescope}
    new = {name: part(rng, one) if callable(part) else part or {} for name, part in parts.items()}
    optics = replace(one.scene.telescope, **new["telescope"])
    scenery = replace(
        one.scene, target=replace(one.scene.target, **new["target"]), air=replace(one.scene.air, **new["air"]),
        telescope=optics, **new["scene"],
    )  # fmt: skip
    rig = replace(one.rig, camera=replace(one.rig.camera, **new["camera"]), telescope=optics)
    return replace(one, rig=rig, scene=scenery)


def simulated(**parts):
    """Frames of such plans whose truth is clean: what burns out too much is left out."""

    def make(seed):
        for again in range(TRIES):
            frame = rendered(changed(seed + 1_000_000 * again, **parts))
            if frame.truth.severity < SEEN:
                break
        return frame.pixels, frame.exposure

    return make


def soft_light(kind, noises, sizes):
    """Fields of ``target``: soft light of that form, so many noises of a pixel bright."""

    def fields(rng, one):
        noise_e = pixel_noise_e(one.rig.camera, 0.0)
        share = one.scene.band.width_nm / 300.0
        bright = math.exp(rng.uniform(*(math.log(number) for number in noises)))
        return {
            "diffuse": kind,
            "diffuse_e_s": max(one.scene.target.diffuse_e_s, noise_e * bright / (one.scene.exposure_s * share)),
            "diffuse_size": float(rng.uniform(*sizes)),
        }

    return fields


def without_stars(kind):
    def fields(rng, one):
        soft = soft_light(kind, (3.0, 30.0), (0.4, 1.6))(rng, one) if kind != "none" else {"diffuse": "none"}
        return soft | {"density_per_mpx": 1e-3, "cluster_stars": 0}

    return fields


def narrow(rng, _one):
    return {"band": FILTERS[str(rng.choice(["Ha", "OIII", "SII"]))], "exposure_s": float(rng.choice([120.0, 300.0]))}


def globular(rng, one):
    radius = min(one.rig.size) * rng.uniform(0.15, 0.4)
    stars = radius**2 / one.scene.air.fwhm_px**2 * rng.uniform(0.3, 3.0)
    return {"cluster_stars": int(stars), "cluster_radius_px": float(radius), "diffuse": "none"}


def hardly_any_light(rng, _one):
    return {"exposure_s": float(rng.choice([0.02, 0.1, 0.5, 1.0]))}


def coarse_steps(rng, one):
    """A low gain: the noise is less than a step of the converter."""
    return {"gain_e_per_adu": float(one.rig.camera.read_noise_e * rng.uniform(1.5, 4.0)), "bits": 12, "shift": 0}


# frames changed after they are rendered -------------------------------------------------------------------------------


def after(change, cameras=CATALOGUE, **parts):
    """``change(rng, pixels, exposure, plan)`` gives the pixels as they lie in the file, or (pixels, exposure)."""

    def make(seed):
        for again in range(TRIES):
            one = changed(seed + 1_000_000 * again, cameras=cameras, **parts)
            frame = rendered(one)
            if frame.truth.severity < SEEN:
                break
        made = change(np.random.default_rng([seed, 63]), frame.pixels, frame.exposure, one)
        return made if isinstance(made, tuple) else (made, frame.exposure)

    return make


def in_8_bits(rng, pixels, exposure, _one):
    """The sky's noise in a third of a step to two steps, the sky itself a few steps above 0."""
    noise = measured_noise(pixels, bayer=exposure.bayer is not None).noise_adu
    steps = (pixels - np.median(pixels)) / noise * math.exp(rng.uniform(math.log(0.3), math.log(2.0)))
    return np.rint(steps + rng.uniform(2.0, 30.0)).clip(0, 255).astype(np.uint8)


def binned(rng, pixels, exposure, one):
    """Sums of 2 x 2 to 4 x 4 pixels, full at 16 bits, or their means where the sky is bright."""
    side = int(rng.integers(2, 5))
    height, width = (length // side * side for length in pixels.shape)
    cells = pixels[:height, :width].astype(np.float64).reshape(height // side, side, width // side, side)
    total = cells.sum(axis=(1, 3)) - (side**2 - 1) * one.rig.camera.stored_bias_adu
    if np.median(total) > BRIGHT_ADU:  # nobody would add these up
        total /= side**2
    size_um = exposure.pixel_size_um * side
    return total.clip(0, 65535).astype(np.uint16), replace(exposure, pixel_size_um=size_um, binning=(side, side))


def calibrated(rng, pixels, _exposure, one):
    """Dark taken off, flat divided out: negative numbers, or a pedestal and whole ones, or cut off at nothing."""
    camera, seconds = one.rig.camera, one.scene.exposure_s
    pattern = fixed_pattern(camera)
    dark_e = np.full(pixels.shape, camera.dark_e_s * seconds, np.float32)
    if pattern.glow_e_s is not None:
        dark_e += pattern.glow_e_s * np.float32(seconds)
    np.add.at(dark_e.reshape(-1), pattern.hot_index, pattern.hot_e_s * np.float32(seconds))
    dark_e = np.minimum(dark_e, camera.full_well_e) + pattern.column_e
    light = (pixels - camera.stored_bias_adu - dark_e / camera.stored_gain) / pattern.flat
    form = int(rng.integers(4))
    if form == 0:
        return light.astype(np.float32)
    if form == 1:
        return (light / 65535.0).astype(np.float32)
    return np.rint(light + (100.0 if form == 2 else 0.0)).clip(0, 65535).astype(np.uint16)


def of_one_plane(pixels, exposure, rng):
    """One plane of a debayered frame, or the mean of all three."""
    code = {"RGGB": cv2.COLOR_BAYER_BG2RGB, "BGGR": cv2.COLOR_BAYER_RG2RGB, "GRBG": cv2.COLOR_BAYER_GB2RGB,
            "GBRG": cv2.COLOR_BAYER_GR2RGB}[exposure.bayer]  # fmt: skip
    colour = cv2.cvtColor(pixels.astype(np.uint16), code).astype(np.float32)
    plane = int(rng.integers(4))
    return colour.mean(axis=2) if plane == 3 else colour[:, :, plane]


def debayered(rng, pixels, exposure, _one):
    plane = of_one_plane(pixels, exposure, rng)
    return np.rint(plane).astype(np.uint16), replace(exposure, bayer=None)


def drizzled(rng, pixels, exposure, _one):
    """Drawn on a finer grid: the noise of neighbours is alike."""
    plane = pixels.astype(np.float32) if exposure.bayer is None else of_one_plane(pixels, exposure, rng)
    scale = float(rng.choice([1.5, 2.0]))
    finer = cv2.resize(plane[:900, :1200], None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    return np.rint(finer).astype(np.uint16), replace(exposure, bayer=None, pixel_size_um=exposure.pixel_size_um / scale)


def registered(rng, pixels, _exposure, _one):
    """Turned and shifted on to a reference: corners and borders hold nothing (0, or no number)."""
    height, width = pixels.shape
    matrix = cv2.getRotationMatrix2D((width / 2.0, height / 2.0), float(rng.uniform(-4.0, 4.0)), 1.0)
    matrix[:, 2] += rng.uniform(-30.0, 30.0, 2)
    empty = float(rng.choice([0.0, np.nan]))
    return cv2.warpAffine(pixels.astype(np.float32), matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=empty)


def dusty(rng, pixels, _exposure, one):
    """Deep shadows of dust, 5 to 30 % of the light, some with a bright middle."""
    height, width = pixels.shape
    bias = one.rig.camera.stored_bias_adu
    shade = np.ones(pixels.shape, np.float32)
    for _ in range(int(rng.integers(5, 25))):
        radius, hole = rng.uniform(8.0, 120.0), rng.choice([0.0, 0.35, 0.45])
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        away = np.hypot(np.arange(width)[None, :] - x, np.arange(height)[:, None] - y)
        ring = np.clip((radius - away) / 3.0, 0.0, 1.0) - np.clip((hole * radius - away) / 3.0, 0.0, 1.0)
        shade *= (1.0 - rng.uniform(0.05, 0.3) * ring).astype(np.float32)
    return np.rint((pixels - bias) * shade + bias).clip(0, 65535).astype(pixels.dtype)


# frames that the simulator does not make ------------------------------------------------------------------------------


def recorded(light_e, rng, *, bits=12, gain=1.0, bias=40.0, read_noise_e=1.5):
    """The numbers that a plain camera makes of ``light_e``."""
    height, width = light_e.shape
    camera = replace(
        PERFECT, width_px=width, height_px=height, bits=bits, gain_e_per_adu=gain, bias_adu=bias, shift=0,
        read_noise_e=read_noise_e,
    )  # fmt: skip
    nothing = np.zeros(0, np.float32)
    flat = FixedPattern(np.ones((1, 1), np.float32), None, np.zeros(0, np.int64), nothing, np.zeros(width), ())
    return digitised(light_e.astype(np.float32), camera, flat, rng)


def all_sky(seed):
    """A fisheye's disc in a dark frame: horizon with trees, the Milky Way, glow of towns, stars of 1.5 pixels."""
    rng = np.random.default_rng([seed, 64])
    width, height = ((640, 480), (1280, 960), (1936, 1216))[int(rng.integers(3))]
    x, y = np.arange(width)[None, :] - width / 2.0, np.arange(height)[:, None] - height / 2.0
    radius = height * rng.uniform(0.44, 0.5)
    r, angle = np.hypot(x, y) / radius, np.arctan2(y, x)
    sky_e = rng.uniform(100.0, 1500.0)
    light = sky_e * (1.0 + rng.uniform(0.2, 3.0) * r**3 * (1.2 + np.cos(angle - rng.uniform(0.0, 6.3))))
    across = x * math.sin(rng.uniform(0.0, 3.1)) + y * math.cos(rng.uniform(0.0, 3.1))
    clumps = 1.0 + 0.3 * turbulence(rng, (height, width), 3.4)
    light = light + sky_e * rng.uniform(0.1, 0.5) * np.exp(-0.5 * (across / (0.15 * radius)) ** 2) * clumps
    count = int(rng.uniform(100.0, 1500.0))
    flux = rng.uniform(3.0, 8.0) * math.sqrt(sky_e) * 3.0 * rng.random(count) ** -1.2
    stars = Stars(*rng.uniform(0.0, (width, height), (count, 2)).T.astype(np.float32),
                  flux.clip(max=2e5).astype(np.float32), np.ones((count, 3), np.float32))  # fmt: skip
    light = light.astype(np.float32)
    paint_stars(light, stars, StarShape(1.5, replace(PERFECT_OPTICS, scatter_share=1e-6)), math.sqrt(sky_e))
    trees = 0.93 + 0.05 * turbulence(rng, (1, 720), 2.5)[0][((angle + math.pi) / math.tau * 719).astype(int)]
    light *= np.clip((trees - r) * radius / 3.0, 0.02, 1.0) * (r < 1.0)
    bits = int(rng.choice([8, 12, 14]))
    gain = 8000.0 / (1 << bits)
    return recorded(light, rng, bits=bits, gain=gain, bias=40.0 if bits > 8 else 3.0), Exposure(exposure_s=30.0)


def moon(seed):
    """The Moon, none of it burnt out, on a black sky, whole or in part."""
    rng = np.random.default_rng([seed, 65])
    width, height = ((1936, 1096), (1280, 960), (2400, 1800))[int(rng.integers(3))]
    radius = height * rng.uniform(0.2, 1.2)
    x = (np.arange(width)[None, :] - width * rng.uniform(0.3, 0.7)) / radius
    y = (np.arange(height)[:, None] - height * rng.uniform(0.3, 0.7)) / radius
    depth = np.sqrt(np.maximum(1.0 - x**2 - y**2, 0.0))
    lit = np.clip(x * math.sin(phase := rng.uniform(0.3, 3.0)) + depth * math.cos(phase), 0.0, None) ** 0.7
    relief = np.exp(0.4 * turbulence(rng, (height, width), 2.6))
    light = rng.uniform(3000.0, 20_000.0) * (depth > 0.0) * lit * relief / relief.max() * 1.5
    light = cv2.GaussianBlur(light.astype(np.float32), (0, 0), rng.uniform(0.8, 3.0)) + rng.uniform(0.0, 20.0)
    return recorded(light, rng, bits=16, gain=0.5, bias=100.0), Exposure(exposure_s=0.01)


def planet(seed):
    """A banded disc of 30 to 300 pixels on a black sky."""
    rng = np.random.default_rng([seed, 66])
    width, height = ((640, 480), (1280, 960), (1936, 1096))[int(rng.integers(3))]
    radius = rng.uniform(15.0, 150.0)
    x = (np.arange(width)[None, :] - width * rng.uniform(0.4, 0.6)) / radius
    y = (np.arange(height)[:, None] - height * rng.uniform(0.4, 0.6)) / radius
    depth = np.sqrt(np.maximum(1.0 - x**2 - y**2, 0.0))
    bands = 1.0 + 0.25 * np.sin(9.0 * y + 0.3 * turbulence(rng, (height, width), 3.4))
    light = cv2.GaussianBlur((1500.0 * depth**0.7 * bands).astype(np.float32), (0, 0), rng.uniform(1.5, 4.0))
    bits = int(rng.choice([8, 12]))
    gain = 3000.0 / (1 << bits)
    return recorded(light, rng, bits=bits, gain=gain, bias=10.0, read_noise_e=2.0), Exposure(exposure_s=0.01)


MILKY_WAY = {"density_per_mpx": 9000.0, "diffuse": "none", "cluster_stars": 0}
CLASSES: dict[str, Callable[[int], tuple]] = {
    "whole simulator": simulated(),
    "FWHM 1.2 px, wide lens": simulated(
        target=MILKY_WAY, air={"fwhm_px": 1.2}, telescope={"focal_length_mm": 50.0, "aperture_mm": 25.0}
    ),
    "FWHM 9-12 px": simulated(
        air=lambda rng, _: {"fwhm_px": float(rng.uniform(9.0, 12.0))}, telescope={"focal_length_mm": 2800.0}
    ),
    "binned 2 to 4": after(binned, MONO),
    "8 bits": after(in_8_bits),
    "float, 0 to 1": after(lambda _r, pixels, _e, _o: (pixels / 65535.0).astype(np.float32)),
    "calibrated": after(calibrated),
    "debayered": after(debayered, COLOUR),
    "drizzled": after(drizzled),
    "registered": after(registered, MONO, camera={"bad_columns": 0}),
    "narrow band, nebula, no star": simulated(cameras=MONO, target=without_stars("emission"), scene=narrow),
    "narrow band, no star": simulated(cameras=MONO, target=without_stars("none"), scene=narrow),
    "globular cluster": simulated(target=globular),
    "core of a large galaxy": simulated(target=soft_light("spiral", (20.0, 400.0), (2.0, 6.0))),
    "bright nebula": simulated(target=soft_light("emission", (20.0, 400.0), (0.8, 2.0))),
    "bright comet": simulated(target=soft_light("comet", (20.0, 400.0), (0.5, 2.0))),
    "vignetted by 50 to 90 %": simulated(camera=lambda rng, _: {"vignetting": float(rng.uniform(0.5, 0.9))}),
    "amplifier glow": simulated(camera=lambda rng, _: {"amp_glow_e_s": float(math.exp(rng.uniform(0.0, 3.0)))}),
    "deep dust": after(dusty),
    "gradient of 40 to 100 %": simulated(air=lambda rng, _: {"gradient_share": float(rng.uniform(0.4, 1.0))}),
    "1000 hot pixels per Mpx": simulated(camera={"hot_share": 1e-3}),
    "0.02 to 1 s": simulated(scene=hardly_any_light),
    "noise below a step": simulated(cameras=MONO, camera=coarse_steps),
    "all-sky camera": all_sky,
    "Moon": moon,
    "planet": planet,
}  # fmt: skip


def worst_by_kind(pixels, exposure):
    """{kind: worst severity} by the frame alone."""
    found = {}
    for finding in ArtifactDetector().analyse(frame_from_array(pixels, exposure)).findings:
        found[finding.kind] = max(found.get(finding.kind, 0.0), finding.severity)
    return found


def print_line(name, frames, first_seed):
    """One row: how many frames of the class have a finding, and of which kinds."""
    told = [worst_by_kind(*CLASSES[name](seed)) for seed in range(first_seed, first_seed + frames)]
    worst = np.array([max(found.values(), default=0.0) for found in told])
    kinds = {kind.value: n for kind in Kind if (n := sum(found.get(kind, 0.0) >= SEEN for found in told))}
    some, plain = int((worst >= SEEN).sum()), int((worst >= PLAIN).sum())
    print(f"| {name} | {interval(some, frames)} | {interval(plain, frames)} | {kinds or '-'} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="first seed")
    parser.add_argument("--only", nargs="*", choices=list(CLASSES), default=list(CLASSES))
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{asked.frames} frames a line, seeds from {asked.first}; any kind of finding:\n")
    print("| frames | told from 0.3 | from 0.7 | by kind (from 0.3) |\n|---|---|---|---|")
    for name in asked.only:
        print_line(name, asked.frames, asked.first)


if __name__ == "__main__":
    main()
