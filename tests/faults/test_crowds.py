"""Very many frames, none at all, no processor time: what it takes, and what a new frame notices of it."""

import os
import time

import pytest
from daemon_process import REAL_JUDGE, Daemon, wait_until
from fault_lines import seconds_since
from limits import busy_processors, cpu_s, resident_mb, written_bytes
from trees import frame, make_files

from nebulift_daemon.ledger import Ledger

BACKLOG = 20_000
LONG_AGO_S = 1_600_000_000.0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.fault(38)
def test_a_huge_backlog_delays_neither_the_start_nor_a_new_frame(tmp_path, figures):
    daemon = Daemon(tmp_path, filing={"clean": "leave"})
    for folder in range(20):
        place = daemon.capture / f"night{folder:02}"
        make_files(place, {f"{number:04}.fits": frame(b"CLEAN %d %d" % (folder, number), 8) for number in range(1000)})
        for path in place.iterdir():
            os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    started = time.monotonic()
    daemon.start()
    wait_until(lambda: "watching" in daemon.text(), 60)
    ready_s = seconds_since(started)
    with daemon:
        wait_until(lambda: daemon.status().get("last_24h", {}).get("clean", 0) > 50, 60)
        early_mb, started = resident_mb(daemon.process.pid), time.monotonic()
        make_files(daemon.capture, {"new.fits": frame(b"TRAIL new")})
        wait_until(lambda: "contaminated/new.fits" in daemon.filed(), 30)
        new_s = seconds_since(started)
        time.sleep(20)
        late_mb, done = resident_mb(daemon.process.pid), daemon.status()["last_24h"]["clean"]
        assert daemon.stop() == 0
    figures(
        frames=BACKLOG,
        ready_s=ready_s,
        new_frame_s=new_s,
        main_mb=round(early_mb),
        later_mb=round(late_mb),
        judged=done,
    )
    assert done < BACKLOG  # the backlog was really there
    assert late_mb - early_mb < 10
    assert late_mb < 100


@pytest.mark.slow
@pytest.mark.fault(39)
@pytest.mark.parametrize("foreign", [0, 5000])
def test_idle_it_costs_nothing(tmp_path, figures, foreign):
    """With the model loaded, as delivered: 5000 files of others beside it change little."""
    slow = {"settle_s": 1.5, "rescan_s": 30.0, "give_up_s": 120.0}
    daemon, seconds = Daemon(tmp_path, judge=REAL_JUDGE, watch=slow), 70.0
    for folder in range(foreign // 25):
        make_files(daemon.capture / f"{folder}", {f"{number}.txt": b"x" for number in range(25)})
    with daemon:
        time.sleep(8)
        processes = daemon.processes()
        before = sum(map(cpu_s, processes)), sum(map(written_bytes, processes))
        time.sleep(seconds)
        cpu = (sum(map(cpu_s, processes)) - before[0]) / seconds
        written = sum(map(written_bytes, processes)) - before[1]
        megabytes = [round(resident_mb(process)) for process in processes]
        daemon.stop()
    figures(seconds=seconds, cpu_percent=100 * cpu, main_mb=megabytes[0], judge_mb=megabytes[1], written=written)
    assert len(megabytes) == 2
    assert sum(megabytes) < 130
    assert cpu < 0.01
    assert written == 0


@pytest.mark.slow
@pytest.mark.fault(49)
def test_what_is_written_beside_a_frame_is_bounded(tmp_path, figures):
    """Links need no room; what wears the card is the ledger, the status and the session, counted by the kernel."""
    frames = 20
    with Daemon(tmp_path, judge=REAL_JUDGE, limits={"timeout_s": 60.0}) as daemon:
        main, processes = daemon.process.pid, daemon.processes()
        before, handed_before = sum(map(written_bytes, processes)), written_bytes(main, "wchar")
        for number in range(frames):
            make_files(daemon.capture, {f"{number}.fits": frame(b"%d" % number, 300)})
            wait_until(lambda: len(daemon.filed()) > number, 60)  # noqa: B023
            time.sleep(2.5)  # as long as a status may wait
        handed = (written_bytes(main, "wchar") - handed_before) / frames
        written = (sum(map(written_bytes, processes)) - before) / frames
        daemon.stop()
    figures(frames=frames, handed_kb_a_frame=handed / 1000, kb_a_frame=written / 1000)
    assert handed < 8_000


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.fault(41)
def test_a_frame_is_filed_within_two_seconds_of_its_last_byte(tmp_path, figures):
    """As delivered, with a judge that takes no time: what is told is the daemon's own share."""
    waits = []
    with Daemon(tmp_path, watch={"settle_s": 1.5, "rescan_s": 30.0, "give_up_s": 120.0}) as daemon:
        for number in range(60):
            make_files(daemon.capture, {f"{number}.fits": frame(b"CLEAN %d" % number, 200)})
            closed = time.monotonic()
            place = daemon.output / "clean" / f"{number}.fits"
            wait_until(place.exists, every_s=0.005)
            waits.append(seconds_since(closed))
            time.sleep(0.1)
        daemon.stop()
    waits.sort()
    figures(n=len(waits), median_s=waits[len(waits) // 2], p95_s=waits[int(0.95 * len(waits))], longest_s=waits[-1])


@pytest.mark.slow
@pytest.mark.fault(47)
def test_without_processor_time_frames_are_slow_and_not_given_up(tmp_path, figures):
    with Daemon(tmp_path, judge=REAL_JUDGE, limits={"timeout_s": 60.0}) as daemon, busy_processors() as others:
        started = time.monotonic()
        make_files(daemon.capture, {f"{number}.fits": frame(b"%d" % number, 400) for number in range(6)})
        wait_until(lambda: len(daemon.filed()) == 6, 110)
        took_s = seconds_since(started)
        daemon.stop()
    ledger = Ledger.open(daemon.state)
    given_up = sum("could not be judged" in (row.reason or "") for row in ledger.frames.newest(10))
    ledger.close()
    figures(others=others, frames=6, given_up=given_up, took_s=took_s)
    assert given_up == 0
