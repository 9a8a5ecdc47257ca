"""What the ledger remembers from day to day beside the frames: session states, folders, its own identity."""

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nebulift_daemon.ledger.clock import utc_now
from nebulift_daemon.ledger.database import Database, as_path, as_value, read_without_touching
from nebulift_daemon.ledger.rows import packed, unpacked

LOOKBACKS = "lookbacks"  # name of the fact

LEDGER_NAME = "ledger.sqlite3"


class Memory:
    """Reads and writes session states and facts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sessions(self, most: int) -> dict[str, Any]:
        """The newest session states, group by group; newest by the order of writing, since clocks jump."""
        rows = self._database.rows("SELECT session_group, state FROM sessions ORDER BY rowid DESC LIMIT ?", (most,))
        return {group: unpacked(state) for group, state in rows}

    def keep_sessions(self, states: dict[str, Any], most: int) -> None:
        """Remember these groups' states and forget all but the newest ``most``."""
        with self._database.transaction() as writing:
            for group, state in states.items():
                writing.change(
                    "INSERT OR REPLACE INTO sessions (session_group, state, updated_at) VALUES (?, ?, ?)",
                    (group, packed(state), utc_now()),
                )
            writing.change(
                "DELETE FROM sessions WHERE session_group NOT IN"
                " (SELECT session_group FROM sessions ORDER BY rowid DESC LIMIT ?)",
                (most,),
            )

    def identity(self) -> str:
        """A name that no other ledger has; made at the first call."""
        with self._database.transaction(durable=True) as writing:
            writing.change("INSERT OR IGNORE INTO facts VALUES ('identity', ?)", (uuid.uuid4().hex,))
            return str(writing.rows("SELECT value FROM facts WHERE name = 'identity'")[0][0])

    def lookbacks(self) -> dict[str, dict[str, Any]]:
        """Night by night, how far the daemon has come with looking back on it."""
        return self.fact(LOOKBACKS)

    def keep_lookbacks(self, nights: dict[str, dict[str, Any]]) -> None:
        """What ``lookbacks`` is to give from now on."""
        self.keep_fact(LOOKBACKS, nights)

    def fact(self, name: str) -> dict[str, Any]:
        """What ``keep_fact`` was told last under this name; empty when nothing was."""
        rows = self._database.rows("SELECT value FROM facts WHERE name = ?", (name,))
        return dict(unpacked(rows[0][0])) if rows else {}

    def keep_fact(self, name: str, facts: dict[str, Any]) -> None:
        """Remember JSON-ready facts under a name."""
        with self._database.transaction() as writing:
            writing.change("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, packed(facts)))

    def keep_folders(self, folders: Iterable[Path]) -> None:
        """Remember that these folders were there: from now on a missing one is a disk that is not plugged in."""
        with self._database.transaction() as writing:
            for folder in folders:
                name = f"folder {folder}".encode("utf-8", "surrogateescape")
                writing.change("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, as_value(folder)))

    def has_folder(self, folder: Path) -> bool:
        """Whether ``keep_folders`` was told of this folder, now or in an earlier run."""
        rows = self._database.rows(
            "SELECT 1 FROM facts WHERE CAST(name AS TEXT) LIKE 'folder %' AND value = ?", (as_value(folder),)
        )
        return bool(rows)


def remembered_folders(state_folder: Path) -> frozenset[Path]:
    """The folders that the ledger in ``state_folder`` has seen; empty when there is none. Nothing is made."""
    ledger = state_folder / LEDGER_NAME
    if not ledger.is_file():
        return frozenset()
    rows = read_without_touching(ledger, "SELECT value FROM facts WHERE CAST(name AS TEXT) LIKE 'folder %'")
    return frozenset(as_path(value) for (value,) in rows)
