"""``Rig``: one observer's equipment and sky, and the fields that such an observer would choose."""

import math
from dataclasses import dataclass, replace

import numpy as np

from nebulift.simulate.atmosphere import DARK_SKY, LED_SKY, MOONLIT_SKY, SODIUM_SKY, Air, sky_electrons
from nebulift.simulate.camera import Camera, reduced
from nebulift.simulate.camera_catalogue import random_camera
from nebulift.simulate.field import Target
from nebulift.simulate.frame import limit_electrons, pixel_noise_e
from nebulift.simulate.optics import FILTERS, Filter, Telescope, random_telescope

PROGRAMS = ("ekos", "nina", "sgp", "sharpcap", "asiair", "seestar", "maxim")
SHARPEST_PX, SOFTEST_PX = 1.5, 7.5  # FWHM: shorter is undersampled beyond use, longer would be binned
STEEPEST_ALL_SKY = 1.2  # range over mean: from rim to rim four times as bright
BRIGHTEST_SKY = 0.35  # of saturation: nobody exposes longer than that on purpose


@dataclass(frozen=True, slots=True)
class Site:
    """Where the rig stands. ``lit``: brightness of a thick cloud there over that of the clear sky."""

    latitude_deg: float
    longitude_deg: float
    sky_mag_arcsec2: float
    lit: float
    colour: tuple[float, float, float]
    seeing_arcsec: float
    extinction_mag: float


@dataclass(frozen=True, slots=True)
class Rig:
    """Camera, telescope, capture program and site of one observer."""

    camera: Camera
    telescope: Telescope
    program: str
    site: Site
    alt_az: bool = False  # the field turns between frames
    exposures_s: tuple[float, ...] = ()  # usual ones; empty: those of deep-sky cameras
    softest_px: float = SOFTEST_PX  # FWHM of its widest stars
    wander: float = 0.0  # scatter of the logarithm of the stars' elongation from frame to frame: nothing guides

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of its frames."""
        return self.camera.width_px, self.camera.height_px

    @property
    def fwhm_px(self) -> float:
        """Of a focused star on an ordinary night: seeing and optics, within what cameras are bought for."""
        seeing_px = self.site.seeing_arcsec / self.telescope.scale_arcsec(self.camera)
        return min(max(math.hypot(seeing_px, self.telescope.blur_px), SHARPEST_PX), self.softest_px)


def random_rig(rng: np.random.Generator, camera: Camera | None = None, megapixels: float | None = None) -> Rig:
    """A rig around a random body of ``camera`` (default: any), its window cut to ``megapixels`` when given."""
    body = random_camera(rng, camera)
    if megapixels is not None:
        body = reduced(body, megapixels)
    seestar = body.name.startswith("Seestar")
    dslr = body.name.startswith("Canon")
    program = "seestar" if seestar else str(rng.choice([p for p in PROGRAMS if p != "seestar"]))
    if dslr:
        program = str(rng.choice(["ekos", "nina"]))
    return Rig(body, random_telescope(rng, body), program, random_site(rng), alt_az=seestar)


def random_site(rng: np.random.Generator) -> Site:
    """From a city balcony to a dark mountain; clouds there are bright over towns and black in the desert."""
    sky = float(rng.uniform(17.0, 21.9))
    town = float(np.clip((21.9 - sky) / 4.5, 0.0, 1.0))
    colours = (DARK_SKY, MOONLIT_SKY) if town < 0.3 else (LED_SKY, SODIUM_SKY, MOONLIT_SKY)
    return Site(
        float(rng.uniform(-45.0, 60.0)),
        float(rng.uniform(-180.0, 180.0)),
        sky,
        float(0.25 + 4.5 * town * rng.uniform(0.3, 1.2)),
        colours[int(rng.integers(len(colours)))],
        float(rng.lognormal(math.log(2.6), 0.25)),
        float(rng.uniform(0.1, 0.35)),
    )


def random_air(rng: np.random.Generator, rig: Rig) -> Air:
    """The air of one night over ``rig``: all of it ordinary."""
    town = 0.4 if rig.site.lit > 1.5 else 0.15
    air = Air(
        fwhm_px=float(np.clip(rig.fwhm_px * rng.lognormal(0.0, 0.12), SHARPEST_PX, rig.softest_px)),
        sky_mag_arcsec2=float(rig.site.sky_mag_arcsec2 + rng.normal(0.0, 0.15)),
        airmass=float(1.0 + rng.exponential(0.25)),
        extinction_mag=rig.site.extinction_mag,
        haze=float(rng.beta(1.0, 12.0)),
        gradient_share=float(town * rng.beta(1.3, 3.0)),
        gradient_angle_deg=float(rng.uniform(0.0, 360.0)),
        bow_share=float(rng.normal(0.0, 0.03)),
        colour=rig.site.colour,
    )
    if rig.camera.image_circle > 0.0:
        # It overlooks everything, from the dark side of the sky to the town
        return replace(
            air,
            rim_share=float(min(rng.lognormal(0.2, 0.9), 8.0)),
            rim_lean=float(rng.uniform(0.0, 1.0)),
            gradient_share=float(min(town * rng.lognormal(math.log(1.5), 0.7), STEEPEST_ALL_SKY)),
        )
    return air


def random_band(rng: np.random.Generator, rig: Rig) -> Filter:
    """A filter that goes with the camera: colour sensors carry none or a light-pollution filter."""
    if rig.program == "seestar":
        return FILTERS[str(rng.choice(["IRCUT", "LP"], p=[0.75, 0.25]))]
    if rig.camera.bayer is not None:
        return FILTERS[str(rng.choice(["none", "LP"], p=[0.8, 0.2]))]
    return FILTERS[str(rng.choice(["L", "R", "G", "B", "Ha", "OIII", "SII"], p=[0.4, 0.1, 0.1, 0.1, 0.15, 0.1, 0.05]))]


def fitting_exposure_s(rng: np.random.Generator, rig: Rig, band: Filter, air: Air) -> float:
    """A usual exposure time under which the sky stays below a third of saturation."""
    if rig.exposures_s:
        usual = list(rig.exposures_s)
    elif rig.program == "seestar":
        usual = [10.0, 20.0, 30.0]
    elif rig.camera.bits <= 8:
        usual = [0.5, 1.0, 2.0, 4.0]
    else:
        usual = [5.0, 15.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0]
    sky_e_s = sky_electrons(air, rig.telescope, rig.camera, band, 1.0) * (1.0 + air.rim_share * (1.0 + air.rim_lean))
    fitting = [s for s in usual if s * sky_e_s < BRIGHTEST_SKY * rig.camera.saturation_e]
    return float(rng.choice(fitting or [max(0.1, round(usual[0] / 10.0, 1))]))


NAMES = (
    "M 31", "M 42", "M 13", "M 101", "NGC 7000", "NGC 891", "IC 1396", "NGC 6960", "M 45", "M 94", "Sh2-155",
    "Abell 1656",
)  # fmt: skip
DIFFUSE = {
    "none": 0.3, "cirrus": 0.08, "emission": 0.2, "filaments": 0.07, "reflection": 0.06, "shell": 0.04, "spiral": 0.09,
    "edge_on": 0.07, "ellipticals": 0.06, "comet": 0.03,
}  # fmt: skip


def random_target(
    rng: np.random.Generator, rig: Rig, air: Air, band: Filter, exposure_s: float, diffuse: str | None = None
) -> Target:
    """A field of 5 to 12,000 stars a megapixel at this rig's limit, with or without nebula, galaxy, cluster, comet."""
    camera = rig.camera
    sky_e = sky_electrons(air, rig.telescope, camera, band, exposure_s) + camera.dark_e_s * exposure_s
    noise_e = pixel_noise_e(camera, sky_e)
    share = band.width_nm / 300.0
    limit = limit_electrons(noise_e, air.fwhm_px) / (exposure_s * share * air.transmission)
    drawn = str(rng.choice(list(DIFFUSE), p=list(DIFFUSE.values())))
    # No nebula spans the whole sky
    diffuse = diffuse or ("none" if camera.image_circle > 0.0 else drawn)
    density = math.exp(rng.uniform(math.log(5.0), math.log(12_000.0)))
    if rng.random() < 0.5:
        density = math.exp(rng.normal(math.log(250.0), 0.9))  # most people's fields
    crowd = 2.5 * camera.megapixels / air.fwhm_px**2
    with_cluster = rng.random() < 0.08
    return Target(
        NAMES[int(rng.integers(len(NAMES)))],
        int(rng.integers(2**31)),
        ra_deg=float(rng.uniform(0.0, 360.0)),
        dec_deg=float(rng.uniform(-30.0, 80.0)),
        density_per_mpx=float(np.clip(density, 5.0, 12_000.0)),
        slope=float(rng.uniform(0.6, 1.1)),
        limit_e_s=float(limit),
        cluster_stars=int(rng.uniform(300.0, 4000.0) * min(crowd, 1.5)) if with_cluster else 0,
        cluster_radius_px=float(min(rig.size) * rng.uniform(0.04, 0.15)),
        diffuse=diffuse,
        diffuse_e_s=float(noise_e * rng.lognormal(math.log(2.0), 0.9) / (exposure_s * share)),
        diffuse_size=float(rng.uniform(0.15, 1.4)),
        drift_px_s=(float(rng.normal(0.0, 0.01)), float(rng.normal(0.0, 0.01))) if diffuse == "comet" else (0.0, 0.0),
    )


def jittered(air: Air, rng: np.random.Generator) -> Air:
    """``air`` a moment later: seeing within a few per cent, a breath of haze, the sky a little brighter or darker."""
    return replace(
        air,
        fwhm_px=float(air.fwhm_px * rng.lognormal(0.0, 0.025)),
        haze=float(np.clip(air.haze + rng.normal(0.0, 0.008), 0.0, 0.3)),
        sky_mag_arcsec2=float(air.sky_mag_arcsec2 + rng.normal(0.0, 0.01)),
    )
