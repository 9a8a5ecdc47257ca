"""Where a trail begins and ends, finer than the segments of its first measurement, and how well that is known."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.band import SEGMENTS, Ends, gather
from nebulift.streaks.matched import Matched, matched
from nebulift.streaks.profile import FWHM_PER_SIGMA, TrailFit, between, clip_of
from nebulift.streaks.spikes import Maps, within_map

WINDOW_SHARE = 1.0 / 12.0  # of the trail's length, on both sides of each end
MIN_WINDOW_PX = 24.0
LIKELY_CHI2 = 4.0  # 1 would hold for a sharp end of known height: measured, ends scatter by twice that
LEAST_ERROR_PX = 0.5  # of the map
# of its length: pieces by which a trail is drawn out while they are seen, one after the other: light fades steadily, so
# a piece that only noise or a faint star lifts lies beyond one that is dark
PIECE_SHARE, MIN_PIECE_PX, PIECE_SNR = 1.0 / 24.0, 10.0, 2.5
MOST_GROWTH = 1.5
BORDER_PX = 4.0  # a trail that comes so near the border of the map leaves the frame there
HEIGHT_SEGMENTS = 12  # whose mean is the height of the ridge near an end


def with_fine_ends(fit: TrailFit, flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int) -> TrailFit:
    """The fit with its ends moved to where its light begins and stops, and their standard errors along it.

    The step that fits best, by chi squared, a ridge of the height that the trail has near that end. The error is half
    of the range in which chi squared is near its least: a star over the end makes it as large as the star.
    """
    run, rise = fit.x1 - fit.x0, fit.y1 - fit.y0
    length = float(np.hypot(run, rise))
    cos, sin = run / length, rise / length
    maps = flat, covered, covered_scale
    first, first_error = _beyond(maps, fit, (fit.x0, fit.y0, -cos, -sin), fit.along[:HEIGHT_SEGMENTS])
    last, last_error = _beyond(maps, fit, (fit.x1, fit.y1, cos, sin), fit.along[-HEIGHT_SEGMENTS:])
    return replace(
        fit,
        x0=fit.x0 - first * cos,
        y0=fit.y0 - first * sin,
        x1=fit.x1 + last * cos,
        y1=fit.y1 + last * sin,
        end_errors=(first_error, last_error),
    )


def with_faint_ends(fit: TrailFit, flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int) -> TrailFit:
    """The fit drawn out, piece by piece, as far as the light beyond its ends is seen; measured again where it grew.

    Meteors and what enters the Earth's shadow fade away below what their ends are found by.
    """
    run, rise = fit.x1 - fit.x0, fit.y1 - fit.y0
    length = float(np.hypot(run, rise))
    cos, sin = run / length, rise / length
    maps = flat, covered, covered_scale
    first, last = (
        _faint_light(maps, fit, (fit.x0, fit.y0, -cos, -sin)),
        _faint_light(maps, fit, (fit.x1, fit.y1, cos, sin)),
    )
    if max(first, last) == 0.0:
        return fit
    ends = (fit.x0 - first * cos, fit.y0 - first * sin, fit.x1 + last * cos, fit.y1 + last * sin)
    return between(fit, flat, covered, covered_scale, ends)


def _faint_light(maps: Maps, fit: TrailFit, end: tuple[float, float, float, float]) -> float:
    """How far light goes on beyond an end: as long as pieces of the line stand out.

    ``end``: (x, y, direction outwards). Pieces under stars tell nothing and are passed over.
    """
    flat, covered, covered_scale = maps
    x, y, cos, sin = end
    length = float(np.hypot(fit.x1 - fit.x0, fit.y1 - fit.y0))
    piece = max(length * PIECE_SHARE, MIN_PIECE_PX)
    chord = within_map((x, y, x + MOST_GROWTH * length * cos, y + MOST_GROWTH * length * sin), flat.shape)
    far = 0.0 if chord is None else float(np.hypot(chord[2] - x, chord[3] - y))
    pieces = int(far / piece)
    if chord is None or pieces == 0:
        return 0.0
    stop = (x + pieces * piece * cos, y + pieces * piece * sin)
    sums = matched(gather(flat, covered, covered_scale, (x, y, *stop), pieces), fit.fwhm / FWHM_PER_SIGMA)
    snr = sums.signal / np.sqrt(np.maximum(sums.variance, 1e-9)) / fit.noise
    snr = snr[::-1] if _is_reversed((x, y, *stop)) else snr
    known = np.flatnonzero((sums.power[::-1] if _is_reversed((x, y, *stop)) else sums.power) > 0.0)
    reached = 0
    for place in known:
        if snr[place] < PIECE_SNR:
            break
        reached = int(place) + 1
    return reached * piece


def _beyond(
    maps: Maps, fit: TrailFit, end: tuple[float, float, float, float], heights: NDArray[np.float64]
) -> tuple[float, float]:
    """(how far the trail goes on beyond an end, standard error); ``end``: (x, y, direction outwards)."""
    flat, covered, covered_scale = maps
    x, y, cos, sin = end
    window = max(WINDOW_SHARE * float(np.hypot(fit.x1 - fit.x0, fit.y1 - fit.y0)), MIN_WINDOW_PX)
    part = within_map((x + window * cos, y + window * sin, x - window * cos, y - window * sin), flat.shape)
    known = heights[np.isfinite(heights)]
    if _at_border(x, y, flat.shape) or part is None or len(known) == 0 or known.mean() <= 0.0:
        return 0.0, LEAST_ERROR_PX
    band = gather(flat, covered, covered_scale, part, clip_sigma=clip_of(fit))
    sums = matched(band, fit.fwhm / FWHM_PER_SIGMA)
    if _is_reversed(part):
        sums = Matched(sums.signal[::-1], sums.variance[::-1], sums.power[::-1])
    outermost = (part[0] - x) * cos + (part[1] - y) * sin
    step = float(np.hypot(part[2] - part[0], part[3] - part[1])) / SEGMENTS
    at, error = _step(sums, float(known.mean()))
    return outermost - at * step, max(error * step, LEAST_ERROR_PX)


def ends_inside(fit: TrailFit, shape: tuple[int, int]) -> int:
    """How many of the two ends lie within the map, clear of its border."""
    return sum(not _at_border(x, y, shape) for x, y in ((fit.x0, fit.y0), (fit.x1, fit.y1)))


def _at_border(x: float, y: float, shape: tuple[int, int]) -> bool:
    return min(x, y, shape[1] - 1 - x, shape[0] - 1 - y) < BORDER_PX


def _is_reversed(ends: Ends) -> bool:
    """True when ``gather`` numbers the segments from the second end."""
    run, rise = ends[2] - ends[0], ends[3] - ends[1]
    return bool((rise if abs(rise) > abs(run) else run) < 0.0)


def _step(sums: Matched, height: float) -> tuple[float, float]:
    """(place, error) of the step from nothing to ``height``, in segments from the first."""
    variance = np.maximum(sums.variance, 1e-9)
    gain = np.where(sums.power > 0.0, ((sums.signal - height * sums.power) ** 2 - sums.signal**2) / variance, 0.0)
    # chi squared when the trail begins before segment k: nothing before, the ridge from there on
    chi2 = np.concatenate([[0.0], np.cumsum(gain[::-1])])[::-1]
    likely = np.flatnonzero(chi2 <= chi2.min() + LIKELY_CHI2)
    return float(likely.mean()), float(max((likely[-1] - likely[0]) / 2.0, 12**-0.5))
