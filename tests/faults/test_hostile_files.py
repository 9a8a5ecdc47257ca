"""Files that want to hurt, given to the real judge: a good frame beside them is sorted, none of them is clean."""

import os
import time

import numpy as np
import pytest
from daemon_process import REAL_JUDGE, Daemon, wait_until
from fault_lines import seconds_since
from framefiles import fits_bytes, hostile_files, write_all
from limits import memory_group, resident_mb
from trees import census, frame, make_files

from nebulift.simulate import star_field

HEADER = {"IMAGETYP": "LIGHT", "EXPTIME": 60.0}
NAMES = ["\u2605 M31 $(reboot).fits", "'; DROP TABLE frames;--.fits", "<img src=x onerror=alert(1)>.fits", "-rf.fits",
         "a\nb\tc.fits", "n" * 250 + ".fits", os.fsdecode(b"\xff\xfe\x80.fits"), "%2e%2e%2fetc.fits", "`id`;id|id.fits",
         "a\x1b[2J\r.fits", "~.fits", "*.fits"]  # fmt: skip
MOST_MB = 1500
LIMITS = {"timeout_s": 30.0, "memory_mb": 600}
PATIENT = {"timeout_s": 120.0, "memory_mb": 600}
MOVE = {"clean": "move", "contaminated": "move", "review": "move"}


def good_frame():
    return fits_bytes(star_field(600, 400, density_per_mpx=500).pixels, HEADER)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.fault(32)
def test_the_whole_zoo_is_set_aside_and_the_canary_sings(tmp_path, figures):
    zoo = hostile_files() | dict.fromkeys(NAMES, b"no frame")
    daemon = Daemon(tmp_path, judge=REAL_JUDGE, filing=MOVE, limits=LIMITS)
    write_all(daemon.capture, zoo)
    for name, target in {"passwd": "/etc/passwd", "zero": "/dev/zero", "loop": "loop.fits", "up": ".."}.items():
        (daemon.capture / f"{name}.fits").symlink_to(target)
    os.mkfifo(daemon.capture / "fifo.fits")
    (daemon.capture / "folder.fits").mkdir()
    before, most_mb, canary_s = census(daemon.capture), 0.0, None
    with daemon:
        started = time.monotonic()
        (daemon.capture / "canary.fits").write_bytes(good_frame())
        while canary_s is None or seconds_since(started) < 10 or daemon.status()["queue"] + daemon.status()["settling"]:
            assert seconds_since(started) < 300
            if canary_s is None and "clean/canary.fits" in daemon.filed():
                canary_s = seconds_since(started)
            for process in daemon.processes():
                most_mb = max(most_mb, _peak_mb(process))
            time.sleep(0.1)
        skipped = len(zoo) + 1 - len(daemon.filed())
        clean, contaminated = daemon.filed("clean"), daemon.filed("contaminated")
        daemon.stop()
    lost = len(before - census(daemon.capture, daemon.output))
    figures(files=len(zoo), specials=6, clean=len(clean) - 1, contaminated=len(contaminated), left_alone=skipped,
            lost=lost, canary_s=canary_s, most_mb=round(most_mb))  # fmt: skip
    assert clean == ["clean/canary.fits"]
    assert lost == 0
    assert most_mb < MOST_MB
    assert "Traceback" not in daemon.text()
    assert b"\x1b[2J" not in daemon.log.read_bytes()


def _peak_mb(process):
    try:
        return resident_mb(process, "VmHWM")
    except (OSError, StopIteration):
        return 0.0  # a judge that has just died


def sky(megapixels):
    """The bytes of a frame so large: a star field again and again, each with noise of its own."""
    side = round((megapixels * 1e6) ** 0.5)
    tile = star_field(1000, 1000, density_per_mpx=300).pixels
    times = -(-side // 1000)
    whole = np.tile(tile, (times, times))[:side, :side]
    whole += np.random.default_rng(1).integers(0, 40, whole.shape, np.uint16)
    return fits_bytes(whole, HEADER)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.fault(33)
@pytest.mark.parametrize(("megapixels", "limit_mb"), [(26, 350), (61, 300), (61, 200)])
def test_a_large_frame_is_judged_within_little_memory(tmp_path, figures, megapixels, limit_mb):
    """The limit is the kernel's, over all processes of the daemon and what it reads."""
    with memory_group(limit_mb) as (within, peak_mb):
        daemon = Daemon(tmp_path, judge=REAL_JUDGE, within=within, limits=PATIENT)
        with daemon:
            (daemon.capture / "large.fits").write_bytes(sky(megapixels))
            (daemon.capture / "small.fits").write_bytes(good_frame())
            wait_until(lambda: len(daemon.filed()) == 2, 300)
            judge_mb, main_mb = (resident_mb(process, "VmHWM") for process in reversed(daemon.processes()))
            told = next(line for line in daemon.text().splitlines() if "large.fits" in line)
            held_mb = peak_mb()
            daemon.stop()
    held = {"judge_mb": round(judge_mb), "main_mb": round(main_mb), "all_mb_with_cache": round(held_mb)}
    figures(mp=megapixels, limit_mb=limit_mb, **held)
    assert "could not be judged" not in told
    assert "clean/small.fits" in daemon.filed()


@pytest.mark.fault(33)
def test_where_nobody_enforces_a_limit_the_judge_bounds_itself(tmp_path, figures):
    """As on a Pi that boots without the memory controller: what asks for 4 GB goes to review, the next is judged."""
    with Daemon(tmp_path, limits={"memory_mb": 200, "timeout_s": 20.0}) as daemon:
        make_files(daemon.capture, {"greedy.fits": frame(b"GREEDY"), "small.fits": frame(b"CLEAN")})
        daemon.has_filed("clean/small.fits", "review/greedy.fits")
        judge_mb = resident_mb(daemon.judge_pid(), "VmHWM")
        figures(limit_mb=200, asked_for_mb=4096, judge_mb=round(judge_mb))
        assert "judging it takes more than 200 MB of memory" in daemon.text()
        assert "the judge process ended" not in daemon.text()
        assert judge_mb < 200
        daemon.stop()
