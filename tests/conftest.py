"""Nothing but what all tests stand on."""

import signal

from fault_lines import (  # noqa: F401 - hooks and a fixture, which pytest finds by their names
    figures,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
)

# Started in the background (nohup, a CI runner), this process ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
