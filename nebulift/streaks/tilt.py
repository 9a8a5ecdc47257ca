"""Where exactly a line lies: its chord across the map, moved and tilted to where the sum along it is greatest."""

from collections.abc import Iterator
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.band import HALF_PX, SEGMENTS, Band, Ends, gather
from nebulift.streaks.matched import beside_px, weights

REACH_PX, STEP_PX = 10.0, 0.5
NEAR_PX = 3.0
KNOWN_TO_PX = 2.0  # of the coarser map, after a look there
TILT_KERNEL_PX = 1.7  # standard deviation: blunt enough to see a line that the search missed by some pixels
MAX_TILTS = 4  # a candidate found on a short piece is off by more than the search reaches at its far end
MIN_BLUNT_SNR = 4.5  # with the blunt kernel, before width and ends are fitted; noise candidates end here
MIN_ROUGH_SNR = 4.3  # on a coarser map, where fewer lines are tried


def chord_of_light(flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, ends: Ends) -> Ends | None:
    """The chord of the map along which most light lies near the line through ``ends``; ``None``: there is none.

    The line is drawn out to the borders of the map, moved and tilted to where the sum is greatest. Where ``covered`` is
    coarser than the map, so is the map on which the line was found: it is known to about a pixel of that.
    """
    reach_px = REACH_PX if covered_scale == 1 else min(KNOWN_TO_PX * covered_scale, REACH_PX)
    return _settled(ends, (flat, covered, covered_scale), (TILT_KERNEL_PX, reach_px), MIN_BLUNT_SNR)


def rough_chord(level_map: NDArray[np.int16], covered: NDArray[np.bool_], coarser: int, ends: Ends) -> Ends | None:
    """The same on a map coarser by ``coarser``, as far as it can be told there: a tenth of the work, and most of what
    noise proposed ends here. All in pixels of that map.
    """
    kernel_px, reach_px = TILT_KERNEL_PX / coarser, REACH_PX / coarser
    return _settled(ends, (level_map, covered, 1), (kernel_px, reach_px), MIN_ROUGH_SNR)


def _settled(
    ends: Ends,
    maps: tuple[NDArray[np.int16], NDArray[np.bool_], int],
    kernel_and_reach_px: tuple[float, float],
    least_snr: float,
) -> Ends | None:
    chord = across_map(ends, maps[0].shape)
    kernel_px, reach_px = kernel_and_reach_px
    half_px = min(beside_px(kernel_px) + reach_px, HALF_PX)
    for _ in range(MAX_TILTS):
        if chord is None:
            return None
        first, last, snr = _best_tilt(gather(*maps, chord, half_px=half_px), kernel_px, reach_px)
        if snr < least_snr:
            return None
        chord = across_map(_moved(chord, first, last), maps[0].shape)
        if max(abs(first), abs(last)) <= 1.0:
            break
    return chord


@lru_cache(maxsize=8)
def _shifted_weights(
    kernel_px: float, reach_px: float
) -> tuple[NDArray[np.floating], NDArray[np.float64], NDArray[np.float64]]:
    """Shifts (n,) and ``weights`` of the blunt kernel at each of them, each of shape (bins, n)."""
    steps = int(reach_px / STEP_PX)
    shifts = np.arange(-steps, steps + 1, dtype=np.float64) * STEP_PX
    pairs = [weights(kernel_px, float(shift), "both") for shift in shifts]
    return shifts, np.stack([kernel for kernel, _ in pairs], axis=1), np.stack([side for _, side in pairs], axis=1)


def _best_tilt(band: Band, kernel_px: float, reach_px: float) -> tuple[float, float, float]:
    """Shifts at both ends of the chord, in pixels, for which the S/N over the best part is greatest, and that S/N."""
    shifts, kernels, beside = _shifted_weights(kernel_px, reach_px)
    side_count = np.maximum(band.counts @ beside, 1.0)
    reach = band.counts @ kernels
    response = band.sums @ kernels - band.sums @ beside / side_count * reach  # (segments, shifts)
    power = band.counts @ kernels**2 + reach**2 / side_count
    at = _tilts(len(shifts))
    sums = zip(_parts(response, at), _parts(power, at), strict=True)
    snr = reduce(np.maximum, (total / np.sqrt(np.maximum(variance, 1.0)) for total, variance in sums))
    best = np.unravel_index(snr.argmax(), snr.shape)
    return float(shifts[best[0]]), float(shifts[best[1]]), float(snr[best])


@lru_cache(maxsize=4)
def _tilts(steps: int) -> NDArray[np.intp]:
    """Places of each line in a flat array (segments, steps), by segment and by its shifts at the first and last end."""
    along = (np.arange(SEGMENTS)[:, None, None] + 0.5) / SEGMENTS
    first, last = np.meshgrid(np.arange(steps), np.arange(steps), indexing="ij")
    return np.asarray(
        np.rint(first + (last - first) * along).astype(np.intp) + np.arange(SEGMENTS)[:, None, None] * steps
    )


def _parts(of_segments: NDArray[np.float64], at: NDArray[np.intp]) -> Iterator[NDArray[np.float64]]:
    """Sums of each line (steps, steps) over the whole chord, halves and quarters, stepped by half of their length."""
    eighths = of_segments.ravel().take(at).reshape(8, SEGMENTS // 8, *at.shape[1:]).sum(axis=1)
    quarters = eighths[:-1] + eighths[1:]
    halves = quarters[:-2:2] + quarters[2::2]
    yield halves[0] + halves[-1]
    yield from halves
    yield from quarters


def line_snr(flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, ends: Ends) -> float:
    """Greatest S/N of a line with both ends within 3 pixels of these, by the blunt kernel; 3 where there is nothing."""
    band = gather(flat, covered, covered_scale, ends, half_px=beside_px(TILT_KERNEL_PX) + NEAR_PX)
    return _best_tilt(band, TILT_KERNEL_PX, NEAR_PX)[2]


def across_map(ends: Ends, shape: tuple[int, int]) -> Ends | None:
    """The whole chord of the line through ``ends`` within the map; ``None`` when it is shorter than 16 pixels."""
    x0, y0, x1, y1 = ends
    run, rise = x1 - x0, y1 - y0
    enter, leave = -np.inf, np.inf
    for start, step, size in ((x0, run, shape[1] - 1), (y0, rise, shape[0] - 1)):
        if step == 0.0:
            if not 0 <= start <= size:
                return None
            continue
        near, far = sorted(((0.0 - start) / step, (size - start) / step))
        enter, leave = max(enter, near), min(leave, far)
    if not np.isfinite(enter) or (leave - enter) * np.hypot(run, rise) < 16.0:
        return None
    return x0 + enter * run, y0 + enter * rise, x0 + leave * run, y0 + leave * rise


def _moved(chord: Ends, first_px: float, last_px: float) -> Ends:
    """The chord with its ends moved across by these distances (sign as in ``gather``)."""
    x0, y0, x1, y1 = chord
    steep = abs(y1 - y0) > abs(x1 - x0)
    if (y1 < y0) if steep else (x1 < x0):
        x0, y0, x1, y1 = x1, y1, x0, y0
    length = np.hypot(x1 - x0, y1 - y0)
    if steep:
        stretch = length / (y1 - y0)  # a distance across is longer along the axis
        return x0 + first_px * stretch, y0, x1 + last_px * stretch, y1
    stretch = length / (x1 - x0)
    return x0, y0 + first_px * stretch, x1, y1 + last_px * stretch


def ordered(chord: Ends) -> Ends:
    """Ends in the order in which ``gather`` numbers the segments."""
    x0, y0, x1, y1 = chord
    steep = abs(y1 - y0) > abs(x1 - x0)
    if (y1 < y0) if steep else (x1 < x0):
        return x1, y1, x0, y0
    return chord
