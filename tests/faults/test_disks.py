"""Disks fill up, turn read-only, vanish and come back: frames wait, and the work resumes by itself."""

import shutil
import subprocess
import time

import pytest
from daemon_process import Daemon, wait_until
from disks import needs_root, remount, tmpfs
from trees import census, frame, make_files, names, read_files

MOVE = {"clean": "move", "contaminated": "move", "review": "move"}
BIG = 600  # pixels a side: 363 kB


def problems(daemon):
    return " ".join(daemon.status().get("problems", []))


@pytest.mark.fault(25)
@needs_root
def test_a_full_disk_stops_filing_and_nothing_else(tmp_path):
    with tmpfs(tmp_path / "out", "size=1m") as disk, Daemon(tmp_path, filing=MOVE) as daemon:
        make_files(daemon.capture, {f"{number}.fits": frame(b"CLEAN %d" % number, BIG) for number in range(5)})
        before = census(daemon.capture)
        wait_until(lambda: "the disk is full; make room" in problems(daemon))
        wait_until(lambda: daemon.status()["last_24h"].get("clean") == 5)  # judging went on
        assert 0 < len(daemon.filed()) < 5
        assert {(daemon.output / name).stat().st_size for name in daemon.filed()} == {len(frame(b"", BIG))}
        assert census(daemon.capture, daemon.output) == before
        remount(disk, "size=8m")
        wait_until(lambda: len(daemon.filed()) == 5)
        assert names(daemon.capture) == []
        wait_until(lambda: problems(daemon) == "")
        assert set(census(daemon.output)) == set(before)


@pytest.mark.fault(26)
@needs_root
def test_a_disk_that_turned_read_only_is_waited_for(tmp_path):
    with tmpfs(tmp_path / "out") as disk, Daemon(tmp_path, filing=MOVE) as daemon:
        remount(disk, "ro")
        make_files(daemon.capture, {"a.fits": frame()})
        wait_until(lambda: "read-only; mount it writable" in problems(daemon))
        remount(disk, "rw")
        daemon.has_filed("clean/a.fits")


@pytest.mark.fault(52)
@needs_root
def test_an_output_disk_that_is_unplugged_is_not_replaced_by_the_card(tmp_path):
    out = tmp_path / "out"
    with tmpfs(out) as disk:
        with Daemon(tmp_path, filing=MOVE) as daemon:
            make_files(daemon.capture, {"a.fits": frame(b"CLEAN a")})
            daemon.has_filed("clean/a.fits")
            daemon.stop()
        saved = read_files(disk, hidden=True)
    assert read_files(out, hidden=True) == {}  # unmounted: the bare mount point
    with daemon:  # a start without the disk
        make_files(daemon.capture, {"b.fits": frame(b"CLEAN b")})
        wait_until(lambda: "is its disk plugged in?" in problems(daemon))
        assert read_files(out, hidden=True) == {}
        with tmpfs(out):
            make_files(out, saved)
            daemon.has_filed("clean/a.fits", "clean/b.fits")
            daemon.stop()


@pytest.mark.fault(30)
def test_an_output_root_taken_away_and_brought_back_goes_on(tmp_path):
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, {"a.fits": frame(b"CLEAN a")})
        daemon.has_filed("clean/a.fits")
        daemon.output.rename(tmp_path / "away")
        make_files(daemon.capture, {"b.fits": frame(b"CLEAN b")})
        wait_until(lambda: "is its disk plugged in?" in problems(daemon))
        assert not daemon.output.exists()
        (tmp_path / "away").rename(daemon.output)
        daemon.has_filed("clean/a.fits", "clean/b.fits")


@pytest.mark.fault(30)
def test_a_label_folder_that_a_person_deleted_is_made_again(tmp_path):
    with Daemon(tmp_path) as daemon:
        shutil.rmtree(daemon.output / "clean")
        make_files(daemon.capture, {"a.fits": frame()})
        daemon.has_filed("clean/a.fits")


@pytest.mark.fault(29)
def test_a_capture_disk_missing_at_the_start_is_waited_for_once_it_was_known(tmp_path):
    with Daemon(tmp_path) as daemon:
        daemon.stop()
    daemon.capture.rename(tmp_path / "unplugged")
    with daemon:
        wait_until(lambda: "No such file" in problems(daemon))
        (tmp_path / "unplugged").rename(daemon.capture)
        make_files(daemon.capture, {"a.fits": frame()})
        daemon.has_filed("clean/a.fits")


@pytest.mark.fault(29)
@needs_root
def test_a_capture_folder_mounted_over_is_searched_anew(tmp_path):
    with Daemon(tmp_path) as daemon, tmpfs(daemon.capture):
        make_files(daemon.capture, {"a.fits": frame()})
        daemon.has_filed("clean/a.fits")


@pytest.mark.fault(27)
@needs_root
def test_frames_move_across_disks_without_ever_showing_half_of_one(tmp_path):
    with tmpfs(tmp_path / "out", "size=64m"), Daemon(tmp_path, filing=MOVE) as daemon:
        make_files(daemon.capture, {f"{number}.fits": frame(b"CLEAN %d" % number, 2000) for number in range(6)})
        before = census(daemon.capture)
        sizes = set()
        deadline = time.monotonic() + 30
        while len(daemon.filed()) < 6 and time.monotonic() < deadline:
            sizes |= {(daemon.output / name).stat().st_size for name in daemon.filed()}
        assert sizes <= {len(frame(b"", 2000))}
        wait_until(lambda: names(daemon.capture) == [])
        assert census(daemon.output) == before


@pytest.mark.fault(31)
@pytest.mark.slow
@needs_root
def test_one_frame_that_cannot_be_moved_delays_no_other(tmp_path):
    with Daemon(tmp_path, filing=MOVE) as daemon:
        path = daemon.capture / "stuck.fits"
        path.write_bytes(frame(b"CLEAN stuck"))
        if subprocess.run(["chattr", "+i", path], check=False, capture_output=True).returncode:
            pytest.skip("this disk knows no immutable files")
        try:
            make_files(daemon.capture, {f"{number}.fits": frame(b"CLEAN %d" % number) for number in range(5)})
            daemon.has_filed(*(f"clean/{number}.fits" for number in range(5)))
            assert daemon.text().count("immutable") == 1
        finally:
            subprocess.run(["chattr", "-i", path], check=True)
        wait_until(lambda: "clean/stuck.fits" in daemon.filed(), 30)
