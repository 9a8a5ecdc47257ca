"""Models have a life: installed, tried in shadow, promoted for a reason, rolled back; the daemon follows the files."""

import json
from dataclasses import replace
from datetime import UTC

import pytest
import synthetic_night
from click.testing import CliRunner
from schoolwork import write_night

onnx = pytest.importorskip("onnx")

from nebulift.classifier import load_classifier  # noqa: E402
from nebulift.cli import cli  # noqa: E402
from nebulift.errors import ModelMismatch, NebuliftError, WrongUsage  # noqa: E402
from nebulift.model_card import METADATA_KEY, STORE_FOLDER, default_model_path  # noqa: E402
from nebulift.model_store import ACTIVE, MANIFEST, SHADOW, ModelStore  # noqa: E402
from nebulift.pipeline import judge  # noqa: E402
from nebulift.settings import Model, Output, Settings, Watch  # noqa: E402
from nebulift.training.input_cache import content_hash  # noqa: E402
from nebulift.training.promotion import may_replace  # noqa: E402
from nebulift.verdict import Fusion, Thresholds  # noqa: E402
from nebulift_daemon.assembly import judge_options  # noqa: E402
from nebulift_daemon.judge_client import JudgeClient  # noqa: E402
from nebulift_daemon.judge_messages import JudgeOptions, Task  # noqa: E402
from nebulift_daemon.nights import last_night  # noqa: E402
from nebulift_daemon.report.night_report import gather  # noqa: E402
from nebulift_daemon.report.page import as_html  # noqa: E402
from nebulift_daemon.sighting import look  # noqa: E402

pytestmark = pytest.mark.torch  # onnx comes with the same extra


def variant(folder, name, fusion=Fusion(), thresholds=Thresholds()):  # noqa: B008  both are frozen
    """The bundled network under another card."""
    made = onnx.load(default_model_path())
    card = replace(load_classifier().card, name=name, fusion=fusion, thresholds=thresholds)
    del made.metadata_props[:]
    entry = made.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()
    path = folder / f"{name.replace(' ', '-')}.onnx"
    path.write_bytes(made.SerializeToString())
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    # the second rejects nothing and accepts nothing: its limits ask for the impossible
    doubter = Thresholds(clean=1.0, contaminated=0.0)
    return {"one": variant(folder, "rig 1"), "two": variant(folder, "rig 2", Fusion(0.0, 0.0, 0.0), doubter)}


def report(model, scores, truth="t1", rejected=0):
    """A report of nebulift evaluate as far as promotion reads it: 40 frames of 10 sessions, half of them clean."""
    rows = []
    for number in range(40):
        clean = number % 2 == 0
        label = "contaminated" if clean and number < 2 * rejected else "clean" if clean else "review"
        rows.append(
            {
                "path": f"{number}.fits",
                "session": f"s{number % 10}",
                "truth": "clean" if clean else "contaminated",
                "scores": {"fusion": scores if clean else 1.0 - scores},
                "labels": {"fusion": label},
            }
        )
    return {"model_sha256": model, "sets": [{"set": "night", "source": "truth", "truth_sha256": truth, "rows": rows}]}


def both(model, scores, real=None):
    """A report on two sets of truth."""
    other = report(model, real or scores, truth="t3")["sets"][0]
    return {"model_sha256": model, "sets": [*report(model, scores)["sets"], {**other, "set": "real frames"}]}


@pytest.mark.parametrize(
    ("newcomer", "active", "allowed", "why"),
    [
        (report("n", 0.9), report("a", 0.8), True, "log-likelihood a frame 0.118"),
        (report("n", 0.8), report("a", 0.9), False, "log-likelihood a frame -0.118"),
        (report("n", 0.8), report("a", 0.8), False, "log-likelihood a frame 0.000"),
        (report("n", 0.9, rejected=1), report("a", 0.8), False, "clean frames rejected 1, by the other 0"),
        (report("n", 0.9, truth="t2"), report("a", 0.8), False, "no truth in common"),
        (both("n", 0.9), report("a", 0.8), False, "only one of the two was measured on real frames"),
        (report("n", 0.9), both("a", 0.8), False, "only one of the two was measured on real frames"),
        (both("n", 0.9), both("a", 0.8), True, "real frames: difference in log-likelihood a frame 0.118"),
        (both("n", 0.9, real=0.7), both("a", 0.8), False, "real frames: difference in log-likelihood a frame -0.134"),
        (None, report("a", 0.8), False, "the newcomer has no report"),
        (report("n", 0.9), None, False, "the active model has no report"),
    ],
)
def test_only_a_better_report_on_the_same_truth_promotes(newcomer, active, allowed, why):
    found = may_replace(newcomer, active)
    assert found.allowed is allowed
    assert why in " ".join(found.reasons)


def test_a_model_is_found_by_id_by_name_and_by_the_start_of_either(files, tmp_path):
    store = ModelStore.open(tmp_path)
    one, two = (store.install(files[name]) for name in ("one", "two"))
    assert store.find(one.id[:5]) == store.find("rig 1") == one
    assert store.find("rig 2") == two
    with pytest.raises(WrongUsage, match="2 models are called so"):
        store.find("rig")
    with pytest.raises(WrongUsage, match="no such model"):
        store.find("RIG 1")


def test_a_model_is_installed_promoted_and_rolled_back(files, tmp_path):
    store = ModelStore.open(tmp_path)
    one, two = (store.install(files[name]) for name in ("one", "two"))
    assert store.install(files["one"]) == one  # twice is once
    store.promote(one)
    assert load_classifier(tmp_path / ACTIVE).card.name == "rig 1"
    store.promote(two, "tried")
    assert load_classifier(tmp_path / ACTIVE).card.name == "rig 2"
    again = ModelStore.open(tmp_path)
    assert again.manifest == store.manifest
    assert again.rollback("worse in Ha").name == "rig 1"
    assert content_hash(tmp_path / ACTIVE) == one.sha256
    told = [(act.what, act.words) for act in again.manifest.acts]
    assert told[-2:] == [("promote", "tried"), ("rollback", "worse in Ha")]
    with pytest.raises(WrongUsage, match="nothing to go back to"):
        again.rollback()


def test_what_does_not_load_or_was_changed_is_refused(files, tmp_path):
    store = ModelStore.open(tmp_path)
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(ModelMismatch):
        store.install(tmp_path / "junk.onnx")
    one = store.install(files["one"])
    store.model_path(one).write_bytes(files["two"].read_bytes())
    with pytest.raises(WrongUsage, match="not the file that was installed"):
        store.promote(one)
    assert not (tmp_path / ACTIVE).exists()
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(WrongUsage, match="cannot be read"):
        ModelStore.open(tmp_path)


def run(*arguments):
    return CliRunner().invoke(cli, ["models", *map(str, arguments)], catch_exceptions=False)


def test_the_commands_tell_what_they_did_and_why_not(files, tmp_path):
    reports = {}
    for name, score in (("one", 0.8), ("two", 0.7)):
        reports[name] = tmp_path / f"{name}.json"
        reports[name].write_text(json.dumps(report(content_hash(files[name]), score)))
    folder = ("--folder", tmp_path / "models")
    with pytest.raises(WrongUsage, match="a report on another model"):
        run("install", files["one"], "--report", reports["two"], *folder)
    for name in ("one", "two"):
        run("install", files[name], "--report", reports[name], *folder)
    assert "decides from the next frame on" in run("promote", "rig 1", *folder).output
    with pytest.raises(NebuliftError, match="rig 2 is not promoted: night: difference in log-likelihood"):
        run("promote", "rig 2", *folder)
    assert "watches" in run("shadow", "rig 2", *folder).output
    assert (tmp_path / "models" / SHADOW).read_bytes() == files["two"].read_bytes()
    listed = run("list", *folder).output
    assert "decides  rig 1" in listed
    assert "watches  rig 2" in listed
    run("promote", "rig 2", "--force", "to see what happens", *folder)
    assert not (tmp_path / "models" / SHADOW).exists()
    assert "to see what happens" in run("list", *folder).output
    assert "rig 1 decides again" in run("rollback", *folder).output


def test_labelled_frames_decide_where_there_is_no_report(files, tmp_path):
    """Clean frames, and one as good as black: the doubter sends all of them to a person."""
    paths = write_night(tmp_path, "2024-11-01", clean=6, bad=1)
    labels, opinions = tmp_path / "labels.csv", tmp_path / "opinions.csv"
    told = ["clean"] * 6 + ["contaminated"]
    rows = [f"{path.relative_to(tmp_path)},{label}" for path, label in zip(paths, told, strict=True)]
    labels.write_text("\n".join(["path,label", *rows]))
    opinions.write_text("\n".join(["path,label,source", *(f"{row},cv" for row in rows)]))
    folder = ("--folder", tmp_path / "models")
    for name in ("one", "two"):
        run("install", files[name], *folder)
    run("promote", "rig 1", *folder)
    with pytest.raises(NebuliftError, match="clean frames turned away that the other accepts 6, the other way round 0"):
        run("promote", "rig 2", "--on", labels, *folder)
    with pytest.raises(WrongUsage, match="labels of the filter only"):
        run("promote", "rig 2", "--on", opinions, *folder)


def test_a_model_in_shadow_is_heard_and_decides_nothing(files, tmp_path):
    paths = write_night(tmp_path / "night", "2024-11-01", clean=4, bad=0)
    store = ModelStore.open(tmp_path / "models")
    one, two = (store.install(files[name]) for name in ("one", "two"))
    store.promote(one)
    client = JudgeClient(JudgeOptions(model=str(tmp_path / "models" / ACTIVE), sync=False), dict, lambda: True)
    try:
        alone = client.judge(Task(look(paths[0]))).record
        store.shadow(two)
        watched = client.judge(Task(look(paths[1]))).record
        store.shadow(None)
        after = client.judge(Task(look(paths[2]))).record
        store.promote(two, "seen in shadow")
        promoted = client.judge(Task(look(paths[3]))).record
    finally:
        client.close()
    assert "shadow" not in alone
    assert "shadow" not in after
    assert (watched["model"], watched["verdict"]) == ("rig 1", "clean")
    assert (watched["shadow"]["model"], watched["shadow"]["verdict"]) == ("rig 2", "review")
    assert watched["shadow"]["score"] == 0.5
    assert (promoted["model"], promoted["verdict"]) == ("rig 2", "review")  # without a restart


@pytest.mark.parametrize(("model", "decides"), [("default", load_classifier().card.name), ("none", None)])
def test_one_watches_beside_the_bundled_model_and_beside_none(files, tmp_path, model, decides):
    path = write_night(tmp_path / "night", "2024-11-01", clean=1, bad=0)[0]
    watch, output = Watch(folders=(tmp_path / "night",)), Output(root=tmp_path / "out")
    settings = Settings(watch=watch, output=output, model=Model(path=model))
    store = ModelStore.open(settings.output.state_folder / STORE_FOLDER)
    store.shadow(store.install(files["two"]))
    client = JudgeClient(replace(judge_options(settings), sync=False), dict, lambda: True)
    try:
        record = client.judge(Task(look(path))).record
    finally:
        client.close()
    assert record["model"] == decides
    assert record["verdict"] == "clean"
    assert (record["shadow"]["model"], record["shadow"]["verdict"]) == ("rig 2", "review")


def test_a_model_in_shadow_that_fails_harms_nothing(tmp_path):
    class Broken:
        card = replace(load_classifier().card, name="broken")

        def predict(self, _given):
            raise ModelMismatch("it answers with NaN")

    path = write_night(tmp_path, "2024-11-01", clean=1, bad=0)[0]
    judgement = judge(path, model=load_classifier(), shadow=Broken())
    assert judgement.shadow is None
    assert judgement.verdict.label == "clean"


def test_the_nights_report_compares_the_verdicts(tmp_path, monkeypatch):
    plain = synthetic_night.record_of
    shadow = {"model": "rig 2", "verdict": "clean", "score": 0.9, "model_score": 0.9}
    monkeypatch.setattr(
        synthetic_night, "record_of", lambda *given, **more: {**plain(*given, **more), "shadow": shadow}
    )
    ledger = synthetic_night.make_night(tmp_path, ["clean", "clean", "contaminated", "review"]).ledger()
    found = gather(ledger, last_night(ledger, UTC), UTC, synthetic_night.EVENING)
    ledger.close()
    assert "rig 2 watches: on 2 of 4 frames it would have decided otherwise." in as_html(found)
