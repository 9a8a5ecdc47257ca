"""Putting files in place without ever replacing one: rename, link, copy, each exclusive, each safe against power cuts.

``shutil.move`` is not used on purpose: across file systems it shows half a file under the final name and forgets the
source before the copy has reached the disk.
"""

import contextlib
import ctypes
import errno
import functools
import hashlib
import io
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from nebulift_daemon.folders import TEMPORARY_PREFIX, TEMPORARY_SUFFIX
from nebulift_daemon.sighting import Sighting, look

AT_FDCWD = -100
RENAME_NOREPLACE = 1  # linux/fs.h
COPY_CHUNK_BYTES = 1 << 20
NOT_SUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTTY}
NO_LINKS_HERE = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}  # FAT, exFAT, a file of another user ...

_numbers = itertools.count(1)


class SourceUnreachable(OSError):
    """The file that is to be copied cannot be read now: nothing is wrong with where it is to go."""


class SourceChanged(Exception):
    """The file is not, or not any more, what was judged: it has to settle and be judged again."""


def rename_exclusive(source: Path, destination: Path) -> None:
    """Give ``source`` the name ``destination`` on the same file system.

    Raises ``FileExistsError`` when the name is taken, ``OSError`` with EXDEV across file systems.
    """
    try:
        _renameat2(source, destination)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
        _rename_by_link(source, destination)


def link_exclusive(source: Path, destination: Path) -> None:
    """Make ``destination`` another name of the file ``source``; never follows a symbolic link, never replaces."""
    os.link(source, destination, follow_symlinks=False)


def symlink_exclusive(source: Path, destination: Path) -> None:
    """Make ``destination`` a symbolic link to ``source``; never replaces."""
    destination.symlink_to(source)


def copy_exclusive(source: Sighting, destination: Path, sha256: str | None, owner: str) -> None:
    """A copy of ``source`` under ``destination``, complete and on the disk before the name appears.

    Raises ``FileExistsError`` when the name is taken and ``SourceChanged`` when the bytes are not those of ``sha256``.
    """
    temporary = destination.with_name(temporary_name(owner))
    try:
        _expect_same(source, sha256, _copy_bytes(source, temporary))
        rename_exclusive(temporary, destination)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(destination.parent)


def move_exclusive(source: Sighting, destination: Path, sha256: str | None, owner: str) -> None:
    """Give the file another place, also on another file system: there the source goes only when the copy is safe."""
    try:
        rename_exclusive(source.path, destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_exclusive(source, destination, sha256, owner)
        remove_same(source)
        return
    sync_folder(destination.parent)
    sync_folder(source.path.parent)


def remove_same(source: Sighting) -> None:
    """Remove the name ``source``, whose bytes are safe elsewhere; ``SourceChanged`` when something else lies there."""
    _expect_same(source)
    source.path.unlink()
    sync_folder(source.path.parent)


def make_folders(folder: Path, root: Path) -> None:
    """``folder`` and whatever is missing between it and ``root``; ``root`` itself must be there."""
    for place in (*reversed([parent for parent in folder.parents if parent.is_relative_to(root)]), folder):
        if place == root:
            continue
        try:
            place.mkdir()
        except FileExistsError:
            continue
        sync_folder(place.parent)


def sync_file(path: Path) -> None:
    """Return when the bytes of ``path`` are on the disk."""
    _sync(path, os.O_RDONLY | os.O_NOFOLLOW)


def sync_folder(folder: Path) -> None:
    """Return when the names in ``folder`` are on the disk."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as a hexadecimal string."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def temporary_name(owner: str) -> str:
    """A name for an unfinished copy: hidden, and known as ours by the ledger's identity (``owner``) and our process."""
    return f"{TEMPORARY_PREFIX}{owner[:12]}-{os.getpid()}-{next(_numbers)}{TEMPORARY_SUFFIX}"


def is_abandoned(name: str, owner: str) -> bool:
    """Whether a temporary name was made for this ledger by a process that is no more."""
    parts = name.removeprefix(TEMPORARY_PREFIX).removesuffix(TEMPORARY_SUFFIX).split("-")
    if len(parts) != 3 or parts[0] != owner[:12] or not parts[1].isdigit():
        return False
    return int(parts[1]) == os.getpid() or not Path(f"/proc/{parts[1]}").exists()


def _expect_same(source: Sighting, sha256: str | None = None, found_sha256: str | None = None) -> None:
    if look(source.path) != source or (sha256 is not None and found_sha256 != sha256):
        raise SourceChanged(str(source.path))


def _copy_bytes(source: Sighting, temporary: Path) -> str:
    """Copy and sync; the SHA-256 of what was copied. Time stamps and permissions follow as far as the disk has them."""
    digest = hashlib.sha256()
    with _reading(source.path):
        read_from = os.open(source.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(read_from, "rb", buffering=0) as reading, open(temporary, "xb", buffering=0) as writing:  # noqa: PTH123
        while chunk := _next_chunk(reading, source.path):
            digest.update(chunk)
            rest = memoryview(chunk)
            while rest:
                rest = rest[writing.write(rest) :]
        status = os.fstat(read_from)
        for keep in (_permissions_of, _times_of):
            with contextlib.suppress(OSError):  # FAT has neither
                keep(status, writing.fileno())
        os.fsync(writing.fileno())
    return digest.hexdigest()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise SourceChanged(str(path)) from None
    except OSError as error:
        raise SourceUnreachable(error.errno, error.strerror, str(path)) from error


def _next_chunk(reading: io.RawIOBase, path: Path) -> bytes | None:
    with _reading(path):
        return reading.read(COPY_CHUNK_BYTES)


def _permissions_of(status: os.stat_result, descriptor: int) -> None:
    os.fchmod(descriptor, status.st_mode & 0o777)


def _times_of(status: os.stat_result, descriptor: int) -> None:
    os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))


@functools.cache
def _system_renameat2() -> Callable[..., int] | None:
    """The C library's function, or ``None`` where it has none (musl before 1.2.6)."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return cast("Callable[..., int]", function)


def _renameat2(source: Path, destination: Path) -> None:
    function = _system_renameat2()
    code = errno.ENOSYS
    if function is not None:
        if function(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(destination), RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), str(source), None, str(destination))


def _rename_by_link(source: Path, destination: Path) -> None:
    """Rename where RENAME_NOREPLACE is missing (NFS, FUSE): a second name, then the first one away.

    A crash between the two leaves both names of the one file, which ``filing.plan`` recognises and finishes. Where
    there are no links either, the free name is claimed by an empty file, over which the rename then goes.
    """
    try:
        link_exclusive(source, destination)
    except OSError as error:
        if error.errno not in NO_LINKS_HERE:
            raise
        _rename_over_claim(source, destination)
        return
    source.unlink()


def _rename_over_claim(source: Path, destination: Path) -> None:
    os.close(os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    claim = look(destination)
    try:
        source.rename(destination)
    except OSError:
        if look(destination) == claim:
            destination.unlink()
        raise


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
