"""An edge before the field: found by the stars on one side, sooner when it was there in the frame before, too."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from glimpses import BEGIN, HEIGHT, WIDTH, Field, after_clean_frames, scalars, seen_next

from nebulift.findings import Cells, Finding, Kind
from nebulift.judgement import SessionContext
from nebulift.pipeline import changing
from nebulift.session import FrameScalars, GroupState, compare, session_findings
from nebulift.session.edge import Edge, believed, edge_of
from nebulift.session.star_light import SeenStars, absent_share, seen_stars
from nebulift.session.star_match import match_stars
from nebulift.verdict import Label, decide


def at(minutes):
    return (BEGIN + timedelta(minutes=minutes)).isoformat()


def remembered(minutes, angle_deg, evidence, *, good=False):
    return FrameScalars(
        100, 3.0, 1.1, 1000.0, 20.0, 1.0, good, taken_at=at(minutes), edge_deg=angle_deg, edge_evidence=evidence
    )


def behind_a_roof(reach, passing=0.3):
    """Below the line ``1 - reach`` of the field only ``passing`` of the light arrives."""
    return lambda _, y: np.where(y > 1.0 - reach, passing, 1.0)


class TestOneFrame:
    @pytest.mark.parametrize("passing", [0.0, 0.5])
    def test_a_line_with_faint_stars_behind_it_is_found_with_the_share_of_light(self, passing):
        field = Field()
        context, _ = seen_next(after_clean_frames(field), field.glimpse(transparency=behind_a_roof(0.2, passing)))
        assert context.edge_fraction == pytest.approx(0.2 * (1.0 - passing), abs=0.06)
        assert context.edge_deg == pytest.approx(90.0, abs=25.0)  # towards larger y

    def test_it_is_told_with_its_side_and_number(self):
        field = Field(stars=40)
        context, _ = seen_next(after_clean_frames(field), field.glimpse(transparency=behind_a_roof(0.25)))
        found = [one for one in session_findings(context) if "an edge on the lower side takes" in one.text]
        assert found
        assert found[0].kind in {Kind.CLOUD, Kind.OBSTRUCTION}
        assert found[0].severity > 0.5

    def test_faint_stars_are_missed_though_only_bright_ones_are_left(self):
        field = Field(stars=20)
        state, glimpse = after_clean_frames(field), field.glimpse()
        left = replace(glimpse, present=glimpse.stars[:6], stars=glimpse.stars[:6], flux_adu=glimpse.flux_adu[:6])
        match = match_stars(state.catalogue.positions(), left.stars, state.catalogue.motion)

        def missed(harder, *, finds_faint=True):
            seen = seen_stars(state.catalogue, left, match, 1.0, harder, finds_faint=finds_faint)
            return int((seen.ratio == 0.0).sum())

        assert 12 <= missed(1.0) <= 14
        assert 0 < missed(2.0) < missed(1.0)  # twice the noise
        assert missed(None) == missed(1.0, finds_faint=False) == 0

    @pytest.mark.parametrize(("usual", "is_told"), [(0.0, True), (0.3, False)])
    def test_what_clean_frames_lose_as_well_is_not_missed(self, usual, is_told):
        field = Field(stars=20)
        state, glimpse = after_clean_frames(field), field.glimpse()
        state = replace(state, history=tuple(replace(frame, missed=usual) for frame in state.history))
        left = replace(glimpse, present=glimpse.stars[:6], stars=glimpse.stars[:6], flux_adu=glimpse.flux_adu[:6])
        context, _ = compare(state, left, scalars(left))
        assert context.missed > 0.6
        assert (context.absent_fraction is not None) == is_told

    def test_the_scatter_of_clean_frames_says_which_stars_are_dim(self):
        """Half of the stars behind a branch make the frame's own scatter as large as what it takes."""
        ratio = np.array([1.0, 1.2, 0.9, 1.1, 1.3, 0.5, 0.4, 0.6, 0.5, 0.45])
        places = np.stack([np.where(ratio < 0.8, 300.0, 2700.0), np.tile(np.linspace(200.0, 1800.0, 5), 2)], axis=1)
        stars = SeenStars(ratio, places, np.ones(10, bool), np.ones(10, bool), (HEIGHT, WIDTH))
        assert edge_of(stars, None) is None
        assert edge_of(stars, 0.1).angle_deg == pytest.approx(180.0, abs=45.0)

    @pytest.mark.parametrize("stars", [10, 30, 120])
    def test_clear_fields_have_no_edge(self, stars):
        field = Field(stars=stars, seed=stars)
        state = after_clean_frames(field)
        for _ in range(40):
            context, state = seen_next(state, field.glimpse(shift=tuple(field.rng.uniform(-12, 12, 2))))
            assert context.edge_fraction is None

    def test_a_cloud_amid_the_field_is_no_edge(self):
        field = Field()
        cloud = lambda x, y: np.where(np.hypot(x - 0.5, y - 0.5) < 0.15, 0.3, 1.0)  # noqa: E731
        context, _ = seen_next(after_clean_frames(field), field.glimpse(transparency=cloud))
        assert context.edge_fraction is None


class TestPoorFields:
    """A dozen stars do not prove an edge in one frame; they do in two."""

    def test_the_second_frame_is_believed(self):
        field, state = Field(stars=12, seed=6), GroupState("group")
        looks = [1.0, 1.0, 1.0, behind_a_roof(0.35, 0.1), behind_a_roof(0.4, 0.1)]
        for number, look in enumerate(looks):
            glimpse = field.glimpse(transparency=look)
            now = replace(scalars(glimpse), taken_at=at(5 * number))
            context, state = seen_next(state, glimpse, Label.CLEAN if number < 3 else Label.REVIEW, now=now)
        assert context.edge_fraction == pytest.approx(0.4 * 0.9, abs=0.12)
        assert state.history[3].edge_evidence > 0.0

    def test_one_very_bright_star_behind_a_branch_is_not_the_light_of_the_frame(self):
        field = Field(stars=12)
        field.flux[0] = 100.0 * field.flux[1]
        x, y = field.places[0] / (WIDTH, HEIGHT)
        branch = lambda here_x, here_y: np.where(np.hypot(here_x - x, here_y - y) < 0.03, 0.2, 1.0)  # noqa: E731
        context, _ = seen_next(after_clean_frames(field), field.glimpse(transparency=branch))
        assert context.transparency == pytest.approx(1.0, abs=0.06)

    def test_a_star_that_is_there_but_too_faint_to_be_measured_is_dim(self):
        field = Field(stars=30)
        state = after_clean_frames(field)
        whole = field.glimpse()
        upper = whole.stars[:, 1] < 0.4 * HEIGHT
        lost = upper & (np.arange(len(upper)) > 0)
        behind = replace(whole, stars=whole.stars[~lost], flux_adu=whole.flux_adu[~lost])
        seen = replace(behind, present=np.concatenate([behind.stars, whole.stars[lost]]))
        context, _ = seen_next(state, seen)
        assert context.edge_deg == pytest.approx(270.0, abs=25.0)
        assert context.edge_fraction > 0.15


def test_few_bright_stars_are_missed_only_beyond_their_own_chance():
    def share(counted, absent):
        ratio = np.where(np.arange(counted) < absent, 0.0, 1.0)
        every = np.ones(counted, dtype=bool)
        return absent_share(SeenStars(ratio, np.zeros((counted, 2)), every, every, (HEIGHT, WIDTH)))

    assert share(60, 12) == pytest.approx(0.2)
    assert share(12, 2) == pytest.approx(0.11, abs=0.01)
    assert share(12, 6) > 0.4
    assert share(9, 3) is None


class TestBelief:
    WEAK = Edge(90.0, 0.04, 5.0)

    def test_weak_evidence_is_not_believed_alone(self):
        assert believed(self.WEAK, at(10), [remembered(5, None, 0.0)]) is None
        assert believed(None, at(10), []) is None

    def test_it_adds_up_with_that_of_the_frames_just_before_on_the_same_side(self):
        assert believed(self.WEAK, at(10), [remembered(5, 112.5, 5.0)]) == self.WEAK
        assert believed(self.WEAK, at(10), [remembered(5, 270.0, 5.0)]) is None
        assert believed(self.WEAK, at(10), [remembered(0, 90.0, 5.0), remembered(5, None, 0.0)]) is None

    def test_looking_back_the_frames_after_it_count_as_well(self):
        assert believed(self.WEAK, at(10), [remembered(15, 90.0, 5.0)]) == self.WEAK

    def test_what_clean_frames_show_too_is_no_edge(self):
        usual = [remembered(5 * number, 90.0, 8.0, good=True) for number in range(6)]
        assert believed(Edge(90.0, 0.1, 20.0), at(60), usual) is None
        assert believed(Edge(270.0, 0.1, 20.0), at(60), usual) is not None


class TestWhatStandsThereAllNight:
    """A dark nebula looks like a roof in one frame; but a roof comes or goes."""

    @pytest.mark.parametrize(
        ("shares", "is_static"), [([0.3] * 4, True), ([0.3] * 3, False), ([0.2, 0.23, 0.26, 0.29], False)]
    )
    def test_a_part_without_stars_is_static_when_three_frames_before_had_it(self, shares, is_static):
        field, state = Field(), GroupState("group")
        for number, share in enumerate(shares):
            glimpse = field.glimpse()
            now = replace(scalars(glimpse), taken_at=at(5 * number), patch_share=share, patch_row=0.2, patch_column=0.5)
            context, state = seen_next(state, glimpse, Label.REVIEW, now=now)
        assert context.static_patch is is_static

    def test_looking_back_three_frames_after_it_say_so_as_well(self):
        field, state = Field(), GroupState("group")
        for number in range(3):
            glimpse = field.glimpse()
            now = self.part_without_stars(glimpse, at(5 * (number + 1)))
            _, state = seen_next(state, glimpse, Label.REVIEW, now=now)
        first = field.glimpse()
        assert compare(state, first, self.part_without_stars(first, at(0)))[0].static_patch

    @staticmethod
    def part_without_stars(glimpse, taken_at):
        return replace(scalars(glimpse), taken_at=taken_at, patch_share=0.3, patch_row=0.2, patch_column=0.5)

    @pytest.mark.parametrize(("severity", "after"), [(0.9, 0.5), (0.5, 0.2)])
    def test_what_was_certain_becomes_a_question_and_what_was_a_question_a_remark(self, severity, after):
        box = Cells(4, 4, ((0, 0), (0, 1)))
        roof = Finding(Kind.OBSTRUCTION, severity, "30% of the field is blocked", geometry=box)
        seen = SimpleNamespace(findings=(roof,), measurements=SimpleNamespace(streaks=()))
        (found,) = changing(seen, SessionContext("group", 5, 0, static_patch=True))
        assert (found.severity, found.geometry) == (after, box)
        assert changing(seen, SessionContext("group", 5, 0)) == (roof,)


class TestATearInTheSamePlace:
    """A transfer breaks off anywhere; an edge in the sky is where it was, or across the field after a flip."""

    @pytest.mark.parametrize(
        ("rows", "is_static"),
        [
            ([0.31, 0.315, 0.31], True),
            ([0.31, 0.31, 0.69], True),
            ([0.31, 0.31, 0.5], False),
            ([0.31, None, 0.31], False),
        ],
    )
    def test_two_other_frames_must_show_it(self, rows, is_static):
        field, state = Field(), GroupState("group")
        for number, row in enumerate(rows):
            glimpse = field.glimpse()
            now = replace(scalars(glimpse), taken_at=at(5 * number), torn_row=row)
            context, state = seen_next(state, glimpse, Label.REVIEW, now=now)
        assert context.static_tear is is_static

    @pytest.mark.parametrize(("strong", "after"), [(False, 0.2), (True, 0.9)])
    def test_then_it_is_a_remark_unless_stars_are_cut_off(self, strong, after):
        tear = Finding(Kind.READOUT, 0.9, "torn at row 320", {"torn_at_px": 320.0}, strong=strong)
        seen = SimpleNamespace(findings=(tear,), measurements=SimpleNamespace(streaks=()))
        (found,) = changing(seen, SessionContext("group", 5, 0, static_tear=True))
        assert found.severity == after


def night_under_a_roof(field, reach_of, frames=33):
    """Labels of frames under a roof that rises, after eight clear ones; every frame five minutes after the last."""
    state, labels = GroupState("group"), []
    for number in range(frames + 8):
        reach = reach_of(number - 7)
        glimpse = field.glimpse(transparency=behind_a_roof(reach) if reach > 0.0 else 1.0)
        now = replace(scalars(glimpse), taken_at=at(5 * number))
        context, _ = compare(state, glimpse, now)
        label = decide(session_findings(context)).label
        edge = {"edge_deg": context.edge_deg, "edge_evidence": context.edge_evidence}
        now = replace(now, covered=context.covered_fraction, **edge)
        _, state = seen_next(state, glimpse, label, now=now)
        labels.append(label)
    return labels[8:]


@pytest.mark.parametrize("seed", range(4))
def test_an_occlusion_that_rises_through_33_frames_is_found_in_31_of_them(seed):
    """By the stars alone: the roof is as bright as the sky."""
    labels = night_under_a_roof(Field(seed=seed), lambda number: 0.9 * number / 33)
    assert labels.count(Label.CLEAN) <= 2
