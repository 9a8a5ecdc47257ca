"""Other ways to look at the same lessons: some of them only, their planes alone, or planes half as wide."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nebulift.preprocess import PLANES
from nebulift.training.sample import Lessons, Sample

Floats = NDArray[np.float64]

# A trail is a few pixels wide: a mean would dilute it, so the brightest (or darkest) of four blocks stands for them
BRIGHTEST = tuple(PLANES.index(name) for name in ("maximum", "lines"))
DARKEST = PLANES.index("minimum")


class PartOf:
    """Some of the lessons, by their index."""

    def __init__(self, lessons: Lessons, indices: Sequence[int] | NDArray[np.intp]) -> None:
        self._lessons, self.indices = lessons, np.asarray(indices, dtype=np.intp)
        self._features = lessons.features()[self.indices]
        self._targets, self._weights = lessons.targets()[self.indices], lessons.weights()[self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def sample(self, index: int) -> Sample:
        return self._lessons.sample(int(self.indices[index]))

    def targets(self) -> Floats:
        return self._targets

    def weights(self) -> Floats:
        return self._weights

    def features(self) -> NDArray[np.float32]:
        return self._features


@dataclass(frozen=True, slots=True)
class PlanesOnly:
    """``lessons`` whose numbers are all at the mean of ``shown_at``: what the network sees in the planes alone."""

    lessons: Lessons
    mean: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.lessons)

    def sample(self, index: int) -> Sample:
        return self.lessons.sample(index)._replace(features=self.mean)

    def targets(self) -> Floats:
        return self.lessons.targets()

    def weights(self) -> Floats:
        return self.lessons.weights()

    def features(self) -> NDArray[np.float32]:
        return np.tile(self.mean, (len(self), 1))


@dataclass(frozen=True, slots=True)
class HalfPlanes:
    """``lessons`` with planes of half the width and height: a network learns from them in a quarter of the time."""

    lessons: Lessons

    def __len__(self) -> int:
        return len(self.lessons)

    def sample(self, index: int) -> Sample:
        whole = self.lessons.sample(index)
        return whole._replace(planes=halved(whole.planes))

    def targets(self) -> Floats:
        return self.lessons.targets()

    def weights(self) -> Floats:
        return self.lessons.weights()

    def features(self) -> NDArray[np.float32]:
        return self.lessons.features()


def halved(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Planes (8, n, n) as (8, n/2, n/2): the mean of four blocks, or their extreme where the plane shows extremes."""
    of_four = planes.reshape(len(planes), planes.shape[1] // 2, 2, planes.shape[2] // 2, 2)
    small = of_four.mean(axis=(2, 4))
    for plane in BRIGHTEST:
        small[plane] = of_four[plane].max(axis=(1, 3))
    small[DARKEST] = of_four[DARKEST].min(axis=(1, 3))
    return np.asarray(small, dtype=np.float32)
