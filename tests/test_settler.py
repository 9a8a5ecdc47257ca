"""A frame is whole when nothing changes, nobody writes, and nothing is missing; the clock is the test's own."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import frame

from nebulift.readers.fits_header import is_complete
from nebulift_daemon.mounts import is_remote_type, remote_devices
from nebulift_daemon.settler import Settler
from nebulift_daemon.sighting import Sighting, look
from nebulift_daemon.whole import ignore_lease_breaks, is_being_written, writer_test

SETTLE_S = 2.0
GIVE_UP_S = 60.0


class Disk:
    """Files as dict entries, a clock that is moved by hand, and answers that a test may change."""

    def __init__(self):
        self.now = 1000.0
        self.files = {}
        self.writing = False
        self.complete = True
        self.settler = Settler(
            SETTLE_S,
            GIVE_UP_S,
            lambda *_: self.writing,
            lambda *_: self.complete,
            clock=lambda: self.now,
            look_at=self.files.get,
        )

    def write(self, name, size_bytes=1, mtime_ns=0, inode=1):
        path = Path("/cap") / name
        self.files[path] = Sighting(path, 1, inode, size_bytes, mtime_ns)
        self.settler.note(self.files[path])
        return path

    def after(self, seconds):
        """The names of the files that are whole when so much time has passed."""
        self.now += seconds
        return [sighting.path.name for sighting in self.settler.whole()]


@pytest.fixture
def disk():
    return Disk()


def test_a_file_is_whole_after_the_settling_time_and_not_before(disk):
    disk.write("a.fits")
    assert disk.after(1.9) == []
    assert disk.after(0.2) == ["a.fits"]
    assert disk.after(100) == []  # it is handed out once


@pytest.mark.parametrize("change", [{"size_bytes": 2}, {"mtime_ns": 5}, {"inode": 2}])
def test_any_change_starts_the_time_anew(disk, change):
    path = disk.write("a.fits")
    disk.now += 1.9
    disk.files[path] = replace(disk.files[path], **change)
    assert disk.after(0.2) == []
    assert disk.after(1.9) == []
    assert disk.after(0.2) == ["a.fits"]


def test_a_change_that_only_the_scan_saw_counts_from_when_it_was_seen(disk):
    disk.write("a.fits", size_bytes=1)
    disk.now += 1.5
    disk.write("a.fits", size_bytes=2)
    assert disk.after(1.9) == []
    assert disk.after(0.2) == ["a.fits"]


def test_a_writer_with_an_open_handle_is_waited_for_however_long_it_is_silent(disk):
    disk.write("a.fits")
    disk.writing = True
    assert [disk.after(60) for _ in range(60)] == [[]] * 60
    disk.writing = False
    assert disk.after(10) == ["a.fits"]


def test_where_a_writer_cannot_be_seen_the_file_waits_three_times_as_long(disk):
    disk.write("a.fits")
    disk.writing = None
    assert disk.after(5.9) == []
    assert disk.after(1.0) == ["a.fits"]


def test_bytes_that_are_missing_are_waited_for(disk):
    disk.write("a.fits")
    disk.complete = False
    assert disk.after(30) == []
    disk.complete = True
    assert disk.after(10) == ["a.fits"]


def test_a_frame_that_stays_half_is_given_to_the_judge_in_the_end(disk):
    disk.write("a.fits")
    disk.complete = False
    assert disk.after(59) == []
    assert disk.after(11) == ["a.fits"]


def test_half_a_frame_with_a_writer_is_never_given_up(disk):
    disk.write("a.fits")
    disk.complete, disk.writing = False, True
    assert disk.after(3600) == []


def test_a_format_that_does_not_tell_is_whole_by_stillness_alone(disk):
    disk.write("a.xisf")
    disk.complete = None
    assert disk.after(2.1) == ["a.xisf"]


def test_a_file_that_vanished_is_forgotten_without_a_word(disk):
    del disk.files[disk.write("a.fits")]
    assert disk.after(2.1) == []
    assert len(disk.settler) == 0


def test_a_renamed_file_is_another_file(disk):
    del disk.files[disk.write("GUID.fits")]
    disk.write("M31.fits")
    assert disk.after(2.1) == ["M31.fits"]


@pytest.mark.parametrize("mtime_ns", [0, -1, 2**31 * 10**9, 2**70])
def test_no_file_time_delays_or_hurries_anything(disk, mtime_ns):
    disk.write("a.fits", mtime_ns=mtime_ns)
    assert disk.after(1.9) == []
    assert disk.after(0.2) == ["a.fits"]


def test_a_slow_file_holds_up_no_other(disk):
    disk.write("stalled.fits")
    disk.after(1)
    disk.files[Path("/cap/stalled.fits")] = replace(disk.files[Path("/cap/stalled.fits")], size_bytes=9)
    disk.write("good.fits")
    assert disk.after(2.1) == ["good.fits"]
    assert len(disk.settler) == 1


def test_a_hint_that_the_writer_let_go_is_acted_upon_at_once(disk):
    path = disk.write("a.fits")
    disk.writing = True
    assert disk.after(600) == []
    disk.writing = False
    disk.settler.note(disk.files[path])
    assert disk.settler.next_check_s() < 1
    assert disk.after(0) == ["a.fits"]


def test_it_can_be_slept_until_there_is_something_to_do(disk):
    assert disk.settler.next_check_s() is None
    disk.write("a.fits")
    disk.now += disk.settler.next_check_s()
    assert [sighting.path.name for sighting in disk.settler.whole()] == ["a.fits"]


@given(st.lists(st.tuples(st.floats(0.01, 5), st.integers(1, 3)), min_size=1, max_size=30))
def test_whatever_a_writer_does_a_file_is_whole_exactly_once_after_its_last_change(steps):
    disk = Disk()
    handed_out = []
    last_change = disk.now
    size = 0
    for pause_s, size_bytes in steps:
        handed_out += disk.after(pause_s)
        if handed_out:
            assert disk.now - last_change >= SETTLE_S
            break
        if size_bytes != size:
            size, last_change = size_bytes, disk.now
            disk.write("a.fits", size_bytes=size_bytes)
    handed_out += disk.after(10)
    assert handed_out == ["a.fits"]


# -- the same questions to a real disk --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def lease_breaks_ignored():
    before = signal.getsignal(signal.SIGIO)
    ignore_lease_breaks()
    yield
    signal.signal(signal.SIGIO, before)


def test_an_open_writer_is_seen_and_a_reader_is_not(tmp_path):
    path = tmp_path / "a.fits"
    with path.open("wb"):
        assert is_being_written(path) is True
    with path.open("rb"):
        assert is_being_written(path) is False


def test_a_writer_in_another_process_is_seen_too(tmp_path):
    path = tmp_path / "a.fits"
    script = "import sys; f = open(sys.argv[1], 'wb'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        assert is_being_written(path) is True
        writer.stdin.close()
        writer.wait()
    assert is_being_written(path) is False


def test_a_writer_that_comes_during_the_test_is_not_held_up_and_does_no_harm(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(b"x")
    script = "import sys\nfor _ in range(300):\n open(sys.argv[1], 'ab').close()"
    with subprocess.Popen([sys.executable, "-c", script, path]) as writer:
        while writer.poll() is None:
            assert is_being_written(path) in {True, False}
    assert writer.returncode == 0


def test_a_fifo_a_link_and_nothing_at_all_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo.fits")
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link.fits").symlink_to(tmp_path / "file")
    assert is_being_written(tmp_path / "fifo.fits") in {None, False}
    assert is_being_written(tmp_path / "link.fits") is None
    assert is_being_written(tmp_path / "none.fits") is None


def test_without_protection_against_the_signal_the_question_is_not_asked(tmp_path):
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    (tmp_path / "a.fits").write_bytes(b"x")
    assert is_being_written(tmp_path / "a.fits") is None


def test_a_remote_device_is_not_asked(tmp_path):
    with (tmp_path / "a.fits").open("wb"):
        assert writer_test(lambda _: True)(tmp_path / "a.fits", 7) is None
        assert writer_test(lambda _: False)(tmp_path / "a.fits", 7) is True


def test_links_pipes_and_folders_are_no_files(tmp_path):
    (tmp_path / "file.fits").write_bytes(b"x")
    (tmp_path / "link.fits").symlink_to(tmp_path / "file.fits")
    (tmp_path / "loop.fits").symlink_to(tmp_path / "loop.fits")
    (tmp_path / "folder.fits").mkdir()
    os.mkfifo(tmp_path / "fifo.fits")
    assert look(tmp_path / "file.fits").size_bytes == 1
    assert [look(tmp_path / f"{name}.fits") for name in ("link", "loop", "folder", "fifo", "none")] == [None] * 5


def test_the_real_probes_together_wait_for_the_last_byte(tmp_path):
    now = 0.0
    settler = Settler(1.0, 60.0, lambda path, _: is_being_written(path), is_complete, clock=lambda: now)
    path = tmp_path / "a.fits"
    content = frame()
    path.write_bytes(content[:3000])
    settler.note(look(path))
    now += 1.5
    assert settler.whole() == []  # closed, still, and not complete
    with path.open("ab") as writer:
        writer.write(content[3000:])
        writer.flush()
        settler.note(look(path))
        now += 30
        assert settler.whole() == []  # complete, still, and not closed
    now += 30
    assert settler.whole() == [look(path)]


def test_file_systems_of_other_machines_are_known_by_their_type(tmp_path):
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "23 22 0:40 / /mnt/nas rw,relatime shared:5 master:1 - nfs4 nas:/x rw\n"
        "24 22 0:41 / /mnt/with\\040blank rw - cifs //pc/share rw\n"
        "25 22 0:42 / /mnt/usb rw - fuseblk /dev/sdb1 rw\n"
        "26 22 0:43 / /home/pi/pc rw - fuse.sshfs pc: rw\n"
    )
    assert remote_devices(mountinfo) == {os.makedev(0, 40), os.makedev(0, 41), os.makedev(0, 43)}
    assert remote_devices(tmp_path / "none") == frozenset()
    assert not is_remote_type("vfat")


def test_this_machine_tells_its_mounts():
    assert Path("/proc").stat().st_dev not in remote_devices()
