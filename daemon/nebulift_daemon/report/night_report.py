"""``NightReport``: all that the report of one night is made of."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from nebulift_daemon.ledger import Ledger
from nebulift_daemon.nights import Night, Zone
from nebulift_daemon.report.frame_line import FrameLine, Group, frame_line
from nebulift_daemon.report.totals import lights
from nebulift_daemon.report.weights import weights


@dataclass(frozen=True)
class NightReport:
    """The frames of one night in order of time; everything else follows from them."""

    night: Night
    zone: Zone
    made_at: datetime
    frames: tuple[FrameLine, ...]
    regrades_proposed: int = 0  # frames that would be graded otherwise, now that their session is known

    @cached_property
    def weights(self) -> dict[int, float]:
        return weights(self.frames)

    @cached_property
    def groups(self) -> dict[Group, list[FrameLine]]:
        """The light frames that may be compared with each other, in the order in which the night came to them."""
        found: dict[Group, list[FrameLine]] = {}
        for frame in lights(self.frames):
            found.setdefault(frame.group, []).append(frame)
        return found

    def local(self, moment: datetime) -> datetime:
        """A moment by the clock of the site."""
        return moment.astimezone(self.zone)


def gather(ledger: Ledger, night: Night, zone: Zone, made_at: datetime) -> NightReport:
    """The report of a night. Raises ``LedgerError``."""
    found = ledger.browsing.taken_between(night.begin, night.end)
    proposed = len(ledger.regrades.proposed(night.evening.isoformat()))
    return NightReport(night, zone, made_at, tuple(frame_line(frame) for frame in found), proposed)
