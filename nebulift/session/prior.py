"""What earlier nights say to the first frames of a night, while the night itself has no reference yet."""

from dataclasses import replace

from nebulift.session.star_match import Motion
from nebulift.session.state import FrameScalars, GroupState, Prior, at_zenith, known, quantile

MIN_GOOD_FRAMES = 5  # of a night: fewer may all lie behind the same thin cloud
COLD_FRAMES = 5  # clean frames after which a night is its own measure
MANY_STARS = 30  # of fewer, most stand at the limit of detection
STEADY_SHARE = 0.2  # between the quartiles of a night's light: two stars of which one varies, or a night of clouds
BEST_FWHM, BEST_TRANSPARENCY = 0.3, 0.75  # quantiles: clouds only take light away, bad seeing only widens


def next_session(state: GroupState) -> GroupState:
    """The state with which the group's next session begins: nothing but what its stars and its rig can do.

    The stars stay as the measure, unconfirmed: a field framed anew finds its own with the first clean frame.
    """
    prior = _of_night(state) or state.prior
    catalogue = state.catalogue and replace(state.catalogue, motion=Motion(), confirmed=0)
    return GroupState(state.group, catalogue=catalogue, prior=prior)


def _of_night(state: GroupState) -> Prior | None:
    good = [frame for frame in state.history if frame.good]
    if len(good) < MIN_GOOD_FRAMES:
        return None
    widths = known([frame.any_fwhm_px for frame in good])
    lengths = known([frame.any_elongation for frame in good])
    clear = known([at_zenith(frame.transparency, frame.airmass) for frame in good])
    best = quantile(clear, BEST_TRANSPARENCY)
    tells = len(clear) >= MIN_GOOD_FRAMES and best - quantile(clear, 1.0 - BEST_TRANSPARENCY) < STEADY_SHARE * best
    return Prior(
        quantile(widths, BEST_FWHM) if widths else None,
        best if tells else None,
        state.last_at,
        int(quantile([frame.stars for frame in good], 0.5)),
        quantile(lengths, BEST_FWHM) if lengths else None,
    )


def against_prior(state: GroupState, now: FrameScalars, raw: float | None) -> dict[str, float | None]:
    """The ``prior_...`` ratios of a frame at the cold start of a night, frame over earlier nights; else nothing."""
    prior = state.prior
    if prior is None or state.reference_frames >= COLD_FRAMES:
        return {}
    many = prior.stars is not None and prior.stars >= MANY_STARS
    return {
        "prior_transparency": _ratio(at_zenith(raw, now.airmass), prior.transparency),
        "prior_fwhm_ratio": _ratio(now.any_fwhm_px, prior.fwhm_px),
        "prior_elongation_ratio": _ratio(now.any_elongation, prior.elongation),
        "prior_star_ratio": _ratio(now.stars, prior.stars) if many else None,
    }


def _ratio(value: float | None, best: float | None) -> float | None:
    return None if value is None or not best else value / best
