"""Other views of the same frame: turned and mirrored, a little brighter, without its session. NumPy alone."""

import numpy as np
from numpy.typing import NDArray

from nebulift.preprocess import FEATURES, FIRST_OF_SESSION, PLANES
from nebulift.training.sample import Lessons, Sample

COS, SIN, DENSITY = (PLANES.index(name) for name in ("ellipticity_cos", "ellipticity_sin", "density"))
ROWS, COLUMNS = FEATURES.index("row_banding"), FEATURES.index("column_banding")
LIGHT_PLANES = [index for index in range(len(PLANES)) if index not in (COS, SIN, DENSITY)]

# The network must not hang on the last few per cent of a level: rigs differ in gain, filters and optics by more
COMMON_GAIN, OWN_GAIN = 0.12, 0.06
DENSITY_SHIFT = 0.15
FEATURE_JITTER = 0.05
SESSION_DROPOUT = 0.3  # the first frames of every night have no session to be compared with


def augmented(sample: Sample, rng: np.random.Generator) -> Sample:
    """A random view of ``sample``; the label stays."""
    planes, features = turned(sample.planes, sample.features, int(rng.integers(8)))
    gain = np.exp(rng.normal(0.0, COMMON_GAIN) + rng.normal(0.0, OWN_GAIN, len(LIGHT_PLANES)))
    planes[LIGHT_PLANES] *= gain.astype(np.float32)[:, None, None]
    planes[DENSITY] += np.float32(rng.normal(0.0, DENSITY_SHIFT))
    features *= rng.normal(1.0, FEATURE_JITTER, len(features)).astype(np.float32)
    if rng.random() < SESSION_DROPOUT:
        features[FIRST_OF_SESSION:] = 0.0
    return sample._replace(planes=planes, features=features)


def turned(
    planes: NDArray[np.float32], features: NDArray[np.float32], view: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(planes, features) of the frame in one of its 8 mirrored and turned views, 0 as it is; always new arrays.

    Bits of ``view``: 1 mirrors left and right, 2 top and bottom, 4 swaps rows and columns. Star shapes turn with the
    frame: their planes hold cosine and sine of twice the angle, so a mirror flips the sine, a swap the cosine.
    """
    planes, features = planes.astype(np.float32), features.astype(np.float32)
    if view & 1:
        planes = planes[:, :, ::-1].copy()
        planes[SIN] *= -1.0
    if view & 2:
        planes = planes[:, ::-1].copy()
        planes[SIN] *= -1.0
    if view & 4:
        planes = planes.transpose(0, 2, 1).copy()
        planes[COS] *= -1.0
        features[[ROWS, COLUMNS]] = features[[COLUMNS, ROWS]]
    return planes, features


class AugmentedView:
    """One epoch's view of ``lessons``: item ``i`` depends on the seed, the epoch and ``i`` alone, in any process."""

    def __init__(self, lessons: Lessons, seed: int, epoch: int) -> None:
        self._lessons, self._seed, self._epoch = lessons, seed, epoch

    def __len__(self) -> int:
        return len(self._lessons)

    def __getitem__(self, index: int) -> Sample:
        return augmented(self._lessons.sample(index), np.random.default_rng([self._seed, self._epoch, index]))


class PlainView:
    """``lessons`` as they are, for validation."""

    def __init__(self, lessons: Lessons) -> None:
        self._lessons = lessons

    def __len__(self) -> int:
        return len(self._lessons)

    def __getitem__(self, index: int) -> Sample:
        return self._lessons.sample(index)


PROBES = 16  # frames that are looked at to see whether an augmentation does anything


def idle_augmentations(lessons: Lessons, seed: int) -> list[str]:
    """Warnings about augmentations that left every probed frame as it was: whoever counts on them should know."""
    rng = np.random.default_rng(seed)
    probes = [lessons.sample(int(i)) for i in rng.choice(len(lessons), min(PROBES, len(lessons)), replace=False)]
    seen = [(before, augmented(before, np.random.default_rng([seed, n]))) for n, before in enumerate(probes)]
    alone, session = slice(None, FIRST_OF_SESSION), slice(FIRST_OF_SESSION, None)
    done = {
        "planes (turning, gain)": [not np.array_equal(one.planes, two.planes) for one, two in seen],
        "numbers (jitter)": [not np.array_equal(one.features[alone], two.features[alone]) for one, two in seen],
        "session (drop-out)": [bool(one.features[session].any() > two.features[session].any()) for one, two in seen],
    }
    return [
        f"augmentation of the {name} changed none of {len(probes)} frames: there is nothing to change in them"
        for name, changed in done.items()
        if not any(changed)
    ]
