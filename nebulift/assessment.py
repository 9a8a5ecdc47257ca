"""From measurements to findings: what a number means, in one place. Pure; every limit has its origin beside it.

Severity: 0.3 noticeable, 0.5 a matter of taste, 0.7 plainly visible, 1 ruined (``findings.Finding``). The tables map a
measured quantity to severity, linear between their points. They rest on physics and on what people see in a frame, not
on any set of frames: a rig's own habits are the business of ``session`` and of calibration.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from nebulift.findings import Cells, Ellipse, Finding, Kind, Line
from nebulift.measurements import Coverage, Measurements, Saturation, Sensor, Sky, Stars, Streak

Table = Sequence[tuple[float, float]]

# Height of a trail's ridge over the noise of one pixel. The eye follows a line in a stretched picture from about 0.3;
# at 1 it is plain; sigma clipping of a dozen subs leaves traces from about 2.
STREAK_SEVERITY: Table = ((0.1, 0.15), (0.3, 0.3), (0.6, 0.5), (1.0, 0.7), (2.0, 0.85), (5.0, 0.95))
# Major over minor axis of the star images, all pointing one way, after a blur of two pixels: what the eye sees of an
# elongation depends on the sampling. 1.25 is the eccentricity 0.6 from which PixInsight users weed in sets of one rig;
# but lenses, dispersion near the horizon and colour filters give whole rigs 1.5 every night: one frame alone is blamed
# from where stars are dashes. What a rig does not do every night the session tells.
TRAILED_SEVERITY: Table = ((1.3, 0.0), (1.5, 0.2), (1.65, 0.3), (1.85, 0.5), (2.1, 0.7), (3.0, 0.95))
SEEN_BLUR_PX = 2.0
TRAILED_COHERENCE = 0.6  # below, axes point anywhere: noise, coma or crowding, not the mount
ROUND_ELONGATION = 1.8  # above, the width is that of a trail
MIN_SHAPES = 5  # of fewer stars a median is an anecdote
# Width in arcseconds: ground-based seeing with amateur mounts ends at about 6"; beyond it is focus.
DEFOCUS_ARCSEC_SEVERITY: Table = ((6.0, 0.0), (8.0, 0.3), (12.0, 0.6), (16.0, 0.8), (30.0, 0.95))
# Width in pixels where the scale is unknown: sampling finer than 8 pixels per FWHM is nobody's choice.
DEFOCUS_PX_SEVERITY: Table = ((8.0, 0.0), (11.0, 0.3), (15.0, 0.55), (20.0, 0.75), (40.0, 0.95))
# Donuts: a hole is defocus beyond doubt; how bad is a matter of its size.
DONUT_SEVERITY: Table = ((6.0, 0.3), (10.0, 0.45), (14.0, 0.6), (18.0, 0.75), (30.0, 0.95))
DONUT_SHARE = 0.5
# Share of the frame at the ceiling. Star cores take 0.01 to 0.1 %; the core of a bright nebula a per cent.
SATURATION_SEVERITY: Table = ((0.003, 0.0), (0.01, 0.3), (0.03, 0.55), (0.1, 0.8), (0.5, 1.0))
# Share of the frame that holds one constant value along a border: trimmed borders are thin.
FALSE_STARS, FALSE_STARS_PER_MPX = 1.0, 0.1  # pure noise gives one or two at 26 megapixels, none with a shape
DEAD_SEVERITY: Table = ((0.01, 0.0), (0.03, 0.5), (0.1, 0.8), (0.5, 1.0))
# Scatter of row or column means over the noise of one pixel: the eye sees bands from about a tenth.
BANDING_SEVERITY: Table = ((0.1, 0.0), (0.3, 0.3), (0.6, 0.5), (1.2, 0.7), (3.0, 0.9))
# Share of the field without stars.
MISSING_SEVERITY: Table = ((0.05, 0.0), (0.1, 0.3), (0.2, 0.5), (0.3, 0.7), (0.6, 0.95))
BRIGHT_PATCH_WEIGHT = 0.6  # bright and without stars may be a nebula, too: one frame alone does not condemn it
BLOCKED_STEP_SIGMA = 1.0  # what blocks the sky changes its brightness, too; a dark nebula hardly does
# Range of the best plane through the sky over the pixel noise. Cities and the Moon give every wide field a slope that
# stacks well; one frame cannot tell that slope from an accident, so alone it never condemns (the session does).
GRADIENT_SEVERITY: Table = ((15.0, 0.0), (40.0, 0.3), (80.0, 0.5), (200.0, 0.6))


def severity(table: Table, value: float) -> float:
    """Linear interpolation in ``table``; constant beyond its ends, but 0 below a table that starts at 0."""
    if value <= table[0][0]:
        return table[0][1] if value == table[0][0] else 0.0
    for (x0, y0), (x1, y1) in pairwise(table):
        if value <= x1:
            return y0 + (y1 - y0) * (value - x0) / (x1 - x0)
    return table[-1][1]


def findings_of(measured: Measurements) -> tuple[Finding, ...]:
    """Everything wrong that one frame shows by itself, worst first; findings of severity 0 are left out."""
    found = [
        *map(_streak, measured.streaks),
        *_empty(measured),
        *_trailed(measured.stars),
        *_defocus(measured.stars),
        *_saturation(measured.saturation),
        *_readout(measured.sensor),
        *_gradient(measured.sky),
        *_missing_stars(measured.coverage),
    ]
    return tuple(sorted((one for one in found if one.severity > 0.0), key=lambda one: -one.severity))


def _streak(streak: Streak) -> Finding:
    name = "trail" if streak.object_kind == "unknown" else f"{streak.object_kind} trail"
    return Finding(
        Kind.STREAK,
        severity(STREAK_SEVERITY, streak.peak_sigma),
        f"{name}, {streak.length_px:.0f} px long, {streak.peak_sigma:.1f} sigma high (S/N {streak.snr:.0f})",
        {"snr": streak.snr, "peak_sigma": streak.peak_sigma, "length_px": streak.length_px},
        Line(streak.x0_px, streak.y0_px, streak.x1_px, streak.y1_px, streak.width_px),
        strong=True,
    )


def _empty(measured: Measurements) -> Iterator[Finding]:
    megapixels = measured.width_px * measured.height_px / 1e6
    none = measured.stars.measured == 0 and measured.stars.count <= FALSE_STARS + FALSE_STARS_PER_MPX * megapixels
    if none and measured.sensor.dead_fraction < 0.5:
        text = "no star in the frame: cover or dome closed, thick cloud, or not an exposure of the sky"
        yield Finding(
            Kind.EMPTY,
            0.95,
            text,
            {"stars": float(measured.stars.count), "hot_pixels": float(measured.stars.hot_pixels)},
            strong=True,
        )


def _trailed(stars: Stars) -> Iterator[Finding]:
    if stars.elongation is None or stars.measured < MIN_SHAPES:
        return
    assert stars.angle_coherence is not None
    assert stars.angle_deg is not None
    assert stars.fwhm_px is not None
    if stars.angle_coherence < TRAILED_COHERENCE:
        return
    root = stars.elongation**0.5
    yield Finding(
        Kind.TRAILED,
        severity(TRAILED_SEVERITY, seen_elongation(stars.fwhm_px, stars.elongation)),
        f"stars drawn out {stars.elongation:.1f} : 1 towards {stars.angle_deg:.0f} deg",
        {"elongation": stars.elongation, "coherence": stars.angle_coherence, "stars": float(stars.measured)},
        Ellipse(stars.fwhm_px * root, stars.fwhm_px / root, stars.angle_deg),
    )


def seen_elongation(fwhm_px: float, elongation: float) -> float:
    """The elongation of star images after a round blur of two pixels FWHM."""
    major, minor = fwhm_px**2 * elongation, fwhm_px**2 / elongation
    return math.sqrt((major + SEEN_BLUR_PX**2) / (minor + SEEN_BLUR_PX**2))


def _defocus(stars: Stars) -> Iterator[Finding]:
    if stars.fwhm_px is None or stars.donut_fraction is None or stars.elongation is None:
        return
    width = f"FWHM {stars.fwhm_px:.1f} px"
    if stars.fwhm_arcsec is not None:
        width = f'FWHM {stars.fwhm_arcsec:.1f}" ({stars.fwhm_px:.1f} px)'
    evidence = {"fwhm_px": stars.fwhm_px, "donut_fraction": stars.donut_fraction}
    shape = Ellipse(stars.fwhm_px, stars.fwhm_px, 0.0)
    if stars.donut_fraction > DONUT_SHARE:
        bad = severity(DONUT_SEVERITY, stars.fwhm_px)
        yield Finding(Kind.DEFOCUS, bad, f"out of focus: stars are rings, {width}", evidence, shape, strong=True)
    elif stars.measured >= MIN_SHAPES and stars.elongation < ROUND_ELONGATION:
        in_arcsec = severity(DEFOCUS_ARCSEC_SEVERITY, stars.fwhm_arcsec) if stars.fwhm_arcsec is not None else 1.0
        bad = min(severity(DEFOCUS_PX_SEVERITY, stars.fwhm_px), in_arcsec)
        yield Finding(Kind.DEFOCUS, bad, f"stars are wide: {width}", evidence, shape)


def _saturation(saturation: Saturation) -> Iterator[Finding]:
    share = saturation.saturated_fraction
    text = f"{share:.1%} of the frame is saturated"
    yield Finding(
        Kind.SATURATION, severity(SATURATION_SEVERITY, share), text, {"saturated_fraction": share}, strong=True
    )


def _readout(sensor: Sensor) -> Iterator[Finding]:
    dead = sensor.dead_fraction
    text = f"{dead:.0%} of the frame holds one value: it was not read out or not written whole"
    yield Finding(Kind.READOUT, severity(DEAD_SEVERITY, dead), text, {"dead_fraction": dead}, strong=True)
    for name, banding in (("rows", sensor.row_banding_sigma), ("columns", sensor.column_banding_sigma)):
        text = f"{name} differ by {banding:.2f} of the pixel noise: banding"
        yield Finding(Kind.READOUT, severity(BANDING_SEVERITY, banding), text, {"banding_sigma": banding})


def _gradient(sky: Sky) -> Iterator[Finding]:
    if sky.is_all_sky:
        return  # the horizon glows and the Milky Way crosses: no plane fits that
    size = sky.gradient_sigma
    text = f"sky rises by {size:.0f} sigma across the frame towards {sky.gradient_angle_deg:.0f} deg"
    yield Finding(Kind.GRADIENT, severity(GRADIENT_SEVERITY, size), text, {"gradient_sigma": size})


def _missing_stars(coverage: Coverage | None) -> Iterator[Finding]:
    if coverage is None or not coverage.cells:
        return
    share, step = coverage.missing_fraction, coverage.step_sigma
    if abs(step) < BLOCKED_STEP_SIGMA:
        return
    kind = Kind.OBSTRUCTION if step < 0 else Kind.CLOUD
    what = "blocked: dark and" if step < 0 else "covered: brighter and"
    weight = 1.0 if step < 0 else BRIGHT_PATCH_WEIGHT
    yield Finding(
        kind,
        weight * severity(MISSING_SEVERITY, share),
        f"{share:.0%} of the field is {what} without stars",
        {"missing_fraction": share, "step_sigma": step},
        Cells(coverage.rows, coverage.columns, coverage.cells),
    )
