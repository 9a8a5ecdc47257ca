"""``nebulift classify``: a verdict or a plain reason for every file, nothing changed, and a telling status."""

import hashlib
import json
import signal
import subprocess
import sys

import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from framefiles import fits_bytes

from nebulift.simulate import add_streak, star_field

KEYS = {"path", "verdict", "score", "cv_score", "model_score", "model", "kinds", "findings", "measurements", "session"}
KEYS |= {"elapsed_ms", "error"}
FIELD = star_field(600, 400, density_per_mpx=400, seed=6)
CARDS = {"IMAGETYP": "Light Frame", "EXPTIME": 60.0, "INSTRUME": "Camera", "OBJECT": "M31"}


def at(minute):
    return CARDS | {"DATE-OBS": f"2026-01-02T21:{minute:02d}:00"}


@pytest.fixture
def night(tmp_path):
    """Three lights out of order of time, one of them crossed, a dark and a broken file."""
    folder = tmp_path / "night"
    folder.mkdir()
    trail = add_streak(FIELD, (0.0, 30.0, 599.0, 350.0), peak_sigma=4.0)[0]
    (folder / "a_late.fits").write_bytes(fits_bytes(FIELD.pixels, at(30)))
    (folder / "b_early.fits").write_bytes(fits_bytes(FIELD.pixels, at(10)))
    (folder / "c_trail.fits").write_bytes(fits_bytes(trail, at(20)))
    (folder / "d_dark.fits").write_bytes(fits_bytes(FIELD.pixels, at(40) | {"IMAGETYP": "Dark Frame"}))
    return folder


@pytest.fixture
def broken(night):
    path = night / "e_broken.fits"
    path.write_bytes(fits_bytes(FIELD.pixels, at(50))[:100_000])
    return path


def records(text):
    return {record["path"].rsplit("/", 1)[1]: record for record in map(json.loads, text.splitlines())}


def contents(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


# what is printed ------------------------------------------------------------------------------------------------------


def test_the_table_has_a_line_for_every_frame_and_a_sum(nebulift, night):  # noqa: F811
    called = nebulift("classify", "--no-model", night)
    assert called.status == 0
    *lines, total = called.out.splitlines()
    assert [line.split()[0] for line in lines] == ["clean", "contaminated", "clean", "skipped"]
    assert "trail" in lines[1]
    assert total == "2 clean  1 contaminated  1 skipped"


def test_frames_are_judged_in_order_of_time_not_of_name(nebulift, night):  # noqa: F811
    names = list(records(nebulift("classify", "--no-model", "--json", night).out))
    assert names == ["b_early.fits", "c_trail.fits", "a_late.fits", "d_dark.fits"]


def test_json_has_the_promised_keys_on_every_line_and_no_nan(nebulift, night, broken):  # noqa: F811
    called = nebulift("classify", "--no-model", "--json", night)
    found = records(called.out)
    assert len(found) == 5
    for record in found.values():
        assert set(record) >= KEYS
    trail = found["c_trail.fits"]
    assert trail["verdict"] == "contaminated"
    assert trail["kinds"]["streak"] > 0.7
    assert trail["findings"][0]["geometry"]["shape"] == "line"
    assert 0.0 <= trail["score"] == trail["cv_score"] <= 0.3
    assert trail["measurements"]["stars"]["fwhm_px"] == pytest.approx(3.1, abs=0.2)
    assert (trail["model"], trail["model_score"], trail["error"]) == (None, None, None)
    assert found["d_dark.fits"]["verdict"] is None
    assert "dark" in found["d_dark.fits"]["skipped"]


def test_each_frame_is_compared_with_its_session_unless_told_otherwise(nebulift, night):  # noqa: F811
    together = records(nebulift("classify", "--no-model", "--json", night).out)
    alone = records(nebulift("classify", "--no-model", "--no-session", "--json", night).out)
    assert [together[name]["session"]["frames_before"] for name in ("b_early.fits", "a_late.fits")] == [0, 2]
    assert all(record["session"] is None for record in alone.values())


def test_hindsight_judges_every_frame_once_against_the_whole_session(nebulift, night):  # noqa: F811
    found = records(nebulift("classify", "--no-model", "--retrospective", "--json", night).out)
    assert list(found) == ["b_early.fits", "c_trail.fits", "a_late.fits", "d_dark.fits"]
    assert found["c_trail.fits"]["verdict"] == "contaminated"


def test_several_workers_say_the_same(nebulift, night, broken):  # noqa: F811
    def said(workers):
        found = records(nebulift("classify", "--no-model", "--json", "--workers", workers, night).out)
        return {name: {**record, "elapsed_ms": 0} for name, record in found.items()}

    assert said(1) == said(2)


def test_stacking_keeps_the_trail_only_in_a_large_group(nebulift, night):  # noqa: F811
    found = records(nebulift("classify", "--no-model", "--policy", "stacking", "--json", night).out)
    assert found["c_trail.fits"]["verdict"] == "contaminated"


def test_without_a_session_a_single_file_is_judged_by_itself(nebulift, night):  # noqa: F811
    called = nebulift("classify", "--no-model", night / "c_trail.fits")
    assert called.out.splitlines()[0].startswith("contaminated")


# what is changed ------------------------------------------------------------------------------------------------------


def test_nothing_is_written_or_changed(nebulift, night, broken):  # noqa: F811
    before = contents(night.parent)
    nebulift("classify", "--no-model", night)
    nebulift("classify", "--no-model", "--json", night)
    assert contents(night.parent) == before


def test_explanations_go_where_they_are_asked_for_and_nowhere_else(nebulift, night, tmp_path):  # noqa: F811
    before = contents(night)
    assert nebulift("classify", "--no-model", "--explain", tmp_path / "why", night).status == 0
    assert sorted(path.name for path in (tmp_path / "why").iterdir()) == ["a_late.png", "b_early.png", "c_trail.png"]
    assert contents(night) == before


def test_explanations_that_cannot_be_written_are_told_in_one_line(nebulift, night, tmp_path):  # noqa: F811
    (tmp_path / "why").write_text("a file, not a folder")
    called = nebulift("classify", "--no-model", "--explain", tmp_path / "why", night)
    assert called.status == 1
    assert "choose another folder" in called.err


def test_masks_are_written_for_frames_with_trails_only(nebulift, night, tmp_path):  # noqa: F811
    before = contents(night)
    assert nebulift("classify", "--no-model", "--masks", tmp_path / "masks", night).status == 0
    assert [path.name for path in (tmp_path / "masks").iterdir()] == ["c_trail_trails.fits"]
    asked = ("--masks", tmp_path / "png", "--mask-format", "png", "--json")
    assert nebulift("classify", "--no-model", *asked, night).status == 0
    assert [path.name for path in (tmp_path / "png").iterdir()] == ["c_trail_trails.png"]
    assert contents(night) == before


def test_masks_that_cannot_be_written_are_told_in_one_line(nebulift, night, tmp_path):  # noqa: F811
    (tmp_path / "masks").write_text("a file, not a folder")
    called = nebulift("classify", "--no-model", "--masks", tmp_path / "masks", night)
    assert called.status == 1
    assert "choose another folder" in called.err


# trouble --------------------------------------------------------------------------------------------------------------


def test_a_broken_file_is_listed_for_review_and_makes_the_status_1(nebulift, night, broken):  # noqa: F811
    called = nebulift("classify", "--no-model", night)
    assert called.status == 1
    (line,) = [line for line in called.out.splitlines() if broken.name in line]
    assert line.startswith("review")
    assert "2 clean  1 contaminated  1 review  1 skipped" in called.out


@pytest.mark.parametrize("content", [b"", b"hello", b"SIMPLE  =                    T" + b" " * 2850, bytes(5000)])
def test_whatever_is_no_frame_is_one_plain_line(nebulift, tmp_path, content):  # noqa: F811
    (tmp_path / "x.fits").write_bytes(content)
    called = nebulift("classify", "--no-model", "--json", tmp_path)
    (record,) = records(called.out).values()
    assert called.status == 1
    assert (record["verdict"], record["score"]) == ("review", None)
    assert "x.fits" in record["error"]
    assert "\n" not in record["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.fits"], "no such file"),
        (["."], "no frames in there"),
        (["--retrospective", "--no-session", "."], "contradict"),
    ],
)
def test_wrong_usage_is_status_2_and_one_line(nebulift, tmp_path, monkeypatch, arguments, words):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    called = nebulift("classify", *arguments)
    assert called.status == 2
    assert words in called.err
    assert len(called.err.splitlines()) == 1


def test_a_model_that_was_asked_for_must_be_good(nebulift, night, tmp_path):  # noqa: F811
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    called = nebulift("classify", "--model", tmp_path / "model.onnx", night)
    assert called.status == 1
    assert "model.onnx" in called.err
    assert called.out == ""


def test_names_with_control_characters_do_not_reach_the_terminal(nebulift, tmp_path):  # noqa: F811
    (tmp_path / "ev\x1b[31mil\n.fits").write_bytes(fits_bytes(FIELD.pixels, at(10)))
    out = nebulift("classify", "--no-model", tmp_path).out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


def test_ctrl_c_stops_at_once_without_a_traceback(tmp_path):
    for number in range(40):
        (tmp_path / f"{number:02d}.fits").write_bytes(fits_bytes(FIELD.pixels, at(number)))
    command = [sys.executable, "-m", "nebulift", "classify", "--no-model", "--json", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        running.stdout.readline()  # it is under way
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert said.strip() == "stopped"


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    for number in range(6):
        (tmp_path / f"{number:02d}.fits").write_bytes(fits_bytes(FIELD.pixels, at(number)))
    command = f"{sys.executable} -m nebulift classify --no-model --json {tmp_path} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
