"""The ledger's file: opened, checked, migrated, set aside when damaged. The only module that knows SQLite.

WAL keeps readers (status, the review page) out of the writer's way. A ``durable`` transaction is on the disk when it
returns, whatever happens to the power; the others survive a killed process, and what a power cut takes of them is
found again on the disk by ``Sorter.reconcile``.

What the daemon has noted in its redo log and not yet committed (see ``batching``) is asked for by the bell; where no
daemon hears it, the log is what a killed one left, and is repeated here.
"""

import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nebulift.errors import LedgerError
from nebulift_daemon.ledger.bell import ring
from nebulift_daemon.ledger.redo_log import Statement, Value, entries_of, state_it_builds_on
from nebulift_daemon.ledger.schema import MIGRATIONS

Row = tuple[Any, ...]
Connection = sqlite3.Connection
MEMORY = Path(":memory:")
PAGE_BYTES = 1024  # a memory card wears by the byte: a third of what pages of 4096 bytes write for one frame
REDO, BELL = "-redo", "-bell"  # suffixes of the files beside the ledger
FILES_BESIDE = ("", "-wal", "-shm", REDO)
HEARD_WITHIN_S = 1.0  # by a daemon that is not stopped; it is woken, or busy with a step of a few milliseconds
ASK_AGAIN_S = 10.0  # what a daemon that does not hear us has noted is read later
STATES = 1 << 30  # of the ledger, counted by its commits of a redo log; SQLite's user_version has 31 bits

log = logging.getLogger(__name__)


class Database:
    """One connection, for one thread. Every trouble is a ``LedgerError``; the next call opens the file again.

    A file that vanished or was replaced while we had it open is noticed before each transaction: writing on into a
    deleted file would look like success.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 30.0, check: bool = False) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._connection: Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._device: int | None = None  # of the folder, to tell a deleted folder from an unplugged disk
        self._ask_not_before_s = 0.0
        with self._trouble_explained():
            self._open(check=check)

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """What a SELECT gives."""
        with self._trouble_explained():
            self._see_what_is_noted()
            return self._current().execute(sql, values).fetchall()

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator["Transaction"]:
        """All or nothing of what is written inside; ``durable`` returns only when it would survive a power cut."""
        with self._trouble_explained():
            connection = self._current()
            self._ask_for_the_turn()
            self._begin(connection, durable=durable)
            try:
                yield Transaction(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file; may be called twice, and any call after it opens the file again."""
        self._drop()

    def copied_to_memory(self) -> "Database":
        """The same content in memory, to try things on."""
        copy = Database(MEMORY)
        with self._trouble_explained():
            assert copy._connection is not None
            self._see_what_is_noted()
            self._current().backup(copy._connection)
        return copy

    def hear(self) -> None:
        """Answer the bell; only a daemon's ledger has one."""

    def commit(self) -> None:
        """Commit what is noted; only a daemon's ledger puts that off."""

    def commit_within_s(self) -> float | None:
        """In what time ``commit`` is due; ``None`` when there is nothing to commit."""
        return None

    def bell_descriptor(self) -> int | None:
        """Readable when the bell was rung; ``None`` where there is no bell."""
        return None

    def _ask_for_the_turn(self) -> None:
        """A daemon may hold the lock for long, and gives it up when it hears the bell."""
        if self.path != MEMORY:
            ring(self._beside(BELL))

    def _begin(self, connection: Connection, *, durable: bool) -> None:
        """Take the write lock, with everything in the ledger that was ever noted."""
        while True:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            if not self._is_redo_due():
                return
            connection.execute("ROLLBACK")
            self._redo_what_is_due()

    def _see_what_is_noted(self) -> None:
        """Have a daemon commit what it has noted; from one that does not hear, it is read later."""
        until_s = None
        while self._is_redo_due() and time.monotonic() >= self._ask_not_before_s:
            if not ring(self._beside(BELL)):
                with _unless_we_may_only_read():
                    self._redo_what_is_due()
                return
            if until_s is None:
                until_s = time.monotonic() + HEARD_WITHIN_S
            elif time.monotonic() > until_s:
                self._ask_not_before_s = time.monotonic() + ASK_AGAIN_S
            time.sleep(0.005)

    def _is_redo_due(self) -> bool:
        """Whether entries of the redo log build on the ledger as it is, so that they are not in it yet."""
        if self.path == MEMORY:
            return False
        state = state_it_builds_on(self._beside(REDO))
        return state is not None and state == state_of(self._current())

    def _redo_what_is_due(self) -> None:
        """Repeat what a daemon has noted that ended without committing it. The file is only ever the daemon's."""
        if not self._is_redo_due():
            return
        connection = self._current()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._is_redo_due():  # nobody was faster
                self._repeat(connection)
                connection.execute(f"PRAGMA user_version = {state_after(state_of(connection))}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _repeat(self, connection: Connection) -> None:
        number = 0
        try:
            for statements in entries_of(self._beside(REDO)):
                number += 1
                connection.execute("SAVEPOINT entry")
                for sql, values in statements:
                    connection.execute(sql, values)
                connection.execute("RELEASE entry")
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, ValueError) as error:
            connection.execute("ROLLBACK TO entry")
            log.warning(
                "%s: entry %d does not fit the ledger (%s); the frames from there on are found again on the disk",
                self._beside(REDO),
                number,
                error,
            )

    def _beside(self, suffix: str) -> Path:
        return Path(f"{self.path}{suffix}")

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _current(self) -> Connection:
        if self._connection is not None and (self.path == MEMORY or _identity(self.path) == self._identity):
            return self._connection
        self._drop()
        return self._open(check=False)

    def _open(self, *, check: bool) -> Connection:
        if self.path != MEMORY:
            self._make_folder()
        try:
            connection = self._connect(check=check)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._set_aside(str(error))
            connection = self._connect(check=False)
        self._connection = connection
        self._identity = _identity(self.path)
        return connection

    def _connect(self, *, check: bool) -> Connection:
        connection = sqlite3.connect(self.path, timeout=self._busy_timeout_s, isolation_level=None)
        try:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            if check:
                _read_through(connection)
            _migrate(connection)
            if state_of(connection) == 0:  # a new ledger: no log of another one must ever fit it
                connection.execute(f"PRAGMA user_version = {1 + secrets.randbelow(STATES - 1)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_folder(self) -> None:
        folder = self.path.parent
        if not folder.is_dir():
            existing = next(place for place in folder.parents if place.exists())
            if self._device is not None and existing.stat().st_dev != self._device:
                raise LedgerError(
                    f"{folder}: the state folder's disk is not there; plug it in, the work goes on by itself"
                )
            folder.mkdir(parents=True, exist_ok=True)
        self._device = folder.stat().st_dev

    def _set_aside(self, cause: str) -> None:
        """Keep the damaged files under another name and begin a new ledger: the disk is the truth, not the ledger."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        aside = _free_name(self.path.with_name(f"{self.path.name}.damaged-{stamp}"))
        for suffix in FILES_BESIDE:
            beside = Path(f"{self.path}{suffix}")
            if beside.exists():
                beside.rename(f"{aside}{suffix}")
        log.warning(
            "the ledger was damaged (%s); it is kept as %s, and a new one is built from the folders", cause, aside
        )

    @contextmanager
    def _trouble_explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._drop()
            if _is_damage(error):
                with suppress(OSError):  # a read-only disk: the next call finds the same damage again
                    self._set_aside(str(error))
            raise LedgerError(
                f"{self.path}: the ledger cannot be used ({error}); frames wait, and the work goes on by itself"
            ) from error
        except OSError as error:
            self._drop()
            raise LedgerError(
                f"{self.path}: the ledger cannot be opened ({error.strerror}); check the folder's disk and permissions"
            ) from error


class Transaction:
    """Writes inside one ``Database.transaction``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.statements: list[Statement] = []  # that wrote something, to be repeated

    def insert(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run an INSERT; the new row's id."""
        row_id = self._connection.execute(sql, values).lastrowid
        self.statements.append((sql, values))
        assert row_id is not None
        return row_id

    def change(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run an UPDATE or DELETE; how many rows it changed."""
        count = self._connection.execute(sql, values).rowcount
        if count:
            self.statements.append((sql, values))
        return count

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """What a SELECT gives inside the transaction."""
        return self._connection.execute(sql, values).fetchall()


def read_without_touching(path: Path, sql: str) -> list[Row]:
    """What a SELECT gives on the ledger at ``path``, neither made nor migrated; nothing when it cannot be read."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as connection:
            return connection.execute(sql).fetchall()
    except sqlite3.Error:
        return []  # no ledger yet, or one that the daemon will set aside: nothing is remembered


def as_value(path: Path) -> str | bytes:
    """A path as SQLite can hold it: text, or bytes when the name is no valid UTF-8."""
    text = str(path)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def as_path(value: str | bytes) -> Path:
    """The inverse of ``as_value``."""
    return Path(os.fsdecode(value))


def state_of(connection: Connection) -> int:
    """A number that tells this ledger, as it is, from others and from itself before; 0: a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def state_after(state: int) -> int:
    """Once what is noted is committed."""
    return state % (STATES - 1) + 1


def _read_through(connection: Connection) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"malformed: {found}")


def _migrate(connection: Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)")
    applied = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    for name, script in MIGRATIONS:
        if name not in applied:
            connection.executescript(
                f"BEGIN IMMEDIATE; {script}; INSERT INTO migrations VALUES ('{name}', datetime('now')); COMMIT;"  # noqa: S608
            )


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or str(
        error
    ).startswith("malformed")


@contextmanager
def _unless_we_may_only_read() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:  # the low byte is the kind of an error
            raise


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _free_name(wanted: Path) -> Path:
    number = 1
    path = wanted
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.name}-{number}")
    return path
