"""What the watching process tells the messenger: one JSON object a line, short enough to go through a pipe whole."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from nebulift.verdict import DISTRUST_WORDS
from nebulift_daemon.ledger import FrameRow
from nebulift_daemon.ledger.clock import file_time
from nebulift_daemon.printing import one_line

LONGEST_TEXT = 300  # characters of any one text, so that a line stays below what a pipe takes in one piece
LONGEST_LINE = 4096  # PIPE_BUF: pipe(7)
SHORTEST_CUT = 40  # times and labels stay whole
MOST_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class FrameNews:
    """A frame has got its verdict."""

    taken_at: str  # as the ledger writes times
    name: str
    label: str  # clean, contaminated, review
    cause: str | None  # kind of the finding that weighs most
    reason: str
    is_distrusted: bool = False  # it would be contaminated, as so many that nobody believes it
    written_at: str | None = None  # the file's own time: the camera's clock may be wrong


@dataclass(frozen=True, slots=True)
class StatusNews:
    """How the daemon is doing."""

    problems: tuple[str, ...]
    disk_free_bytes: int | None
    queue: int = 0  # frames to be judged
    clean: int = 0  # of the last 24 h
    contaminated: int = 0
    review: int = 0


@dataclass(frozen=True, slots=True)
class NightNews:
    """The report of a session that is over."""

    night: str
    text: str
    report: str  # path of the page


@dataclass(frozen=True, slots=True)
class TroubleNews:
    """Something that happened once, such as a daemon that ended without warning and runs again."""

    text: str


@dataclass(frozen=True, slots=True)
class Farewell:
    """The daemon ends in an orderly way; without it, the end of the pipe means that it has died."""


News = FrameNews | StatusNews | NightNews | TroubleNews | Farewell
EVERY: tuple[type[News], ...] = (FrameNews, StatusNews, NightNews, TroubleNews, Farewell)
KINDS = {kind.__name__: kind for kind in EVERY}


def line_of(news: News) -> bytes:
    """The news as one line that a pipe takes in one piece; texts that are too long for that are cut."""
    facts = {"news": type(news).__name__, **asdict(news)}
    longest = max((len(text) for text in _texts(facts)), default=0)
    while len(line := json.dumps(facts).encode("ascii") + b"\n") > LONGEST_LINE:
        longest = 3 * longest // 4
        facts = {name: _cut(value, longest) for name, value in facts.items()}
    return line


def _texts(facts: dict[str, Any]) -> Iterator[str]:
    for value in facts.values():
        yield from (text for text in (value if isinstance(value, list | tuple) else [value]) if isinstance(text, str))


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, list | tuple):
        return [_cut(part, longest) for part in value]
    return value[: max(longest, SHORTEST_CUT)] if isinstance(value, str) else value


def news_in(line: bytes) -> News:
    """The inverse of ``line_of``. Raises ``ValueError`` for anything else."""
    try:
        facts = json.loads(line)
        kind = KINDS[facts.pop("news")]
        if "problems" in facts:
            facts["problems"] = tuple(facts["problems"])
        return kind(**facts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not understood: {line[:80]!r}") from error


def frame_news(row: FrameRow) -> FrameNews | None:
    """What is to be told of a frame; ``None`` for one that is no light frame."""
    if row.label is None or row.state == "skipped":
        return None
    reason = row.reason or ""
    cause = row.kinds[0] if row.kinds else None
    told = one_line(reason, LONGEST_TEXT)
    return FrameNews(
        row.taken_at or row.seen_at,
        one_line(row.path.name, LONGEST_TEXT),
        row.label,
        cause,
        told,
        DISTRUST_WORDS in reason,
        file_time(int(row.signature.rpartition(":")[2])),
    )


def status_news(status: dict[str, Any]) -> StatusNews:
    """What is to be told of ``status.json``."""
    counts = status.get("last_24h") or {}
    return StatusNews(
        tuple(one_line(problem, LONGEST_TEXT) for problem in status.get("problems", ())[:MOST_PROBLEMS]),
        status.get("disk_free_bytes"),
        int(status.get("queue", 0)),
        int(counts.get("clean", 0)),
        int(counts.get("contaminated", 0)),
        int(counts.get("review", 0)),
    )
