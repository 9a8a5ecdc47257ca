"""Can frames be filed, and is there room for them? Are the daemon's papers in order?"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nebulift.doctor.check import Check, fail, ok, warn
from nebulift.settings import Output
from nebulift_daemon.folders import TEMPORARY_PREFIX, TEMPORARY_SUFFIX
from nebulift_daemon.output_root import HARMLESS, OutputRoot, named_state_folder

TOPIC = "output"
SCARCE_BYTES = 5_000_000_000  # a hundred frames of 50 MB: half a night
FULL_BYTES = 200_000_000


def output_checks(output: Output, *, known: bool) -> Iterator[Check]:
    """Output root and its disk, and the state folder; ``known``: the ledger has met this root before."""
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
    if not output.state_folder.is_relative_to(output.root):
        yield from _state_folder(output.state_folder)


def _of_ours(root: OutputRoot) -> Iterator[Check]:
    if not os.access(root.path, os.W_OK | os.X_OK):
        yield fail(TOPIC, f"{root.path}: may not be written by this user", f"sudo chown -R $USER {root.path}")
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
    existing = next(place for place in (root.path, *root.path.parents) if place.exists() or place.is_symlink())
    if not existing.is_dir():
        yield fail(TOPIC, f"{existing}: is not a folder", "choose another place")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield fail(TOPIC, f"{existing}: may not be written by this user", f"sudo chown $USER {existing}")
    else:
        yield ok(TOPIC, f"{root.path}: {'empty' if existing == root.path else 'will be made'} at the first start")


def _strangers(root: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(root) if name not in HARMLESS)  # noqa: PTH208 - names are wanted
    except OSError:
        return []  # not there, no folder, not ours to read: the checks that follow say so


def _room(root: Path) -> Iterator[Check]:
    existing = next(place for place in (root, *root.parents) if place.exists())
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
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield fail(
            TOPIC,
            f"{folder}: the state folder may not be written by this user",
            "run this as the user of the service, or name another state folder",
        )
