"""A process that judges frame after frame does not fetch the same memory again for each of them."""

import ctypes
import subprocess
import sys

import pytest

FAULTS_OF_AN_ARRAY = """
import resource, sys
import numpy as np
from nebulift.freed_memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    arrays = [np.ones(3_000_000, np.uint8) for _ in range(4)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    command = [sys.executable, "-c", FAULTS_OF_AN_ARRAY, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this libc has no such dials")
def test_arrays_of_one_frame_lie_where_those_of_the_last_lay():
    pages_of_a_round = 4 * 3_000_000 // 4096
    assert faults("kept") < 2 * pages_of_a_round < faults("given back")
