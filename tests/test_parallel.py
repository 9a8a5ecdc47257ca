"""One interface for one core, many cores and many machines: the same results in the same order."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from schoolwork import write_night

from nebulift.cli import cli
from nebulift.errors import NebuliftError, WrongUsage
from nebulift.parallel import Hands, in_order
from nebulift.training.input_cache import InputCache
from nebulift.training.label_slices import label_slice
from nebulift.verdict import Thresholds


def slowest_first(number):
    sum(range(200_000 // (number + 1)))
    return number * number


def die(number):
    os._exit(number)


def test_results_come_in_the_order_of_the_inputs():
    expected = [slowest_first(number) for number in range(12)]
    assert list(in_order(slowest_first, range(12), Hands())) == expected
    assert list(in_order(slowest_first, range(12), Hands(workers=2))) == expected


def test_inputs_are_taken_only_as_they_are_needed():
    taken = []

    def inputs():
        for number in range(1000):
            taken.append(number)
            yield number

    results = in_order(slowest_first, inputs(), Hands(workers=2))
    assert next(results) == 0
    results.close()
    assert len(taken) < 20


def test_a_process_that_dies_is_an_error_in_one_sentence():
    with pytest.raises(NebuliftError, match="a worker process died"):
        list(in_order(die, [3], Hands(workers=2)))


OWNER = """
import os, sys, time
from nebulift.parallel import Hands, in_order
sys.path.insert(0, sys.argv[1])
from test_parallel import own_number

if __name__ == "__main__":
    for number in in_order(own_number, range(1000), Hands(workers=2)):
        print(number, flush=True)
"""


def own_number(_):
    time.sleep(0.05)
    return os.getpid()


def test_the_processes_of_a_pool_end_when_their_owner_is_killed(tmp_path):
    (tmp_path / "owner.py").write_text(OWNER)
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "owner.py"), str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
    ) as owner:
        workers = set()
        while len(workers) < 2:
            workers.add(int(owner.stdout.readline()))
        owner.kill()
    until = time.monotonic() + 20.0
    while any(Path(f"/proc/{number}").exists() for number in workers):
        assert time.monotonic() < until, "they wait for work that never comes"
        time.sleep(0.05)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("nebulift.parallel.CLUSTER_PATIENCE_S", 0.5)
    with pytest.raises(WrongUsage, match="no scheduler answers there"):
        list(in_order(slowest_first, range(3), Hands(cluster="tcp://127.0.0.1:1")))


@pytest.fixture(scope="module")
def cluster():
    """The address of a scheduler with two workers in processes of their own, on loopback."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as running:
        yield running.scheduler_address


@pytest.mark.filterwarnings("default")  # of dask and tornado, about themselves
def test_a_cluster_gives_the_same_results_in_the_same_order(cluster, tmp_path):
    paths = write_night(tmp_path / "nights", "2024-11-01", clean=3, bad=2)
    limits = Thresholds(0.8, 0.2)
    here = label_slice(paths, InputCache(tmp_path / "here"), limits)
    there = label_slice(paths, InputCache(tmp_path / "there"), limits, hands=Hands(cluster=cluster))
    assert there == here
    arguments = ["classify", "--no-model", "--json", str(tmp_path / "nights")]
    alone, shared = (CliRunner().invoke(cli, [*arguments, *more]) for more in ([], ["--cluster", cluster]))
    assert shared.exit_code == alone.exit_code == 0, shared.output
    assert [_without_time(line) for line in shared.output.splitlines()] == [
        _without_time(line) for line in alone.output.splitlines()
    ]
    with pytest.raises(WrongUsage, match="does not find"):
        list(in_order(slowest_first, [1], Hands(cluster=cluster), sees=Path("/nowhere/frame.fits")))


def _without_time(line):
    return {key: value for key, value in json.loads(line).items() if key != "elapsed_ms"}
