"""Which file system a path lies on, by the kernel's own table."""

import os
from pathlib import Path

import pytest
from disks import needs_root, tmpfs

from nebulift_daemon.mounts import Mount, mount_of, mount_table, remote_devices

TABLE = r"""
23 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw
28 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
30 28 8:1 / /media/pi/My\040Disk ro,nosuid shared:5 master:2 - exfat /dev/sda1 rw
31 28 0:44 / /mnt/nas rw - cifs //nas/astro rw
32 28 0:45 / /mnt/pc rw - fuse.sshfs pc:/frames rw
33 28 8:2 / /mnt/stick rw - fuseblk /dev/sdb1 rw
34 31 8:3 / /mnt/nas rw - ext4 /dev/sdc1 ro
"""


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "mountinfo"
    file.write_text(TABLE.lstrip())
    return file


def test_a_line_of_the_table_is_read_with_its_blanks_and_optional_fields(table):
    assert mount_table(table)[2] == Mount(
        Path("/media/pi/My Disk"), os.makedev(8, 1), "exfat", "/dev/sda1", read_only=True
    )


@pytest.mark.parametrize(
    ("path", "file_system"),
    [
        ("/home/pi/Pictures", "ext4"),
        ("/media/pi/My Disk/Ekos/M31", "exfat"),
        ("/media/pi/My Disk 2", "ext4"),
        ("/mnt/pc", "fuse.sshfs"),
        ("/mnt/nas/astro", "ext4"),  # a disk mounted over the share covers it
    ],
)
def test_a_path_lies_on_the_innermost_and_latest_mount(table, path, file_system):
    assert mount_of(Path(path), mount_table(table)).file_system == file_system


def test_a_disk_that_is_read_only_as_a_whole_is_seen(table):
    assert mount_of(Path("/mnt/nas"), mount_table(table)).read_only


def test_shares_are_those_that_other_machines_can_write(table):
    assert remote_devices(table) == {os.makedev(0, 44), os.makedev(0, 45)}


def test_without_a_table_every_folder_counts_as_local(tmp_path):
    nothing = mount_table(tmp_path / "none")
    assert nothing == ()
    assert mount_of(tmp_path, nothing) is None
    assert remote_devices(tmp_path / "none") == frozenset()


def test_this_machine_s_own_table_can_be_read():
    root = mount_of(Path("/"), mount_table())
    assert root.point == Path("/")
    assert root.device == Path("/").stat().st_dev or root.file_system == "btrfs"


@needs_root
def test_a_disk_with_a_blank_and_a_line_end_in_its_name_is_found(tmp_path):
    with tmpfs(tmp_path / "my\ndisk 1") as disk:
        (disk / "Light").mkdir()
        found = mount_of(disk / "Light", mount_table())
        assert (found.point, found.device) == (disk, disk.stat().st_dev)


def test_a_link_is_followed_to_the_disk_where_it_leads(tmp_path, table):
    (tmp_path / "Pictures").symlink_to("/mnt/pc/frames")
    assert mount_of(tmp_path / "Pictures", mount_table(table)).file_system == "fuse.sshfs"
