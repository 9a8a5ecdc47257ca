"""What a measured line must be like to be a trail: conditions of signal, and conditions of form."""

import numpy as np

from nebulift.streaks.along import is_beaded, is_hollow, is_periodic
from nebulift.streaks.profile import TrailFit
from nebulift.streaks.tracks import LEAST_STAR_FWHM_PX

MIN_ASPECT = 10.0  # length over width: shorter lines are galaxies, dust shadows and edges of nebulae
MIN_DIAGONAL_SHARE = 0.06  # of the frame's diagonal
SHORT_DIAGONAL_SHARE = 0.15  # below, chance has more places and rows of stars are common: more is asked
CROWDED_SHORT_SHARE = 0.25  # among crowded stars such rows are longer
SHORT_TRAIL_SNR = 12.0
SHORT_OPEN_SHARE = 0.5
# what is thinner than the stars did not come through the telescope: cosmic rays. Of wider stars ``tracks`` tells, by
# the raw pixels: a map of 2 x 2 pixels has no width between them
THIN_STAR_FWHM = 0.95
SHORT_STAR_FWHM = 1.7  # short pieces of filaments are wider than stars,
SHORT_PLAIN_SNR = 60.0  # but hardly so bright: a meteor is
SHORT_SIDE_SHARE = 0.7  # of the S/N, of unsharp ones: a piece of a ghost's edge or of an arc has a bright side
SHORT_MAX_DROP = 0.35  # the spike of a star beyond the border fades inwards
UNSHARP_STAR_FWHM, UNSHARP_SNR = 2.0, 10.0  # nearly all trails are as sharp as the stars: others are asked for more
# pieces of filaments are as long; a map of 2 x 2 pixels makes more than twice the width of a sharp star's
UNSHARP_SHORT_SHARE, UNSHARP_SHORT_FWHM, UNSHARP_SHORT_SNR = 0.3, 2.5, 30.0
WIDE_PX = 10.0  # wide trails compete with the Milky Way and with streets of cloud: these are not even
WIDE_SNR = 15.0  # still a ridge of 0.2 sigma across two megapixels: wide trails have many pixels
WIDE_STEADY_SNR = 8.0
WIDE_STEADY_SHARE = 0.5
WIDE_STEADY_ENOUGH = 14.0
WIDE_DIAGONAL_SHARE = 0.35
WIDE_OPEN_SHARE, WIDE_PLAIN_SNR = 0.6, 50.0
WIDEST_PX, WIDEST_STAR_FWHM = 24.0, 3.0  # out of focus beyond that is no light in the sky, unless the stars are, too
TRAIL_SNR = 6.5  # see docs/measured.md: false trails in pure noise and on clean frames
SIDE_SNR = 4.5  # against each side alone: the edge of a nebula or a shadow has a bright side
SIDE_SHARE = 0.45  # of the whole S/N; a trail keeps 0.9 of it against either side
STEADY_SNR = 4.0  # by the scatter of the trail's own segments: what noise leaves a trail at the limit
STEADY_SHARE = 1.0 / 3.0  # of the S/N: a strong trail is even, a chance row of stars stays uneven however bright
STEADY_ENOUGH = 6.5  # scatter as large as the mean: a trail that flares, not yet a row of stars
# between crowded stars noise has a long tail: there the scatter of the segments decides, not the noise of the pixels
CROWDED_COVER = 0.1  # of the frame covered by stars
CROWDED_STEADY_SNR = 6.0
CROWDED_STEADY_SHARE = 0.75
# in a cluster chance rows of bright stars are strong, and no steadier than their number makes them
CLUSTER_STEADY_SHARE, CLUSTER_STEADY_SNR = 0.3, 10.0
TUMBLING_SNR = 10.0  # what goes up and down at one rate tumbles; stars stand in no such row
BEADED_SIGMA = 2.0  # fainter ridges are uneven by their noise
# the wings of crowded stars and what lies unseen between them leave light that is wider than a star
CROWDED_UNSHARP_FWHM, CROWDED_UNSHARP_SNR = 1.5, 8.5
RICH_SNR = 12.0  # where light is everywhere: twice the limit in noise
# there a trail may also shine all along, where lines beside it do not: a million lines are tried in a frame. By that
# alone three false lines were found in 145 rich frames of the simulator; none of them had the other two as well
LIT_CHANCE, LIT_SNR, LIT_CONTINUITY = 1e-9, 8.0, 0.85
RICH_UNSHARP_SNR = 30.0  # rows of clumps of unresolved stars are wider than stars
# filaments shine in many places, beside a line, too. Of 573 trails of S/N 6 to 30 in white noise one in a hundred had
# less than 0.68; bright ones may flare, or have wings that count for less
LIT_SHARE, LIT_PLAIN_SHARE = 0.4, 0.3
# a uniform trail keeps 0.87 of its S/N without its brightest quarter, a compact source next to none
TRIMMED_SHARE = 0.5
TRIMMED_ENOUGH = 15.0  # the steady lights of an aircraft between its flashes
CONTINUITY = 0.6  # a trail at the limit of detection has 0.73, a chance row of stars is half gaps
OPEN_SHARE = 0.5  # what lies mostly under stars is not known
PLAIN_OPEN_SHARE = 0.25  # unless it is in every gap between them; strobes of aircraft are taken for stars
PLAIN_SNR, PLAIN_CONTINUITY = 20.0, 0.85
MAX_DROP = 1.2  # rays of amplifier glow, spikes and tails of comets fade away from where they begin
METEOR_STAR_FWHM, METEOR_WIDENING = 2.0, 1.5  # meteors, too, but they are sharp and hardly open
BORDER_PX, BORDER_SHARE = 12.0, 0.02
MAX_TROUGH_SHARE = 0.4  # of the height: a trail stands on the sky, a wave of the background between two valleys
MAX_WIDENING = 2.1  # two steps of the ladder of widths: rays open


def weakness(
    fit: TrailFit, crowded: str = "sparse", star_fwhm: float = 0.0, *, by_light_along: bool = False
) -> str | None:
    """Why this is no straight line that is there along its length and stands out on both sides, or ``None``.

    ``crowded``: ``sparse``, ``crowded`` (stars cover much of the frame) or ``rich`` (more light than can be covered);
    ``star_fwhm`` in pixels of the map, 0: not known. ``by_light_along``: not its S/N decides, but whether lines beside
    it shine in as many of their segments.
    """
    is_plain = fit.snr >= PLAIN_SNR and fit.continuity >= PLAIN_CONTINUITY
    steady = min(max(STEADY_SNR, STEADY_SHARE * fit.snr), STEADY_ENOUGH)
    if crowded != "sparse":
        steady = max(steady, min(CROWDED_STEADY_SHARE * fit.snr, CROWDED_STEADY_SNR))
        steady = max(steady, min(CLUSTER_STEADY_SHARE * fit.snr, CLUSTER_STEADY_SNR))
    least = TRAIL_SNR
    if crowded == "crowded" and fit.fwhm > CROWDED_UNSHARP_FWHM * star_fwhm > 0.0:
        least = CROWDED_UNSHARP_SNR
    if crowded == "rich":
        least = RICH_UNSHARP_SNR if fit.fwhm > UNSHARP_STAR_FWHM * star_fwhm > 0.0 else RICH_SNR
    tumbles = fit.snr >= TUMBLING_SNR and is_periodic(fit.along)
    lit = 0.0 if crowded != "sparse" else LIT_SHARE if fit.snr < PLAIN_SNR else LIT_PLAIN_SHARE
    conditions = {
        "too faint": _is_lit(fit) if by_light_along else fit.snr >= least,
        "one side is bright": fit.side_snr >= max(0.0 if by_light_along else SIDE_SNR, SIDE_SHARE * fit.snr),
        "uneven": tumbles or fit.steady_snr >= steady,
        "one bright object": tumbles or fit.trimmed_snr >= min(TRIMMED_SHARE * fit.snr, TRIMMED_ENOUGH),
        "gaps": tumbles or fit.continuity >= CONTINUITY,
        "light beside": tumbles or fit.lit >= lit,
        "row of stars": tumbles or by_light_along or crowded == "sparse" or not _is_row_of_stars(fit),
        "under stars": fit.open_share >= (PLAIN_OPEN_SHARE if is_plain else OPEN_SHARE),
        "fades away": fit.drop <= MAX_DROP or is_meteor_like(fit, star_fwhm),
        "opens": fit.widening <= MAX_WIDENING,
        "wave of the background": fit.trough <= MAX_TROUGH_SHARE * fit.ridge_sigma,
    }
    return next((reason for reason, is_met in conditions.items() if not is_met), None)


def _is_lit(fit: TrailFit) -> bool:
    """Light in all of its segments, as no chance row of stars has it."""
    return fit.chance < LIT_CHANCE and fit.snr >= LIT_SNR and fit.continuity >= LIT_CONTINUITY


def _is_row_of_stars(fit: TrailFit) -> bool:
    """Bright, and as bright as dark within the width of a star: among crowded stars that is chance."""
    segment = float(np.hypot(fit.x1 - fit.x0, fit.y1 - fit.y0)) / len(fit.along)
    return fit.ridge_sigma >= BEADED_SIGMA and is_beaded(fit.along, max(round(fit.fwhm / segment), 1))


def may_be_trail(fit: TrailFit) -> bool:
    """False when a line over the noise of pixels is too faint already: its surroundings only make it fainter."""
    return fit.snr >= TRAIL_SNR and fit.side_snr >= SIDE_SNR


def is_meteor_like(fit: TrailFit, star_fwhm: float) -> bool:
    """Bright, whole and as sharp as the stars: it may fade, if it begins neither at the border nor at a star."""
    sharp = fit.fwhm <= METEOR_STAR_FWHM * star_fwhm or fit.snr >= SHORT_PLAIN_SNR
    whole = fit.snr >= PLAIN_SNR and fit.continuity >= PLAIN_CONTINUITY and fit.widening <= METEOR_WIDENING
    return sharp and whole and not is_hollow(fit.along)


def _begins_at_border(trail: TrailFit, shape_px: tuple[int, int]) -> bool:
    """True when an end lies at the border of the frame."""
    height, width = shape_px
    margin = max(BORDER_PX, BORDER_SHARE * min(shape_px))
    ends = (trail.x0, trail.y0), (trail.x1, trail.y1)
    return min(min(x, y, width - 1 - x, height - 1 - y) for x, y in ends) < margin


def malformation(
    trail: TrailFit, shape_px: tuple[int, int], star_fwhm_px: float, covered_share: float = 0.0
) -> str | None:
    """Why this has not the form of a trail, in raw pixels, or ``None``: long against its width and the frame; short
    ones must be bright and even, wide ones long, bright and even. ``star_fwhm_px`` 0: not known; ``covered_share``: of
    the frame, by stars.
    """
    short_share = CROWDED_SHORT_SHARE if covered_share > CROWDED_COVER else SHORT_DIAGONAL_SHARE
    length, diagonal = np.hypot(trail.x1 - trail.x0, trail.y1 - trail.y0), np.hypot(*shape_px)
    may_fade = is_meteor_like(trail, star_fwhm_px) and not _begins_at_border(trail, shape_px)
    if length < max(MIN_ASPECT * trail.fwhm, MIN_DIAGONAL_SHARE * diagonal) or (trail.drop > MAX_DROP and not may_fade):
        return "short, or fades away"
    if trail.fwhm > max(WIDEST_PX, WIDEST_STAR_FWHM * star_fwhm_px):
        return "wider than light out of focus"
    is_short = length < UNSHARP_SHORT_SHARE * diagonal and trail.fwhm > UNSHARP_SHORT_FWHM * star_fwhm_px
    unsharp_snr = UNSHARP_SHORT_SNR if is_short else UNSHARP_SNR
    if trail.fwhm > UNSHARP_STAR_FWHM * star_fwhm_px > 0.0 and trail.snr < unsharp_snr:
        return "unsharp and faint"
    if trail.fwhm > WIDE_PX:
        enough = min(max(WIDE_STEADY_SNR, WIDE_STEADY_SHARE * trail.snr), WIDE_STEADY_ENOUGH)
        hidden = trail.open_share < WIDE_OPEN_SHARE and trail.snr < WIDE_PLAIN_SNR
        short = length <= WIDE_DIAGONAL_SHARE * diagonal
        if short or hidden or trail.steady_snr < enough or trail.snr < WIDE_SNR:
            return "wide and short, faint or uneven"
    elif length < short_share * diagonal and (
        (trail.fwhm < THIN_STAR_FWHM * star_fwhm_px and star_fwhm_px < LEAST_STAR_FWHM_PX)
        or min(trail.snr, trail.steady_snr) <= SHORT_TRAIL_SNR
        or (trail.drop > SHORT_MAX_DROP and not may_fade)
        or trail.open_share < SHORT_OPEN_SHARE
        or (trail.fwhm > SHORT_STAR_FWHM * star_fwhm_px > 0.0 and trail.snr < SHORT_PLAIN_SNR)
        or (trail.fwhm > UNSHARP_STAR_FWHM * star_fwhm_px > 0.0 and trail.side_snr < SHORT_SIDE_SHARE * trail.snr)
    ):
        return "short and faint, uneven or unsharp"
    return None
