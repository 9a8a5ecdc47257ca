"""``nebulift sort`` and ``nebulift undo``: a finished night in one go, and back again."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import Daemon, wait_until
from trees import census, frame, make_files, names, read_files

from nebulift.cli.undo import parse_moment

JUDGE = ("--judge", "fake_judge:judge")
NIGHT = {
    "M31": {"L": {"a.fits": frame(b"CLEAN"), "b.fits": frame(b"TRAIL")}, "R": {"c.fits": frame(b"DOUBT")}},
    "Dark": {"d.fits": frame(b"DARK")},
    "notes.txt": b"x",
}
SORTED = ["clean/M31/L/a.fits", "contaminated/M31/L/b.fits", "review/M31/R/c.fits"]


@pytest.fixture(autouse=True)
def signals_restored():
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGIO)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def fast(tmp_path):
    """Options for a short settling time; and the folders."""
    config = tmp_path / "fast.toml"
    config.write_text('[watch]\nfolders = ["/x"]\nsettle_s = 0.2\n[output]\nroot = "/y"\n[judge]\ntimeout_s = 1.0\n')
    make_files(tmp_path / "night", NIGHT)
    return ["sort", tmp_path / "night", "--output", tmp_path / "out", "--config", config, *JUDGE]


def test_a_night_is_sorted_and_summed_up(nebulift, tmp_path, fast):  # noqa: F811
    called = nebulift(*fast)
    assert called.status == 0
    assert names(tmp_path / "out") == SORTED
    assert read_files(tmp_path / "night", hidden=True) == NIGHT
    assert "4 of 4 frames judged" in called.out
    for label in ("clean", "contaminated", "review", "skipped"):
        assert f"{label:<14}     1" in called.out


def test_sorting_again_does_only_what_is_new(nebulift, tmp_path, fast):  # noqa: F811
    nebulift(*fast)
    make_files(tmp_path / "night", {"new.fits": frame(b"CLEAN new")})
    called = nebulift(*fast)
    assert "1 of 5 frames judged" in called.out
    assert "4 sorted before, left alone" in called.out
    assert names(tmp_path / "out") == sorted([*SORTED, "clean/new.fits"])


def test_a_dry_run_tells_everything_and_touches_nothing(nebulift, tmp_path, fast):  # noqa: F811
    called = nebulift(*fast, "--dry-run", "--file-by", "move")
    assert called.status == 0
    assert f"contaminated  {tmp_path}/night/M31/L/b.fits  ->  {tmp_path}/out/contaminated/M31/L/b.fits" in called.out
    assert not (tmp_path / "out").exists()
    assert read_files(tmp_path / "night", hidden=True) == NIGHT


def test_a_dry_run_beside_an_earlier_run_leaves_its_ledger_alone(nebulift, tmp_path, fast):  # noqa: F811
    nebulift(*fast)
    make_files(tmp_path / "night", {"new.fits": frame(b"CLEAN new")})
    assert "1 of 5 frames judged" in nebulift(*fast, "--dry-run").out
    assert names(tmp_path / "out") == SORTED


@pytest.mark.parametrize(
    ("file_by", "left"), [("move", ["Dark/d.fits", "notes.txt"]), ("copy", None), ("symlink", None)]
)
def test_frames_are_filed_as_asked(nebulift, tmp_path, fast, file_by, left):  # noqa: F811
    assert nebulift(*fast, "--file-by", file_by).status == 0
    assert names(tmp_path / "out") == SORTED
    assert (tmp_path / "out" / SORTED[0]).is_symlink() == (file_by == "symlink")
    assert names(tmp_path / "night") == (
        left or sorted(["Dark/d.fits", "M31/L/a.fits", "M31/L/b.fits", "M31/R/c.fits", "notes.txt"])
    )


def test_unreadable_frames_are_exit_status_1_and_in_review(nebulift, tmp_path, fast):  # noqa: F811
    make_files(
        tmp_path / "night", {"bad.fits": frame(b"GARBAGE"), "cut.fits": frame()[:3000], "crash.fits": frame(b"CRASH")}
    )
    called = nebulift(*fast)
    assert called.status == 1
    assert "3 unreadable, see the folder review" in called.out
    assert {"review/bad.fits", "review/cut.fits", "review/crash.fits"} < set(names(tmp_path / "out"))


def test_a_frame_that_is_still_being_written_is_left_for_later(nebulift, tmp_path, fast):  # noqa: F811
    with (tmp_path / "night/now.fits").open("wb") as writer:
        writer.write(frame(b"CLEAN now"))
        writer.flush()
        called = nebulift(*fast)
        assert called.status == 1
        assert "1 still being written; sort again" in called.out
    assert nebulift(*fast).status == 0
    assert "clean/now.fits" in names(tmp_path / "out")


def test_ctrl_c_loses_nothing_and_the_next_call_goes_on(nebulift, tmp_path, fast):  # noqa: F811
    make_files(tmp_path / "night", {f"slow{number}.fits": frame(b"SLOW %d" % number) for number in range(5)})
    before = census(tmp_path / "night")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(
        [sys.executable, "-m", "nebulift", *map(str, fast), "--file-by", "move"],
        env=environment,
        stdout=subprocess.PIPE,
    ) as process:
        wait_until(lambda: (tmp_path / "out/clean").is_dir() and names(tmp_path / "out"))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"stopped; call it again to go on" in out
    assert census(tmp_path / "night", tmp_path / "out") == before
    assert nebulift(*fast, "--file-by", "move").status == 0
    assert len(names(tmp_path / "out")) == 8
    assert census(tmp_path / "night", tmp_path / "out") == before


def test_a_daemon_at_work_on_the_same_output_is_not_disturbed(nebulift, tmp_path, fast):  # noqa: F811
    with Daemon(tmp_path):  # its state folder lies elsewhere: the marker in the output folder says so
        called = nebulift(*fast)
        assert called.status == 1
        assert "is sorting with this state folder already" in called.err


# -- undo -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_by", ["link", "move"])
def test_undo_brings_everything_back(nebulift, tmp_path, fast, file_by):  # noqa: F811
    nebulift(*fast, "--file-by", file_by)
    called = nebulift("undo", "--since", "1h", "--output", tmp_path / "out")
    assert (called.status, called.out) == (0, "3 taken back\n")
    assert read_files(tmp_path / "night", hidden=True) == NIGHT
    assert names(tmp_path / "out") == []
    assert nebulift(*fast).status == 0  # a person who sorts again means it
    assert names(tmp_path / "out") == SORTED


def test_undo_of_one_frame_by_either_of_its_names(nebulift, tmp_path, fast):  # noqa: F811
    nebulift(*fast)
    assert nebulift("undo", tmp_path / "out" / SORTED[0], "--output", tmp_path / "out").status == 0
    assert nebulift("undo", tmp_path / "night/M31/R/c.fits", "--output", tmp_path / "out").status == 0
    assert names(tmp_path / "out") == SORTED[1:2]


def test_undo_of_a_folder(nebulift, tmp_path, fast):  # noqa: F811
    nebulift(*fast, "--file-by", "move")
    assert nebulift("undo", tmp_path / "night/M31/L", "--output", tmp_path / "out").out == "2 taken back\n"
    assert names(tmp_path / "out") == SORTED[2:]


def test_undo_that_would_replace_a_file_says_so(nebulift, tmp_path, fast):  # noqa: F811
    nebulift(*fast, "--file-by", "move")
    make_files(tmp_path / "night/M31/L", {"a.fits": b"the next night's"})
    called = nebulift("undo", "--since", "today", "--output", tmp_path / "out")
    assert called.status == 1
    assert called.out == "2 taken back, 1 not\n"
    assert "another file has taken this name" in called.err
    assert (tmp_path / "night/M31/L/a.fits").read_bytes() == b"the next night's"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "name either PATHS or --since T"),
        (["x.fits", "--since", "2h"], "name either PATHS or --since T"),
        (["--since", "yesteryear"], '"yesteryear" is no time'),
        (["/no/such.fits"], "the ledger knows none of these files"),
    ],
)
def test_undo_refuses_what_it_does_not_understand(nebulift, tmp_path, fast, arguments, expected):  # noqa: F811
    nebulift(*fast)
    called = nebulift("undo", *arguments, "--output", tmp_path / "out")
    assert called.status == 2
    assert expected in called.err


def test_undo_where_nothing_was_sorted(nebulift, tmp_path):  # noqa: F811
    called = nebulift("undo", "--since", "2h", "--output", tmp_path)
    assert called.status == 2
    assert "nothing was sorted yet" in called.err


def test_moments_are_understood_as_people_write_them():
    now = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
    assert parse_moment("2h", now) == datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    assert parse_moment("3d", now) == datetime(2026, 11, 18, 3, 30, tzinfo=UTC)
    assert parse_moment("today", now) == datetime(2026, 11, 21, tzinfo=UTC)
    assert parse_moment("yesterday", now) == datetime(2026, 11, 20, tzinfo=UTC)
    assert parse_moment("2026-11-20T18:00+01:00", now) == datetime(2026, 11, 20, 17, tzinfo=UTC)
    with pytest.raises(click.BadParameter):
        parse_moment("soon", now)
