"""The ledger: what happened to each frame, what people said, what sessions looked like. Never trusted over the disk.

``Ledger`` is one connection for one thread; several processes may have the ledger open. If it is lost, a new one is
built from the folders.
"""

from pathlib import Path

from nebulift_daemon.ledger.batching import BatchingDatabase
from nebulift_daemon.ledger.browsing import LISTS, Browsing, Decision, Recorded, Shown, Wanted
from nebulift_daemon.ledger.clock import as_text, utc_now
from nebulift_daemon.ledger.database import MEMORY, Database
from nebulift_daemon.ledger.frames import Frames
from nebulift_daemon.ledger.history import HAND, Action, History, HumanLabel
from nebulift_daemon.ledger.memory import LEDGER_NAME, Memory, remembered_folders
from nebulift_daemon.ledger.progress import Claim, Judged, Progress, RowLost
from nebulift_daemon.ledger.regrades import REGRADE, LookedAt, Proposal, Regrade, Regrades
from nebulift_daemon.ledger.rows import FrameRow, signature_of


class Ledger:
    """``frames`` answers questions, ``progress`` writes a frame's way, ``history`` deeds and labels, ``memory`` more;
    ``browsing`` answers the questions of people who look at many frames, ``regrades`` keeps what hindsight says.

    Every method of these raises ``LedgerError`` when the file cannot be used at the moment; call again later.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.frames = Frames(database)
        self.progress = Progress(database)
        self.history = History(database)
        self.memory = Memory(database)
        self.browsing = Browsing(database)
        self.regrades = Regrades(database)

    @classmethod
    def open(cls, state_folder: Path, *, busy_timeout_s: float = 30.0, check: bool = False) -> "Ledger":
        """The ledger of a state folder, made if there is none; ``check`` reads it through for damage first.

        A damaged ledger is renamed aside and a new one begun. Raises ``LedgerError``.
        """
        return cls(Database(state_folder / LEDGER_NAME, busy_timeout_s=busy_timeout_s, check=check))

    @classmethod
    def open_for_daemon(cls, state_folder: Path, *, busy_timeout_s: float = 30.0) -> "Ledger":
        """As ``open`` with ``check``, for the one process that holds the state folder's lock.

        It commits seldom and wears the card less; call ``hear`` often and ``commit`` when it is due.
        """
        return cls(BatchingDatabase(state_folder / LEDGER_NAME, busy_timeout_s=busy_timeout_s, check=True))

    def hear(self) -> None:
        """Let others read and write what they have asked for; never raises, does nothing most of the time."""
        self._database.hear()

    def commit(self) -> None:
        """Commit what is due."""
        self._database.commit()

    def commit_within_s(self) -> float | None:
        """In what time ``commit`` is due; ``None`` when there is nothing to commit."""
        return self._database.commit_within_s()

    def bell_descriptor(self) -> int | None:
        """To be waited on beside other things: readable when ``hear`` has something to hear."""
        return self._database.bell_descriptor()

    def copied_to_memory(self) -> "Ledger":
        """A copy to try things on; nothing done to it reaches the disk."""
        return Ledger(self._database.copied_to_memory())

    def close(self) -> None:
        self._database.close()


def new_ledger_in_memory() -> Ledger:
    """An empty ledger that ends with the process."""
    return Ledger(Database(MEMORY))


def has_ledger(state_folder: Path) -> bool:
    """Whether there is a ledger in this state folder."""
    return (state_folder / LEDGER_NAME).is_file()


__all__ = [
    "HAND",
    "LEDGER_NAME",
    "LISTS",
    "REGRADE",
    "Action",
    "Claim",
    "Decision",
    "FrameRow",
    "HumanLabel",
    "Judged",
    "Ledger",
    "LookedAt",
    "Proposal",
    "Recorded",
    "Regrade",
    "RowLost",
    "Shown",
    "Wanted",
    "as_text",
    "has_ledger",
    "new_ledger_in_memory",
    "remembered_folders",
    "signature_of",
    "utc_now",
]
