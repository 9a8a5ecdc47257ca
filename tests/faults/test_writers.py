"""However a capture program, a server or a person brings a frame: nothing is judged or moved before it is whole."""

import hashlib
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from daemon_process import Daemon, wait_until
from limits import cpu_s, resident_mb
from trees import census, frame, make_files, names

FRAME = frame(b"CLEAN", size_px=200)  # 40 kB
QUIET_S = 1.2  # several times the settling time of these tests, and longer than give_up_s
MOVE = {"clean": "move", "contaminated": "move", "review": "move"}  # the way that could do most harm


@pytest.fixture
def daemon(tmp_path):
    with Daemon(tmp_path, filing=MOVE) as daemon:
        yield daemon


def still_untouched(daemon, path, seconds=QUIET_S):
    """Nothing happens to the file for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert path.exists()
        assert daemon.filed() == []
        time.sleep(0.05)


@pytest.mark.fault(1)
def test_a_trickle_with_the_handle_open_is_waited_for(daemon):
    path = daemon.capture / "a.fits"
    with path.open("wb", buffering=0) as writer:
        for start in range(0, len(FRAME), 8000):
            writer.write(FRAME[start : start + 8000])
            still_untouched(daemon, path, 0.3)
    daemon.has_filed("clean/a.fits")
    assert (daemon.output / "clean/a.fits").read_bytes() == FRAME


@pytest.mark.fault(2)
def test_a_writer_that_stalls_with_half_a_frame_is_waited_for(daemon):
    path = daemon.capture / "a.fits"
    with path.open("wb", buffering=0) as writer:
        writer.write(FRAME[:20000])
        still_untouched(daemon, path)
        writer.write(FRAME[20000:])
        still_untouched(daemon, path, 0.5)  # complete, but the handle is open
    daemon.has_filed("clean/a.fits")


@pytest.mark.fault(3)
def test_a_frame_reopened_between_its_parts_is_waited_for(daemon):
    path = daemon.capture / "a.fits"
    for start in range(0, len(FRAME), 12000):
        with path.open("ab") as writer:
            writer.write(FRAME[start : start + 12000])
        if start + 12000 < len(FRAME):
            still_untouched(daemon, path, 0.6)  # closed and still, but not complete
    daemon.has_filed("clean/a.fits")


@pytest.mark.fault(4, 5)
@pytest.mark.parametrize("order", [pytest.param("forwards", marks=pytest.mark.slow), "backwards"])
def test_a_preallocated_file_is_waited_for(daemon, order):
    path = daemon.capture / "a.fits"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, len(FRAME))
    still_untouched(daemon, path)
    starts = range(0, len(FRAME), 10000)
    for start in starts if order == "forwards" else reversed(starts):
        os.pwrite(descriptor, FRAME[start : start + 10000], start)
        still_untouched(daemon, path, 0.15)
    os.close(descriptor)
    daemon.has_filed("clean/a.fits")
    assert (daemon.output / "clean/a.fits").read_bytes() == FRAME


@pytest.mark.fault(7)
def test_a_complete_file_under_a_passing_name_can_be_renamed_by_its_writer(daemon):
    for number in range(5):
        passing = daemon.capture / f"6f9619ff-{number}.fits"
        passing.write_bytes(frame(f"CLEAN {number}".encode()))
        time.sleep(0.1)
        (daemon.capture / "M31").mkdir(exist_ok=True)
        passing.rename(daemon.capture / f"M31/{number}.fits")  # raises if a daemon had taken it
    daemon.has_filed(*(f"clean/M31/{number}.fits" for number in range(5)))


@pytest.mark.fault(6, 8, 9)
def test_files_that_no_writer_closes_here_are_found(daemon):
    elsewhere = daemon.base / "elsewhere"
    make_files(elsewhere, {"renamed.fits": frame(b"CLEAN r"), "linked.fits": frame(b"CLEAN l"), "part.fits.part": b"x"})
    make_files(
        elsewhere, {"night": {"M31": {f"{number}.fits": frame(f"CLEAN {number}".encode()) for number in range(5)}}}
    )
    (elsewhere / "renamed.fits").rename(daemon.capture / "renamed.fits")
    (elsewhere / "part.fits.part").rename(daemon.capture / "part.fits.part")
    (elsewhere / "night").rename(daemon.capture / "night")
    os.link(elsewhere / "linked.fits", daemon.capture / "linked.fits")
    daemon.has_filed(
        "clean/linked.fits", "clean/renamed.fits", *(f"clean/night/M31/{number}.fits" for number in range(5))
    )
    assert names(daemon.capture) == ["part.fits.part"]


@pytest.mark.fault(10)
def test_frames_in_folders_made_a_moment_before_are_found(daemon):
    for number in range(20):
        make_files(daemon.capture, {f"{number}": {"Light": {"L": {"a.fits": frame(f"CLEAN {number}".encode())}}}})
    daemon.has_filed(*(f"clean/{number}/Light/L/a.fits" for number in range(20)))


@pytest.mark.fault(11)
@pytest.mark.parametrize("frames", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_burst_of_frames_is_sorted_to_the_last_one(daemon, figures, frames):
    began = time.monotonic()
    for number in range(frames):
        make_files(daemon.capture, {f"{number:03}.fits": frame(f"CLEAN {number}".encode())})
    before = census(daemon.capture, daemon.output)
    wait_until(lambda: len(list(daemon.output.rglob("*.fits"))) == frames, 100, every_s=0.2)
    took_s = time.monotonic() - began
    assert census(daemon.capture, daemon.output) == before
    descriptors = len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir()))
    assert descriptors < 40
    megabytes = round(resident_mb(daemon.process.pid))
    figures(frames=frames, lost=0, frames_a_s=frames / took_s, descriptors=descriptors, main_mb=megabytes)


@pytest.mark.fault(17)
def test_one_name_for_many_frames_loses_none(daemon):
    for number in range(4):
        content = frame(f"CLEAN {number}".encode())
        (daemon.capture / "Light_001.fits").write_bytes(content)
        wait_until(lambda: not (daemon.capture / "Light_001.fits").exists())
    assert len(census(daemon.output)) == 4
    assert "clean/Light_001~4.fits" in daemon.filed()


@pytest.mark.slow
@pytest.mark.fault(17)
def test_twenty_frames_of_one_name_go_round_a_file_of_a_person_s_own(daemon, figures):
    make_files(daemon.output / "clean", {"Light_001.fits": "a person's own"})
    for number in range(20):
        (daemon.capture / "Light_001.fits").write_bytes(frame(f"CLEAN {number}".encode()))
        wait_until(lambda: not (daemon.capture / "Light_001.fits").exists())
    kept = census(daemon.output)
    figures(frames=20, lost=21 - len(kept), replaced=0)
    assert len(kept) == 21
    assert (daemon.output / "clean/Light_001.fits").read_text() == "a person's own"


@pytest.mark.fault(18)
def test_the_same_bytes_again_are_no_second_frame_and_no_loss(daemon):
    """Written again under the name it had, or under another: nothing is lost, and nothing takes room twice."""
    for name in ("a.fits", "a.fits", "b.fits"):
        (daemon.capture / name).write_bytes(FRAME)
        wait_until(lambda: set(census(daemon.output)) >= set(census(daemon.capture)))
        time.sleep(0.6)
    assert set(census(daemon.output, daemon.capture)) == {hashlib.sha256(FRAME).hexdigest()}
    assert daemon.filed()[0] == "clean/a.fits"
    assert "Traceback" not in daemon.text()


@pytest.mark.fault(19)
def test_a_frame_overwritten_while_it_is_judged_is_judged_anew(daemon):
    path = daemon.capture / "a.fits"
    path.write_bytes(frame(b"SLOW CLEAN"))
    time.sleep(0.45)
    path.write_bytes(frame(b"TRAIL"))
    daemon.has_filed("contaminated/a.fits")


@pytest.mark.fault(15)
def test_odd_file_times_do_no_harm(daemon):
    for number, stamp_s in enumerate((0, 1, 2**31, 2**33, time.time() + 1e8)):
        path = daemon.capture / f"{number}.fits"
        path.write_bytes(frame(f"CLEAN {number}".encode()))
        os.utime(path, (stamp_s, stamp_s))
    daemon.has_filed(*(f"clean/{number}.fits" for number in range(5)))


@pytest.mark.fault(32)
def test_links_and_special_files_are_no_frames(daemon):
    make_files(daemon.base, {"secret": FRAME})
    make_files(
        daemon.capture,
        {
            "link.fits": daemon.base / "secret",
            "passwd.fits": Path("/etc/passwd"),
            "loop.fits": daemon.capture / "loop.fits",
            "up": daemon.base,
            "zero.fits": Path("/dev/zero"),
            "folder.fits": {},
        },
    )
    os.mkfifo(daemon.capture / "fifo.fits")
    make_files(daemon.capture, {"canary.fits": FRAME})
    daemon.has_filed("clean/canary.fits")
    time.sleep(0.5)
    assert daemon.filed() == ["clean/canary.fits"]
    assert (daemon.base / "secret").read_bytes() == FRAME


ZOO = {
    "empty.fits": b"",
    "one.fits": b"S",
    "text.fits": b"hello " * 1000,
    "jpeg.fits": b"\xff\xd8\xff\xe0" + bytes(5000),
    "noend.fits": b"SIMPLE  =                    T".ljust(2880) * 3,
    "cut.fits": FRAME[:5000],
    "\u2605 M31 $(reboot).fits": b"x",
    "'; DROP TABLE frames;--.fits": b"x",
    "<img src=x onerror=alert(1)>.fits": b"x",
    "-rf.fits": b"x",
    "a\nb\tc.fits": b"x",
    "n" * 250 + ".fits": b"x",
    os.fsdecode(b"\xff\xfe\x80.fits"): b"x",
    "%2e%2e%2fetc.fits": b"x",
}


@pytest.mark.fault(32)
def test_a_zoo_of_bad_files_harms_no_good_one(daemon):
    make_files(daemon.capture, ZOO)
    make_files(daemon.capture, {"canary.fits": FRAME})
    wait_until(lambda: "clean/canary.fits" in daemon.filed(), 10)
    wait_until(lambda: len(daemon.filed()) == len(ZOO) + 1, 30)
    assert daemon.filed("clean") == ["clean/canary.fits"]
    assert daemon.filed("contaminated") == []
    assert len(daemon.filed("review")) == len(ZOO)
    assert "Traceback" not in daemon.text()


@pytest.mark.fault(28)
def test_a_capture_folder_deleted_and_made_again_goes_on(daemon):
    shutil.rmtree(daemon.capture)
    wait_until(lambda: any("No such file" in problem for problem in daemon.status()["problems"]))
    daemon.capture.mkdir()
    make_files(daemon.capture, {"a.fits": FRAME})
    daemon.has_filed("clean/a.fits")
    wait_until(lambda: daemon.status()["problems"] == [])


@pytest.mark.fault(2)
def test_a_writer_that_comes_back_before_the_move_is_respected(tmp_path):
    with Daemon(tmp_path, filing=MOVE) as daemon:
        path = daemon.capture / "a.fits"
        path.write_bytes(frame(b"SLOW CLEAN", size_px=200))
        time.sleep(0.5)  # it is being judged
        with path.open("r+b"):
            threading.Event().wait(1.0)
            assert path.exists()
        daemon.has_filed("clean/a.fits")


def test_a_frame_that_stays_incomplete_costs_next_to_nothing(tmp_path):
    daemon = Daemon(tmp_path, watch={"give_up_s": 60.0})
    (daemon.capture / "cut.fits").write_bytes(FRAME[: len(FRAME) // 2])
    with daemon:
        wait_until(lambda: "watching" in daemon.log.read_text())
        time.sleep(2.0)
        before = cpu_s(daemon.process.pid)
        time.sleep(2.0)
        # a loop that finds its chore due and does not do it would take one core whole
        assert cpu_s(daemon.process.pid) - before < 0.5
        assert (daemon.capture / "cut.fits").exists()
