"""Kinds of rigs beside the deep-sky cameras of ``camera_catalogue``, and what observers do with any of them.

A model that has never seen a kind of rig takes its habits for faults. So the school draws from all of these: all-sky
cameras, small telescopes on alt-azimuth mounts, lenses on trackers, guide and video cameras, observatories; and of any
of them some have images that are always drawn out, wide or narrow, dark corners, very short exposures, and files that a
program has already calibrated or aligned. Figures are rounded from data sheets, as in ``camera_catalogue``.
"""

from dataclasses import dataclass, replace

import numpy as np

from nebulift.simulate.camera import Camera, Delivery, reduced
from nebulift.simulate.camera_catalogue import CATALOGUE, plain_name, random_camera
from nebulift.simulate.optics import Telescope, varied
from nebulift.simulate.rig import Rig, random_rig, random_site

Seconds = tuple[float, ...]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class RigKind:
    """A camera, what stands before it, and how it is used. Ranges are drawn from evenly."""

    sort: str  # a word that it shares with those like it
    camera: Camera
    telescopes: tuple[Telescope, ...]
    exposures_s: Seconds
    programs: tuple[str, ...] = ("sharpcap",)
    elongation: Range = (1.0, 1.12)  # of every star in every frame: optics, colours of the air, a mount by itself
    blur_px: Range = (1.3, 1.3)  # FWHM without air
    wander: float = 0.0
    softest_px: float = 7.5
    alt_az: bool = False
    sky_mag_arcsec2: Range | None = None  # None: anywhere
    deliveries: tuple[Delivery, ...] = ("raw",)


SHORT_S, SMART_S, LENS_S = (0.5, 1.0, 2.0, 5.0), (3.0, 5.0, 10.0, 20.0, 30.0), (2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0)
ALL_SKY_S, LONG_S = (1.0, 5.0, 10.0, 20.0, 30.0, 60.0), (20.0, 60.0, 120.0, 300.0)
# Lenses of 150 to 190 degrees; f/1.4 to f/2.8
FISHEYES = tuple(Telescope(f"Fisheye {f} mm", f / 2.0, f, beta=3.0, coma=0.6) for f in (1.2, 1.55, 2.1, 2.7))
LENSES = (
    Telescope("14 mm f/2.8", 5.0, 14, beta=3.0, coma=1.6, tilt=0.1),
    Telescope("24 mm f/2", 12.0, 24, beta=3.0, coma=1.4),
    Telescope("50 mm f/2", 25.0, 50, beta=3.2, coma=1.0, spikes=6, spike_share=0.006),
    Telescope("135 mm f/2.8", 48.0, 135, beta=3.3, coma=0.6, spikes=6, spike_share=0.006),
    Telescope("300 mm f/4", 75.0, 300, beta=3.2, coma=0.4),
)
SMART = {
    "DWARF II": Telescope("DWARF II", 24, 100, beta=3.0, coma=0.3),
    "Seestar S30": Telescope("S30", 30, 150, beta=3.0, coma=0.2),
    "Vespera": Telescope("Vespera", 50, 200, beta=3.0, coma=0.3),
}
GUIDES = (
    Telescope("Guide scope 50/200", 50, 200, beta=3.0, coma=0.4),
    Telescope("ST80", 80, 400, beta=2.7, coma=0.4, scatter_share=0.02),
    Telescope("C8 at f/6.3", 203, 1280, 0.34, beta=2.6, scatter_share=0.02),
)
OBSERVATORY = (
    Telescope("0.35 m f/7", 355, 2485, 0.4, spikes=4, beta=2.7, spike_share=0.02),
    Telescope("CDK20", 508, 3454, 0.39, spikes=4, beta=2.8, spike_share=0.015),
    Telescope("1.0 m f/8", 1000, 8000, 0.35, spikes=4, beta=2.9, spike_share=0.01),
    Telescope("Schmidt 0.6 m", 600, 1800, 0.3, spikes=4, beta=3.0, spike_share=0.01),
)  # fmt: skip


def _all_sky(camera: Camera, circle: float) -> RigKind:
    """Narrow images, drawn out by the lens and the turning sky; it looks over the town to the horizon."""
    return RigKind(
        "all-sky",
        replace(camera, image_circle=circle),
        FISHEYES,
        ALL_SKY_S,
        elongation=(1.0, 2.0),
        blur_px=(1.4, 2.8),
        wander=0.1,
    )


def _smart(camera: Camera) -> RigKind:
    """On a small fork that follows the sky in two axes: no guiding, so stars are a little drawn out, mostly one way."""
    telescope = SMART[camera.name]
    return RigKind(
        "smart",
        camera,
        (telescope,),
        SMART_S,
        ("seestar",),
        elongation=(1.0, 1.8),
        blur_px=(1.3, 2.0),
        wander=0.15,
        alt_az=True,
    )


def _lens(camera: Camera) -> RigKind:
    return RigKind(
        "lens", camera, LENSES, LENS_S, ("ekos", "nina"), elongation=(1.0, 1.5), blur_px=(1.2, 2.4), wander=0.1
    )


def _guide(camera: Camera) -> RigKind:
    return RigKind(
        "guide", camera, GUIDES, SHORT_S, ("sharpcap", "maxim"), elongation=(1.0, 1.3), blur_px=(1.3, 2.2), wander=0.1
    )


def _observatory(camera: Camera) -> RigKind:
    """Long focal lengths; its pipeline hands on calibrated frames as often as raw ones."""
    return RigKind(
        "observatory", camera, OBSERVATORY, LONG_S, ("maxim", "ekos"), elongation=(1.0, 1.2), softest_px=11.0,
        sky_mag_arcsec2=(20.0, 21.9), deliveries=("raw", "calibrated", "calibrated", "aligned"),
    )  # fmt: skip


KINDS: tuple[RigKind, ...] = (
    _all_sky(Camera(
        "RPi HQ all-sky", 4056, 3040, 1.55, bits=12, shift=4, gain_e_per_adu=1.2, read_noise_e=2.8, full_well_e=8000,
        bias_adu=256, dark_e_s=0.3, quantum_efficiency=0.6, bayer="RGGB", hot_share=3e-4, row_noise_e=0.6,
        column_noise_e=0.4, vignetting=0.35, sensor_temp_c=15.0,
    ), 0.98),
    _all_sky(Camera(
        "Oculus 180", 1392, 1040, 4.65, sensor="ccd", gain_e_per_adu=0.3, read_noise_e=8.0, full_well_e=15_000,
        bias_adu=1000, dark_e_s=0.1, quantum_efficiency=0.6, hot_share=2e-4, row_noise_e=0.6, column_noise_e=0.4,
        vignetting=0.3, gain_setting=None, offset_setting=None, sensor_temp_c=5.0,
    ), 0.93),
    _all_sky(Camera(
        "ASI224MC all-sky", 1304, 976, 3.75, bits=12, shift=4, gain_e_per_adu=1.0, read_noise_e=1.6, full_well_e=4000,
        bias_adu=40, dark_e_s=0.4, bayer="RGGB", hot_share=4e-4, row_noise_e=0.5, vignetting=0.3, sensor_temp_c=12.0,
    ), 1.05),
    _all_sky(Camera(
        "ASI178MM all-sky", 3096, 2080, 2.4, bits=14, shift=2, gain_e_per_adu=0.9, read_noise_e=2.0, full_well_e=12_000,
        bias_adu=60, dark_e_s=0.2, quantum_efficiency=0.8, hot_share=2e-4, row_noise_e=0.3, amp_glow_e_s=0.5,
        vignetting=0.4, sensor_temp_c=12.0,
    ), 0.96),
    _all_sky(Camera(
        "KAI-0340 all-sky", 640, 480, 7.4, sensor="ccd", gain_e_per_adu=0.7, read_noise_e=14.0, full_well_e=40_000,
        bias_adu=900, dark_e_s=1.0, quantum_efficiency=0.5, hot_share=6e-4, row_noise_e=1.5, column_noise_e=1.0,
        vignetting=0.4, gain_setting=None, offset_setting=None, sensor_temp_c=10.0,
    ), 1.0),
    _smart(Camera(
        "DWARF II", 3840, 2160, 1.45, bits=12, shift=4, gain_e_per_adu=0.8, read_noise_e=1.0, full_well_e=3300,
        bias_adu=60, dark_e_s=0.1, bayer="RGGB", hot_share=3e-4, row_noise_e=0.15, vignetting=0.2, gain_setting=80,
        offset_setting=None, sensor_temp_c=25.0,
    )),
    _smart(Camera(
        "Seestar S30", 1080, 1920, 2.9, bits=12, shift=4, gain_e_per_adu=0.9, read_noise_e=1.0, full_well_e=3700,
        bias_adu=12, dark_e_s=0.15, bayer="GRBG", hot_share=3e-4, row_noise_e=0.15, vignetting=0.15, gain_setting=80,
        offset_setting=None, sensor_temp_c=25.0,
    )),
    _smart(Camera(
        "Vespera", 1920, 1080, 2.9, bits=16, gain_e_per_adu=0.06, read_noise_e=1.2, full_well_e=3900, bias_adu=240,
        dark_e_s=0.3, bayer="RGGB", hot_share=3e-4, row_noise_e=0.15, vignetting=0.15, offset_setting=None,
        sensor_temp_c=22.0,
    )),
    _lens(Camera(
        "Canon EOS 600D", 5202, 3464, 4.3, bits=14, gain_e_per_adu=0.4, read_noise_e=3.0, full_well_e=7000,
        bias_adu=2048, dark_e_s=0.15, quantum_efficiency=0.4, bayer="RGGB", hot_share=5e-4, column_noise_e=0.6,
        row_noise_e=1.2, vignetting=0.45, gain_setting=800, offset_setting=None, sensor_temp_c=22.0,
    )),
    _lens(Camera(
        "Sony A7S", 4256, 2848, 8.4, bits=14, gain_e_per_adu=0.9, read_noise_e=2.2, full_well_e=14_000, bias_adu=512,
        dark_e_s=0.2, quantum_efficiency=0.6, bayer="RGGB", hot_share=3e-4, row_noise_e=0.6, vignetting=0.5,
        gain_setting=1600, offset_setting=None, sensor_temp_c=20.0,
    )),
    _lens(Camera(
        "Nikon D810A", 7380, 4928, 4.88, bits=14, gain_e_per_adu=0.6, read_noise_e=2.8, full_well_e=9500, bias_adu=600,
        dark_e_s=0.1, quantum_efficiency=0.48, bayer="RGGB", hot_share=2e-4, row_noise_e=0.7, vignetting=0.5,
        gain_setting=800, offset_setting=None, sensor_temp_c=18.0,
    )),
    _guide(Camera(
        "Meade DSI Pro", 748, 576, 8.4, sensor="ccd", gain_e_per_adu=0.6, read_noise_e=12.0, full_well_e=36_000,
        bias_adu=600, dark_e_s=0.8, quantum_efficiency=0.5, prnu=0.012, hot_share=6e-4, column_noise_e=1.0,
        row_noise_e=2.0, gain_setting=None, offset_setting=None, vignetting=0.05, sensor_temp_c=18.0,
    )),
    _guide(Camera(
        "QHY5L-II", 1280, 960, 3.75, bits=8, gain_e_per_adu=25.0, read_noise_e=8.0, full_well_e=6400, bias_adu=5,
        dark_e_s=0.6, quantum_efficiency=0.6, prnu=0.012, hot_share=5e-4, row_noise_e=3.0, column_noise_e=2.0,
        vignetting=0.05, sensor_temp_c=18.0,
    )),
    _guide(Camera(
        "SBIG ST-7", 764, 510, 9.0, sensor="ccd", gain_e_per_adu=2.3, read_noise_e=15.0, full_well_e=100_000,
        bias_adu=100, dark_e_s=0.3, quantum_efficiency=0.6, prnu=0.012, hot_share=4e-4, column_noise_e=1.0,
        row_noise_e=1.5, bad_columns=3, blooms=True, gain_setting=None, offset_setting=None, vignetting=0.03,
        sensor_temp_c=-10.0,
    )),
    _observatory(Camera(
        "FLI PL09000", 3056, 3056, 12.0, sensor="ccd", gain_e_per_adu=1.5, read_noise_e=10.0, full_well_e=95_000,
        bias_adu=1000, dark_e_s=0.03, quantum_efficiency=0.6, prnu=0.01, hot_share=1e-4, column_noise_e=0.6,
        row_noise_e=0.6, bad_columns=8, blooms=True, gain_setting=None, offset_setting=None, sensor_temp_c=-30.0,
    )),
    _observatory(Camera(
        "iKon-L 936", 2048, 2048, 13.5, sensor="ccd", gain_e_per_adu=1.0, read_noise_e=7.0, full_well_e=64_000,
        bias_adu=300, dark_e_s=0.001, quantum_efficiency=0.9, hot_share=2e-5, row_noise_e=0.4, vignetting=0.05,
        gain_setting=None, offset_setting=None, sensor_temp_c=-70.0,
    )),
    _observatory(Camera(
        "Apogee U16M", 4096, 4096, 9.0, sensor="ccd", gain_e_per_adu=1.4, read_noise_e=9.0, full_well_e=90_000,
        bias_adu=1500, dark_e_s=0.05, quantum_efficiency=0.6, prnu=0.01, hot_share=2e-4, column_noise_e=0.6,
        row_noise_e=0.7, bad_columns=4, blooms=True, gain_setting=None, offset_setting=None, sensor_temp_c=-25.0,
    )),
    _observatory(Camera(
        "Moravian C4-16000", 4096, 4096, 9.0, bits=12, shift=4, gain_e_per_adu=14.0, read_noise_e=4.5,
        full_well_e=57_000, bias_adu=25, dark_e_s=0.1, quantum_efficiency=0.7, hot_share=2e-4, row_noise_e=0.8,
        column_noise_e=0.8, gain_setting=None, offset_setting=None, sensor_temp_c=-15.0,
    )),
)  # fmt: skip

# What some of all observers do, whatever they observe with. A rig that is drawn out every night is no accident: lenses,
# dispersion near the horizon and colour filters give whole rigs 1.5; finer than 8 to 11 pixels nobody samples.
DRAWN_OUT, OVERSAMPLED, DARK_CORNERS, IN_SECONDS, CALIBRATED, ALIGNED = 0.15, 0.1, 0.1, 0.1, 0.1, 0.05
MOST_HOTTER = 8.0  # times the hot pixels of a data sheet: an all-sky camera is cooled by nothing, and is old


def school_rig(rng: np.random.Generator, name: str, megapixels: float | None = None) -> Rig:
    """A rig around the camera of either catalogue whose name contains ``name``, with habits of its own.

    The window is cut to ``megapixels`` when given. Raises ``KeyError`` when none or several cameras are called so.
    """
    known = {kind.camera.name: kind for kind in KINDS} | {camera.name: camera for camera in CATALOGUE}
    found = [full for full in known if plain_name(name) in plain_name(full)]
    exact = [full for full in found if plain_name(name) == plain_name(full)]
    if len(exact or found) != 1:
        raise KeyError(f"no single camera is called {name!r}; known are: {', '.join(known)}")
    chosen = known[(exact or found)[0]]
    rig = random_rig(rng, chosen, megapixels) if isinstance(chosen, Camera) else _rig_of(rng, chosen, megapixels)
    return _with_habits(rng, rig)


def sort_of(camera: str) -> str:
    """The sort of rig that a camera of this full name belongs to: a deep-sky camera is a sort of its own."""
    return next((kind.sort for kind in KINDS if kind.camera.name == camera), camera)


def _rig_of(rng: np.random.Generator, kind: RigKind, megapixels: float | None) -> Rig:
    body = random_camera(rng, kind.camera)
    body = replace(body, delivery=kind.deliveries[int(rng.integers(len(kind.deliveries)))])
    if megapixels is not None:
        body = reduced(body, megapixels)
    telescope = varied(rng, kind.telescopes[int(rng.integers(len(kind.telescopes)))])
    telescope = replace(
        telescope, elongation=float(rng.uniform(*kind.elongation)), blur_px=float(rng.uniform(*kind.blur_px))
    )
    site = random_site(rng)
    if kind.sky_mag_arcsec2 is not None:
        site = replace(site, sky_mag_arcsec2=float(rng.uniform(*kind.sky_mag_arcsec2)))
    return Rig(
        body,
        telescope,
        str(rng.choice(kind.programs)),
        site,
        kind.alt_az,
        kind.exposures_s,
        kind.softest_px,
        kind.wander,
    )


def _with_habits(rng: np.random.Generator, rig: Rig) -> Rig:
    """``rig`` as somebody uses it; the same number of draws whatever comes of them."""
    drawn, wide, corners, short, delivery = rng.random(5)
    elongation, blur_px, vignetting = rng.uniform(1.15, 1.75), rng.uniform(4.0, 9.5), rng.uniform(0.3, 0.75)
    hotter = MOST_HOTTER ** rng.random()
    camera, telescope, is_disc = rig.camera, rig.telescope, rig.camera.image_circle > 0.0
    if drawn < DRAWN_OUT and telescope.elongation < elongation:
        telescope = replace(telescope, elongation=float(elongation))
    if wide < OVERSAMPLED and not is_disc:
        telescope = replace(telescope, blur_px=float(blur_px))
        rig = replace(rig, softest_px=11.0)
    if corners < DARK_CORNERS and not is_disc:
        camera = replace(camera, vignetting=float(vignetting))
    if is_disc:
        camera = replace(camera, hot_share=float(camera.hot_share * hotter))
    if delivery < CALIBRATED + ALIGNED and camera.delivery == "raw" and not is_disc:
        camera = replace(camera, delivery="calibrated" if delivery < CALIBRATED else "aligned")
    if short < IN_SECONDS and not rig.exposures_s:
        rig = replace(rig, exposures_s=SHORT_S)
    return replace(rig, camera=camera, telescope=telescope)
