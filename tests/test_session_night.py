"""Through the night and on to the next: poor fields, courses of events with their hour, what earlier nights say."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from glimpses import WIDTH, Field, after_clean_frames, at, scalars, seen_next

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.findings import Kind
from nebulift.session import GroupState, compare, glimpse_of, next_session, scalars_of, session_findings
from nebulift.session.star_match import Motion, match_few
from nebulift.simulate import star_field
from nebulift.verdict import Label, decide


def of_few(glimpse, fwhm_px=3.0, elongation=1.1):
    """Scalars of a frame with fewer measured stars than a median of shapes asks for."""
    known = {"few_fwhm_px": fwhm_px, "few_elongation": elongation}
    return replace(scalars(glimpse), fwhm_px=None, elongation=None, **known)


class TestPoorFields:
    """Five stars tell as much as five hundred, where they are bright."""

    def test_transparency_is_measured_on_five_stars(self):
        poor = Field(stars=5)
        context, _ = seen_next(after_clean_frames(poor), poor.glimpse(transparency=0.6, shift=(20.0, -9.0)))
        assert context.transparency == pytest.approx(0.6, abs=0.06)

    def test_a_meridian_flip_is_survived(self):
        poor = Field(stars=5)
        context, _ = seen_next(after_clean_frames(poor), poor.glimpse(turned=True, shift=(60.0, 40.0)))
        assert context.matched_stars == 5

    def test_stars_that_are_all_gone_are_missed(self):
        poor = Field(stars=5)
        empty = replace(poor.glimpse(), present=np.empty((0, 2)), stars=np.empty((0, 2)), flux_adu=np.empty(0))
        context, _ = compare(after_clean_frames(poor), empty, scalars(empty))
        finding = session_findings(context)[0]
        assert (finding.kind, context.gone_fraction) == (Kind.CLOUD, 1.0)
        assert finding.severity > 0.7

    def test_clean_frames_of_poor_fields_stay_clean(self):
        for seed in range(20):
            poor = Field(stars=6, seed=seed)
            state = after_clean_frames(poor, 2)
            for _ in range(4):
                context, state = seen_next(state, poor.glimpse(shift=tuple(poor.rng.uniform(-30, 30, 2))))
                assert all(finding.severity < 0.3 for finding in session_findings(context))

    @pytest.mark.parametrize(
        ("stars", "ratio", "label"), [(4, 1.6, Label.REVIEW), (2, 2.1, Label.REVIEW), (4, 1.2, Label.CLEAN)]
    )
    def test_the_widths_of_a_few_known_stars_tell_the_focus(self, stars, ratio, label):
        poor = Field(stars=stars + 2)
        state = GroupState("group")
        for _ in range(4):
            glimpse = poor.glimpse()
            _, state = seen_next(state, glimpse, now=replace(scalars(glimpse), fwhm_px=None, few_fwhm_px=3.0))
        glimpse = poor.glimpse()
        few = replace(glimpse, stars=glimpse.stars[:stars], flux_adu=glimpse.flux_adu[:stars])
        now = replace(scalars(few), fwhm_px=None, few_fwhm_px=3.0 * ratio)
        assert decide(session_findings(compare(state, few, now)[0])).label is label

    @pytest.mark.parametrize(
        ("stars", "ratio", "label"),
        [(4, 1.9, Label.CONTAMINATED), (2, 1.7, Label.REVIEW), (4, 1.2, Label.CLEAN), (2, 1.4, Label.CLEAN)],
    )
    def test_the_lengths_of_a_few_known_stars_tell_the_tracking(self, stars, ratio, label):
        poor = Field(stars=stars)
        state = GroupState("group")
        for _ in range(4):
            glimpse = poor.glimpse()
            _, state = seen_next(state, glimpse, now=of_few(glimpse, elongation=1.1))
        now = of_few(poor.glimpse(), elongation=1.1 * ratio)
        findings = session_findings(compare(state, poor.glimpse(), now)[0])
        assert decide(findings).label is label
        assert {one.kind for one in findings if one.severity >= 0.3} <= {Kind.TRAILED}

    def test_two_stars_are_known_again_through_dither_and_flip(self):
        poor = Field(stars=2, seed=3)
        state = GroupState("group")
        for look in ({}, {"shift": (9.0, -7.0)}, {"turned": True, "shift": (40.0, 20.0)}):
            glimpse = poor.glimpse(**look)
            context, state = seen_next(state, glimpse, now=of_few(glimpse))
        assert context.matched_stars == 2
        assert state.catalogue.motion.is_turned

    def test_two_stars_that_lose_their_light_are_believed_after_three_frames(self):
        poor = Field(stars=2, seed=3)
        state = GroupState("group")
        for frames in range(6):
            veiled = poor.glimpse(transparency=0.5)
            context, _ = compare(state, veiled, of_few(veiled))
            assert (context.transparency is None) == (frames < 3)
            glimpse = poor.glimpse()
            _, state = seen_next(state, glimpse, now=of_few(glimpse))
        assert decide(session_findings(context)).label is Label.CONTAMINATED

    def test_two_whose_light_jumps_in_clean_frames_tell_no_cloud(self):
        poor = Field(stars=2, seed=3)
        state = GroupState("group")
        for number in range(9):
            glimpse = poor.glimpse(transparency=(1.0, 0.6)[number % 2])
            context, state = seen_next(state, glimpse, now=of_few(glimpse))
            assert decide(session_findings(context)).label is Label.CLEAN

    def test_the_light_of_two_is_not_compared_with_that_of_two_out_of_focus(self):
        poor = Field(stars=2, seed=3)
        state = GroupState("group")
        for _ in range(4):
            glimpse = poor.glimpse(transparency=1.4)  # more of a wide image is measured as light
            _, state = seen_next(state, glimpse, now=of_few(glimpse, fwhm_px=9.0))
        sharp = poor.glimpse()
        assert compare(state, sharp, of_few(sharp, fwhm_px=9.0))[0].transparency == pytest.approx(0.71, abs=0.06)
        assert compare(state, sharp, of_few(sharp, fwhm_px=4.0))[0].transparency is None

    @pytest.mark.parametrize("places", [[[900.0, 700.0], [905.0, 700.0]], [[900.0, 700.0], [4.0, 800.0]]])
    def test_knots_and_stars_cut_by_the_border_are_no_list(self, places):
        glimpse = Field(stars=2).glimpse()
        glimpse = replace(glimpse, stars=np.array(places), present=np.array(places))
        _, state = seen_next(GroupState("group"), glimpse, now=of_few(glimpse))
        assert state.catalogue is None

    @pytest.mark.parametrize(("turned", "stars"), [(False, 5), (True, 2)])
    def test_a_list_of_two_gives_way_to_a_fuller_one_the_same_way_up(self, turned, stars):
        poor = Field(stars=5)
        glimpse = poor.glimpse()
        few = replace(glimpse, stars=glimpse.stars[:2], flux_adu=glimpse.flux_adu[:2])
        _, state = seen_next(GroupState("group"), few, now=of_few(few))
        fuller = poor.glimpse(turned=turned, shift=(8.0, 6.0))
        _, state = seen_next(state, fuller, now=of_few(fuller))
        assert len(state.catalogue.stars) == stars

    def test_where_the_maps_lie_on_new_stars_nobody_knows(self):
        poor, other = Field(stars=5), Field(stars=5, seed=9)
        _, state = seen_next(GroupState("group"), poor.glimpse())
        _, state = seen_next(state, other.glimpse())  # the first list was not confirmed
        assert [one.middle_px is None for one in state.sky_maps] == [True, False]

    def test_two_stars_that_may_be_others_tell_nothing(self):
        poor = Field(stars=6)
        state = after_clean_frames(poor)
        glimpse = poor.glimpse()
        others = replace(glimpse, stars=np.array([[50.0, 1900.0], [2900.0, 77.0]]), flux_adu=glimpse.flux_adu[:2])
        now = replace(scalars(others), fwhm_px=None, few_fwhm_px=9.0)
        assert compare(state, others, now)[0].few_fwhm_ratio is None

    def test_unrelated_stars_do_not_match(self):
        rng = np.random.default_rng(4)
        found = [
            match_few(
                rng.uniform(0, (3000, 2000), (5, 2)), rng.uniform(0, (3000, 2000), (6, 2)), Motion(), (2000, 3000)
            )
            for _ in range(2000)
        ]
        assert sum(match is not None for match in found) <= 8  # one in a thousand, and chance


class TestTheNextNight:
    def two_nights(self, field, **first_look):
        """(context of the first frame of the second night, state before it)."""
        state = GroupState("group")
        for number in range(8):
            glimpse = field.glimpse()
            _, state = seen_next(state, glimpse, now=replace(scalars(glimpse), taken_at=at(5 * number)))
        fresh = next_session(state)
        context, _ = seen_next(fresh, field.glimpse(**first_look))
        return context, fresh

    def test_nothing_of_the_night_before_is_a_reference(self):
        context, fresh = self.two_nights(Field())
        assert (fresh.reference_frames, fresh.sky_maps, context.transparency) == (0, (), None)
        assert session_findings(context) == ()

    def test_a_first_frame_behind_cloud_is_put_to_a_person(self):
        context, _ = self.two_nights(Field(), transparency=0.45)
        assert context.prior_transparency == pytest.approx(0.45, abs=0.04)
        finding = session_findings(context)[0]
        assert 0.3 < finding.severity < 0.7
        assert "earlier nights" in finding.text

    @pytest.mark.parametrize(
        ("change", "kind"),
        [({"elongation": 1.8}, Kind.TRAILED), ({"fwhm_px": 8.0}, Kind.DEFOCUS), ({"stars": 20}, Kind.CLOUD)],
    )
    def test_a_spoilt_first_frame_is_put_to_a_person_with_its_cause(self, change, kind):
        _, fresh = self.two_nights(Field())
        glimpse = Field().glimpse()
        context, _ = compare(fresh, glimpse, replace(scalars(glimpse), **change))
        (finding,) = session_findings(context)
        assert finding.kind is kind
        assert 0.3 < finding.severity < 0.7
        assert "earlier nights" in finding.text

    def test_a_hazy_night_is_a_night(self):
        context, _ = self.two_nights(Field(), transparency=0.8)
        assert session_findings(context) == ()

    def test_a_field_framed_anew_finds_its_own_stars(self):
        state = next_session(after_clean_frames(Field()))
        other = Field(seed=77)
        for _ in range(4):
            context, state = seen_next(state, other.glimpse())
            assert not context.lost_field
            assert all(finding.severity < 0.3 for finding in session_findings(context))
        context, _ = seen_next(state, other.glimpse(transparency=0.6))
        assert context.transparency == pytest.approx(0.6, abs=0.04)

    def test_a_field_framed_a_little_aside_has_not_drifted(self):
        field = Field()
        state = next_session(after_clean_frames(field))
        for _ in range(4):
            context, state = seen_next(state, field.glimpse(shift=(0.2 * WIDTH, 0.0)))
            assert all(finding.kind is not Kind.OFF_TARGET for finding in session_findings(context))

    def test_it_survives_json(self):
        _, fresh = self.two_nights(Field())
        assert GroupState.from_json(json.loads(json.dumps(fresh.to_json()))) == fresh


class TestAirmass:
    """As the header says; else from place, pointing and time; else unknown."""

    PLACE = Exposure(
        taken_at=datetime(2024, 3, 20, 23, 59, tzinfo=UTC),
        exposure_s=120.0,
        ra_deg=178.0,
        dec_deg=0.0,
        site_latitude_deg=60.0,
        site_longitude_deg=0.0,
    )  # at an equinox 12 h culminates at midnight, here at 30 degrees of altitude

    @pytest.mark.parametrize(
        ("change", "airmass"),
        [
            ({}, 2.0),
            ({"airmass": 1.3}, 1.3),
            ({"dec_deg": -70.0}, None),  # below the horizon: place or clock are wrong
            ({"site_latitude_deg": None}, None),
            ({"ra_deg": None}, None),
            ({"taken_at": None}, None),
        ],
    )
    def test_it_is_known_as_well_as_the_header_lets_it_be(self, change, airmass):
        image = star_field(300, 200, fwhm_px=3.0, density_per_mpx=300, seed=4).pixels
        measured = ArtifactDetector().analyse_array(image).measurements
        found = scalars_of(measured, replace(self.PLACE, **change)).airmass
        assert found == (airmass and pytest.approx(airmass, abs=0.03))


def test_the_stars_of_an_all_sky_lens_are_not_looked_for_again():
    y, x = np.mgrid[0:900, 0:900]
    disc = np.hypot(x - 450, y - 450) < 400
    field = star_field(900, 900, fwhm_px=2.5, density_per_mpx=300, seed=4).pixels
    dark = np.random.default_rng(5).normal(200.0, 8.0, (900, 900))
    analysis = ArtifactDetector().analyse_array(np.where(disc, field, dark).astype(np.uint16))
    assert analysis.measurements.sky.is_all_sky
    assert analysis.measurements.stars.measured > 20
    assert len(glimpse_of(analysis.views, analysis.measurements).stars) == 0


def test_the_stars_of_an_all_sky_lens_are_not_gone_when_the_moon_shows_its_disc():
    """As long as the sky is dark nothing tells the disc from the frame, and its stars are kept."""
    field = Field(stars=40)
    nothing = np.zeros((0, 2))
    disc = replace(field.glimpse(), stars=nothing, flux_adu=np.zeros(0))
    context, _ = seen_next(after_clean_frames(field), disc)
    assert context.gone_fraction is None
    behind_cloud = replace(disc, present=nothing)
    assert seen_next(after_clean_frames(field), behind_cloud)[0].gone_fraction == 1.0


def test_stars_that_fade_towards_one_side_are_seen_where_the_sky_is_lit():
    """The dome's soft edge, as bright as the sky: no cell is dark, no part of the sky changes."""
    field = Field(stars=30)
    context, _ = seen_next(after_clean_frames(field), field.glimpse(transparency=lambda x, _: 1.0 - 0.7 * x))
    assert context.fading == pytest.approx(0.7, abs=0.12)
    assert any("stars fade by" in text for text in (one.text for one in session_findings(context)))


def test_a_clear_field_does_not_fade():
    field = Field(stars=12)
    state = after_clean_frames(field)
    for _ in range(40):
        context, state = seen_next(state, field.glimpse())
        assert context.fading is not None
        assert context.fading < 0.15


def test_stars_do_not_fade_where_the_first_frames_had_a_cloud():
    field = Field(stars=30)
    state = after_clean_frames(field, 3, transparency=lambda x, _: 0.3 + 0.3 * x)
    for _ in range(3):
        context, state = seen_next(state, field.glimpse())
        assert not any("stars fade by" in one.text for one in session_findings(context))


def test_a_field_that_creeps_away_is_told_though_no_frame_jumps():
    field = Field()
    state = after_clean_frames(field, 3)
    for number in range(1, 17):
        context, state = seen_next(state, field.glimpse(shift=(80.0 * number, 0.0)))
        assert (context.shift_fraction or 0.0) < 0.05
    finding = session_findings(context)[0]
    assert finding.kind is Kind.OFF_TARGET
    assert "drifted by 43% of its width" in finding.text


def test_a_flip_is_no_drift():
    context, _ = seen_next(after_clean_frames(Field()), Field().glimpse(turned=True))
    assert context.drift_fraction is None
