"""From measurements to findings: what a number means, in one place. Pure; every limit has its origin beside it.

Severity: 0.3 noticeable, 0.5 a matter of taste, 0.7 plainly visible, 1 ruined (``findings.Finding``). The tables map a
measured quantity to severity, linear between their points. They rest on physics and on what people see in a frame, not
on any set of frames: a rig's own habits are the business of ``session`` and of calibration.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from nebulift.exposure import Exposure
from nebulift.findings import Box, Cells, Ellipse, Finding, Kind, Line
from nebulift.measurements import Coverage, DarkLine, Doubles, Measurements, Saturation, Sky, Stars, Streak
from nebulift.starless import A_REMARK, starless

Table = Sequence[tuple[float, float]]

# Height of a trail's ridge over the noise of one pixel. The eye follows a line in a stretched picture from about 0.3;
# at 1 it is plain; sigma clipping of a dozen subs leaves traces from about 2.
STREAK_SEVERITY: Table = ((0.1, 0.15), (0.3, 0.3), (0.6, 0.5), (1.0, 0.7), (2.0, 0.85), (5.0, 0.95))
# Total signal-to-noise of a trail: what is wide (out of focus) harms many pixels by little each, and a reduced picture
# shows it as well as a narrow one. 12 is the least of which kinds are told, 60 a ridge of 0.9 over 2000 pixels.
STREAK_SNR_SEVERITY: Table = ((6.0, 0.15), (12.0, 0.3), (27.0, 0.5), (60.0, 0.7), (150.0, 0.85), (400.0, 0.95))
# Major over minor axis of the star images, all pointing one way, after a blur of two pixels: what the eye sees of an
# elongation depends on the sampling. 1.25 is the eccentricity 0.6 from which PixInsight users weed in sets of one rig;
# but lenses, dispersion near the horizon and colour filters give whole rigs 1.5 every night: one frame alone is blamed
# from where stars are dashes. What a rig does not do every night the session tells.
TRAILED_SEVERITY: Table = ((1.3, 0.0), (1.5, 0.2), (1.65, 0.3), (1.85, 0.5), (2.1, 0.7), (3.0, 0.95))
SEEN_BLUR_PX = 2.0
# Share of the light of stars in their second images: one of a hundredth is seen beside the brightest, one of a tenth
# beside all, and no stack forgives it.
DOUBLE_SEVERITY: Table = ((0.01, 0.2), (0.03, 0.4), (0.06, 0.6), (0.1, 0.7), (0.25, 0.9), (0.5, 0.95))
TRAILED_COHERENCE = 0.6  # below, axes point anywhere: noise, coma or crowding, not the mount
ROUND_ELONGATION = 1.8  # above, the width is that of a trail
MIN_SHAPES = 5  # of fewer stars a median is an anecdote
# unless all that is left is far out of focus: no galaxy or blend is so wide, let alone three; see DEFOCUS_PX_SEVERITY
MIN_HUGE_SHAPES, HUGE_PX = 3, 20.0
# Width in arcseconds: ground-based seeing with amateur mounts ends at about 6"; beyond it is focus.
DEFOCUS_ARCSEC_SEVERITY: Table = ((6.0, 0.0), (8.0, 0.3), (12.0, 0.6), (16.0, 0.8), (30.0, 0.95))
# Width in pixels where the scale is unknown: sampling finer than 8 pixels per FWHM is nobody's choice.
DEFOCUS_PX_SEVERITY: Table = ((8.0, 0.0), (11.0, 0.3), (15.0, 0.55), (20.0, 0.75), (40.0, 0.95))
# Donuts: a hole is defocus beyond doubt; how bad is a matter of its size.
DONUT_SEVERITY: Table = ((6.0, 0.3), (10.0, 0.45), (14.0, 0.6), (18.0, 0.75), (30.0, 0.95))
DONUT_SHARE = 0.5
# Wide images that are no stars': scatter of the ellipticity vector (at most 0.12 in 45 simulated frames out of focus or
# trailed, mostly above 0.2 of knots and craters), distance between the outermost in FWHM (20 and more; a planet has 2).
KNOTS_PX, ALIKE, APART_FWHM = 10.0, 0.16, 8.0
PLANET_S = 0.3  # exposures of planets are shorter; a banded disc with a dark middle looks like one star out of focus
ROUND_RING = 1.15  # a single round ring is a star out of focus, as of a focus run on one star
# FWHM over twice the half-flux radius: 1 of a normal profile, 0.7 to 0.9 with the wings that the air gives, 1.41 of a
# disc of even light. Wide stars above this are flat on top: defocus, not seeing.
FLAT_TOPPED = 1.04
# What the words of a finding mention of the field, never its severity: a rig's tilt is there every night.
TILT_SEEN, CORNERS_SEEN = 0.25, 1.2  # about what side-by-side crops of the corners show
FAN_COHERENCE, FAN_ELONGATION = 0.5, 1.2
# Share of the frame at the ceiling. Star cores take 0.01 to 0.1 %; the core of a bright nebula a per cent.
SATURATION_SEVERITY: Table = ((0.003, 0.0), (0.01, 0.3), (0.03, 0.55), (0.1, 0.8), (0.5, 1.0))
# Share of the frame that holds one constant value along a border: trimmed borders are thin.
DEAD_SEVERITY: Table = ((0.004, 0.0), (0.01, 0.3), (0.03, 0.6), (0.05, 0.7), (0.1, 0.8), (0.5, 1.0))
# Share of the frame in rectangles of one value amid it, or in rows that are there twice. No sky is like that: a strip
# of a per cent is seen at once, one of a thousandth when looked for.
LOST_SEVERITY: Table = ((0.0003, 0.1), (0.001, 0.3), (0.004, 0.5), (0.012, 0.7), (0.05, 0.85), (0.3, 1.0))
ALL_OF_IT = 0.999
ALL_SKY_LOST = 0.02
ALL_SKY_DARK = 0.3  # of the frame, on one side of the disc of an all-sky lens, where nothing shines on a quiet camera
TORN = 0.9  # the light of stars ends at a row: neither part can be registered with the other
# Jump of the sky at one row alone, in noise of one pixel: a tear, or a read-out of two amplifiers: a person decides.
STEP_SEVERITY: Table = ((0.1, 0.2), (0.2, 0.4), (0.35, 0.6), (0.6, 0.7), (2.0, 0.85))
OVERSCAN_SHARE = 0.05  # of the height: CCDs add 16 to 50 rows that no light reaches
# Scatter of row or column heights over the noise of one pixel: the eye sees bands from about a third of it when it
# looks for them, and cheap cameras draw such in every frame; as high as the noise they are plain.
BANDING_SEVERITY: Table = ((0.2, 0.0), (0.55, 0.3), (0.8, 0.5), (1.0, 0.7), (3.0, 0.9))
# Columns are the same in every frame of a sensor, so that calibration takes them off: told later.
COLUMN_BANDING_SEVERITY: Table = ((0.3, 0.0), (0.8, 0.3), (0.9, 0.5), (1.0, 0.7), (3.0, 0.9))
# Share of rows or columns that stand out from those beside them by more than the noise of the map: 0.32 where they
# scatter by as much. Single ones are hot columns, which calibration takes off.
OUTSTANDING_SEVERITY: Table = ((0.05, 0.0), (0.1, 0.3), (0.2, 0.5), (0.3, 0.7), (0.5, 0.9))
OUTSTANDING_COLUMNS_SEVERITY: Table = ((0.1, 0.0), (0.2, 0.3), (0.25, 0.5), (0.3, 0.7), (0.5, 0.9))
STUCK_SEVERITY: Table = ((8.0, 0.1), (16.0, 0.35), (32.0, 0.55), (64.0, 0.72))  # columns; a sensor has some for life
# Longest run of full pixels along a column over the height of the frame.
BLEED_SEVERITY: Table = ((0.05, 0.0), (0.15, 0.3), (0.3, 0.5), (0.6, 0.7), (1.0, 0.85))
# Share of the field without stars.
MISSING_SEVERITY: Table = ((0.05, 0.0), (0.1, 0.3), (0.2, 0.5), (0.3, 0.7), (0.6, 0.95))
# Share of the field's light that something takes, where the darker side of the field says so itself.
BLOCKED_SEVERITY: Table = ((0.02, 0.1), (0.05, 0.4), (0.1, 0.6), (0.15, 0.7), (0.5, 0.95))
UNPROVEN = 0.5  # where there are too few stars to say so: a person looks
BRIGHT_PATCH_WEIGHT = 0.6  # bright and without stars may be a nebula, too: one frame alone does not condemn it
BLOCKED_STEP_SIGMA = 1.0  # what blocks the sky changes its brightness, too; a dark nebula hardly does
# Depth of a dark line over the noise of a pixel: seen at once from about 1. Flats take it out where it lies in every
# frame, which one frame cannot tell: it is said, but a rig with a hair must not have a question at every frame.
DARK_LINE_SEVERITY: Table = ((0.1, 0.1), (0.5, 0.2), (4.0, 0.29))
# Light of stars in halos over that in their cores. Telescopes have up to 0.1, photographic lenses up to a quarter, soft
# filters more, and every night, which one frame cannot tell from dew: it never condemns. A crowd of faint stars
# round the bright ones looks like a halo, too (0.4 in the densest clusters).
HALO_SEVERITY: Table = ((0.25, 0.0), (0.6, 0.3), (1.2, 0.5), (2.0, 0.6))
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


def findings_of(measured: Measurements, exposure: Exposure | None = None) -> tuple[Finding, ...]:
    """Everything wrong that one frame shows by itself, worst first; findings of severity 0 are left out.

    ``exposure``: what the header says; a short exposure without stars may be in order.
    """
    empty = starless(measured, exposure)
    found = [
        *map(_streak, measured.streaks),
        *([] if empty is None else [empty]),
        *_trailed(measured.stars),
        *_doubled(measured.doubles),
        *_defocus(measured.stars, None if exposure is None else exposure.exposure_s),
        *_saturation(measured.saturation),
        *_readout(measured),
        *_gradient(measured.sky),
        *_missing_stars(measured.coverage),
        *_dark_line(measured.dark_line),
        *_halo(measured.halo_share),
    ]
    return tuple(sorted((one for one in found if one.severity > 0.0), key=lambda one: -one.severity))


def _streak(streak: Streak) -> Finding:
    name = "trail" if streak.object_kind == "unknown" else f"{streak.object_kind} trail"
    return Finding(
        Kind.STREAK,
        max(severity(STREAK_SEVERITY, streak.peak_sigma), severity(STREAK_SNR_SEVERITY, streak.snr)),
        f"{name}, {streak.length_px:.0f} px long, {streak.peak_sigma:.1f} sigma high (S/N {streak.snr:.0f})",
        {"snr": streak.snr, "peak_sigma": streak.peak_sigma, "length_px": streak.length_px},
        Line(streak.x0_px, streak.y0_px, streak.x1_px, streak.y1_px, streak.width_px),
        strong=True,
    )


def _trailed(stars: Stars) -> Iterator[Finding]:
    if stars.elongation is None or stars.measured < MIN_SHAPES:
        return
    assert stars.angle_coherence is not None
    assert stars.angle_deg is not None
    assert stars.fwhm_px is not None
    if stars.angle_coherence < TRAILED_COHERENCE or not _are_images_of_stars(stars):
        return
    root = stars.elongation**0.5
    yield Finding(
        Kind.TRAILED,
        severity(TRAILED_SEVERITY, seen_elongation(stars.fwhm_px, stars.elongation)),
        f"stars drawn out {stars.elongation:.1f} : 1 towards {stars.angle_deg:.0f} deg, all over the field",
        {"elongation": stars.elongation, "coherence": stars.angle_coherence, "stars": float(stars.measured)},
        Ellipse(stars.fwhm_px * root, stars.fwhm_px / root, stars.angle_deg),
    )


def _doubled(doubles: Doubles | None) -> Iterator[Finding]:
    if doubles is None:
        return
    yield Finding(
        Kind.TRAILED,
        severity(DOUBLE_SEVERITY, doubles.light_share),
        f"stars are there twice, {doubles.apart_px:.0f} px apart towards {doubles.angle_deg:.0f} deg, with "
        f"{doubles.light_share:.0%} of their light in the second images: the mount jumped",
        {"apart_px": doubles.apart_px, "light_share": doubles.light_share, "stars": float(doubles.stars)},
        strong=True,
    )


def _are_images_of_stars(stars: Stars) -> bool:
    """Whether wide images are alike and far apart, as those of stars: knots of a nebula, craters and the limb of a
    planet are not.
    """
    if stars.fwhm_px is None or stars.fwhm_px < KNOTS_PX or stars.shape_scatter is None or stars.spread_fwhm is None:
        return True
    return stars.shape_scatter <= ALIKE and stars.spread_fwhm >= APART_FWHM


def seen_width_px(fwhm_px: float | None) -> float | None:
    """The width of star images after a round blur of two pixels FWHM."""
    return None if fwhm_px is None else math.hypot(fwhm_px, SEEN_BLUR_PX)


def seen_elongation(fwhm_px: float, elongation: float) -> float:
    """The elongation of star images after a round blur of two pixels FWHM."""
    major, minor = fwhm_px**2 * elongation, fwhm_px**2 / elongation
    return math.sqrt((major + SEEN_BLUR_PX**2) / (minor + SEEN_BLUR_PX**2))


def _defocus(stars: Stars, exposure_s: float | None) -> Iterator[Finding]:
    if stars.fwhm_px is None or stars.donut_fraction is None or stars.elongation is None:
        return
    is_ring = stars.donut_fraction > DONUT_SHARE
    is_alone = not _are_images_of_stars(stars)
    if is_alone and not (is_ring and stars.elongation <= ROUND_RING):
        return
    width = f"FWHM {stars.fwhm_px:.1f} px"
    if stars.fwhm_arcsec is not None:
        width = f'FWHM {stars.fwhm_arcsec:.1f}" ({stars.fwhm_px:.1f} px)'
    evidence = {"fwhm_px": stars.fwhm_px, "donut_fraction": stars.donut_fraction}
    shape = Ellipse(stars.fwhm_px, stars.fwhm_px, 0.0)
    if is_ring:
        bad = severity(DONUT_SEVERITY, stars.fwhm_px)
        text = f"out of focus: stars are rings (donuts), {width}{_over_the_field(stars)}"
        if is_alone and exposure_s is not None and exposure_s <= PLANET_S:
            bad, text = min(bad, UNPROVEN), f"a ring, {width}: a star out of focus, or a planet"
        yield Finding(Kind.DEFOCUS, bad, text, evidence, shape, strong=True)
    elif stars.measured >= _enough_shapes(stars.fwhm_px) and stars.elongation < ROUND_ELONGATION:
        in_arcsec = severity(DEFOCUS_ARCSEC_SEVERITY, stars.fwhm_arcsec) if stars.fwhm_arcsec is not None else 1.0
        bad = min(severity(DEFOCUS_PX_SEVERITY, stars.fwhm_px), in_arcsec)
        is_flat = stars.hfr_px is not None and stars.fwhm_px > FLAT_TOPPED * 2.0 * stars.hfr_px
        cause = "flat on top as out of focus" if is_flat else "by seeing, haze or focus"
        text = f"stars are wide, {cause}: {width}{_over_the_field(stars)}"
        yield Finding(Kind.DEFOCUS, bad, text, evidence, shape)


def _enough_shapes(fwhm_px: float) -> int:
    return MIN_HUGE_SHAPES if fwhm_px >= HUGE_PX else MIN_SHAPES


def _over_the_field(stars: Stars) -> str:
    """What differs over the field, in words that follow the width; empty where nothing does or nobody knows."""
    words = []
    if stars.fwhm_tilt is not None and stars.fwhm_tilt > TILT_SEEN:
        assert stars.fwhm_tilt_angle_deg is not None
        words.append(f"wider by {stars.fwhm_tilt:.0%} on the side towards {stars.fwhm_tilt_angle_deg:.0f} deg: tilt")
    if stars.fwhm_curvature is not None and stars.fwhm_curvature > CORNERS_SEEN:
        words.append(f"wider by {stars.fwhm_curvature - 1.0:.0%} in the corners than in the centre")
    if (stars.radial_coherence or 0.0) > FAN_COHERENCE and (stars.elongation or 1.0) > FAN_ELONGATION:
        words.append(f"drawn out {stars.elongation:.1f} : 1 away from the centre: coma or spacing")
    return "".join(f"; {word}" for word in words)


def _saturation(saturation: Saturation) -> Iterator[Finding]:
    share = saturation.saturated_fraction
    text = f"{share:.1%} of the frame is saturated"
    yield Finding(
        Kind.SATURATION, severity(SATURATION_SEVERITY, share), text, {"saturated_fraction": share}, strong=True
    )
    bleed = saturation.bleed_fraction or 0.0
    text = f"charge of a burnt-out star runs along {bleed:.0%} of the frame's height"
    yield Finding(Kind.SATURATION, severity(BLEED_SEVERITY, bleed), text, {"bleed_fraction": bleed})


def _readout(measured: Measurements) -> Iterator[Finding]:
    sensor = measured.sensor
    dead = sensor.dead_fraction
    why = "it was not read out, not written whole, or is burnt out" if dead > ALL_OF_IT else "not read or written whole"
    text = f"{dead:.0%} of the frame holds one value: {why}"
    is_beside_disc = measured.sky.is_all_sky and dead < ALL_SKY_DARK
    is_burnt = dead > ALL_OF_IT and measured.saturation.saturated_fraction >= dead  # the one value is the ceiling
    whole_lines = 0.0 if is_beside_disc or is_burnt else severity(DEAD_SEVERITY, dead)
    yield Finding(Kind.READOUT, whole_lines, text, {"dead_fraction": dead}, strong=True)
    yield from _lost(measured, whole_lines)
    yield from _out_of_place(measured)
    yield from _banding(measured)
    if sensor.stuck_columns and not measured.sky.is_all_sky:
        text = f"{sensor.stuck_columns} columns hold one value"
        bad = severity(STUCK_SEVERITY, sensor.stuck_columns)
        yield Finding(Kind.READOUT, bad, text, {"stuck_columns": float(sensor.stuck_columns)})


def _lost(measured: Measurements, whole_lines: float) -> Iterator[Finding]:
    """Rectangles of one value amid the frame; along a border they may be trimmed on purpose."""
    width, height = measured.width_px, measured.height_px
    amid = [box for box in measured.sensor.lost_boxes_px if not _is_margin(box, width, height)]
    share = sum((right - left) * (bottom - top) for left, top, right, bottom in amid) / (width * height)
    # beyond the horizon of an all-sky frame nothing shines: small blocks are equal there
    if not amid or (measured.sky.is_all_sky and share < ALL_SKY_LOST):
        return
    bad = severity(LOST_SEVERITY, share)
    if bad > whole_lines:
        text = f"{share:.1%} of the frame holds one value in {len(amid)} blocks: lost on the way from the camera"
        largest = Box(*(float(edge) for edge in amid[0]))
        yield Finding(Kind.READOUT, bad, text, {"lost_fraction": share}, largest, strong=True)


def _is_margin(box: tuple[int, int, int, int], width: int, height: int) -> bool:
    """Whether the box is a strip along a whole side of the frame (a map may lack the last line of an odd one)."""
    left, top, right, bottom = box
    wide, tall = left == 0 and right >= width - 1, top == 0 and bottom >= height - 1
    return (wide and (top == 0 or bottom >= height - 1)) or (tall and (left == 0 or right >= width - 1))


def _out_of_place(measured: Measurements) -> Iterator[Finding]:
    """Rows that are there twice, and parts that belong elsewhere."""
    sensor, width, height = measured.sensor, float(measured.width_px), float(measured.height_px)
    if sensor.repeated_rows and sensor.repeated_top_px is not None:
        top, share = float(sensor.repeated_top_px), sensor.repeated_rows / height
        text = f"{sensor.repeated_rows} rows are those above them once more: the camera sent them twice"
        where = Box(0.0, top, width, top + sensor.repeated_rows)
        evidence = {"repeated_rows": float(sensor.repeated_rows)}
        yield Finding(Kind.READOUT, severity(LOST_SEVERITY, share), text, evidence, where, strong=True)
    if sensor.torn_at_px is not None:
        step = sensor.torn_step_sigma or 0.0
        bad = TORN if sensor.torn_stars else severity(STEP_SEVERITY, step)
        what = "stars are cut off" if sensor.torn_stars else f"the sky jumps by {step:.1f} sigma"
        if not sensor.torn_stars and min(sensor.torn_at_px, height - sensor.torn_at_px) < OVERSCAN_SHARE * height:
            bad, what = min(bad, A_REMARK), f"{what}, so near the border perhaps to rows without light (overscan)"
        text = f"torn at row {sensor.torn_at_px}: {what} there"
        where = Box(0.0, float(sensor.torn_at_px), width, height)
        evidence = {"torn_at_px": float(sensor.torn_at_px), "step_sigma": step}
        yield Finding(Kind.READOUT, bad, text, evidence, where, strong=bool(sensor.torn_stars))


def _banding(measured: Measurements) -> Iterator[Finding]:
    sensor = measured.sensor
    lines = (
        ("rows", sensor.row_banding_sigma, sensor.row_bands_sigma, sensor.outstanding_rows),
        ("columns", sensor.column_banding_sigma, sensor.column_bands_sigma, sensor.outstanding_columns),
    )
    tables = (
        (BANDING_SEVERITY, OUTSTANDING_SEVERITY),
        (COLUMN_BANDING_SEVERITY, OUTSTANDING_COLUMNS_SEVERITY),
    )
    for (name, everywhere, somewhere, outstanding), (by_height, by_share) in zip(lines, tables, strict=True):
        banding = everywhere if somewhere is None else somewhere
        share = 0.0 if measured.sky.is_all_sky else outstanding or 0.0
        bad = max(severity(by_height, banding), severity(by_share, share))
        text = f"{name} differ by {banding:.2f} of the pixel noise, {share:.0%} of them by more than the noise: banding"
        yield Finding(Kind.READOUT, bad, text, {"banding_sigma": banding, "outstanding_share": share})


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
    if coverage.light_loss is None and abs(step) < BLOCKED_STEP_SIGMA:
        return
    kind = Kind.OBSTRUCTION if step < 0 else Kind.CLOUD
    what = "blocked: dark and" if step < 0 else "covered: brighter and"
    weight = 1.0 if step < 0 else BRIGHT_PATCH_WEIGHT
    bad = weight * severity(MISSING_SEVERITY if coverage.light_loss is None else BLOCKED_SEVERITY, share)
    if coverage.is_proven is False:
        bad, what = min(bad, UNPROVEN), "in a shade with an edge, perhaps"
    yield Finding(
        kind,
        bad,
        f"{share:.0%} of the field is {what} without stars",
        {"missing_fraction": share, "step_sigma": step},
        Cells(coverage.rows, coverage.columns, coverage.cells),
    )


def _dark_line(line: DarkLine | None) -> Iterator[Finding]:
    if line is None:
        return
    yield Finding(
        Kind.OBSTRUCTION,
        severity(DARK_LINE_SEVERITY, line.depth_sigma),
        f"a dark line, {line.length_px:.0f} px long and {line.depth_sigma:.1f} sigma deep: a hair before the sensor? "
        "Flats of the same night take it out",
        {"depth_sigma": line.depth_sigma, "length_px": line.length_px, "width_px": line.width_px},
        Box(*(float(edge) for edge in line.box_px)),
    )


def _halo(share: float | None) -> Iterator[Finding]:
    if share is None:
        return
    text = f"halos about the stars hold {share:.0%} as much light as their cores: dew, frost, or haze?"
    yield Finding(Kind.CLOUD, severity(HALO_SEVERITY, share), text, {"halo_share": share})
