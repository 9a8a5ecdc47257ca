"""Questions to the frames' table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nebulift_daemon.folders import AT_ONCE
from nebulift_daemon.ledger.database import Database, Row, as_path, as_value
from nebulift_daemon.ledger.rows import COLUMNS, FrameRow, frame_row, signature_of, unpacked
from nebulift_daemon.sighting import Sighting

OUT_OF_ORDER = 1000  # rows among which the order of the ids need not be that of the verdicts
FILED_IN = "destination_folder = ? AND state IN ('filed', 'reviewed')"
LIST_LENGTHS = (1, 20, AT_ONCE)


class Frames:
    """Reads the frames' table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unknown(self, folder: Path, sightings: Sequence[Sighting], *, undone_too: bool = False) -> list[Sighting]:
        """Those of ``sightings``, all in ``folder``, that still have to be judged."""
        known: set[Row] = set()
        for first in range(0, len(sightings), AT_ONCE):
            names = _filled([as_value(Path(seen.path.name)) for seen in sightings[first : first + AT_ONCE]])
            known |= set(
                self._database.rows(
                    f"SELECT name, signature FROM frames WHERE folder = ? AND name IN ({', '.join('?' * len(names))})"  # noqa: S608
                    " AND state NOT IN ('seen', 'failed', ?)",
                    (as_value(folder), *names, "undone" if undone_too else ""),
                )
            )
        return [seen for seen in sightings if (as_value(Path(seen.path.name)), signature_of(seen)) not in known]

    def get(self, frame_id: int) -> FrameRow | None:
        return next(self._select("id = ?", (frame_id,)), None)

    def record(self, frame_id: int) -> dict[str, Any] | None:
        """The judgement as ``judgement.as_record`` gave it."""
        rows = self._database.rows("SELECT record FROM records WHERE frame_id = ?", (frame_id,))
        return unpacked(rows[0][0]) if rows else None

    def moved_since(self, moment: str) -> list[FrameRow]:
        """Frames that were moved away from where they appeared since then, and lie in the output tree."""
        where = (
            "file_by = 'move' AND filed_at >= ? AND state IN ('filed', 'reviewed') AND destination_folder IS NOT NULL"
        )
        return list(self._select(where, (moment,)))

    def waiting_to_file(self, after_id: int = 0, limit: int = 100) -> list[FrameRow]:
        """Frames judged and not filed, oldest first."""
        return list(self._select("state = 'judged' AND id > ?", (after_id,), f"id LIMIT {limit:d}"))

    def at_path(self, path: Path) -> list[FrameRow]:
        """All frames that ever appeared under this name, newest first."""
        return list(
            self._select("folder = ? AND name = ?", (as_value(path.parent), as_value(Path(path.name))), "id DESC")
        )

    def filed_at(self, destination: Path) -> FrameRow | None:
        """The frame that lies at ``destination`` in the output tree."""
        values = (as_value(destination.parent), as_value(Path(destination.name)))
        where = "destination_folder = ? AND destination_name = ? AND state IN ('filed', 'reviewed')"
        return next(self._select(where, values, "id DESC"), None)

    def filed_in(self, folder: Path, names: Sequence[str]) -> set[str]:
        """Those of ``names``, at most ``AT_ONCE``, under which a frame lies in this folder of the output tree."""
        values = _filled([as_value(Path(name)) for name in names])
        rows = self._database.rows(
            f"SELECT destination_name FROM frames WHERE {FILED_IN}"  # noqa: S608
            f" AND destination_name IN ({', '.join('?' * len(values))})",
            (as_value(folder), *values),
        )
        return {str(as_path(name)) for (name,) in rows}

    def number_filed_in(self, folder: Path) -> int:
        """Under how many names frames lie in this folder of the output tree."""
        rows = self._database.rows(
            f"SELECT count(DISTINCT destination_name) FROM frames WHERE {FILED_IN}",  # noqa: S608
            (as_value(folder),),
        )
        return int(rows[0][0])

    def names_filed_in(self, folder: Path) -> Iterator[str]:
        """The names of the frames that lie in this folder of the output tree, a part of them in memory at a time."""
        last: str | bytes = ""  # below every name, text or bytes
        while rows := self._database.rows(
            f"SELECT DISTINCT destination_name FROM frames WHERE {FILED_IN} AND destination_name > ?"  # noqa: S608
            " ORDER BY destination_name LIMIT ?",
            (as_value(folder), last, AT_ONCE),
        ):
            yield from (str(as_path(name)) for (name,) in rows)
            last = rows[-1][0]

    def destination_folders(self) -> list[Path]:
        """Every folder of the output tree in which a frame lies."""
        rows = self._database.rows(
            "SELECT DISTINCT destination_folder FROM frames"
            " WHERE destination_folder IS NOT NULL AND state IN ('filed', 'reviewed')"
        )
        return [as_path(folder) for (folder,) in rows]

    def missing_like(self, size_bytes: int) -> list[FrameRow]:
        """Frames of this size that vanished from the output tree: one of them may have turned up elsewhere."""
        return list(self._select("state = 'gone' AND size_bytes = ? AND destination_folder IS NOT NULL", (size_bytes,)))

    def is_planned(self, destination: Path) -> bool:
        """Whether a frame is just on its way to ``destination``."""
        place = as_value(destination)
        return bool(
            self._database.rows(
                "SELECT 1 FROM frames WHERE state = 'judged' AND planned = ?"
                " UNION ALL SELECT 1 FROM regrades WHERE state = 'begun' AND planned = ?",
                (place, place),
            )
        )

    def adopted_as(self, sighting: Sighting) -> FrameRow | None:
        """The entry of a file found in the output tree (see ``Progress.adopt``) that is this very file, by a link."""
        where = "destination_signature = ? AND state = 'filed' AND judged_at IS NULL"
        return next(self._select(where, (signature_of(sighting),)), None)

    def in_review(self, limit: int = 1000) -> list[FrameRow]:
        """The review queue, oldest first."""
        return list(self._select("state = 'filed' AND label = 'review'", (), f"id LIMIT {limit:d}"))

    def newest(self, limit: int) -> list[FrameRow]:
        """The frames judged last, newest first."""
        return list(self._select("judged_at IS NOT NULL", (), f"id DESC LIMIT {limit:d}"))

    def last_progress(self) -> str | None:
        """When a frame last got its verdict or its place."""
        ((progress,),) = self._database.rows(
            "SELECT max(max(judged_at, coalesce(filed_at, ''))) FROM"
            " (SELECT judged_at, filed_at FROM frames WHERE judged_at IS NOT NULL ORDER BY id DESC LIMIT ?)",
            (OUT_OF_ORDER,),
        )
        return None if progress is None else str(progress)

    def named(self, path: Path) -> list[FrameRow]:
        """The frames that a person means by ``path``: filed there, else appeared there, else all below that folder."""
        filed = self.filed_at(path)
        if filed is not None:
            return [filed]
        if appeared := self.at_path(path):
            return appeared[:1]
        every = self._select("state NOT IN ('seen', 'failed')")
        return [row for row in every if any(at and at.is_relative_to(path) for at in (row.destination, row.path))]

    def counts(self, since: str = "") -> dict[str, int]:
        """How many frames were judged since then, by label; ``skipped``, ``waiting`` and ``unreadable`` beside them."""
        # without an index by time, which every frame would have to write: the rows are nearly in the order of the
        # verdicts, a frame that failed at first or was sorted again comes late
        rows = self._database.rows(
            "SELECT CASE WHEN state = 'skipped' THEN 'skipped' ELSE label END, count(*),"
            " count(CASE WHEN state = 'judged' THEN 1 END), count(CASE WHEN kinds = 'unreadable' THEN 1 END)"
            " FROM frames WHERE judged_at >= ?"
            " AND id > (SELECT coalesce(max(id), 0) FROM frames WHERE judged_at < ?) - ? GROUP BY 1",
            (since, since, OUT_OF_ORDER),
        )
        counts = {str(label): number for label, number, _, _ in rows}
        counts["waiting"] = sum(waiting for _, _, waiting, _ in rows)
        counts["unreadable"] = sum(unreadable for _, _, _, unreadable in rows)
        return counts

    def _select(self, where: str, values: Sequence[Any] = (), order: str = "id") -> Iterator[FrameRow]:
        rows = self._database.rows(f"SELECT {COLUMNS} FROM frames WHERE {where} ORDER BY {order}", values)  # noqa: S608
        return map(frame_row, rows)


def _filled(names: list[str | bytes]) -> list[str | bytes | None]:
    """The values of an IN list, filled up to one of a few lengths with NULL, which no name equals.

    128 statements are kept ready for the next time: were each of its own length, they would hold 8 MB.
    """
    length = next(length for length in LIST_LENGTHS if length >= len(names))
    return [*names, *[None] * (length - len(names))]
