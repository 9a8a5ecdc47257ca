"""Real small disks for tests, mounted and unmounted; only root can do that."""

import fcntl
import os
import shutil
import struct
import subprocess
from contextlib import contextmanager

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def mount(*arguments):
    result = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"cannot mount here: {result.stderr.strip()}")


@contextmanager
def tmpfs(place, options="size=8m"):
    """A disk of its own at ``place``."""
    place.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", options, "none", place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def remount(place, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


@contextmanager
def quota(image, place, size):
    """A disk on which only so much may be written; ``limit(size)`` changes that. Only btrfs binds root as well."""
    if shutil.which("mkfs.btrfs") is None:
        pytest.skip("btrfs-progs is not installed")
    place.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(128 << 20)
    subprocess.run(["mkfs.btrfs", "-q", image], check=True, capture_output=True)
    mount("-o", "loop", image, place)

    def limit(size):
        subprocess.run(["btrfs", "qgroup", "limit", size, place], check=True, capture_output=True)

    try:
        subprocess.run(["btrfs", "quota", "enable", place], check=True, capture_output=True)
        limit(size)
        yield limit
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
WITHOUT_FLUSHING_THE_LOG = 2


@contextmanager
def card(image, place):
    """A memory card with ext4, in a file; ``cut()`` takes the power away."""
    place.mkdir(exist_ok=True)
    if not image.exists():
        with image.open("wb") as file:
            file.truncate(64 << 20)
        if subprocess.run(["mkfs.ext4", "-q", str(image)], check=False, capture_output=True).returncode:
            pytest.skip("no mkfs.ext4 here")
    else:
        _give_it_another_inode(image)
    mount("-o", "loop", image, place)
    try:
        yield lambda: cut(place)
    finally:
        os.sync()
        subprocess.run(["umount", "-l", str(place)], check=False)


def _give_it_another_inode(image):
    """So that it is mounted anew: the kernel takes a broken disk out again that another namespace still holds."""
    copy = image.with_suffix(".copy")
    subprocess.run(["cp", "--sparse=always", image, copy], check=True)
    copy.replace(image)


def cut(place):
    """Drop whatever the journal has not committed, as a power cut does; every access gives EIO from now on."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_FLUSHING_THE_LOG))
    finally:
        os.close(descriptor)


@contextmanager
def share(behind, place):
    """``behind`` seen at ``place`` through FUSE: what is written behind it raises no event there."""
    if shutil.which("bindfs") is None:
        pytest.skip("bindfs is not installed")
    for folder in (behind, place):
        folder.mkdir(exist_ok=True)
    done = subprocess.run(["bindfs", behind, place], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no FUSE here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)
