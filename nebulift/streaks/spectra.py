"""Spectra of a grating: parallel streaks, each at the same distance from its star, which is the zeroth order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.along import tapers
from nebulift.streaks.profile import TrailFit

PARALLEL_DEG = 1.0
LINE_SNR, ALIKE_SHARE = 7.0, 0.15  # stars differ in brightness
LONGEST_SHARE = 0.45  # of the diagonal of the map
ALIKE_LENGTH = 1.6  # faint spectra show less of their ends
ABREAST_SHARE = 0.15  # of its length: lights of one aircraft begin and end side by side
STAR_SNR = 25.0
ACROSS_PX, ALONG_SHARE = 3.0, 0.15  # how near its place the star lies, in pixels of the map and of the length
STAR_REACH = 2.5  # lengths from the middle of the spectrum to its star


def spectra(
    fits: Sequence[TrailFit], stars_px: NDArray[np.floating], snr: NDArray[np.floating], shape: tuple[int, int]
) -> list[bool]:
    """For each line whether it and a parallel one are displaced alike from two stars, and one fades to both ends.

    All in pixels of a map of ``shape``; ``stars_px``: (n, 2) places (x, y) of stars, ``snr``: theirs.
    """
    stars = stars_px[snr >= STAR_SNR]
    diagonal = float(np.hypot(*shape))
    found = [False] * len(fits)
    for index, fit in enumerate(fits):
        if _length(fit) > LONGEST_SHARE * diagonal:
            continue
        fades = tapers(fit.along)
        alike = [one for one in fits if one is not fit and _is_alike(fit, one) and (fades or tapers(one.along))]
        found[index] = any(_same_displacement(fit, other, stars) for other in alike)
    return found


def _is_alike(fit: TrailFit, other: TrailFit) -> bool:
    """Parallel, about as long, bright enough and not abreast."""
    run, rise = _direction(fit)
    apart = abs(run * _direction(other)[1] - rise * _direction(other)[0])
    offset = abs(float((_middle(other) - _middle(fit)) @ (run, rise)))
    lengths = sorted((_length(fit), _length(other)))
    return (
        apart < np.radians(PARALLEL_DEG)
        and lengths[1] < ALIKE_LENGTH * lengths[0]
        and offset > ABREAST_SHARE * lengths[1]
        and other.snr >= max(LINE_SNR, ALIKE_SHARE * fit.snr)
    )


def _same_displacement(fit: TrailFit, other: TrailFit, stars: NDArray[np.floating]) -> bool:
    """True when stars on the lines through both lie equally far from their middles, on the same side."""
    one, two = (_places_on(line, stars, _direction(fit)) for line in (fit, other))
    slack = ALONG_SHARE * max(_length(fit), _length(other))
    return bool((np.abs(one[:, None] - two[None, :]) < slack).any())


def _places_on(line: TrailFit, stars: NDArray[np.floating], direction: tuple[float, float]) -> NDArray[np.floating]:
    """How far from its middle, along it, the stars beyond the ends of the line lie."""
    run, rise = direction
    away = stars - _middle(line)
    own = _direction(line)
    across, along = np.abs(away[:, 0] * own[1] - away[:, 1] * own[0]), away @ (run, rise)
    length = _length(line)
    near = (across < ACROSS_PX) & (np.abs(along) > 0.5 * length) & (np.abs(along) < STAR_REACH * length)
    return np.asarray(along[near])


def _length(fit: TrailFit) -> float:
    return float(np.hypot(fit.x1 - fit.x0, fit.y1 - fit.y0))


def _middle(fit: TrailFit) -> NDArray[np.float64]:
    return np.array([(fit.x0 + fit.x1) / 2.0, (fit.y0 + fit.y1) / 2.0])


def _direction(fit: TrailFit) -> tuple[float, float]:
    length = _length(fit)
    return (fit.x1 - fit.x0) / length, (fit.y1 - fit.y0) / length
