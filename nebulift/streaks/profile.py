"""The exact measurement of one trail candidate: place, tilt, ends, width and S/N, from the pixels around the line."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nebulift.scan import UNITS_PER_SIGMA
from nebulift.streaks.along import drop, steadiness
from nebulift.streaks.band import CLIP_SIGMA, SEGMENTS, Band, Ends, gather
from nebulift.streaks.light_along import chance_of_light, independent_segments, share_of_light
from nebulift.streaks.matched import Matched, matched, weights
from nebulift.streaks.surroundings import look_beside
from nebulift.streaks.tilt import chord_of_light, ordered

KERNELS_PX = (0.6, 0.85, 1.2, 1.7, 2.4, 3.4)  # wider trails are measured on a coarser map
MIN_SEGMENTS = 4
RUNS = np.triu_indices(SEGMENTS + 1, MIN_SEGMENTS)  # of segments, long enough: first, one past the last
MIN_LENGTH_PX = 24.0
MIN_SNR = 5.0  # what is weaker before it is held against its surroundings is noise
BRIGHT_SIGMA = 2.0  # ridges from here on lose light to the clip
RICH_CLIP_SIGMA = 2.0  # where there is more light than can be covered: what is higher is a star
UNCLIPPED_SIGMA = 2000.0  # all that the map holds
FWHM_PER_SIGMA = 2.3548


@dataclass(frozen=True, slots=True, eq=False)
class TrailFit:
    """A measured trail in map pixels. Ratios are over the noise of pixels, then over that of its surroundings."""

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
    chance: float = 1.0  # that a line beside it would shine in as many of its segments
    lit: float = 1.0  # logarithm of that over what it is for a trail on an empty sky
    flashes: bool = False  # dots at equal distances were found on it


def measure_trail(
    flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, ends: Ends
) -> TrailFit | None:
    """The trail near the line through ``ends`` (x0, y0, x1, y1), or ``None`` when there is none to measure.

    Its ends and width are found along the chord on which most light lies, and it is measured once more between them.
    ``covered`` marks stars on a map coarser by ``covered_scale``. What it is against its surroundings, and how bright
    where pixels are clipped, ``against_surroundings`` tells.
    """
    chord = chord_of_light(flat, covered, covered_scale, ends)
    if chord is None:
        return None
    band = gather(flat, covered, covered_scale, chord)
    found = [(*_best_interval(band, kernel), kernel) for kernel in KERNELS_PX]
    snr, first, last, _ = max(found)
    if snr < MIN_SNR:
        return None
    trail = _part(ordered(chord), first / SEGMENTS, (last + 1) / SEGMENTS)
    if np.hypot(trail[2] - trail[0], trail[3] - trail[1]) < MIN_LENGTH_PX:
        return None
    return _measured(gather(flat, covered, covered_scale, trail), trail)


def held(flat: NDArray[np.int16]) -> NDArray[np.int16]:
    """A map of a rich field with its stars cut down, so that what shines all along counts for more."""
    limit = round(RICH_CLIP_SIGMA * UNITS_PER_SIGMA)
    return np.clip(flat, -limit, limit)


def against_surroundings(
    fit: TrailFit,
    flat: NDArray[np.int16],
    covered: NDArray[np.bool_],
    covered_scale: int,
    whole: NDArray[np.int16] | None = None,
) -> TrailFit:
    """The fit with every ratio in units of the scatter of parallel lines beside it, and all the light of bright ones.

    ``whole``: the map with all its light, where ``flat`` is held within ``RICH_CLIP_SIGMA``. It takes as long as all
    that came before: who knows that a line is too faint need not ask.
    """
    trail = fit.x0, fit.y0, fit.x1, fit.y1
    beside = look_beside(flat, covered, covered_scale, trail, fit.fwhm / FWHM_PER_SIGMA)
    ratios = {name: getattr(fit, name) / beside.noise for name in ("snr", "full_snr", "side_snr", "trimmed_snr")}
    independent = independent_segments(fit.along, float(np.hypot(fit.x1 - fit.x0, fit.y1 - fit.y0)), fit.fwhm)
    chance = chance_of_light(fit.along, independent, beside.heights)
    known = int(np.isfinite(fit.along).sum())
    lit = share_of_light(chance, ratios["snr"], known, independent, len(beside.heights))
    fit = replace(fit, **ratios, noise=beside.noise, chance=chance, lit=lit)
    if fit.ridge_sigma < (BRIGHT_SIGMA if whole is None else RICH_CLIP_SIGMA / 2.0):
        return fit
    flat = flat if whole is None else whole
    return _with_all_light(fit, gather(flat, covered, covered_scale, trail, clip_sigma=UNCLIPPED_SIGMA))


def measure_row(flat: NDArray[np.int16], ends: Ends) -> TrailFit:
    """The light between these very ends, on which a row of dots was found. Dots look like stars: nothing is covered."""
    nothing = np.zeros((1, 1), dtype=bool)
    ends = ordered(ends)
    fit = _measured(gather(flat, nothing, max(flat.shape), ends), ends)
    all_light = gather(flat, nothing, max(flat.shape), ends, clip_sigma=UNCLIPPED_SIGMA)
    whole = _with_all_light(fit, all_light)
    # with all its light a star beside the row would take more from it than its own flashes add
    return replace(whole if whole.full_snr > fit.full_snr else fit, flashes=True)


def clip_of(fit: TrailFit) -> float:
    """Where pixels are clipped when the light along a trail is told."""
    return CLIP_SIGMA if fit.ridge_sigma < BRIGHT_SIGMA else UNCLIPPED_SIGMA


def between(
    fit: TrailFit, flat: NDArray[np.int16], covered: NDArray[np.bool_], covered_scale: int, ends: Ends
) -> TrailFit:
    """The fit with other ends: place, light along it, height and S/N are measured again; what decided stays."""
    ends = ordered(ends)
    sums = matched(gather(flat, covered, covered_scale, ends, clip_sigma=clip_of(fit)), fit.fwhm / FWHM_PER_SIGMA)
    ridge = float(sums.signal.sum() / max(sums.power.sum(), 1e-9))
    x0, y0, x1, y1 = ends
    changed = replace(fit, x0=x0, y0=y0, x1=x1, y1=y1, along=sums.heights(), ridge_sigma=ridge)
    return replace(changed, full_snr=sums.snr() / fit.noise)


def _with_all_light(fit: TrailFit, band: Band) -> TrailFit:
    """The fit of a bright trail with the light that clipped pixels had lost; what decides by numbers stays clipped."""
    sigma = max(KERNELS_PX, key=lambda kernel: matched(band, kernel).snr())
    sums = matched(band, sigma)
    along = sums.heights()
    ridge = float(sums.signal.sum() / max(sums.power.sum(), 1e-9))
    fall = drop(along)
    return replace(
        fit, fwhm=FWHM_PER_SIGMA * sigma, along=along, drop=fall, ridge_sigma=ridge, full_snr=sums.snr() / fit.noise
    )


def _part(ends: Ends, start: float, stop: float) -> Ends:
    x0, y0, x1, y1 = ends
    return x0 + start * (x1 - x0), y0 + start * (y1 - y0), x0 + stop * (x1 - x0), y0 + stop * (y1 - y0)


def _best_interval(band: Band, sigma: float) -> tuple[float, int, int]:
    """(S/N, first, last segment) of the run of segments with the greatest S/N."""
    sums = matched(band, sigma)
    total = np.concatenate([[0.0], np.cumsum(sums.signal)])
    weight = np.concatenate([[0.0], np.cumsum(sums.variance)])
    first, last = RUNS
    snr = (total[last] - total[first]) / np.sqrt(np.maximum(weight[last] - weight[first], 1.0))
    best = int(snr.argmax())
    return float(snr[best]), int(first[best]), int(last[best]) - 1


def _measured(band: Band, trail: Ends) -> TrailFit:
    sigma = max(KERNELS_PX, key=lambda kernel: matched(band, kernel).snr())
    sums = matched(band, sigma)
    ridge = sums.heights()
    known = np.isfinite(ridge)
    return TrailFit(
        x0=float(trail[0]),
        y0=float(trail[1]),
        x1=float(trail[2]),
        y1=float(trail[3]),
        fwhm=FWHM_PER_SIGMA * sigma,
        snr=sums.snr(),
        full_snr=sums.snr(),
        side_snr=min(matched(band, sigma, sides=side).snr() for side in ("left", "right")),
        steady_snr=steadiness(ridge),
        trimmed_snr=_trimmed(sums),
        continuity=float((ridge[known] > ridge[known].mean() / 3.0).mean()) if known.any() else 0.0,
        open_share=float(known.mean()),
        drop=drop(ridge),
        widening=_widening(band),
        ridge_sigma=float(sums.signal.sum() / max(sums.power.sum(), 1e-9)),
        along=ridge,
        trough=_trough(band, sigma),
    )


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
