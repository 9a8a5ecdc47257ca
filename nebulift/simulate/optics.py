"""``Telescope``: what stands before the camera, and how much of the sky's light it brings to a pixel."""

import math
from dataclasses import dataclass, replace

import numpy as np

from nebulift.simulate.camera import Camera

# Photons of a star of magnitude 0 through 300 nm of visible light, per second and square metre: the flux of Vega,
# about 1e8 photons /s /m2 /nm in V (Bessell 1979, PASP 91, 589), over the band of a luminance filter.
PHOTONS_MAG0_S_M2_NM = 1.0e8
TRANSMITTED = 0.75  # mirrors, lenses, filter glass and air at the zenith together


@dataclass(frozen=True, slots=True)
class Telescope:
    """One optical train. Angles in degrees from x towards y (down)."""

    name: str
    aperture_mm: float
    focal_length_mm: float
    obstruction: float = 0.0  # diameter of the central obstruction over the aperture
    spikes: int = 0  # 0, 4 or 6
    spike_angle_deg: float = 0.0
    spike_share: float = 0.01  # of a star's light, all arms together
    scatter_share: float = 0.01  # of a star's light, in an aureole that falls as 1/r^2
    halo_share: float = 0.003  # of a star's light, in a faint disc from reflections between filter and sensor
    halo_radius_px: float = 70.0
    beta: float = 3.0  # of the Moffat profile
    elongation: float = 1.03  # everywhere
    elongation_angle_deg: float = 0.0
    coma: float = 0.0  # added width along the radius in the corners, over the FWHM
    tilt: float = 0.0  # growth of the FWHM towards one edge, share
    tilt_angle_deg: float = 0.0
    blur_px: float = 1.3  # FWHM of the image without air

    def scale_arcsec(self, camera: Camera) -> float:
        """Arcseconds a pixel."""
        return math.degrees(math.atan(camera.pixel_um / 1000.0 / self.focal_length_mm)) * 3600.0

    def electrons_mag0_s(self, camera: Camera, band: "Filter") -> float:
        """Electrons a second of a star of magnitude 0 at the zenith."""
        area_m2 = math.pi / 4.0 * (self.aperture_mm / 1000.0) ** 2 * (1.0 - self.obstruction**2)
        return PHOTONS_MAG0_S_M2_NM * band.width_nm * area_m2 * TRANSMITTED * camera.quantum_efficiency


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: its name in headers, its width, and what it does to colours and emission lines."""

    name: str
    width_nm: float
    blue_to_red: float = 0.5  # 0 blue end, 1 red end: how star colours change the count
    emission: float = 1.0  # brightness of an emission nebula over that of the sky, against luminance
    sky: float = 1.0  # brightness of light-polluted sky per nm, against luminance


FILTERS: dict[str, Filter] = {
    "L": Filter("L", 300.0),
    "R": Filter("R", 100.0, 0.85, emission=1.6),
    "G": Filter("G", 90.0, 0.5, emission=0.9, sky=1.2),
    "B": Filter("B", 100.0, 0.15, emission=0.6, sky=0.8),
    "Ha": Filter("Ha", 7.0, 0.9, emission=20.0, sky=0.7),
    "OIII": Filter("OIII", 7.0, 0.4, emission=10.0, sky=0.8),
    "SII": Filter("SII", 7.0, 0.95, emission=8.0, sky=0.7),
    "IRCUT": Filter("IRCUT", 280.0),
    "LP": Filter("LP", 50.0, 0.6, emission=4.0, sky=0.5),
    "none": Filter("none", 300.0),
}

TELESCOPES: tuple[Telescope, ...] = (
    Telescope("RedCat 51", 51, 250, beta=3.5, coma=0.2),
    Telescope("Esprit 80ED", 80, 400, beta=3.2, coma=0.15),
    Telescope("TS 102 F7", 102, 714, beta=3.0, coma=0.3),
    Telescope("FRA400", 72, 400, beta=3.3, coma=0.1),
    Telescope("Newton 200/800", 200, 800, 0.35, spikes=4, coma=0.5, beta=2.8, spike_share=0.015),
    Telescope("Newton 150/600", 150, 600, 0.38, spikes=4, coma=0.6, beta=2.8, spike_share=0.015),
    Telescope("C8 EdgeHD", 203, 1422, 0.34, beta=2.6, scatter_share=0.02),
    Telescope("RC8", 203, 1624, 0.45, spikes=4, beta=2.5, spike_share=0.02, scatter_share=0.02),
    Telescope("RASA 8", 203, 400, 0.46, beta=2.7, coma=0.3, scatter_share=0.02),
    Telescope("Samyang 135", 60, 135, spikes=6, beta=3.5, coma=0.5, spike_share=0.006),
    Telescope("Sky Quattro 10", 254, 1000, 0.36, spikes=4, coma=0.4, beta=2.7, spike_share=0.02),
    Telescope("Hyper 6-vane 250", 250, 1250, 0.4, spikes=6, beta=2.6, spike_share=0.02),
)


def telescope_named(name: str) -> Telescope:
    """The telescope of the list with that name; ``StopIteration`` is impossible for names of this module."""
    return next(telescope for telescope in TELESCOPES if telescope.name == name)


def wandering(telescope: Telescope, scatter: float, rng: np.random.Generator) -> Telescope:
    """``telescope`` in another frame on a mount that nothing guides: stars drawn out a little more or less."""
    beyond = (telescope.elongation - 1.0) * float(rng.lognormal(0.0, scatter))
    return replace(
        telescope,
        elongation=1.0 + beyond,
        elongation_angle_deg=float(telescope.elongation_angle_deg + rng.normal(0.0, 15.0 * scatter)),
    )


def random_telescope(rng: np.random.Generator, camera: Camera) -> Telescope:
    """A telescope that somebody would put before ``camera`` (0.4 to 5 arcsec a pixel), with faults of its own."""
    if camera.name.startswith("Seestar"):
        base = Telescope("S50", 50, 250, beta=3.0, coma=0.2)
    else:
        fitting = [t for t in TELESCOPES if 0.4 <= t.scale_arcsec(camera) <= 5.0]
        base = fitting[int(rng.integers(len(fitting)))]
    return varied(rng, base)


def varied(rng: np.random.Generator, base: Telescope) -> Telescope:
    """One instrument of the type ``base``, with faults of its own."""
    return replace(
        base,
        spike_angle_deg=float(rng.uniform(0.0, 90.0)),
        spike_share=float(base.spike_share * rng.lognormal(0.0, 0.5)),
        scatter_share=float(base.scatter_share * rng.lognormal(0.0, 0.6)),
        halo_share=float(rng.choice([0.0, 1.0]) * rng.lognormal(-6.0, 0.7)),
        halo_radius_px=float(rng.uniform(25.0, 110.0)),
        beta=float(np.clip(base.beta * rng.uniform(0.8, 1.3), 2.1, 4.8)),
        elongation=float(1.0 + 0.12 * rng.beta(1.2, 4.0)),
        elongation_angle_deg=float(rng.uniform(0.0, 180.0)),
        coma=float(base.coma * rng.uniform(0.0, 1.2)),
        tilt=float(0.35 * rng.beta(1.0, 3.0)),
        tilt_angle_deg=float(rng.uniform(0.0, 360.0)),
    )
