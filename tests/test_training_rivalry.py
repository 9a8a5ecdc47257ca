"""Two models on the same frames: differences by session, what the observer notices, and who keeps the place."""

import pytest

from nebulift.training.rivalry import decision, rivalry


def row(number, truth, score, label):
    return {
        "path": f"{number}.fits",
        "session": f"s{number % 8}",
        "truth": truth,
        "scores": {"fusion": score},
        "labels": {"fusion": label},
    }


def rows(clean_score, bad_score, *, clean="clean", bad="contaminated"):
    """80 frames of 8 sessions, every other one clean; scores differ a little from frame to frame."""
    return [
        row(number, "clean", clean_score + number / 2000, clean)
        if number % 2
        else row(number, "contaminated", bad_score - number / 2000, bad)
        for number in range(80)
    ]


def test_a_model_that_is_surer_and_right_is_better():
    found = rivalry(rows(0.9, 0.1), rows(0.7, 0.3, bad="review"), "night")
    assert found.outcome == 1
    assert found.log_likelihood["low"] > 0.0
    assert found.counts["contaminated frames rejected"] == (40, 0)
    assert "contaminated frames rejected 40, by the other 0" in found.words


def test_one_that_rejects_more_clean_frames_is_worse_whatever_its_likelihood():
    mine = rows(0.9, 0.1)
    mine[1] = row(1, "clean", 0.9, "contaminated")
    assert rivalry(mine, rows(0.7, 0.3), "night").outcome == -1


def doubting(number):
    """As ``rows(0.9, 0.1)``, but ``number`` of the forty clean frames go to a person."""
    clean = [one for one in rows(0.9, 0.1) if one["truth"] == "clean"]
    sent = {one["path"] for one in clean[:number]}
    return [{**one, "labels": {"fusion": "review"}} if one["path"] in sent else one for one in rows(0.9, 0.1)]


@pytest.mark.parametrize(("number", "outcome"), [(0, 1), (4, 1), (5, -1), (18, -1)])
def test_one_that_sends_clean_frames_to_a_person_is_worse_if_that_is_no_chance(number, outcome):
    """Five of five that changed sides against the newcomer: a coin does that in 3 % of all cases, four of four in 6."""
    found = rivalry(doubting(number), rows(0.7, 0.3), "night")
    assert found.outcome == outcome
    assert found.turned_away == (number, 0)
    assert f"turned away that the other accepts {number}, the other way round 0" in found.words


def test_clean_frames_that_change_sides_both_ways_are_no_reason():
    other = [
        {**one, "labels": {"fusion": "review"}} if one["truth"] == "clean" and int(one["path"][:-5]) > 60 else one
        for one in rows(0.7, 0.3)
    ]
    found = rivalry(doubting(8), other, "night")
    assert found.turned_away == (8, 10)
    assert found.outcome == 1


def test_equal_models_cannot_be_told_apart():
    assert rivalry(rows(0.8, 0.2), rows(0.8, 0.2), "night").outcome == 0


def test_marginal_frames_and_frames_of_one_model_only_do_not_count():
    other = [*rows(0.7, 0.3), row(99, "marginal", 0.5, "review")]
    found = rivalry([*rows(0.9, 0.1)[:40], row(99, "marginal", 0.0, "contaminated")], other, "night")
    assert found.log_likelihood["n"] == 40
    with pytest.raises(ValueError, match="no decided frame that both models judged"):
        rivalry(rows(0.9, 0.1), [], "night")


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [([1, 0], "may take the place"), ([1, -1], "worse on a set of truth"), ([0, 0], "cannot be told apart")],
)
def test_the_decision_is_said_in_words(outcomes, words):
    assert words in decision(outcomes)
