"""What numbers mean: each fault becomes a finding of its kind, worse numbers never a lesser one, good frames none."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nebulift import assessment
from nebulift.assessment import findings_of, seen_elongation, severity
from nebulift.exposure import Exposure
from nebulift.findings import Box, Cells, Ellipse, Kind, Line
from nebulift.measurements import Coverage, Measurements, Saturation, Sensor, Sky, Stars, Streak

SKY = Sky(1000.0, 30.0, 2.0, 45.0, 0.1, 3.0, is_all_sky=False)
STARS = Stars(300, 180.0, 200, 3.0, None, 1.8, 1.1, 30.0, 0.3, 0.0, 12)
TRAIL = Streak(10.0, 20.0, 900.0, 700.0, 3.0, 1120.0, 37.4, 80.0, 1.5, "unknown")
GOOD = Measurements(1500, 1100, SKY, STARS, (), Saturation(None, 0.0, 0.0), Sensor(0, 0, 0.0, 0.01, 0.01), None)
TABLES = {name: table for name, table in vars(assessment).items() if name.endswith("_SEVERITY")}


def with_stars(**changed):
    return replace(GOOD, stars=replace(STARS, **changed))


def with_sensor(**changed):
    return replace(GOOD, sensor=replace(GOOD.sensor, **changed))


BAD = {
    "trail": (replace(GOOD, streaks=(TRAIL,)), Kind.STREAK, Line),
    "no star": (
        replace(with_stars(count=0, measured=0, fwhm_px=None, elongation=None), sky=replace(SKY, level_fraction=0.3)),
        Kind.EMPTY,
        type(None),
    ),
    "trailed": (with_stars(fwhm_px=5.0, elongation=2.5, angle_coherence=0.95), Kind.TRAILED, Ellipse),
    "donuts": (with_stars(fwhm_px=20.0, donut_fraction=0.9), Kind.DEFOCUS, Ellipse),
    "wide": (with_stars(fwhm_px=20.0), Kind.DEFOCUS, Ellipse),
    "burnt out": (replace(GOOD, saturation=Saturation(65535.0, 0.2, 0.2)), Kind.SATURATION, type(None)),
    "half read": (with_sensor(dead_fraction=0.4), Kind.READOUT, type(None)),
    "rows": (with_sensor(row_banding_sigma=1.3), Kind.READOUT, type(None)),
    "columns": (with_sensor(column_banding_sigma=1.3), Kind.READOUT, type(None)),
    "lost packet": (
        with_sensor(lost_fraction=0.02, lost_boxes_px=((100, 200, 400, 310),)),
        Kind.READOUT,
        Box,
    ),
    "sent twice": (with_sensor(repeated_rows=100, repeated_top_px=400), Kind.READOUT, Box),
    "torn": (with_sensor(torn_at_px=400, torn_stars=True, torn_step_sigma=0.0), Kind.READOUT, Box),
    "sky that jumps": (with_sensor(torn_at_px=400, torn_stars=False, torn_step_sigma=0.5), Kind.READOUT, Box),
    "columns all over": (with_sensor(column_bands_sigma=1.0, outstanding_columns=0.3), Kind.READOUT, type(None)),
    "stuck columns": (with_sensor(stuck_columns=40), Kind.READOUT, type(None)),
    "bleeding": (replace(GOOD, saturation=Saturation(65535.0, 0.0, 0.0, 0.5)), Kind.SATURATION, type(None)),
    "half a dome": (
        replace(GOOD, coverage=Coverage(0.2, -20.0, ((0, 0), (0, 1)), 4, 4, light_loss=0.6, is_proven=True)),
        Kind.OBSTRUCTION,
        Cells,
    ),
    "moon": (replace(GOOD, sky=replace(SKY, gradient_sigma=100.0)), Kind.GRADIENT, type(None)),
    "dome": (replace(GOOD, coverage=Coverage(0.4, -20.0, ((0, 0), (0, 1)), 4, 4)), Kind.OBSTRUCTION, Cells),
    "bank of cloud": (replace(GOOD, coverage=Coverage(0.6, 20.0, ((0, 0), (0, 1)), 4, 4)), Kind.CLOUD, Cells),
}


def test_a_good_frame_has_no_finding():
    assert findings_of(GOOD) == ()


@pytest.mark.parametrize(("measured", "kind", "geometry"), BAD.values(), ids=BAD.keys())
def test_every_fault_becomes_one_finding_with_number_place_and_sentence(measured, kind, geometry):
    (finding,) = findings_of(measured)
    assert finding.kind is kind
    assert 0.4 < finding.severity <= 1.0
    assert finding.evidence
    assert isinstance(finding.geometry, geometry)
    assert len(finding.text) > 15
    assert "\n" not in finding.text


def test_findings_come_worst_first():
    bad = replace(GOOD, streaks=(TRAIL, replace(TRAIL, peak_sigma=0.4), replace(TRAIL, peak_sigma=6.0)))
    severities = [finding.severity for finding in findings_of(bad)]
    assert severities == sorted(severities, reverse=True)
    assert len(severities) == 3


@pytest.mark.parametrize("name", TABLES)
@given(one=st.floats(0.0, 1000.0), other=st.floats(0.0, 1000.0))
def test_a_greater_number_is_never_less_severe(name, one, other):
    less, more = sorted((one, other))
    assert 0.0 <= severity(TABLES[name], less) <= severity(TABLES[name], more) <= 1.0


@pytest.mark.parametrize("name", TABLES)
def test_tables_give_their_own_points_and_nothing_below_them(name):
    table = TABLES[name]
    assert [severity(table, x) for x, _ in table] == pytest.approx([y for _, y in table])
    assert severity(table, table[0][0] - 1e-6) == 0.0
    assert severity(table, 1e9) == table[-1][1]


@given(elongation=st.floats(1.0, 5.0), fwhm=st.floats(1.0, 30.0))
def test_the_eye_sees_less_elongation_than_there_is_and_of_large_images_nearly_all(elongation, fwhm):
    seen = seen_elongation(fwhm, elongation)
    assert 1.0 <= seen <= elongation + 1e-9
    assert seen_elongation(100.0 * fwhm, elongation) == pytest.approx(elongation, rel=0.01)


def test_elongation_without_a_common_direction_is_not_the_mount():
    assert findings_of(with_stars(fwhm_px=5.0, elongation=2.5, angle_coherence=0.3)) == ()


def test_a_handful_of_stars_is_no_witness_of_trailing_or_width():
    few = {"count": 4, "measured": 4, "angle_coherence": 1.0}
    assert findings_of(with_stars(fwhm_px=5.0, elongation=2.5, **few)) == ()
    assert findings_of(with_stars(fwhm_px=19.0, **few)) == ()


def test_a_handful_of_huge_images_is_a_frame_out_of_focus():
    """What is left to be measured when all else has gone into the sky."""
    (finding,) = findings_of(with_stars(fwhm_px=40.0, count=3, measured=3))
    assert (finding.kind, finding.severity > 0.7) == (Kind.DEFOCUS, True)
    assert findings_of(with_stars(fwhm_px=40.0, count=2, measured=2)) == ()


def test_width_in_pixels_is_forgiven_where_the_scale_says_that_it_is_seeing():
    assert findings_of(with_stars(fwhm_px=14.0, fwhm_arcsec=3.0)) == ()
    assert findings_of(with_stars(fwhm_px=14.0, fwhm_arcsec=14.0))[0].kind is Kind.DEFOCUS


def test_a_gradient_alone_never_condemns_and_all_sky_frames_have_none():
    steep = replace(GOOD, sky=replace(SKY, gradient_sigma=1e6))
    assert findings_of(steep)[0].severity < 0.7
    assert findings_of(replace(GOOD, sky=replace(SKY, gradient_sigma=1e6, is_all_sky=True))) == ()


def test_stars_missing_before_an_unchanged_sky_are_a_dark_nebula():
    assert findings_of(replace(GOOD, coverage=Coverage(0.4, -0.3, ((0, 0), (0, 1)), 4, 4))) == ()


def test_a_frame_that_was_not_read_out_is_not_called_empty_as_well():
    blank = replace(with_sensor(dead_fraction=1.0), stars=replace(STARS, count=0, measured=0, fwhm_px=None))
    assert [finding.kind for finding in findings_of(blank)] == [Kind.READOUT]


def test_a_nebula_that_hides_every_star_is_put_to_a_person():
    none = with_stars(count=0, measured=0, fwhm_px=None, elongation=None)
    (finding,) = findings_of(replace(none, sky=replace(SKY, patchiness_sigma=0.8)))
    assert (finding.kind, finding.severity, finding.strong) == (Kind.EMPTY, 0.5, False)


@pytest.mark.parametrize(("megapixels", "count", "empty"), [(26, 2, True), (26, 7, False), (1, 1, True), (1, 7, False)])
def test_a_frame_with_no_more_stars_than_noise_gives_is_empty(megapixels, count, empty):
    side = round(1000 * megapixels**0.5)
    stars = replace(STARS, count=count, measured=0, fwhm_px=None, elongation=None, donut_fraction=None)
    bright = replace(SKY, level_fraction=0.3)
    found = findings_of(replace(GOOD, width_px=side, height_px=side, stars=stars, sky=bright))
    assert (Kind.EMPTY in {finding.kind for finding in found if finding.severity >= 0.7}) is empty


@pytest.mark.parametrize(("scatter", "spread", "told"), [(0.05, 40.0, True), (0.4, 40.0, False), (0.05, 2.0, False)])
def test_wide_images_that_differ_or_overlap_are_knots_of_a_nebula_or_the_limb_of_a_planet(scatter, spread, told):
    images = {"fwhm_px": 40.0, "shape_scatter": scatter, "spread_fwhm": spread}
    for changed in (
        {"donut_fraction": 0.9, "elongation": 1.3},
        {"elongation": 1.2},
        {"elongation": 2.5, "angle_coherence": 0.9},
    ):
        found = findings_of(with_stars(**images, **changed))
        assert bool(found) is told


def test_a_single_round_ring_is_a_star_out_of_focus_and_a_long_one_is_not():
    ring = {"fwhm_px": 40.0, "donut_fraction": 1.0, "measured": 1, "shape_scatter": 0.0, "spread_fwhm": 0.0}
    (finding,) = findings_of(with_stars(**ring, elongation=1.05))
    assert (finding.kind, finding.severity > 0.7) == (Kind.DEFOCUS, True)
    assert findings_of(with_stars(**ring, elongation=1.6)) == ()


def test_a_strip_along_a_border_is_trimmed_and_a_packet_amid_the_frame_is_lost():
    trimmed = with_sensor(lost_fraction=0.02, lost_boxes_px=((0, 0, 1500, 22), (0, 1090, 1500, 1100)))
    lost = with_sensor(lost_fraction=0.02, lost_boxes_px=((0, 500, 1500, 522),))
    assert findings_of(trimmed) == ()
    assert findings_of(lost)[0].severity >= 0.7


def test_a_shade_without_proof_by_stars_asks_a_person():
    shade = Coverage(0.5, -50.0, ((0, 0), (0, 1)), 4, 4, light_loss=0.8, is_proven=False)
    assert 0.3 <= findings_of(replace(GOOD, coverage=shade))[0].severity < 0.7


def test_few_stars_without_a_shape_are_a_question_whether_the_cover_is_closed():
    few = with_stars(count=4, measured=0, fwhm_px=None, elongation=None)
    assert 0.3 <= findings_of(few)[0].severity < 0.7


@pytest.mark.parametrize("columns", [1, 3, 8])
def test_a_sensor_has_some_stuck_columns_for_life(columns):
    assert all(one.severity < 0.3 for one in findings_of(with_sensor(stuck_columns=columns)))


def test_a_wide_faint_trail_weighs_by_all_its_light():
    """A ridge of a third of the noise is hard to see; out of focus it harms ten times the pixels."""
    narrow, wide = (replace(TRAIL, peak_sigma=0.3, snr=snr) for snr in (15.0, 60.0))
    (faint,), (plain,) = (findings_of(replace(GOOD, streaks=(trail,))) for trail in (narrow, wide))
    assert faint.severity < 0.5
    assert plain.severity >= 0.7


@pytest.mark.parametrize(("exposure_s", "most"), [(0.02, 0.5), (5.0, 1.0)])
def test_a_single_ring_of_a_short_exposure_may_be_a_planet(exposure_s, most):
    ring = replace(
        GOOD.stars, measured=1, fwhm_px=70.0, donut_fraction=1.0, elongation=1.05, shape_scatter=0.0, spread_fwhm=0.0
    )
    found = findings_of(replace(GOOD, stars=ring), Exposure(exposure_s=exposure_s))
    assert found[0].kind is Kind.DEFOCUS
    assert 0.9 * most <= found[0].severity <= most


NO_LIGHT = replace(SKY, gradient_sigma=0.02, vignetting_sigma=0.02, patchiness_sigma=0.02)


@pytest.mark.parametrize(("sky", "most"), [(NO_LIGHT, 0.5), (SKY, 1.0)])
def test_where_the_exposure_is_not_known_a_sky_without_light_speaks_for_a_planet(sky, most):
    ring = {"measured": 1, "fwhm_px": 70.0, "donut_fraction": 1.0, "elongation": 1.05}
    ring |= {"shape_scatter": 0.0, "spread_fwhm": 0.0}
    worst = findings_of(replace(with_stars(**ring), sky=sky))[0]
    assert worst.kind is Kind.DEFOCUS
    assert 0.9 * most <= worst.severity <= most
