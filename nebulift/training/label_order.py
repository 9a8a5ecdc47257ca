"""Which frames to measure first when there is not time for all: those that teach most.

Cameras that no measured frame is of come first, then nights, then the nights whose measured frames lie nearest the
limits, where a person's decision says most. Frames are taken in runs, because a frame is judged by its neighbours in
time. Pure.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from nebulift.exposure import Exposure
from nebulift.training.frame_label import night_names
from nebulift.verdict import Thresholds

RUN_FRAMES = 12  # a session's reference stands after about eight clean frames
RUNS_A_ROUND = 8  # after so many runs the order is thought over


@dataclass(frozen=True, slots=True)
class Run:
    """Frames of one camera and night that follow each other; ``number`` 0 is the night's first run."""

    camera: str
    night: str
    number: int
    paths: tuple[Path, ...]


def runs_of(exposures: Sequence[tuple[Path, Exposure]]) -> list[Run]:
    """The frames cut into runs, cameras and nights in the order of their names."""
    nights = night_names(exposures)

    def key(one: tuple[Path, Exposure]) -> tuple[str, str]:
        return one[1].camera or "", nights[one[0]]

    def moment(one: tuple[Path, Exposure]) -> tuple[float, str]:
        taken_at = one[1].taken_at
        return taken_at.timestamp() if taken_at else math.inf, str(one[0])

    runs = []
    for (camera, night), frames in groupby(sorted(exposures, key=lambda one: (key(one), moment(one))), key):
        paths = [path for path, _ in frames]
        runs += [
            Run(camera, night, start // RUN_FRAMES, tuple(paths[start : start + RUN_FRAMES]))
            for start in range(0, len(paths), RUN_FRAMES)
        ]
    return runs


def next_round(waiting: Iterable[Run], doubts: Mapping[tuple[str, str], float]) -> list[Run]:
    """The runs to measure next. ``doubts``: for each (camera, night) with measured frames, how far from the limits
    they lie on the whole.
    """
    left = list(waiting)
    nights = set(doubts)
    cameras = {camera for camera, _ in nights}
    chosen: list[Run] = []
    while left and len(chosen) < RUNS_A_ROUND:

        def worth(run: Run) -> tuple[bool, bool, float, int, str, str]:
            key = run.camera, run.night
            return run.camera in cameras, key in nights, doubts.get(key, math.inf), run.number, *key

        best = min(left, key=worth)
        left.remove(best)
        chosen.append(best)
        nights.add((best.camera, best.night))
        cameras.add(best.camera)
    return chosen


def distance_to_limits(score: float, limits: Thresholds) -> float:
    """How far a score is from being another label."""
    return min(abs(score - limits.clean), abs(score - limits.contaminated))
