"""To be somebody whom permissions hold back, also where tests run as root."""

import os

import pytest

NOBODY = 65534


@pytest.fixture
def stranger():
    """For the length of a test this process is nobody. What it imports late, it must have imported before."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    yield
    os.setresuid(0, 0, 0)
