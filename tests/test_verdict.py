"""The decision: pure, monotonous, never certain where it must not be, and always with a reason."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nebulift.findings import Finding, Kind
from nebulift.verdict import (
    NOTICEABLE_SEVERITY,
    VISIBLE_SEVERITY,
    Action,
    Fusion,
    Label,
    Policy,
    Thresholds,
    cv_score,
    decide,
    distrusted,
    fuse,
    logit,
    unreadable,
)

PROBABILITY = st.floats(0.0, 1.0)
FUSION = Fusion(bias=0.2, cv_weight=0.7, model_weight=0.9)


def finding(severity, kind=Kind.CLOUD, text="stars are missing"):
    return Finding(kind, severity, text)


FINDINGS = st.lists(st.builds(finding, PROBABILITY, st.sampled_from([kind for kind in Kind if kind != "unreadable"])))
TRAIL = finding(0.8, Kind.STREAK, "trail, 900 px long")


# pure properties ------------------------------------------------------------------------------------------------------


@given(findings=FINDINGS, model=st.none() | PROBABILITY)
def test_every_verdict_has_a_score_between_0_and_1_and_a_reason(findings, model):
    verdict = decide(findings, model_score=model, fusion=FUSION)
    assert 0.0 <= verdict.score <= 1.0
    assert 0.0 <= verdict.cv_score <= 1.0
    assert verdict.reason
    assert verdict.label in Label


@given(findings=FINDINGS, model=st.none() | PROBABILITY)
def test_the_same_evidence_gives_the_same_verdict_in_any_order(findings, model):
    one, other = (decide(given, model_score=model, fusion=FUSION) for given in (findings, findings[::-1]))
    assert one.score == pytest.approx(other.score)
    assert one.label == other.label or abs(one.score - 0.7) < 1e-9 or abs(one.score - 0.3) < 1e-9


@given(findings=FINDINGS, more=st.builds(finding, PROBABILITY), model=st.none() | PROBABILITY)
def test_one_more_finding_never_makes_a_frame_better(findings, more, model):
    before, after = (decide(given, model_score=model, fusion=FUSION) for given in (findings, [*findings, more]))
    assert after.score <= before.score + 1e-12


@given(findings=FINDINGS, worse=PROBABILITY, better=PROBABILITY)
def test_a_more_confident_model_never_lowers_the_score(findings, worse, better):
    low, high = sorted((worse, better))
    scores = [decide(findings, model_score=model, fusion=FUSION).score for model in (low, high)]
    assert scores[0] <= scores[1] + 1e-12


@given(findings=FINDINGS, model=st.none() | PROBABILITY)
def test_nobody_argues_a_plainly_visible_artefact_away(findings, model):
    worst = max((one.severity for one in findings), default=0.0)
    if worst > VISIBLE_SEVERITY + 1e-9:  # 1 - 0.7 is a bit more than 0.3
        verdict = decide(findings, model_score=model, fusion=FUSION)
        assert verdict.score <= 1.0 - worst
        assert verdict.label is Label.CONTAMINATED


@given(findings=FINDINGS, model=st.none() | PROBABILITY)
def test_a_contaminated_frame_always_has_a_noticeable_cause(findings, model):
    verdict = decide(findings, model_score=model, fusion=FUSION)
    if verdict.label is Label.CONTAMINATED:
        worst = verdict.findings[0]
        assert worst.severity >= NOTICEABLE_SEVERITY
        assert verdict.reason == worst.text


@given(findings=FINDINGS)
def test_findings_are_kept_worst_first_and_none_is_lost(findings):
    kept = decide(findings).findings
    assert sorted(map(repr, kept)) == sorted(map(repr, findings))
    assert [one.severity for one in kept] == sorted((one.severity for one in findings), reverse=True)


@given(p=PROBABILITY)
def test_log_odds_are_symmetric_and_never_certain(p):
    assert logit(p) == pytest.approx(-logit(1.0 - p), abs=1e-9)
    assert abs(logit(p)) < 7.0


@given(cv=PROBABILITY, model=PROBABILITY)
def test_fusion_gives_a_probability_and_without_a_model_leaves_the_score_alone(cv, model):
    assert 0.0 < fuse(cv, model, FUSION) < 1.0
    assert fuse(cv, None, FUSION) == cv


def test_causes_spoil_a_frame_independently():
    assert cv_score([]) == 1.0
    assert cv_score([finding(0.5), finding(0.2)]) == pytest.approx(0.4)


# thresholds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "label"), [(0.3, "clean"), (0.31, "review"), (0.69, "review"), (0.71, "contaminated")]
)
def test_clean_ends_at_its_limit_and_contaminated_begins_at_its_own(severity, label):
    assert decide([finding(severity)]).label == label


def test_a_rig_may_have_limits_of_its_own():
    strict = Thresholds(clean=0.9, contaminated=0.5)
    assert decide([finding(0.2)], thresholds=strict).label is Label.REVIEW
    assert decide([finding(0.5)], thresholds=strict).label is Label.CONTAMINATED


@pytest.mark.parametrize(("clean", "contaminated"), [(0.3, 0.7), (0.5, 0.5), (1.1, 0.3), (0.7, -0.1)])
def test_limits_that_contradict_each_other_are_refused(clean, contaminated):
    with pytest.raises(ValueError, match="thresholds must satisfy"):
        Thresholds(clean, contaminated)


# witnesses ------------------------------------------------------------------------------------------------------------


def test_a_model_alone_sends_a_frame_to_review_not_to_contaminated():
    verdict = decide([], model_score=0.001, fusion=FUSION)
    assert verdict.label is Label.REVIEW
    assert "nothing measured says why" in verdict.reason


def test_many_slight_faults_ask_for_a_person():
    verdict = decide([finding(0.25) for _ in range(8)])
    assert verdict.score < 0.3
    assert verdict.label is Label.REVIEW


def test_an_unreadable_file_is_review_without_any_score():
    verdict = unreadable("night.fits: the file ends early")
    assert verdict.label is Label.REVIEW
    assert verdict.score is verdict.cv_score is verdict.model_score is None
    assert verdict.findings[0].kind is Kind.UNREADABLE


# policy ---------------------------------------------------------------------------------------------------------------


def test_strict_rejects_a_lone_trail():
    assert decide([TRAIL], group_frames=50).label is Label.CONTAMINATED


@pytest.mark.parametrize(("frames", "label"), [(7, "contaminated"), (8, "clean"), (100, "clean")])
def test_stacking_keeps_a_lone_trail_from_8_frames_on_and_still_tells_it(frames, label):
    verdict = decide([TRAIL], policy=Policy("stacking"), group_frames=frames)
    assert verdict.label == label
    assert verdict.findings == (TRAIL,)


def test_stacking_rejects_two_trails_and_everything_else():
    stacking = Policy("stacking")
    assert decide([TRAIL, TRAIL], policy=stacking, group_frames=50).label is Label.CONTAMINATED
    assert decide([TRAIL, finding(0.9)], policy=stacking, group_frames=50).label is Label.CONTAMINATED


@pytest.mark.parametrize(
    ("action", "label"), [(Action.REJECT, "contaminated"), (Action.REVIEW, "review"), (Action.IGNORE, "clean")]
)
@pytest.mark.parametrize("preset", ["strict", "stacking"])
def test_an_override_for_a_kind_stands_above_the_preset(preset, action, label):
    verdict = decide([TRAIL], policy=Policy(preset, {Kind.STREAK: action}), group_frames=50)
    assert verdict.label == label


def test_facts_cannot_be_changed_afterwards():
    for fact in (TRAIL, decide([TRAIL]), Thresholds(), Policy(), Fusion()):
        name = dataclasses.fields(fact)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(fact, name, None)


# distrust -------------------------------------------------------------------------------------------------------------


WEAK, STRONG = finding(0.9), dataclasses.replace(finding(0.95, Kind.EMPTY, "no stars at all"), strong=True)


@pytest.mark.parametrize(
    ("weak_before", "frames_before", "label"),
    [(8, 8, "contaminated"), (9, 9, "review"), (6, 12, "contaminated"), (12, 19, "review"), (11, 19, "contaminated")],
)
def test_a_rule_that_condemns_most_of_a_night_is_not_believed(weak_before, frames_before, label):
    verdict = distrusted(decide([WEAK]), weak_before, frames_before)
    assert verdict.label == label
    assert ("too many to believe" in verdict.reason) == (label == "review")


def test_strong_evidence_still_counts_when_all_frames_are_bad():
    assert distrusted(decide([STRONG]), 50, 50).label is Label.CONTAMINATED


def test_clean_frames_of_a_bad_night_stay_clean():
    assert distrusted(decide([]), 50, 50).label is Label.CLEAN


def test_distrust_can_be_switched_off():
    assert distrusted(decide([WEAK]), 50, 50, Policy(distrust_share=1.0)).label is Label.CONTAMINATED
