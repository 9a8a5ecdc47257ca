"""Cameras that people own, with figures of the size their makers publish, and random bodies around them.

The figures set the scale of the simulation; they are rounded from data sheets and are no measurement of a body.
"""

from dataclasses import replace

import numpy as np

from nebulift.simulate.camera import Camera

CATALOGUE: tuple[Camera, ...] = (
    Camera(
        "ZWO ASI294MC Pro", 4144, 2822, 4.63, bits=14, shift=2, gain_e_per_adu=0.97, read_noise_e=1.8,
        full_well_e=15_800, bias_adu=480,
        bayer="RGGB", amp_glow_e_s=0.6, dark_e_s=0.004, gain_setting=120, offset_setting=30,
    ),
    Camera(
        "ZWO ASI2600MM Pro", 6248, 4176, 3.76, gain_e_per_adu=0.25, read_noise_e=1.5, full_well_e=18_000, bias_adu=500,
        dark_e_s=0.0006, quantum_efficiency=0.9, gain_setting=100, offset_setting=50,
    ),
    Camera(
        "ZWO ASI2600MC Pro", 6248, 4176, 3.76, gain_e_per_adu=0.77, read_noise_e=3.3, bias_adu=500, dark_e_s=0.0006,
        bayer="RGGB", gain_setting=0, offset_setting=50,
    ),
    Camera(
        "ZWO ASI1600MM Pro", 4656, 3520, 3.8, bits=12, shift=4, gain_e_per_adu=0.98, read_noise_e=1.7, full_well_e=4000,
        bias_adu=50, dark_e_s=0.006, quantum_efficiency=0.6, prnu=0.008, amp_glow_e_s=0.15, column_noise_e=0.25,
        gain_setting=139, offset_setting=50, sensor_temp_c=-20.0,
    ),
    Camera(
        "ZWO ASI183MM Pro", 5496, 3672, 2.4, bits=12, shift=4, gain_e_per_adu=0.98, read_noise_e=1.9, full_well_e=4000,
        bias_adu=60, dark_e_s=0.004, quantum_efficiency=0.84, amp_glow_e_s=1.2, column_noise_e=0.3,
        gain_setting=111, offset_setting=10, sensor_temp_c=-15.0,
    ),
    Camera(
        "QHY268M", 6280, 4210, 3.76, gain_e_per_adu=0.42, read_noise_e=3.2, full_well_e=27_000, bias_adu=900,
        dark_e_s=0.0006, quantum_efficiency=0.9, gain_setting=26, offset_setting=30,
    ),
    Camera(
        "QHY533C", 3008, 3028, 3.76, bits=14, shift=2, gain_e_per_adu=1.0, read_noise_e=1.5, full_well_e=16_000,
        bias_adu=260, dark_e_s=0.0008, bayer="RGGB", column_noise_e=0.25, gain_setting=60, offset_setting=25,
    ),
    Camera(
        "Player One Mars-C II", 1944, 1096, 2.9, bits=12, shift=4, gain_e_per_adu=0.85, read_noise_e=1.1,
        full_well_e=3400, bias_adu=40,
        dark_e_s=0.15, bayer="RGGB", hot_share=2e-4, row_noise_e=0.35, gain_setting=180, offset_setting=10,
        sensor_temp_c=14.0,
    ),
    Camera(
        "SBIG STF-8300M", 3358, 2536, 5.4, sensor="ccd", gain_e_per_adu=0.37, read_noise_e=9.3, full_well_e=25_500,
        bias_adu=1100, dark_e_s=0.02, quantum_efficiency=0.55, prnu=0.01, hot_share=2e-4, column_noise_e=0.5,
        row_noise_e=0.6, bad_columns=5, blooms=True, gain_setting=None, offset_setting=None, sensor_temp_c=-20.0,
    ),
    Camera(
        "Atik 460EX", 2750, 2200, 4.54, sensor="ccd", gain_e_per_adu=0.27, read_noise_e=5.0, full_well_e=17_000,
        bias_adu=270, dark_e_s=0.0004, quantum_efficiency=0.77, hot_share=1e-5, column_noise_e=0.2, row_noise_e=0.4,
        gain_setting=None, offset_setting=None, vignetting=0.08,
    ),
    Camera(
        "Canon EOS 6D", 5496, 3670, 6.54, bits=14, gain_e_per_adu=1.1, read_noise_e=3.4, full_well_e=16_000,
        bias_adu=2048,
        dark_e_s=0.08, quantum_efficiency=0.45, bayer="RGGB", hot_share=3e-4, column_noise_e=0.5, row_noise_e=1.0,
        vignetting=0.45, gain_setting=800, offset_setting=None, sensor_temp_c=18.0,
    ),
    Camera(
        "Seestar S50", 1080, 1920, 2.9, bits=12, shift=4, gain_e_per_adu=1.05, read_noise_e=1.3, full_well_e=4100,
        bias_adu=14, dark_e_s=0.3, bayer="GRBG", hot_share=3e-4, row_noise_e=0.35, vignetting=0.12,
        gain_setting=80, offset_setting=None, sensor_temp_c=25.0,
    ),
    Camera(
        "ZWO ASI120MM Mini", 1280, 960, 3.75, bits=8, gain_e_per_adu=22.0, read_noise_e=8.0, full_well_e=14_500,
        bias_adu=6, dark_e_s=0.6, quantum_efficiency=0.55, prnu=0.012, hot_share=5e-4, row_noise_e=3.0,
        column_noise_e=2.0, gain_setting=30, offset_setting=10, sensor_temp_c=20.0,
    ),
)  # fmt: skip


def camera_named(name: str) -> Camera:
    """The camera of the catalogue whose name contains ``name``, case and blanks ignored.

    Raises ``KeyError`` with the known names when none or several match.
    """
    wanted = plain_name(name)
    found = [camera for camera in CATALOGUE if wanted in plain_name(camera.name)]
    exact = [camera for camera in found if wanted == plain_name(camera.name)]
    if len(exact or found) != 1:
        known = ", ".join(camera.name for camera in CATALOGUE)
        msg = f"no single camera is called {name!r}; known are: {known}"
        raise KeyError(msg)
    return (exact or found)[0]


def random_camera(rng: np.random.Generator, base: Camera | None = None) -> Camera:
    """A body near ``base`` (default: any of the catalogue): gain, noise, pattern, vignetting and dust of its own."""
    base = base or CATALOGUE[int(rng.integers(len(CATALOGUE)))]
    gain = base.gain_e_per_adu * rng.uniform(0.75, 1.35)
    return replace(
        base,
        gain_e_per_adu=float(gain),
        full_well_e=float(base.full_well_e * rng.uniform(0.9, 1.3)),
        read_noise_e=float(base.read_noise_e * rng.uniform(0.8, 1.4)),
        bias_adu=float(np.rint(base.bias_adu * rng.uniform(0.6, 1.5))),
        dark_e_s=float(base.dark_e_s * rng.lognormal(0.0, 0.6)),
        prnu=float(base.prnu * rng.uniform(0.5, 1.5)),
        hot_share=float(base.hot_share * rng.lognormal(0.0, 0.7)),
        column_noise_e=float(base.column_noise_e * rng.lognormal(0.0, 0.7)),
        row_noise_e=float(base.row_noise_e * rng.lognormal(0.0, 0.6)),
        amp_glow_e_s=float(base.amp_glow_e_s * rng.uniform(0.0, 1.6)),
        bad_columns=int(rng.poisson(base.bad_columns)) if base.bad_columns else int(rng.random() < 0.1),
        vignetting=float(np.clip(base.vignetting * rng.lognormal(0.0, 0.6), 0.01, 0.75)),
        dust_spots=int(rng.poisson(4)),
        serial=int(rng.integers(1, 2**31)),
    )


def plain_name(name: str) -> str:
    """``name`` without blanks and capitals."""
    return "".join(name.split()).casefold()
