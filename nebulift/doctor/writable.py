"""Why a folder cannot be written: the disk's fault or the rights', which are mended in different ways."""

import os
from pathlib import Path

from nebulift.doctor.check import Check, fail


def nearest(path: Path) -> Path:
    """``path``, or the innermost folder above it that is there and that this user can see."""
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def closed(topic: str, folder: Path) -> Check | None:
    """A failed check when this user cannot make files in the existing ``folder``; ``None`` when all is well."""
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return fail(
            topic,
            f"{folder}: its disk is mounted read-only (a worn card or a cut cable makes Linux do that)",
            "dmesg | tail tells why; check the disk, then: sudo mount -o remount,rw its mount point",
        )
    return fail(topic, f"{folder}: may not be written by this user", f"sudo chown $USER {folder}")
