"""Where the kernel tells nothing (shares, no inotify, an overflowing queue), the folders are looked through instead."""

import os
import signal
import subprocess
import sys
import time

import pytest
from daemon_process import Daemon, wait_until
from disks import needs_root, share
from fault_lines import seconds_since
from trees import frame, make_files

NO_INOTIFY = ["unshare", "--user", "--map-root-user", "sh", "-c", 'echo 0 > /proc/sys/user/max_inotify_instances\nexec "$@"', "sh"]  # fmt: skip  # noqa: E501
QUEUE = 16384  # fs.inotify.max_queued_events


@needs_root
@pytest.mark.fault(13)
def test_a_share_that_sends_no_events_is_polled_by_itself_and_the_status_says_so(tmp_path, figures):
    behind = tmp_path / "behind"
    with share(behind, tmp_path / "cap"), Daemon(tmp_path, watch={"rescan_s": 30.0}) as daemon:
        wait_until(lambda: daemon.mode() == f"polling ({daemon.capture} is shared with other machines)")
        started = time.monotonic()
        make_files(behind, {"night": {"a.fits": frame(b"CLEAN a"), "b.fits": frame(b"TRAIL b")}})
        daemon.has_filed("clean/night/a.fits", "contaminated/night/b.fits")
        figures(found_after_s=seconds_since(started), events=0)


@pytest.mark.fault(14)
def test_without_inotify_it_polls_and_the_status_says_why(tmp_path, figures):
    if subprocess.run([*NO_INOTIFY, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    with Daemon(tmp_path, within=NO_INOTIFY, watch={"rescan_s": 30.0}) as daemon:
        wait_until(lambda: daemon.mode().startswith("polling (the kernel cannot watch more folders"))
        started = time.monotonic()
        make_files(daemon.capture, {"a.fits": frame()})
        daemon.has_filed("clean/a.fits")
        figures(found_after_s=seconds_since(started))
        assert daemon.stop() == 0


@pytest.mark.slow
@pytest.mark.fault(12)
def test_frames_are_found_after_the_kernel_s_queue_overflowed(tmp_path, figures):
    with Daemon(tmp_path, filing={"clean": "move"}) as daemon:
        os.kill(daemon.process.pid, signal.SIGSTOP)
        script = (
            "import sys, pathlib\n"
            "for n in range(9000): p = pathlib.Path(sys.argv[1], f'{n}.fits'); p.touch(); p.unlink()\n"
        )
        subprocess.run([sys.executable, "-c", script, daemon.capture], check=True)
        make_files(daemon.capture, {f"late{number}.fits": frame(b"CLEAN %d" % number) for number in range(40)})
        started = time.monotonic()
        os.kill(daemon.process.pid, signal.SIGCONT)
        daemon.has_filed(*(f"clean/late{number}.fits" for number in range(40)))
        figures(events_over=3 * 9000 - QUEUE, frames=40, lost=0, found_after_s=seconds_since(started))
