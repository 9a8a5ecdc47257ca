"""Nothing but what all tests stand on."""

import os
import signal

import pytest
from fault_lines import (  # noqa: F401 - hooks and a fixture, which pytest finds by their names
    figures,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
)
from hypothesis import settings

# The same examples at every run, so that what is green stays green until somebody changes the code; `make search`
# draws others, and what it finds becomes an @example.
settings.register_profile("same", derandomize=True)
settings.register_profile("search", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(autouse=True)
def ctrl_c_reaches_what_the_tests_start():
    """Started in the background (nohup, a CI runner, a worker beside others), a process ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
