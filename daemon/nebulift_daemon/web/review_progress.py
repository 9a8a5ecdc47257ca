"""How far the reviews have come: what people decided so far, and how many more decisions are worth it."""

from collections import OrderedDict
from dataclasses import dataclass

from nebulift.rig_calibration import ReviewsWorth, reviews_worth
from nebulift.verdict import Label
from nebulift_daemon.ledger import HumanLabel, Ledger

MOST_KNOWN = 20_000  # frames whose verdict is kept in memory


@dataclass(frozen=True, slots=True)
class Reviews:
    """``clean_rejected``: of those that people called clean, how many had been called contaminated."""

    clean: int
    contaminated: int
    clean_rejected: int
    worth: ReviewsWorth

    @property
    def decided(self) -> int:
        return self.clean + self.contaminated


class ReviewProgress:
    """Counts decisions; the verdict on a frame is looked up once, for its record has to be unpacked."""

    def __init__(self) -> None:
        self._was_rejected: OrderedDict[int, bool] = OrderedDict()

    def told(self, ledger: Ledger) -> Reviews:
        """The counts as they are now."""
        labels = ledger.history.labels()
        clean = [one for one in labels if one.label == Label.CLEAN]
        contaminated = sum(one.label == Label.CONTAMINATED for one in labels)
        rejected = sum(self._rejected(ledger, one) for one in clean)
        return Reviews(len(clean), contaminated, rejected, reviews_worth(len(clean), contaminated, rejected))

    def _rejected(self, ledger: Ledger, one: HumanLabel) -> bool:
        """Whether the frame had been called contaminated before a person said that it is clean."""
        known = self._was_rejected.get(one.frame_id)
        if known is None:
            known = (ledger.frames.record(one.frame_id) or {}).get("verdict") == Label.CONTAMINATED
            self._was_rejected[one.frame_id] = known
            if len(self._was_rejected) > MOST_KNOWN:
                self._was_rejected.popitem(last=False)
        return known
