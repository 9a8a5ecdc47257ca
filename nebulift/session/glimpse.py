"""``Glimpse``: what of a frame is kept for comparing it with its group: stars, a small map of the sky, trails."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.cv_prefilter import Views
from nebulift.measurements import Measurements
from nebulift.session.sky_residual import mesh_on_grid, sky_residual

ROWS, COLUMNS = 44, 64  # of the small map: at 26 MP a cell is 95 raw pixels, wider than stars, narrower than clouds
PRESENT_STARS = 600  # positions kept: enough to say that a bright star is there or is not
MATCHED_STARS = 150  # with flux


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """A few kilobytes of one frame; lengths in raw pixels."""

    shape_px: tuple[int, int]
    present: NDArray[np.float64]  # (n, 2) x, y of detected stars, brightest first
    stars: NDArray[np.float64]  # (m, 2) x, y of the brightest unsaturated ones
    flux_adu: NDArray[np.float64]  # (m,)
    sky_adu: NDArray[np.float32]  # (44, 64) background
    residual: NDArray[np.float32]  # (44, 64) what the background leaves of the sky's light, noise of one pixel; or NaN
    residual_noise: float  # expected of a cell of it
    noise_adu: float  # of one raw pixel
    trails: NDArray[np.float64]  # (k, 4) end points x0 y0 x1 y1


def glimpse_of(views: Views, measured: Measurements) -> Glimpse:
    """The glimpse of an analysed frame."""
    stars, shapes = views.stars, views.stars.shapes
    noise_adu = max(measured.sky.noise_adu, 1e-6)
    known = np.flatnonzero(np.isfinite(shapes.flux_adu) & (shapes.flux_adu > 0.0))
    order = known[np.argsort(-shapes.flux_adu[known], kind="stable")][:MATCHED_STARS]
    if measured.sky.is_all_sky:
        order = order[:0]  # an all-sky lens does not follow the sky: other stars stand in other places every minute
    background = views.background
    how = cv2.INTER_AREA if background.level.shape[0] >= ROWS else cv2.INTER_LINEAR
    level = cv2.resize(background.level, (COLUMNS, ROWS), interpolation=how)
    residual, residual_noise = sky_residual(views.scan, background, views.maps, stars, (ROWS, COLUMNS))
    # so that both together are the light that is there: the mesh was drawn out to be taken off the frame
    residual += (mesh_on_grid(background.level, (ROWS, COLUMNS)) - level) * (views.scan.sigma_adu / noise_adu)
    trails = [(trail.x0_px, trail.y0_px, trail.x1_px, trail.y1_px) for trail in measured.streaks]
    return Glimpse(
        views.shape_px,
        np.stack([stars.x_px[:PRESENT_STARS], stars.y_px[:PRESENT_STARS]], axis=1).astype(np.float64),
        np.stack([shapes.x_px[order], shapes.y_px[order]], axis=1),
        shapes.flux_adu[order],
        (views.scan.zero_adu + level * views.scan.sigma_adu).astype(np.float32),
        residual,
        residual_noise,
        noise_adu,
        np.array(trails, dtype=np.float64).reshape(-1, 4),
    )
