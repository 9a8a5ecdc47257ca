"""The night as witness: what changed against the session is found and named, what is always the same is not."""

import json
from dataclasses import replace

import numpy as np
import pytest
from glimpses import HEIGHT, NOISE_ADU, WIDTH, Field, after_clean_frames, at, scalars, seen_next

from nebulift.findings import Kind
from nebulift.session import GroupState, compare, hindsight, session_findings, witness_of
from nebulift.session.glimpse import COLUMNS, ROWS
from nebulift.session.sky_change import evened_sky, sky_change
from nebulift.session.state import rounded
from nebulift.verdict import Label, decide


@pytest.fixture
def field():
    return Field()


def worst(context):
    findings = session_findings(context)
    return (findings[0].kind, findings[0].severity) if findings else (None, 0.0)


def grid():
    return np.mgrid[0.0 : 1.0 : ROWS * 1j, 0.0 : 1.0 : COLUMNS * 1j]


class TestWhatIsTheSame:
    def test_a_steady_night_has_no_findings(self, field):
        state = after_clean_frames(field)
        for _ in range(10):
            context, state = seen_next(state, field.glimpse(shift=tuple(field.rng.uniform(-12, 12, 2))))
            assert worst(context)[1] < 0.1

    def test_vignetting_under_a_brighter_sky_is_no_change(self, field):
        context, _ = seen_next(after_clean_frames(field), field.glimpse(sky_adu=1200.0))
        assert context.brighter_fraction == context.darker_fraction == 0.0

    def test_a_meridian_flip_is_survived(self, field):
        context, state = seen_next(after_clean_frames(field), field.glimpse(turned=True))
        assert context.transparency == pytest.approx(1.0, abs=0.03)
        assert context.shift_fraction is None
        context, _ = seen_next(state, field.glimpse(turned=True, transparency=0.6))
        assert context.transparency == pytest.approx(0.6, abs=0.03)

    def test_the_slope_of_the_sky_turns_with_a_meridian_flip_and_is_no_gradient(self, field):
        _, x = grid()
        state = after_clean_frames(field, extra_sky=30.0 * NOISE_ADU * x)
        for _ in range(3):
            context, state = seen_next(state, field.glimpse(turned=True, extra_sky=30.0 * NOISE_ADU * (1.0 - x)))
            assert (context.tilt_sigma or 0.0) < 1.0
        context, _ = seen_next(state, field.glimpse(turned=True, extra_sky=70.0 * NOISE_ADU * (1.0 - x)))
        assert context.tilt_sigma == pytest.approx(40.0, rel=0.1)

    def test_right_after_a_flip_only_what_neither_side_explains_is_a_change(self, field):
        y, x = grid()
        lamp = 3.0 * NOISE_ADU * np.exp(-((x - 0.2) ** 2 + (y - 0.3) ** 2) / 0.01)
        state = after_clean_frames(field, extra_sky=lamp)
        for still in (lamp, lamp[::-1, ::-1]):  # on the sensor, or in the sky
            context, _ = seen_next(state, field.glimpse(turned=True, extra_sky=still))
            assert (context.darker_fraction, context.brighter_fraction, context.tilt_sigma) == (0.0, 0.0, None)
        roof = -5.0 * NOISE_ADU * (x + y > 1.5)
        context, _ = seen_next(state, field.glimpse(turned=True, extra_sky=lamp + roof))
        assert context.darker_fraction > 0.05

    def test_levels_that_jump_by_a_step_of_the_converter_are_no_change_of_the_sky(self, field):
        def stepped(glimpse):
            return replace(glimpse, sky_adu=np.round(glimpse.sky_adu / 200.0) * 200.0)

        state = GroupState("group")
        for _ in range(4):
            _, state = seen_next(state, stepped(field.glimpse()))
        context, _ = seen_next(state, stepped(field.glimpse(sky_adu=1130.0)))
        assert (context.brighter_fraction, context.darker_fraction) == (None, None)

    def test_before_the_first_clean_frame_nothing_is_said(self, field):
        _, state = seen_next(GroupState("group"), field.glimpse(), Label.CONTAMINATED)
        context, _ = seen_next(state, field.glimpse(transparency=0.5))
        assert (context.frames_before, context.reference_frames) == (1, 0)
        assert (context.transparency, context.star_ratio, context.fwhm_ratio) == (None, None, None)
        assert session_findings(context) == ()


class TestWhatChanged:
    @pytest.mark.parametrize("transparency", [0.9, 0.7, 0.4])
    def test_transparency_is_measured_on_the_stars_themselves(self, field, transparency):
        context, _ = seen_next(after_clean_frames(field), field.glimpse(transparency=transparency, shift=(30.0, 9.0)))
        assert context.transparency == pytest.approx(transparency, abs=0.03)

    def test_thin_cloud_is_named_with_its_number(self, field):
        context, _ = seen_next(after_clean_frames(field), field.glimpse(transparency=0.6))
        finding = session_findings(context)[0]
        assert finding.kind is Kind.CLOUD
        assert finding.severity > 0.7
        assert "transparency 0.6" in finding.text

    def test_the_air_of_a_low_target_is_no_cloud(self, field):
        state = GroupState("group")
        for _ in range(8):
            glimpse = field.glimpse()
            _, state = seen_next(state, glimpse, now=replace(scalars(glimpse), airmass=1.0))
        low = field.glimpse(transparency=10 ** (-0.4 * 0.15))
        context, _ = seen_next(state, low, now=replace(scalars(low), airmass=2.0))
        assert context.transparency == pytest.approx(1.0, abs=0.03)

    def test_a_cloud_over_a_part_of_the_field_is_found_there(self, field):
        def behind(x, y):
            return np.where((x < 0.4) & (y < 0.5), 0.35, 1.0)

        context, _ = seen_next(after_clean_frames(field), field.glimpse(transparency=behind))
        assert context.extinct_fraction == pytest.approx(0.2, abs=0.1)
        assert all(row < 3 and column <= 3 for row, column in context.extinct_cells)
        assert worst(context)[0] is Kind.CLOUD

    def test_stars_behind_an_obstruction_are_missed(self, field):
        y, _ = grid()
        shade = np.where(y > 0.65, -6.0 * NOISE_ADU, 0.0)
        blocked = field.glimpse(transparency=lambda _, y: np.where(y > 0.65, 0.0, 1.0), extra_sky=shade)
        context, _ = seen_next(after_clean_frames(field), blocked)
        assert context.absent_fraction == pytest.approx(0.35, abs=0.12)
        assert context.darker_fraction == pytest.approx(0.35, abs=0.08)
        kind, severity = worst(context)
        assert kind is Kind.OBSTRUCTION
        assert severity > 0.6

    def test_a_brighter_patch_of_sky_is_seen(self, field):
        y, x = grid()
        cloud = 8.0 * NOISE_ADU * np.exp(-((x - 0.7) ** 2 + (y - 0.4) ** 2) / 0.02)
        context, _ = seen_next(after_clean_frames(field), field.glimpse(extra_sky=cloud))
        assert 0.03 < context.brighter_fraction < 0.5
        assert worst(context)[0] is Kind.CLOUD

    def test_the_moons_slope_is_a_gradient_and_no_patch(self, field):
        _, x = grid()
        context, _ = seen_next(after_clean_frames(field), field.glimpse(extra_sky=40.0 * NOISE_ADU * x))
        assert context.tilt_sigma == pytest.approx(40.0, rel=0.1)
        assert context.brighter_fraction == context.darker_fraction == 0.0
        assert worst(context)[0] is Kind.GRADIENT

    def test_a_sky_that_loses_light_more_on_one_side_is_shaded(self, field):
        _, x = grid()
        state = after_clean_frames(field)
        shaded = field.glimpse(sky_adu=800.0, extra_sky=-12.0 * NOISE_ADU * x)
        context, _ = seen_next(state, shaded)
        assert worst(context) == (Kind.OBSTRUCTION, pytest.approx(0.3, abs=0.15))
        moonlit = after_clean_frames(field, extra_sky=12.0 * NOISE_ADU * x)
        context, _ = seen_next(moonlit, field.glimpse(sky_adu=800.0))  # the Moon has set
        assert worst(context)[0] is not Kind.OBSTRUCTION

    def test_wider_and_longer_stars_are_named(self, field):
        state = after_clean_frames(field)
        soft, long = field.glimpse(), field.glimpse()
        context, _ = seen_next(state, soft, now=scalars(soft, fwhm_px=5.4))
        assert worst(context) == (Kind.DEFOCUS, pytest.approx(0.71, abs=0.03))
        context, _ = seen_next(state, long, now=scalars(long, elongation=1.65))
        assert worst(context) == (Kind.TRAILED, pytest.approx(0.68, abs=0.05))

    def test_a_jump_of_the_pointing_is_told_by_its_size(self, field):
        state = after_clean_frames(field)
        context, _ = seen_next(state, field.glimpse(shift=(0.4 * WIDTH, 0.1 * HEIGHT)))
        assert context.shift_fraction == pytest.approx(0.4, abs=0.03)
        assert worst(context)[0] is Kind.OFF_TARGET

    def test_another_field_is_off_target(self, field):
        context, _ = seen_next(after_clean_frames(field), Field(seed=99).glimpse())
        assert context.lost_field
        assert worst(context)[0] is Kind.OFF_TARGET

    def test_a_line_that_stays_where_it_is_is_no_satellite(self, field):
        state = after_clean_frames(field, 3)
        line = (100.0, 200.0, 2800.0, 1700.0)
        for _ in range(2):
            context, state = seen_next(state, field.glimpse(trails=[line]))
            assert context.static_trails == ()
        moved = (100.0, 900.0, 2800.0, 300.0)
        context, _ = seen_next(state, field.glimpse(trails=[moved, line]))
        assert context.static_trails == (1,)


class TestTheBaseline:
    def test_it_learns_nothing_from_frames_that_are_not_clean(self, field):
        state = after_clean_frames(field)
        for label in (Label.CONTAMINATED, Label.REVIEW):
            _, after = seen_next(state, field.glimpse(transparency=0.5), label)
            assert (after.reference_frames, after.sky_maps) == (state.reference_frames, state.sky_maps)

    def test_it_does_not_follow_an_occlusion_that_rises_through_33_frames(self, field):
        state, labels = after_clean_frames(field), []
        for number in range(1, 34):
            edge = 1.0 - 0.8 * number / 33
            hidden = field.glimpse(transparency=lambda _, y, edge=edge: np.where(y > edge, 0.0, 1.0))
            context, _ = compare(state, hidden, scalars(hidden))
            label = decide(session_findings(context)).label
            _, state = seen_next(state, hidden, label)
            labels.append(label)
        assert Label.CLEAN not in labels[12:]
        assert set(labels[20:]) == {Label.CONTAMINATED}

    def test_maps_of_the_beginning_are_kept_on_either_side_of_a_flip(self, field):
        state, every = GroupState("group"), []
        for number in range(20):
            _, state = seen_next(state, field.glimpse(turned=number >= 10))
            every.append(state.sky_maps[-1])
            if number == 9:
                assert state.sky_maps == (*every[:2], *every[-5:])
        assert state.sky_maps == (*every[10:12], *every[-5:])

    def test_what_creeps_in_over_frames_that_passed_as_clean_is_seen_against_the_beginning(self, field):
        y, x = grid()
        state = after_clean_frames(field, 3)
        for depth in np.arange(0.0, 1.0, 0.08):  # of a pixel's noise
            glimpse = field.glimpse(extra_sky=-depth * NOISE_ADU * (np.hypot(x - 0.4, y - 0.5) < 0.2))
            newest = sky_change([one.packed for one in state.sky_maps[-5:]], evened_sky(glimpse))
            context, state = seen_next(state, glimpse)
        assert newest.patches.min() == 0
        assert context.darker_fraction > 0.05

    def test_a_reference_behind_cloud_blames_no_clear_frame(self, field):
        state = after_clean_frames(field, 3, transparency=0.4)
        context, _ = seen_next(state, field.glimpse(sky_adu=1500.0))
        assert (context.noise_ratio, context.absent_fraction, context.darker_fraction) == (None, None, None)
        assert session_findings(context) == ()

    def test_it_does_not_follow_a_slow_fading(self, field):
        state = after_clean_frames(field)
        for number in range(50):
            faint = field.glimpse(transparency=0.99**number)
            context, _ = compare(state, faint, scalars(faint))
            label = decide(session_findings(context)).label
            _, state = seen_next(state, faint, label)
        assert label is Label.CONTAMINATED

    def test_a_first_frame_of_another_field_is_given_up(self, field):
        _, state = seen_next(GroupState("group"), Field(seed=99).glimpse())
        for _ in range(4):
            context, state = seen_next(state, field.glimpse())
            assert not context.lost_field
        context, _ = seen_next(state, field.glimpse(transparency=0.7))
        assert context.transparency == pytest.approx(0.7, abs=0.03)

    def test_the_count_of_a_poor_field_says_nothing(self):
        poor = Field(stars=22)
        state = after_clean_frames(poor, 4)
        none = replace(poor.glimpse(), present=np.empty((0, 2)), stars=np.empty((0, 2)), flux_adu=np.empty(0))
        context, _ = compare(state, none, replace(scalars(poor.glimpse()), stars=2))
        assert context.star_ratio is None


class TestTheState:
    def test_it_survives_json_and_says_the_same_afterwards(self, field):
        state = after_clean_frames(field)
        again = GroupState.from_json(json.loads(json.dumps(state.to_json())))
        glimpse = field.glimpse(transparency=0.8, shift=(50.0, 20.0))
        assert compare(again, glimpse, scalars(glimpse))[0] == compare(state, glimpse, scalars(glimpse))[0]

    def test_it_stays_small_through_a_long_night(self, field):
        line = (100.0, 200.0, 2800.0, 1700.0)
        state = after_clean_frames(field, 200, trails=[line] * 3)
        assert len(json.dumps(state.to_json())) < 64_000
        assert state.frames == 200

    def test_a_rough_sky_and_a_full_night_of_numbers_leave_it_small(self, field):
        rough = 5.0 * NOISE_ADU * field.rng.normal(size=(ROWS, COLUMNS))
        state = after_clean_frames(field, 8, extra_sky=rough)
        numbers = [rounded(float(one)) for one in field.rng.normal(3.0, 0.5, 120)]
        night = tuple(
            replace(state.history[-1], fwhm_px=one, elongation=one, noise_adu=one, transparency=one, taken_at=at(at_))
            for at_, one in enumerate(numbers)
        )
        assert len(json.dumps(replace(state, history=night).to_json())) < 64_000
        assert GroupState.from_json(replace(state, history=night).to_json()).history == night

    @pytest.mark.parametrize("text", ["", "no base64!", "AAAA", [[1, 2]]])
    def test_a_damaged_history_is_refused(self, field, text):
        record = after_clean_frames(field).to_json()
        with pytest.raises((TypeError, ValueError)):
            GroupState.from_json(record | {"history": text})

    def test_a_state_of_another_version_is_refused(self):
        with pytest.raises((KeyError, TypeError, ValueError)):
            GroupState.from_json({"group": "group", "last_at": None, "frames": 3, "reference": []})

    def test_a_state_of_other_eyes_is_refused_whose_light_has_another_scale(self, field):
        record = after_clean_frames(field).to_json()
        with pytest.raises(ValueError, match="version 5 of the eyes"):
            GroupState.from_json(record | {"detector_version": 5})


class TestHindsight:
    def look_back(self, field, transparencies):
        """Each frame's transparency against the whole session, when all of them passed as clean at the time."""
        state, witnesses, glimpses = GroupState("group"), [], []
        for transparency in transparencies:
            glimpses.append(field.glimpse(transparency=transparency))
            _, state = seen_next(state, glimpses[-1])
            witnesses.append(witness_of(state, 1))
        states = [hindsight(witnesses, place, state) for place in range(len(witnesses))]
        return [compare(one, glimpse, scalars(glimpse))[0] for one, glimpse in zip(states, glimpses, strict=True)]

    def test_early_frames_are_held_against_the_later_ones(self, field):
        contexts = self.look_back(field, [0.6, 0.65, 0.6, *[1.0] * 12])
        assert [context.transparency for context in contexts[:3]] == pytest.approx([0.6, 0.65, 0.6], abs=0.04)
        assert [context.transparency for context in contexts[3:]] == pytest.approx([1.0] * 12, abs=0.04)

    def test_no_frame_is_its_own_witness(self, field):
        contexts = self.look_back(field, [1.0] * 5)
        assert [context.reference_frames for context in contexts] == [4] * 5
