"""Disks fill up, turn read-only, vanish and come back: frames wait, and the work resumes by itself."""

import os
import shutil
import subprocess
import time

import pytest
from daemon_process import Daemon, wait_until
from disks import card, mount, needs_root, quota, remount, tmpfs
from fault_lines import seconds_since
from trees import census, frame, make_files, names, read_files

MOVE = {"clean": "move", "contaminated": "move", "review": "move"}
BIG = 600  # pixels a side: 363 kB


def problems(daemon):
    return " ".join(daemon.status().get("problems", []))


@pytest.mark.fault(25)
@needs_root
def test_a_full_disk_stops_filing_and_nothing_else(tmp_path, figures):
    with tmpfs(tmp_path / "out", "size=1m") as disk, Daemon(tmp_path, filing=MOVE) as daemon:
        make_files(daemon.capture, {f"{number}.fits": frame(b"CLEAN %d" % number, BIG) for number in range(5)})
        before = census(daemon.capture)
        wait_until(lambda: "the disk is full; make room" in problems(daemon))
        wait_until(lambda: daemon.status()["last_24h"].get("clean") == 5)  # judging went on
        assert 0 < len(daemon.filed()) < 5
        assert {(daemon.output / name).stat().st_size for name in daemon.filed()} == {len(frame(b"", BIG))}
        assert census(daemon.capture, daemon.output) == before
        there_was_room_for = len(daemon.filed())
        remount(disk, "size=8m")
        started = time.monotonic()
        wait_until(lambda: len(daemon.filed()) == 5)
        figures(frames=5, filed_when_full=there_was_room_for, torn=0, lost=0, resumed_after_s=seconds_since(started))
        assert names(daemon.capture) == []
        wait_until(lambda: problems(daemon) == "")
        assert set(census(daemon.output)) == set(before)


@pytest.mark.fault(26)
@needs_root
def test_a_disk_that_turned_read_only_is_waited_for(tmp_path, figures):
    with tmpfs(tmp_path / "out") as disk, Daemon(tmp_path, filing=MOVE) as daemon:
        remount(disk, "ro")
        make_files(daemon.capture, {"a.fits": frame()})
        wait_until(lambda: "read-only; mount it writable" in problems(daemon))
        remount(disk, "rw")
        started = time.monotonic()
        daemon.has_filed("clean/a.fits")
        figures(lost=0, resumed_after_s=seconds_since(started))


@pytest.mark.slow
@needs_root
@pytest.mark.fault(48)
def test_a_quota_that_is_used_up_is_waited_for(tmp_path, figures):
    with quota(tmp_path / "disk", tmp_path / "out", "1M") as limit, Daemon(tmp_path, filing=MOVE) as daemon:
        make_files(daemon.capture, {f"{number}.fits": frame(b"CLEAN %d" % number, BIG) for number in range(5)})
        before = census(daemon.capture)
        wait_until(lambda: "the disk quota is used up; make room" in problems(daemon))
        assert len(daemon.filed()) < 5
        assert census(daemon.capture, daemon.output) == before
        limit("64M")
        started = time.monotonic()
        wait_until(lambda: len(daemon.filed()) == 5)
        assert set(census(daemon.output)) == set(before)
        figures(frames=5, lost=0, resumed_after_s=seconds_since(started))


@pytest.mark.slow
@needs_root
@pytest.mark.fault(48)
def test_a_disk_without_inodes_is_waited_for(tmp_path, figures):
    with tmpfs(tmp_path / "out", "size=8m,nr_inodes=9") as disk, Daemon(tmp_path, filing=MOVE) as daemon:
        make_files(daemon.capture, {f"{number}.fits": frame(b"CLEAN %d" % number) for number in range(12)})
        before = census(daemon.capture)
        wait_until(lambda: "the disk is full" in problems(daemon))
        assert census(daemon.capture, daemon.output) == before
        remount(disk, "nr_inodes=100")
        started = time.monotonic()
        wait_until(lambda: len(daemon.filed()) == 12)
        assert census(daemon.output) == before
        figures(frames=12, lost=0, resumed_after_s=seconds_since(started))


@pytest.mark.slow
@needs_root
@pytest.mark.fault(48)
def test_an_output_disk_with_input_output_errors_is_waited_for(tmp_path, figures):
    image, out = tmp_path / "card.img", tmp_path / "out"
    with Daemon(tmp_path, filing=MOVE, output={"root": str(out / "sorted")}) as daemon:
        daemon.output = out / "sorted"
        daemon.stop()
        shutil.rmtree(out)
        with card(image, out) as break_disk, daemon:
            make_files(daemon.capture, {"a.fits": frame(b"CLEAN a")})
            (out / "sorted").mkdir()
            (out / "sorted" / ".nebulift-root").touch()
            daemon.has_filed("clean/a.fits")
            break_disk()
            make_files(daemon.capture, {"b.fits": frame(b"CLEAN b")})
            wait_until(lambda: problems(daemon))
            wait_until(lambda: daemon.status()["last_24h"]["clean"] == 2)  # judging goes on
            said = problems(daemon)
            daemon.stop()
        assert "input/output error" in said or "Input/output error" in said
        assert "Traceback" not in daemon.text()
        assert (daemon.capture / "b.fits").read_bytes() == frame(b"CLEAN b")
        with card(image, out), daemon:  # checked, and mounted again
            started = time.monotonic()
            wait_until(lambda: "clean/b.fits" in daemon.filed())
            figures(frames=2, lost=0, resumed_after_s=seconds_since(started))
            daemon.stop()


@pytest.mark.slow
@needs_root
@pytest.mark.fault(48)
def test_a_capture_disk_with_input_output_errors_is_told_of_and_waited_for(tmp_path, figures):
    image, cap = tmp_path / "card.img", tmp_path / "cap"
    with Daemon(tmp_path, filing={"clean": "copy"}) as daemon:
        with card(image, cap) as break_disk:
            make_files(cap, {"a.fits": frame(b"CLEAN a")})
            daemon.has_filed("clean/a.fits")
            make_files(cap, {"b.fits": frame(b"CLEAN b")})
            os.sync()
            break_disk()
            wait_until(lambda: "nput/output error" in problems(daemon))
        assert "Traceback" not in daemon.text()
        with card(image, cap):
            started = time.monotonic()
            daemon.has_filed("clean/a.fits", "clean/b.fits")
            wait_until(lambda: problems(daemon) == "")
            figures(frames=2, lost=0, resumed_after_s=seconds_since(started))
            daemon.stop()


@pytest.mark.slow
@needs_root
@pytest.mark.fault(29)
def test_a_capture_disk_that_is_unplugged_and_plugged_in_again_goes_on(tmp_path, figures):
    image, cap = tmp_path / "card.img", tmp_path / "cap"
    with Daemon(tmp_path, filing={"clean": "copy"}) as daemon, card(image, cap):
        make_files(cap, {"a.fits": frame(b"CLEAN a")})
        daemon.has_filed("clean/a.fits")
        subprocess.run(["umount", "-l", cap], check=True)
        mount("-o", "loop", image, cap)
        time.sleep(1.5)  # a look through the folders, which has the kernel watch the new disk
        started = time.monotonic()
        make_files(cap, {"b.fits": frame(b"CLEAN b")})
        daemon.has_filed("clean/a.fits", "clean/b.fits")
        figures(found_after_s=seconds_since(started))
        assert daemon.mode() == "events"
        daemon.stop()


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
