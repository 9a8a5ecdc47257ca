"""``nebulift watch`` and ``nebulift status`` as people use them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import Daemon, wait_until
from trees import frame, make_files, names

JUDGE = ("--judge", "fake_judge:judge")
NIGHT = {"a.fits": frame(b"CLEAN"), "b.fits": frame(b"TRAIL"), "c.fits": frame(b"DOUBT")}
SORTED = ["clean/a.fits", "contaminated/b.fits", "review/c.fits"]


@pytest.fixture(autouse=True)
def signals_restored():
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGIO)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("command", ["watch", "sort", "undo", "status", "review"])
def test_help_shows_an_example(nebulift, command):  # noqa: F811
    called = nebulift(command, "--help")
    assert called.status == 0
    assert f"nebulift {command}" in called.out.split("Examples:")[1]


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from nebulift.cli import main\n"
        "try: main(['watch', '--help'])\n"
        "except SystemExit: print(*sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert not loaded & {"numpy", "cv2", "astropy", "onnxruntime", "rich", "watchdog", "sqlite3"}


def test_two_folders_are_all_it_takes(nebulift, tmp_path):  # noqa: F811
    make_files(tmp_path / "cap", NIGHT)
    called = nebulift("watch", tmp_path / "cap", "--output", tmp_path / "out", "--once", *JUDGE)
    assert called.status == 0
    assert names(tmp_path / "out") == SORTED
    assert "contaminated  0.10  b.fits  a trail, 900 px long" in called.out
    assert "\x1b" not in called.out  # no colours where there is no terminal


def test_once_tells_by_its_exit_status_that_frames_could_not_be_read(nebulift, tmp_path):  # noqa: F811
    make_files(tmp_path / "cap", {"bad.fits": frame(b"GARBAGE")})
    assert nebulift("watch", tmp_path / "cap", "--output", tmp_path / "out", "--once", *JUDGE).status == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{cap}"], "--output DIR is missing"),
        (["--output", "{out}"], "FOLDER is missing"),
        (["{cap}", "--output", "{cap}/out"], "lies inside the watched folder"),
        (["{out}/none", "--output", "{out}"], "does not exist"),
        (["--config", "/no/such.toml"], "/no/such.toml: 1 problem\n  - cannot be read"),
    ],
)
def test_wrong_usage_is_exit_status_2_and_says_what_to_do(nebulift, tmp_path, arguments, expected):  # noqa: F811
    (tmp_path / "cap").mkdir()
    filled = [argument.format(cap=tmp_path / "cap", out=tmp_path / "out") for argument in arguments]
    called = nebulift("watch", *filled)
    assert called.status == 2
    assert expected in called.err


def test_the_configuration_is_found_by_its_variable(nebulift, tmp_path, monkeypatch):  # noqa: F811
    daemon = Daemon(tmp_path)
    make_files(daemon.capture, NIGHT)
    monkeypatch.setenv("NEBULIFT_CONFIG", str(daemon.config))
    assert nebulift("watch", "--once", *JUDGE).status == 0
    assert daemon.filed() == SORTED


def test_folders_on_the_command_line_take_the_place_of_the_file_s(nebulift, tmp_path):  # noqa: F811
    daemon = Daemon(tmp_path, filing={"clean": "move"})
    make_files(tmp_path / "other", NIGHT)
    called = nebulift(
        "watch", tmp_path / "other", "--output", tmp_path / "sorted", "--config", daemon.config, "--once", *JUDGE
    )
    assert called.status == 0
    assert names(tmp_path / "other") == ["b.fits", "c.fits"]
    assert names(tmp_path / "sorted") == SORTED


def test_a_reader_of_our_output_that_goes_away_stops_nothing(tmp_path):
    make_files(tmp_path / "cap", {f"{number}.fits": frame(b"CLEAN %d" % number) for number in range(5)})
    command = [
        sys.executable,
        "-m",
        "nebulift",
        "watch",
        tmp_path / "cap",
        "--output",
        tmp_path / "out",
        "--once",
        *JUDGE,
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        process.stdout.close()
        process.wait(20)
    assert len(names(tmp_path / "out")) == 5


def test_status_of_a_running_daemon(nebulift, tmp_path):  # noqa: F811
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, NIGHT)
        wait_until(lambda: daemon.status().get("last_24h", {}).get("review"))
        called = nebulift("status", "--config", daemon.config)
        assert called.status == 0
        assert f"running (process {daemon.process.pid})" in called.out
        assert "1 clean, 1 contaminated, 1 review" in called.out
        assert "to review   1" in called.out
        facts = json.loads(nebulift("status", "--json", "--config", daemon.config).out)
        assert (facts["running"], facts["in_review"], facts["mode"]) == (True, 1, "events")
        daemon.stop()
    called = nebulift("status", "--config", daemon.config)
    assert called.status == 1
    assert called.out.startswith("no daemon is running")


def test_status_finds_the_ledger_by_the_output_folder_alone(nebulift, tmp_path):  # noqa: F811
    daemon = Daemon(tmp_path)  # its state folder lies elsewhere: the marker in the output root leads there
    make_files(daemon.capture, NIGHT)
    nebulift("watch", "--config", daemon.config, "--once", *JUDGE)
    assert "1 contaminated" in nebulift("status", "--output", daemon.output).out


def test_status_where_nothing_was_ever_sorted(nebulift, tmp_path):  # noqa: F811
    called = nebulift("status", "--output", tmp_path)
    assert called.status == 1
    assert "no daemon is running" in called.out
    assert list(tmp_path.iterdir()) == []
