"""What earlier nights say to the first frames of a night, while the night itself has no reference yet."""

from dataclasses import replace

from nebulift.session.star_match import Motion
from nebulift.session.state import FrameScalars, GroupState, Prior, at_zenith, known, quantile

MIN_GOOD_FRAMES = 5  # of a night: fewer may all lie behind the same thin cloud
COLD_FRAMES = 5  # clean frames after which a night is its own measure
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
    widths = known([frame.fwhm_px for frame in good])
    clear = known([at_zenith(frame.transparency, frame.airmass) for frame in good])
    return Prior(
        quantile(widths, BEST_FWHM) if widths else None,
        quantile(clear, BEST_TRANSPARENCY) if len(clear) >= MIN_GOOD_FRAMES else None,
        state.last_at,
    )


def against_prior(state: GroupState, now: FrameScalars, raw: float | None) -> dict[str, float | None]:
    """``prior_transparency`` and ``prior_fwhm_ratio`` of a frame at the cold start of a night; else nothing."""
    prior = state.prior
    if prior is None or state.reference_frames >= COLD_FRAMES:
        return {}
    light = at_zenith(raw, now.airmass)
    return {
        "prior_transparency": light / prior.transparency if light is not None and prior.transparency else None,
        "prior_fwhm_ratio": now.fwhm_px / prior.fwhm_px if now.fwhm_px and prior.fwhm_px else None,
    }
