"""Nothing but what all tests stand on."""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_reaches_what_the_tests_start():
    """Started in the background (nohup, a CI runner, a worker beside others), a process ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
