"""``RigCalibration``: what a person's reviews say about score and limits at one rig, as a small JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from nebulift.binomial import observations_for
from nebulift.errors import ModelMismatch, WrongUsage, printable
from nebulift.model_card import ModelCard
from nebulift.verdict import Fusion, Thresholds

FORMAT = 1
MIN_REVIEWS = 40  # below, the offset of the fit is uncertain by more than a whole unit of log-odds
MIN_OF_A_CLASS = 5
# What reviews can prove: that no more than so many of the clean frames are rejected, at 95 % confidence
STEPS = (0.05, 0.02)


@dataclass(frozen=True, slots=True)
class ReviewsWorth:
    """How many more decided frames are worth it, and what they would bring, in one sentence."""

    more: int
    words: str
    can_calibrate: bool = True


def reviews_worth(clean: int, contaminated: int, clean_rejected: int = 0) -> ReviewsWorth:
    """The next step that more reviews bring. ``clean_rejected``: of the frames that a person called clean, how many had
    been called contaminated.
    """
    lacking = {"clean": max(MIN_OF_A_CLASS - clean, 0), "contaminated": max(MIN_OF_A_CLASS - contaminated, 0)}
    missing = max(MIN_REVIEWS - clean - contaminated, sum(lacking.values()))
    if missing:
        of_these = " and ".join(f"{count} {name}" for name, count in lacking.items() if count)
        among = f", {of_these} frame{'' if sum(lacking.values()) == 1 else 's'} among them," if of_these else ""
        words = f"{_more(missing)}{among} and this rig can be calibrated"
        return ReviewsWorth(missing, words, can_calibrate=False)
    for bound in STEPS:
        more = observations_for(bound, clean_rejected) - clean
        if more > 0:
            none = "none of them" if clean_rejected == 0 else "no further one"
            return ReviewsWorth(
                more,
                f"{_more(more)} of clean frames would prove, if {none} had been rejected, that at most {bound:.0%} of "
                f"the clean frames are lost",
            )
    return ReviewsWorth(0, "enough is reviewed: more would change little, until camera, telescope or site change")


def _more(count: int) -> str:
    return "1 more review" if count == 1 else f"{count} more reviews"


@dataclass(frozen=True, slots=True)
class RigCalibration:
    """Two equal forms of one calibration.

    With ``fusion`` the score itself becomes a probability at this rig, and ``thresholds`` go with it. The limits on the
    score as it is without are ``raw_thresholds``, for the configuration's ``[thresholds]``. Without a model there is
    no fusion, and only the raw limits count.
    """

    model: str | None  # name of the model it was made for
    thresholds: Thresholds
    raw_thresholds: Thresholds
    fusion: Fusion | None
    provenance: Mapping[str, Any] = field(default_factory=dict)  # date, number of reviews
    figures: Mapping[str, Any] = field(default_factory=dict)

    def applied_to(self, card: ModelCard) -> ModelCard:
        """``card`` with the fusion and limits of this rig; ``Classifier.with_card`` takes it."""
        return replace(card, fusion=self.fusion or card.fusion, thresholds=self.thresholds)

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The calibration; raises ``ValueError``, ``KeyError`` or ``TypeError`` when it is not one."""
        record = json.loads(text)
        if record.pop("format") != FORMAT:
            raise ValueError("made by another version")
        record["thresholds"] = Thresholds(**record["thresholds"])
        record["raw_thresholds"] = Thresholds(**record["raw_thresholds"])
        record["fusion"] = None if record["fusion"] is None else Fusion(**record["fusion"])
        return cls(**record)


def read_rig_calibration(path: Path, model: str | None) -> RigCalibration:
    """The calibration in the file. Raises ``WrongUsage`` when it is none, ``ModelMismatch`` for another model's."""
    try:
        found = RigCalibration.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUsage(f"{printable(path)}: cannot be read ({error.strerror}); run nebulift calibrate") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongUsage(f"{printable(path)}: not a calibration ({error}); run nebulift calibrate again") from error
    if found.model != model:
        raise ModelMismatch(
            f"{printable(path)}: made for {found.model or 'no model'}, but {model or 'no model'} is asked; "
            f"run nebulift calibrate again"
        )
    return found
