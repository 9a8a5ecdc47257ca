"""Tracks of cosmic rays: they did not come through the telescope, so they are one pixel wide where stars are not.

The maps of large frames are of 2 x 2 pixels, on which both are alike: these few lines are looked at in the raw pixels.
"""

import numpy as np
from numpy.typing import NDArray

from nebulift.frame import Frame
from nebulift.scan import MAD_TO_SIGMA, UNITS_PER_SIGMA
from nebulift.streaks.profile import FWHM_PER_SIGMA, KERNELS_PX, TrailFit, measure_trail

LONGEST_PX = 400.0  # of some ten micrometres of silicon a particle crosses so many pixels only within half a degree
# the narrowest kernel fits what is one pixel wide; light that the pixels sample well is two steps wider at least. It is
# held against that, not against the stars alone: bad guiding widens them, and no trail
TRACK_PX, LEAST_STAR_FWHM_PX = 1.01 * FWHM_PER_SIGMA * KERNELS_PX[0], 2.4
MARGIN_PX = 26  # to both sides of the line, for its surroundings


def is_cosmic_ray(trail: TrailFit, frame: Frame, star_fwhm_px: float) -> bool:
    """Whether a short line, in raw pixels, is one pixel wide while the stars are far wider (0: not known).

    Raises ``UnreadableFrame`` when the frame's file has become shorter.
    """
    length = float(np.hypot(trail.x1 - trail.x0, trail.y1 - trail.y0))
    if star_fwhm_px < LEAST_STAR_FWHM_PX or length > LONGEST_PX or trail.fwhm > star_fwhm_px * 2.0:
        return False
    x, y = sorted((trail.x0, trail.x1)), sorted((trail.y0, trail.y1))
    left, top = (max(int(low) - MARGIN_PX, 0) // 2 * 2 for low in (x[0], y[0]))
    right, bottom = int(x[1]) + MARGIN_PX, min(int(y[1]) + MARGIN_PX, frame.shape[0])
    raw = _in_sigma(frame.pixels.rows(top, bottom)[:, left:right].astype(np.float32))
    nothing = np.zeros((1, 1), dtype=bool)
    ends = (trail.x0 - left, trail.y0 - top, trail.x1 - left, trail.y1 - top)
    fit = measure_trail(raw, nothing, max(raw.shape), ends)
    return fit is not None and fit.fwhm < TRACK_PX


def _in_sigma(raw: NDArray[np.float32]) -> NDArray[np.int16]:
    """Pixels above the sky in the units of maps; each pixel of a 2 x 2 mosaic has a sky and a noise of its own."""
    units = np.zeros(raw.shape, dtype=np.int16)
    limit = np.iinfo(np.int16).max
    for phase in (np.s_[row::2, column::2] for row in (0, 1) for column in (0, 1)):
        above = raw[phase] - np.nanmedian(raw[phase])
        noise = max(float(np.nanmedian(np.abs(above))) * MAD_TO_SIGMA, 1e-30)
        units[phase] = np.nan_to_num(np.clip(above / noise * UNITS_PER_SIGMA, -limit, limit))
    return units
