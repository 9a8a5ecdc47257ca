"""Which file systems are mounted where, by proc_pid_mountinfo(5); which of them are shared with other machines."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
REMOTE_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "afs", "glusterfs", "ncpfs", "vboxsf", "fuse"}
)  # "fuseblk" is a local disk behind a FUSE driver (ntfs-3g, exfat-fuse) and not among them


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system. A link or a rename never leads from one to another, even on the same disk."""

    point: Path
    device: int  # as ``st_dev``
    file_system: str
    source: str  # such as /dev/mmcblk0p2
    read_only: bool

    @property
    def is_remote(self) -> bool:
        return is_remote_type(self.file_system)


def is_remote_type(file_system: str) -> bool:
    """Whether a file system of this type can be written behind our kernel's back (any ``fuse.*`` can)."""
    return file_system in REMOTE_TYPES or file_system.startswith("fuse.")


def mount_table(mountinfo: Path = MOUNTINFO) -> tuple[Mount, ...]:
    """All mounts that this process sees, in the order in which they were made; empty where the kernel does not say."""
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ()
    return tuple(map(_mount, lines))


def mount_of(path: Path, table: Sequence[Mount]) -> Mount | None:
    """The mount that ``path`` lies on, whether ``path`` exists or not; ``None`` when the table is empty."""
    real = Path(os.path.realpath(path))
    holding = [mount for mount in table if real.is_relative_to(mount.point)]
    # of two mounts at one place the later one covers the earlier
    return max(reversed(holding), key=lambda mount: len(mount.point.parts), default=None)


def remote_devices(mountinfo: Path = MOUNTINFO) -> frozenset[int]:
    """Device numbers (``st_dev``) of all mounts shared with other machines.

    Empty where the kernel does not say: then every folder counts as local.
    """
    return frozenset(mount.device for mount in mount_table(mountinfo) if mount.is_remote)


def _mount(line: str) -> Mount:
    """``36 35 98:0 /root /mnt rw - ext3 /dev/root rw``; optional fields end with the lone dash."""
    before, _, after = line.partition(" - ")
    _, _, device, _, point, options = before.split(" ")[:6]
    file_system, source, super_options = after.split(" ")[:3]
    major, _, minor = device.partition(":")
    read_only = "ro" in {*options.split(","), *super_options.split(",")}
    return Mount(
        Path(_plain(point)), os.makedev(int(major), int(minor)), file_system, _plain(source), read_only=read_only
    )


def _plain(field: str) -> str:
    r"""Blanks and the like are written as ``\040``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
