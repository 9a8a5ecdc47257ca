"""``python -m nebulift.demo.outlive_nobody PARENT COMMAND ...``: runs the command, which ends when its parent does.

The kernel sends the signal, so that it comes even when the parent is killed; it is kept through exec (prctl(2)).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """From now on the kernel sends us SIGTERM when the process that started us ends, however it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Become the command."""
    parent, *command = sys.argv[1:]
    end_with_parent()
    if os.getppid() != int(parent):
        sys.exit("the parent died before we began")
    os.execv(command[0], command)  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
