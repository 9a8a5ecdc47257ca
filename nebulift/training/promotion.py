"""May a model take another's place? By both on the same truth, frame by frame, every set by itself; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nebulift.training.rivalry import Rivalry, rivalry

OPINION = "cv"


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether the reports speak for the newcomer, and one sentence a truth set on why."""

    allowed: bool
    reasons: tuple[str, ...]


def may_replace(
    newcomer: Mapping[str, Any] | None, active: Mapping[str, Any] | None, asked: Sequence[Rivalry] = ()
) -> Promotion:
    """Better on at least one set of truth, by an interval that excludes 0, and worse on none; and none on which it
    turns clean frames away (``rivalry``).

    ``asked``: sets that both were asked about now; without them both must have a report. Every set of either report
    must be in the other: what only one was measured on, like the real frames that the other does badly on, counts
    against the newcomer.
    """
    if newcomer is None or active is None:
        whose = "the newcomer" if newcomer is None else "the active model"
        remedy = "measure it (nebulift evaluate --output) and install it again, or name labelled frames (--on)"
        return _decided(asked) if asked else Promotion(False, (f"{whose} has no report; {remedy}",))
    mine, theirs = _sets(newcomer), _sets(active)
    if not mine.keys() & theirs.keys() and not asked:
        return Promotion(False, ("the two reports have no truth in common; measure both on the same frames",))
    lonely = [sets[key]["set"] for sets in (mine, theirs) for key in sets if key in mine.keys() ^ theirs.keys()]
    if lonely:
        return Promotion(False, (f"only one of the two was measured on {', '.join(lonely)}; measure the other, too",))
    try:
        found = [rivalry(one["rows"], theirs[key]["rows"], one["set"]) for key, one in mine.items()]
    except ValueError as error:
        return Promotion(False, (str(error),))
    return _decided([*found, *asked])


def _sets(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The sets of truth by their fingerprint."""
    return {one["truth_sha256"]: one for one in report["sets"] if one["source"] != OPINION}


def _decided(found: Sequence[Rivalry]) -> Promotion:
    better = any(one.outcome > 0 for one in found) and all(one.outcome >= 0 for one in found)
    return Promotion(better, tuple(one.words for one in found))
