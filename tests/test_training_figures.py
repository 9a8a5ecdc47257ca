"""Figures of merit, calibration, fusion: against known answers, and where nothing can be said."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nebulift.binomial import binomial_upper_bound
from nebulift.errors import ModelMismatch, TrainingError, WrongUsage
from nebulift.model_card import ModelCard
from nebulift.rig_calibration import RigCalibration, read_rig_calibration, reviews_worth
from nebulift.training.calibrate import ScoredReview, calibrate_rig, centre_rig
from nebulift.training.evaluation import Judged, summarise
from nebulift.training.evaluation_report import as_markdown
from nebulift.training.fusion import Calibration, fit_calibration, fit_fusion, moved, rescaled
from nebulift.training.logistic import fit_logistic, logits, sigmoid
from nebulift.training.metrics import (
    average_precision,
    cohen_kappa,
    expected_calibration_error,
    recall_at_false_rejection,
    roc_auc,
    with_interval,
)
from nebulift.verdict import Fusion, Thresholds, fuse

SCORES = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=2, max_size=40)


@given(SCORES)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows):
    score, positive = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    assert roc_auc(score, positive) == (pytest.approx(np.mean(pairs)) if pairs else None)


@given(SCORES)
def test_average_precision_agrees_with_its_definition(rows):
    score, positive = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if positive.all() or not positive.any():
        assert average_precision(score, positive) is None
        return
    area, before = 0.0, 0.0
    for limit in sorted(set(score), reverse=True):
        taken = score >= limit
        recall = positive[taken].sum() / positive.sum()
        area += (recall - before) * positive[taken].mean()
        before = recall
    assert average_precision(score, positive) == pytest.approx(area)


def test_recall_counts_only_below_the_limit_that_spares_the_clean():
    p_clean = np.concatenate([np.full(99, 0.9), [0.2], [0.1, 0.3, 0.95]])
    clean = np.arange(103) < 100
    assert recall_at_false_rejection(p_clean, clean, 0.01) == pytest.approx(2 / 3)
    assert recall_at_false_rejection(p_clean, clean, 0.0) == pytest.approx(1 / 3)


def test_calibration_error_of_a_prophet_is_0_and_of_a_liar_1():
    clean = np.array([True, False] * 20)
    assert expected_calibration_error(clean.astype(float), clean) == 0.0
    assert expected_calibration_error(1.0 - clean, clean) == 1.0


def test_kappa_is_1_in_agreement_and_0_by_chance():
    one = np.array([True, True, False, False])
    assert cohen_kappa(one, one) == 1.0
    assert cohen_kappa(one, np.array([True, False, True, False])) == 0.0


def test_299_clean_frames_without_error_promise_one_per_cent():
    assert binomial_upper_bound(0, 299) == pytest.approx(0.01, abs=2e-4)
    assert binomial_upper_bound(5, 5) == 1.0


def test_an_interval_over_sessions_is_wider_than_over_frames():
    """Frames of a session are alike: counting each as news would flatter."""
    rng = np.random.default_rng(0)
    sessions = np.repeat(np.arange(20), 30)
    hits = (rng.random(20) > 0.5)[sessions]
    by_session = with_interval(lambda drawn: float(hits[drawn].mean()), [str(one) for one in sessions])
    by_frame = with_interval(lambda drawn: float(hits[drawn].mean()), [str(one) for one in range(600)])
    assert by_session.high - by_session.low > 2 * (by_frame.high - by_frame.low)


def test_there_is_no_interval_of_one_session_and_no_figure_of_no_frame():
    assert with_interval(lambda _drawn: 1.0, ["a", "a"]).low is None
    assert with_interval(lambda _drawn: 1.0, []).value is None


def world(frames=1200, sessions=60, model_knows=True, seed=0):
    """Truth, a fair CV score, a model score, sessions."""
    rng = np.random.default_rng(seed)
    clean = (rng.random(frames) < 0.6).astype(float)
    cv = sigmoid(1.5 * (2 * clean - 1) + rng.normal(0.0, 2.0, frames))
    model = sigmoid((2.0 if model_knows else 0.0) * (2 * clean - 1) + rng.normal(0.0, 1.2, frames))
    return cv, model, clean, [f"s{number}" for number in rng.integers(0, sessions, frames)]


def test_a_model_that_knows_something_gets_a_say():
    cv, model, clean, groups = world()
    found = fit_fusion(cv, model, clean, groups)
    fused = np.array([fuse(a, b, found.fusion) for a, b in zip(cv, model, strict=True)])
    assert found.fusion.model_weight > 0.0
    assert roc_auc(fused, clean > 0.5) > roc_auc(cv, clean > 0.5) + 0.02


def test_a_model_that_knows_nothing_is_refused():
    cv, model, clean, groups = world(model_knows=False)
    found = fit_fusion(cv, model, clean, groups)
    assert found.fusion == Fusion()
    assert "adds nothing" in found.reason


def test_a_model_is_refused_on_too_few_sessions():
    cv, model, clean, _ = world()
    found = fit_fusion(cv, model, clean, ["one night"] * len(clean))
    assert found.fusion.model_weight == 0.0
    assert "too few" in found.reason


def test_a_model_that_turns_clean_frames_away_is_weakened():
    """The model is right about bad frames, but condemns one clean frame in twelve that the filter accepts."""
    rng = np.random.default_rng(4)
    clean = (rng.random(3000) < 0.6).astype(float)
    cv = sigmoid(2.5 * (2 * clean - 1) + rng.normal(0.0, 1.5, 3000))
    model = sigmoid(4.0 * (2 * clean - 1) + rng.normal(0.0, 0.5, 3000))
    wronged = (clean > 0.5) & (rng.random(3000) < 0.08)
    model[wronged] = 0.001
    groups = [f"s{number}" for number in rng.integers(0, 100, 3000)]
    found = fit_fusion(cv, model, clean, groups)
    fused = np.array([fuse(a, b, found.fusion) for a, b in zip(cv, model, strict=True)])
    assert "weakened" in found.reason
    assert np.mean((fused <= 0.3) & (cv > 0.3) & (clean > 0.5)) <= 0.005


def test_calibration_finds_offset_and_slope():
    rng = np.random.default_rng(0)
    logit = rng.normal(0.0, 2.0, 20000)
    clean = (rng.random(20000) < sigmoid(1.0 + 0.5 * logit)).astype(float)
    found = fit_calibration(logit, clean)
    assert (found.offset, found.slope) == (pytest.approx(1.0, abs=0.1), pytest.approx(0.5, abs=0.05))


@pytest.mark.parametrize("doubled", [1.0, 3.0])
def test_a_fit_finds_the_minimum_even_where_witnesses_are_sure_and_alike(doubled):
    """Scores held at the ends of their range, as a filter gives them that finds nothing in most frames."""
    rng = np.random.default_rng(2)
    clean = (rng.random(600) < 0.6).astype(float)
    cv = np.where(rng.random(600) < 0.9, 6.9, -6.9) * np.where(clean > 0.5, 1.0, rng.choice([-1.0, 1.0], 600))
    model = doubled * (2.0 * clean - 1.0 + rng.normal(0.0, 1.0, 600))
    columns = np.column_stack([np.ones(600), cv, model])
    found = fit_logistic(columns, clean, towards=np.array([0.0, 1.0, 0.0]), ridge=2.0)
    slope = columns.T @ (sigmoid(columns @ found) - clean) + 2.0 * (found - (0.0, 1.0, 0.0))
    assert np.abs(slope).max() < 1e-5
    assert found[2] > 0.0


def test_calibration_without_frames_changes_nothing():
    assert fit_calibration(np.zeros(0), np.zeros(0)) == Calibration(0.0, 1.0)


@settings(deadline=None)
@given(st.floats(-2.0, 2.0), st.floats(0.2, 3.0), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_moved_limits_and_rescaled_weights_say_the_same(offset, slope, cv, model):
    calibration, fusion, limits = Calibration(offset, slope), Fusion(0.3, 0.8, 0.4), Thresholds()
    raw, calibrated = fuse(cv, model, fusion), fuse(cv, model, rescaled(fusion, calibration))
    there = moved(limits, calibration)
    for limit, moved_limit in ((limits.clean, there.clean), (limits.contaminated, there.contaminated)):
        if abs(calibrated - limit) > 1e-6:
            assert (raw >= moved_limit) == (calibrated >= limit)


def card():
    return ModelCard("m 1", "a", 1, (), 1, (), (), fusion=Fusion(0.0, 0.7, 0.5))


def reviews(count=60, offset=-2.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < 0.6
    z = 2.0 * (2.0 * truth - 1.0) + rng.normal(0.0, 1.2, count) + offset
    return [ScoredReview(f"{n}", bool(truth[n]), float(sigmoid(z[n])), float(sigmoid(z[n]))) for n in range(count)]


def test_a_rig_whose_scores_are_all_too_low_is_put_right():
    rows = reviews()
    before, after = (calibrate_rig(rows, card()).figures[name] for name in ("before", "after"))
    assert after["ece"] < before["ece"]
    assert after["clean_rejected"] < before["clean_rejected"]


def test_the_calibrated_fusion_of_a_rig_survives_its_file(tmp_path):
    found = calibrate_rig(reviews(), card())
    (tmp_path / "rig.json").write_text(found.to_json())
    assert read_rig_calibration(tmp_path / "rig.json", "m 1") == found
    assert found.applied_to(card()).fusion == found.fusion
    assert found.fusion.cv_weight / found.fusion.model_weight == pytest.approx(0.7 / 0.5)


def test_without_a_model_only_the_limits_move():
    found = calibrate_rig(reviews(), None)
    assert found.fusion is None
    assert found.raw_thresholds.clean < found.thresholds.clean  # scores are too low here


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (reviews(39), "39 readable reviewed frames are too few; review at least 40"),
        ([row for row in reviews(200) if row.is_clean], "0 contaminated"),
        ([ScoredReview("x", not row.is_clean, row.cv_score, row.model_score) for row in reviews(80)], "exchanged"),
    ],
)
def test_reviews_that_do_not_suffice_are_refused_in_one_sentence(rows, complaint):
    with pytest.raises(TrainingError, match=complaint):
        calibrate_rig(rows, card())


def test_a_calibration_of_another_model_is_refused(tmp_path):
    (tmp_path / "rig.json").write_text(calibrate_rig(reviews(), card()).to_json())
    with pytest.raises(ModelMismatch, match="made for m 1, but m 2 is asked"):
        read_rig_calibration(tmp_path / "rig.json", "m 2")
    (tmp_path / "no.json").write_text("[1]")
    with pytest.raises(WrongUsage, match="not a calibration"):
        read_rig_calibration(tmp_path / "no.json", "m 1")


def judged(truth, cv, model, kinds=None, session="s", camera="c"):
    limits = Thresholds()

    def label(score):
        return "clean" if score >= limits.clean else "contaminated" if score <= limits.contaminated else "review"

    fused = (cv + model) / 2
    scores = {"cv": cv, "model": model, "fusion": fused}
    return Judged("p", session, camera, truth, kinds or {}, scores, {name: label(one) for name, one in scores.items()})


def test_the_summary_counts_what_happened():
    rows = [
        judged("clean", 0.9, 0.9, session="a"),
        judged("clean", 0.1, 0.9, session="b", camera="d"),
        judged("contaminated", 0.5, 0.1, {"streak": 0.8}, session="a"),
        judged("contaminated", 0.9, 0.2, {"cloud": 0.9, "streak": 0.4}, session="b"),
        judged("marginal", 0.5, 0.5, {"cloud": 0.5}, session="b"),
    ]
    figures = summarise(rows)
    cv, model = figures["witnesses"]["cv"], figures["witnesses"]["model"]
    assert cv["false_rejection"]["value"] == 0.5
    assert figures["cameras"]["cv"]["d"]["false_rejection"] == 1.0
    assert cv["review_share"]["value"] == pytest.approx(2 / 5)
    assert cv["confusion"]["contaminated"] == {"clean": 1, "review": 1, "contaminated": 0}
    assert cv["kinds"]["cloud"]["not_accepted"]["value"] == 0.0
    assert cv["kinds"]["streak"]["not_accepted"]["value"] == 1.0
    assert model["roc_auc"]["value"] == 1.0
    page = as_markdown(figures, "Evaluation")
    assert "5 frames of 2 sessions: 2 clean, 1 marginal, 2 contaminated" in page


def test_a_model_that_is_silent_on_a_frame_is_measured_on_the_others():
    rows = [judged("clean", 0.9, 0.9), judged("contaminated", 0.1, 0.1), judged("clean", 0.8, 0.8)]
    rows[2] = replace(rows[2], scores={"cv": 0.8, "model": None, "fusion": 0.8}, labels={**rows[2].labels, "model": ""})
    figures = summarise(rows)
    assert figures["model_silent"] == 1
    assert {name: figures["witnesses"][name]["roc_auc"]["n"] for name in ("cv", "model", "fusion")} == {
        "cv": 3,
        "model": 2,
        "fusion": 3,
    }
    assert "silent on 1 frames" in as_markdown(figures, "Evaluation")


def test_without_a_model_only_the_filter_is_reported():
    row = judged("clean", 0.9, 0.9)
    bare = Judged("p", "s", "c", "clean", {}, {"cv": 0.9, "model": None, "fusion": 0.9}, row.labels)
    assert list(summarise([bare])["witnesses"]) == ["cv"]


def test_logits_are_held_where_the_verdict_holds_them():
    assert logits(np.array([0.0, 1.0])) == pytest.approx([-6.9068, 6.9068], abs=1e-3)


def test_a_rig_calibration_states_its_format():
    text = RigCalibration(None, Thresholds(), Thresholds(), None).to_json()
    with pytest.raises(ValueError, match="another version"):
        RigCalibration.from_json(text.replace('"format": 1', '"format": 2'))


@pytest.mark.parametrize(
    ("clean", "contaminated", "rejected", "more", "words"),
    [
        (0, 0, 0, 40, "this rig can be calibrated"),
        (30, 8, 0, 2, "2 more reviews and this rig can be calibrated"),
        (50, 0, 0, 5, "5 more reviews, 5 contaminated frames among them, and this rig can be calibrated"),
        (40, 10, 0, 19, "at most 5% of the clean frames"),  # 59 without an error prove 5 %
        (60, 10, 0, 89, "at most 2% of the clean frames"),  # 149 prove 2 %
        (60, 10, 1, 33, "at most 5% of the clean frames"),  # 93 with one error
        (200, 10, 0, 0, "more would change little"),
    ],
)
def test_it_is_told_how_many_more_reviews_are_worth_it(clean, contaminated, rejected, more, words):
    worth = reviews_worth(clean, contaminated, rejected)
    assert worth.more == more
    assert words in worth.words


def test_without_labels_low_scores_are_raised_to_what_is_usual_and_never_lowered():
    rng = np.random.default_rng(4)

    def sessions(clean_score):
        return {str(n): [*rng.normal(clean_score, 0.02, 16), *rng.uniform(0.02, 0.2, 4)] for n in range(5)}

    low = centre_rig(sessions(0.5), None)
    assert 0.4 < low.raw_thresholds.clean < 0.5  # most frames are clean again
    assert low.figures["after"]["clean"] >= 0.7 > low.figures["before"]["clean"]
    high = centre_rig(sessions(0.95), card())
    assert high.provenance["offset"] == 0.0
    assert high.raw_thresholds.clean == pytest.approx(high.thresholds.clean)
    overcast = centre_rig(sessions(0.05), None)
    assert overcast.provenance["offset"] == 2.0  # a month of clouds does not pass for a rig
    with pytest.raises(TrainingError, match="2 sessions of at least 10 frames are too few"):
        centre_rig({"a": [0.9] * 10, "b": [0.9] * 20, "c": [0.9] * 5}, None)
