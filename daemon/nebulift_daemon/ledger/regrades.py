"""What hindsight says of frames: proposed, put in force, taken back. Never a person's label, never training data.

A regrade keeps the judgement of its frame that is not in force: until it is applied the new one, afterwards the one
before. Applying and taking back are one and the same exchange, so that no judgement is ever lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nebulift_daemon.ledger.clock import utc_now
from nebulift_daemon.ledger.database import Database, Row, Transaction, as_path, as_value
from nebulift_daemon.ledger.progress import Judged, add_action, drop_adopted, keep_record, place
from nebulift_daemon.ledger.redo_log import Value
from nebulift_daemon.ledger.rows import packed
from nebulift_daemon.sighting import Sighting

REGRADE = "regrade"  # the act of a frame that hindsight moved within the output tree, or left in its place
EXCHANGED = ("label", "score", "kinds", "reason", "model", "session_group", "file_by")
COLUMNS = "r.id, r.frame_id, r.night, r.state, r.label_before, r.label_after, r.score, r.reason, r.planned, r.act"
UNDECIDED = "NOT EXISTS (SELECT 1 FROM labels WHERE frame_id = f.id AND withdrawn_at IS NULL)"
STANDS = f"f.state = 'filed' AND f.label = r.label_before AND {UNDECIDED}"  # nobody was there before us


@dataclass(frozen=True, slots=True)
class Proposal:
    """A frame that is judged otherwise with its whole session known."""

    frame_id: int
    label_before: str
    judged: Judged


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A group of one night, and what it consisted of when it was looked back on."""

    night: str
    group: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Regrade:
    """One frame's second judgement, and how far it has come."""

    id: int
    frame_id: int
    night: str
    state: str  # proposed, begun, applied, undoing, undone
    before: str
    after: str
    score: float | None  # of the judgement that is not in force, like ``reason``
    reason: str | None
    planned: Path | None  # where the frame is going to lie, ``None``: it stays
    act: str | None  # how it gets there


class Regrades:
    """Reads and writes regrades."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_looked_back(self, at: LookedAt) -> bool:
        """Whether this group was looked back on when it was what it is now."""
        values = (at.night, at.group, at.fingerprint)
        where = "night = ? AND session_group = ? AND fingerprint = ?"
        return bool(self._database.rows(f"SELECT 1 FROM lookbacks WHERE {where}", values))  # noqa: S608

    def looked_back(self, at: LookedAt, frames: Sequence[int], proposals: Sequence[Proposal]) -> None:
        """These proposals take the place of what was proposed for ``frames``, the whole group, before. Durable.

        What a person took back and would be proposed again stays taken back.
        """
        by_frame = {one.frame_id: one for one in proposals}
        with self._database.transaction(durable=True) as writing:
            for frame_id in frames:
                _propose(writing, at.night, frame_id, by_frame.get(frame_id))
            writing.change(
                "INSERT OR REPLACE INTO lookbacks VALUES (?, ?, ?, ?)", (at.night, at.group, at.fingerprint, utc_now())
            )

    def proposed(self, night: str, *, undone_too: bool = False) -> list[Regrade]:
        """What is to be changed in a night, in order of time; ``undone_too``: and what a person once took back."""
        states = "('proposed', 'undone')" if undone_too else "('proposed')"
        return self._select(f"r.night = ? AND r.state IN {states} AND {STANDS}", (night,))

    def waiting(self) -> list[tuple[str, int]]:
        """(night, frames that would be graded otherwise), newest night first."""
        rows = self._database.rows(
            "SELECT r.night, count(*) FROM regrades r JOIN frames f ON f.id = r.frame_id"  # noqa: S608
            f" WHERE r.state IN ('proposed', 'begun') AND {STANDS} GROUP BY 1 ORDER BY 1 DESC"
        )
        return [(str(night), int(number)) for night, number in rows]

    def unfinished(self) -> list[Regrade]:
        """What was cut short, by a crash or by being at work at this moment."""
        return self._select("r.state IN ('begun', 'undoing')")

    def under_way(self, frame_id: int) -> Regrade | None:
        """The regrade because of which this frame is just being moved."""
        return next(iter(self._select("r.frame_id = ? AND r.state IN ('begun', 'undoing')", (frame_id,))), None)

    def of_action(self, action_id: int) -> Regrade | None:
        """The regrade that an action was the deed of."""
        return next(iter(self._select("r.action_id = ?", (action_id,))), None)

    def begin(self, regrade: Regrade, before: Path | None, planned: Path | None, act: str) -> bool:
        """The intention, before anything moves; False when the frame is not as it was proposed for. Durable."""
        with self._database.transaction(durable=True) as writing:
            if not _stands(writing, regrade.id, "('proposed', 'undone', 'begun')", before):
                return False
            writing.change(
                "UPDATE regrades SET state = 'begun', planned = ?, act = ?, file_by = CASE ? WHEN 'regrade' THEN"
                " (SELECT file_by FROM frames WHERE id = frame_id) ELSE ? END WHERE id = ?",
                (None if planned is None else as_value(planned), act, act, act, regrade.id),
            )
        return True

    def give_up(self, regrade: Regrade) -> None:
        """Nothing has moved: what was begun is a proposal again, what was to be taken back is in force."""
        with self._database.transaction(durable=True) as writing:
            writing.change(
                "UPDATE regrades SET planned = NULL, act = CASE state WHEN 'begun' THEN NULL ELSE act END,"
                " state = CASE state WHEN 'begun' THEN 'proposed' ELSE 'applied' END"
                " WHERE id = ? AND state IN ('begun', 'undoing')",
                (regrade.id,),
            )

    def applied(self, regrade: Regrade, source: Path, at: Sighting | None) -> bool:
        """The second judgement is in force, and the frame lies ``at`` (``None``: where it was, at ``source``). Durable.

        False when a person has decided in the meantime: then nothing is written.
        """
        with self._database.transaction(durable=True) as writing:
            ((frame_id, state, act),) = writing.rows(
                "SELECT frame_id, state, act FROM regrades WHERE id = ?", (regrade.id,)
            )
            if state == "applied":
                return True  # noted by whoever saw the frame in its new place first
            if not _stands(writing, regrade.id, "('begun')"):
                return False
            if at is not None:
                drop_adopted(writing, at)
                place(writing, frame_id, at, "filed")
            action = add_action(writing, frame_id, act, source, source if at is None else at.path)
            _exchange(writing, regrade.id, frame_id)
            writing.change(
                "UPDATE regrades SET state = 'applied', planned = NULL, action_id = ?, at = ? WHERE id = ?",
                (action, utc_now(), regrade.id),
            )
        return True

    def undo_begun(self, regrade: Regrade, planned: Path | None) -> None:
        """The intention to take it back, before anything moves. Durable."""
        with self._database.transaction(durable=True) as writing:
            value = None if planned is None else as_value(planned)
            writing.change("UPDATE regrades SET state = 'undoing', planned = ? WHERE id = ?", (value, regrade.id))

    def undone(self, regrade: Regrade, at: Sighting | None, *, signature: str | None = None) -> None:
        """The earlier judgement is in force again, and the frame lies ``at``; ``None``: it is not filed. Durable.

        What people decided after the regrade is withdrawn with it. ``signature``: of a frame that is back where it
        appeared.
        """
        with self._database.transaction(durable=True) as writing:
            ((frame_id, state, action),) = writing.rows(
                "SELECT frame_id, state, action_id FROM regrades WHERE id = ?", (regrade.id,)
            )
            if state == "undone":
                return
            ((done_at,),) = writing.rows("SELECT at FROM actions WHERE id = ?", (action,))
            now = utc_now()
            writing.change("UPDATE actions SET undone_at = ? WHERE id = ?", (now, action))
            writing.change(
                "UPDATE labels SET withdrawn_at = ? WHERE frame_id = ? AND at >= ?", (now, frame_id, done_at)
            )
            place(writing, frame_id, at, "filed")
            if signature is not None:
                writing.change("UPDATE frames SET signature = ? WHERE id = ?", (signature, frame_id))
            _exchange(writing, regrade.id, frame_id)
            writing.change("UPDATE regrades SET state = 'undone', planned = NULL WHERE id = ?", (regrade.id,))

    def newest_frame(self, begin: str, end: str) -> int | None:
        """The frame with a verdict that was met last, of those taken in a stretch of time."""
        where = "label IS NOT NULL AND judged_at IS NOT NULL AND taken_at >= ? AND taken_at < ?"
        rows = self._database.rows(f"SELECT max(id) FROM frames WHERE {where}", (begin, end))  # noqa: S608
        return None if rows[0][0] is None else int(rows[0][0])

    def _select(self, where: str, values: Sequence[Value] = ()) -> list[Regrade]:
        rows = self._database.rows(
            f"SELECT {COLUMNS} FROM regrades r JOIN frames f ON f.id = r.frame_id"  # noqa: S608
            f" WHERE {where} ORDER BY f.taken_at, f.id",
            values,
        )
        return [_regrade(row) for row in rows]


def _regrade(row: Row) -> Regrade:
    regrade = Regrade(*row)
    return regrade if row[-2] is None else replace(regrade, planned=as_path(row[-2]))


def _stands(writing: Transaction, regrade_id: int, states: str, before: Path | None = None) -> bool:
    """Whether the frame still is what the regrade was made for, and lies at ``before`` where that is given."""
    rows = writing.rows(
        "SELECT f.destination_folder, f.destination_name FROM regrades r JOIN frames f ON f.id = r.frame_id"  # noqa: S608
        f" WHERE r.id = ? AND r.state IN {states} AND {STANDS}",
        (regrade_id,),
    )
    if not rows or before is None:
        return bool(rows)
    folder, name = rows[0]
    return folder is not None and as_path(folder) / as_path(name) == before


def _propose(writing: Transaction, night: str, frame_id: int, proposal: Proposal | None) -> None:
    """Have exactly this proposal, or none, for a frame."""
    label = None if proposal is None else proposal.judged.label
    writing.change(
        "DELETE FROM regrades WHERE frame_id = ?"
        " AND (state = 'proposed' OR (state = 'undone' AND label_after IS NOT ?))",
        (frame_id, label),
    )
    if proposal is None or writing.rows(
        "SELECT 1 FROM regrades WHERE frame_id = ? AND state IN ('begun', 'undoing', 'undone')", (frame_id,)
    ):
        return
    record = proposal.judged.record
    writing.insert(
        "INSERT INTO regrades (frame_id, night, state, label_before, label_after, label, score, kinds, reason, model,"
        " session_group, record, at) VALUES (?, ?, 'proposed', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            frame_id,
            night,
            proposal.label_before,
            label,
            label,
            record.get("score"),
            " ".join(record.get("kinds") or ()),
            record.get("reason"),
            record.get("model"),
            proposal.judged.session_group,
            packed(record),
            utc_now(),
        ),
    )


def _exchange(writing: Transaction, regrade_id: int, frame_id: int) -> None:
    """The judgement in force and the kept one change places."""
    columns = ", ".join(EXCHANGED)
    (kept,) = writing.rows(f"SELECT {columns} FROM regrades WHERE id = ?", (regrade_id,))  # noqa: S608
    (valid,) = writing.rows(f"SELECT {columns} FROM frames WHERE id = ?", (frame_id,))  # noqa: S608
    settings = ", ".join(f"{column} = ?" for column in EXCHANGED)
    writing.change(f"UPDATE frames SET {settings} WHERE id = ?", (*kept, frame_id))  # noqa: S608
    writing.change(f"UPDATE regrades SET {settings} WHERE id = ?", (*valid, regrade_id))  # noqa: S608
    ((kept_record,),) = writing.rows("SELECT record FROM regrades WHERE id = ?", (regrade_id,))
    writing.change(
        "UPDATE regrades SET record = (SELECT record FROM records WHERE frame_id = ?) WHERE id = ?",
        (frame_id, regrade_id),
    )
    keep_record(writing, frame_id, kept_record)
