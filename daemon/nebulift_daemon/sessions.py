"""What each night's group of frames looked like so far: with the judge, in memory, and now and then in the ledger."""

from typing import Any

from nebulift_daemon.judge_messages import MOST_GROUPS
from nebulift_daemon.ledger import Ledger


class Sessions:
    """Session states as the judge process reported them last. Losing the newest of them costs a few frames' context.

    They go into the ledger every half hour and not with every frame: a memory card wears by the write.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._unsaved: dict[str, Any] = {}

    def __bool__(self) -> bool:
        """Whether there is something to save."""
        return bool(self._unsaved)

    def remember(self, group: str, state: Any) -> None:
        """The state of a group after its newest frame, as JSON-ready types."""
        self._unsaved.pop(group, None)
        self._unsaved[group] = state
        if len(self._unsaved) > MOST_GROUPS:
            del self._unsaved[next(iter(self._unsaved))]

    def latest(self) -> dict[str, Any]:
        """All states that a fresh judge process needs. Raises ``LedgerError``."""
        return self._ledger.memory.sessions(MOST_GROUPS) | self._unsaved

    def save(self) -> None:
        """Keep the states for the next start. Raises ``LedgerError``."""
        if self._unsaved:
            self._ledger.memory.keep_sessions(self._unsaved, MOST_GROUPS)
            self._unsaved.clear()
