"""The night as witness: what this target, filter and camera looked like so far, and how a new frame compares."""

from nebulift.session.causes import session_findings
from nebulift.session.comparison import compare
from nebulift.session.glimpse import Glimpse, glimpse_of
from nebulift.session.grouping import group_key, is_over
from nebulift.session.prior import next_session
from nebulift.session.retrospect import Witness, hindsight, witness_of
from nebulift.session.state import FrameScalars, GroupState, scalars_of, updated

__all__ = [
    "FrameScalars",
    "Glimpse",
    "GroupState",
    "Witness",
    "compare",
    "glimpse_of",
    "group_key",
    "hindsight",
    "is_over",
    "next_session",
    "scalars_of",
    "session_findings",
    "updated",
    "witness_of",
]
