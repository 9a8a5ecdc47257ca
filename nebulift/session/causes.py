"""What the comparison with the group says is wrong: named causes with the number behind each."""

from collections.abc import Iterator
from datetime import UTC, datetime

from nebulift.assessment import BLOCKED_SEVERITY, Table, severity
from nebulift.findings import Cells, Finding, Kind
from nebulift.judgement import Course, SessionContext
from nebulift.session.covered_side import ASIDE
from nebulift.session.glimpse import COLUMNS as MAP_COLUMNS
from nebulift.session.glimpse import ROWS as MAP_ROWS
from nebulift.session.star_light import EXTINCT_COLUMNS, EXTINCT_ROWS, MIN_FLUX_STARS
from nebulift.verdict import NOTICEABLE_SEVERITY

# Light of the stars lost against the clearer half of the last hours. A tenth of a magnitude is photometry's business;
# PSF Guard rejects from 0.8.
LOSS_SEVERITY: Table = ((0.08, 0.0), (0.14, 0.3), (0.22, 0.5), (0.35, 0.7), (0.8, 0.97))
# Stars lost from the count, where fluxes cannot be compared: the count also falls with seeing and a bright sky.
STARS_SEVERITY: Table = ((0.35, 0.0), (0.5, 0.3), (0.65, 0.5), (0.8, 0.75), (1.0, 0.95))
# Share of the field whose stars are fainter than the rest of the field.
EXTINCT_SEVERITY: Table = ((0.04, 0.0), (0.08, 0.3), (0.16, 0.5), (0.3, 0.7), (0.6, 0.95))
# Share of the brightest stars that are not where they were: clean frames miss one or two in sixty.
ABSENT_SEVERITY: Table = ((0.08, 0.0), (0.12, 0.3), (0.2, 0.5), (0.33, 0.7), (0.7, 0.95))
# Slope of the sky over that of the session; the Moon's and dawn's are common and flattened away easily.
TILT_SEVERITY: Table = ((10.0, 0.0), (25.0, 0.3), (50.0, 0.5), (120.0, 0.7), (400.0, 0.9))
# Light lost across the field beyond chance; half of it is lost in the middle. Clean simulated frames show 0.07 at most;
# where the field turns on the sensor, stars move through the vignetting, which takes a fifth in the corners of a lens.
FADING_SEVERITY: Table = ((0.12, 0.0), (0.2, 0.3), (0.32, 0.5), (0.48, 0.7), (1.0, 0.95))
# Share of the bright stars that cannot be there, where none is recognised: the rest may be others.
GONE_SEVERITY: Table = ((0.3, 0.0), (0.5, 0.5), (0.7, 0.75), (1.0, 0.95))
CLEAR_TRANSPARENCY = 0.9
SURE_ERRORS = 1.5  # of the transparency: a dozen faint stars cannot tell a tenth
BLURRED_RATIO = 1.3  # of FWHM or elongation: stars so much wider or longer are missed for that reason
# Share of the field in which the sky changed its structure.
PATCH_SEVERITY: Table = ((0.03, 0.0), (0.08, 0.3), (0.15, 0.5), (0.3, 0.7), (0.7, 0.9))
# The same where the frame before had less of it: what grows from frame to frame is neither chance nor a passing wisp.
RISING_SEVERITY: Table = ((0.03, 0.0), (0.06, 0.33), (0.12, 0.5), (0.25, 0.7), (0.5, 0.95))
# Width, as sampling lets it be seen, against the sharper third of the last hours: seeing alone scatters by 1.2. For
# stars of 3 pixels these are ratios of 1.15, 1.27, 1.45, 1.75 and 3.
WIDER_SEVERITY: Table = ((1.106, 0.0), (1.193, 0.3), (1.327, 0.5), (1.559, 0.7), (2.557, 0.95))
# The same of finely sampled and of narrow stars alike, a little behind it: seeing moves narrow stars more.
RAW_WIDER_SEVERITY: Table = ((1.3, 0.0), (1.45, 0.3), (1.62, 0.5), (1.9, 0.7), (4.0, 0.97))
# Of a few stars, after what their median may err. It scatters by 0.03 to 0.06 in clean frames; of stars that may be
# others than before, by more; and two may be one, and a knot.
FEW_WIDER, OTHERS_WIDER, TWO_WIDER = 1.05, 1.15, 1.2
FEW_LONGER, OTHERS_LONGER, TWO_LONGER = 1.1, 1.2, 1.2  # likewise; clean: 1.10 at most of three stars, 1.26 of two
LONGER_SEVERITY: Table = ((1.12, 0.0), (1.22, 0.3), (1.35, 0.5), (1.55, 0.7), (2.5, 0.95))
# Noise of the sky against the last hours; it goes with the root of the light: 1.4 is twice the light.
# Elongation that the motion since the session's best gives a round star of its width, from what the axes show: sampling
# blurs both alike, so it cancels in the difference of their squares.
DRAWN_SEVERITY: Table = ((1.16, 0.0), (1.28, 0.3), (1.42, 0.5), (1.63, 0.7), (3.5, 0.97))
# Light added to that of the session, where it makes a slope: about as much more stands then on one side than the other.
UNEVEN_SEVERITY: Table = ((0.25, 0.0), (0.4, 0.3), (0.55, 0.5), (0.8, 0.7), (4.0, 0.95))
UNEVEN_TILT_SIGMA = 10.0
# Light of the sky taken away, where that makes it steeper: what takes it stands on one side. The Moon that sets and the
# end of dusk leave a flatter sky.
SHADED_SEVERITY: Table = ((0.12, 0.0), (0.2, 0.3), (0.3, 0.5), (0.45, 0.7), (0.9, 0.95))
NOISE_SEVERITY: Table = ((1.12, 0.0), (1.25, 0.3), (1.4, 0.5), (1.6, 0.7), (3.0, 0.95))
SHIFT_SEVERITY: Table = ((0.15, 0.0), (0.3, 0.3), (0.45, 0.5), (0.65, 0.7), (1.0, 0.95))
# Against earlier nights, before a night has a measure of its own: dust and damp take a quarter, seeing doubles widths.
# The night may be what it is: it asks for a person, it does not condemn.
PRIOR_LOSS_SEVERITY: Table = ((0.3, 0.0), (0.45, 0.3), (0.6, 0.5), (0.9, 0.6))
PRIOR_WIDER_SEVERITY: Table = ((1.6, 0.0), (2.0, 0.3), (3.0, 0.5), (5.0, 0.6))
PRIOR_LONGER_SEVERITY: Table = ((1.25, 0.0), (1.4, 0.3), (1.8, 0.5), (3.0, 0.6))
PRIOR_STARS_SEVERITY: Table = ((0.6, 0.0), (0.7, 0.3), (0.85, 0.5), (1.0, 0.6))  # lost; the Moon takes half of them
# Height of faint structure, noise of one pixel, as of trails; by it alone a person decides, no frame is condemned.
FINE_SEVERITY: Table = ((0.1, 0.1), (0.3, 0.3), (0.6, 0.45), (2.0, 0.5))
STAYING_SEVERITY = 0.25  # of what has been in the same place for frames: dust on the window, a lamp; a remark
STEADY, RANDOM = 0.85, 0.6  # mean resultant length of directions; five random ones exceed 0.6 in 15 %
NO_MEASURE = "this night has no measure of its own yet"
LOST_SEVERITY = 0.6  # not this group's stars: off target, or so much cloud that another few shine through


def session_findings(context: SessionContext) -> tuple[Finding, ...]:
    """Findings of severity above 0, worst first."""
    found = [
        *_clouds(context),
        *_patches(context),
        *_shaded(context),
        *_absent(context),
        *_fine(context),
        *_focus(context),
        *_tracking(context),
        *_bright_sky(context),
        *_pointing(context),
        *_cold_start(context),
    ]
    return tuple(sorted((one for one in found if one.severity > 0.0), key=lambda one: -one.severity))


def _clouds(context: SessionContext) -> Iterator[Finding]:
    if context.transparency is not None:
        lost = 1.0 - context.transparency - SURE_ERRORS * (context.transparency_error or 0.0)
        text = f"{_veil(context)}: transparency {context.transparency:.2f} of the session's best"
        evidence = {"transparency": context.transparency, "stars": float(context.matched_stars or 0)}
        yield Finding(Kind.CLOUD, severity(LOSS_SEVERITY, lost), text, evidence)
    elif context.star_ratio is not None:
        text = f"stars: {context.star_ratio:.0%} of the session's best: cloud or dew"
        lost = 1.0 - context.star_ratio
        yield Finding(Kind.CLOUD, severity(STARS_SEVERITY, lost), text, {"star_ratio": context.star_ratio})


def _veil(context: SessionContext) -> str:
    """Dew takes light and sharpness together and slowly; a cloud takes light."""
    dimmer, wider = context.trends.dimmer, context.trends.wider
    if dimmer is None:
        return "thin cloud or dew"
    halo = context.trends.halo
    grown = []
    if wider is not None and wider.is_slow:
        grown.append(f"FWHM {wider.best:.1f} -> {wider.now:.1f} px")
    if halo is not None and halo.is_slow:
        grown.append(f"{max(halo.best, 0.0):.0%} -> {halo.now:.0%} of their light in halos")
    if dimmer.is_slow and grown:
        return f"dew? since {_clock(dimmer)} stars lose light and grow ({', '.join(grown)})"
    return f"thin cloud since {_clock(dimmer)}" if wider is None else f"thin cloud or dew since {_clock(dimmer)}"


def _patches(context: SessionContext) -> Iterator[Finding]:
    share = context.extinct_fraction
    darker, brighter = context.darker_fraction or 0.0, context.brighter_fraction or 0.0
    growing = _growing(context)
    hidden = max(share or 0.0, context.edge_fraction or 0.0)
    is_dark = darker > brighter and darker > 0.5 * hidden
    kind = Kind.OBSTRUCTION if is_dark or (growing and not brighter) else Kind.CLOUD
    if share:
        what = "blocked" if kind is Kind.OBSTRUCTION else "behind cloud"
        cells = Cells(EXTINCT_ROWS, EXTINCT_COLUMNS, context.extinct_cells)
        where = place_of(cells)
        text = f"{share:.0%} of the field{where} {what}{growing}: its stars are missing or faint"
        bad = _covered_severity(EXTINCT_SEVERITY, share, context)
        yield Finding(kind, bad, text, {"extinct_fraction": share}, cells)
    if context.edge_fraction:
        lost = context.edge_fraction
        side = _side_of(context.edge_deg or 0.0)
        text = f"an edge on the {side} side takes {lost:.0%} of the field's light{growing}: stars are faint behind it"
        yield Finding(kind, severity(BLOCKED_SEVERITY, lost), text, {"edge_fraction": lost})
    if context.fading and not share:  # cells tell the place, a plane only the side
        side = _side_of(context.fading_deg or 0.0)
        text = f"stars fade by {context.fading:.0%} towards the {side} side of the field{growing}: an edge or haze"
        found = severity(FADING_SEVERITY, context.fading)
        yield Finding(Kind.OBSTRUCTION if darker else Kind.CLOUD, found, text, {"fading": context.fading})
    if brighter:
        text = f"the sky is brighter than before in {brighter:.0%} of the field"
        bad = _covered_severity(PATCH_SEVERITY, brighter, context)
        yield Finding(Kind.CLOUD, bad, text, {"brighter_fraction": brighter})
    if darker:
        text = f"the sky is darker than before in {darker:.0%} of the field{growing}"
        bad = _covered_severity(PATCH_SEVERITY, darker, context)
        yield Finding(Kind.OBSTRUCTION, bad, text, {"darker_fraction": darker})


def _growing(context: SessionContext) -> str:
    """What comes in slowly is an obstacle before a tracked field; it comes from one side."""
    covered, side = context.trends.covered, context.trends.covered_deg
    if covered is None or not covered.is_slow:
        return ""
    where = "" if side is None else f" from the {_side_of(side)} side"
    return f", growing{where} since {_clock(covered)} ({covered.first:.0%} -> {covered.now:.0%})"


def _shaded(context: SessionContext) -> Iterator[Finding]:
    """A soft edge so wide that it has no cells: the whole sky is darker, and leans."""
    if context.noise_ratio is None or not context.is_steeper or (context.tilt_sigma or 0.0) < UNEVEN_TILT_SIGMA:
        return
    lost = 1.0 - context.noise_ratio**2
    text = (
        f"the sky has lost {lost:.0%} of its light, more on one side than on the other: an obstacle with a soft edge?"
    )
    yield Finding(Kind.OBSTRUCTION, severity(SHADED_SEVERITY, lost), text, {"light_lost": lost})


def _covered_severity(table: Table, share: float, context: SessionContext) -> float:
    found = severity(table, share)
    return max(found, severity(RISING_SEVERITY, share)) if context.trends.is_rising else found


def _absent(context: SessionContext) -> Iterator[Finding]:
    absent, gone = context.absent_fraction, context.gone_fraction
    if gone:
        text = f"at least {gone:.0%} of the session's bright stars are gone: cloud, or off target"
        yield Finding(Kind.CLOUD, severity(GONE_SEVERITY, gone), text, {"gone_fraction": gone})
    blurred = max(context.fwhm_ratio or 1.0, context.elongation_ratio or 1.0) > BLURRED_RATIO
    if absent and not blurred:
        clouded = context.transparency is not None and context.transparency < CLEAR_TRANSPARENCY
        text = f"{absent:.0%} of the session's brightest stars are missing while the others shine"
        kind = Kind.CLOUD if clouded and not context.darker_fraction else Kind.OBSTRUCTION
        yield Finding(kind, severity(ABSENT_SEVERITY, absent), text, {"absent_fraction": absent})


def _fine(context: SessionContext) -> Iterator[Finding]:
    height = context.fine_sigma
    if height is None:
        return
    cells = Cells(MAP_ROWS, MAP_COLUMNS, context.fine_cells)
    share = len(context.fine_cells) / (MAP_ROWS * MAP_COLUMNS)
    what = "brighter: a ghost, a wisp, a broad trail" if height > 0.0 else "darker: dust, an edge, a shade"
    staying = ", as in the frames before" if context.fine_stays else ""
    text = f"{share:.1%} of the field{place_of(cells)} {abs(height):.2f} sigma {what}?{staying}"
    bad = min(severity(FINE_SEVERITY, abs(height)), STAYING_SEVERITY if context.fine_stays else 1.0)
    evidence = {"height_sigma": height, "certainty_sigma": context.fine_certainty or 0.0}
    yield Finding(Kind.CLOUD if height > 0.0 else Kind.OBSTRUCTION, bad, text, evidence, cells)


def _focus(context: SessionContext) -> Iterator[Finding]:
    ratio, wider = context.fwhm_ratio, context.trends.wider
    if context.few_fwhm_ratio is not None:
        few = context.few_fwhm_ratio
        text = f"the few stars are {few:.2f} times as wide as the session's best: focus or seeing"
        bad = severity(RAW_WIDER_SEVERITY, few / _few_error(context, FEW_WIDER, OTHERS_WIDER, TWO_WIDER))
        yield Finding(Kind.DEFOCUS, bad, text, {"fwhm_ratio": few})
    if ratio is None or context.seen_fwhm_ratio is None:
        return
    text = f"stars {ratio:.2f} times as wide as the session's best: focus or seeing"
    if wider is not None:
        what = "focus drifting" if wider.is_slow else "focus or seeing bad"
        text = f"{what} since {_clock(wider)} (FWHM {wider.best:.1f} -> {wider.now:.1f} px)"
    bad = max(severity(WIDER_SEVERITY, context.seen_fwhm_ratio), severity(RAW_WIDER_SEVERITY, ratio))
    yield Finding(Kind.DEFOCUS, bad, text, {"fwhm_ratio": ratio})


def _few_error(context: SessionContext, known: float, others: float, two: float) -> float:
    """By what the shape of a few stars may be wrong, as a factor."""
    if not context.few_are_known:
        return others
    return two if context.matched_stars == MIN_FLUX_STARS else known


def _tracking(context: SessionContext) -> Iterator[Finding]:
    ratio, longer, direction = context.elongation_ratio, context.trends.longer, context.trends.direction
    if context.few_elongation_ratio is not None:
        few = context.few_elongation_ratio
        text = f"the few stars are {few:.2f} times as elongated as the session's best: tracking or wind"
        bad = severity(LONGER_SEVERITY, few / _few_error(context, FEW_LONGER, OTHERS_LONGER, TWO_LONGER))
        yield Finding(Kind.TRAILED, bad, text, {"elongation_ratio": few})
    if ratio is None:
        return
    text = f"stars {ratio:.2f} times as elongated as the session's best: tracking or wind"
    if longer is not None and direction is not None and direction >= STEADY:
        since = _clock(longer)
        text = f"tracking: stars {ratio:.2f} times as elongated as the session's best, the same way since {since}"
    elif longer is not None and direction is not None and direction <= RANDOM:
        since = _clock(longer)
        text = f"wind? stars {ratio:.2f} times as elongated as the session's best, each frame another way since {since}"
    bad = severity(LONGER_SEVERITY, ratio)
    # what sampling hides from the eye is no fault: guiding and field rotation of ordinary rigs draw narrow stars out
    if bad >= NOTICEABLE_SEVERITY:
        bad = max(bad, severity(DRAWN_SEVERITY, context.drawn_elongation or 1.0))
    yield Finding(Kind.TRAILED, bad, text, {"elongation_ratio": ratio})


def _bright_sky(context: SessionContext) -> Iterator[Finding]:
    if context.noise_ratio is not None:
        light = context.noise_ratio**2
        brighter = context.trends.brighter
        since = "" if brighter is None else f", since {_clock(brighter)}"
        text = f"about {light:.1f} times the light in the sky as in the session{since}"
        bad = severity(NOISE_SEVERITY, context.noise_ratio)
        if (context.tilt_sigma or 0.0) >= UNEVEN_TILT_SIGMA:
            bad = max(bad, severity(UNEVEN_SEVERITY, light - 1.0))
        yield Finding(Kind.GRADIENT, bad, text, {"noise_ratio": context.noise_ratio})
    if context.tilt_sigma is not None:
        text = f"the sky rises by {context.tilt_sigma:.0f} sigma more across the frame than in the session"
        evidence = {"tilt_sigma": context.tilt_sigma}
        if context.noise_ratio is not None:
            evidence["noise_ratio"] = context.noise_ratio
        yield Finding(Kind.GRADIENT, severity(TILT_SEVERITY, context.tilt_sigma), text, evidence)


def _cold_start(context: SessionContext) -> Iterator[Finding]:
    light, stars = context.prior_transparency, context.prior_star_ratio
    width, length = context.prior_fwhm_ratio, context.prior_elongation_ratio
    if light is not None:
        text = f"cloud or haze? {light:.2f} of the light of earlier nights; {NO_MEASURE}"
        yield Finding(Kind.CLOUD, severity(PRIOR_LOSS_SEVERITY, 1.0 - light), text, {"prior_transparency": light})
    if stars is not None:
        text = f"cloud or haze? {stars:.0%} of the stars of earlier nights; {NO_MEASURE}"
        yield Finding(Kind.CLOUD, severity(PRIOR_STARS_SEVERITY, 1.0 - stars), text, {"prior_star_ratio": stars})
    if width is not None:
        text = f"stars {width:.1f} times as wide as on earlier nights; {NO_MEASURE}"
        yield Finding(Kind.DEFOCUS, severity(PRIOR_WIDER_SEVERITY, width), text, {"prior_fwhm_ratio": width})
    if length is not None:
        text = f"stars {length:.1f} times as elongated as on earlier nights; {NO_MEASURE}"
        found = severity(PRIOR_LONGER_SEVERITY, length)
        yield Finding(Kind.TRAILED, found, text, {"prior_elongation_ratio": length})


def place_of(cells: Cells) -> str:
    """Where the cells lie, as seen with row 0 on top: " upper left", " right" ...; empty when they lie everywhere."""
    if not cells.cells:
        return ""
    row = sum(row for row, _ in cells.cells) / len(cells.cells) / max(cells.rows - 1, 1) - 0.5
    column = sum(column for _, column in cells.cells) / len(cells.cells) / max(cells.columns - 1, 1) - 0.5
    words = []
    if abs(row) > ASIDE:
        words.append("upper" if row < 0 else "lower")
    if abs(column) > ASIDE:
        words.append("left" if column < 0 else "right")
    return " " + " ".join(words) if words else ""


def _side_of(angle_deg: float) -> str:
    """Where an angle from x towards y points, as seen with row 0 on top."""
    names = ("right", "lower right", "lower", "lower left", "left", "upper left", "upper", "upper right")
    return names[round(angle_deg / 45.0) % 8]


def _clock(course: Course) -> str:
    return f"{datetime.fromisoformat(course.since).astimezone(UTC):%H:%M} UTC"


def _pointing(context: SessionContext) -> Iterator[Finding]:
    if context.shift_fraction is not None:
        text = f"off target: the field jumped by {context.shift_fraction:.0%} of its width"
        evidence = {"shift_fraction": context.shift_fraction}
        yield Finding(Kind.OFF_TARGET, severity(SHIFT_SEVERITY, context.shift_fraction), text, evidence)
    if context.drift_fraction is not None and context.drift_fraction > (context.shift_fraction or 0.0):
        text = f"off target: the field has drifted by {context.drift_fraction:.0%} of its width in this session"
        bad = severity(SHIFT_SEVERITY, context.drift_fraction)
        yield Finding(Kind.OFF_TARGET, bad, text, {"drift_fraction": context.drift_fraction})
    if context.lost_field:
        yield Finding(Kind.OFF_TARGET, LOST_SEVERITY, "none of the session's stars are in the frame: off target?")
