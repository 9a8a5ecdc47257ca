"""Which frames are looked back on: those of a night, group by group, each with the file that holds its bytes now."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulift.errors import printable
from nebulift_daemon.ledger import FrameRow, Ledger, LookedAt, Recorded, signature_of
from nebulift_daemon.nights import Night
from nebulift_daemon.placing import sha256_of
from nebulift_daemon.sighting import Sighting, look

WITNESSES = {"judged", "filed", "reviewed", "undone"}  # frames that were judged and have not vanished


@dataclass(frozen=True, slots=True)
class Member:
    """A frame of a group."""

    row: FrameRow
    file: Path
    is_open: bool  # filed, and no person has decided about it: the others are witnesses only


@dataclass(frozen=True, slots=True)
class Group:
    """The frames of one night that may be compared with each other, in order of time."""

    night: str
    name: str
    members: tuple[Member, ...]

    def as_it_is(self, rules: str) -> LookedAt:
        """What there is to look back on, ``rules`` being all that the verdicts depend on beside it."""
        facts = [(member.row.id, member.row.sha256, member.is_open) for member in self.members]
        return LookedAt(self.night, self.name, hashlib.sha256(repr((rules, facts)).encode()).hexdigest())


class NotAsJudged(Exception):
    """The file of a frame vanished or changed since it was judged; the sentence says which."""


def groups_of(ledger: Ledger, nights: Iterable[Night], troubles: list[str]) -> list[Group]:
    """The groups of these nights; what is wrong with single files goes to ``troubles``. Raises ``LedgerError``."""
    groups: list[Group] = []
    for night in nights:
        by_name: dict[str, list[Member]] = {}
        for member in _members(ledger.browsing.taken_between(night.begin, night.end), troubles):
            by_name.setdefault(member.row.session_group or "", []).append(member)
        evening = night.evening.isoformat()
        groups += [Group(evening, name, tuple(members)) for name, members in by_name.items()]
    return groups


def _members(recorded: Iterable[Recorded], troubles: list[str]) -> Iterator[Member]:
    for one in recorded:
        row = one.row
        if row.state not in WITNESSES or row.label is None or row.kinds == ("unreadable",):
            continue
        try:
            file = bytes_of(row).path
        except NotAsJudged as error:
            troubles.append(str(error))
            continue
        yield Member(row, file, row.state == "filed" and one.decision is None)


def bytes_of(row: FrameRow) -> Sighting:
    """The regular file that holds the frame's bytes: where it was filed, else where it appeared.

    Raises ``NotAsJudged`` when there is none, or it holds other bytes by now.
    """
    filed = None if row.destination is None else look(row.destination)
    there = filed or look(row.path)
    if there is None:
        raise NotAsJudged(f"{printable(row.destination or row.path)}: the file is not there any more; left alone")
    signature = row.destination_signature if filed else row.signature
    if signature_of(there) != signature and not _is_same(there, row):
        raise NotAsJudged(f"{printable(there.path)}: the file was changed since it was judged; left alone")
    return there


def _is_same(there: Sighting, row: FrameRow) -> bool:
    try:
        return there.size_bytes == row.size_bytes and row.sha256 is not None and sha256_of(there.path) == row.sha256
    except OSError:
        return False  # not readable: as good as changed


def in_folders(rows: Iterable[FrameRow], folders: Sequence[Path]) -> set[int]:
    """The ids of the frames that appeared or were filed below one of the folders."""
    places = [(row.id, [at for at in (row.path, row.destination) if at is not None]) for row in rows]
    return {frame_id for frame_id, ats in places if any(at.is_relative_to(folder) for at in ats for folder in folders)}
