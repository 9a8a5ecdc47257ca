"""Training by program: labels, data set, the ResNet18 classifier and the whole way from frames to a model.

Importing this needs no torch; what trains does, and raises ``MissingExtra`` without it. Labels: 1 = clean,
0 = contaminated.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nebulift.errors import MissingExtra
from nebulift.training.dataset import AstroImageDataset
from nebulift.training.dataset_folders import DatasetFolders, create_dataset_from_cv_labels
from nebulift.training.labels import CvLabels, generate_training_labels_from_cv, label_frames, thresholds_of

if TYPE_CHECKING:
    from nebulift.training.from_fits import Listener
    from nebulift.training.network import FrameNetwork

__all__ = [
    "AstroImageDataset",
    "CvLabels",
    "DatasetFolders",
    "complete_training_pipeline",
    "create_classifier",
    "create_dataset_from_cv_labels",
    "generate_training_labels_from_cv",
    "label_frames",
]


def create_classifier(size: str = "resnet18", seed: int = 1) -> "FrameNetwork":
    """An untrained classifier: torchvision's ResNet18 of width 64, or ``optimal`` (32), or ``compact`` (16).

    Raises ``MissingExtra`` without torch.
    """
    network: FrameNetwork = needs_torch("nebulift.training.network", "training").new_network(size, seed)
    return network


def complete_training_pipeline(  # noqa: PLR0913  (programs rely on these names)
    fits_directory: Path | str,
    model_output_path: Path | str,
    dataset_output_dir: Path | str,
    epochs: int = 75,
    batch_size: int = 32,
    clean_threshold: float = 0.8,
    contaminated_threshold: float = 0.2,
    *,
    size: str = "resnet18",
    pretrained: bool = True,
    seed: int = 1,
    workers: int = 1,
    resume: bool = False,
    reviews: Path | str | None = None,
    inject_share: float = 0.0,
    listener: "Listener | None" = None,
) -> dict[str, Any]:
    """Everything from a folder of frames to a trained network at ``model_output_path``; returns how it went:

    ``final_metrics``: ``best_val_accuracy`` (percent, against the labels), ``best_val_loss``, ``best_val_auc``,
    ``agreement_with_cv``, ``accuracy_on_human_labels`` ...; ``dataset_stats``: ``training_samples``,
    ``validation_samples``, ``review_files``, ``left_out`` (counts) ...; ``history``, ``warnings``, ``fusion``,
    ``calibration``, ``review_files`` and ``left_out`` by name, ``model_path``.

    The frames stay where they are; ``dataset_output_dir`` gets links, metadata and the cached inputs. A report lies
    beside the model. ``reviews``: a CSV file with people's decisions (``path,label``). ``inject_share`` of the clean
    frames get a twin with a simulated artefact. The same ``seed`` and frames give the same weights. Raises
    ``TrainingError`` when the frames cannot be trained on, ``MissingExtra`` without torch.
    """
    from_fits = needs_torch("nebulift.training.from_fits", "training")
    trainer = needs_torch("nebulift.training.trainer", "training")
    from nebulift.training.reviews import read_reviews  # noqa: PLC0415  with the rest of the school

    recipe = from_fits.Recipe(
        trainer.TrainingPlan(epochs=epochs, batch_size=batch_size, seed=seed),
        thresholds_of(clean_threshold, contaminated_threshold),
        size=size,
        pretrained=pretrained,
        workers=workers,
        resume=resume,
        reviews=tuple(read_reviews(Path(reviews))) if reviews is not None else (),
        inject_share=inject_share,
    )
    results: dict[str, Any] = from_fits.train_from_fits(
        Path(fits_directory), Path(model_output_path), Path(dataset_output_dir), recipe, listener
    )
    return results


def needs_torch(module: str, feature: str) -> Any:
    """The module of the school. Raises ``MissingExtra`` when torch or torchvision is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] in {"torch", "torchvision", "onnx", "onnxscript"}:
            raise MissingExtra(feature, "train") from error
        raise
