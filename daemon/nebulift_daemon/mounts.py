"""Which devices are shared with other machines, where neither events nor the kernel's leases tell the whole story."""

import os
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
REMOTE_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "afs", "glusterfs", "ncpfs", "vboxsf", "fuse"}
)  # "fuseblk" is a local disk behind a FUSE driver (ntfs-3g, exfat-fuse) and not among them


def is_remote_type(file_system: str) -> bool:
    """Whether a file system of this type can be written behind our kernel's back (any ``fuse.*`` can)."""
    return file_system in REMOTE_TYPES or file_system.startswith("fuse.")


def remote_devices(mountinfo: Path = MOUNTINFO) -> frozenset[int]:
    """Device numbers (``st_dev``) of all mounts shared with other machines, by proc_pid_mountinfo(5).

    Empty where there is no such file: then every folder counts as local.
    """
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(device for device, file_system in map(_device_and_type, lines) if is_remote_type(file_system))


def _device_and_type(line: str) -> tuple[int, str]:
    """``36 35 98:0 /root /mnt rw - ext3 /dev/root rw`` gives 98:0 and ext3; optional fields end with the lone dash."""
    before, _, after = line.partition(" - ")
    major, _, minor = before.split()[2].partition(":")
    return os.makedev(int(major), int(minor)), after.split()[0]
