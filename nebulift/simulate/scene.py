"""``Scene``: everything that decides what one exposure shows, short of the camera and of chance."""

from dataclasses import dataclass, field
from typing import TypeVar

from nebulift.simulate.atmosphere import Air
from nebulift.simulate.causes import Blur, Cause, Dew, Motion, OffTarget
from nebulift.simulate.diffuse import EMITTING
from nebulift.simulate.field import Pointing, Target
from nebulift.simulate.optics import Filter, Telescope
from nebulift.simulate.psf import StarShape

CauseT = TypeVar("CauseT")


@dataclass(frozen=True, slots=True)
class Scene:
    """One exposure of ``target``. ``time_s`` counts from the start of the night: clouds and comets move by it."""

    target: Target
    telescope: Telescope
    band: Filter
    exposure_s: float
    air: Air
    pointing: Pointing = field(default_factory=Pointing)
    time_s: float = 0.0
    causes: tuple[Cause, ...] = ()

    def chosen(self, kind: type[CauseT]) -> list[CauseT]:
        """The causes of one class."""
        return [cause for cause in self.causes if isinstance(cause, kind)]


def star_shape(scene: Scene) -> StarShape:
    """The image of a star in this scene; of several motions or blurs the last counts."""
    motions, dews = scene.chosen(Motion), scene.chosen(Dew)
    donut, bell = 0.0, 0.0
    for blur in scene.chosen(Blur):
        if blur.form == "seeing":
            bell = blur.diameter_px / 2.355
        else:
            donut = blur.diameter_px
    return StarShape(
        scene.air.fwhm_px,
        scene.telescope,
        motions[-1].track if motions else None,
        defocus_px=donut,
        blur_sigma_px=bell,
        dew_share=dews[-1].halo_share if dews else 0.0,
        dew_radius_px=dews[-1].radius_px if dews else 40.0,
    )


def pointing_of(scene: Scene) -> Pointing:
    """Where the telescope really looks: the planned pointing plus what went wrong."""
    dx, dy = scene.pointing.dx_px, scene.pointing.dy_px
    for miss in scene.chosen(OffTarget):
        dx, dy = dx + miss.dx_px, dy + miss.dy_px
    return Pointing(dx, dy, scene.pointing.rotation_deg, scene.pointing.flipped)


def band_factor(scene: Scene) -> float:
    """Electrons of a star through the scene's filter over those through luminance."""
    return scene.band.width_nm / 300.0


def diffuse_factor(scene: Scene) -> float:
    """The same for the target's soft light: emission nebulae keep their light in narrow bands."""
    emission = scene.band.emission if scene.target.diffuse in EMITTING else 1.0
    return band_factor(scene) * emission
