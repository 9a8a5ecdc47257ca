"""One function for many inputs, its results in order: on one core, on many cores, or on many machines.

All three are ``concurrent.futures``: no pool, a pool of processes, or the executor of a dask.distributed cluster, whose
machines see the frames under the same paths (a shared file system) and have the same version of Nebulift.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

from nebulift import __version__
from nebulift.errors import MissingExtra, NebuliftError, WrongUsage
from nebulift.freed_memory import keep_freed_memory

Given = TypeVar("Given")
Found = TypeVar("Found")

# Inputs on their way for each core: enough that none waits for the next, few enough that a slow reader of the results
# holds tens of frames in memory and not an archive
AHEAD_PER_CORE = 3
CLUSTER_PATIENCE_S = 10.0  # for a scheduler that does not answer, and for its first worker


@dataclass(frozen=True, slots=True)
class Hands:
    """Who does the work: ``workers`` processes here (0: one a core), or the cluster at ``cluster``."""

    workers: int = 1
    cluster: str | None = None  # tcp://host:8786, the address of a dask scheduler

    @property
    def are_here(self) -> bool:
        """Whether the calling process does everything itself."""
        return self.cluster is None and self.workers == 1


def in_order(
    function: Callable[[Given], Found], inputs: Iterable[Given], hands: Hands, *, sees: Path | None = None
) -> Iterator[Found]:
    """``function`` of each input, in their order, whoever computes it; ``inputs`` are taken as they are needed.

    ``function`` and inputs must be picklable unless the hands are here. ``sees``: a file that every machine must find,
    asked before the work is dealt out. A reader that stops early stops the work. Raises ``NebuliftError`` when a
    process dies of an input or the cluster does not answer, ``MissingExtra`` without dask.distributed.
    """
    if hands.are_here:
        yield from map(function, inputs)
        return
    with _cluster(hands.cluster, sees) if hands.cluster is not None else _processes(hands.workers) as (pool, cores):
        yield from _results(pool, partial(_alone, function), inputs, AHEAD_PER_CORE * cores)


def _results(
    pool: Executor, function: Callable[[Given], Found], inputs: Iterable[Given], ahead: int
) -> Iterator[Found]:
    waiting: deque[Future[Found]] = deque()
    try:
        for given in inputs:
            waiting.append(pool.submit(function, given))
            if len(waiting) >= ahead:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        for one in waiting:
            one.cancel()


def _result(future: "Future[Found]") -> Found:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise NebuliftError(
            "a worker process died, of too little memory or of a damaged frame; run it with --workers 1 to see at which"
        ) from error
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # of distributed, which need not be installed to get here
            raise NebuliftError(f"the cluster's workers died again and again ({error}); look at their logs") from error
        raise


def _alone(function: Callable[[Given], Found], given: Given) -> Found:
    """``function(given)`` on one thread: the processes share the cores among themselves."""
    cv2 = sys.modules.get("cv2")
    if cv2 is not None:
        cv2.setNumThreads(1)
    return function(given)


@contextmanager
def _processes(workers: int) -> Iterator[tuple[Executor, int]]:
    count = workers or os.cpu_count() or 1
    # spawn: a fork of a process that runs threads (torch, OpenCV) may hang
    with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=begin_worker) as pool:
        yield pool, count


def begin_worker() -> None:
    """First in each process of a pool: one thread for OpenCV, freed memory kept, and no life beyond its owner's."""
    import cv2  # noqa: PLC0415  in the worker only

    cv2.setNumThreads(1)
    keep_freed_memory()
    end_with_owner()


def end_with_owner() -> None:
    """First in a process of a pool: its end when its owner is killed; else it waits for work for ever."""
    owner = parent_process()
    if owner is not None:
        threading.Thread(target=_end_with, args=(owner.sentinel,), daemon=True).start()


def _end_with(owner: int) -> None:
    wait([owner])
    os._exit(1)


@contextmanager
def _cluster(address: str, sees: Path | None) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client  # noqa: PLC0415  with the [cluster] extra only
    except ModuleNotFoundError as error:
        raise MissingExtra("working on a cluster", "cluster") from error
    try:
        client: Any = Client(address, timeout=CLUSTER_PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise WrongUsage(
            f"{address}: no scheduler answers there ({type(error).__name__}); start one (dask scheduler) and its "
            f"workers (dask worker {address}), or leave --cluster out"
        ) from error
    try:
        cores = _agreed(client, address, sees)
        with client.get_executor(pure=False) as pool:
            yield pool, cores
    finally:
        client.close()


def _agreed(client: Any, address: str, sees: Path | None) -> int:
    """How many cores the cluster has. Raises ``WrongUsage`` when its machines would not give the same results."""
    try:
        client.wait_for_workers(1, timeout=CLUSTER_PATIENCE_S)
    except TimeoutError as error:
        raise WrongUsage(f"{address}: the cluster has no workers; start some: dask worker {address}") from error
    for worker, (version, found) in client.run(_standing, None if sees is None else str(sees.absolute())).items():
        if version != __version__:
            raise WrongUsage(
                f"worker {worker}: it has Nebulift {version} and not {__version__}; install the same there"
            )
        if not found:
            raise WrongUsage(f"worker {worker}: it does not find {sees}; mount the frames there under the same path")
    return sum(client.nthreads().values())


def _standing(path: str | None) -> tuple[str, bool]:
    """On a worker: its version, and whether it sees a file."""
    return __version__, path is None or Path(path).exists()
