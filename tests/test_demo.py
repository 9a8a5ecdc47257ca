"""``nebulift demo``: the real daemon on a made-up night, told honestly, with nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import wait_until
from trees import names

from nebulift.demo.camera import take
from nebulift.demo.place import DemoFolder
from nebulift.demo.screen import MARKS
from nebulift.demo.story import STORY, plan_shots
from nebulift.demo.tally import Outcome, Said, Truth, compared, sentences
from nebulift.errors import WrongUsage
from nebulift.findings import Kind
from nebulift.readers.fits_header import is_complete
from nebulift.simulate.labels import read_labels

LABELS = ("clean", "contaminated", "review")
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def processes_naming(folder):
    """The processes that have ``folder`` in their command line, ourselves apart."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in line:
                found.append(line.replace(b"\0", b" ").decode())
    return found


def test_every_frame_of_the_night_is_taken_judged_filed_and_held_against_the_truth(nebulift, tmp_path):  # noqa: F811
    folder = tmp_path / "demo"

    called = nebulift("demo", folder, "--frames", 7, "--pace", 0)

    assert called.status == 0, called.err
    taken = names(folder / "capture")
    assert len(taken) == 7
    filed = names(folder / "sorted")
    assert sorted(name.partition("/")[2] for name in filed) == sorted(taken)
    assert {name.partition("/")[0] for name in filed} <= set(LABELS)
    truth = read_labels(folder)
    assert [str(frame.path).removeprefix("capture/") for frame in truth] == sorted(taken)
    assert "What was put in, and what was found" in called.out
    assert "of 1 spoilt frames caught" in called.out
    assert "of 6 clean frames kept" in called.out
    assert f"{folder}/sorted" in called.out
    assert "report  " in called.out
    assert processes_naming(folder) == []


def test_a_second_demonstration_takes_the_place_of_the_first(tmp_path):
    place = DemoFolder(tmp_path / "demo")
    place.claim()
    (place.capture / "old.fits").write_bytes(b"of yesterday")
    (place.sorted / "clean").mkdir(parents=True)

    place.claim()

    assert names(place.root) == ["demo.json"]


@pytest.mark.parametrize("there", ["a.fits", "capture/a.fits", "demo.json"])
def test_a_folder_that_is_not_from_a_demonstration_is_left_alone(tmp_path, there):
    stranger = tmp_path / there
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("mine")

    with pytest.raises(WrongUsage, match="name an empty or a new folder"):
        DemoFolder(tmp_path).claim()

    assert stranger.read_text() == "mine"


def test_what_somebody_put_into_the_folder_later_is_not_removed(tmp_path):
    place = DemoFolder(tmp_path)
    place.claim()
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(WrongUsage, match=r"notes\.txt: is not from a demonstration"):
        place.claim()

    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopping_it_leaves_no_process_behind(tmp_path, ending):
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "nebulift", "demo", str(folder), "--pace", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        log = folder / "daemon.log"
        wait_until(lambda: log.exists() and "watching" in log.read_text(), timeout_s=60)
        process.send_signal(ending)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130, out
    assert err.strip() == "stopped"
    wait_until(lambda: not processes_naming(folder), timeout_s=10)


@pytest.mark.parametrize("by_make", [False, pytest.param(True, marks=needs_make)], ids=["alone", "make"])
def test_killing_it_leaves_no_process_behind(tmp_path, by_make):
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "nebulift", "demo", str(folder), "--pace", "5"]
    if by_make:
        makefile = tmp_path / "Makefile"
        makefile.write_text(f"demo:\n\t{' '.join(command)}\n")
        command = ["make", "-f", str(makefile), "demo"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        log = folder / "daemon.log"
        wait_until(lambda: log.exists() and "watching" in log.read_text(), timeout_s=60)
        process.kill()
    wait_until(lambda: not processes_naming(folder), timeout_s=20)


def test_a_camera_that_dies_ends_the_demonstration_with_one_plain_line(tmp_path):
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "nebulift", "demo", str(folder), "--pace", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        (camera,) = wait_until(lambda: cameras_of(folder), timeout_s=60)
        os.kill(camera, signal.SIGKILL)
        _, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert err == f"the camera of the demonstration ended early; {folder}/daemon.log tells why\n"
    assert processes_naming(folder) == []


def cameras_of(folder):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"nebulift.demo.camera" in line and os.fsencode(folder) in line:
                found.append(int(entry.name))
    return found


def test_the_same_seed_gives_the_same_night(tmp_path):
    whole, start = plan_shots(3)[5], plan_shots(3, frames=6)[5]

    assert take(tmp_path / "a", whole) == take(tmp_path / "b", start)

    assert (tmp_path / "a" / whole.path).read_bytes() == (tmp_path / "b" / whole.path).read_bytes()


def test_the_story_shows_every_common_mishap_and_more_good_frames_than_bad():
    told = {event.kind for event in STORY if event is not None}
    common = {Kind.STREAK, Kind.CLOUD, Kind.TRAILED, Kind.DEFOCUS, Kind.OBSTRUCTION, Kind.GRADIENT, Kind.UNREADABLE}
    assert told == common
    assert STORY.count(None) * 2 > len(STORY)


def test_the_truth_of_a_frame_is_what_the_story_says(tmp_path):
    shots = plan_shots(1)
    satellite, wind, cut = (shots[number - 1] for number in (6, 16, 25))

    assert take(tmp_path, satellite)["kinds"].startswith("streak:")
    assert take(tmp_path, wind)["kinds"].startswith("trailed:")
    assert take(tmp_path, cut)["label"] == "unreadable"
    assert is_complete(tmp_path / satellite.path)
    assert not is_complete(tmp_path / cut.path)


@pytest.mark.parametrize(
    ("label", "verdict", "outcome"),
    [
        ("clean", "clean", Outcome.RIGHT),
        ("clean", "review", Outcome.LEFT_TO_YOU),
        ("clean", "contaminated", Outcome.FALSE_ALARM),
        ("contaminated", "contaminated", Outcome.RIGHT),
        ("contaminated", "review", Outcome.LEFT_TO_YOU),
        ("contaminated", "clean", Outcome.MISSED),
        ("contaminated", None, Outcome.NO_VERDICT),
        ("marginal", "contaminated", Outcome.BORDERLINE),
        ("unreadable", "review", Outcome.RIGHT),
        ("unreadable", "clean", Outcome.MISSED),
        ("unreadable", "contaminated", Outcome.MISSED),
    ],
)
def test_verdicts_are_held_against_the_truth(label, verdict, outcome):
    assert frame(label, verdict).outcome is outcome


def test_misses_and_false_alarms_are_said_as_plainly_as_successes():
    night = [
        frame("contaminated", "contaminated", ("streak",), ("streak",)),
        frame("contaminated", "contaminated", ("obstruction",), ("cloud",)),
        frame("contaminated", "clean"),
        frame("contaminated", "review"),
        frame("clean", "clean"),
        frame("clean", "contaminated"),
        frame("marginal", "clean"),
        frame("unreadable", "review"),
    ]
    assert sentences(night) == [
        "2 of 4 spoilt frames caught, 1 left to you, 1 missed",
        "1 of these 2 with their true cause named",
        "1 of 2 clean frames kept, 1 false alarm",
        "1 borderline: two people would label them differently, any verdict is fair",
        "1 of 1 half-written frames set aside for review",
    ]


def test_every_outcome_can_be_shown():
    assert set(MARKS) == set(Outcome)


def frame(label, verdict, put_in=(), found=()):
    said = None if verdict is None else Said(verdict, 0.5, found, "because")
    return compared(Truth("a.fits", label, put_in), said)
