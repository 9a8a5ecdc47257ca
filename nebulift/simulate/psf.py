"""The image of a star: Moffat core, aureole, spikes, halo, defocus donut and tracking, integrated over pixels."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.optics import Telescope
from nebulift.simulate.tracking import Track, blurred, track_kernel

Image = NDArray[np.float32]
AUREOLE_CORE_PX = 6.0  # inside it the aureole is flat
AUREOLE_END_PX = 400.0  # its light is counted out to here; the largest stamp is that large


@dataclass(frozen=True, slots=True, eq=False)
class StarShape:
    """What shapes the stars of one frame.

    ``fwhm_px`` is that of the focused, unmoved image in the middle of the field before the pixels gather it: in the
    frame a star of FWHM 2 measures 2.1.
    """

    fwhm_px: float
    telescope: Telescope
    track: Track | None = None
    defocus_px: float = 0.0  # outer diameter of the donut
    blur_sigma_px: float = 0.0  # of a Gaussian, for bad seeing
    dew_share: float = 0.0  # of the light, in a halo of ``dew_radius_px``
    dew_radius_px: float = 40.0

    @property
    def extent_px(self) -> float:
        """Diameter that defocus, motion and blur add."""
        moved = float(np.abs(self.track.points_px).max()) * 2.0 if self.track is not None else 0.0
        return self.defocus_px + moved + 5.0 * self.blur_sigma_px


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the field, as what the optics do there: width over the middle's, and radial smear."""

    growth: float = 1.0
    radial: float = 0.0  # added width along the radius over the FWHM
    radial_angle_deg: float = 0.0


MIDDLE = Place()


def place_in_field(telescope: Telescope, x: float, y: float) -> Place:
    """The place at ``(x, y)``, both -1..1 from edge to edge."""
    towards = math.radians(telescope.tilt_angle_deg)
    along = x * math.cos(towards) + y * math.sin(towards)
    growth = 1.0 + telescope.tilt * max(along, 0.0)
    radius2 = (x * x + y * y) / 2.0
    return Place(growth, telescope.coma * radius2, math.degrees(math.atan2(y, x)))


def oversampling(shape: StarShape, radius_px: int) -> int:
    """Cells a pixel, even: enough for 3 % of the FWHM, fewer where the stamp is large and its core burnt out."""
    if radius_px > 170:
        return 1
    if radius_px > 60 or shape.fwhm_px > 7.0 or shape.extent_px > 12.0:
        return 2
    return 8 if shape.fwhm_px < 2.2 else 4


def fine_psf(shape: StarShape, place: Place, radius_px: int, cells: int) -> Image:
    """Light of one star on a grid of ``cells`` a pixel reaching ``radius_px + 1`` from the star; all of it sums to 1.

    Shape ``((2 radius + 2) cells,) * 2``, float32; the star sits on the corner in the middle.
    """
    cell_numbers = np.arange((2 * radius_px + 2) * cells)
    axis = ((cell_numbers + 0.5) / cells - radius_px - 1).astype(np.float32)
    x, y = axis[None, :], axis[:, None]
    telescope = shape.telescope
    wide = telescope.scatter_share + telescope.halo_share + (telescope.spike_share if telescope.spikes else 0.0)
    light = (1.0 - wide) * _moffat(x, y, shape, place)
    if radius_px > 30:
        light = light + _aureole(x, y, telescope) + _spikes(x, y, shape)
    light = np.asarray(light / cells**2, dtype=np.float32)
    for kernel in _kernels(shape, cells):
        light = blurred(light, kernel)
    if shape.dew_share > 0.0:
        light = _dewed(light, x, y, shape, cells)
    return light


def stamps(fine: Image, cells: int, radius_px: int) -> Image:
    """The star integrated over pixels at every sub-pixel phase, shape ``(cells, cells, 2 radius + 1, 2 radius + 1)``.

    ``stamps[j, i]`` holds a star at ``(i / cells - 0.5, j / cells - 0.5)`` from the centre of the middle pixel.
    """
    side = 2 * radius_px + 1
    total = cv2.integral(fine, sdepth=cv2.CV_64F)[1:, 1:]
    # the light of a pixel that begins at each cell; all phases of one place lie side by side in it
    pixel = total[cells:, cells:] - total[:-cells, cells:] - total[cells:, :-cells] + total[:-cells, :-cells]
    phases = pixel[: side * cells, : side * cells].astype(np.float32).reshape(side, cells, side, cells)
    return np.ascontiguousarray(phases.transpose(1, 3, 0, 2)[::-1, ::-1])


def brightest_at(shape: StarShape, radius_px: float) -> float:
    """Share of a star's light in the brightest pixel at ``radius_px``: says how far a star must be painted."""
    reach = max(radius_px - shape.extent_px / 2.0, 0.5)
    telescope = shape.telescope
    core = float(_moffat(np.float32(reach), np.float32(0.0), shape, Place(1.0 + telescope.tilt, telescope.coma)))
    wide = telescope.scatter_share * _aureole_density(reach)
    if telescope.spikes:
        wide += telescope.spike_share / telescope.spikes * _spike_density(reach) / (1.06 * shape.fwhm_px)
    if reach < telescope.halo_radius_px:
        wide += telescope.halo_share / (math.pi * telescope.halo_radius_px**2)
    if shape.dew_share:
        wide += shape.dew_share * math.exp(-0.5 * (reach / shape.dew_radius_px) ** 2) / (6.28 * shape.dew_radius_px**2)
    return core + wide


def line_profile(shape: StarShape, widening_px: float = 0.0) -> tuple[Image, Image]:
    """(distance, brightness) across a trail of unit light a pixel of length, from 0 outwards; motion left out.

    A satellite crosses within a second: it is blurred by seeing and focus, not by the mount.
    """
    still = StarShape(shape.fwhm_px, shape.telescope, None, shape.defocus_px, shape.blur_sigma_px)
    radius = math.ceil(3.0 * shape.fwhm_px + still.extent_px / 2.0) + 2
    cells = oversampling(still, radius) * 2
    across = fine_psf(still, MIDDLE, radius, cells).sum(axis=0, dtype=np.float64)
    for width in (1.0, widening_px):  # a pixel gathers over its own width; the smear comes on top
        if width > 0.0:
            box = _box(width * cells)
            across = np.convolve(np.pad(across, len(box)), box, mode="same")
    across = 0.5 * (across + across[::-1])
    half = across[len(across) // 2 :] / across.sum() * cells
    return ((np.arange(len(half)) + 0.5) / cells).astype(np.float32), half.astype(np.float32)


def measured_fwhm(fine: Image, cells: int) -> tuple[float, float]:
    """(FWHM in px as the diameter of the area above half of the maximum, elongation from second moments there)."""
    half = fine >= 0.5 * fine.max()
    fwhm = 2.0 * math.sqrt(float(half.sum()) / math.pi) / cells
    y, x = np.nonzero(fine >= 0.2 * fine.max())
    covariance = np.cov(np.stack([x, y]).astype(np.float64), aweights=fine[y, x])
    small, large = np.linalg.eigvalsh(covariance)
    return fwhm, float(math.sqrt(max(large, 1e-9) / max(small, 1e-9)))


def _moffat(x: Image | np.float32, y: Image | np.float32, shape: StarShape, place: Place) -> Image:
    telescope = shape.telescope
    long = math.sqrt(telescope.elongation)
    x, y = _rotated(x, y, telescope.elongation_angle_deg)
    x, y = x / np.float32(long), y * np.float32(long)
    x, y = _rotated(x, y, place.radial_angle_deg - telescope.elongation_angle_deg)
    smear = 1.0 + place.radial
    fwhm = shape.fwhm_px * place.growth
    alpha2 = (fwhm / 2.0) ** 2 / (2.0 ** (1.0 / telescope.beta) - 1.0)
    r2 = ((x / np.float32(smear)) ** 2 + y**2) / np.float32(alpha2)
    peak = (telescope.beta - 1.0) / (math.pi * alpha2 * smear)
    return np.asarray(np.float32(peak) * (1.0 + r2) ** np.float32(-telescope.beta), dtype=np.float32)


def _rotated(
    x: Image | np.float32, y: Image | np.float32, angle_deg: float
) -> tuple[Image | np.float32, Image | np.float32]:
    c, s = np.float32(math.cos(math.radians(angle_deg))), np.float32(math.sin(math.radians(angle_deg)))
    return x * c + y * s, y * c - x * s


def _aureole_density(radius: float) -> float:
    total = math.pi * math.log(1.0 + (AUREOLE_END_PX / AUREOLE_CORE_PX) ** 2)
    return 1.0 / (total * (radius**2 + AUREOLE_CORE_PX**2))


def _aureole(x: Image, y: Image, telescope: Telescope) -> Image:
    r2 = x**2 + y**2
    total = math.pi * math.log(1.0 + (AUREOLE_END_PX / AUREOLE_CORE_PX) ** 2)
    light = telescope.scatter_share / total / (r2 + AUREOLE_CORE_PX**2)
    if telescope.halo_share > 0.0:
        edge = np.clip((telescope.halo_radius_px - np.sqrt(r2)) / 2.0 + 0.5, 0.0, 1.0)
        light = light + telescope.halo_share / (math.pi * telescope.halo_radius_px**2) * edge
    return np.asarray(light, dtype=np.float32)


def _spike_density(radius: float) -> float:
    return 8.0 / (radius + 8.0) ** 2  # light a pixel along one arm, of sum 1


def _spikes(x: Image, y: Image, shape: StarShape) -> Image | float:
    telescope = shape.telescope
    if telescope.spikes == 0:
        return 0.0
    light = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype=np.float32)
    sigma = np.float32(shape.fwhm_px / 2.355)
    for arm in range(telescope.spikes // 2):  # each line through the star is two arms
        along, across = _rotated(x, y, telescope.spike_angle_deg + arm * 360.0 / telescope.spikes)
        line = np.exp(np.float32(-0.5) * (across / sigma) ** 2) / (sigma * np.float32(2.5066))
        light += line * np.float32(8.0) / (np.abs(along) + np.float32(8.0)) ** 2
    return light * np.float32(telescope.spike_share / telescope.spikes)


def _kernels(shape: StarShape, cells: int) -> list[Image]:
    kernels = []
    if shape.defocus_px * cells > 1.5:
        kernels.append(donut(shape.defocus_px, shape.telescope.obstruction, cells))
    if shape.blur_sigma_px > 0.0:
        half = max(1, math.ceil(3.0 * shape.blur_sigma_px * cells))
        bell = np.exp(-0.5 * (np.arange(-half, half + 1) / (shape.blur_sigma_px * cells)) ** 2)
        kernels.append(np.asarray(np.outer(bell, bell) / bell.sum() ** 2, dtype=np.float32))
    if shape.track is not None:
        kernels.append(track_kernel(shape.track, cells))
    return kernels


def donut(diameter_px: float, obstruction: float, cells: int) -> Image:
    """A defocused point of light, sum 1: a disc with the shadow of the central obstruction, soft at the edges."""
    half = math.ceil(diameter_px * cells / 2.0) + 1
    axis = np.arange(-half, half + 1, dtype=np.float32)
    radius = np.hypot(axis[None, :], axis[:, None])
    outer, inner = diameter_px * cells / 2.0, diameter_px * obstruction * cells / 2.0
    light = np.clip(outer - radius + 0.5, 0.0, 1.0) - (np.clip(inner - radius + 0.5, 0.0, 1.0) if inner > 0.3 else 0.0)
    light *= 0.8 + 0.4 * np.clip(radius / max(outer, 1.0), 0.0, 1.0)  # spherical aberration brightens the rim
    return np.asarray(light / light.sum(), dtype=np.float32)


def _dewed(light: Image, x: Image, y: Image, shape: StarShape, cells: int) -> Image:
    sigma2 = shape.dew_radius_px**2
    halo = np.exp(-0.5 * (x**2 + y**2) / sigma2) / (2.0 * math.pi * sigma2 * cells**2)
    return np.asarray((1.0 - shape.dew_share) * light + shape.dew_share * halo, dtype=np.float32)


def _box(width_cells: float) -> NDArray[np.float64]:
    half = int(width_cells / 2.0) + 1
    box = np.clip(width_cells / 2.0 - np.abs(np.arange(-half, half + 1)) + 0.5, 0.0, 1.0)
    return np.asarray(box / box.sum(), dtype=np.float64)
