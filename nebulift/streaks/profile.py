"""The exact measurement of one trail candidate: place, tilt, ends, width and S/N, from the pixels around the line."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from nebulift.streaks.along import drop, steadiness
from nebulift.streaks.band import BIN_PX, CENTRES_PX, CLIP_SIGMA, HALF_PX, SEGMENTS, Band, Ends, gather

SHIFTS_PX = np.arange(-10.0, 10.5, 0.5)
NEAR_SHIFTS = slice(14, 27)  # of them, those within 3 pixels
TILT_KERNEL_PX = 1.7  # standard deviation: blunt enough to see a line that the search missed by some pixels
KERNELS_PX = (0.6, 0.85, 1.2, 1.7, 2.4, 3.4)  # wider trails are measured on a coarser map
SIDE_INNER = 2.5  # sides begin so many standard deviations of the kernel from the line, and a pixel
SIDE_WIDTH_PX = 10.0
MAX_TILTS = 4  # a candidate found on a short piece is off by more than the search reaches at its far end
MIN_SEGMENTS = 4
MIN_POWER = 0.15  # of the typical segment
MIN_LENGTH_PX = 24.0
MIN_BLUNT_SNR = 4.5  # with the blunt kernel, before width and ends are fitted; noise candidates end here
MIN_SNR = 5.0  # what is weaker before it is held against its surroundings is noise
CONTROL_LINES = 8
BRIGHT_SIGMA = 2.0  # ridges from here on lose light to the clip
UNCLIPPED_SIGMA = 2000.0  # all that the map holds
FWHM_PER_SIGMA = 2.3548


@dataclass(frozen=True, slots=True, eq=False)
class TrailFit:
    """A measured trail in map pixels. Every ratio has passed through the noise of ``control lines`` beside it."""

    x0: float
    y0: float
    x1: float
    y1: float
    fwhm: float
    snr: float  # matched filter, over the whole trail, pixels clipped: what decides
    full_snr: float  # the same with all the light of a bright trail
    side_snr: float  # the lesser of the S/N against the left side alone and the right side alone
    steady_snr: float  # mean over scatter of its own segments: high for trails, low for chance alignments
    trimmed_snr: float  # without the brightest quarter of its segments
    continuity: float  # share of the segments that are at least a third as high as the mean
    open_share: float  # share of the segments that are not covered by stars
    drop: float  # fall of the ridge from one end to the other over its mean, 0 = level, 2 = to nothing; 0 if not sure
    widening: float  # width of the wider half over that of the narrower; 1 if not sure
    ridge_sigma: float  # mean height over the noise of one map pixel
    along: NDArray[np.float64]  # ridge height of each of the segments of the trail, in sigma; NaN where covered
    end_errors: tuple[float, float] | None = None  # standard errors of both ends along the trail
    trough: float = 0.0  # how far both sides lie below the sky, in sigma of one map pixel
    noise: float = 1.0  # of the control lines, by which every ratio is divided
    flashes: bool = False  # dots at equal distances were found on it


def measure_trail(
    flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, ends: Ends
) -> TrailFit | None:
    """The trail near the line through ``ends`` (x0, y0, x1, y1), or ``None`` when there is none to measure.

    The line is drawn out to the borders of the map, moved and tilted to where the sum is greatest; then its ends and
    width are found, and it is measured once more between its ends. ``covered`` marks stars on a map coarser by
    ``covered_scale``.
    """
    chord = across_map(ends, flat.shape)
    for _ in range(MAX_TILTS):
        if chord is None:
            return None
        first, last, snr = _best_tilt(gather(flat, covered, covered_scale, chord))
        if snr < MIN_BLUNT_SNR:
            return None
        chord = across_map(_moved(chord, first, last), flat.shape)
        if max(abs(first), abs(last)) <= 1.0:
            break
    if chord is None:
        return None
    band = gather(flat, covered, covered_scale, chord)
    found = [(*_best_interval(band, kernel), kernel) for kernel in KERNELS_PX]
    snr, first, last, sigma = max(found)
    if snr < MIN_SNR:
        return None
    trail = _part(_ordered(chord), first / SEGMENTS, (last + 1) / SEGMENTS)
    return _between_ends(flat, covered, covered_scale, trail, sigma)


def _between_ends(
    flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, trail: Ends, sigma: float
) -> TrailFit | None:
    """The measurement of a trail whose ends are known to a segment."""
    if np.hypot(trail[2] - trail[0], trail[3] - trail[1]) < MIN_LENGTH_PX:
        return None
    noise = _control_noise(flat, covered, covered_scale, trail, sigma)
    fit = _measured(gather(flat, covered, covered_scale, trail), trail, noise)
    if fit.ridge_sigma < BRIGHT_SIGMA:
        return fit
    return _with_all_light(fit, gather(flat, covered, covered_scale, trail, clip_sigma=UNCLIPPED_SIGMA))


def measure_row(flat: NDArray[np.int16], ends: Ends) -> TrailFit:
    """The light between these very ends, on which a row of dots was found. Dots look like stars: nothing is covered."""
    nothing = np.zeros((1, 1), dtype=bool)
    ends = _ordered(ends)
    fit = _measured(gather(flat, nothing, max(flat.shape), ends), ends, 1.0)
    all_light = gather(flat, nothing, max(flat.shape), ends, clip_sigma=UNCLIPPED_SIGMA)
    return replace(_with_all_light(fit, all_light), flashes=True)


def clip_of(fit: TrailFit) -> float:
    """Where pixels are clipped when the light along a trail is told."""
    return CLIP_SIGMA if fit.ridge_sigma < BRIGHT_SIGMA else UNCLIPPED_SIGMA


def between(
    fit: TrailFit, flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, ends: Ends
) -> TrailFit:
    """The fit with other ends: place, light along it, height and S/N are measured again; what decided stays."""
    ends = _ordered(ends)
    sums = matched(gather(flat, covered, covered_scale, ends, clip_sigma=clip_of(fit)), fit.fwhm / FWHM_PER_SIGMA)
    ridge = float(sums.signal.sum() / max(sums.power.sum(), 1e-9))
    x0, y0, x1, y1 = ends
    changed = replace(fit, x0=x0, y0=y0, x1=x1, y1=y1, along=_ridge(sums), ridge_sigma=ridge)
    return replace(changed, full_snr=sums.snr() / fit.noise)


def _with_all_light(fit: TrailFit, band: Band) -> TrailFit:
    """The fit of a bright trail with the light that clipped pixels had lost; what decides by numbers stays clipped."""
    sigma = max(KERNELS_PX, key=lambda kernel: matched(band, kernel).snr())
    sums = matched(band, sigma)
    along = _ridge(sums)
    ridge = float(sums.signal.sum() / max(sums.power.sum(), 1e-9))
    fall = drop(along)
    return replace(
        fit, fwhm=FWHM_PER_SIGMA * sigma, along=along, drop=fall, ridge_sigma=ridge, full_snr=sums.snr() / fit.noise
    )


def line_snr(flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, ends: Ends) -> float:
    """Greatest S/N of a line with both ends within 3 pixels of these, by the blunt kernel; 3 where there is nothing."""
    return _best_tilt(gather(flat, covered, covered_scale, ends), NEAR_SHIFTS)[2]


def _part(ends: Ends, start: float, stop: float) -> Ends:
    x0, y0, x1, y1 = ends
    return x0 + start * (x1 - x0), y0 + start * (y1 - y0), x0 + stop * (x1 - x0), y0 + stop * (y1 - y0)


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


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Matched sums above the sides and their variances, one value a segment (last axis)."""

    signal: NDArray[np.float64]
    variance: NDArray[np.float64]
    power: NDArray[np.float64]  # signal / power is the height of the ridge

    def snr(self) -> float:
        return float(self.signal.sum() / np.sqrt(max(self.variance.sum(), 1e-9)))


def matched(band: Band, sigma: float, sides: str = "both") -> Matched:
    """Sums weighted with a Gaussian across, less the mean of what lies beside: gradients and steps carry no trail.

    The noise of that mean is part of the variance. Segments with hardly an open pixel on the ridge give 0: they would
    count like the others and tell nothing but noise.
    """
    kernel, beside = weights(sigma, 0.0, sides)
    side_count = band.counts @ beside
    side_mean = band.sums @ beside / np.maximum(side_count, 1.0)
    reach, power = band.counts @ kernel, band.counts @ kernel**2
    known = (side_count > 0) & (power > MIN_POWER * power.max())
    signal = np.where(known, band.sums @ kernel - side_mean * reach, 0.0)
    variance = np.where(known, power + reach**2 / np.maximum(side_count, 1.0), 0.0)
    return Matched(signal, variance, np.where(known, power, 0.0))


def beside_px(sigma: float) -> float:
    """How far from the line lies what ``matched`` looks at, to the outer edge of its last bin."""
    return min(SIDE_INNER * sigma + 1.0 + SIDE_WIDTH_PX + BIN_PX, HALF_PX)


@lru_cache(maxsize=256)
def weights(sigma: float, shift: float, sides: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(Gaussian, 1 on the sides else 0) for each bin of a band, for a ridge ``shift`` pixels off the line."""
    distance = CENTRES_PX - shift
    inner = SIDE_INNER * sigma + 1.0
    beside = (np.abs(distance) >= inner) & (np.abs(distance) < inner + SIDE_WIDTH_PX)
    if sides != "both":
        beside &= distance < 0 if sides == "left" else distance > 0
    return np.exp(-0.5 * (distance / sigma) ** 2), beside.astype(np.float64)


@lru_cache(maxsize=1)
def _shifted_weights() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``weights`` of the blunt kernel at all shifts, each of shape (bins, shifts)."""
    pairs = [weights(TILT_KERNEL_PX, float(shift), "both") for shift in SHIFTS_PX]
    return np.stack([kernel for kernel, _ in pairs], axis=1), np.stack([beside for _, beside in pairs], axis=1)


def _best_tilt(band: Band, among: slice = slice(None)) -> tuple[float, float, float]:
    """Shifts at both ends of the chord, in pixels, for which the S/N over the best part is greatest, and that S/N.

    ``among``: which of ``SHIFTS_PX`` are tried.
    """
    shifts = SHIFTS_PX[among]
    kernels, beside = (weight[:, among] for weight in _shifted_weights())
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


def _ordered(chord: Ends) -> Ends:
    """Ends in the order in which ``gather`` numbers the segments."""
    x0, y0, x1, y1 = chord
    steep = abs(y1 - y0) > abs(x1 - x0)
    if (y1 < y0) if steep else (x1 < x0):
        return x1, y1, x0, y0
    return chord


def _best_interval(band: Band, sigma: float) -> tuple[float, int, int]:
    """(S/N, first, last segment) of the run of segments with the greatest S/N."""
    sums = matched(band, sigma)
    total = np.concatenate([[0.0], np.cumsum(sums.signal)])
    weight = np.concatenate([[0.0], np.cumsum(sums.variance)])
    first, last = np.triu_indices(SEGMENTS + 1, MIN_SEGMENTS)
    snr = (total[last] - total[first]) / np.sqrt(np.maximum(weight[last] - weight[first], 1.0))
    best = int(snr.argmax())
    return float(snr[best]), int(first[best]), int(last[best]) - 1


def _control_noise(
    flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, trail: Ends, sigma: float
) -> float:
    """Scatter of the same sum on parallel lines of the same length beside the trail, at least 1.

    Nebulae, banding and residues of the background make it more: a trail has to stand out of its surroundings.
    """
    x0, y0, x1, y1 = trail
    length = np.hypot(x1 - x0, y1 - y0)
    across_x, across_y = -(y1 - y0) / length, (x1 - x0) / length
    found: list[float] = []
    for step in range(1, CONTROL_LINES // 2 + 1):
        for side in (-1.0, 1.0):
            apart = side * step * (HALF_PX + 8.0 * sigma)
            moved = (x0 + apart * across_x, y0 + apart * across_y, x1 + apart * across_x, y1 + apart * across_y)
            if not _mostly_inside(moved, flat.shape):
                continue
            sums = matched(gather(flat, covered, covered_scale, moved, half_px=beside_px(sigma)), sigma)
            if sums.variance.sum() > 0.0:
                found.append(sums.snr())
    if len(found) < 3:
        return 1.0
    # a root mean square without the greatest of them: one may lie on a second trail
    kept = np.sort(np.abs(found))[:-1]
    return max(1.0, float(np.sqrt(np.mean(kept**2))))


def _mostly_inside(ends: Ends, shape: tuple[int, int]) -> bool:
    x, y = np.linspace(ends[0], ends[2], 9), np.linspace(ends[1], ends[3], 9)
    return bool(((x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])).mean() > 0.7)


def _measured(band: Band, trail: Ends, noise: float) -> TrailFit:
    sigma = max(KERNELS_PX, key=lambda kernel: matched(band, kernel).snr())
    sums = matched(band, sigma)
    ridge = _ridge(sums)
    known = np.isfinite(ridge)
    return TrailFit(
        x0=float(trail[0]),
        y0=float(trail[1]),
        x1=float(trail[2]),
        y1=float(trail[3]),
        fwhm=FWHM_PER_SIGMA * sigma,
        snr=sums.snr() / noise,
        full_snr=sums.snr() / noise,
        side_snr=min(matched(band, sigma, sides=side).snr() for side in ("left", "right")) / noise,
        steady_snr=steadiness(ridge),
        trimmed_snr=_trimmed(sums) / noise,
        continuity=float((ridge[known] > ridge[known].mean() / 3.0).mean()) if known.any() else 0.0,
        open_share=float(known.mean()),
        drop=drop(ridge),
        widening=_widening(band),
        ridge_sigma=float(sums.signal.sum() / max(sums.power.sum(), 1e-9)),
        along=ridge,
        trough=_trough(band, sigma),
        noise=noise,
    )


def _ridge(sums: Matched) -> NDArray[np.float64]:
    """Height of each segment, NaN where nothing is open."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums.power > 0.0, sums.signal / sums.power, np.nan)


def _trough(band: Band, sigma: float) -> float:
    """Depth of the sides below the level 0 of the map: what a background mesh that cannot follow leaves goes up and
    down in waves, a trail stands on the sky.
    """
    _, beside = weights(sigma, 0.0, "both")
    return float(-(band.sums @ beside).sum() / max((band.counts @ beside).sum(), 1.0))


def _widening(band: Band) -> float:
    """Ratio of the best widths of both halves; rays and tails open, trails do not. 1 where a half has S/N below 5."""
    halves = (slice(0, SEGMENTS // 2), slice(SEGMENTS // 2, SEGMENTS))
    widths = []
    for half in halves:
        part = Band(band.sums[half], band.counts[half])
        snr, sigma = max((matched(part, kernel).snr(), kernel) for kernel in KERNELS_PX)
        if snr < 5.0:
            return 1.0
        widths.append(sigma)
    return max(widths) / min(widths)


def _trimmed(sums: Matched) -> float:
    """S/N without the brightest quarter of the segments: a trail has it along all its length, a galaxy has not."""
    known = np.flatnonzero(sums.power > 0.0)
    order = known[np.argsort(sums.signal[known] / sums.power[known])]
    kept = order[: max(int(np.ceil(0.75 * len(order))), 1)]
    return float(sums.signal[kept].sum() / np.sqrt(max(sums.variance[kept].sum(), 1e-9)))
