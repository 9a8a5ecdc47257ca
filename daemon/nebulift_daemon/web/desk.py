"""The desk: the one thread that talks to the ledger, so that requests never meet in it and never block the server."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from nebulift.errors import LedgerError
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.nights import Zone, zone_of_site
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.reviews import OutputTree

LOOK_EVERY_S = 10.0  # between two looks for what people moved by hand
LOOK_SHARE = 0.02  # of the time at most: a look through 5000 frames takes a Pi a second, and requests wait meanwhile
BUSY_TIMEOUT_S = 10.0  # the daemon's own writes take milliseconds; a long one is a backup or a check

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


class Desk:
    """Answers questions about the ledger of one output folder, one after the other."""

    def __init__(self, output: Path, state: Path) -> None:
        self.root = OutputRoot(output, state)
        self.zone: Zone = None
        self._ledger: Ledger | None = None
        self._tree: OutputTree | None = None
        self._look_after = 0.0
        self._thread = ThreadPoolExecutor(1, "desk")

    async def ask(self, question: Callable[[Ledger], Answer]) -> Answer:
        """What ``question`` returns for the ledger. Raises what it raises, and ``LedgerError``."""
        answer = await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)
        if self._look_due():
            self._thread.submit(self._answer, self._look)  # after the answer, so that nobody waits for it
        return answer

    def close(self) -> None:
        """Finish what is under way and close the ledger; called from outside the desk's thread."""
        self._thread.submit(self._close)
        self._thread.shutdown()

    def _answer(self, question: Callable[[Ledger], Answer]) -> Answer:
        if self._ledger is None or self._tree is None:
            self._ledger = Ledger.open(self.root.state_folder, busy_timeout_s=BUSY_TIMEOUT_S)
            self._tree = OutputTree(self._ledger, self.root)
            self._look(self._ledger)
        return question(self._ledger)

    def _look_due(self) -> bool:
        return time.monotonic() >= self._look_after

    def _look(self, ledger: Ledger) -> None:
        """Enter what people moved by hand; nothing when another look has just been made."""
        if self._tree is None or not self._look_due():
            return
        begun = time.monotonic()
        try:
            self._tree.notice()
            self.zone = zone_of_site(ledger)
        except (OSError, LedgerError) as error:  # what was asked is answered all the same, or fails by itself
            log.warning("%s: could not be looked through (%s)", self.root.path, error)
        took_s = time.monotonic() - begun
        self._look_after = time.monotonic() + max(LOOK_EVERY_S, took_s / LOOK_SHARE)

    def _close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
