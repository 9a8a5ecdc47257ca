"""Frames that their capture program has renamed to ``BAD_...`` after we had filed them: N.I.N.A. does so at a click.

That is a person's decision like any other: the frame's link or copy goes to contaminated/ and the label is kept.
Whoever has decided in Nebulift already has had the last word.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from nebulift.errors import FilingError
from nebulift.readers.names import name_before_rejection
from nebulift.verdict import Label
from nebulift_daemon.ledger import FrameRow, Ledger, signature_of
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.printing import one_line
from nebulift_daemon.reviews import decide
from nebulift_daemon.sighting import Sighting

CAPTURE = "capture"  # who decided

log = logging.getLogger(__name__)


class Rejections:
    """Enters what capture programs have rejected, each frame once."""

    def __init__(self, ledger: Ledger, output: OutputRoot) -> None:
        self._ledger = ledger
        self._output = output
        self._told: set[Path] = set()  # of which it was said that they cannot be moved

    def enter(self, rejected: Sequence[Sighting]) -> int:
        """Note these files, as they lie in capture folders now; how many were news. Raises ``LedgerError``."""
        if not rejected or not self._output.is_there():
            return 0
        return sum(self._enter(seen, row) for seen in rejected for row in self._filed_as(seen))

    def _filed_as(self, seen: Sighting) -> list[FrameRow]:
        """The frame that this file was when it was filed, if nobody has decided about it since."""
        before = name_before_rejection(seen.path.name)
        assert before is not None
        rows = self._ledger.frames.at_path(seen.path.with_name(before))
        return [row for row in rows if row.state == "filed" and row.signature == signature_of(seen)][:1]

    def _enter(self, seen: Sighting, row: FrameRow) -> bool:
        try:
            decide(self._ledger, self._output, row, Label.CONTAMINATED, None, CAPTURE)
        except FilingError as error:
            if seen.path not in self._told:
                log.warning("%s: its capture program has rejected it, and %s", one_line(seen.path), one_line(error))
                self._told.add(seen.path)
            return False
        self._told.discard(seen.path)
        log.info("%s: rejected in the capture program (it was %s)", one_line(seen.path), row.label)
        return True
