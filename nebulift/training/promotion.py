"""May a model take another's place? By their reports on the same truth, frame by frame; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nebulift.training.rivalry import rivalry

OPINION = "cv"


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether the reports speak for the newcomer, and one sentence a truth set on why."""

    allowed: bool
    reasons: tuple[str, ...]


def may_replace(newcomer: Mapping[str, Any] | None, active: Mapping[str, Any] | None) -> Promotion:
    """Better on at least one set of truth that both were measured on, by an interval that excludes 0, and worse on
    none; and no set on which it rejects more clean frames.
    """
    if newcomer is None or active is None:
        whose = "the newcomer" if newcomer is None else "the active model"
        return Promotion(
            False, (f"{whose} has no report; measure it (nebulift evaluate --output) and install it again",)
        )
    theirs = {one["truth_sha256"]: one for one in active["sets"] if one["source"] != OPINION}
    pairs = [
        (one, theirs[one["truth_sha256"]])
        for one in newcomer["sets"]
        if one["source"] != OPINION and one["truth_sha256"] in theirs
    ]
    if not pairs:
        return Promotion(False, ("the two reports have no truth in common; measure both on the same frames",))
    try:
        found = [rivalry(mine["rows"], other["rows"], mine["set"]) for mine, other in pairs]
    except ValueError as error:
        return Promotion(False, (str(error),))
    better = any(one.outcome > 0 for one in found) and all(one.outcome >= 0 for one in found)
    return Promotion(better, tuple(one.words for one in found))
