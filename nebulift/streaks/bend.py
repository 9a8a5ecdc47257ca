"""Whether a line is a piece of something bent: the filament of a nebula is straight over a part of its way only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.band import BIN_PX, Ends, gather
from nebulift.streaks.matched import weights
from nebulift.streaks.profile import FWHM_PER_SIGMA, TrailFit

FARTHEST_PX = 10.0  # from the line
EXTENSION = 0.25  # of the length, beyond either end: there a filament has left the line, and a trail has ended
SHIFTS_PX = np.arange(-FARTHEST_PX, FARTHEST_PX + BIN_PX, BIN_PX)
CENTRE = len(SHIFTS_PX) // 2
ASIDE_PX = (-2.0, -1.0, 0.0, 1.0, 2.0)  # the best place of a bent line is not that of the straight one
# Of the ends against the middle: less is the distortion of a lens, or noise. Of some 150 trails of whole simulated
# scenes that were found none bends by more than 0.37; of 360 straight ridges in white noise none that does gains 20.
LEAST_BEND_FWHM = 0.45
LEAST_GAIN, GAIN_SHARE = 20.0, 0.02  # in S/N squared; of what the straight line has: its wings, where it is bright


@dataclass(frozen=True, slots=True)
class Bend:
    """The parabola that gathers most light along a line and beyond its ends."""

    ends_px: float  # by how many map pixels the ends lie aside of the middle
    gain: float  # in S/N squared, over the straight line
    straight: float  # S/N squared of that


@dataclass(frozen=True, slots=True, eq=False)
class _Light:
    """Matched sums and their variances in each segment for a ridge at each of the shifts, (segments, shifts)."""

    signal: NDArray[np.float64]
    variance: NDArray[np.float64]


def is_bent(fit: TrailFit, flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int) -> bool:
    """Whether a parabola through the line and a little beyond its ends gathers plainly more light than the line."""
    bend = best_bend(fit, flat, covered, covered_scale)
    return abs(bend.ends_px) >= LEAST_BEND_FWHM * fit.fwhm and bend.gain >= max(LEAST_GAIN, GAIN_SHARE * bend.straight)


def best_bend(fit: TrailFit, flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int) -> Bend:
    """The line between its ends, and what goes on beyond either of them, may each have a brightness of their own: a
    trail is dark there, a filament is not, but patchy. No segment beyond counts for more than one of the line: a star.
    """
    longer, begin, stop = _extended((fit.x0, fit.y0, fit.x1, fit.y1), flat.shape)
    light = _light_aside(fit, longer, flat, covered, covered_scale)
    segments = len(light.signal)
    along = begin + (np.arange(segments) + 0.5) / segments * (stop - begin)  # -1 and 1 at the ends of the line
    bends, aside = (one.ravel() for one in np.meshgrid(SHIFTS_PX, ASIDE_PX, indexing="ij"))
    place = np.rint((aside[:, None] + bends[:, None] * (along**2 - 1.0 / 3.0)) / BIN_PX).astype(np.intp) + CENTRE
    inside = (place >= 0) & (place < len(SHIFTS_PX))
    rows, place = np.arange(segments), np.where(inside, place, CENTRE)
    signal, variance = np.where(inside, light.signal[rows, place], 0.0), light.variance[rows, place]  # beyond: dark
    value = sum(
        np.maximum(signal[:, part].sum(axis=1), 0.0) ** 2 / np.maximum(variance[:, part].sum(axis=1), 1e-9)
        for part in (np.abs(along) <= 1.0, along < -1.0, along > 1.0)
    )
    best, straight = int(np.argmax(value)), float(np.max(value[bends == 0.0]))
    return Bend(float(bends[best]), float(value[best]) - straight, straight)


def _extended(ends: Ends, shape: tuple[int, int]) -> tuple[Ends, float, float]:
    """The line with its extensions as far as the map goes, and where it begins and stops: -1 and 1 at its own ends."""
    x0, y0, x1, y1 = ends
    middle_x, middle_y, half_x, half_y = (x0 + x1) / 2.0, (y0 + y1) / 2.0, (x1 - x0) / 2.0, (y1 - y0) / 2.0
    begin, stop = -1.0 - 2.0 * EXTENSION, 1.0 + 2.0 * EXTENSION
    for middle, half, size in ((middle_x, half_x, shape[1] - 1), (middle_y, half_y, shape[0] - 1)):
        if half != 0.0:
            near, far = sorted(((0.0 - middle) / half, (size - middle) / half))
            begin, stop = max(begin, min(near, -1.0)), min(stop, max(far, 1.0))
    longer = middle_x + begin * half_x, middle_y + begin * half_y, middle_x + stop * half_x, middle_y + stop * half_y
    return longer, begin, stop


def _light_aside(
    fit: TrailFit, longer: Ends, flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int
) -> _Light:
    band = gather(flat, covered, covered_scale, longer)
    pairs = [weights(fit.fwhm / FWHM_PER_SIGMA, float(shift), "both") for shift in SHIFTS_PX]
    kernels, sides = (np.stack(one, axis=1) for one in zip(*pairs, strict=True))
    side_count = np.maximum(band.counts @ sides, 1.0)
    reach, power = band.counts @ kernels, band.counts @ kernels**2
    signal = band.sums @ kernels - band.sums @ sides / side_count * reach
    return _Light(np.minimum(signal, fit.ridge_sigma * power), power + reach**2 / side_count)
