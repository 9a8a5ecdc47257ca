"""The daemon's way to the ledger's file: transactions are noted in a redo log and committed together, once an hour.

A transaction is as safe as without: what is ``durable`` is on the disk when it returns, and what a killed daemon had
noted is repeated by whoever opens the ledger next. In the meantime the daemon holds the write lock and alone sees what
it has written. Who wants to read or to write rings the bell: the daemon commits, and for a minute every transaction is
committed by itself, so that page and commands never wait long.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nebulift.errors import LedgerError
from nebulift_daemon.ledger.bell import Bell
from nebulift_daemon.ledger.database import BELL, REDO, Connection, Database, Transaction, state_after, state_of
from nebulift_daemon.ledger.redo_log import RedoLog

COMMIT_EVERY_S = (
    3600.0  # of a frame a minute 0.94 MB an hour are written; twice as often 1.14 (benchmarks/ledger_wear.py)
)
MOST_NOTED_BYTES = 1 << 20  # half a thousand frames; repeating them takes a fraction of a second
COMPANY_S = 60.0  # who has asked once mostly asks again

log = logging.getLogger(__name__)


class BatchingDatabase(Database):
    """As ``Database``, for the one process that holds the state folder's lock."""

    def __init__(self, path: Path, *, busy_timeout_s: float = 30.0, check: bool = False) -> None:
        self._noted = RedoLog(Path(f"{path}{REDO}"))
        self._bell: Bell | None = None
        self._has_batch = False  # whether a transaction is open that holds what is noted
        self._is_writing = False
        self._noted_since_s = 0.0
        self._company_until_s = 0.0
        super().__init__(path, busy_timeout_s=busy_timeout_s, check=check)

    def hear(self) -> None:
        """Commit, and have company for a while, when somebody has rung; nothing while a transaction is under way."""
        if self._bell is None or self._is_writing or not self._bell.was_rung():
            return
        self._company_until_s = time.monotonic() + COMPANY_S
        self._try_to_commit()

    def commit(self) -> None:
        """Commit what is noted. Raises ``LedgerError``; nothing is lost then."""
        if self._has_batch:
            with self._trouble_explained():
                self._end_batch()

    def commit_within_s(self) -> float | None:
        return max(0.0, self._noted_since_s + COMMIT_EVERY_S - time.monotonic()) if self._has_batch else None

    def bell_descriptor(self) -> int | None:
        return None if self._bell is None else self._bell.descriptor

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[Transaction]:
        """As of ``Database``: noted while nobody else is there, committed by itself while somebody is."""
        self.hear()
        has_company = self._bell is None or time.monotonic() < self._company_until_s
        self._is_writing = True
        try:
            with super().transaction(durable=durable) if has_company else self._step(durable=durable) as writing:
                yield writing
        finally:
            self._is_writing = False
        if self._noted.size_bytes > MOST_NOTED_BYTES:
            self._try_to_commit()

    def close(self) -> None:
        """Commit, if that can be done, and close the file and the bell."""
        self._try_to_commit()
        super().close()
        if self._bell is not None:
            with suppress(OSError):  # a read-only disk: an old pipe is taken over by the next start
                self._bell.close()
            self._bell = None

    def _try_to_commit(self) -> None:
        """What cannot be committed stays in the redo log, and whoever opens the file next repeats it."""
        try:
            self.commit()
        except LedgerError as error:
            log.warning("%s", error)

    @contextmanager
    def _step(self, *, durable: bool) -> Iterator[Transaction]:
        """One transaction inside the one that stays open."""
        with self._trouble_explained():
            connection = self._current()
            if not self._has_batch:
                self._begin_batch()
            connection.execute("SAVEPOINT step")
            writing = Transaction(connection)
            try:
                yield writing
                if writing.statements:
                    self._noted.append(writing.statements, durable=durable)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK TO step")
                    connection.execute("RELEASE step")
                raise
            connection.execute("RELEASE step")

    def _open(self, *, check: bool) -> Connection:
        connection = super()._open(check=check)
        self._hang_up_bell()
        return connection

    def _begin_batch(self) -> None:
        connection = self._current()
        self._hang_up_bell()
        self._begin(connection, durable=True)
        self._has_batch, self._noted_since_s = True, time.monotonic()
        self._noted.begin(state_of(connection))

    def _end_batch(self) -> None:
        connection = self._current()
        if not self._has_batch:
            return  # the file was replaced under us, and what we held open is gone with it
        connection.execute(f"PRAGMA user_version = {state_after(state_of(connection))}")
        connection.execute("COMMIT")
        self._has_batch = False
        self._noted.clear()

    def _drop(self) -> None:
        self._has_batch = False
        self._noted.close()
        super()._drop()

    def _ask_for_the_turn(self) -> None:
        """It is ours: the others ask us."""

    def _see_what_is_noted(self) -> None:
        if not self._has_batch:
            self._redo_what_is_due()

    def _hang_up_bell(self) -> None:
        """Where there can be no bell, or no longer, every transaction is committed by itself."""
        if self._bell is not None and self._bell.is_there():
            return
        try:
            bell = Bell(Path(f"{self.path}{BELL}"))
        except OSError as error:
            log.info("%s: no named pipe can be made beside it (%s); every step is committed at once", self.path, error)
            return
        if self._bell is not None:
            self._bell.close()
        self._bell = bell
