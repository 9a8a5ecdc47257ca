"""Frames with known truth judged as the daemon would, each against its session so far. Needs no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nebulift.batch import Rules, in_order_of_time, judge_all
from nebulift.classifier import Classifier
from nebulift.exposure import Exposure
from nebulift.judgement import Judgement
from nebulift.training.evaluation import Judged, judged_frame
from nebulift.training.frame_label import night_names
from nebulift.training.truth_files import TruthRow
from nebulift.verdict import Thresholds


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The judged frames, and the sentences of those that could not be judged: they count in no figure."""

    rows: tuple[Judged, ...]
    not_judged: tuple[str, ...]


def evaluate_frames(
    truth: Sequence[TruthRow],
    model: Classifier | None,
    *,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Evaluated:
    """What each witness says about every frame, beside the truth."""
    known = {row.path: row for row in truth}
    limits = model.card.thresholds if model is not None else Thresholds()
    judged: list[tuple[Judgement, Exposure]] = []
    not_judged: list[str] = []
    for done, judgement in enumerate(
        judge_all(in_order_of_time(list(known)), Rules(model), sessions={}, workers=workers), start=1
    ):
        if judgement.verdict is None or judgement.verdict.cv_score is None or judgement.exposure is None:
            not_judged.append(judgement.error or judgement.skipped or str(judgement.path))
        else:
            judged.append((judgement, judgement.exposure))
        if progress is not None:
            progress(done)
    nights = night_names((judgement.path, exposure) for judgement, exposure in judged)
    rows = []
    for judgement, exposure in judged:
        row = known[judgement.path]
        camera = row.camera or exposure.camera or "unknown camera"
        session = row.session or f"{nights[judgement.path]}|{exposure.target}|{camera}"
        judged_row = judged_frame(judgement, row.label, row.kinds, session, camera, limits)
        rows.append(replace(judged_row, streak_snr=row.streak_snr, has_unknown_kind=row.has_unknown_kind))
    return Evaluated(tuple(rows), tuple(not_judged))
