"""What every process of ours that judges owes to the others on the machine: it gives way, stays small, dies with us."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h
MOST_OF_THE_MACHINE = 2 / 3  # a Pi of 512 MB then lets us have 315: several times what 61 megapixels need
OUT_OF_MEMORY_SCORE = 800  # of 1000: when memory runs out, the kernel takes the judge before the capture program


def environment_for(threads: int) -> dict[str, str]:
    """The environment of such a process, for its parent to start it in."""
    return os.environ | {
        "NEBULIFT_PARENT": str(os.getpid()),
        "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime 1.29 and later opens sockets without it
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "OPENCV_FOR_THREADS_NUM": str(threads),
        "PYTHONSAFEPATH": "1",  # never import from the folder we happen to be started in
    }


def live_and_die_with_parent(niceness: int) -> None:
    """Be the first to go when memory runs out, give way to others, ignore the terminal's Ctrl-C, outlive nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the parent ends us, by closing stdin or by SIGKILL
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ.get("NEBULIFT_PARENT") not in (None, str(os.getppid())):
        sys.exit("the parent died before we began")
    os.nice(niceness)
    with contextlib.suppress(OSError):  # no /proc, or a sandbox that hides it
        Path("/proc/self/oom_score_adj").write_text(str(OUT_OF_MEMORY_SCORE), encoding="ascii")


def limit_memory(asked_mb: int) -> int:
    """Cap what we may allocate; a lower limit from outside stands, and so does what others need of a small machine.

    RLIMIT_DATA, not RLIMIT_AS: it counts what is written to, not the libraries and reserved addresses, of which
    onnxruntime alone has gigabytes. Gives the limit in MB.
    """
    limit_bytes = fair_limit_mb(asked_mb, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20) << 20
    _, outer = resource.getrlimit(resource.RLIMIT_DATA)
    limit = limit_bytes if outer == resource.RLIM_INFINITY else min(limit_bytes, outer)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return limit >> 20


def fair_limit_mb(asked_mb: int, machine_mb: int) -> int:
    """What one process may take of a machine on which a capture program runs too, whatever its configuration says."""
    return min(asked_mb, int(MOST_OF_THE_MACHINE * machine_mb))
