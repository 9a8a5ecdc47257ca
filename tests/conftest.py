"""Nothing but what all tests stand on."""

import signal

import pytest
from fault_lines import (  # noqa: F401 - hooks and a fixture, which pytest finds by their names
    figures,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
)


@pytest.fixture(autouse=True)
def ctrl_c_reaches_what_the_tests_start():
    """Started in the background (nohup, a CI runner, a worker beside others), a process ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
