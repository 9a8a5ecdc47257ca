"""Whether somebody on this machine still has a file open for writing: the kernel knows, by way of a read lease.

``fcntl(fd, F_SETLEASE, F_RDLCK)`` is refused with EAGAIN as long as any process has the file open for writing
(fcntl(2), "Leases"). It sees what no waiting time can: a writer that pauses, a file that was allocated first and is
filled later. It sees nothing of a writer on another machine, and on NFS and SMB it is refused for other reasons.
"""

import contextlib
import errno
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

NOT_ASKED = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


def ignore_lease_breaks() -> None:
    """Let a writer that opens a file during our test break the lease without harm.

    The kernel then sends SIGIO, whose default is to end the process. Call this once, in the main thread.
    """
    signal.signal(signal.SIGIO, signal.SIG_IGN)


def is_being_written(path: Path) -> bool | None:
    """Whether a process of this machine has ``path`` open for writing; ``None`` when that cannot be told.

    It cannot be told of a file of another user without CAP_LEASE, of a file that may not be read, and as long as
    ``ignore_lease_breaks`` has not been called.
    """
    if signal.getsignal(signal.SIGIO) is not signal.SIG_IGN:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None  # gone, a link, or not ours to read: whoever judges it says so
    try:
        return _lease_refused(descriptor)
    finally:
        os.close(descriptor)


def _lease_refused(descriptor: int) -> bool | None:
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return True
        if error.errno in NOT_ASKED:
            return None
        raise
    with contextlib.suppress(OSError):  # closing the file gives the lease back in any case
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def writer_test(is_remote: Callable[[int], bool]) -> Callable[[Path, int], bool | None]:
    """``is_being_written`` for a path and its device, not asked where ``is_remote`` says it would be meaningless."""

    def ask(path: Path, device: int) -> bool | None:
        return None if is_remote(device) else is_being_written(path)

    return ask
