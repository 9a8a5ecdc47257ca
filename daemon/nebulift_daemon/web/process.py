"""The review page as a process beside the daemon: ``serve``, until standard input ends."""

import os
import signal
import sys
import threading
from pathlib import Path

from nebulift.errors import NebuliftError
from nebulift_daemon.logs import set_up_logging
from nebulift_daemon.web.access import Access


def main() -> None:
    """Arguments: output folder, state folder, address, format and level of the log."""
    output, state, listen, style, level = sys.argv[1:6]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the daemon, which ends us
    set_up_logging(style, level)
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        from nebulift_daemon.web.server import serve  # noqa: PLC0415 - an extra

        serve(Path(output), Path(state), listen, _announce)
    except ModuleNotFoundError as error:
        sys.exit(f"the review page needs packages that are not installed ({error.name}); pip install 'nebulift[web]'")
    except NebuliftError as error:
        sys.exit(str(error))


def _announce(address: str, access: Access) -> None:
    token = " (the token is in the file web-token of the state folder)" if access.is_demanded else ""
    sys.stderr.write(f"review page: {address}{token}\n")


def _end_with_input() -> None:
    """The daemon closes our input when it ends, and the kernel does when it is killed."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
