"""What was done to files (for undo), and what people said about frames (for training)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nebulift_daemon.ledger.clock import utc_now
from nebulift_daemon.ledger.database import Database, Transaction, as_path
from nebulift_daemon.ledger.progress import add_action, place
from nebulift_daemon.ledger.rows import signature_of
from nebulift_daemon.sighting import Sighting

HAND = "hand"  # a person moved the file with a file manager


@dataclass(frozen=True, slots=True)
class Action:
    """One act on one file, as it was carried out."""

    id: int
    frame_id: int
    act: str  # link, move, copy, symlink; ``hand`` when a person did it
    source: Path
    destination: Path
    at: str


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """What a person decided about a frame."""

    frame_id: int
    path: Path  # where the frame appeared
    file: Path | None  # where it lies now in the output tree
    sha256: str | None
    label: str
    kind: str | None  # the cause, when the person named one
    source: str  # ``hand``, ``terminal``, ``web`` or ``capture``
    at: str


class History:
    """Reads and writes actions and human labels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def actions_since(self, moment: str) -> list[Action]:
        """What was done since then and not undone, newest first; ``moment`` as ``clock.as_text`` writes it."""
        return self._actions("at >= ?", moment)

    def actions_of(self, frame_id: int) -> list[Action]:
        """What was done to this frame and not undone, newest first."""
        return self._actions("frame_id = ?", frame_id)

    def filing_undone(self, action: Action, back_at: Sighting | None) -> None:
        """The frame is no longer in the output tree; ``back_at`` when it was moved back to where it appeared. Durable.

        What people decided about it stays known. The daemon leaves an undone frame alone.
        """
        with self._database.transaction(durable=True) as writing:
            _mark_undone(writing, action)
            place(writing, action.frame_id, None, "undone")
            if back_at is not None:
                writing.change("UPDATE frames SET signature = ? WHERE id = ?", (signature_of(back_at), action.frame_id))

    def refiling_undone(self, action: Action, at: Sighting, label: str) -> None:
        """A decision was taken back: the frame lies under its earlier label again. Durable."""
        with self._database.transaction(durable=True) as writing:
            _mark_undone(writing, action)
            place(writing, action.frame_id, at, "filed")
            writing.change("UPDATE frames SET label = ? WHERE id = ?", (label, action.frame_id))
            writing.change(
                "UPDATE labels SET withdrawn_at = ? WHERE frame_id = ? AND at >= ?",
                (utc_now(), action.frame_id, action.at),
            )

    def decided(self, frame_id: int, label: str, kind: str | None, source: str) -> None:
        """A person's decision about a frame that stays where it is. Durable."""
        with self._database.transaction(durable=True) as writing:
            _add_label(writing, frame_id, label, kind, source)
            writing.change("UPDATE frames SET label = ?, state = 'reviewed' WHERE id = ?", (label, frame_id))

    def refiled(self, frame_id: int, label: str, kind: str | None, source: str, before: Path, now_at: Sighting) -> bool:
        """A person's decision that moved the frame within the output tree, by their own hand or ours. Durable.

        False when somebody else has noted the same move in the meantime: then nothing is written.
        """
        with self._database.transaction(durable=True) as writing:
            row = writing.rows("SELECT destination_folder, destination_name FROM frames WHERE id = ?", (frame_id,))
            if not row or row[0][0] is None or as_path(row[0][0]) / as_path(row[0][1]) != before:
                return False
            add_action(writing, frame_id, HAND if source == HAND else "move", before, now_at.path)
            place(writing, frame_id, now_at, "reviewed")
            _add_label(writing, frame_id, label, kind, source)  # after the act, so that undoing the act withdraws it
            writing.change("UPDATE frames SET label = ? WHERE id = ?", (label, frame_id))
        return True

    def decisions_of(self, frame_id: int) -> list[tuple[int, str, str]]:
        """(id, label, time) of what people decided about a frame and did not take back, newest first."""
        return self._database.rows(
            "SELECT id, label, at FROM labels WHERE frame_id = ? AND withdrawn_at IS NULL ORDER BY id DESC", (frame_id,)
        )

    def last_decided_by(self, source: str) -> int | None:
        """The frame about which ``source`` decided last, did not take it back, and nobody else decided since.

        Frames that are gone do not count: nothing of theirs can be taken back.
        """
        rows = self._database.rows(
            "SELECT l.frame_id FROM labels l JOIN frames f ON f.id = l.frame_id"
            " WHERE l.source = ? AND f.state != 'gone'"
            " AND l.id = (SELECT max(id) FROM labels WHERE frame_id = f.id AND withdrawn_at IS NULL)"
            " ORDER BY l.id DESC LIMIT 1",
            (source,),
        )
        return int(rows[0][0]) if rows else None

    def decision_undone(self, frame_id: int, decision_id: int, label: str, state: str) -> None:
        """A decision that left the frame in its place was taken back: label and state are as before it. Durable."""
        with self._database.transaction(durable=True) as writing:
            writing.change("UPDATE labels SET withdrawn_at = ? WHERE id = ?", (utc_now(), decision_id))
            writing.change("UPDATE frames SET label = ?, state = ? WHERE id = ?", (label, state, frame_id))

    def moved(self, frame_id: int, now_at: Sighting) -> None:
        """A person moved the frame within its label's folder: no decision, only another place."""
        with self._database.transaction() as writing:
            decided = writing.rows(
                "SELECT 1 FROM labels WHERE frame_id = ? AND withdrawn_at IS NULL LIMIT 1", (frame_id,)
            )
            place(writing, frame_id, now_at, "reviewed" if decided else "filed")

    def labels(self, since: str = "") -> list[HumanLabel]:
        """The decision that holds for each frame people decided about: the last one that was not withdrawn."""
        rows = self._database.rows(
            "SELECT l.frame_id, f.folder, f.name, f.destination_folder, f.destination_name, f.sha256,"
            " l.label, l.kind, l.source, l.at FROM labels l JOIN frames f ON f.id = l.frame_id"
            " WHERE l.id IN (SELECT max(id) FROM labels WHERE withdrawn_at IS NULL GROUP BY frame_id)"
            " AND l.at >= ? ORDER BY l.at",
            (since,),
        )
        return [_human_label(row) for row in rows]

    def _actions(self, where: str, value: str | int) -> list[Action]:
        rows = self._database.rows(
            f"SELECT id, frame_id, act, source, destination, at FROM actions"  # noqa: S608
            f" WHERE {where} AND undone_at IS NULL ORDER BY id DESC",
            (value,),
        )
        return [
            Action(action_id, frame_id, act, as_path(source), as_path(destination), at)
            for action_id, frame_id, act, source, destination, at in rows
        ]


def _mark_undone(writing: Transaction, action: Action) -> None:
    writing.change("UPDATE actions SET undone_at = ? WHERE id = ?", (utc_now(), action.id))


def _add_label(writing: Transaction, frame_id: int, label: str, kind: str | None, source: str) -> None:
    writing.insert(
        "INSERT INTO labels (frame_id, label, kind, source, at) VALUES (?, ?, ?, ?, ?)",
        (frame_id, label, kind, source, utc_now()),
    )


def _human_label(row: Sequence[Any]) -> HumanLabel:
    frame_id, folder, name, at_folder, at_name, sha256, label, kind, source, at = row
    file = None if at_folder is None else as_path(at_folder) / as_path(at_name)
    return HumanLabel(frame_id, as_path(folder) / as_path(name), file, sha256, label, kind, source, at)
