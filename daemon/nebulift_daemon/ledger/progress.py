"""A frame's way through the ledger, ``seen -> judged -> filed -> reviewed``: one method a step, one transaction each.

A frame is its bytes: the same name with other bytes is another row. Before a frame is hashed, inode, size and time
stand for its bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nebulift.errors import LedgerError
from nebulift_daemon.ledger.clock import file_time, utc_now
from nebulift_daemon.ledger.database import Database, Row, Transaction, as_value
from nebulift_daemon.ledger.rows import COLUMNS, frame_row, packed, signature_of, taken_at_of
from nebulift_daemon.sighting import Sighting


@dataclass(frozen=True, slots=True)
class Claim:
    """A frame that is ours to judge now."""

    frame_id: int
    tries: int  # how often it was tried before
    error: str | None  # what became of the last try
    known_sha256: tuple[str, ...]  # of earlier frames of this path and size: equal bytes need no second judgement


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging a frame gave, as it goes into the ledger."""

    sha256: str | None
    record: dict[str, Any]
    label: str | None  # ``None``: skipped, not a light frame
    session_group: str | None = None


class Progress:
    """Writes the frames' table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, sighting: Sighting, root: Path, *, undone_too: bool = False) -> Claim | None:
        """Take a frame in hand and count the try; ``None`` when it has been judged already."""
        claimable = {"seen", "failed", "undone"} if undone_too else {"seen", "failed"}
        folder, name = as_value(sighting.path.parent), as_value(Path(sighting.path.name))
        with self._database.transaction() as writing:
            rows = writing.rows(
                "SELECT id, state, tries, error, signature FROM frames WHERE folder = ? AND name = ?", (folder, name)
            )
            same = [row for row in rows if row[4] == signature_of(sighting)]
            unfinished = [row for row in same if row[1] in claimable]
            if same and not unfinished:
                return None
            if unfinished:
                frame_id, _, tries, error, _ = unfinished[0]
                writing.change("UPDATE frames SET tries = tries + 1 WHERE id = ?", (frame_id,))
            else:
                tries, error = 0, None
                frame_id = writing.insert(
                    "INSERT INTO frames (root, folder, name, signature, size_bytes, state, tries, seen_at)"
                    " VALUES (?, ?, ?, ?, ?, 'seen', 1, ?)",
                    (as_value(root), folder, name, signature_of(sighting), sighting.size_bytes, utc_now()),
                )
            known = writing.rows(
                "SELECT DISTINCT sha256 FROM frames WHERE folder = ? AND name = ? AND size_bytes = ?"
                " AND sha256 IS NOT NULL AND state != 'undone'",
                (folder, name, sighting.size_bytes),
            )
        return Claim(frame_id, tries, error, tuple(sha256 for (sha256,) in known))

    def give_back(self, frame_id: int) -> None:
        """The try did not count: the work was stopped from outside."""
        with self._database.transaction() as writing:
            writing.change("UPDATE frames SET tries = max(tries - 1, 0) WHERE id = ?", (frame_id,))

    def fail(self, frame_id: int, error: str) -> None:
        """Judging went wrong and may be tried again."""
        with self._database.transaction() as writing:
            writing.change("UPDATE frames SET state = 'failed', error = ? WHERE id = ?", (error, frame_id))

    def forget(self, frame_id: int) -> None:
        """The file vanished or changed before it was judged: there is no such frame."""
        with self._database.transaction() as writing:
            writing.change("DELETE FROM frames WHERE id = ? AND state IN ('seen', 'failed')", (frame_id,))

    def same_again(self, frame_id: int, sha256: str) -> None:
        """The bytes were judged before under this name: the earlier row takes the file's new inode and time."""
        with self._database.transaction() as writing:
            (folder, name, signature) = _one(
                writing.rows("SELECT folder, name, signature FROM frames WHERE id = ?", (frame_id,))
            )
            writing.change("DELETE FROM frames WHERE id = ?", (frame_id,))
            writing.change(
                "UPDATE frames SET signature = ? WHERE id = (SELECT max(id) FROM frames"
                " WHERE folder = ? AND name = ? AND sha256 = ?)",
                (signature, folder, name, sha256),
            )

    def judged(self, frame_id: int, judged: Judged, file_by: str | None, planned: Path | None) -> None:
        """Record the judgement and, before anything moves, the intention where to file it. Durable.

        Raises ``LedgerError`` when the row is gone, as after a damaged ledger was replaced.
        """
        record = judged.record
        state = "skipped" if judged.label is None else "judged"
        with self._database.transaction(durable=True) as writing:
            (signature,) = _one(writing.rows("SELECT signature FROM frames WHERE id = ?", (frame_id,)))
            changed = writing.change(
                "UPDATE frames SET state = ?, error = ?, sha256 = ?, label = ?, score = ?, kinds = ?, reason = ?,"
                " model = ?, session_group = ?, judged_at = ?, file_by = ?, planned = ?, taken_at = ?"
                " WHERE id = ?",
                (
                    state,
                    record.get("error"),
                    judged.sha256,
                    judged.label,
                    record.get("score"),
                    " ".join(record.get("kinds") or ()),
                    record.get("reason") or record.get("skipped"),
                    record.get("model"),
                    judged.session_group,
                    utc_now(),
                    file_by,
                    None if planned is None else as_value(planned),
                    taken_at_of(record, signature),
                    frame_id,
                ),
            )
            _expect_one(changed)
            keep_record(writing, frame_id, packed(record))

    def replan(self, frame_id: int, planned: Path) -> None:
        """Another destination than intended. Durable, like every intention."""
        with self._database.transaction(durable=True) as writing:
            _expect_one(writing.change("UPDATE frames SET planned = ? WHERE id = ?", (as_value(planned), frame_id)))

    def filed(self, frame_id: int, at: Sighting | None, act: str | None) -> None:
        """The frame is where its verdict says (``at``), or was left in place; ``act`` is what was done, for undo."""
        with self._database.transaction() as writing:
            row = frame_row(_one(writing.rows(f"SELECT {COLUMNS} FROM frames WHERE id = ?", (frame_id,))))  # noqa: S608
            if at is not None:
                drop_adopted(writing, at)
            # the intention is a fact now; a row that does not grow stays on its page
            writing.change("UPDATE frames SET filed_at = ?, planned = NULL WHERE id = ?", (utc_now(), frame_id))
            place(writing, frame_id, at, "filed")
            if act is not None and at is not None:
                add_action(writing, frame_id, act, row.path, at.path)

    def gone(self, frame_id: int, why: str, state: str = "gone") -> None:
        """The frame is not where we filed it, or vanished before we could; ``state`` may be ``undone`` instead."""
        with self._database.transaction() as writing:
            writing.change("UPDATE frames SET state = ?, error = ? WHERE id = ?", (state, why, frame_id))

    def adopt(self, root: Path, found: Sighting, label: str) -> None:
        """Enter a frame that lies in the output tree and that no row knows, as after the ledger was lost."""
        with self._database.transaction() as writing:
            frame_id = writing.insert(
                "INSERT INTO frames"
                " (root, folder, name, signature, size_bytes, state, label, reason, seen_at, filed_at, taken_at)"
                " VALUES (?, ?, ?, ?, ?, 'filed', ?, 'found in the output folder', ?, ?, ?)",
                (
                    as_value(root),
                    as_value(found.path.parent),
                    as_value(Path(found.path.name)),
                    signature_of(found),
                    found.size_bytes,
                    label,
                    utc_now(),
                    utc_now(),
                    file_time(found.mtime_ns),
                ),
            )
            place(writing, frame_id, found, "filed")


def place(writing: Transaction, frame_id: int, at: Sighting | None, state: str) -> None:
    """Note where the frame now lies, inside a transaction of the caller's."""
    changed = writing.change(
        "UPDATE frames SET state = ?, error = NULL, destination_folder = ?, destination_name = ?,"
        " destination_signature = ? WHERE id = ?",
        (
            state,
            None if at is None else as_value(at.path.parent),
            None if at is None else as_value(Path(at.path.name)),
            None if at is None else signature_of(at),
            frame_id,
        ),
    )
    _expect_one(changed)


def keep_record(writing: Transaction, frame_id: int, record: bytes | None) -> None:
    """Have this judgement, or none, for the frame, inside a transaction of the caller's."""
    if record is None:
        writing.change("DELETE FROM records WHERE frame_id = ?", (frame_id,))
    else:
        writing.change("INSERT OR REPLACE INTO records VALUES (?, ?)", (frame_id, record))


def drop_adopted(writing: Transaction, at: Sighting) -> None:
    """What was found in the output tree without a history has its history now."""
    writing.change(
        "DELETE FROM frames WHERE destination_folder = ? AND destination_name = ? AND judged_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM actions WHERE frame_id = frames.id)"
        " AND NOT EXISTS (SELECT 1 FROM labels WHERE frame_id = frames.id)",
        (as_value(at.path.parent), as_value(Path(at.path.name))),
    )


def add_action(writing: Transaction, frame_id: int, act: str, source: Path, destination: Path) -> int:
    """Note what was done to a file, for undo, inside a transaction of the caller's; the action's id."""
    return writing.insert(
        "INSERT INTO actions (frame_id, act, source, destination, at) VALUES (?, ?, ?, ?, ?)",
        (frame_id, act, as_value(source), as_value(destination), utc_now()),
    )


def _one(rows: Sequence[Row]) -> Row:
    _expect_one(len(rows))
    return rows[0]


class RowLost(LedgerError):
    """The frame's row is gone, as after a damaged ledger was replaced by a new one: no use to try again."""


def _expect_one(number: int) -> None:
    if number != 1:
        raise RowLost("the frame is no longer in the ledger; it is found and judged anew")
