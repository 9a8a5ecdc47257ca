"""Memory that one frame has freed is kept for the next: pages fresh from the kernel cost a twentieth of a judgement."""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
KEPT_BYTES = 64 << 20  # at most; measuring 26 megapixels takes less
FROM_HEAP_BYTES = 32 << 20  # larger arrays are mapped and unmapped by themselves; glibc allows no more


def keep_freed_memory() -> None:
    """First in a process that judges frame after frame; where libc has no such dials, nothing happens.

    Left alone, glibc gives back what lies free after many an array, and fetches it again, zeroed, for the next. The
    greatest memory of the process stays what it is.
    """
    if os.name != "posix":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, FROM_HEAP_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
