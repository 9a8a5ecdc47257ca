"""Questions of the review page and of the night's report: many frames at once, in the order of their exposures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nebulift_daemon.ledger.database import Database, Row
from nebulift_daemon.ledger.frames import OUT_OF_ORDER
from nebulift_daemon.ledger.redo_log import Value
from nebulift_daemon.ledger.rows import COLUMNS, FrameRow, frame_row, unpacked

HERE = "f.state IN ('judged', 'filed', 'reviewed', 'undone')"  # frames with a verdict that have not vanished
VALID_LABEL = "l.id = (SELECT max(id) FROM labels WHERE frame_id = f.id AND withdrawn_at IS NULL)"
# what each list of the review page shows; the queue is what still waits for a person
LISTS = {
    "queue": "f.state IN ('judged', 'filed') AND f.label = 'review'",
    "contaminated": f"{HERE} AND f.label = 'contaminated'",
    "clean": f"{HERE} AND f.label = 'clean'",
    "all": f"{HERE} AND f.label IS NOT NULL",
    "decided": f"{HERE} AND l.id IS NOT NULL",
}


RECORD = ", (SELECT record FROM records WHERE frame_id = f.id)"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said about a frame, the last time."""

    label: str
    kind: str | None
    source: str
    at: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame and the decision that holds for it."""

    row: FrameRow
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A frame, the decision that holds for it, and its judgement as ``judgement.as_record`` gave it."""

    row: FrameRow
    decision: Decision | None
    record: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which frames to list: one of ``LISTS``, a stretch of time as the ledger writes it, a kind of finding.

    "" = open, every kind.
    """

    name: str = "queue"
    begin: str = ""
    end: str = ""
    kind: str = ""

    def condition(self) -> tuple[str, list[Value]]:
        """The WHERE clause over frames ``f`` and valid labels ``l``, and its values. Raises ``KeyError``."""
        clauses, values = [LISTS[self.name]], list[Value]()
        for bound, test in ((self.begin, ">="), (self.end, "<")):
            if bound:
                clauses.append(f"f.taken_at {test} ?")
                values.append(bound)
        if self.kind:
            clauses.append("(' ' || f.kinds || ' ' LIKE ? OR l.kind = ?)")
            values += [f"% {self.kind} %", self.kind]
        return " AND ".join(clauses), values


class Browsing:
    """Reads the frames' table for people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def taken_between(self, begin: str, end: str) -> Iterator[Recorded]:
        """Every frame of that stretch of time that was judged, skipped ones and vanished ones too, in order of time."""
        rows = self._rows(RECORD, "f.judged_at IS NOT NULL AND f.taken_at >= ? AND f.taken_at < ?", (begin, end))
        return (Recorded(*_shown(row[:-1]), record=_record(row[-1])) for row in rows)

    def of_group(self, group: str, begin: str, end: str) -> Iterator[Recorded]:
        """The light frames of one session group in that stretch of time, in order of time."""
        where = f"{HERE} AND f.session_group = ? AND f.taken_at >= ? AND f.taken_at < ?"
        rows = self._rows(RECORD, where, (group, begin, end))
        return (Recorded(*_shown(row[:-1]), record=_record(row[-1])) for row in rows)

    def around(self, frame: FrameRow, each_side: int) -> list[Recorded]:
        """The frame and its nearest neighbours in time within its session group, in order of time."""
        where = f"{HERE} AND f.label IS NOT NULL AND f.session_group IS ? AND (f.taken_at, f.id)"
        values = (frame.session_group, frame.taken_at, frame.id)
        earlier, later = (
            self._rows(RECORD, f"{where} {test} (?, ?)", values, f"{order} LIMIT {each_side:d}")
            for test, order in (("<", "f.taken_at DESC, f.id DESC"), (">", "f.taken_at, f.id"))
        )
        itself = self._rows(RECORD, "f.id = ?", (frame.id,))
        rows = (*reversed(earlier), *itself, *later)
        return [Recorded(*_shown(row[:-1]), record=_record(row[-1])) for row in rows]

    def rows_around(self, frame: FrameRow, each_side: int) -> list[FrameRow]:
        """As ``around``, the rows alone: they cost a hundredth of the judgements."""
        where = f"{HERE} AND f.label IS NOT NULL AND f.session_group IS ? AND (f.taken_at, f.id)"
        values = (frame.session_group, frame.taken_at, frame.id)
        earlier = self._rows("", f"{where} < (?, ?)", values, f"f.taken_at DESC, f.id DESC LIMIT {each_side:d}")
        later = self._rows("", f"{where} > (?, ?)", values, f"f.taken_at, f.id LIMIT {each_side:d}")
        itself = self._rows("", "f.id = ?", (frame.id,))
        return [_shown(row)[0] for row in (*reversed(earlier), *itself, *later)]

    def listed(self, wanted: Wanted, offset: int, limit: int, *, newest_first: bool = False) -> list[Shown]:
        """One page of a list, in order of time. Raises ``KeyError`` for a list that there is not."""
        where, values = wanted.condition()
        direction = "DESC" if newest_first else "ASC"
        order = f"f.taken_at {direction}, f.id {direction} LIMIT {limit:d} OFFSET {offset:d}"
        return [Shown(*_shown(row)) for row in self._rows("", where, values, order)]

    def ids(self, wanted: Wanted) -> list[int]:
        """The ids of a whole list, in order of time. Raises ``KeyError`` for a list that there is not."""
        where, values = wanted.condition()
        sql = f"SELECT f.id FROM frames f LEFT JOIN labels l ON {VALID_LABEL} WHERE {where} ORDER BY f.taken_at, f.id"  # noqa: S608
        return [frame_id for (frame_id,) in self._database.rows(sql, values)]

    def shown(self, frame_id: int) -> Shown | None:
        """One frame and the decision that holds for it."""
        rows = self._rows("", "f.id = ?", (frame_id,))
        return Shown(*_shown(rows[0])) if rows else None

    def counts(self, begin: str = "", end: str = "") -> dict[str, int]:
        """How many frames each of ``LISTS`` holds in that stretch of time."""
        where, values = Wanted("all", begin, end).condition()
        sums = ", ".join(f"count(CASE WHEN {clause} THEN 1 END)" for clause in LISTS.values())
        sql = f"SELECT {sums} FROM frames f LEFT JOIN labels l ON {VALID_LABEL} WHERE {where}"  # noqa: S608
        return dict(zip(LISTS, self._database.rows(sql, values)[0], strict=True))

    def nights(self, ahead_minutes: int) -> list[tuple[str, int, int]]:
        """(date of the evening, frames, frames in the queue) of each night, newest first.

        ``ahead_minutes``: by how much local time is ahead of UTC; a night goes from noon to noon.
        """
        shift = f"{ahead_minutes - 12 * 60:+d} minutes"
        sql = (
            f"SELECT date(f.taken_at, ?), count(*), count(CASE WHEN {LISTS['queue']} THEN 1 END) FROM frames f"  # noqa: S608
            f" WHERE {HERE} AND f.label IS NOT NULL AND f.taken_at IS NOT NULL GROUP BY 1 ORDER BY 1 DESC"
        )
        return [(night, frames, queued) for night, frames, queued in self._database.rows(sql, (shift,)) if night]

    def last_taken(self) -> str | None:
        """When the newest frame with a verdict was taken."""
        rows = self._database.rows(
            "SELECT max(taken_at) FROM frames WHERE judged_at IS NOT NULL AND state != 'skipped'"
        )
        taken_at = rows[0][0]
        return None if taken_at is None else str(taken_at)

    def last_judged(self) -> str | None:
        """When the newest verdict was given."""
        rows = self._database.rows(
            "SELECT max(judged_at) FROM (SELECT judged_at FROM frames"
            " WHERE state != 'skipped' AND judged_at IS NOT NULL ORDER BY id DESC LIMIT ?)",
            (OUT_OF_ORDER,),
        )
        return None if rows[0][0] is None else str(rows[0][0])

    def newest_records(self, number: int) -> list[dict[str, Any]]:
        """The judgements of the frames that were taken last."""
        rows = self._database.rows(
            "SELECT record FROM frames JOIN records ON frame_id = id WHERE taken_at IS NOT NULL"
            " ORDER BY taken_at DESC LIMIT ?",
            (number,),
        )
        return [unpacked(record) for (record,) in rows]

    def version(self) -> int:
        """A number that differs after another process or connection has written to the ledger."""
        return int(self._database.rows("PRAGMA data_version")[0][0])

    def _rows(self, extra: str, where: str, values: Sequence[Value], order: str = "f.taken_at, f.id") -> list[Row]:
        columns = ", ".join(f"f.{name.strip()}" for name in COLUMNS.split(","))
        return self._database.rows(
            f"SELECT {columns}, l.label, l.kind, l.source, l.at{extra} FROM frames f"  # noqa: S608
            f" LEFT JOIN labels l ON {VALID_LABEL} WHERE {where} ORDER BY {order}",
            values,
        )


def _shown(row: Row) -> tuple[FrameRow, Decision | None]:
    label, kind, source, at = row[-4:]
    return frame_row(row[:-4]), None if label is None else Decision(label, kind, source, at)


def _record(stored: bytes | None) -> dict[str, Any] | None:
    return None if stored is None else unpacked(stored)
