"""``AstroImageDataset``: frames and labels as a map-style data set in NumPy; torch's DataLoader takes it as it is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import TrainingError, UnreadableFrame
from nebulift.pipeline import Measured
from nebulift.preprocess import features_of
from nebulift.training.frame_label import CLEAN, FrameLabel, LeftOut
from nebulift.training.input_cache import InputCache
from nebulift.training.labels import study_file
from nebulift.training.sample import Sample, kind_targets, severity_targets

METADATA = "metadata.json"


class AstroImageDataset:
    """Frames with labels, 1 = clean and 0 = contaminated. ``dataset[i]`` is (planes float32 (8, 128, 128), label).

    It has ``__len__`` and ``__getitem__`` and needs no torch; ``torch.utils.data.DataLoader(dataset)`` batches it to
    tensors. With a ``cache`` a frame is opened and measured once, ever; without one, whenever it is asked for.
    A frame that cannot be read raises ``UnreadableFrame``: it is never a sample.
    """

    def __init__(
        self,
        files: Sequence[Path | str],
        labels: Sequence[int],
        *,
        cache: InputCache | None = None,
        about: Sequence[FrameLabel] | None = None,
    ) -> None:
        if len(files) != len(labels):
            msg = f"{len(files)} files and {len(labels)} labels do not go together"
            raise ValueError(msg)
        self.files = [Path(file) for file in files]
        self.labels = [int(label) for label in labels]
        self.cache = cache
        self.about = list(about) if about is not None else None
        self._features: NDArray[np.float32] | None = None  # of all frames, once asked for

    @classmethod
    def from_folder(cls, folder: Path | str) -> "AstroImageDataset":
        """The data set of ``train`` or ``val`` as ``create_dataset_from_cv_labels`` left it.

        Raises ``TrainingError`` when the folder holds none.
        """
        about = read_metadata(Path(folder))
        labels = [one.label for one in about if one.label is not None]
        return cls([one.path for one in about], labels, cache=InputCache(Path(folder).parent / "inputs"), about=about)

    def part(self, indices: Sequence[int]) -> "AstroImageDataset":
        """The data set of some of the frames."""
        about = None if self.about is None else [self.about[index] for index in indices]
        files, labels = [self.files[index] for index in indices], [self.labels[index] for index in indices]
        return AstroImageDataset(files, labels, cache=self.cache, about=about)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], int]:
        planes = self.measured(index).planes
        assert planes is not None
        return planes, self.labels[index]

    def measured(self, index: int) -> Measured:
        """The frame's measurements and planes. Raises ``UnreadableFrame``."""
        file = self.files[index]
        if self.cache is not None and self.about is not None:
            known = self.cache.get(self.about[index].sha256, file)
            if known is not None:
                return known
            if self.about[index].source == "injected":
                raise TrainingError(f"{file}: the inputs of its injected twin are gone; make the data set anew")
        studied = study_file(file, ArtifactDetector(), self.cache, keep_planes=True)
        if isinstance(studied, LeftOut):
            raise UnreadableFrame(file, studied.reason.removeprefix(f"{file}: "), "take it out of the data set")
        return studied.measured

    def sample(self, index: int) -> Sample:
        measured, label = self.measured(index), self.labels[index]
        assert measured.planes is not None
        about = self.about[index] if self.about is not None else None
        is_clean = label == CLEAN
        kinds_known = is_clean or (about is not None and about.source != "human")
        return Sample(
            measured.planes,
            features_of(measured.measurements, about.session if about is not None else None),
            np.float32(label),
            severity_targets(0.0 if is_clean else 1.0),
            kind_targets({} if is_clean or about is None else about.kinds),
            np.float32(kinds_known),
            np.float32(about.weight if about is not None else 1.0),
        )

    def targets(self) -> NDArray[np.float64]:
        return np.array(self.labels, dtype=np.float64)

    def weights(self) -> NDArray[np.float64]:
        if self.about is None:
            return np.ones(len(self))
        return np.array([one.weight for one in self.about])

    def features(self) -> NDArray[np.float32]:
        if self._features is None:
            self._features = np.stack([self.sample(index).features for index in range(len(self))])
        return self._features


def read_metadata(folder: Path) -> list[FrameLabel]:
    """The labels of one split. Raises ``TrainingError`` when there are none or they are damaged."""
    file = folder / METADATA
    try:
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return [FrameLabel.from_json(one) for one in record["frames"]]
    except FileNotFoundError as error:
        raise TrainingError(f"{file}: no such file; make the data set first (nebulift labels)") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{file}: cannot be read ({error}); make the data set anew (nebulift labels)") from error
