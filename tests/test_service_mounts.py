"""Capture and output folder on one disk but on two mounts: a link cannot lead across, and that is said."""

import subprocess
from contextlib import contextmanager

from daemon_process import Daemon
from disks import mount, needs_root, tmpfs
from trees import frame, make_files


@contextmanager
def bound(place):
    """The folder mounted over itself, as a service's ReadWritePaths= does it."""
    mount("--bind", place, place)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


@needs_root
def test_two_mounts_of_one_disk_mean_copies_and_the_log_says_why(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.output.mkdir()
    make_files(daemon.capture, {"a.fits": frame(b"CLEAN")})
    with bound(daemon.capture), daemon:
        daemon.has_filed("clean/a.fits")
        assert "different mounts of one disk" in daemon.text()
        assert "nebulift doctor" in daemon.text()
        filed = daemon.output / "clean" / "a.fits"
        assert filed.read_bytes() == (daemon.capture / "a.fits").read_bytes()
        assert filed.stat().st_nlink == 1


@needs_root
def test_two_disks_mean_copies_and_the_log_says_why(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.output.mkdir()
    with tmpfs(daemon.output):
        make_files(daemon.capture, {"a.fits": frame(b"CLEAN")})
        with daemon:
            daemon.has_filed("clean/a.fits")
            assert "on different disks" in daemon.text()


def test_on_one_mount_nothing_is_said_and_nothing_takes_room_twice(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.output.mkdir()
    make_files(daemon.capture, {"a.fits": frame(b"CLEAN")})
    with daemon:
        daemon.has_filed("clean/a.fits")
        assert "copied" not in daemon.text()
        assert (daemon.output / "clean" / "a.fits").samefile(daemon.capture / "a.fits")
