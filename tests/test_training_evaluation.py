"""The report on a model: figures at targets, differences on the same frames, sets that are never pooled, the page."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from schoolwork import write_night

from nebulift.cli import cli
from nebulift.model_card import ModelCard
from nebulift.training.comparison import by_fold, difference, is_better, paired_differences
from nebulift.training.evaluation import Judged, summarise
from nebulift.training.evaluation_page import as_html
from nebulift.training.evaluation_run import Evaluated
from nebulift.training.evaluation_sets import figures_of, known_cameras, truth_sets
from nebulift.training.operating_points import (
    area_under_risk_coverage,
    best_f1_limit,
    limit_for_false_rejection,
    queue_for_risk,
    reliability,
)
from nebulift.training.truth_files import read_truth

CLEAN = np.array([True] * 200 + [False] * 100)


def scores(shift, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(np.where(CLEAN, shift, -shift), 1.0)
    return 1.0 / (1.0 + np.exp(-z))


def test_the_limit_for_a_target_keeps_it_and_states_what_so_few_frames_allow():
    found = limit_for_false_rejection(scores(1.5), CLEAN, share=0.01)
    assert (scores(1.5)[CLEAN] < found["limit"]).sum() == 2  # one per cent of 200
    assert found["false_rejection"] == 0.01
    assert found["upper_bound_95"] == pytest.approx(0.0312, abs=2e-4)  # Clopper-Pearson, 2 of 200
    assert limit_for_false_rejection(scores(1.0), np.ones(300, bool)) is None


def test_the_f1_limit_is_where_no_other_limit_does_better():
    score = scores(1.0)
    best = best_f1_limit(score, CLEAN)
    for limit in np.linspace(0.0, 1.0, 101):
        away = score < limit
        caught = (away & ~CLEAN).sum()
        f1 = 2 * caught / (away.sum() + (~CLEAN).sum())
        assert f1 <= best["f1"] + 1e-12


def test_risk_grows_with_coverage_and_the_queue_shrinks_with_better_scores():
    weak, strong = scores(0.7), scores(2.5)
    assert area_under_risk_coverage(strong, CLEAN) < area_under_risk_coverage(weak, CLEAN)
    assert queue_for_risk(strong, CLEAN) < queue_for_risk(weak, CLEAN)
    assert queue_for_risk(CLEAN.astype(float), CLEAN) == 0.0
    assert queue_for_risk(1.0 - CLEAN, CLEAN) == 1.0
    assert sum(one["n"] for one in reliability(weak, CLEAN)) == 300


def rows(model_shift, sessions=30, cameras=2):
    cv, model = scores(1.0, seed=1), scores(model_shift, seed=2)
    found = []
    for number, (clean, one, other) in enumerate(zip(CLEAN, cv, model, strict=True)):
        both = {"cv": float(one), "model": float(other), "fusion": float((one + other) / 2)}
        labels = {name: "clean" if s >= 0.7 else "contaminated" if s <= 0.3 else "review" for name, s in both.items()}
        kinds = {} if clean else {"streak": 0.8}
        truth = "clean" if clean else "contaminated"
        session, camera = f"s{number % sessions}", f"c{number % cameras}"
        snr = None if clean else float(number % 9)
        found.append(Judged(f"{number}.fits", session, camera, truth, kinds, both, labels, snr, number % 7 == 0))
    return found


def test_a_better_witness_is_told_from_an_equal_one_on_the_same_frames():
    better, equal = paired_differences(rows(3.0)), paired_differences(rows(1.0))
    assert is_better(better["model - cv"]["roc_auc"])
    assert is_better(better["model - cv"]["log_likelihood"])
    assert not is_better(equal["model - cv"]["roc_auc"])
    same = difference(scores(1.0), scores(1.0), CLEAN, ["a", "b"] * 150)
    assert same["roc_auc"]["value"] == 0.0


def test_folds_are_of_whole_sessions_and_spread_is_stated():
    spread = by_fold(rows(1.0), "cv")["roc_auc"]
    assert len(spread["folds"]) == 5
    assert spread["mean"] == pytest.approx(np.mean(spread["folds"]))
    assert 0.0 < spread["sd"] < 0.2


def test_trails_by_height_unknown_kinds_and_cameras_that_training_has_not_seen():
    card = ModelCard("m", "a", 1, (), 128, (), (), provenance={"courses": {"train": {"cameras": ["c0"]}}})
    assert known_cameras(card) == ["c0"]
    figures = summarise(rows(3.0), known_cameras(card))["witnesses"]["model"]
    assert list(figures["trails_by_snr"]) == ["1-2", "2-4", "4-8", "over 8"]
    assert figures["false_rejection_on_unseen_cameras"]["n"] == 100
    assert figures["unknown_kinds_not_accepted"]["n"] == sum(number % 7 == 0 for number in range(200, 300))


def test_sources_are_never_pooled_and_opinions_give_agreement_only(tmp_path):
    (tmp_path / "manifest.csv").write_text(
        "path,label,source,kinds,artefacts\na.fits,clean,human,,\nb.fits,clean,cv,,\nc.fits,contaminated,cv,dew+cloud,\n"
    )
    human, opinion = truth_sets(tmp_path / "manifest.csv", read_truth(tmp_path / "manifest.csv"))
    assert (len(human.rows), len(opinion.rows)) == (1, 2)
    assert opinion.rows[1].has_unknown_kind
    assert dict(opinion.rows[1].kinds) == {"cloud": 1.0}
    told = figures_of(opinion, Evaluated(tuple(rows(1.0)), ()), None)
    assert "witnesses" not in told
    assert told["agreement_with_cv"]["cv"]["n"] == 300
    assert human.fingerprint != opinion.fingerprint
    assert human.fingerprint == replace(human, name="elsewhere").fingerprint


def test_the_simulators_truth_tells_how_high_a_trail_stands(tmp_path):
    artefacts = json.dumps([{"kind": "streak", "evidence": {"peak_sigma": 2.5}}]).replace('"', '""')
    (tmp_path / "labels.csv").write_text(f'path,label,artefacts\na.fits,contaminated,"{artefacts}"\nb.fits,clean,x\n')
    assert [row.streak_snr for row in read_truth(tmp_path)] == [2.5, None]


def test_the_page_is_one_file_without_script_or_network(tmp_path):
    picture = tmp_path / "roc.png"
    picture.write_bytes(b"\x89PNG")
    page = as_html("# A & B\n\n- one\n- two\n\n| x | y |\n| --- | --- |\n| 1 | <2> |\n\nEnd.", "Title", [picture])
    assert "<h1>A &amp; B</h1>" in page
    assert "<ul>\n<li>one</li>\n<li>two</li>\n</ul>" in page
    assert "<tr><th>x</th><th>y</th></tr>\n<tr><td>1</td><td>&lt;2&gt;</td></tr>" in page
    assert "data:image/png;base64,iVBORw" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page


def test_several_sets_are_reported_one_after_the_other(tmp_path):
    for night in ("2024-11-01", "2024-11-03"):
        paths = write_night(tmp_path, night, clean=2, bad=1)
        lines = [f"{path.name},{'clean' if path is not paths[-1] else 'contaminated'}" for path in paths]
        (tmp_path / night / "labels.csv").write_text("\n".join(["path,label", *lines]))
    done = CliRunner().invoke(
        cli,
        ["evaluate", "--no-model", "--output", str(tmp_path / "report"), "--plots", str(tmp_path / "plots")]
        + [word for night in ("2024-11-01", "2024-11-03") for word in ("--on", str(tmp_path / night))],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    record = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [one["set"] for one in record["sets"]] == ["2024-11-01", "2024-11-03"]
    assert [one["frames"] for one in record["sets"]] == [3, 3]
    assert len(list((tmp_path / "plots").rglob("*.png"))) == 10


def test_on_a_narrow_screen_the_tables_move_sideways_and_not_the_page(tmp_path):
    (tmp_path / "roc.png").write_bytes(b"png")
    text = as_html("# Report\n\n- one\n\n| a | b |\n| --- | --- |\n| <1> | 2 |\n\nend", "R", [tmp_path / "roc.png"])
    assert text.count('<div class="wide"><table>') == text.count("</table></div>") == 1
    assert "<td>&lt;1&gt;</td><td>2</td>" in text
    assert "<figcaption>Contaminated frames caught, by clean frames turned away</figcaption>" in text
    assert "<h2>Curves</h2>" not in as_html("# Report", "R")
