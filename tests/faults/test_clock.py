"""The clock jumps, as on a Pi that has none and hears the time from the network later: nobody waits or hurries."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from daemon_process import Daemon, wait_until
from fault_lines import seconds_since
from trees import census, frame, make_files

DAY_S = 86400
SHIM = Path(__file__).with_name("clock_shim.c")


@pytest.fixture
def clock(tmp_path):
    """(a function that sets by how many seconds the daemon's wall clock is wrong, what the daemon needs for that)."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler to build the clock with")
    library, shift = tmp_path / "clock.so", tmp_path / "clock"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SHIM], check=True)
    shift.write_text("0")
    return lambda seconds: shift.write_text(str(int(seconds))), {"LD_PRELOAD": str(library), "NEBULIFT_CLOCK": str(shift)}  # fmt: skip  # noqa: E501


@pytest.mark.fault(16)
def test_frames_are_sorted_at_once_whatever_the_clock_does(tmp_path, figures, clock):
    set_clock, environment = clock
    set_clock(-time.time() + 2 * 365 * DAY_S)  # it starts in 1972
    slowest_s = 0.0
    with Daemon(tmp_path, environment=environment) as daemon:
        for number, shift_s in enumerate((None, 0, -2 * DAY_S, DAY_S, 400 * DAY_S, -400 * DAY_S)):
            if shift_s is not None:
                set_clock(shift_s)
            started = time.monotonic()
            make_files(daemon.capture, {f"{number}.fits": frame(b"CLEAN %d" % number)})
            wait_until(lambda: f"clean/{number}.fits" in daemon.filed(), 10)  # noqa: B023
            slowest_s = max(slowest_s, seconds_since(started))
        assert daemon.status()["started_at"].startswith("197")  # the shim is really there
        assert daemon.stop() == 0
    with daemon:  # and now everything in the ledger is of the future, or of the past
        make_files(daemon.capture, {"last.fits": frame(b"CLEAN last")})
        wait_until(lambda: "clean/last.fits" in daemon.filed(), 10)
        daemon.stop()
    assert set(census(daemon.output).values()) == {1}
    assert len(daemon.filed()) == 7
    assert "Traceback" not in daemon.text()
    figures(jumps=5, frames=7, slowest_s=slowest_s)
