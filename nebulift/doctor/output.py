"""Can frames be filed, and is there room for them? Are the daemon's papers in order?"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nebulift.doctor.check import Check, fail, ok, warn
from nebulift.doctor.writable import closed, nearest
from nebulift.settings import Output
from nebulift_daemon.folders import TEMPORARY_PREFIX, TEMPORARY_SUFFIX
from nebulift_daemon.output_root import HARMLESS, OutputRoot, named_state_folder
from nebulift_daemon.service_folders import STATE_DIRECTORY

TOPIC = "output"
SCARCE_BYTES = 5_000_000_000  # a hundred frames of 50 MB: half a night
FULL_BYTES = 200_000_000


def output_checks(output: Output, *, known: bool, as_service: bool = False) -> Iterator[Check]:
    """Output root and its disk, and the state folder.

    ``known``: the ledger has met this root before; ``as_service``: systemd makes its state folder and gives it away.
    """
    root = OutputRoot(output.root, output.state_folder)
    if root.is_there():
        yield from _of_ours(root)
    elif known:
        yield fail(
            TOPIC,
            f"{root.path}: its marker {root.marker.name} is gone, so its disk counts as not plugged in; frames are "
            "judged and wait",
            f"plug the disk in; if it is there and empty on purpose: touch {root.marker}",
        )
    else:
        yield from _new(root)
    yield from _room(output.root)
    made_by_systemd = as_service and output.state_folder.is_relative_to(STATE_DIRECTORY)
    if not made_by_systemd and not output.state_folder.is_relative_to(output.root):
        yield from _state_folder(output.state_folder)


def _of_ours(root: OutputRoot) -> Iterator[Check]:
    if problem := closed(TOPIC, root.path):
        yield problem
        return
    named = named_state_folder(root.path)
    if named is not None and named != root.state_folder:
        yield warn(
            TOPIC,
            f"{root.path}: was sorted into with the state folder {named}, now it is {root.state_folder}: the ledger "
            "begins anew",
            f'to keep the history: state = "{named}" below [output]',
        )
    links = _links_work(root.path)
    yield ok(TOPIC, f"{root.path}: ours, writable, {'with' if links else 'without'} hard links")


def _links_work(root: Path) -> bool:
    """By a trial with a file of our own."""
    here, there = (root / f"{TEMPORARY_PREFIX}doctor-{os.getpid()}-{n}{TEMPORARY_SUFFIX}" for n in (1, 2))
    try:
        here.touch()
        os.link(here, there)
    except OSError:
        return False
    finally:
        for trial in (here, there):
            with contextlib.suppress(OSError):
                trial.unlink()
    return True


def _new(root: OutputRoot) -> Iterator[Check]:
    if strangers := _strangers(root.path):
        yield fail(
            TOPIC,
            f"{root.path}: holds other things, such as {strangers[0]}, and the daemon will not sort into it",
            f"choose an empty folder, or allow this one: touch {root.marker}",
        )
        return
    existing = nearest(root.path)
    if not existing.is_dir():
        yield fail(TOPIC, f"{existing}: is not a folder", "choose another place")
    elif problem := closed(TOPIC, existing):
        yield problem
    else:
        yield ok(TOPIC, f"{root.path}: {'empty' if existing == root.path else 'will be made'} at the first start")


def _strangers(root: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(root) if name not in HARMLESS)  # noqa: PTH208 - names are wanted
    except OSError:
        return []  # not there, no folder, not ours to read: the checks that follow say so


def _room(root: Path) -> Iterator[Check]:
    existing = nearest(root)
    if not existing.exists():
        return  # a link into nowhere, which is told already
    free = shutil.disk_usage(existing).free
    text = f"{existing}: {free / 1e9:.1f} GB free"
    status = os.statvfs(existing)
    if free < FULL_BYTES or (status.f_files and not status.f_favail):
        yield fail(TOPIC, f"{text}, or no room for more names: nothing can be filed", "make room, or take another disk")
    elif free < SCARCE_BYTES:
        yield warn(TOPIC, f"{text}: less than half a night of frames", "make room, or take another disk")
    else:
        yield ok(TOPIC, text)


def _state_folder(folder: Path) -> Iterator[Check]:
    existing = nearest(folder)
    if problem := closed(TOPIC, existing):
        yield problem
    else:
        yield ok(TOPIC, f"{folder}: the state folder can be written")
